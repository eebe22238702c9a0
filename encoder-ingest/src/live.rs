//! What the data plane and control share of a channel and of a viewer: plain atomics, written by
//! one thread, read by any; and snapshots that control alone replaces.
//!
//! No lock: the data plane only stores, control only loads (or swaps a whole snapshot).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};
use common::api::channel::{Acknowledgement, ChannelStatus, Service};
use common::api::tr101290::Indicator;

use crate::definition::{ChannelDefinition, ChannelId};

/// A channel that runs.
#[derive(Debug)]
pub struct LiveChannel {
    pub id: ChannelId,
    pub definition: ArcSwap<ChannelDefinition>,
    pub counters: ChannelCounters,
    /// Made anew by the monitor ten times a second, and complete but for the live counters.
    pub status: ArcSwap<ChannelStatus>,
    pub services: ArcSwap<Vec<Service>>,
    /// What went wrong lately, oldest first; control's.
    pub errors: ArcSwap<Vec<ErrorSeen>>,
    /// Of a channel with several inputs; control's.
    pub inputs: ArcSwap<InputsShown>,
    /// The input that an operator holds; [`usize::MAX`]: none.
    pinned: AtomicUsize,
    /// Of a rendition: how its making fares; control's.
    pub making: ArcSwap<Making>,
    /// Set by an operator, ended by the monitor when the channel is well again.
    pub acknowledged: ArcSwapOption<Acknowledged>,
}

/// The inputs of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InputsShown {
    /// Index of the one in use.
    pub active: usize,
    pub pinned: Option<usize>,
    /// Of each, where there are several.
    pub conditions: Vec<InputShown>,
}

/// One of several inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputShown {
    pub joined: bool,
    pub condition: &'static str,
}

/// How the making of a rendition fares: what is said of it while it has no data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Making {
    pub params: BTreeMap<String, String>,
    /// English; empty: all is well.
    pub detail: String,
}

/// An operator has seen that the channel is ill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    pub until: jiff::Timestamp,
    pub shown: Acknowledgement,
}

/// Errors of one kind that were counted within a tenth of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorSeen {
    pub unix_ms: i64,
    /// An indicator of TR 101 290, or what else is counted.
    pub kind: &'static str,
    pub count: u64,
}

impl LiveChannel {
    /// A channel of which nothing has come yet.
    #[must_use]
    pub fn new(definition: Arc<ChannelDefinition>, status: ChannelStatus) -> Self {
        Self {
            id: definition.id.clone(),
            definition: ArcSwap::new(definition),
            counters: ChannelCounters::default(),
            status: ArcSwap::from_pointee(status),
            services: ArcSwap::default(),
            errors: ArcSwap::default(),
            inputs: ArcSwap::default(),
            pinned: AtomicUsize::new(usize::MAX),
            making: ArcSwap::default(),
            acknowledged: ArcSwapOption::empty(),
        }
    }

    /// Holds one input; none: failover chooses.
    pub fn pin(&self, input: Option<usize>) {
        self.pinned
            .store(input.unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    /// The input that is held.
    #[must_use]
    pub fn pinned(&self) -> Option<usize> {
        let pinned = self.pinned.load(Ordering::Relaxed);
        (pinned != usize::MAX).then_some(pinned)
    }
}

/// Written by the channel's worker alone, but for the last group.
#[derive(Debug, Default)]
pub struct ChannelCounters {
    pub received_datagrams: AtomicU64,
    pub received_bytes: AtomicU64,
    /// TS bytes appended to the history.
    pub ts_bytes: AtomicU64,
    pub lost_network: AtomicU64,
    pub lost_kernel: AtomicU64,
    pub lost_upstream: AtomicU64,
    pub lost_unattributed: AtomicU64,
    pub reordered: AtomicU64,
    pub duplicates: AtomicU64,
    /// RTP packets that came after they had been given up as lost.
    pub late: AtomicU64,
    /// Datagrams that did not hold whole TS packets and were joined by the slow path.
    pub unaligned: AtomicU64,
    /// Datagrams that were neither TS nor RTP with TS, of another kind than the channel's, or of
    /// another sender among its own.
    pub malformed: AtomicU64,
    pub source_restarts: AtomicU64,
    /// Signs that two send RTP to the group at once.
    pub second_sender: AtomicU64,
    /// TS packets dropped for a bad sync byte among good ones.
    pub bad_sync_packets: AtomicU64,
    /// TS bytes copied in user space, because they could not be received in place.
    pub copied_bytes: AtomicU64,
    pub scrambled_packets: AtomicU64,
    /// PIDs that a PMT names and that do not come at this time.
    pub awaited_pids: AtomicU64,
    /// Errors of TR 101 290, in the order of [`Indicator::ALL`].
    pub tr101290: [AtomicU64; Indicator::COUNT],
    /// Times that a table of the analysis was full, or a section too long.
    pub analysis_limits: AtomicU64,
    /// The spread of the datagrams' delay over the last second.
    pub arrival_jitter_us: AtomicU64,
    /// The rate is constant, so that [`Self::arrival_jitter_us`] means something.
    pub rate_is_constant: AtomicBool,
    pub sent_bytes: AtomicU64,
    pub viewer_skipped_bytes: AtomicU64,
    pub history_bytes: AtomicU64,
    /// Milliseconds of the process's clock when data last came; 0: never.
    pub last_data_ms: AtomicU64,
    pub kind_is_rtp: AtomicBool,

    /// Written by control.
    pub viewers: AtomicU64,
    pub rejoins: AtomicU64,
    pub bitrate_bps: AtomicU64,
    pub receive_buffer_bytes: AtomicU64,
    pub history_bytes_max: AtomicU64,
}

/// A number that names a viewer for as long as the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ViewerId(pub u64);

/// A viewer that is connected.
#[derive(Debug)]
pub struct LiveViewer {
    pub id: ViewerId,
    pub channel: Arc<LiveChannel>,
    pub address: SocketAddr,
    pub user_agent: String,
    /// RFC 3339, UTC.
    pub since: String,
    pub counters: ViewerCounters,
}

/// Written by the viewer's worker alone.
#[derive(Debug, Default)]
pub struct ViewerCounters {
    pub sent_bytes: AtomicU64,
    pub skipped_bytes: AtomicU64,
    pub lag_ms: AtomicU64,
}

/// Why a viewer's connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ViewerEnd {
    /// The client went away.
    Gone,
    /// Disconnected by an operator.
    Kicked,
    /// Too slow for a channel whose policy is `disconnect`.
    Slow,
    /// Its kernel buffer took nothing for 30 s.
    Stalled,
    /// No data for it for `--viewer-idle-s`.
    Idle,
    /// Its channel was removed.
    ChannelRemoved,
    /// The channel had no data within 10 s of its request.
    NoData,
    /// The process ends.
    Shutdown,
}

impl ViewerEnd {
    pub const ALL: [Self; 8] = [
        Self::Gone,
        Self::Kicked,
        Self::Slow,
        Self::Stalled,
        Self::Idle,
        Self::ChannelRemoved,
        Self::NoData,
        Self::Shutdown,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Kicked => "kicked",
            Self::Slow => "slow",
            Self::Stalled => "stalled",
            Self::Idle => "idle",
            Self::ChannelRemoved => "channel_removed",
            Self::NoData => "no_data",
            Self::Shutdown => "shutdown",
        }
    }
}
