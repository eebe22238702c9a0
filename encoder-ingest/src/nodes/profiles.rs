//! Profiles with everything filled in that a node needs, and what each costs. Pure.

use std::collections::BTreeMap;

use common::api::profile::{
    AudioCodec, AudioProfile, Profile, ProfileKind, VideoCodec, VideoProfile,
};

use super::slots::Slots;
use crate::channels::profile::{Profile as OwnProfile, ProfileName};

/// From one random access point to the next: a viewer waits so long at most, and a job that moves
/// begins so soon.
const RANDOM_ACCESS_MS: u32 = 1000;

/// From one snapshot to the next.
const SNAPSHOT_MS: u32 = 5000;

/// Pixels of `preview` and of `720p`, which cost one and two slots: other pictures by the line
/// through both.
const PREVIEW_PIXELS: f64 = 640.0 * 360.0;
const HD_PIXELS: f64 = 1280.0 * 720.0;

/// H.265 takes about so many times the work of H.264.
const HEVC_TIMES: f64 = 2.0;

/// Sound alone.
const AUDIO_COST: f64 = 0.1;

/// Key frames alone, decoded and scaled (measured: 0.02 of a core).
const SNAPSHOT_COST: f64 = 0.05;

/// The profile of that name, built in or own, and what a job with it costs; none: there is no such
/// profile.
#[must_use]
pub fn resolve(name: &str, own: &BTreeMap<ProfileName, OwnProfile>) -> Option<(Profile, Slots)> {
    let profile = match name {
        "preview" => stream(name, Some((640, 360, 800)), 96),
        "720p" => stream(name, Some((1280, 720, 3000)), 128),
        "audio" => stream(name, None, 128),
        "snapshot" => snapshot(name),
        _ => {
            let name: ProfileName = name.parse().ok()?;
            resolved(name.as_str(), own.get(&name)?)
        }
    };
    let cost = cost(&profile);
    Some((profile, cost))
}

fn stream(name: &str, picture: Option<(u32, u32, u32)>, audio_kbps: u32) -> Profile {
    Profile {
        name: name.to_owned(),
        kind: ProfileKind::Ts,
        video: picture.map(|(width, height, kbps)| VideoProfile {
            codec: VideoCodec::H264,
            width,
            height,
            kbps,
            interval_ms: RANDOM_ACCESS_MS,
        }),
        audio: Some(AudioProfile {
            codec: AudioCodec::Aac,
            kbps: audio_kbps,
        }),
    }
}

fn snapshot(name: &str) -> Profile {
    Profile {
        name: name.to_owned(),
        kind: ProfileKind::Snapshot,
        video: Some(VideoProfile {
            codec: VideoCodec::Mjpeg,
            width: 640,
            height: 360,
            kbps: 0,
            interval_ms: SNAPSHOT_MS,
        }),
        audio: None,
    }
}

fn resolved(name: &str, own: &OwnProfile) -> Profile {
    Profile {
        name: name.to_owned(),
        kind: ProfileKind::Ts,
        video: own.video.as_ref().map(|video| VideoProfile {
            codec: video.codec,
            width: video.width,
            height: video.height,
            kbps: video.kbps,
            interval_ms: RANDOM_ACCESS_MS,
        }),
        audio: own.audio.as_ref().map(|audio| AudioProfile {
            codec: audio.codec,
            kbps: audio.kbps,
        }),
    }
}

fn cost(profile: &Profile) -> Slots {
    let video = match (&profile.video, profile.kind) {
        (_, ProfileKind::Snapshot) => return Slots::of(SNAPSHOT_COST),
        (None, _) => return Slots::of(AUDIO_COST),
        (Some(video), _) => video,
    };
    let pixels = f64::from(video.width) * f64::from(video.height);
    let slots = 1.0 + (pixels - PREVIEW_PIXELS) / (HD_PIXELS - PREVIEW_PIXELS);
    let times = if video.codec == VideoCodec::Hevc {
        HEVC_TIMES
    } else {
        1.0
    };
    // In tenths: nobody knows it better.
    Slots::of((slots * times * 10.0).ceil() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::profile::{AudioProfile as OwnAudio, BUILT_IN, VideoProfile as OwnVideo};

    fn own(width: u32, height: u32, codec: VideoCodec) -> OwnProfile {
        OwnProfile {
            video: Some(OwnVideo {
                codec,
                width,
                height,
                kbps: 500,
            }),
            audio: Some(OwnAudio {
                codec: AudioCodec::Mp2,
                kbps: 192,
            }),
        }
    }

    #[test]
    fn what_is_built_in_is_known_with_its_cost() {
        let costs = BUILT_IN.map(|name| {
            let (profile, cost) = resolve(name, &BTreeMap::new()).expect(name);
            assert_eq!(profile.name, name);
            cost
        });
        assert_eq!(costs, [1.0, 2.0, 0.1, 0.05].map(Slots::of));
        assert_eq!(resolve("mobile", &BTreeMap::new()), None);
        assert_eq!(resolve("No Name", &BTreeMap::new()), None);
    }

    #[test]
    fn own_profiles_cost_by_their_pixels() {
        let cost = |width, height, codec| {
            let name: ProfileName = "own".parse().expect("a name");
            let own = BTreeMap::from([(name, own(width, height, codec))]);
            let (profile, cost) = resolve("own", &own).expect("known");
            assert_eq!(profile.audio.map(|audio| audio.kbps), Some(192));
            cost.as_f64()
        };
        for (width, height, codec, slots) in [
            (640, 360, VideoCodec::H264, 1.0),
            (1280, 720, VideoCodec::H264, 2.0),
            (1920, 1080, VideoCodec::H264, 3.7),
            (160, 90, VideoCodec::H264, 0.7),
            (640, 360, VideoCodec::Hevc, 2.0),
        ] {
            let cost = cost(width, height, codec);
            assert!((cost - slots).abs() < 1e-6, "{width}x{height}: {cost}");
        }
    }
}
