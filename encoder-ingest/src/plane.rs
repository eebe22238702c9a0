//! Control's only door to the data plane: channels in and out, viewers in and out, and what both
//! say about themselves. Everything here is called from control; nothing here touches a packet.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use common::api::event::EventDraft;

use crate::channels::definition::{ChannelDefinition, ChannelId};
use crate::live::{LiveChannel, LiveViewer, ViewerEnd, ViewerId};
use crate::nics::InterfaceSelector;

/// What the data plane is made with.
#[derive(Debug, Clone)]
pub struct PlaneOptions {
    /// Where channels join that name no NIC: the first that exists.
    pub interfaces: Vec<InterfaceSelector>,
    pub workers: usize,
    pub latency: Duration,
    pub history: Duration,
    pub history_bytes_max: usize,
    pub receive_buffer_bytes: Option<usize>,
    pub silence: Duration,
    pub viewer_idle: Duration,
    pub viewers_max: usize,
}

/// Where in the channel a viewer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the newest random access point that is at least so old, or the oldest there is.
    RandomAccess { backlog: Duration },
    /// At the newest byte (`?start=live`).
    Live,
}

/// A viewer whose request has been read and allowed. The worker writes `head` once there is data.
#[derive(Debug)]
pub struct NewViewer {
    pub channel: ChannelId,
    pub socket: TcpStream,
    pub user_agent: String,
    pub start: Start,
    /// The HTTP response head, written before the first data.
    pub head: Vec<u8>,
}

/// Why a viewer was not taken; its socket comes back to be answered.
#[derive(Debug)]
pub struct WatchRefused {
    pub reason: WatchRefusal,
    pub socket: TcpStream,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchRefusal {
    UnknownChannel,
    /// `--max-viewers` are connected.
    TooManyViewers,
    /// The worker's command queue is full.
    Busy,
    ShuttingDown,
}

/// What the data plane tells control, in the order in which it happened.
#[derive(Debug)]
pub enum Notice {
    /// For `/api/v1/events`.
    Event(EventDraft),
    /// No data within 10 s: the socket comes back for a 504 that says why.
    NoData {
        channel: Arc<LiveChannel>,
        socket: TcpStream,
    },
    ViewerEnded {
        viewer: Arc<LiveViewer>,
        end: ViewerEnd,
    },
}

/// A worker as `/status` shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerStatus {
    pub channels: usize,
    /// Share of the last second that its thread was busy, 0 to 1.
    pub busy_ratio: f64,
    /// It has turned its loop within the last second.
    pub alive: bool,
}

/// The handle to the data plane. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Plane {}

#[expect(
    unused_variables,
    clippy::todo,
    clippy::needless_pass_by_value,
    clippy::missing_errors_doc
)]
impl Plane {
    /// Makes a channel run, or changes one that runs: its viewers stay.
    pub fn apply(&self, definition: Arc<ChannelDefinition>) -> Arc<LiveChannel> {
        todo!()
    }

    /// Ends a channel and closes its viewers.
    pub fn remove(&self, id: &ChannelId) {
        todo!()
    }

    #[must_use]
    pub fn channel(&self, id: &ChannelId) -> Option<Arc<LiveChannel>> {
        todo!()
    }

    /// All that run, in order of their ids.
    #[must_use]
    pub fn channels(&self) -> Vec<Arc<LiveChannel>> {
        todo!()
    }

    /// Hands a viewer's socket over.
    pub fn watch(&self, viewer: NewViewer) -> Result<ViewerId, WatchRefused> {
        todo!()
    }

    /// The viewers of one channel, or of all.
    #[must_use]
    pub fn viewers(&self, channel: Option<&ChannelId>) -> Vec<Arc<LiveViewer>> {
        todo!()
    }

    /// Disconnects a viewer; false when there is none of that id.
    pub fn kick(&self, id: ViewerId) -> bool {
        todo!()
    }

    #[must_use]
    pub fn workers(&self) -> Vec<WorkerStatus> {
        todo!()
    }

    /// The histogram of the relay's delay: upper bounds in seconds and counts (not cumulative),
    /// then the sum in seconds.
    #[must_use]
    pub fn relay_delay(&self) -> (Vec<(f64, u64)>, f64) {
        todo!()
    }

    /// The default NIC exists at this moment.
    #[must_use]
    pub fn default_interface_present(&self) -> bool {
        todo!()
    }

    /// Sends what the history holds to viewers, closes them, leaves all groups: 2 s at most.
    pub async fn drain(&self) {
        todo!()
    }
}
