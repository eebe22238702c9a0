//! A channels file, or a channel in a request body, into definitions: with every mistake, none
//! passed over.
//!
//! Pure: it reads text. Which ingest a channel is for, and what runs, is the registry's business.

use std::collections::BTreeMap;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::Arc;

use common::api::channel::{Origin, Scrambled, SlowViewer};
use common::document::{self, Cursor, Fields, Mistake, MistakeCode, Mistakes, Syntax};

use super::difference::ChannelSet;
use super::profile::{self, BUILT_IN, Profile, ProfileName};
use crate::definition::{ChannelDefinition, ChannelId, InputDefinition};
use crate::limits::{
    CHANNEL_INGESTS_MAX, CHANNEL_INPUTS_MAX, CHANNEL_LABELS_MAX, CHANNEL_NUMBER_MAX,
    CHANNEL_RENDITIONS_MAX, HOST_NAME_BYTES_MAX, LABEL_CHARACTERS_MAX, NAME_CHARACTERS_MAX,
    PROFILES_MAX, URL_BYTES_MAX,
};

/// The profiles of a channels file, beside those that are built in.
pub type Profiles = BTreeMap<ProfileName, Profile>;

/// What a channels file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChannelsFile {
    /// In the order of the file; no id twice.
    pub channels: Vec<ChannelDefinition>,
    pub profiles: Profiles,
}

/// Where definitions are read for.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub origin: Origin,
    /// Profiles that renditions may name beside the built-in ones and the file's own.
    pub profiles: Known<'a>,
    /// How many channels a file may have (`--max-channels`).
    pub channels_max: usize,
}

/// Which profiles there are.
#[derive(Debug, Clone, Copy)]
pub enum Known<'a> {
    Those(&'a Profiles),
    /// Not known here: any name that a profile can have is taken.
    Any,
}

impl ChannelsFile {
    /// The channels that are for one ingest. Those for others alone are not its business.
    #[must_use]
    pub fn channels_for(self, ingest: &str) -> ChannelSet {
        let ours = self.channels.into_iter().filter(|one| is_for(one, ingest));
        ours.map(|one| (one.id.clone(), Arc::new(one))).collect()
    }
}

/// Whether a channel is for an ingest: it names it, or none at all.
pub(super) fn is_for(channel: &ChannelDefinition, ingest: &str) -> bool {
    let ingests = channel.ingests.as_ref();
    ingests.is_none_or(|names| names.iter().any(|name| name == ingest))
}

const CHANNEL_KEYS: &[&str] = &[
    "id",
    "name",
    "inputs",
    "slow_viewer",
    "renditions",
    "ingests",
    "enabled",
    "number",
    "group",
    "logo",
    "labels",
    "program",
    "scrambled",
];

/// What the API adds to a channel when it shows it. Taken back and passed over, so that what was
/// read can be changed and sent again.
const SHOWN_KEYS: &[&str] = &["origin", "status"];

/// A file that was cut off, or never written, must not mean that there are no channels.
const NONE_IS_SAID: &str = ": write \"channels: []\" if there are none";

/// Reads a whole channels file. Nothing is a mistake: `channels: []` says that there are none. Its
/// `profiles` are for declared channels alone: operators' can name those that are declared.
///
/// # Errors
/// Every mistake in it.
pub fn read(
    bytes: &[u8],
    syntax: Syntax,
    context: Context<'_>,
) -> Result<ChannelsFile, Vec<Mistake>> {
    let mistakes = Mistakes::new();
    let node = document::read(bytes, syntax, &mistakes);
    let file = node.and_then(|node| {
        let root = Cursor::root(&node, &mistakes);
        if root.is_null() {
            root.missing_key("channels", NONE_IS_SAID);
            return None;
        }
        read_file(&root, context)
    });
    mistakes.or(file)
}

/// Reads one channel from a request body. With `id`, the body may leave it out, but not differ.
///
/// # Errors
/// Every mistake in it.
pub fn read_channel(
    bytes: &[u8],
    id: Option<&ChannelId>,
    context: Context<'_>,
) -> Result<ChannelDefinition, Vec<Mistake>> {
    let mistakes = Mistakes::new();
    let node = document::read(bytes, Syntax::Json, &mistakes);
    let channel = node.and_then(|node| {
        let keys = [CHANNEL_KEYS, SHOWN_KEYS].concat();
        let fields = Cursor::root(&node, &mistakes).fields(&keys)?;
        channel(&fields, id, context)
    });
    mistakes.or(channel)
}

/// Reads the operator channels as the store keeps them. Whatever could be kept is taken back: the
/// profiles and the limit of then need not be those of now.
pub(super) fn read_stored(bytes: &[u8]) -> Result<Vec<ChannelDefinition>, Vec<Mistake>> {
    let context = Context {
        origin: Origin::Operator,
        profiles: Known::Any,
        channels_max: usize::MAX,
    };
    let mistakes = Mistakes::new();
    let node = document::read(bytes, Syntax::Json, &mistakes);
    let channels = node.and_then(|node| {
        let fields = Cursor::root(&node, &mistakes).fields(&["format", "channels"])?;
        let _ = fields.required("format");
        read_list(&fields.required("channels")?, context)
    });
    mistakes.or(channels)
}

fn read_file(root: &Cursor<'_>, context: Context<'_>) -> Option<ChannelsFile> {
    let fields = root.fields(&["channels", "profiles"])?;
    let profiles = match fields.get("profiles") {
        Some(at) => read_profiles(&at)?,
        None => Profiles::new(),
    };
    let all = match context.profiles {
        Known::Those(known) if context.origin == Origin::Declared => {
            Some(known.clone().into_iter().chain(profiles.clone()).collect())
        }
        Known::Those(known) => Some(known.clone()),
        Known::Any => None,
    };
    let context = Context {
        profiles: all.as_ref().map_or(Known::Any, Known::Those),
        ..context
    };
    let Some(at) = fields.get("channels") else {
        root.missing_key("channels", NONE_IS_SAID);
        return None;
    };
    let channels = read_list(&at, context)?;
    Some(ChannelsFile { channels, profiles })
}

fn read_list(at: &Cursor<'_>, context: Context<'_>) -> Option<Vec<ChannelDefinition>> {
    let mut channels = Vec::new();
    let mut lines: HashMap<ChannelId, Option<usize>> = HashMap::new();
    for item in at.items(0..=context.channels_max)? {
        let read = item
            .fields(CHANNEL_KEYS)
            .and_then(|fields| channel(&fields, None, context));
        let Some(channel) = read else { continue };
        match lines.entry(channel.id.clone()) {
            Entry::Vacant(vacant) => {
                vacant.insert(item.line());
                channels.push(channel);
            }
            Entry::Occupied(first) => item.push(duplicate_id(&channel.id, *first.get())),
        }
    }
    Some(channels)
}

fn duplicate_id(id: &ChannelId, first: Option<usize>) -> Mistake {
    let at = first.map_or_else(String::new, |line| format!(", first in line {line}"));
    let detail = format!("a second channel has the id {:?}{at}", id.as_str());
    Mistake::new(MistakeCode::Duplicate, detail).param("id", id.as_str())
}

fn read_profiles(at: &Cursor<'_>) -> Option<Profiles> {
    let mut profiles = Profiles::new();
    for (name, at) in at.entries(PROFILES_MAX)? {
        if BUILT_IN.contains(&name) {
            let detail = format!("profile {name:?} is built in and can't be defined anew");
            at.push(Mistake::new(MistakeCode::Duplicate, detail).param("profile", name));
            continue;
        }
        let read = profile::read(&at);
        match name.parse() {
            // A wrong one stands in for itself, so that channels may name it: nothing of this
            // file will be used.
            Ok(name) => {
                let wrong = Profile {
                    video: None,
                    audio: None,
                };
                profiles.insert(name, read.unwrap_or(wrong));
            }
            Err(error) => at.push(Mistake::explained(&error, name)),
        }
    }
    Some(profiles)
}

/// Everything is looked at before the first missing piece ends the channel, so that all mistakes
/// come at once.
fn channel(
    fields: &Fields<'_>,
    id: Option<&ChannelId>,
    context: Context<'_>,
) -> Option<ChannelDefinition> {
    let line = |key: &str| {
        fields
            .get(key)
            .and_then(|at| at.text(1..=NAME_CHARACTERS_MAX))
    };
    let id = read_id(fields, id);
    let name = line("name").map(str::to_owned);
    let inputs = fields.required("inputs").and_then(|at| inputs(&at));
    let slow_viewer = fields.get("slow_viewer").and_then(|at| {
        at.choice(&[
            ("skip", SlowViewer::Skip),
            ("disconnect", SlowViewer::Disconnect),
        ])
    });
    let renditions = fields.get("renditions");
    let renditions = renditions.and_then(|at| renditions_of(&at, context.profiles));
    let ingests = fields.get("ingests").and_then(|at| ingests(&at));
    let enabled = fields.get("enabled").and_then(|at| at.boolean());
    let number = fields.get("number");
    let number = number.and_then(|at| at.integer(0..=CHANNEL_NUMBER_MAX));
    let group = line("group").map(str::to_owned);
    let logo = fields.get("logo").and_then(|at| web_url(&at));
    let labels = fields.get("labels").and_then(|at| labels(&at));
    let program = fields
        .get("program")
        .and_then(|at| at.integer(1..=u16::MAX));
    let scrambled = fields.get("scrambled");
    let scrambled = scrambled.and_then(|at| at.choice(&[("expected", Scrambled::Expected)]));
    let id = id?;
    Some(ChannelDefinition {
        origin: context.origin,
        name: name.unwrap_or_else(|| id.to_string()),
        id,
        inputs: inputs?,
        slow_viewer: slow_viewer.unwrap_or_default(),
        renditions: renditions.unwrap_or_default(),
        ingests,
        enabled: enabled.unwrap_or(true),
        number,
        group,
        logo,
        labels: labels.unwrap_or_default(),
        program,
        scrambled,
    })
}

fn read_id(fields: &Fields<'_>, asked: Option<&ChannelId>) -> Option<ChannelId> {
    let given = match (fields.get("id"), asked) {
        (None, Some(asked)) => return Some(asked.clone()),
        (None, None) => return fields.required("id").and(None),
        (Some(given), _) => given,
    };
    let id: ChannelId = given.parse()?;
    match asked {
        Some(asked) if *asked != id => {
            let detail = format!(
                "the id in the body is {:?}, in the path {:?}; a channel's id can't change",
                id.as_str(),
                asked.as_str()
            );
            let mistake = Mistake::new(MistakeCode::OtherId, detail);
            given.push(mistake.param("id", &id).param("wanted", asked));
            None
        }
        _ => Some(id),
    }
}

fn inputs(at: &Cursor<'_>) -> Option<Vec<InputDefinition>> {
    let mut inputs: Vec<InputDefinition> = Vec::new();
    for item in at.items(1..=CHANNEL_INPUTS_MAX)? {
        let Some(fields) = item.fields(&["url", "interface"]) else {
            continue;
        };
        let url = fields.required("url").and_then(|at| at.parse());
        let interface = fields.get("interface");
        let interface = interface.map(|at| at.parse());
        let (Some(url), None | Some(Some(_))) = (url, &interface) else {
            continue;
        };
        let input = InputDefinition {
            url,
            interface: interface.flatten(),
        };
        if inputs.contains(&input) {
            let detail = "the channel has this input already";
            item.push(Mistake::new(MistakeCode::Duplicate, detail).param("url", &input.url));
        }
        inputs.push(input);
    }
    (!inputs.is_empty()).then_some(inputs)
}

fn renditions_of(at: &Cursor<'_>, known: Known<'_>) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for item in at.items(0..=CHANNEL_RENDITIONS_MAX)? {
        let Some(name) = rendition(&item, known) else {
            continue;
        };
        if names.contains(&name) {
            let detail = format!("rendition {name:?} is named twice");
            item.push(Mistake::new(MistakeCode::Duplicate, detail).param("rendition", &name));
        }
        names.push(name);
    }
    Some(names)
}

fn rendition(at: &Cursor<'_>, known: Known<'_>) -> Option<String> {
    let profiles = match known {
        Known::Any => return at.parse().map(|name: ProfileName| name.to_string()),
        Known::Those(profiles) => profiles.keys().map(ProfileName::as_str),
    };
    let names = BUILT_IN.iter().copied().chain(profiles);
    let choices: Vec<(&str, &str)> = names.map(|name| (name, name)).collect();
    at.choice(&choices).map(str::to_owned)
}

fn ingests(at: &Cursor<'_>) -> Option<Vec<String>> {
    let items = at.items(1..=CHANNEL_INGESTS_MAX)?;
    let names = items
        .iter()
        .filter_map(|item| item.text(1..=HOST_NAME_BYTES_MAX));
    Some(names.map(str::to_owned).collect())
}

/// A picture's address, which ends up in a playlist and in a page.
fn web_url(at: &Cursor<'_>) -> Option<String> {
    let text = at.text(1..=URL_BYTES_MAX)?;
    let scheme = text.starts_with("http://") || text.starts_with("https://");
    let clean = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\'));
    if scheme && clean {
        return Some(text.to_owned());
    }
    let detail = format!(
        "{text:?} is no address of a picture: use http:// or https://, with other than plain characters percent-encoded"
    );
    at.push(Mistake::new(MistakeCode::BadUrl, detail).param("value", text));
    None
}

fn labels(at: &Cursor<'_>) -> Option<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    for (name, value) in at.entries(CHANNEL_LABELS_MAX)? {
        let length = name.chars().count();
        if !(1..=LABEL_CHARACTERS_MAX).contains(&length) || name.chars().any(char::is_control) {
            let detail = format!(
                "a label's name has 1 to {LABEL_CHARACTERS_MAX} characters without line breaks"
            );
            let mistake = Mistake::new(MistakeCode::WrongLength, detail).param("label", name);
            value.push(mistake.param("min", &1).param("max", &LABEL_CHARACTERS_MAX));
        }
        if let Some(value) = value.text(0..=LABEL_CHARACTERS_MAX) {
            labels.insert(name.to_owned(), value.to_owned());
        }
    }
    Some(labels)
}

#[cfg(test)]
mod tests;
