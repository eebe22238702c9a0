//! What crosses the door between control and the data plane.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use common::api::event::EventDraft;

pub use super::drops::Filtered;
pub use super::silence::Elsewhere;
use crate::definition::{ChannelDefinition, ChannelId, InputDefinition};
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
    /// It asked for what this input brings and not for the channel: it watches for as long as that
    /// is the channel's only input.
    pub only: Option<InputDefinition>,
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
    /// The channel has other inputs now than the one that was asked for.
    Changed,
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

/// It brings what `input` does and never anything else: it has no other input.
#[must_use]
pub fn carries_only(definition: &ChannelDefinition, input: &InputDefinition) -> bool {
    let same = |one: &InputDefinition| {
        one.url.group == input.url.group && one.interface == input.interface
    };
    definition.inputs.len() == 1 && definition.inputs.iter().all(same)
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
    /// How long control sees nothing come before it calls that silence: what the relay holds back
    /// to make larger writes may be on its way.
    pub(super) fn silence_ms(&self) -> u64 {
        let silence = self.silence.saturating_add(self.latency);
        u64::try_from(silence.as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn timing(&self) -> Timing {
        Timing {
            latency: self.latency,
            history: self.history,
            silence: Duration::from_millis(self.silence_ms()),
            viewer_idle: self.viewer_idle,
            analysed: self.analysed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A datagram may be held for as long as the latency allows: that is no silence yet.
    #[test]
    fn what_is_held_back_is_no_silence() {
        let options = PlaneOptions {
            interfaces: Vec::new(),
            workers: 1,
            latency: Duration::from_millis(200),
            history: Duration::from_secs(2),
            history_bytes_max: 1 << 20,
            receive_buffer_bytes: None,
            probe: ProbeInterfaces::Off,
            silence: Duration::from_millis(100),
            viewer_idle: Duration::from_secs(60),
            viewers_max: 1,
            analysed: true,
        };
        assert_eq!(options.silence_ms(), 300);
        assert_eq!(options.timing().silence, Duration::from_millis(300));
    }
}
