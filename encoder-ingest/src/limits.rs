//! Every bound of the ingest, by name, and what happens when it is reached.

mod nodes;

use std::time::Duration;

pub use nodes::*;

/// A piece of history: what one receive call fills and what one write sends. 49 datagrams of 1316
/// bytes, the most that the kernel glues into one receive, fit in it.
pub const BLOCK_BYTES: usize = 64 * 1024;

/// Blocks that a channel may always hold, whatever the budget says: the one that is filled and the
/// one before it. With less, a viewer could not be served at all.
pub const CHANNEL_BLOCKS_MIN: usize = 2;

/// Free blocks that a worker keeps for the next receive. More go back to the allocator.
pub const WORKER_SPARE_BLOCKS_MAX: usize = 8;

/// Random access points remembered in a history. When there is no room, every second one is
/// forgotten, so that those left reach as far back.
pub const MARKS_MAX: usize = 64;

/// PAT and PMT packets kept for the start of a viewer: PAT and PMT of up to eight packets together
/// (1.5 KB of tables). Larger tables are not sent in front; the stream itself brings them.
pub const PRELUDE_PACKETS_MAX: usize = 8;

/// PIDs that are followed per channel. Packets of further PIDs are relayed, but not analysed, which
/// is counted; one that a table names takes the place of one that none does, and one that is silent
/// for 30 s gives its place up.
pub const PIDS_MAX: usize = 255;

/// The beginning of a PES packet that is kept while a sequence header is looked for. Where none is
/// found by then, the next PES packet is looked at.
pub const CONTENT_BYTES_MAX: usize = 1024;

/// PCRs in a row that must lie on one line before a stream counts as one of constant rate: 1.3 s
/// where they come each 20 ms. When there are more, the oldest goes.
pub const ACCURACY_POINTS: usize = 64;

/// Programs read from a PAT. Further ones are relayed, but not listed, which is
/// counted.
pub const PROGRAMS_MAX: usize = 128;

/// Elementary streams read from a PMT. Further ones are relayed, but not listed, which
/// is counted.
pub const PROGRAM_STREAMS_MAX: usize = 64;

/// The longest PSI section (ISO/IEC 13818-1, 2.4.4: 1024 bytes for PAT and PMT; private sections
/// may have 4096). A longer one is skipped, which is counted.
pub const SECTION_BYTES_MAX: usize = 4096;

/// Iovecs in one write to a viewer: with blocks of 64 KiB, 1 MiB. What is left goes with the next.
pub const WRITE_SLICES_MAX: usize = 16;

/// What one viewer may take in one turn of its worker, so that one that catches up does not keep
/// the others waiting. The rest goes in the next turn.
pub const VIEWER_TURN_BYTES_MAX: usize = 2 << 20;

/// Unsent bytes that the kernel may keep for a viewer (`TCP_NOTSENT_LOWAT`); the rest of its lag
/// stays in the shared history.
pub const VIEWER_UNSENT_BYTES_MAX: i32 = 512 << 10;

/// A viewer whose kernel buffer takes nothing for so long is closed.
pub const VIEWER_STALL: Duration = Duration::from_secs(30);

/// A viewer whose channel has no data for so long after its request gets 504.
pub const VIEWER_FIRST_DATA: Duration = Duration::from_secs(10);

/// A viewer waits so long for a random access point of a channel that has data, then begins (or
/// goes on) without one.
pub const RANDOM_ACCESS_WAIT: Duration = Duration::from_millis(1500);

/// Commands that wait for a worker. When it is full, control waits; viewers get 503.
pub const COMMAND_QUEUE_DEPTH: usize = 1024;

/// Replies of the workers that wait for the keeper. When it is full, a worker keeps what concerns
/// sockets (one a viewer at most) until there is room, and drops mere news, counted.
pub const REPLY_QUEUE_DEPTH: usize = 4096;

/// Notices that wait for the control plane. When it is full, the keeper waits.
pub const NOTICE_QUEUE_DEPTH: usize = 1024;

/// RTP packets that are held back behind a gap. Past it the gap is given up as lost.
pub const REORDER_PACKETS_MAX: usize = 64;

/// How long RTP packets are held back behind a gap. Past it the gap is given up as lost.
pub const REORDER_WAIT: Duration = Duration::from_millis(50);

/// A forward jump of the RTP sequence up to here is loss, a larger one a restart of the source
/// (RFC 3550, A.1, `MAX_DROPOUT`).
pub const RTP_DROPOUT_MAX: u16 = 3000;

/// An RTP packet so far behind is late or a duplicate; further behind, one alone is late too, and two
/// in sequence are a source that has restarted (RFC 3550, A.1, `MAX_MISORDER` is 100; our window is a
/// power of two).
pub const RTP_MISORDER_MAX: u16 = 128;

/// Datagrams of another kind in a row that make a channel change its kind (TS, RTP). Fewer are
/// strays: dropped and counted.
pub const KIND_CHANGE_DATAGRAMS: u32 = 8;

/// Datagrams of whole packets in a row after which an unaligned stream is believed to be aligned.
/// Fewer are the short ones that end a picture or a frame of sound; they stay on the slow path.
pub const ALIGNED_DATAGRAMS: u32 = 512;

/// Receive calls that one turn makes on one socket at most: 64 x 64 datagrams, or 64 x 64 KiB. The
/// rest waits for the next turn, which then comes at once.
pub const TURN_RECEIVES_MAX: usize = 64;

/// Bytes that should have gathered when a channel's socket is drained: what one segment of a viewer's
/// connection holds before it is cut (TSO: 64 KiB with its headers), less a few datagrams that a turn
/// may find more.
pub const TURN_BYTES_WANTED: u32 = 60 * 1024;

/// A fast stream gathers at least so long, however many bytes that is: the wake and its system calls
/// cost more than the delay is worth. At 400 Mbit/s that is two full segments of a viewer's
/// connection.
pub const TURN_GATHER_MIN: Duration = Duration::from_micros(2500);

/// The shortest sleep between two drains of one socket, where its buffer is small for the rate.
pub const TURN_INTERVAL_MIN: Duration = Duration::from_micros(500);

/// What the kernel charges a socket's buffer for one datagram of an Ethernet frame: the data and
/// its own structures (measured on Linux 6.18).
pub const DATAGRAM_TRUESIZE_BYTES: usize = 2304;

/// Bounds of the histogram `relay_delay_seconds`, in seconds; one bucket more is open upwards.
pub const DELAY_BUCKETS_SECONDS: [f64; 12] = [
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 1.0,
];

/// The first wait before a silent channel is joined anew; each further one is twice as long.
pub const REJOIN_WAIT_FIRST: Duration = Duration::from_secs(2);

/// The longest wait between two rejoins of a silent channel.
pub const REJOIN_WAIT_MAX: Duration = Duration::from_secs(300);

/// A silent group is looked for on other NICs once nothing has come for so long.
pub const PROBE_SILENCE: Duration = Duration::from_secs(1);

/// A probe listens on a NIC for so long at most; there is one probe at a time.
pub const PROBE: Duration = Duration::from_millis(500);

/// A group that stays silent is looked for again after so long.
pub const PROBE_INTERVAL: Duration = Duration::from_secs(60);

/// What a probe's socket may hold: one datagram is all that it waits for. More is dropped.
pub const PROBE_BUFFER_BYTES: usize = 64 * 1024;

/// So long a silent group is left to see whether the host's reverse path filter has dropped it.
pub const FILTER_TEST: Duration = Duration::from_millis(300);

/// The filter is not tested for one channel again within this time.
pub const FILTER_TEST_INTERVAL: Duration = Duration::from_secs(10);

/// Errors of a channel are kept with their times for so long.
pub const ERRORS_KEPT_FOR: Duration = Duration::from_secs(30);

/// Errors that are kept of a channel, gathered by kind and tenth of a second. The oldest are
/// forgotten first.
pub const ERRORS_KEPT: usize = 1000;

/// The longest time that an acknowledgement may hold. A request for more is refused.
pub const ACKNOWLEDGEMENT_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// Characters of an acknowledgement's note. A longer one is refused.
pub const NOTE_CHARACTERS_MAX: usize = 500;

/// What a worker copies of a history at once, between two turns: a tenth of a millisecond's work.
pub const CAPTURE_PIECE_BYTES: usize = 512 * 1024;

/// Bytes of one capture. A channel of a higher rate gives fewer seconds, which `X-Seconds` says.
pub const CAPTURE_BYTES_MAX: usize = 32 << 20;

/// Captures that are made or downloaded at the same time. Further ones are refused with 503.
pub const CAPTURES_MAX: usize = 2;

/// The longest capture that may be asked for; it has what the history has anyway.
pub const CAPTURE_SECONDS_MAX: u32 = 600;

/// Another input must have been well for so long before it takes over from one from which nothing
/// comes, or from which a PID does not.
pub const FAILOVER_TAKEOVER: Duration = Duration::from_millis(300);

/// Another input must have been well, and without the fault, for so long before it takes over from
/// one that brings something: as long as such a fault takes to be seen.
pub const FAILOVER_PROOF: Duration = Duration::from_secs(1);

/// Each time that the input which took over has such a fault too, soon after, the next has to prove
/// itself for twice as long, up to so many times as long.
pub const FAILOVER_PATIENCE_MAX: u32 = 256;

/// Where nothing usable comes, another input that lacks PIDs is taken once it has been well
/// otherwise for so long, and none that lacks nothing has been found.
pub const FAILOVER_PARTLY: Duration = Duration::from_secs(1);

/// An input that has been taken is not left for so long, unless nothing comes from it.
pub const FAILOVER_DWELL: Duration = Duration::from_secs(2);

/// An input that was taken is not said to have stopped for so long.
pub const FAILOVER_SETTLE: Duration = Duration::from_secs(1);

/// A preferred input is gone back to once it has been well for so long; each time that it fails
/// within [`RETURN_TRIAL`] of the return, for twice as long.
pub const RETURN_HOLD_FIRST: Duration = Duration::from_secs(10);

/// The longest time that a preferred input has to be well before it is gone back to.
pub const RETURN_HOLD_MAX: Duration = Duration::from_secs(300);

/// An input that has held out for so long after it was taken is as good as any.
pub const RETURN_TRIAL: Duration = Duration::from_secs(60);

/// Drains of one input that is tried, at one look; each is as many receives as a turn may make. What
/// the socket holds beyond waits for the next look.
pub const TRIAL_DRAINS_MAX: usize = 8;

/// An input that could not be joined is tried again after so long.
pub const TRIAL_RETRY: Duration = Duration::from_secs(1);

/// Diagnoses that wait for their probes. Further ones are refused with 503.
pub const DIAGNOSES_MAX: usize = 16;

/// A diagnosis whose probes are not done after so long answers without them.
pub const DIAGNOSIS_WAIT: Duration = Duration::from_secs(15);

/// How long stopping may take until viewers are cut.
pub const DRAIN: Duration = Duration::from_secs(2);

/// Threads of the control runtime. They never touch a packet.
pub const CONTROL_THREADS: usize = 2;

/// The head of a request. A longer one is answered 431.
pub const REQUEST_HEAD_BYTES_MAX: usize = 16 * 1024;

/// Header fields in a request. One with more is answered 431.
pub const REQUEST_HEADERS_MAX: usize = 64;

/// A connection whose request head is not complete after so long is answered 408 and closed: so
/// long an idle one costs a connection.
pub const REQUEST_HEAD_WAIT: Duration = Duration::from_secs(5);

/// The body of a request to the API: as much as a document may have. A longer one is answered 413.
pub const REQUEST_BODY_BYTES_MAX: usize = common::document::DOCUMENT_BYTES_MAX + 1024;

/// A request whose body is not complete after so long is answered 408.
pub const REQUEST_BODY_WAIT: Duration = Duration::from_secs(10);

/// Connections past `--max-connections` that are being told so. Further ones are closed unanswered.
pub const REFUSALS_MAX: usize = 64;

/// After an answer the writing side is closed and what the client still sends is read for so long,
/// so that the kernel does not reset the connection and lose the answer.
pub const LINGER: Duration = Duration::from_millis(500);

/// How long an answer that refuses may take to be written.
pub const REFUSAL_WRITE_WAIT: Duration = Duration::from_secs(2);

/// A pause of accepting when the process has no file descriptor left.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is kept of a viewer's `User-Agent`, in characters. The rest is cut off.
pub const USER_AGENT_CHARACTERS_MAX: usize = 200;

/// The longest history that a viewer may ask to begin at (`?backlog_ms=`): more is the history's
/// whole length anyway.
pub const BACKLOG_MAX: Duration = Duration::from_secs(60);

/// A channel that was made on demand is left so long after its last viewer.
pub const ON_DEMAND_LINGER: Duration = Duration::from_secs(10);

/// How often channels made on demand are looked at.
pub const ON_DEMAND_SWEEP: Duration = Duration::from_secs(1);

/// How long requests in progress may go on when the process stops; then they are cut.
pub const REQUEST_DRAIN: Duration = Duration::from_secs(1);

/// Inputs of a channel: the preferred one and its backups. A definition with more is refused.
pub const CHANNEL_INPUTS_MAX: usize = 8;

/// Renditions that a channel may ask for. A definition with more is refused.
pub const CHANNEL_RENDITIONS_MAX: usize = 16;

/// Ingests that a channel may name. A definition with more is refused.
pub const CHANNEL_INGESTS_MAX: usize = 256;

/// Labels of a channel. A definition with more is refused.
pub const CHANNEL_LABELS_MAX: usize = 32;

/// Characters of a label's name and of its value. A definition with longer ones is refused.
pub const LABEL_CHARACTERS_MAX: usize = 128;

/// Characters of a channel's name and of its group. A definition with longer ones is refused.
pub const NAME_CHARACTERS_MAX: usize = 120;

/// The largest channel number (`tvg-chno`). A definition with a larger one is refused.
pub const CHANNEL_NUMBER_MAX: u32 = 99_999;

/// A host's name in DNS (RFC 1035, 2.3.4, less the length bytes at both ends). A definition with a
/// longer one is refused.
pub const HOST_NAME_BYTES_MAX: usize = 253;

/// A logo's address. A definition with a longer one is refused.
pub const URL_BYTES_MAX: usize = 2048;

/// Own profiles in a channels file. A file with more is refused.
pub const PROFILES_MAX: usize = 64;

/// The name of a profile, and of a codec. A file with a longer one is refused.
pub const PROFILE_NAME_BYTES_MAX: usize = 32;

/// Width and height of a profile's picture. A file with a larger one is refused.
pub const PICTURE_PIXELS_MAX: u32 = 8192;

/// Video bit rate of a profile. A file with a larger one is refused.
pub const VIDEO_KBPS_MAX: u32 = 100_000;

/// Audio bit rate of a profile. A file with a larger one is refused.
pub const AUDIO_KBPS_MAX: u32 = 1024;

/// The body of a request that makes or changes one channel. A larger one gets 413.
pub const CHANNEL_BODY_BYTES_MAX: usize = 64 * 1024;

/// The file that keeps the operator channels. A change that would make it larger is refused.
pub const STORE_BYTES_MAX: usize = common::document::DOCUMENT_BYTES_MAX;

/// The file with pins and acknowledgements. A larger one is left behind.
pub const CARE_BYTES_MAX: u64 = 4 << 20;

/// Pins and acknowledgements that end by themselves are looked at so often.
pub const CARE_INTERVAL: Duration = Duration::from_secs(1);

/// What was kept of a channel that does not run so long after the start is forgotten.
pub const CARE_WAITS: Duration = Duration::from_secs(60);

/// Events that are kept for who comes late. The oldest are forgotten first.
pub const EVENTS_KEPT: usize = 1000;
