//! What a rendition is made like: the profiles that are built in, and those of the channels file.

use std::fmt;
use std::str::FromStr;

use common::document::{Cursor, Explained, Mistake, MistakeCode};

use crate::limits::{AUDIO_KBPS_MAX, PICTURE_PIXELS_MAX, PROFILE_NAME_BYTES_MAX, VIDEO_KBPS_MAX};

/// Names that a channels file can't define again.
pub const BUILT_IN: [&str; 4] = ["preview", "720p", "audio", "snapshot"];

/// What a transport stream can carry and players know, as ffmpeg names it.
const VIDEO_CODECS: [&str; 4] = ["h264", "h265", "hevc", "mpeg2video"];

const AUDIO_CODECS: [&str; 6] = ["aac", "ac3", "eac3", "mp2", "mp3", "opus"];

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
    /// One of [`VIDEO_CODECS`]; whether a node has it is known when one looks.
    pub codec: String,
    pub width: u32,
    pub height: u32,
    pub kbps: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioProfile {
    pub codec: String,
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
    let video = wants_video.then(|| {
        let codec = fields.required("video");
        let codec = codec.and_then(|at| codec_of(&at, &VIDEO_CODECS));
        let width = fields.required("width").and_then(|at| even(&at));
        let height = fields.required("height").and_then(|at| even(&at));
        let kbps = fields.required("video_kbps");
        let kbps = kbps.and_then(|at| at.integer(10..=VIDEO_KBPS_MAX));
        Some(VideoProfile {
            codec: codec?,
            width: width?,
            height: height?,
            kbps: kbps?,
        })
    });
    let audio = wants_audio.then(|| {
        let codec = fields.required("audio");
        let codec = codec.and_then(|at| codec_of(&at, &AUDIO_CODECS));
        let kbps = fields.required("audio_kbps");
        let kbps = kbps.and_then(|at| at.integer(8..=AUDIO_KBPS_MAX));
        Some(AudioProfile {
            codec: codec?,
            kbps: kbps?,
        })
    });
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

fn codec_of(at: &Cursor<'_>, known: &[&'static str]) -> Option<String> {
    let choices: Vec<(&str, &str)> = known.iter().map(|name| (*name, *name)).collect();
    at.choice(&choices).map(str::to_owned)
}

/// Encoders that subsample colour (4:2:0) take no odd sizes.
fn even(at: &Cursor<'_>) -> Option<u32> {
    let pixels = at.integer(16..=PICTURE_PIXELS_MAX)?;
    if pixels % 2 != 0 {
        let detail = format!("{pixels} is odd: width and height must be even");
        at.push(Mistake::new(MistakeCode::NotEven, detail).param("value", &pixels));
        return None;
    }
    Some(pixels)
}
