//! Rate and channels of sound, from the first header of a PES packet: MPEG audio (ISO/IEC 11172-3,
//! 2.4.2.3), AAC in ADTS (13818-7, 6.2) and LATM (14496-3, 1.7), AC-3 and E-AC-3 (ETSI TS 102 366).

use std::fmt;

use super::bits::Bits;
use crate::signal::coding::AudioKind;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sound {
    pub name: &'static str,
    pub rate_hz: u32,
    pub channels: Channels,
}

/// Loudspeakers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// So many in front and behind, and whether there is one for low tones.
    Some { full: u32, low: bool },
    /// Two that do not belong together.
    DualMono,
    /// Not in the header.
    Unknown,
}

/// Sampling rates of AAC (13818-7, table 35).
const AAC_RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000,
    7350,
];

/// Sampling rates of AC-3 (table 4.1), and of MPEG-1 audio in another order.
const AC3_RATES: [u32; 3] = [48_000, 44_100, 32_000];
const MPEG_RATES: [u32; 3] = [44_100, 48_000, 32_000];

impl fmt::Display for Sound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let khz = format!("{}.{:03}", self.rate_hz / 1000, self.rate_hz % 1000);
        let khz = khz.trim_end_matches('0').trim_end_matches('.');
        write!(f, "{} {khz} kHz", self.name)?;
        match self.channels {
            Channels::Some {
                full: 1,
                low: false,
            } => f.write_str(" mono"),
            Channels::Some {
                full: 2,
                low: false,
            } => f.write_str(" stereo"),
            Channels::Some { full, low } => write!(f, " {full}.{}", u8::from(low)),
            Channels::DualMono => f.write_str(" dual mono"),
            Channels::Unknown => Ok(()),
        }
    }
}

/// Reads the first header in `bytes`; none where there is none.
#[must_use]
pub fn read(kind: AudioKind, bytes: &[u8]) -> Option<Sound> {
    let header: fn(&[u8]) -> Option<Sound> = match kind {
        AudioKind::Mpeg => mpeg,
        AudioKind::Adts => adts,
        AudioKind::Latm => latm,
        AudioKind::Ac3 => ac3,
        AudioKind::Other => return None,
    };
    // Frames need not begin where PES packets do, and sync words may occur by chance: elsewhere
    // than at the beginning none is believed.
    header(bytes)
}

fn full(full: u32) -> Channels {
    Channels::Some { full, low: false }
}

fn mpeg(bytes: &[u8]) -> Option<Sound> {
    let mut bits = Bits::new(bytes);
    if bits.number(11)? != 0x7ff {
        return None;
    }
    let (version, layer) = (bits.number(2)?, bits.number(2)?);
    bits.skip(1)?;
    let (bitrate, rate) = (bits.number(4)?, bits.number(2)?);
    bits.skip(2)?;
    let mode = bits.number(2)?;
    if bitrate == 15 {
        return None;
    }
    let name = match layer {
        1 => "MP3",
        2 => "MP2",
        3 => "MP1",
        _ => return None,
    };
    // MPEG-2 halves the rates, MPEG-2.5 again.
    let divisor = match version {
        0 => 4,
        2 => 2,
        3 => 1,
        _ => return None,
    };
    let rate_hz = MPEG_RATES.get(usize::try_from(rate).ok()?)? / divisor;
    let channels = match mode {
        3 => full(1),
        2 => Channels::DualMono,
        _ => full(2),
    };
    Some(Sound {
        name,
        rate_hz,
        channels,
    })
}

fn adts(bytes: &[u8]) -> Option<Sound> {
    let mut bits = Bits::new(bytes);
    if bits.number(12)? != 0xfff {
        return None;
    }
    bits.skip(1)?;
    if bits.number(2)? != 0 {
        return None;
    }
    bits.skip(1 + 2)?;
    let rate = usize::try_from(bits.number(4)?).ok()?;
    bits.skip(1)?;
    let channels = aac_channels(bits.number(3)?);
    Some(Sound {
        name: "AAC",
        rate_hz: *AAC_RATES.get(rate)?,
        channels,
    })
}

/// `channel_configuration` (14496-3, table 1.19).
fn aac_channels(configuration: u32) -> Channels {
    match configuration {
        1..=5 => full(configuration),
        6 => Channels::Some { full: 5, low: true },
        7 | 12 | 14 => Channels::Some { full: 7, low: true },
        11 => Channels::Some { full: 6, low: true },
        _ => Channels::Unknown,
    }
}

/// `AudioSyncStream` with an `AudioMuxElement` that brings its configuration.
fn latm(bytes: &[u8]) -> Option<Sound> {
    let mut bits = Bits::new(bytes);
    if bits.number(11)? != 0x2b7 {
        return None;
    }
    bits.skip(13)?;
    if bits.flag()? {
        return None;
    }
    let version = bits.flag()?;
    if version {
        // audioMuxVersionA is for the future; then taraBufferFullness.
        if bits.flag()? {
            return None;
        }
        latm_value(&mut bits)?;
    }
    bits.skip(1 + 6 + 4 + 3)?;
    if version {
        latm_value(&mut bits)?;
    }
    audio_specific_config(&mut bits)
}

fn latm_value(bits: &mut Bits<'_>) -> Option<()> {
    let bytes = usize::try_from(bits.number(2)?).ok()? + 1;
    bits.skip(bytes * 8)
}

/// 14496-3, 1.6.2.1.
fn audio_specific_config(bits: &mut Bits<'_>) -> Option<Sound> {
    /// Object types whose band is extended, and with one channel made two.
    const SBR: u32 = 5;
    const PS: u32 = 29;
    let object = object_type(bits)?;
    let mut rate_hz = sampling_rate(bits)?;
    let mut channels = aac_channels(bits.number(4)?);
    let name = match object {
        SBR => "HE-AAC",
        PS => "HE-AAC v2",
        _ => "AAC",
    };
    if matches!(object, SBR | PS) {
        rate_hz = sampling_rate(bits)?;
    }
    if object == PS && channels == full(1) {
        channels = full(2);
    }
    Some(Sound {
        name,
        rate_hz,
        channels,
    })
}

fn object_type(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.number(5)? {
        31 => Some(32 + bits.number(6)?),
        object => Some(object),
    }
}

fn sampling_rate(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.number(4)? {
        15 => bits.number(24),
        index => AAC_RATES.get(usize::try_from(index).ok()?).copied(),
    }
}

fn ac3(bytes: &[u8]) -> Option<Sound> {
    if bytes.get(..2)? != [0x0b, 0x77] {
        return None;
    }
    // bsid stands at the same place in both.
    match bytes.get(5)? >> 3 {
        0..=10 => ac3_plain(bytes),
        11..=16 => ac3_enhanced(bytes),
        _ => None,
    }
}

fn ac3_plain(bytes: &[u8]) -> Option<Sound> {
    let mut bits = Bits::new(bytes.get(4..)?);
    let rate = usize::try_from(bits.number(2)?).ok()?;
    bits.skip(6 + 5 + 3)?;
    let mode = bits.number(3)?;
    // Levels of mixing, where there is something to mix.
    if mode & 1 != 0 && mode != 1 {
        bits.skip(2)?;
    }
    if mode & 4 != 0 {
        bits.skip(2)?;
    }
    if mode == 2 {
        bits.skip(2)?;
    }
    Some(Sound {
        name: "AC-3",
        rate_hz: *AC3_RATES.get(rate)?,
        channels: ac3_channels(mode, bits.flag()?),
    })
}

fn ac3_enhanced(bytes: &[u8]) -> Option<Sound> {
    let mut bits = Bits::new(bytes.get(4..)?);
    let (rate, reduced) = (bits.number(2)?, bits.number(2)?);
    let rate_hz = match rate {
        3 => AC3_RATES.get(usize::try_from(reduced).ok()?)? / 2,
        rate => *AC3_RATES.get(usize::try_from(rate).ok()?)?,
    };
    let mode = bits.number(3)?;
    Some(Sound {
        name: "E-AC-3",
        rate_hz,
        channels: ac3_channels(mode, bits.flag()?),
    })
}

/// `acmod` (table 4.3).
fn ac3_channels(mode: u32, low: bool) -> Channels {
    let full = match mode {
        0 => return Channels::DualMono,
        1 => 1,
        2 => 2,
        3 | 4 => 3,
        5 | 6 => 4,
        _ => 5,
    };
    Channels::Some { full, low }
}
