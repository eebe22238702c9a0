//! A channel as the API shows it: what it should be, and how it fares.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tr101290::Tr101290;

/// A channel: its definition, and its status beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Channel {
    #[serde(flatten)]
    pub definition: ChannelDocument,
    /// Where the definition comes from.
    pub origin: Origin,
    pub status: ChannelStatus,
}

/// A channel's definition, as the API shows it and takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelDocument {
    /// `[a-z0-9][a-z0-9_-]{0,62}`; on-demand channels and renditions have dots in theirs.
    pub id: String,
    pub name: String,
    /// First is preferred; more are backups.
    pub inputs: Vec<InputDocument>,
    pub slow_viewer: SlowViewer,
    pub renditions: Vec<String>,
    /// Names of the ingests that run it; none given: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingests: Option<Vec<String>>,
    pub enabled: bool,
    /// Channel number (`tvg-chno` in the playlist).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// `group-title` in the playlist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub labels: BTreeMap<String, String>,
    /// Program (service) that random access points are looked for in; none: the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<u16>,
    /// `expected`: scrambled packets are no fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scrambled: Option<Scrambled>,
}

/// One leg of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InputDocument {
    /// `udp://[source@]group:port` or `rtp://...`.
    pub url: String,
    /// NIC name, or CIDR of an address on it; none: the ingest's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SlowViewer {
    /// Goes on at the next random access point; what it missed is counted.
    #[default]
    Skip,
    Disconnect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scrambled {
    Expected,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// From the channels file; the API can't change it.
    Declared,
    /// Made through the API.
    Operator,
    /// Made by a viewer's `/udp` or `/rtp` path.
    OnDemand,
    /// Made by a processing node.
    Rendition,
}

/// How a channel fares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChannelStatus {
    pub state: State,
    pub reason: Reason,
    /// The facts in `detail`, for a user interface that speaks another language.
    pub params: BTreeMap<String, String>,
    /// A sentence in English that an operator can act on; empty when all is well.
    pub detail: String,
    /// Since when state and reason are these (RFC 3339, UTC).
    pub since: String,
    /// Index of the input in use.
    pub active_input: usize,
    /// Of the TS received in the last second.
    pub bitrate_bps: u64,
    pub viewers: u64,
    pub received: Received,
    pub lost: Lost,
    pub repaired: Repaired,
    /// Errors of the transport stream, by the indicators of ETSI TR 101 290.
    #[serde(default)]
    pub tr101290: Tr101290,
    /// The largest difference in the delay of datagrams over the last second, in microseconds;
    /// none where the stream's rate is not constant, so that the network's share can't be told.
    pub arrival_jitter_us: Option<u64>,
    pub services: Vec<Service>,
    /// The input that an operator holds; null: failover chooses.
    #[serde(default)]
    pub pinned_input: Option<usize>,
    /// How each input fares, where there are several.
    #[serde(default)]
    pub inputs: Vec<InputStatus>,
    /// An operator has seen that it is ill; null: nobody, or it has been well since.
    #[serde(default)]
    pub acknowledged: Option<Acknowledgement>,
}

/// How one of several inputs fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InputStatus {
    /// Its group is joined: it is in use, or tried.
    pub joined: bool,
    /// `ok`, what is wrong (`interface`, `silence`, `sync_loss`, `continuity`, `missing_pid`,
    /// `scrambled`), or `unknown`: it is not joined, or has only just been.
    pub condition: String,
}

/// An operator has seen that a channel is ill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Acknowledgement {
    /// `token/NAME`, or `open` without a token file.
    pub by: String,
    /// RFC 3339, UTC.
    pub since: String,
    /// Until when it holds, unless the channel is well before (RFC 3339, UTC).
    pub until: String,
    pub note: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Receiving,
    /// Receiving, with errors in the last 2 s.
    Degraded,
    /// Nothing usable came yet.
    Waiting,
    /// It came, then ended.
    Stopped,
}

/// Why a channel is in its state: the first that holds, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    InterfaceMissing,
    InterfaceDown,
    OnOtherInterface,
    ReversePathFilter,
    NeverReceived,
    Stopped,
    NotTs,
    KernelDrops,
    NetworkLoss,
    LossBeforeNic,
    UpstreamErrors,
    Scrambled,
    Ok,
}

/// What arrived on the wire for this channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Received {
    pub datagrams: u64,
    /// UDP payload.
    pub bytes: u64,
}

/// What is missing, each under one cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Lost {
    /// RTP packets: gaps in the sequence not made good.
    pub network: u64,
    /// Datagrams dropped at our socket.
    pub kernel: u64,
    /// TS packets: continuity gaps where the RTP sequence is whole.
    pub upstream: u64,
    /// TS packets: continuity gaps in plain UDP without a kernel drop.
    pub unattributed: u64,
}

/// RTP packets put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Repaired {
    pub reordered: u64,
    pub duplicates: u64,
}

/// A program of the transport stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Service {
    pub service_id: u16,
    pub name: String,
    pub provider: String,
    pub pmt_pid: u16,
    pub pcr_pid: u16,
    /// Its streams and tables together.
    #[serde(default)]
    pub bitrate_bps: u64,
    /// The longest time between two PCRs in the last second; none: there were no two.
    pub pcr_interval_ms: Option<u64>,
    pub streams: Vec<ElementaryStream>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ElementaryStream {
    pub pid: u16,
    /// Such as `h264`, `hevc`, `mpeg2video`, `aac`, `mp2`, `ac3`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Such as `1280x720 25p`.
    pub detail: String,
    pub language: Option<String>,
    pub bitrate_bps: u64,
    /// The longest time between two PTS in the last second; none: there were no two.
    pub pts_interval_ms: Option<u64>,
    pub scrambled: bool,
}

impl ChannelStatus {
    /// Of a channel of which nothing came.
    #[must_use]
    pub fn new(state: State, reason: Reason, detail: String, since: String) -> Self {
        Self {
            state,
            reason,
            params: BTreeMap::new(),
            detail,
            since,
            active_input: 0,
            bitrate_bps: 0,
            viewers: 0,
            received: Received::default(),
            lost: Lost::default(),
            repaired: Repaired::default(),
            tr101290: Tr101290::default(),
            arrival_jitter_us: None,
            services: Vec::new(),
            pinned_input: None,
            inputs: Vec::new(),
            acknowledged: None,
        }
    }
}

impl State {
    pub const ALL: [Self; 4] = [
        Self::Receiving,
        Self::Degraded,
        Self::Waiting,
        Self::Stopped,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Degraded => "degraded",
            Self::Waiting => "waiting",
            Self::Stopped => "stopped",
        }
    }
}

impl Reason {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InterfaceMissing => "interface_missing",
            Self::InterfaceDown => "interface_down",
            Self::OnOtherInterface => "on_other_interface",
            Self::ReversePathFilter => "reverse_path_filter",
            Self::NeverReceived => "never_received",
            Self::Stopped => "stopped",
            Self::NotTs => "not_ts",
            Self::KernelDrops => "kernel_drops",
            Self::NetworkLoss => "network_loss",
            Self::LossBeforeNic => "loss_before_nic",
            Self::UpstreamErrors => "upstream_errors",
            Self::Scrambled => "scrambled",
            Self::Ok => "ok",
        }
    }
}
