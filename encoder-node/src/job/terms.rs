//! What goes into the desk and what comes out of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use common::api::node::{JobReason, Order, ReportedState};

use crate::ffmpeg::recipe::Attempt;

/// One job in the world of one ingest: two ingests may have a channel of the same id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobKey {
    pub ingest: String,
    pub id: String,
}

/// One process's worth of a job. Numbers are never used again.
pub type RunId = u64;

/// Why a job does not run, or not well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    pub reason: JobReason,
    pub params: BTreeMap<String, String>,
    /// A sentence for the operator.
    pub detail: String,
}

/// What must be done now.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Start(Box<Start>),
    Stop(RunId),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    pub run: RunId,
    pub key: JobKey,
    pub order: Order,
    /// The ingest's address, for input and output.
    pub address: SocketAddr,
    pub attempt: Attempt,
    /// What lies behind the channel's newest random access point is of another time.
    pub from_newest: bool,
}

/// What a run says.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEvent {
    /// The first of its output was taken.
    Output,
    /// What is wrong while it runs; none: nothing any more.
    Trouble(Option<Why>),
    Ended(RunEnd),
}

/// How a run ended by itself.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEnd {
    /// Worth another attempt here.
    Failed(Why),
    /// The channel has no data: no failure, asked again for ever.
    NoData(Why),
    /// The channel begins anew: so must ffmpeg, at once.
    Seam(Why),
    /// The ingest does not want it from here: no other attempt under this order.
    Unwanted(Why),
}

/// A job as it is told to others.
#[derive(Debug, Clone, PartialEq)]
pub struct JobView {
    pub key: JobKey,
    pub epoch: u64,
    pub state: ReportedState,
    pub why: Option<Why>,
    pub restarts: u64,
    /// It holds its slots.
    pub is_taken: bool,
}

impl Why {
    #[must_use]
    pub fn new(reason: JobReason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            params: BTreeMap::new(),
            detail: detail.into(),
        }
    }

    #[must_use]
    pub fn param(mut self, name: &str, value: impl Into<String>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }
}

impl RunEnd {
    #[must_use]
    pub const fn why(&self) -> &Why {
        match self {
            Self::Failed(why) | Self::NoData(why) | Self::Seam(why) | Self::Unwanted(why) => why,
        }
    }
}
