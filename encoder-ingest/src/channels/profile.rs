//! What a rendition is made like: the profiles that are built in, and those of the channels file.

use std::fmt;
use std::str::FromStr;

use common::api::profile::{AudioCodec, VideoCodec};
use common::document::{Cursor, Explained, Fields, Mistake, MistakeCode};

use crate::limits::{AUDIO_KBPS_MAX, PICTURE_PIXELS_MAX, PROFILE_NAME_BYTES_MAX, VIDEO_KBPS_MAX};

/// Names that a channels file can't define again.
pub const BUILT_IN: [&str; 4] = ["preview", "720p", "audio", "snapshot"];

/// What a transport stream can carry and players know, as ffmpeg names it.
const VIDEO_CODECS: [(&str, VideoCodec); 4] = [
    ("h264", VideoCodec::H264),
    ("h265", VideoCodec::Hevc),
    ("hevc", VideoCodec::Hevc),
    ("mpeg2video", VideoCodec::Mpeg2video),
];

const AUDIO_CODECS: [(&str, AudioCodec); 6] = [
    ("aac", AudioCodec::Aac),
    ("ac3", AudioCodec::Ac3),
    ("eac3", AudioCodec::Eac3),
    ("mp2", AudioCodec::Mp2),
    ("mp3", AudioCodec::Mp3),
    ("opus", AudioCodec::Opus),
];

/// The bit rates that layer II has at 48 kHz (ISO/IEC 11172-3, 2.4.2.3), in kbit/s.
const MP2_KBPS: [u32; 14] = [
    32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
];

/// MPEG-2 can't say a width or height that is a multiple of this (ISO/IEC 13818-2, 6.3.3).
const MPEG2_PIXELS_EXCEPT: u32 = 4096;

/// `[a-z0-9][a-z0-9_-]{0,31}`: it is part of a rendition's id and path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProfileName(String);

/// Why a text can't be the name of a profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} can't be the name of a profile: use a-z, 0-9, \"_\" and \"-\", at most {PROFILE_NAME_BYTES_MAX} characters, first a letter or digit"
)]
pub struct ProfileNameError(String);

impl Explained for ProfileNameError {
    fn code(&self) -> MistakeCode {
        MistakeCode::BadName
    }
}

/// An own profile. It has a picture, sound, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub video: Option<VideoProfile>,
    pub audio: Option<AudioProfile>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoProfile {
    /// Whether a node has it is known when one looks.
    pub codec: VideoCodec,
    pub width: u32,
    pub height: u32,
    pub kbps: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioProfile {
    pub codec: AudioCodec,
    pub kbps: u32,
}

impl ProfileName {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProfileName {
    type Err = ProfileNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let first = text.bytes().next().is_some_and(letter);
        let rest = text
            .bytes()
            .all(|byte| letter(byte) || matches!(byte, b'_' | b'-'));
        if first && rest && text.len() <= PROFILE_NAME_BYTES_MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(ProfileNameError(text.to_owned()))
        }
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads one profile.
pub(super) fn read(at: &Cursor<'_>) -> Option<Profile> {
    let fields = at.fields(&[
        "video",
        "width",
        "height",
        "video_kbps",
        "audio",
        "audio_kbps",
    ])?;
    let present = |keys: &[&str]| keys.iter().any(|key| fields.get(key).is_some());
    let wants_video = present(&["video", "width", "height", "video_kbps"]);
    let wants_audio = present(&["audio", "audio_kbps"]);
    if !wants_video && !wants_audio {
        at.reject(
            MistakeCode::Invalid,
            "the profile has neither video nor audio",
        );
        return None;
    }
    // All that is given is looked at before the first mistake ends the profile.
    let video = wants_video.then(|| read_video(&fields));
    let audio = wants_audio.then(|| read_audio(&fields));
    Some(Profile {
        video: match video {
            Some(video) => Some(video?),
            None => None,
        },
        audio: match audio {
            Some(audio) => Some(audio?),
            None => None,
        },
    })
}

fn read_video(fields: &Fields<'_>) -> Option<VideoProfile> {
    let codec = fields.required("video");
    let codec = codec.and_then(|at| at.choice(&VIDEO_CODECS));
    let pixels = |key: &str| fields.required(key).and_then(|at| pixels(&at, codec));
    let (width, height) = (pixels("width"), pixels("height"));
    let kbps = fields.required("video_kbps");
    let kbps = kbps.and_then(|at| at.integer(10..=VIDEO_KBPS_MAX));
    Some(VideoProfile {
        codec: codec?,
        width: width?,
        height: height?,
        kbps: kbps?,
    })
}

fn read_audio(fields: &Fields<'_>) -> Option<AudioProfile> {
    let codec = fields.required("audio");
    let codec = codec.and_then(|at| at.choice(&AUDIO_CODECS));
    let kbps = fields.required("audio_kbps");
    let kbps = kbps.and_then(|at| audio_kbps(&at, codec));
    Some(AudioProfile {
        codec: codec?,
        kbps: kbps?,
    })
}

/// A bit rate that the codec has. One that is not known is judged as the widest.
fn audio_kbps(at: &Cursor<'_>, codec: Option<AudioCodec>) -> Option<u32> {
    let range = match codec {
        None | Some(AudioCodec::Aac) => 8..=AUDIO_KBPS_MAX,
        Some(AudioCodec::Ac3) => 32..=640,
        Some(AudioCodec::Eac3) => 32..=AUDIO_KBPS_MAX,
        Some(AudioCodec::Mp2) => 32..=384,
        Some(AudioCodec::Mp3) => 32..=320,
        Some(AudioCodec::Opus) => 8..=510,
    };
    let kbps = at.integer(range)?;
    if codec == Some(AudioCodec::Mp2) && !MP2_KBPS.contains(&kbps) {
        let known = MP2_KBPS.map(|kbps| kbps.to_string()).join(", ");
        let detail = format!("mp2 has no bit rate of {kbps} kbit/s: it has {known}");
        let mistake = Mistake::new(MistakeCode::NotOneOf, detail).param("value", &kbps);
        at.push(mistake.param("known", &known));
        return None;
    }
    Some(kbps)
}

/// Encoders that subsample colour (4:2:0) take no odd sizes.
fn pixels(at: &Cursor<'_>, codec: Option<VideoCodec>) -> Option<u32> {
    let pixels: u32 = at.integer(16..=PICTURE_PIXELS_MAX)?;
    if codec == Some(VideoCodec::Mpeg2video) && pixels.is_multiple_of(MPEG2_PIXELS_EXCEPT) {
        let detail = format!("mpeg2video can't have a width or height of {pixels}");
        at.push(Mistake::new(MistakeCode::Invalid, detail).param("value", &pixels));
        return None;
    }
    if !pixels.is_multiple_of(2) {
        let detail = format!("{pixels} is odd: width and height must be even");
        at.push(Mistake::new(MistakeCode::NotEven, detail).param("value", &pixels));
        return None;
    }
    Some(pixels)
}
