//! Size, rate and scan of pictures, from sequence headers: MPEG-2 video (ISO/IEC 13818-2, 6.2.2),
//! H.264 (14496-10, 7.3.2.1.1 and E.1.1) and H.265 (23008-2, 7.3.2.2 and E.2.1).

use std::fmt;

use super::bits::{Bits, unescape};
use crate::signal::access::VideoKind;

mod hevc;

/// What a sequence header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub rate: Option<Rate>,
    pub interlaced: bool,
}

/// Frames a second, as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub frames: u64,
    pub seconds: u64,
}

/// What the beginning of a PES packet holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Picture(Picture),
    /// A picture without a sequence header in front.
    Nothing,
    /// It may come yet.
    NotYet,
}

/// No rate beyond is believed.
const RATE_MAX: u64 = 1000;

/// No size beyond is believed.
const SIDE_MAX: u32 = 16_384;

/// A parameter set is read so far: what is behind is of no interest here.
const UNIT_BYTES: usize = 512;

impl Rate {
    /// None where it can't be one.
    #[must_use]
    pub fn new(frames: u64, seconds: u64) -> Option<Self> {
        let plausible = seconds > 0 && frames > 0 && frames / seconds < RATE_MAX;
        plausible.then_some(Self { frames, seconds })
    }
}

impl fmt::Display for Rate {
    /// With three decimals at most, and none that say nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thousandths = (self.frames * 1000 + self.seconds / 2) / self.seconds;
        let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)?;
        let scan = if self.interlaced { "i" } else { "p" };
        match self.rate {
            Some(rate) => write!(f, " {rate}{scan}"),
            None => Ok(()),
        }
    }
}

/// Looks for a sequence header at the beginning of a PES packet.
#[must_use]
pub fn find(kind: VideoKind, bytes: &[u8]) -> Found {
    let mut rest = bytes;
    while let Some(at) = rest.windows(3).position(|window| window == [0, 0, 1]) {
        let unit = &rest[at + 3..];
        let Some(&head) = unit.first() else {
            return Found::NotYet;
        };
        match sort(kind, head) {
            Sort::Sequence => {
                let picture = match kind {
                    VideoKind::Mpeg2 => mpeg2(unit),
                    VideoKind::H264 => parameters(unit, h264),
                    VideoKind::Hevc => parameters(unit, hevc::sequence),
                    VideoKind::Flagged => None,
                };
                return picture
                    .filter(|picture| is_plausible(*picture))
                    .map_or(Found::NotYet, Found::Picture);
            }
            Sort::Picture => return Found::Nothing,
            Sort::Other => rest = unit,
        }
    }
    match kind {
        VideoKind::Flagged => Found::Nothing,
        _ => Found::NotYet,
    }
}

fn is_plausible(picture: Picture) -> bool {
    let side = |side: u32| (1..=SIDE_MAX).contains(&side);
    side(picture.width) && side(picture.height)
}

enum Sort {
    Sequence,
    Picture,
    Other,
}

/// What a unit is, by its first byte.
fn sort(kind: VideoKind, head: u8) -> Sort {
    let is = |sequence: bool, picture: bool| match (sequence, picture) {
        (true, _) => Sort::Sequence,
        (_, true) => Sort::Picture,
        _ => Sort::Other,
    };
    match kind {
        VideoKind::Mpeg2 => is(head == 0xb3, head == 0),
        VideoKind::H264 => is(head & 0x1f == 7, matches!(head & 0x1f, 1..=5)),
        VideoKind::Hevc => is(head >> 1 & 0x3f == 33, head >> 1 & 0x3f < 32),
        VideoKind::Flagged => Sort::Other,
    }
}

fn parameters(unit: &[u8], read: fn(&mut Bits<'_>) -> Option<Picture>) -> Option<Picture> {
    // Up to the next start code, where there is one: what is behind belongs to another unit.
    let end = unit
        .windows(3)
        .position(|window| window[..2] == [0, 0] && window[2] <= 1);
    let mut room = [0; UNIT_BYTES];
    let plain = unescape(&unit[..end.unwrap_or(unit.len())], &mut room);
    read(&mut Bits::new(plain))
}

/// A sequence header, and its extension, which MPEG-1 has not.
fn mpeg2(unit: &[u8]) -> Option<Picture> {
    /// `frame_rate_code` (table 6-4).
    const RATES: [(u64, u64); 8] = [
        (24_000, 1001),
        (24, 1),
        (25, 1),
        (30_000, 1001),
        (30, 1),
        (50, 1),
        (60_000, 1001),
        (60, 1),
    ];
    let mut bits = Bits::new(unit);
    bits.skip(8)?;
    let (width, height) = (bits.number(12)?, bits.number(12)?);
    bits.skip(4)?;
    let code = usize::try_from(bits.number(4)?).ok()?;
    let (frames, seconds) = *RATES.get(code.checked_sub(1)?)?;
    // Bit rate, marker, buffer size, constrained; then the matrices.
    bits.skip(18 + 1 + 10 + 1)?;
    for _ in 0..2 {
        if bits.flag()? {
            bits.skip(64 * 8)?;
        }
    }
    let mut picture = Picture {
        width,
        height,
        rate: Rate::new(frames, seconds),
        interlaced: false,
    };
    let next = unit.windows(3).position(|window| window == [0, 0, 1])?;
    // sequence_extension (6.2.2.3): start code 0xb5, identifier 1.
    let mut bits = Bits::new(&unit[next + 3..]);
    if bits.number(8)? != 0xb5 || bits.number(4)? != 1 {
        return Some(picture);
    }
    bits.skip(8)?;
    picture.interlaced = !bits.flag()?;
    bits.skip(2)?;
    picture.width |= bits.number(2)? << 12;
    picture.height |= bits.number(2)? << 12;
    bits.skip(12 + 1 + 8 + 1)?;
    let (more, less) = (u64::from(bits.number(2)?), u64::from(bits.number(5)?));
    picture.rate = Rate::new(frames * (more + 1), seconds * (less + 1));
    Some(picture)
}

/// A sequence parameter set of H.264, with its header byte.
fn h264(bits: &mut Bits<'_>) -> Option<Picture> {
    /// Profiles whose sets say what chroma is (7.3.2.1.1).
    const HIGH: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
    bits.skip(8)?;
    let profile = bits.number(8)?;
    bits.skip(16)?;
    bits.unsigned()?;
    let mut chroma = 1;
    if HIGH.contains(&profile) {
        chroma = bits.unsigned()?;
        if chroma == 3 {
            bits.skip(1)?;
        }
        bits.unsigned()?;
        bits.unsigned()?;
        bits.skip(1)?;
        if bits.flag()? {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                if bits.flag()? {
                    skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.unsigned()?;
    match bits.unsigned()? {
        0 => {
            bits.unsigned()?;
        }
        1 => {
            bits.skip(1)?;
            bits.signed()?;
            bits.signed()?;
            for _ in 0..bits.unsigned()?.min(255) {
                bits.signed()?;
            }
        }
        _ => {}
    }
    bits.unsigned()?;
    bits.skip(1)?;
    let (width, height) = (bits.unsigned()?, bits.unsigned()?);
    let frames_only = bits.flag()?;
    if !frames_only {
        bits.skip(1)?;
    }
    bits.skip(1)?;
    let fields = if frames_only { 1 } else { 2 };
    // Cropping counts in units of chroma samples, and of field lines.
    let unit = match chroma {
        1 => (2, 2 * fields),
        2 => (2, fields),
        _ => (1, fields),
    };
    let (cut_width, cut_height) = cropping(bits, unit)?;
    let macroblocks = |count: u32| count.checked_add(1)?.checked_mul(16);
    let rate = if bits.flag()? { h264_rate(bits)? } else { None };
    Some(Picture {
        width: macroblocks(width)?.checked_sub(cut_width)?,
        height: macroblocks(height)?
            .checked_mul(fields)?
            .checked_sub(cut_height)?,
        rate,
        interlaced: !frames_only,
    })
}

/// Samples cut off, sideways and up and down; `unit`: what one counts.
fn cropping(bits: &mut Bits<'_>, unit: (u32, u32)) -> Option<(u32, u32)> {
    if !bits.flag()? {
        return Some((0, 0));
    }
    let mut both = |unit: u32| {
        let sum = bits.unsigned()?.checked_add(bits.unsigned()?)?;
        sum.checked_mul(unit)
    };
    Some((both(unit.0)?, both(unit.1)?))
}

fn skip_scaling_list(bits: &mut Bits<'_>, size: usize) -> Option<()> {
    let (mut last, mut next) = (8, 8);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.signed()? + 256) % 256;
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// VUI parameters of H.264, up to the timing: one tick is a field.
fn h264_rate(bits: &mut Bits<'_>) -> Option<Option<Rate>> {
    skip_appearance(bits)?;
    if bits.flag()? {
        bits.unsigned()?;
        bits.unsigned()?;
    }
    if !bits.flag()? {
        return Some(None);
    }
    let (tick, scale) = (bits.number(32)?, bits.number(32)?);
    Some(Rate::new(u64::from(scale), u64::from(tick) * 2))
}

/// Aspect ratio, overscan and video signal, which H.264 and H.265 write alike.
fn skip_appearance(bits: &mut Bits<'_>) -> Option<()> {
    /// `aspect_ratio_idc` with the ratio behind it.
    const EXTENDED_ASPECT: u32 = 255;
    if bits.flag()? && bits.number(8)? == EXTENDED_ASPECT {
        bits.skip(32)?;
    }
    if bits.flag()? {
        bits.skip(1)?;
    }
    if bits.flag()? {
        bits.skip(4)?;
        if bits.flag()? {
            bits.skip(24)?;
        }
    }
    Some(())
}
