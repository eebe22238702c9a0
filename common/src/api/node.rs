//! What processing nodes and ingests say to each other, and what an ingest shows of both.
//!
//! Nodes call, ingests answer: each second a [`Heartbeat`], answered by the full list of jobs that
//! the node shall run for this ingest ([`Orders`]). A node passes over keys of orders that it does
//! not know, an ingest refuses those of heartbeats: while a cluster is upgraded, ingests go first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::profile::Profile;

/// The body of a heartbeat. A larger one gets 413, so nodes leave out ffmpeg's last lines before.
pub const HEARTBEAT_BYTES_MAX: usize = 1024 * 1024;

/// The body of `POST /api/v1/nodes/{name}/heartbeat`: how a node fares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Heartbeat {
    /// Of encoder-node.
    pub version: String,
    /// Random, chosen once a process: tells a restarted node from a second one of its name.
    pub instance: String,
    /// What it can run at once; a job takes its cost of it.
    pub slots: f64,
    /// What is left of it, after every job that it runs for any ingest.
    pub free_slots: f64,
    /// ffmpeg's encoders that work here (`libx264`, `aac`, `h264_vaapi`): tried, not assumed.
    pub encoders: Vec<String>,
    /// ffmpeg's version.
    pub ffmpeg: String,
    /// It is about to end: its jobs shall be handed over.
    pub draining: bool,
    /// The jobs that it has from this ingest.
    pub jobs: Vec<JobReport>,
    /// Of the orders that it received last; 0: of none. The ingest may hold its answer up to
    /// 900 ms while this is its own.
    pub revision: u64,
}

/// How one job fares, by the node that has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobReport {
    pub id: String,
    pub epoch: u64,
    pub state: ReportedState,
    /// Why it does not run.
    pub reason: Option<JobReason>,
    /// The facts in `detail`, for a user interface that speaks another language.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// English.
    #[serde(default)]
    pub detail: String,
    #[serde(flatten)]
    pub progress: Progress,
}

/// How fast a job goes, and what went wrong in it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Progress {
    /// Pictures a second; null: none was encoded yet.
    pub fps: Option<f64>,
    /// Of the source's time, in real time: 1.0 keeps up; null: not known yet.
    pub speed: Option<f64>,
    /// Pictures that ffmpeg dropped.
    pub frames_dropped: u64,
    /// Of one core.
    pub cpu_percent: f64,
    /// Lines that ffmpeg wrote about what it was given.
    pub complaints: u64,
    /// How often its process was started anew.
    pub restarts: u64,
    /// The last lines that ffmpeg wrote: 20 of 200 bytes at most.
    pub stderr_tail: Vec<String>,
}

/// State of a job on its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportedState {
    /// ffmpeg is started, and has sent nothing yet.
    Starting,
    Running,
    /// The node does not take it.
    Refused,
    /// It ended, and the node does not start it again by itself.
    Failed,
    Stopping,
}

/// Why a job does not run, or not well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobReason {
    /// The node has not enough free slots.
    NoSlots,
    /// The node's ffmpeg can't make the profile's codec.
    EncoderMissing,
    /// ffmpeg ended by itself.
    FfmpegFailed,
    /// The ingest does not give the channel.
    InputRefused,
    /// The ingest does not take the result.
    OutputRefused,
    /// Nothing comes out.
    Stalled,
    /// Slower than real time.
    TooSlow,
    /// There is no node.
    NoNode,
    /// No node that could run it has slots free, or none could run it at all.
    NoSuitableNode,
    /// The channel itself has no data.
    WaitingForParent,
    /// Its node is about to end.
    Draining,
    /// The channel names a profile that is not defined here (any more).
    UnknownProfile,
    /// There are as many channels as `--max-channels` allows.
    MaxChannels,
    /// The channel has no program of the number that it names.
    NoProgram,
}

/// The answer to a heartbeat: the full list of jobs that the node shall run for this ingest. What
/// is not in it ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Orders {
    /// The ingest's node name: the same one behind two addresses is one.
    pub ingest: String,
    /// Another one whenever the list changed; never 0.
    pub revision: u64,
    pub jobs: Vec<Order>,
}

/// One job that a node shall run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Order {
    /// `news.preview`: also the id of the channel that it makes.
    pub id: String,
    /// Greater than that of any order before for this job: output under an older one is refused.
    pub epoch: u64,
    /// What to read: `GET /channels/{channel}.ts` where the order came from.
    pub channel: String,
    pub profile: Profile,
    /// Slots that it takes.
    pub cost: f64,
    /// The program to encode; null: the first.
    pub program: Option<u16>,
    /// Whether the picture is interlaced; null: the ingest can't tell.
    pub interlaced: Option<bool>,
    /// Whether there is a picture; null: the ingest can't tell yet.
    pub has_video: Option<bool>,
    /// Whether there is sound; null: the ingest can't tell yet.
    pub has_audio: Option<bool>,
}

/// The answer of `GET /api/v1/nodes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NodeList {
    pub nodes: Vec<NodeDocument>,
}

/// A processing node as the ingest sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NodeDocument {
    pub name: String,
    /// Where its last heartbeat came from.
    pub address: String,
    pub version: String,
    pub instance: String,
    pub slots: f64,
    /// As it said itself: other ingests may use it too.
    pub free_slots: f64,
    pub encoders: Vec<String>,
    pub ffmpeg: String,
    pub draining: bool,
    pub state: NodeState,
    /// RFC 3339, UTC.
    pub last_seen: String,
    /// Ids of the jobs that it has from this ingest.
    pub jobs: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Heard within 3 s.
    Alive,
    /// An upload of it ended by reset, and nothing was heard since.
    Suspect,
    /// Not heard for 3 s, or suspect with its heartbeat 1 s overdue: its jobs are moved.
    Silent,
}

/// The answer of `GET /api/v1/jobs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobList {
    pub jobs: Vec<JobDocument>,
}

/// A job as the ingest sees it: there is one for each rendition that is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobDocument {
    /// `news.preview`.
    pub id: String,
    pub channel: String,
    /// Name of its profile.
    pub profile: String,
    pub state: JobState,
    /// The node that has it, or shall have it.
    pub node: Option<String>,
    /// In force; 0: none was given yet.
    pub epoch: u64,
    /// Since when state and node are these (RFC 3339, UTC).
    pub since: String,
    /// Why it does not run, or not well; null: all is well.
    pub reason: Option<JobReason>,
    /// The facts in `detail`, for a user interface that speaks another language.
    pub params: BTreeMap<String, String>,
    /// A sentence in English that an operator can act on; empty when all is well.
    pub detail: String,
    #[serde(flatten)]
    pub progress: Progress,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// No node has it; the reason says why.
    Pending,
    /// A node has it, and nothing came back yet.
    Starting,
    Running,
    /// It failed, and waits until it is tried again.
    Failed,
    /// Another node takes over while the old one still sends.
    Handover,
}

impl ReportedState {
    pub const ALL: [Self; 5] = [
        Self::Starting,
        Self::Running,
        Self::Refused,
        Self::Failed,
        Self::Stopping,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Stopping => "stopping",
        }
    }
}

impl JobReason {
    pub const ALL: [Self; 14] = [
        Self::NoSlots,
        Self::EncoderMissing,
        Self::FfmpegFailed,
        Self::InputRefused,
        Self::OutputRefused,
        Self::Stalled,
        Self::TooSlow,
        Self::NoNode,
        Self::NoSuitableNode,
        Self::WaitingForParent,
        Self::Draining,
        Self::UnknownProfile,
        Self::MaxChannels,
        Self::NoProgram,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoSlots => "no_slots",
            Self::EncoderMissing => "encoder_missing",
            Self::FfmpegFailed => "ffmpeg_failed",
            Self::InputRefused => "input_refused",
            Self::OutputRefused => "output_refused",
            Self::Stalled => "stalled",
            Self::TooSlow => "too_slow",
            Self::NoNode => "no_node",
            Self::NoSuitableNode => "no_suitable_node",
            Self::WaitingForParent => "waiting_for_parent",
            Self::Draining => "draining",
            Self::UnknownProfile => "unknown_profile",
            Self::MaxChannels => "max_channels",
            Self::NoProgram => "no_program",
        }
    }
}

impl JobState {
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Starting,
        Self::Running,
        Self::Failed,
        Self::Handover,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Failed => "failed",
            Self::Handover => "handover",
        }
    }
}

impl NodeState {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Suspect => "suspect",
            Self::Silent => "silent",
        }
    }
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;
    use utoipa::openapi::{RefOr, Schema};

    use super::*;

    #[test]
    fn a_report_is_flat_and_survives_json() {
        let report = JobReport {
            id: "news.preview".to_owned(),
            epoch: 7,
            state: ReportedState::Failed,
            reason: Some(JobReason::FfmpegFailed),
            params: BTreeMap::new(),
            detail: String::new(),
            progress: Progress {
                fps: Some(25.0),
                complaints: 3,
                ..Progress::default()
            },
        };
        let json = serde_json::to_value(&report).expect("JSON");
        assert_eq!(json["complaints"], 3);
        assert_eq!(json["reason"], "ffmpeg_failed");
        let back: JobReport = serde_json::from_value(json).expect("a report");
        assert_eq!(back, report);
    }

    #[test]
    fn every_word_is_what_json_says() {
        let described = |schema: RefOr<Schema>| {
            let schema = serde_json::to_value(schema).expect("JSON");
            schema["enum"].as_array().map(Vec::len)
        };
        assert_eq!(
            described(JobReason::schema()),
            Some(JobReason::ALL.len()),
            "what is described is what is taken"
        );
        assert_eq!(
            described(ReportedState::schema()),
            Some(ReportedState::ALL.len())
        );
        for state in ReportedState::ALL {
            assert_eq!(serde_json::to_value(state).expect("JSON"), state.as_str());
        }
        for reason in JobReason::ALL {
            assert_eq!(serde_json::to_value(reason).expect("JSON"), reason.as_str());
        }
    }

    #[test]
    fn orders_of_a_newer_ingest_are_understood() {
        let orders: Orders =
            serde_json::from_str(r#"{"ingest":"n1","revision":1,"jobs":[],"zone":"a"}"#)
                .expect("orders");
        assert_eq!(orders.jobs, []);
    }
}
