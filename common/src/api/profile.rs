//! What a rendition is made like, as the ingest tells a processing node.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A profile with every default filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Profile {
    /// Such as `preview`; the part of the rendition's id after the dot.
    pub name: String,
    pub kind: ProfileKind,
    /// None: the result has no picture. What the source lacks is left out as well.
    pub video: Option<VideoProfile>,
    /// None: the result has no sound.
    pub audio: Option<AudioProfile>,
}

/// What a job sends back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProfileKind {
    /// A transport stream, without end.
    Ts,
    /// JPEG pictures, one request each.
    Snapshot,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VideoProfile {
    pub codec: VideoCodec,
    /// Pixels; even.
    pub width: u32,
    /// Pixels; even.
    pub height: u32,
    /// Of the encoded picture, in kbit/s; 0 for JPEG pictures, which have a quality instead.
    pub kbps: u32,
    /// From one random access point to the next, in milliseconds; from one picture to the next for
    /// snapshots.
    pub interval_ms: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AudioProfile {
    pub codec: AudioCodec,
    /// Of the encoded sound, in kbit/s.
    pub kbps: u32,
}

/// What the picture is coded as, by ffmpeg's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VideoCodec {
    H264,
    Hevc,
    Mpeg2video,
    /// JPEG pictures; for snapshots alone.
    Mjpeg,
}

/// What the sound is coded as, by ffmpeg's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AudioCodec {
    Aac,
    Ac3,
    Eac3,
    Mp2,
    Mp3,
    Opus,
}

impl Profile {
    /// Whether a node with these encoders can make it; else the codec that none of them makes.
    ///
    /// # Errors
    /// The first codec that is missing, by its name.
    pub fn made_by(&self, encoders: &[String]) -> Result<(), &'static str> {
        let has = |able: &[&str]| encoders.iter().any(|name| able.contains(&name.as_str()));
        if let Some(video) = &self.video
            && !has(video.codec.encoders())
        {
            return Err(video.codec.as_str());
        }
        if let Some(audio) = &self.audio
            && !has(audio.codec.encoders())
        {
            return Err(audio.codec.as_str());
        }
        Ok(())
    }
}

impl VideoCodec {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::Hevc => "hevc",
            Self::Mpeg2video => "mpeg2video",
            Self::Mjpeg => "mjpeg",
        }
    }

    /// ffmpeg's encoders that make it, the ones in hardware first.
    #[must_use]
    pub const fn encoders(self) -> &'static [&'static str] {
        match self {
            Self::H264 => &[
                "h264_nvenc",
                "h264_qsv",
                "h264_vaapi",
                "h264_amf",
                "h264_v4l2m2m",
                "libx264",
                "libopenh264",
            ],
            Self::Hevc => &[
                "hevc_nvenc",
                "hevc_qsv",
                "hevc_vaapi",
                "hevc_amf",
                "hevc_v4l2m2m",
                "libx265",
            ],
            Self::Mpeg2video => &["mpeg2_qsv", "mpeg2_vaapi", "mpeg2video"],
            Self::Mjpeg => &["mjpeg"],
        }
    }
}

impl AudioCodec {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aac => "aac",
            Self::Ac3 => "ac3",
            Self::Eac3 => "eac3",
            Self::Mp2 => "mp2",
            Self::Mp3 => "mp3",
            Self::Opus => "opus",
        }
    }

    /// ffmpeg's encoders that make it, the best first.
    #[must_use]
    pub const fn encoders(self) -> &'static [&'static str] {
        match self {
            Self::Aac => &["libfdk_aac", "aac"],
            Self::Ac3 => &["ac3", "ac3_fixed"],
            Self::Eac3 => &["eac3"],
            Self::Mp2 => &["mp2", "libtwolame", "mp2fixed"],
            Self::Mp3 => &["libmp3lame", "libshine"],
            Self::Opus => &["libopus"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview() -> Profile {
        Profile {
            name: "preview".to_owned(),
            kind: ProfileKind::Ts,
            video: Some(VideoProfile {
                codec: VideoCodec::H264,
                width: 640,
                height: 360,
                kbps: 800,
                interval_ms: 1000,
            }),
            audio: Some(AudioProfile {
                codec: AudioCodec::Aac,
                kbps: 96,
            }),
        }
    }

    #[test]
    fn a_node_makes_what_it_has_every_encoder_for() {
        let encoders = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let profile = preview();
        assert_eq!(profile.made_by(&encoders(&["libx264", "aac"])), Ok(()));
        assert_eq!(profile.made_by(&encoders(&["aac", "h264_vaapi"])), Ok(()));
        assert_eq!(profile.made_by(&encoders(&["aac"])), Err("h264"));
        assert_eq!(profile.made_by(&encoders(&["libx264"])), Err("aac"));
    }

    #[test]
    fn a_name_in_json_is_ffmpegs() {
        for codec in [VideoCodec::Hevc, VideoCodec::Mpeg2video] {
            assert_eq!(serde_json::to_value(codec).expect("JSON"), codec.as_str());
        }
        for codec in [AudioCodec::Eac3, AudioCodec::Mp2] {
            assert_eq!(serde_json::to_value(codec).expect("JSON"), codec.as_str());
        }
    }
}
