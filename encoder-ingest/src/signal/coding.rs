//! What an elementary stream is, by what its PMT says of it.

use common::ts::packet::Pid;
use mpeg2ts_reader::StreamType;
use mpeg2ts_reader::descriptor::CoreDescriptors;
use mpeg2ts_reader::psi::pmt::StreamInfo;
use mpeg2ts_reader::smptera::FormatIdentifier;

use super::access::VideoKind;

/// An elementary stream that a PMT lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elementary {
    pub pid: Pid,
    pub coding: Coding,
    pub language: Option<String>,
    /// Pictures may stand still: nobody expects a PTS.
    pub still: bool,
}

/// What a stream is, by its `stream_type` and descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Video(VideoKind, &'static str),
    Audio(AudioKind, &'static str),
    Data(&'static str),
    /// Data that comes when there is something to say: its absence is no fault.
    Sparse(&'static str),
}

/// Audio codings whose headers are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioKind {
    /// MPEG-1 and MPEG-2 audio (ISO/IEC 11172-3, 13818-3).
    Mpeg,
    /// AAC with ADTS headers (ISO/IEC 13818-7).
    Adts,
    /// AAC in LATM (ISO/IEC 14496-3).
    Latm,
    /// AC-3 and E-AC-3 (ETSI TS 102 366).
    Ac3,
    /// Others: nothing more is known.
    Other,
}

impl Coding {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Video(_, name) | Self::Audio(_, name) | Self::Data(name) | Self::Sparse(name) => {
                name
            }
        }
    }

    /// Its PES packets have time stamps that players need.
    #[must_use]
    pub fn has_pts(self) -> bool {
        matches!(self, Self::Video(..) | Self::Audio(..))
    }

    #[must_use]
    pub fn is_sparse(self) -> bool {
        matches!(self, Self::Sparse(_))
    }
}

/// What the descriptors of a stream say.
#[derive(Debug, Default)]
struct Described {
    language: Option<String>,
    registration: Option<FormatIdentifier>,
    tags: Vec<u8>,
    still: bool,
}

/// Descriptor tags of EN 300 468, table 12.
const TELETEXT: u8 = 0x56;
const SUBTITLING: u8 = 0x59;
const AC3: u8 = 0x6a;
const EAC3: u8 = 0x7a;
const DTS: u8 = 0x7b;
const AAC: u8 = 0x7c;

/// The stream that an entry of a PMT describes; `program` is the registration of the program.
#[must_use]
pub fn stream_of(info: &StreamInfo<'_>, program: Option<FormatIdentifier>) -> Elementary {
    let described = described(info);
    Elementary {
        pid: Pid::new(info.elementary_pid().into()),
        coding: coding_of(info.stream_type(), &described, program),
        language: described.language,
        still: described.still,
    }
}

fn described(info: &StreamInfo<'_>) -> Described {
    let mut described = Described::default();
    for descriptor in info.descriptors::<CoreDescriptors<'_>>().flatten() {
        match descriptor {
            CoreDescriptors::ISO639Language(languages) => {
                let first = languages.languages().flatten().next();
                described.language = first.map(|one| one.code().into_owned());
            }
            CoreDescriptors::Registration(registration) => {
                described.registration = Some(registration.format_identifier());
            }
            // ISO/IEC 13818-1, 2.6.2 and 2.6.64: still pictures.
            CoreDescriptors::VideoStream(video) => {
                described.still |= video.payload.first().is_some_and(|flags| flags & 1 != 0);
            }
            CoreDescriptors::AvcVideo(video) => described.still |= video.avc_still_present(),
            CoreDescriptors::UserPrivate(private) => {
                described.tags.push(private.tag);
                // Both begin with the language of their first page.
                if matches!(private.tag, TELETEXT | SUBTITLING)
                    && let Some(code) = private.payload.first_chunk::<3>()
                    && code.iter().all(u8::is_ascii_alphabetic)
                {
                    described.language = Some(code.iter().copied().map(char::from).collect());
                }
            }
            _ => {}
        }
    }
    described
}

/// ISO/IEC 13818-1, table 2-34; ETSI TS 101 154 and EN 300 468, annex D, for private data;
/// SCTE 35, 8.1.
fn coding_of(kind: StreamType, described: &Described, program: Option<FormatIdentifier>) -> Coding {
    let blu_ray = is(program, b"HDMV");
    match u8::from(kind) {
        0x01 => Coding::Video(VideoKind::Mpeg2, "mpeg1video"),
        0x02 => Coding::Video(VideoKind::Mpeg2, "mpeg2video"),
        0x1b => Coding::Video(VideoKind::H264, "h264"),
        0x24 => Coding::Video(VideoKind::Hevc, "hevc"),
        0x33 => Coding::Video(VideoKind::Flagged, "vvc"),
        0x42 => Coding::Video(VideoKind::Flagged, "avs"),
        0xd2 => Coding::Video(VideoKind::Flagged, "avs2"),
        0xd4 => Coding::Video(VideoKind::Flagged, "avs3"),
        0xea => Coding::Video(VideoKind::Flagged, "vc1"),
        0x03 | 0x04 => Coding::Audio(AudioKind::Mpeg, "mp2"),
        0x0f => Coding::Audio(AudioKind::Adts, "aac"),
        0x11 => Coding::Audio(AudioKind::Latm, "aac_latm"),
        0x81 => Coding::Audio(AudioKind::Ac3, "ac3"),
        0x87 => Coding::Audio(AudioKind::Ac3, "eac3"),
        0x86 if blu_ray => Coding::Audio(AudioKind::Other, "dts"),
        0x86 => Coding::Sparse("scte35"),
        0x05 => Coding::Sparse("private_sections"),
        0x15 => Coding::Sparse("metadata"),
        0x06 => private_coding(described),
        _ if is(described.registration, b"CUEI") => Coding::Sparse("scte35"),
        _ => Coding::Data("unknown"),
    }
}

/// `stream_type` 6: what it is stands in the descriptors.
fn private_coding(described: &Described) -> Coding {
    let has = |tag: u8| described.tags.contains(&tag);
    let is = |identifier: &[u8; 4]| is(described.registration, identifier);
    if is(b"AC-3") || has(AC3) {
        Coding::Audio(AudioKind::Ac3, "ac3")
    } else if is(b"EAC3") || has(EAC3) {
        Coding::Audio(AudioKind::Ac3, "eac3")
    } else if is(b"Opus") {
        Coding::Audio(AudioKind::Other, "opus")
    } else if has(DTS) {
        Coding::Audio(AudioKind::Other, "dts")
    } else if has(AAC) {
        Coding::Audio(AudioKind::Latm, "aac_latm")
    } else if is(b"HEVC") {
        Coding::Video(VideoKind::Hevc, "hevc")
    } else if is(b"CUEI") {
        Coding::Sparse("scte35")
    } else if is(b"KLVA") || is(b"ID3 ") {
        Coding::Sparse("metadata")
    } else if has(SUBTITLING) {
        Coding::Sparse("dvb_subtitle")
    } else if has(TELETEXT) {
        Coding::Sparse("dvb_teletext")
    } else {
        Coding::Data("private_data")
    }
}

fn is(registration: Option<FormatIdentifier>, identifier: &[u8; 4]) -> bool {
    registration == Some(FormatIdentifier::from(&identifier[..]))
}
