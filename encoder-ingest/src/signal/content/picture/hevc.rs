//! The sequence parameter set of H.265 (ISO/IEC 23008-2, 7.3.2.2), which has the timing behind
//! nearly all else that it may hold.

use super::{Picture, Rate, skip_appearance};
use crate::signal::content::bits::Bits;

/// More sub-layers or sets of reference pictures than the standard allows.
const LAYERS_MAX: u32 = 7;
const SETS_MAX: u32 = 64;
const PICTURES_MAX: u32 = 16;

/// What the general profile says of the source's scan.
struct Scan {
    progressive: bool,
    interlaced: bool,
}

/// A sequence parameter set with its two header bytes.
pub(super) fn sequence(bits: &mut Bits<'_>) -> Option<Picture> {
    bits.skip(16 + 4)?;
    let layers = bits.number(3)?;
    bits.skip(1)?;
    let source = profile(bits, layers)?;
    bits.unsigned()?;
    let chroma = bits.unsigned()?;
    if chroma == 3 {
        bits.skip(1)?;
    }
    let (width, height) = (bits.unsigned()?, bits.unsigned()?);
    let unit = match chroma {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let (cut_width, cut_height) = super::cropping(bits, unit)?;
    let mut picture = Picture {
        width: width.checked_sub(cut_width)?,
        height: height.checked_sub(cut_height)?,
        rate: None,
        interlaced: source.interlaced && !source.progressive,
    };
    skip_coding_tools(bits, layers)?;
    if !bits.flag()? {
        return Some(picture);
    }
    let (fields, rate) = usability(bits)?;
    picture.rate = rate;
    if fields {
        // Each picture is a field: two make a frame.
        picture.interlaced = true;
        picture.height = picture.height.checked_mul(2)?;
        picture.rate = rate.and_then(|rate| Rate::new(rate.frames, rate.seconds * 2));
    }
    Some(picture)
}

/// `profile_tier_level` (7.3.3).
fn profile(bits: &mut Bits<'_>, layers: u32) -> Option<Scan> {
    bits.skip(8 + 32)?;
    let (progressive, interlaced) = (bits.flag()?, bits.flag()?);
    bits.skip(2 + 44 + 8)?;
    if layers >= LAYERS_MAX {
        return None;
    }
    let mut present = Vec::with_capacity(8);
    for _ in 0..layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if layers > 0 {
        bits.skip(usize::try_from((8 - layers) * 2).ok()?)?;
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Some(Scan {
        progressive,
        interlaced,
    })
}

/// From the bit depths to the usability information.
fn skip_coding_tools(bits: &mut Bits<'_>, layers: u32) -> Option<()> {
    bits.unsigned()?;
    bits.unsigned()?;
    let order_bits = bits.unsigned()?.checked_add(4)?;
    let each_layer = bits.flag()?;
    for _ in 0..if each_layer { layers + 1 } else { 1 } {
        (0..3).try_for_each(|_| bits.unsigned().map(drop))?;
    }
    (0..6).try_for_each(|_| bits.unsigned().map(drop))?;
    if bits.flag()? && bits.flag()? {
        skip_scaling_lists(bits)?;
    }
    bits.skip(2)?;
    if bits.flag()? {
        bits.skip(8)?;
        bits.unsigned()?;
        bits.unsigned()?;
        bits.skip(1)?;
    }
    skip_reference_sets(bits)?;
    if bits.flag()? {
        for _ in 0..bits.unsigned()?.min(PICTURES_MAX * 2) {
            bits.skip(usize::try_from(order_bits).ok()? + 1)?;
        }
    }
    bits.skip(2)
}

/// `scaling_list_data` (7.3.4).
fn skip_scaling_lists(bits: &mut Bits<'_>) -> Option<()> {
    for size in 0..4_usize {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !bits.flag()? {
                bits.unsigned()?;
                continue;
            }
            if size > 1 {
                bits.signed()?;
            }
            for _ in 0..(1 << (4 + (size << 1))).min(64) {
                bits.signed()?;
            }
        }
    }
    Some(())
}

/// `st_ref_pic_set` for each (7.3.7).
fn skip_reference_sets(bits: &mut Bits<'_>) -> Option<()> {
    let sets = bits.unsigned()?;
    if sets > SETS_MAX {
        return None;
    }
    let mut pictures = 0;
    for set in 0..sets {
        if set > 0 && bits.flag()? {
            // From the set before: a flag or two for each of its pictures, and one more.
            bits.skip(1)?;
            bits.unsigned()?;
            let mut kept = 0;
            for _ in 0..=pictures {
                let used = bits.flag()?;
                if used || bits.flag()? {
                    kept += 1;
                }
            }
            pictures = kept;
        } else {
            let (negative, positive) = (bits.unsigned()?, bits.unsigned()?);
            pictures = negative.checked_add(positive)?;
            if pictures > PICTURES_MAX * 2 {
                return None;
            }
            for _ in 0..pictures {
                bits.unsigned()?;
                bits.skip(1)?;
            }
        }
    }
    Some(())
}

/// `vui_parameters` (E.2.1), up to the timing: whether pictures are fields, and how many come.
fn usability(bits: &mut Bits<'_>) -> Option<(bool, Option<Rate>)> {
    skip_appearance(bits)?;
    if bits.flag()? {
        bits.unsigned()?;
        bits.unsigned()?;
    }
    bits.skip(1)?;
    let fields = bits.flag()?;
    bits.skip(1)?;
    if bits.flag()? {
        (0..4).try_for_each(|_| bits.unsigned().map(drop))?;
    }
    if !bits.flag()? {
        return Some((fields, None));
    }
    let (tick, scale) = (bits.number(32)?, bits.number(32)?);
    Some((fields, Rate::new(u64::from(scale), u64::from(tick))))
}
