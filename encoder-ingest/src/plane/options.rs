//! What crosses the door between control and the data plane.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use common::api::event::EventDraft;

pub use super::drops::Filtered;
pub use super::silence::Elsewhere;
use crate::definition::ChannelId;
use crate::live::{LiveChannel, LiveViewer, ViewerEnd};
use crate::nics::InterfaceSelector;
use crate::relay::channel::Timing;
pub use crate::relay::viewer::Start;

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
    pub probe: ProbeInterfaces,
    pub silence: Duration,
    pub viewer_idle: Duration,
    pub viewers_max: usize,
    /// Every packet is. False for a benchmark alone, which shows what that costs: no flag of the
    /// program says so.
    pub analysed: bool,
}

/// Where silent groups are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeInterfaces {
    /// On NICs with a device behind them.
    Devices,
    Named(Vec<InterfaceSelector>),
    Off,
}

/// What looking for a silent group has shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Looked {
    /// The NICs that were listened to, in their order.
    pub probes: Vec<Probed>,
    /// The reverse path filter was suspected, and this was found.
    pub filtered: Option<Filtered>,
}

/// A NIC that was listened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    pub interface: String,
    pub outcome: ProbeOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeOutcome {
    Came(Elsewhere),
    Nothing,
    /// The group could not be joined there.
    Failed(String),
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
    /// The client has gone already.
    Gone,
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

impl PlaneOptions {
    pub(crate) fn timing(&self) -> Timing {
        Timing {
            latency: self.latency,
            history: self.history,
            silence: self.silence,
            viewer_idle: self.viewer_idle,
            analysed: self.analysed,
        }
    }
}
