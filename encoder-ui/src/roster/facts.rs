//! What is learned of ingests, and what comes of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

/// The moment at which something is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    pub at: Instant,
    pub time: Timestamp,
}

/// Who an ingest says that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `--node-name`.
    pub name: String,
    /// Two addresses with the same name and start are one process.
    pub started: String,
}

/// What an ingest said last.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: Option<Arc<RawValue>>,
    pub nodes: Option<Arc<RawValue>>,
    pub jobs: Option<Arc<RawValue>>,
    pub channels: Arc<Vec<ListedChannel>>,
}

/// A channel as browsers get it.
#[derive(Debug, Clone)]
pub struct ListedChannel {
    pub id: String,
    /// Where a player finds it; none: the ingest's playlist does not name it.
    pub watch_url: Option<String>,
    /// The ingest's object, with `watch_url` in it.
    pub json: Arc<RawValue>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IngestState {
    Here,
    /// Nothing is heard of it.
    Away,
    /// No name leads to it any more.
    Removed,
}

/// What an address has to do after it told its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is asked for all.
    Primary,
    /// The ingest is asked by another address, or its name is taken.
    Spare,
}

/// Which addresses to begin and to stop asking.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Moves {
    pub begin: Vec<SocketAddr>,
    pub end: Vec<SocketAddr>,
    /// Found, but there are [`ADDRESSES_MAX`](crate::limits::ADDRESSES_MAX).
    pub passed_over: usize,
}

/// Why an ingest can't be dismissed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dismissal {
    Unknown,
    NotRemoved,
}
