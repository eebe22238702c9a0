//! Something that happened, as `/api/v1/events` tells it.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An event. Ids are `{start}-{n}`: the process's start in milliseconds since the epoch, and a
/// count from 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    pub id: String,
    /// RFC 3339, UTC.
    pub time: String,
    pub kind: EventKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The facts in `detail`, for a user interface that speaks another language.
    #[serde(default)]
    #[schema(required = true)]
    pub params: BTreeMap<String, String>,
    /// English.
    pub detail: String,
    /// Who did it: `token/NAME`, for changes through the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The client's address, for changes through the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What changed: added, changed and removed channel ids, or fields with old and new value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub difference: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    Started,
    Stopping,
    ChannelAdded,
    ChannelChanged,
    ChannelRemoved,
    /// State or reason of a channel changed.
    ChannelState,
    /// The source of a channel started anew (another SSRC, or a jump of the sequence).
    SourceRestarted,
    /// A silent channel's membership was made anew.
    Rejoined,
    InterfaceChanged,
    ConfigApplied,
    ConfigRefused,
    ViewerKicked,
    CountersReset,
    /// Another of a channel's inputs is in use.
    InputSwitched,
    /// An operator holds an input, or lets failover choose again.
    InputPinned,
    /// An operator has seen that a channel is ill, or that has come to its end.
    Acknowledged,
    /// A processing node appeared, is silent, ends, or is heard again.
    NodeChanged,
    /// A job has another state, or another node.
    JobChanged,
}

/// An event before it has an id and a time.
#[derive(Debug, Clone, PartialEq)]
pub struct EventDraft {
    pub kind: EventKind,
    pub channel: Option<String>,
    pub reason: Option<String>,
    pub params: BTreeMap<String, String>,
    pub detail: String,
    pub actor: Option<String>,
    pub address: Option<String>,
    pub difference: Option<serde_json::Value>,
}

impl EventDraft {
    #[must_use]
    pub fn new(kind: EventKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            channel: None,
            reason: None,
            params: BTreeMap::new(),
            detail: detail.into(),
            actor: None,
            address: None,
            difference: None,
        }
    }

    #[must_use]
    pub fn channel(mut self, id: impl Into<String>) -> Self {
        self.channel = Some(id.into());
        self
    }

    #[must_use]
    pub fn reason(mut self, code: impl Into<String>) -> Self {
        self.reason = Some(code.into());
        self
    }

    /// What changed, as `{"field": {"old": ..., "new": ...}}`.
    #[must_use]
    pub fn difference(mut self, difference: serde_json::Value) -> Self {
        self.difference = Some(difference);
        self
    }

    #[must_use]
    pub fn param(mut self, name: &str, value: impl Display) -> Self {
        self.params.insert(name.to_owned(), format!("{value}"));
        self
    }
}
