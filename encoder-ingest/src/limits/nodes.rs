//! The bounds of what processing nodes say, run and send.

use std::time::Duration;

/// Processing nodes that are known. The heartbeat of a further one gets 503.
pub const NODES_MAX: usize = 256;

/// A node that was not heard for so long loses its jobs to another.
pub const NODE_SILENCE: Duration = Duration::from_secs(3);

/// A node that is suspect loses its jobs when it was not heard for so long: its next heartbeat, one a
/// second, is 1 s overdue.
pub const NODE_SUSPECT_SILENCE: Duration = Duration::from_secs(2);

/// A silent node is shown for so long; then it is forgotten.
pub const NODE_KEPT: Duration = Duration::from_secs(600);

/// Jobs are given to nodes once the ingest has run for so long: each node that lives has been heard by
/// then, and they spread over all.
pub const NODES_SETTLE: Duration = Duration::from_millis(1200);

/// A job whose parent has no data, or that something else stands in the way of, keeps its node for so
/// long.
pub const OBSTACLE_GRACE: Duration = Duration::from_secs(10);

/// Handing a job over takes so long at most: then the old node's output is refused, even if nothing
/// has come from the new one yet.
pub const HANDOVER: Duration = Duration::from_secs(5);

/// A node that says nothing of a job for so long after it was ordered has failed at it.
pub const JOB_ORDER_WAIT: Duration = Duration::from_secs(10);

/// A node that sends nothing of a job for so long has failed at it.
pub const JOB_OUTPUT_WAIT: Duration = Duration::from_secs(30);

/// The first wait before a job that failed is tried again; each further one is twice as long.
pub const JOB_BACKOFF_FIRST: Duration = Duration::from_secs(1);

/// The longest wait before a job that failed is tried again, and how long a node at which it failed
/// twice is avoided.
pub const JOB_BACKOFF_MAX: Duration = Duration::from_secs(30);

/// A job that failed so often on one node goes elsewhere, where there is another.
pub const JOB_ATTEMPTS_PER_NODE: u32 = 2;

/// When a job has run for so long, its failures of before are forgotten.
pub const JOB_SETTLED: Duration = Duration::from_secs(30);

/// An epoch that a node reports from before a restart is believed to be one up to so far ahead of the
/// clock. One further ahead is passed over.
pub const EPOCH_AHEAD: Duration = Duration::from_secs(24 * 3600);

/// A new upload begins after so long even without a random access point that can be told, or with what
/// has been shown already.
pub const UPLOAD_ACCESS_WAIT_MS: u64 = 5000;

/// A piece of an upload: about what one read brings. Larger ones are cut.
pub const UPLOAD_PIECE_BYTES: usize = 87 * common::ts::packet::PACKET_BYTES;

/// Pieces of an upload that wait for their worker. When the queue is full, the
/// upload is not read on, so that its node waits.
pub const UPLOAD_QUEUE_DEPTH: usize = 16;

/// An upload of which nothing comes for so long is ended, with 408.
pub const UPLOAD_SILENCE: Duration = Duration::from_secs(30);

/// Uploads of one job at the same time: two of a handover, and what the kernel has not given up yet. A
/// further one gets 503.
pub const UPLOADS_PER_JOB_MAX: usize = 4;

/// A snapshot. A larger one gets 413.
pub const SNAPSHOT_BYTES_MAX: usize = 512 * 1024;

/// Jobs that a heartbeat may report. One with more is refused.
pub const HEARTBEAT_JOBS_MAX: usize = 4096;

/// Encoders that a node may have. A heartbeat with more is refused.
pub const NODE_ENCODERS_MAX: usize = 512;

/// Characters of any other text in a heartbeat. A longer one is refused.
pub const HEARTBEAT_TEXT_CHARACTERS_MAX: usize = 1024;

/// Facts about a job in a heartbeat. One with more is refused.
pub const HEARTBEAT_PARAMS_MAX: usize = 64;

/// Lines that are kept of what ffmpeg wrote last. The older ones of more are dropped.
pub const STDERR_LINES_MAX: usize = 20;

/// Bytes that are kept of each of these lines. The rest is cut off.
pub const STDERR_LINE_BYTES_MAX: usize = 200;

/// A heartbeat's answer is held for so long at most, unless the orders change.
pub const HEARTBEAT_HOLD: Duration = Duration::from_millis(900);

/// Nodes and jobs are looked at so often, besides at every heartbeat.
pub const NODES_TURN: Duration = Duration::from_millis(100);

/// What is wanted of nodes is compared with the channels so often.
pub const WANTED_INTERVAL: Duration = Duration::from_millis(300);

/// A node's token that is not known is logged once in so long.
pub const TOKEN_WARNING_INTERVAL: Duration = Duration::from_secs(60);
