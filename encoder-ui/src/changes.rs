//! What browsers are told, as JSON: all of it, and the difference between two moments. Pure.
//!
//! What ingests said is passed as it came, without reading it anew.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::roster::{IngestState, IngestView, ListedChannel};

/// An event of an ingest.
#[derive(Debug, Clone, Serialize)]
pub struct IngestEvent {
    pub ingest: String,
    pub event: Box<RawValue>,
}

#[derive(Serialize)]
struct Ingest<'a> {
    name: &'a str,
    known: bool,
    state: IngestState,
    since: String,
    address: &'a str,
    error: Option<&'a str>,
    seen_at: Option<String>,
    status: Option<&'a RawValue>,
    nodes: &'a RawValue,
    jobs: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<Vec<&'a RawValue>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    ingests: Vec<Ingest<'a>>,
}

#[derive(Serialize)]
struct Change<'a> {
    time: String,
    ingests: Vec<Ingest<'a>>,
    removed_ingests: Vec<&'a str>,
    channels: Vec<ChangedChannel<'a>>,
    removed_channels: Vec<RemovedChannel<'a>>,
}

#[derive(Serialize)]
struct ChangedChannel<'a> {
    ingest: &'a str,
    channel: &'a RawValue,
}

#[derive(Serialize)]
struct RemovedChannel<'a> {
    ingest: &'a str,
    id: &'a str,
}

/// RFC 3339, UTC, to the millisecond.
#[must_use]
pub fn rfc_3339(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// The answer of `GET /api/ingests`.
#[must_use]
pub fn list(views: &[IngestView]) -> String {
    let time = None;
    let ingests = views.iter().map(|view| ingest(view, true)).collect();
    json(&Listed { time, ingests })
}

/// All of it, for a browser that knows nothing.
#[must_use]
pub fn snapshot(views: &[IngestView], time: Timestamp) -> String {
    let time = Some(rfc_3339(time));
    let ingests = views.iter().map(|view| ingest(view, true)).collect();
    json(&Listed { time, ingests })
}

/// What is new since `old`; none when nothing is.
#[must_use]
pub fn between(old: &[IngestView], new: &[IngestView], time: Timestamp) -> Option<String> {
    let before: HashMap<&str, &IngestView> =
        old.iter().map(|view| (view.name.as_str(), view)).collect();
    let names: HashSet<&str> = new.iter().map(|view| view.name.as_str()).collect();
    let mut change = Change {
        time: rfc_3339(time),
        ingests: Vec::new(),
        removed_ingests: Vec::new(),
        channels: Vec::new(),
        removed_channels: Vec::new(),
    };
    let gone = old.iter().map(|view| view.name.as_str());
    change.removed_ingests = gone.filter(|name| !names.contains(name)).collect();
    for view in new {
        let before = before.get(view.name.as_str()).copied();
        if before.is_none_or(|before| !same(before, view)) {
            change.ingests.push(ingest(view, false));
        }
        add_channels(&mut change, before, view);
    }
    let nothing = change.ingests.is_empty()
        && change.removed_ingests.is_empty()
        && change.channels.is_empty()
        && change.removed_channels.is_empty();
    (!nothing).then(|| json(&change))
}

fn add_channels<'a>(change: &mut Change<'a>, old: Option<&'a IngestView>, new: &'a IngestView) {
    let old: &[ListedChannel] = old.map_or(&[], |old| old.channels.as_slice());
    // The same list, said again: most of the time.
    if std::ptr::eq(old, new.channels.as_slice()) {
        return;
    }
    let ingest = new.name.as_str();
    let mut before: HashMap<&str, &ListedChannel> = old
        .iter()
        .map(|channel| (channel.id.as_str(), channel))
        .collect();
    for channel in new.channels.iter() {
        let before = before.remove(channel.id.as_str());
        if before.is_none_or(|before| before.json.get() != channel.json.get()) {
            let channel = &*channel.json;
            change.channels.push(ChangedChannel { ingest, channel });
        }
    }
    let gone = before.into_keys();
    change
        .removed_channels
        .extend(gone.map(|id| RemovedChannel { ingest, id }));
}

/// Events of ingests, gathered.
#[must_use]
pub fn events(events: &[IngestEvent]) -> String {
    json(&events)
}

/// But for the channels.
fn same(one: &IngestView, other: &IngestView) -> bool {
    (
        one.known,
        one.state,
        one.since,
        &one.address,
        &one.error,
        one.seen,
    ) == (
        other.known,
        other.state,
        other.since,
        &other.address,
        &other.error,
        other.seen,
    ) && text(one.status.as_ref()) == text(other.status.as_ref())
        && text(one.nodes.as_ref()) == text(other.nodes.as_ref())
        && text(one.jobs.as_ref()) == text(other.jobs.as_ref())
}

fn text(json: Option<&Arc<RawValue>>) -> Option<&str> {
    json.map(|json| json.get())
}

fn ingest(view: &IngestView, with_channels: bool) -> Ingest<'_> {
    let channels = view.channels.iter().map(|channel| &*channel.json);
    Ingest {
        name: &view.name,
        known: view.known,
        state: view.state,
        since: rfc_3339(view.since),
        address: &view.address,
        error: view.error.as_deref(),
        seen_at: view.seen.map(rfc_3339),
        status: view.status.as_deref(),
        nodes: view.nodes.as_deref().unwrap_or(empty_list()),
        jobs: view.jobs.as_deref().unwrap_or(empty_list()),
        channels: with_channels.then(|| channels.collect()),
    }
}

fn empty_list() -> &'static RawValue {
    // A constant text that is JSON: it can't fail.
    serde_json::from_str("[]").unwrap_or(RawValue::NULL)
}

fn json(value: &impl Serialize) -> String {
    // Texts, numbers and JSON that was read before: this can't fail.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn channel(id: &str, bitrate: u32) -> ListedChannel {
        let json = json!({"id": id, "status": {"bitrate_bps": bitrate}}).to_string();
        ListedChannel {
            id: id.to_owned(),
            watch_url: None,
            json: RawValue::from_string(json).expect("json").into(),
        }
    }

    fn view(name: &str, channels: Vec<ListedChannel>) -> IngestView {
        IngestView {
            name: name.to_owned(),
            known: true,
            state: IngestState::Here,
            since: Timestamp::UNIX_EPOCH,
            address: "http://10.0.0.1:9525".to_owned(),
            error: None,
            seen: None,
            status: None,
            nodes: None,
            jobs: None,
            channels: Arc::new(channels),
        }
    }

    fn change(old: &[IngestView], new: &[IngestView]) -> Option<Value> {
        let text = between(old, new, Timestamp::UNIX_EPOCH)?;
        Some(serde_json::from_str(&text).expect("json"))
    }

    #[test]
    fn only_what_changed_is_told() {
        let old = [
            view(
                "n1",
                vec![channel("a", 1), channel("b", 1), channel("c", 1)],
            ),
            view("n2", vec![channel("a", 1)]),
        ];
        assert_eq!(change(&old, &old), None);
        let mut new = old.clone();
        new[0].channels = Arc::new(vec![channel("a", 1), channel("b", 2), channel("d", 1)]);
        let told = change(&old, &new).expect("a change");
        assert_eq!(told["ingests"], json!([]), "{told}");
        let ids = |list: &Value, path: &str| -> Vec<String> {
            let items = list.as_array().expect("a list").iter();
            let id = |item: &Value| item.pointer(path).expect("id").to_string();
            items.map(id).collect()
        };
        assert_eq!(ids(&told["channels"], "/channel/id"), ["\"b\"", "\"d\""]);
        assert_eq!(
            told["removed_channels"],
            json!([{"ingest": "n1", "id": "c"}])
        );
    }

    #[test]
    fn an_ingest_that_comes_changes_and_goes_is_told_without_its_channels() {
        let first = [view("n1", vec![channel("a", 1)])];
        let came = change(&[], &first).expect("a change");
        assert_eq!(came["ingests"][0]["name"], "n1");
        assert_eq!(came["ingests"][0]["nodes"], json!([]));
        assert!(came["ingests"][0].get("channels").is_none(), "{came}");
        assert_eq!(came["channels"][0]["ingest"], "n1");
        let mut away = first.clone();
        away[0].state = IngestState::Away;
        let told = change(&first, &away).expect("a change");
        assert_eq!(told["ingests"][0]["state"], "away");
        assert_eq!(told["channels"], json!([]));
        let gone = change(&first, &[]).expect("a change");
        assert_eq!(gone["removed_ingests"], json!(["n1"]));
        assert_eq!(gone["time"], "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_snapshot_has_all() {
        let views = [view("n1", vec![channel("a", 1)])];
        let text = snapshot(&views, Timestamp::UNIX_EPOCH);
        assert!(!text.contains('\n'));
        let told: Value = serde_json::from_str(&text).expect("json");
        assert_eq!(told["ingests"][0]["channels"][0]["id"], "a");
        assert_eq!(told["time"], "1970-01-01T00:00:00.000Z");
        let listed: Value = serde_json::from_str(&list(&views)).expect("json");
        assert!(listed.get("time").is_none());
    }
}
