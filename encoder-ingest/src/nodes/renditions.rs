//! What is wanted of processing nodes: the renditions of the channels that are in force here. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::api::channel::{ChannelStatus, ElementaryStream, Origin, Service, State};
use common::api::node::JobReason;
use common::api::profile::{Profile, ProfileKind};

use super::assignment::Unplaced;
use super::job::Wanted;
use super::profiles::resolve;
use super::slots::Slots;
use crate::channels::file::Profiles;
use crate::definition::{ChannelDefinition, ChannelId};

/// What is known of a channel that runs.
#[derive(Debug, Clone)]
pub struct Parent {
    pub definition: Arc<ChannelDefinition>,
    pub status: Arc<ChannelStatus>,
    pub services: Arc<Vec<Service>>,
}

/// What of a channel can be encoded.
#[derive(Debug, Clone, Copy)]
struct Has {
    video: bool,
    audio: bool,
}

/// What the analysis calls streams with pictures.
const PICTURES: [&str; 9] = [
    "mpeg1video",
    "mpeg2video",
    "h264",
    "hevc",
    "vvc",
    "avs",
    "avs2",
    "avs3",
    "vc1",
];

/// What the analysis calls streams with sound.
const SOUNDS: [&str; 7] = ["mp2", "aac", "aac_latm", "ac3", "eac3", "dts", "opus"];

/// The renditions of one channel, by id.
#[must_use]
pub fn of(parent: &Parent, profiles: &Profiles) -> BTreeMap<String, Wanted> {
    let names = parent.definition.renditions.iter();
    let one = |name: &String| {
        let id = format!("{}.{name}", parent.definition.id);
        (id, wanted(parent, name, profiles))
    };
    names.map(one).collect()
}

/// The channel that a rendition is.
#[must_use]
pub fn definition(parent: &ChannelDefinition, profile: &str) -> ChannelDefinition {
    ChannelDefinition {
        id: ChannelId::made(format!("{}.{profile}", parent.id)),
        origin: Origin::Rendition,
        name: format!("{} ({profile})", parent.name),
        inputs: Vec::new(),
        renditions: Vec::new(),
        ingests: None,
        number: None,
        program: None,
        scrambled: None,
        ..parent.clone()
    }
}

fn wanted(parent: &Parent, name: &str, profiles: &Profiles) -> Wanted {
    let streams = streams(parent);
    let is = |one: &ElementaryStream, codecs: &[&str]| codecs.contains(&one.kind.as_str());
    let picture = streams.iter().find(|one| is(one, &PICTURES));
    let known = !streams.is_empty();
    let has_video = picture.is_some();
    let has_audio = streams.iter().any(|one| is(one, &SOUNDS));
    let resolved = resolve(name, profiles);
    let has = known.then_some(Has {
        video: has_video,
        audio: has_audio,
    });
    let obstacle = obstacle(parent, name, resolved.as_ref(), has);
    let (profile, cost) = resolved.unwrap_or_else(|| (nothing(name), Slots::default()));
    Wanted {
        channel: parent.definition.id.to_string(),
        profile,
        cost,
        program: program(parent),
        interlaced: picture.and_then(|one| interlaced(&one.detail)),
        has_video: known.then_some(has_video),
        has_audio: known.then_some(has_audio),
        obstacle,
    }
}

/// The program that is encoded: the one asked for, else the first of several. A node must be told:
/// left to itself it might take the picture of one and the sound of another.
fn program(parent: &Parent) -> Option<u16> {
    let several = match parent.services.as_slice() {
        [first, _, ..] => Some(first.service_id),
        _ => None,
    };
    parent.definition.program.or(several)
}

/// The streams of the program that is encoded.
fn streams(parent: &Parent) -> &[ElementaryStream] {
    let services = &parent.services;
    let chosen = match program(parent) {
        Some(program) => services.iter().find(|one| one.service_id == program),
        None => services.first(),
    };
    chosen.map_or(&[], |service| &service.streams)
}

/// The channel's programs, where the one that is asked for is not among them.
fn other_programs(parent: &Parent) -> Option<(u16, String)> {
    let asked = parent.definition.program?;
    let numbers: Vec<u16> = parent.services.iter().map(|one| one.service_id).collect();
    let is_known = numbers.is_empty() || numbers.contains(&asked);
    let texts: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    (!is_known).then(|| (asked, texts.join(", ")))
}

/// `1920x1080 25i`: the letter behind the rate.
fn interlaced(detail: &str) -> Option<bool> {
    let rate = detail.split(' ').find(|word| {
        let number = word.trim_end_matches(['i', 'p']);
        number.len() + 1 == word.len() && number.parse::<f64>().is_ok()
    })?;
    Some(rate.ends_with('i'))
}

fn obstacle(
    parent: &Parent,
    name: &str,
    resolved: Option<&(Profile, Slots)>,
    has: Option<Has>,
) -> Option<Unplaced> {
    let id = &parent.definition.id;
    let because = |reason, detail: String| {
        let params = [("profile", name), ("parent", id.as_str())];
        Some(Unplaced {
            reason,
            params: params
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            detail,
        })
    };
    let Some((profile, _)) = resolved else {
        let detail = format!("profile {name:?} is not defined: define it in the channels file");
        return because(JobReason::UnknownProfile, detail);
    };
    if !matches!(parent.status.state, State::Receiving | State::Degraded) {
        let detail = match parent.status.detail.as_str() {
            "" => format!("channel {id} has no data"),
            detail => format!("channel {id} has no data: {detail}"),
        };
        return because(JobReason::WaitingForParent, detail);
    }
    if let Some((program, programs)) = other_programs(parent) {
        let detail = format!("channel {id} has no program {program}: it has {programs}");
        let mut missing = because(JobReason::NoProgram, detail)?;
        let facts = [("program", program.to_string()), ("programs", programs)];
        let facts = facts.map(|(key, value)| (key.to_owned(), value));
        missing.params.extend(facts);
        return Some(missing);
    }
    let Some(has) = has else {
        let detail = match parent.definition.program {
            Some(program) => format!("no stream of program {program} of channel {id} is known yet"),
            None => format!("no stream of channel {id} is known yet"),
        };
        return because(JobReason::WaitingForParent, detail);
    };
    let lacks = lacks(profile, has)?;
    because(
        JobReason::WaitingForParent,
        format!("channel {id} has {lacks}"),
    )
}

/// What there is none of, where nothing is left for the profile to make.
fn lacks(profile: &Profile, has: Has) -> Option<&'static str> {
    let makes = (profile.video.is_some(), profile.audio.is_some());
    match (makes, (has.video, has.audio)) {
        ((true, _), (true, _)) | ((_, true), (_, true)) | ((false, false), _) => None,
        ((true, false), _) => Some("no picture"),
        ((false, true), _) => Some("no sound"),
        ((true, true), _) => Some("neither picture nor sound"),
    }
}

/// In the place of a profile that nobody knows.
fn nothing(name: &str) -> Profile {
    Profile {
        name: name.to_owned(),
        kind: ProfileKind::Ts,
        video: None,
        audio: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::file::{Context, Known, read_channel};
    use common::api::channel::Reason;

    fn parent(state: State, streams: &[(&str, &str)]) -> Parent {
        let body = r#"{"id": "news", "name": "News", "number": 7, "program": 2, "group": "Info",
            "inputs": [{"url": "udp://239.1.1.1:5000"}], "renditions": ["audio", "preview", "gone", "snapshot"]}"#;
        let context = Context {
            origin: Origin::Operator,
            profiles: Known::Any,
            channels_max: 1,
        };
        let definition = read_channel(body.as_bytes(), None, context).expect("valid");
        let stream = |(kind, detail): &(&str, &str)| ElementaryStream {
            pid: 257,
            kind: (*kind).to_owned(),
            detail: (*detail).to_owned(),
            language: None,
            bitrate_bps: 0,
            pts_interval_ms: None,
            scrambled: false,
        };
        let service = Service {
            service_id: 2,
            name: String::new(),
            provider: String::new(),
            pmt_pid: 256,
            pcr_pid: 257,
            bitrate_bps: 0,
            pcr_interval_ms: None,
            streams: streams.iter().map(stream).collect(),
        };
        let other = Service {
            service_id: 1,
            streams: Vec::new(),
            ..service.clone()
        };
        let reason = Reason::NeverReceived;
        let status = ChannelStatus::new(state, reason, "nothing came".to_owned(), String::new());
        Parent {
            definition: Arc::new(definition),
            status: Arc::new(status),
            services: Arc::new(vec![other, service]),
        }
    }

    #[test]
    fn every_rendition_of_a_channel_is_wanted() {
        let streams = [("mpeg2video", "720x576 25i"), ("mp2", "48 kHz stereo")];
        let wanted = of(&parent(State::Receiving, &streams), &Profiles::new());
        let ids: Vec<_> = wanted.keys().map(String::as_str).collect();
        assert_eq!(
            ids,
            ["news.audio", "news.gone", "news.preview", "news.snapshot"]
        );
        let preview = &wanted["news.preview"];
        assert_eq!(preview.obstacle, None);
        assert_eq!(preview.interlaced, Some(true));
        assert_eq!(
            (preview.has_video, preview.has_audio),
            (Some(true), Some(true))
        );
        assert_eq!(preview.program, Some(2));
        let reason = |id: &str| wanted[id].obstacle.as_ref().map(|one| one.reason);
        assert_eq!(reason("news.gone"), Some(JobReason::UnknownProfile));
    }

    #[test]
    fn what_can_not_be_made_says_why() {
        let silent = of(&parent(State::Stopped, &[]), &Profiles::new());
        let obstacle = silent["news.preview"].obstacle.clone().expect("no data");
        assert_eq!(obstacle.reason, JobReason::WaitingForParent);
        assert!(obstacle.detail.contains("nothing came"), "{obstacle:?}");
        assert_eq!(silent["news.preview"].has_video, None);
        let fresh = of(&parent(State::Receiving, &[]), &Profiles::new());
        let obstacle = fresh["news.preview"].obstacle.clone().expect("no streams");
        assert!(obstacle.detail.contains("program 2"), "{obstacle:?}");
        let radio = of(&parent(State::Receiving, &[("aac", "")]), &Profiles::new());
        assert_eq!(radio["news.preview"].obstacle, None);
        assert!(radio["news.snapshot"].obstacle.is_some());
    }

    #[test]
    fn a_channel_that_lacks_all_of_a_profile_says_what() {
        let lacks = |kinds: &[(&str, &str)], id: &str| {
            let wanted = of(&parent(State::Receiving, kinds), &Profiles::new());
            let obstacle = wanted[id].obstacle.clone()?;
            assert_eq!(obstacle.reason, JobReason::WaitingForParent);
            obstacle
                .detail
                .strip_prefix("channel news has ")
                .map(str::to_owned)
        };
        let silent = [("h264", "1280x720 25p")];
        assert_eq!(lacks(&silent, "news.audio").as_deref(), Some("no sound"));
        assert_eq!(lacks(&silent, "news.preview"), None);
        assert_eq!(lacks(&silent, "news.snapshot"), None);
        let radio = [("aac", "")];
        assert_eq!(lacks(&radio, "news.audio"), None);
        assert_eq!(
            lacks(&radio, "news.snapshot").as_deref(),
            Some("no picture")
        );
        let text = [("teletext", "")];
        let neither = lacks(&text, "news.preview");
        assert_eq!(neither.as_deref(), Some("neither picture nor sound"));
    }

    #[test]
    fn one_program_of_several_is_encoded() {
        let of = |parent: &Parent| of(parent, &Profiles::new())["news.preview"].clone();
        let mut asked = parent(State::Receiving, &[("h264", "1280x720 25p")]);
        assert_eq!(of(&asked).program, Some(2));
        let among = |parent: &Parent, program| Parent {
            definition: Arc::new(ChannelDefinition {
                program,
                ..(*parent.definition).clone()
            }),
            ..parent.clone()
        };
        // Without a number it is the first, and nodes are told so.
        let first = of(&among(&asked, None));
        assert_eq!((first.program, first.has_video), (Some(1), None));
        let missing = of(&among(&asked, Some(9))).obstacle.expect("no program 9");
        assert_eq!(missing.reason, JobReason::NoProgram);
        assert_eq!(missing.params["programs"], "1, 2");
        assert!(missing.detail.ends_with("no program 9: it has 1, 2"));
        // The one program of a stream may change its number.
        asked.services = Arc::new(asked.services[1..].to_vec());
        assert_eq!(of(&among(&asked, None)).program, None);
    }

    #[test]
    fn a_rendition_is_a_channel_with_its_parents_face() {
        let parent = parent(State::Receiving, &[]);
        let made = definition(&parent.definition, "preview");
        assert_eq!(made.id.as_str(), "news.preview");
        assert_eq!(made.parent().as_ref(), Some(&parent.definition.id));
        assert_eq!((made.name.as_str(), made.number), ("News (preview)", None));
        assert_eq!(made.group.as_deref(), Some("Info"));
        assert!(made.inputs.is_empty() && made.renditions.is_empty());
    }

    #[test]
    fn the_scan_stands_behind_the_rate() {
        for (detail, scan) in [
            ("1280x720 25p", Some(false)),
            ("1920x1080 29.97i", Some(true)),
            ("1920x1080", None),
            ("", None),
        ] {
            assert_eq!(interlaced(detail), scan, "{detail}");
        }
    }
}
