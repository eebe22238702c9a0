//! Every bound of the node, by name. Each says what happens when it is reached.

use std::time::Duration;

/// Names given by `--ingest`. More are a wrong usage.
pub const INGESTS_MAX: usize = 64;

/// Addresses of all names together. More are passed over, logged.
pub const ADDRESSES_MAX: usize = 256;

/// Names are looked up again so often; a lookup that fails leaves the addresses known before.
pub const LOOKUP_PERIOD: Duration = Duration::from_secs(5);

/// The same while no ingest answers: there is nothing else to do, and jobs wait.
pub const LOOKUP_IDLE_PERIOD: Duration = Duration::from_secs(1);

/// A lookup without an answer by then has failed. The next one asks from another port: behind a
/// Service of Kubernetes that may reach another name server, where this one's retries can't.
pub const LOOKUP_WITHIN: Duration = Duration::from_secs(2);

/// From one heartbeat to the next. A change is told at once.
pub const HEARTBEAT_PERIOD: Duration = Duration::from_secs(1);

/// Two heartbeats to one address are at least so far apart, however often something changes.
pub const HEARTBEAT_GAP: Duration = Duration::from_millis(100);

/// A held answer is given up for newer news while no heartbeat is unanswered for longer. Then it is
/// waited for: however often something changes, answers are less than 3 s apart.
pub const UNANSWERED_MAX: Duration = Duration::from_secs(1);

/// Longest pause after heartbeats that failed: an ingest that returns is found within it.
pub const HEARTBEAT_PAUSE_MAX: Duration = Duration::from_secs(2);

/// An answer that is not there by then has failed; an ingest may hold one for 900 ms.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// A connection that is not made by then has failed.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// The head of a channel's stream: an ingest answers 504 after 10 s without data. A later one is a
/// failure.
pub const STREAM_HEAD_WITHIN: Duration = Duration::from_secs(15);

/// Longest list of orders. A longer one is refused, as if no answer had come.
pub const ORDERS_BYTES_MAX: usize = 4 << 20;

/// Jobs of one ingest. Orders past it are refused.
pub const JOBS_MAX: usize = 1024;

/// Without an answer for so long an ingest has given the jobs to others: they end here.
pub const LEASE: Duration = Duration::from_secs(5);

/// What is wrong and lasts (a wrong token, a name in use) is logged again so often.
pub const REMIND_PERIOD: Duration = Duration::from_secs(60);

/// Attempts of a job before it is reported as failed, for the ingest to run it elsewhere.
pub const ATTEMPTS_MAX: u32 = 5;

/// Pause before the second attempt; it doubles with each.
pub const RETRY_PAUSE: Duration = Duration::from_millis(300);

/// Longest pause between attempts.
pub const RETRY_PAUSE_MAX: Duration = Duration::from_secs(5);

/// A job that sent for so long has recovered: its attempts are counted anew.
pub const STEADY_AFTER: Duration = Duration::from_secs(10);

/// Pause before a channel that has no data is asked for again.
pub const PARENT_PAUSE: Duration = Duration::from_secs(1);

/// The input is silent when nothing came for so long; that is no fault of the job.
pub const INPUT_SILENT_AFTER: Duration = Duration::from_secs(2);

/// From input to the first output, on a machine that is loaded too; then ffmpeg is started anew.
pub const FIRST_OUTPUT_WITHIN: Duration = Duration::from_secs(10);

/// Nothing comes out for so long while the input flows: ffmpeg is started anew.
pub const STALLED_AFTER: Duration = Duration::from_secs(5);

/// Slower than real time for so long is said.
pub const SLOW_SAID_AFTER: Duration = Duration::from_secs(5);

/// Slower than real time for so long: ffmpeg is started anew.
pub const SLOW_ENDED_AFTER: Duration = Duration::from_secs(30);

/// Below it a job falls behind. ffmpeg's figures jitter by less.
pub const SPEED_MIN: f64 = 0.97;

/// Over so long speed is measured.
pub const SPEED_WINDOW: Duration = Duration::from_secs(5);

/// So much more of the source's time than passed between two reports is a jump of its clock: speed
/// is measured anew from there.
pub const SPEED_JUMP: Duration = Duration::from_secs(3);

/// How often a run is looked at.
pub const WATCH_PERIOD: Duration = Duration::from_millis(100);

/// Bytes of one read from ffmpeg, and of one piece of the upload.
pub const PIECE_BYTES_MAX: usize = 64 << 10;

/// Pieces that wait for the upload's socket. When it is full ffmpeg waits, and so its input.
pub const UPLOAD_PIECES_MAX: usize = 4;

/// The end of an upload is answered by then, or not at all.
pub const UPLOAD_END_WITHIN: Duration = Duration::from_secs(1);

/// Unacknowledged bytes of a connection for so long: the peer is gone.
pub const PEER_GONE_AFTER: Duration = Duration::from_secs(10);

/// Lines of ffmpeg that are kept of a job. Older ones are dropped; the count goes on.
pub const COMPLAINT_LINES_MAX: usize = 20;

/// Bytes of such a line. The rest is dropped.
pub const COMPLAINT_BYTES_MAX: usize = 200;

/// Bytes of a line of ffmpeg's progress. A longer one is dropped.
pub const PROGRESS_LINE_BYTES_MAX: usize = 256;

/// What a snapshot reads of its channel at most: half a second of 50 Mbit/s. What is not complete
/// by then is tried as it is.
pub const SNAPSHOT_INPUT_BYTES_MAX: usize = 4 << 20;

/// For so long a snapshot reads its channel at most; then it is tried with what came.
pub const SNAPSHOT_READ_WITHIN: Duration = Duration::from_secs(3);

/// A snapshot's ffmpeg that has not ended by then is killed: the attempt has failed.
pub const SNAPSHOT_MADE_WITHIN: Duration = Duration::from_secs(10);

/// Largest picture that an ingest takes. A larger one is a failure.
pub const SNAPSHOT_BYTES_MAX: usize = 512 << 10;

/// Shortest time from one snapshot to the next, whatever is ordered.
pub const SNAPSHOT_PERIOD_MIN: Duration = Duration::from_millis(500);

/// What is taken of the text that ffmpeg prints about itself. The rest is dropped.
pub const FFMPEG_TEXT_BYTES_MAX: usize = 1 << 20;

/// ffmpeg answers about itself, or encodes one picture, by then; else it does not work.
pub const FFMPEG_ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// An ffmpeg that does not work is looked at again so often; one that worked and then could not be
/// started, no sooner.
pub const FFMPEG_RETRY_PERIOD: Duration = Duration::from_secs(10);

/// Messages of links and runs that wait for the node's loop. When it is full they wait.
pub const MESSAGES_MAX: usize = 256;

/// How often the node's loop looks for what is due.
pub const TURN: Duration = Duration::from_millis(100);

/// At the end jobs go on for so long, until ingests have taken them away.
pub const HANDOVER_WITHIN: Duration = Duration::from_secs(8);

/// Runs that were told to end have so long; then they are cut.
pub const RUNS_END_WITHIN: Duration = Duration::from_millis(1200);

/// Requests for health and metrics that are under way at the end have so long; then they are cut.
/// With the two above it stays below the 10 s of every program.
pub const ANSWERS_END_WITHIN: Duration = Duration::from_millis(300);

/// Largest file with the token. A larger one is a mistake.
pub const TOKEN_FILE_BYTES_MAX: u64 = 64 << 10;
