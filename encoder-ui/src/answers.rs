//! What an ingest answered, taken apart as far as needed: who it is, and its channels one by one.
//! All else is passed on as it came. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::{ClientError, unintelligible};
use crate::roster::{Identity, ListedChannel};

/// JSON, in one line, as messages to browsers need it.
///
/// # Errors
/// When it is no JSON.
pub fn whole(path: &str, body: &[u8]) -> Result<Box<RawValue>, ClientError> {
    let json: Box<RawValue> =
        serde_json::from_slice(body).map_err(|cause| unintelligible(path, &cause))?;
    one_line(json).map_err(|cause| unintelligible(path, &cause))
}

/// The member `name` of an object.
///
/// # Errors
/// When there is none.
pub fn member(path: &str, body: &[u8], name: &str) -> Result<Box<RawValue>, ClientError> {
    let mut members: HashMap<String, Box<RawValue>> =
        serde_json::from_slice(body).map_err(|cause| unintelligible(path, &cause))?;
    let json = members.remove(name);
    let json = json.ok_or_else(|| unintelligible(path, &format!("no {name:?} in it")))?;
    one_line(json).map_err(|cause| unintelligible(path, &cause))
}

/// Who an ingest's `/api/v1/status` says that it is.
///
/// # Errors
/// When it does not.
pub fn identity(path: &str, status: &RawValue) -> Result<Identity, ClientError> {
    #[derive(Deserialize)]
    struct Status {
        node_name: String,
        #[serde(default)]
        started: String,
    }
    let status: Status =
        serde_json::from_str(status.get()).map_err(|cause| unintelligible(path, &cause))?;
    Ok(Identity {
        name: status.node_name,
        started: status.started,
    })
}

/// The ids in a list of channels, and each as it came.
///
/// # Errors
/// When it is no such list.
pub fn channels(path: &str, body: &[u8]) -> Result<Vec<(String, Box<RawValue>)>, ClientError> {
    #[derive(Deserialize)]
    struct List {
        channels: Vec<Box<RawValue>>,
    }
    #[derive(Deserialize)]
    struct Channel {
        id: String,
    }
    let list: List = serde_json::from_slice(body).map_err(|cause| unintelligible(path, &cause))?;
    let one = |json: Box<RawValue>| {
        let channel: Channel = serde_json::from_str(json.get())?;
        Ok::<_, serde_json::Error>((channel.id, one_line(json)?))
    };
    let channels: Result<Vec<_>, _> = list.channels.into_iter().map(one).collect();
    channels.map_err(|cause| unintelligible(path, &cause))
}

/// An operator has turned it off.
#[must_use]
pub fn is_disabled(channel: &ListedChannel) -> bool {
    #[derive(Deserialize)]
    struct Channel {
        enabled: bool,
    }
    let read = serde_json::from_str(channel.json.get());
    read.is_ok_and(|channel: Channel| !channel.enabled)
}

/// Puts `watch_url` into each; one that did not change since `before` is shared with it.
#[must_use]
pub fn listed(
    channels: Vec<(String, Box<RawValue>)>,
    watch_urls: &HashMap<String, String>,
    before: &[ListedChannel],
) -> Vec<ListedChannel> {
    let before: HashMap<&str, &ListedChannel> = before
        .iter()
        .map(|channel| (channel.id.as_str(), channel))
        .collect();
    let listed = |(id, json): (String, Box<RawValue>)| {
        let watch_url = watch_urls.get(&id).cloned();
        let text = with_watch_url(json.get(), watch_url.as_deref());
        let same = before.get(id.as_str()).copied();
        if let Some(same) = same.filter(|before| before.json.get() == text) {
            return Some(same.clone());
        }
        let json: Arc<RawValue> = RawValue::from_string(text).ok()?.into();
        Some(ListedChannel {
            id,
            watch_url,
            json,
        })
    };
    channels.into_iter().filter_map(listed).collect()
}

fn with_watch_url(object: &str, url: Option<&str>) -> String {
    let url = url.map_or_else(
        || "null".to_owned(),
        |url| serde_json::Value::from(url).to_string(),
    );
    let open = object.trim_end().strip_suffix('}').unwrap_or(object);
    format!("{open},\"watch_url\":{url}}}")
}

/// Line breaks stand between JSON's values alone, never in its texts.
fn one_line(json: Box<RawValue>) -> Result<Box<RawValue>, serde_json::Error> {
    if json.get().contains(['\n', '\r']) {
        return RawValue::from_string(json.get().replace(['\n', '\r'], " "));
    }
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"channels": [
        {"id": "a", "name": "A"},
        {"id": "b",
         "name": "B"}
    ]}"#;

    fn texts(urls: &[(&str, &str)], before: &[ListedChannel]) -> Vec<ListedChannel> {
        let urls = urls
            .iter()
            .map(|(id, url)| ((*id).to_owned(), (*url).to_owned()));
        let channels = channels("/c", LIST.as_bytes()).expect("channels");
        listed(channels, &urls.collect(), before)
    }

    #[test]
    fn channels_get_their_url_and_stay_one_line() {
        let listed = texts(&[("b", "http://n1/channels/b.ts")], &[]);
        assert_eq!(
            listed[0].json.get(),
            r#"{"id": "a", "name": "A","watch_url":null}"#
        );
        let second: serde_json::Value = serde_json::from_str(listed[1].json.get()).expect("json");
        assert_eq!(second["watch_url"], "http://n1/channels/b.ts");
        assert!(!listed[1].json.get().contains('\n'));
    }

    #[test]
    fn what_did_not_change_is_shared() {
        let before = texts(&[], &[]);
        let after = texts(&[("b", "http://n1/channels/b.ts")], &before);
        assert!(Arc::ptr_eq(&before[0].json, &after[0].json));
        assert!(!Arc::ptr_eq(&before[1].json, &after[1].json));
    }

    #[test]
    fn nonsense_is_said() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"channels": 7}"#,
            r#"{"channels": [{"id": 7}]}"#,
        ] {
            let error = channels("/api/v1/channels", body.as_bytes()).expect_err(body);
            assert!(
                error
                    .to_string()
                    .starts_with("/api/v1/channels was answered by")
            );
        }
        assert!(member("/n", br#"{"a": 1}"#, "nodes").is_err());
        assert_eq!(
            member("/n", br#"{"nodes": [1]}"#, "nodes")
                .expect("list")
                .get(),
            "[1]"
        );
        let status = whole("/s", br#"{"node_name": "n1"}"#).expect("json");
        assert_eq!(identity("/s", &status).expect("who").name, "n1");
    }
}
