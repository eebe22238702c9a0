//! Where decoding can begin: the flag in the adaptation field, or what the picture itself says.

use common::ts::packet::TsPacket;

/// Video codings whose pictures tell that decoding can begin with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoKind {
    /// MPEG-1 and MPEG-2 video (ISO/IEC 13818-2): a sequence header.
    Mpeg2,
    /// H.264 (ISO/IEC 14496-10): a sequence parameter set or an IDR slice.
    H264,
    /// H.265 (ISO/IEC 23008-2): a parameter set or an IRAP slice.
    Hevc,
    /// Others: only the flag tells.
    Flagged,
}

/// `packet` begins a PES packet of video that decoding can begin with.
#[must_use]
pub fn begins(kind: VideoKind, packet: TsPacket<'_>) -> bool {
    if !packet.pusi() || packet.scrambled() || kind == VideoKind::Flagged {
        return false;
    }
    let Some(stream) = elementary_stream(packet.payload()) else {
        return false;
    };
    let mut rest = stream;
    while let Some(at) = rest.windows(3).position(|window| window == [0, 0, 1]) {
        let Some(&unit) = rest.get(at + 3) else {
            return false;
        };
        match verdict(kind, unit) {
            Some(verdict) => return verdict,
            None => rest = &rest[at + 3..],
        }
    }
    false
}

/// What follows the PES header (ISO/IEC 13818-1, 2.4.3.6).
fn elementary_stream(payload: &[u8]) -> Option<&[u8]> {
    if payload.get(..3)? != [0, 0, 1] {
        return None;
    }
    payload.get(9 + usize::from(*payload.get(8)?)..)
}

/// Whether a unit decides the question; none: look at the next.
fn verdict(kind: VideoKind, unit: u8) -> Option<bool> {
    match kind {
        // Start codes of 13818-2, table 6-1: sequence header; picture.
        VideoKind::Mpeg2 => match unit {
            0xb3 => Some(true),
            0x00 => Some(false),
            _ => None,
        },
        // nal_unit_type of 14496-10, table 7-1: slice and partitions, IDR, SPS.
        VideoKind::H264 => match unit & 0x1f {
            5 | 7 => Some(true),
            1..=4 => Some(false),
            _ => None,
        },
        // nal_unit_type of 23008-2, table 7-1: slices, IRAP, VPS and SPS.
        VideoKind::Hevc => match unit >> 1 & 0x3f {
            16..=21 | 32 | 33 => Some(true),
            0..=15 => Some(false),
            _ => None,
        },
        VideoKind::Flagged => Some(false),
    }
}
