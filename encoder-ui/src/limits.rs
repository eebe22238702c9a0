//! Every bound of the UI, and what happens when it is reached.

use std::time::Duration;

/// How often each ingest is asked. A slow answer delays the next question.
pub const POLL_PERIOD: Duration = Duration::from_secs(1);

/// An ingest that has not answered a request by then has failed it.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// An ingest without a good answer for so long is shown as away. With [`ANSWER_WITHIN`] and
/// [`POLL_PERIOD`] the page says so within 5 s.
pub const AWAY_AFTER: Duration = Duration::from_secs(3);

/// The longest answer that is taken from an ingest: 256 channels (its own limit) at 32 KiB each.
/// A longer one is refused, and the ingest shown as away with that reason.
pub const ANSWER_BYTES_MAX: usize = 8 << 20;

/// Ingests on one command line. More are refused at start.
pub const INGESTS_MAX: usize = 64;

/// Browser connections at once. More wait in the kernel's queue until one ends.
pub const CONNECTIONS_MAX: usize = 512;

/// A connection that has not sent its next request by then is closed.
pub const REQUEST_WITHIN: Duration = Duration::from_secs(15);

/// Requests under way at the end have so long to finish; then they are cut.
pub const DRAIN: Duration = Duration::from_secs(2);

/// Between two attempts to accept when the kernel refuses (out of file descriptors).
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
