//! Every bound of the UI, and what happens when it is reached.

use std::time::Duration;

/// How often each ingest is asked. A slow answer delays the next question.
pub const POLL_PERIOD: Duration = Duration::from_secs(1);

/// An ingest that has not answered a question by then has failed it.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// An ingest of which nothing was heard for so long is away. With [`ANSWER_WITHIN`] and
/// [`UPDATE_PERIOD`] browsers know it within 5 s, also after a power cut.
pub const AWAY_AFTER: Duration = Duration::from_secs(3);

/// Its event stream carries a comment each second: one that is silent for so long is dead, and
/// opened anew; one that is passed on is cut.
pub const EVENTS_SILENT: Duration = Duration::from_secs(3);

/// What an ingest does not have (404: nodes, jobs) is asked for again after so long; so is its
/// playlist while its channels stay the same, and one that it refuses.
pub const SELDOM_PERIOD: Duration = Duration::from_secs(10);

/// How often the names of ingests are looked up. A slow look-up delays the next.
pub const LOOKUP_PERIOD: Duration = Duration::from_secs(5);

/// The same after a look-up that failed.
pub const LOOKUP_FAILED_PERIOD: Duration = Duration::from_secs(1);

/// Look-ups in a row without an address before it counts as gone: a single odd answer of DNS
/// removes no ingest.
pub const GONE_LOOKUPS: u32 = 2;

/// A removed ingest is kept for so long, unless an admin dismisses it before.
pub const REMOVED_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest answer that is taken from an ingest: 256 channels (its own limit) at 32 KiB each.
/// A longer one is refused, which is shown as the ingest's error.
pub const ANSWER_BYTES_MAX: usize = 8 << 20;

/// The longest line of an ingest's event stream. A longer one ends the stream, which is opened anew.
pub const EVENT_LINE_BYTES_MAX: usize = 256 << 10;

/// URLs on one command line. More are refused at start.
pub const INGESTS_MAX: usize = 64;

/// Addresses that are asked, over all names. Further ones are passed over, which is logged.
pub const ADDRESSES_MAX: usize = 128;

/// Ingests known by name, removed ones among them. For a further one the removed one that went
/// first is forgotten; without any, the further one is passed over, which is shown as its error.
pub const NAMES_MAX: usize = 128;

/// Browsers get changes so often at most, however many channels there are.
pub const UPDATE_PERIOD: Duration = Duration::from_millis(500);

/// Messages that a browser may be behind. One that is further behind gets a fresh snapshot instead.
pub const UPDATES_BEHIND_MAX: usize = 16;

/// Events of ingests that wait for the next update. When there are more, the oldest are left out,
/// which is counted; `/api/events.json` still has them.
pub const EVENTS_PENDING_MAX: usize = 1000;

/// Without anything to say a browser gets a comment so often, and whether its session still holds
/// is looked at.
pub const COMMENT_PERIOD: Duration = Duration::from_secs(1);

/// Event streams to browsers at once, those of an ingest that are passed on among them. Past it: 503 with `Retry-After`.
pub const EVENT_STREAMS_MAX: usize = 128;

/// Event streams of one session at once, or of one address where there is no login. Past it: 503.
pub const EVENT_STREAMS_OF_ONE_MAX: usize = 16;

/// Previews at once. Past it: closed with code 4429.
pub const PREVIEWS_MAX: usize = 64;

/// Previews of one session at once, or of one address where there is no login. Past it: closed
/// with code 4429.
pub const PREVIEWS_OF_ONE_MAX: usize = 8;

/// An ingest answers a viewer within 10 s, with the reason where there is no data. One that does
/// not is away: closed with code 4503.
pub const PREVIEW_ANSWER_WITHIN: Duration = Duration::from_secs(12);

/// What may be read from an ingest before the browser has taken it. The rest waits in the ingest's
/// socket, where the channel's `slow_viewer` deals with it.
pub const PREVIEW_BUFFER_BYTES: usize = 64 << 10;

/// The longest message that a browser may send over a preview's WebSocket, where it has nothing to
/// say. A longer one ends the preview with code 1009.
pub const PREVIEW_MESSAGE_BYTES_MAX: usize = 4096;

/// Requests under way to one ingest. Past it: 503 with `Retry-After`.
pub const PROXIED_MAX: usize = 32;

/// The longest body that is passed to an ingest, which takes no longer one itself. Past it: 413.
pub const PROXIED_BODY_BYTES_MAX: usize = 1 << 20;

/// An ingest has to begin its answer to a passed request by then, the request's body included; a
/// diagnosis takes some seconds. Past it: 504.
pub const PROXIED_ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A passed answer whose next piece takes longer is cut.
pub const PROXIED_PIECE_WITHIN: Duration = Duration::from_secs(30);

/// A passed answer that takes longer as a whole is cut: a capture has 32 MiB at most.
pub const PROXIED_WHOLE_WITHIN: Duration = Duration::from_secs(10 * 60);

/// Lists of all ingests' events that are made at once. Past it: 503 with `Retry-After`.
pub const EVENT_LISTS_MAX: usize = 4;

/// The longest token file. A longer one is refused at start; later the token before stays in force.
pub const TOKEN_FILE_BYTES_MAX: usize = 4096;

/// Users in the users file. A longer list is a mistake.
pub const USERS_MAX: usize = 1000;

/// A user's name in characters: what ingests take as `Encoder-Actor`. A longer one is a mistake.
pub const USER_NAME_CHARACTERS_MAX: usize = 64;

/// The longest password. A longer one is wrong unseen, and `hash-password` refuses it.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// Memory for one check of a password that the users file may ask for. More is a mistake.
pub const PASSWORD_MEMORY_KIB_MAX: u32 = 256 << 10;

/// Rounds of one check that the users file may ask for. More is a mistake.
pub const PASSWORD_ROUNDS_MAX: u32 = 16;

/// Passwords that are checked at once, each on a thread of its own. Further ones wait.
pub const PASSWORD_CHECKS_MAX: usize = 2;

/// Passwords that wait for their check. Past it: 429.
pub const PASSWORD_CHECKS_WAITING_MAX: usize = 16;

/// Attempts to log in that one address, and one name, has in hand; each is given back after
/// [`LOGIN_ATTEMPT_PERIOD`], and at once when the password was right. Past it: 429.
pub const LOGIN_ATTEMPTS_MAX: u32 = 10;

/// See [`LOGIN_ATTEMPTS_MAX`].
pub const LOGIN_ATTEMPT_PERIOD: Duration = Duration::from_secs(6);

/// Places in each table of attempts. Addresses, and names, that fall on one place share it.
pub const LOGIN_PLACES: usize = 4096;

/// The longest body of a log-in. Past it: 413.
pub const LOGIN_BODY_BYTES_MAX: usize = 8 << 10;

/// How long a session holds.
pub const SESSION_HOLDS: Duration = Duration::from_secs(12 * 60 * 60);

/// Sessions that were logged out and have not expired. When there are more, the user with the most of
/// them is logged out of all sessions that began before; no ended session ever holds again.
pub const ENDED_SESSIONS_MAX: usize = 16 << 10;

/// The longest session that is read. A longer one is none.
pub const SESSION_BYTES_MAX: usize = 1024;

/// A session key needs so many bytes at least: as many as the hash has. A shorter file is refused
/// at start.
pub const SESSION_KEY_BYTES_MIN: usize = 32;

/// The longest session key file. A longer one is refused at start.
pub const SESSION_KEY_BYTES_MAX: usize = 4096;

/// How often the users file and the token file are looked at. A content counts when it was found
/// twice.
pub const FILE_LOOK_PERIOD: Duration = Duration::from_millis(400);

/// Browser connections at once. For one more the one that has waited for a request the longest is
/// closed; where all are about one, see [`CONNECTIONS_SPARE`]. There is room for event streams and
/// previews beside those that ask.
pub const CONNECTIONS_MAX: usize = 512;

/// Connections past [`CONNECTIONS_MAX`]: one request each, told 503 with `Retry-After` but for health
/// and metrics. For one more the one that has waited longest is closed, else it is closed itself.
pub const CONNECTIONS_SPARE: usize = 32;

/// One of those that has not sent its request by then is closed.
pub const CROWDED_REQUEST_WITHIN: Duration = Duration::from_secs(2);

/// A connection that has not sent its next request by then is closed.
pub const REQUEST_WITHIN: Duration = Duration::from_secs(15);

/// A browser whose kernel takes nothing of what was sent for so long is gone: its connection is
/// closed.
pub const BROWSER_STALL: Duration = Duration::from_secs(30);

/// Unsent bytes that the kernel keeps for a browser, so that a preview stays close to live.
pub const UNSENT_BYTES_MAX: u32 = 256 << 10;

/// Requests under way at the end have so long to finish; then they are cut.
pub const DRAIN: Duration = Duration::from_secs(2);

/// Between two attempts to accept when the kernel refuses (out of file descriptors).
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The process counts as alive while updates are made at least so often.
pub const LIVE_WITHIN: Duration = Duration::from_secs(10);

/// The process counts as ready while updates are made at least so often: some turns of
/// [`UPDATE_PERIOD`]. Past it `/ready` is 503.
pub const READY_WITHIN: Duration = Duration::from_secs(3);

/// The bounds that `/api/about` tells.
pub const TOLD: [(&str, usize); 8] = [
    ("connections_max", CONNECTIONS_MAX),
    ("event_streams_max", EVENT_STREAMS_MAX),
    ("event_streams_of_one_max", EVENT_STREAMS_OF_ONE_MAX),
    ("previews_max", PREVIEWS_MAX),
    ("previews_of_one_max", PREVIEWS_OF_ONE_MAX),
    ("proxied_max", PROXIED_MAX),
    ("proxied_body_bytes_max", PROXIED_BODY_BYTES_MAX),
    ("ingests_max", NAMES_MAX),
];
