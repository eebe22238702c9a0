//! Every bound of the program, by name. Each says what happens when it is reached.

use std::time::Duration;

/// Streams at once. A file with more is refused, the API answers 503.
pub const STREAMS_MAX: usize = 1000;

/// A TS file is held in memory whole. A larger one is refused.
pub const FILE_BYTES_MAX: u64 = 1 << 30;

/// Different TS files in memory at once. A stream of one more is refused.
pub const FILES_MAX: usize = 16;

/// Slowest test card: picture, tone and tables need 1.2 Mbit/s, with a proof in every second
/// packet twice that. A stream asking for less is refused.
pub const STREAM_BPS_MIN: u64 = 3_000_000;

/// Fastest test card. A stream asking for more is refused.
pub const STREAM_BPS_MAX: u64 = 4_000_000_000;

/// From this rate on datagrams leave in runs that the kernel cuts (GSO), unless the stream says
/// otherwise: below it a turn has too few for a run.
pub const GSO_BPS_MIN: u64 = 100_000_000;

/// Sending threads sleep at least so long between turns: longer makes bursts, shorter costs CPU.
pub const TURN: Duration = Duration::from_millis(1);

/// What a stream sends at once at most to make up for being late. What is beyond it is not sent
/// late but shifts the stream's clock, counted.
pub const CATCH_UP_MAX: Duration = Duration::from_millis(50);

/// A sending thread looks at its commands at least so often.
pub const SLEEP_MAX: Duration = Duration::from_millis(100);

/// Commands that wait for one sending thread. When it is full the caller waits.
pub const COMMANDS_MAX: usize = 64;

/// After a send that failed because the NIC is gone or down, the socket is opened anew so often;
/// until then the stream's datagrams are counted as not sent.
pub const REOPEN_EVERY: Duration = Duration::from_millis(500);

/// Datagrams that reordering and jitter hold back, per stream. When it is full the oldest leaves
/// early, counted.
pub const HELD_DATAGRAMS_MAX: usize = 4096;

/// Longest reordering distance in datagrams. A larger one is refused.
pub const REORDER_DISTANCE_MAX: u32 = 1024;

/// Longest jitter. A longer one is refused.
pub const JITTER_MS_MAX: u64 = 2000;

/// Room for one datagram of any form: RTP header with CSRC and extension, seven packets of 204
/// bytes, padding. What a stream may ask for is bounded so that it always fits.
pub const DATAGRAM_SLOT_BYTES: usize = 4096;

/// Largest datagram of a stream that is cut without regard to packets.
pub const CUT_BYTES_MAX: usize = 2048;

/// Largest header extension of RTP, in words of four bytes.
pub const RTP_EXTENSION_WORDS_MAX: usize = 64;

/// A streams file. A larger one is refused.
pub const STREAMS_FILE_BYTES_MAX: u64 = 4 << 20;

/// A request body. A larger one is answered 413.
pub const BODY_BYTES_MAX: usize = 256 << 10;

/// `verify`: viewers of one run. More is a wrong usage.
pub const VIEWERS_MAX: usize = 4000;

/// `verify`: the head of an answer. A longer one is a failure of that viewer.
pub const HEAD_BYTES_MAX: usize = 16 << 10;

/// `verify`: sequence numbers remembered to tell repeated from late ones. Older ones count as late.
pub const SEQUENCES_REMEMBERED: u64 = 1 << 16;
