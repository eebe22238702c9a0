//! A viewer: a socket, and a cursor into its channel's history.
//!
//! What it is sent is a head, then PAT and PMT, then one contiguous piece from a random access
//! point on; after a skip or a switch the same again, on a packet boundary. It never waits, and
//! holds no data of its own but the few bytes that the history can't give.

use std::io::{ErrorKind, IoSlice, Read};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use common::api::channel::SlowViewer;
use common::net::sys;
use common::ts::packet::PACKET_BYTES;
use socket2::SockRef;

use super::history::{History, Mark};
use crate::limits::{
    RANDOM_ACCESS_WAIT, VIEWER_FIRST_DATA, VIEWER_STALL, VIEWER_TURN_BYTES_MAX,
    VIEWER_UNSENT_BYTES_MAX, WRITE_SLICES_MAX,
};
use crate::live::{LiveViewer, ViewerEnd};

/// Where in the channel a viewer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the newest random access point that is at least so old, or the oldest there is.
    RandomAccess { backlog: Duration },
    /// At the newest byte (`?start=live`).
    Live,
}

/// A connected viewer.
#[derive(Debug)]
pub struct Viewer {
    live: Arc<LiveViewer>,
    socket: TcpStream,
    place: Place,
    /// Response head, tables, the rest of a packet: sent before what lies at the cursor.
    pending: Vec<u8>,
    pending_sent: usize,
    /// The cursor must not pass this place: behind it is another source.
    barrier: Option<u64>,
    /// The kernel takes nothing more until it says so.
    blocked: bool,
    last_sent_ms: u64,
    sent_bytes: u64,
    skipped_bytes: u64,
}

/// Where the viewer is in the channel's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing has been sent: waits for data, then for a random access point. `from` is where the
    /// stream was when it came.
    Starting {
        start: Start,
        from: u64,
        since_ms: u64,
        data_since_ms: Option<u64>,
    },
    At(u64),
    /// Waits for a random access point at or behind `from`; what lies from `missed_from` to it is
    /// skipped.
    Resuming {
        from: u64,
        missed_from: u64,
        since_ms: u64,
    },
}

/// What a viewer needs to know of its channel and of the time.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub history: &'a History,
    /// Data has come within the silence limit.
    pub flowing: bool,
    pub now_ms: u64,
}

/// How a viewer fares after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pumped {
    /// It has all there is, or its kernel buffer is full.
    Done,
    /// It could take more at once; others come first.
    More,
    Ended(ViewerEnd),
}

/// A client that acknowledges nothing for so long is gone (`TCP_USER_TIMEOUT`).
const USER_TIMEOUT: Duration = VIEWER_STALL;

impl Viewer {
    #[must_use]
    pub fn new(
        live: Arc<LiveViewer>,
        socket: TcpStream,
        head: Vec<u8>,
        start: Start,
        now_ms: u64,
    ) -> Self {
        let options = SockRef::from(&socket);
        // A socket that refuses one of these has died already: the first write will tell.
        let _ = options.set_nonblocking(true);
        let _ = options.set_tcp_nodelay(true);
        let _ = options.set_tcp_user_timeout(Some(USER_TIMEOUT));
        let _ = sys::set_unsent_limit(socket.as_fd(), VIEWER_UNSENT_BYTES_MAX);
        Self {
            live,
            socket,
            place: Place::Starting {
                start,
                from: 0,
                since_ms: now_ms,
                data_since_ms: None,
            },
            pending: head,
            pending_sent: 0,
            barrier: None,
            blocked: false,
            last_sent_ms: now_ms,
            sent_bytes: 0,
            skipped_bytes: 0,
        }
    }

    /// Where its channel's stream is as it comes: without a random access point it begins here.
    pub fn arrives(&mut self, head: u64) {
        if let Place::Starting { from, .. } = &mut self.place {
            *from = head;
        }
    }

    #[must_use]
    pub fn live(&self) -> &Arc<LiveViewer> {
        &self.live
    }

    #[must_use]
    pub fn blocked(&self) -> bool {
        self.blocked
    }

    /// The kernel has room again.
    pub fn unblock(&mut self) {
        self.blocked = false;
    }

    /// Everything that can be sent has been.
    #[must_use]
    pub fn caught_up(&self, history: &History) -> bool {
        match self.place {
            Place::At(position) => {
                self.pending_sent == self.pending.len() && position >= history.head()
            }
            Place::Starting { .. } | Place::Resuming { .. } => true,
        }
    }

    /// Nothing has been sent yet, not even the head.
    #[must_use]
    pub fn starting(&self) -> bool {
        matches!(self.place, Place::Starting { .. })
    }

    /// Sends what there is.
    pub fn pump(&mut self, view: View<'_>) -> Pumped {
        if self.blocked {
            return Pumped::Done;
        }
        self.settle(view);
        let mut budget = VIEWER_TURN_BYTES_MAX;
        loop {
            match self.write(view) {
                Ok(0) => return Pumped::Done,
                Ok(sent) if self.blocked || sent >= budget => {
                    return if self.blocked {
                        Pumped::Done
                    } else {
                        Pumped::More
                    };
                }
                Ok(sent) => budget -= sent,
                Err(_) => return Pumped::Ended(ViewerEnd::Gone),
            }
            self.settle(view);
        }
    }

    /// The history ends here for now and goes on with another source.
    pub fn cut(&mut self, position: u64, now_ms: u64) {
        match self.place {
            Place::At(at) if at < position => self.barrier = Some(position),
            Place::At(_) => {
                self.place = Place::Resuming {
                    from: position,
                    missed_from: position,
                    since_ms: now_ms,
                };
            }
            Place::Resuming {
                missed_from,
                since_ms,
                ..
            } => {
                self.place = Place::Resuming {
                    from: position,
                    missed_from,
                    since_ms,
                };
            }
            Place::Starting { .. } => {}
        }
    }

    /// The block that ends at `end` is about to go. Answers how the viewer ends, if it does.
    pub fn overtaken(
        &mut self,
        end: u64,
        policy: SlowViewer,
        history: &History,
        now_ms: u64,
    ) -> Option<ViewerEnd> {
        let Place::At(position) = self.place else {
            return None;
        };
        if position >= end {
            return None;
        }
        if policy == SlowViewer::Disconnect {
            return Some(ViewerEnd::Slow);
        }
        let mut rest = [0; PACKET_BYTES];
        let rest_bytes = history.packet_rest(position, &mut rest);
        self.pending.extend_from_slice(&rest[..rest_bytes]);
        let from = self.barrier.take().unwrap_or(0);
        let missed_from = position + rest_bytes as u64;
        self.place = Place::Resuming {
            from,
            missed_from,
            since_ms: now_ms,
        };
        None
    }

    /// Judges the timers, a few times a second.
    pub fn overdue(&mut self, view: View<'_>, idle: Duration) -> Option<ViewerEnd> {
        let quiet = Duration::from_millis(view.now_ms.saturating_sub(self.last_sent_ms));
        self.publish(view);
        match self.place {
            Place::Starting { since_ms, .. } => {
                let waited = Duration::from_millis(view.now_ms.saturating_sub(since_ms));
                (!view.flowing && waited >= VIEWER_FIRST_DATA).then_some(ViewerEnd::NoData)
            }
            _ if self.blocked => (quiet >= VIEWER_STALL).then_some(ViewerEnd::Stalled),
            _ => (quiet >= idle).then_some(ViewerEnd::Idle),
        }
    }

    /// Ends the connection so that what was sent still arrives: closing with unread input would
    /// reset it.
    pub fn close(mut self) -> Arc<LiveViewer> {
        let _ = self.socket.shutdown(Shutdown::Write);
        let mut unread = [0; 4096];
        while self.socket.read(&mut unread).is_ok_and(|count| count > 0) {}
        self.live
    }

    /// Gives the socket back: nothing has been sent.
    #[must_use]
    pub fn into_socket(self) -> (Arc<LiveViewer>, TcpStream) {
        (self.live, self.socket)
    }

    /// Finds the place to begin or to go on, once there is one.
    fn settle(&mut self, view: View<'_>) {
        match self.place {
            Place::At(position) if self.barrier == Some(position) => {
                self.barrier = None;
                self.place = Place::Resuming {
                    from: position,
                    missed_from: position,
                    since_ms: view.now_ms,
                };
                self.resume(position, position, view.now_ms, view);
            }
            Place::At(_) => {}
            Place::Starting { .. } if view.flowing => self.begin(view),
            Place::Starting { .. } => {}
            Place::Resuming {
                from,
                missed_from,
                since_ms,
            } => self.resume(from, missed_from, since_ms, view),
        }
    }

    /// Leaves [`Place::Starting`], when there is data and a place to begin.
    fn begin(&mut self, view: View<'_>) {
        let Place::Starting {
            start,
            from,
            since_ms,
            data_since_ms,
        } = self.place
        else {
            return;
        };
        let here = from.max(view.history.tail());
        let backlog = match start {
            Start::Live => {
                self.place = Place::At(here);
                return;
            }
            Start::RandomAccess { backlog } => {
                u64::try_from(backlog.as_millis()).unwrap_or(u64::MAX)
            }
        };
        let first_ms = data_since_ms.unwrap_or(view.now_ms);
        if let Some(mark) = view.history.start(view.now_ms, backlog) {
            self.go_to(mark);
        } else if waited_for_access(first_ms, view.now_ms) {
            self.place = Place::At(here);
        } else {
            self.place = Place::Starting {
                start,
                from,
                since_ms,
                data_since_ms: Some(first_ms),
            };
        }
    }

    fn resume(&mut self, from: u64, missed_from: u64, since_ms: u64, view: View<'_>) {
        let head = view.history.head();
        if let Some(mark) = view.history.newest_mark_from(from.max(missed_from)) {
            self.skipped_bytes += mark.position - missed_from;
            self.go_to(mark);
        } else if head > from && waited_for_access(since_ms, view.now_ms) {
            self.skipped_bytes += head.saturating_sub(missed_from);
            self.place = Place::At(head);
        }
    }

    fn go_to(&mut self, mark: &Mark) {
        self.pending.extend_from_slice(mark.prelude.bytes());
        self.place = Place::At(mark.position);
    }

    /// One write of what is pending and what lies at the cursor. Answers the bytes sent.
    fn write(&mut self, view: View<'_>) -> std::io::Result<usize> {
        if self.starting() {
            return Ok(0);
        }
        let mut slices = [IoSlice::new(&[]); WRITE_SLICES_MAX];
        let pending = &self.pending[self.pending_sent..];
        let pending_bytes = pending.len();
        let first = usize::from(pending_bytes > 0);
        slices[0] = IoSlice::new(pending);
        let (mut count, mut bytes) = (0, 0);
        if let Place::At(position) = self.place {
            let end = self.barrier.unwrap_or_else(|| view.history.head());
            (count, bytes) = view.history.slices(position, end, &mut slices[first..]);
        }
        if pending_bytes + bytes == 0 {
            return Ok(0);
        }
        let slices = &slices[..first + count];
        match SockRef::from(&self.socket).send_vectored_with_flags(slices, sys::SEND_FLAGS) {
            Ok(sent) => {
                self.blocked = sent < pending_bytes + bytes;
                self.sent(sent, pending_bytes, view.now_ms);
                Ok(sent)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.blocked = true;
                Ok(0)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(error),
        }
    }

    fn sent(&mut self, sent: usize, pending_bytes: usize, now_ms: u64) {
        self.sent_bytes += sent as u64;
        self.last_sent_ms = now_ms;
        let of_pending = sent.min(pending_bytes);
        self.pending_sent += of_pending;
        if self.pending_sent == self.pending.len() {
            self.pending.clear();
            self.pending_sent = 0;
        }
        if let Place::At(position) = &mut self.place {
            *position += (sent - of_pending) as u64;
        }
    }

    fn publish(&self, view: View<'_>) {
        let counters = &self.live.counters;
        counters.sent_bytes.store(self.sent_bytes, Relaxed);
        counters.skipped_bytes.store(self.skipped_bytes, Relaxed);
        let lag_ms = match self.place {
            Place::At(position) => view.history.lag_ms(position, view.now_ms),
            Place::Starting { .. } => 0,
            Place::Resuming { since_ms, .. } => view.now_ms.saturating_sub(since_ms),
        };
        counters.lag_ms.store(lag_ms, Relaxed);
    }

    #[must_use]
    pub fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    #[must_use]
    pub fn skipped_bytes(&self) -> u64 {
        self.skipped_bytes
    }
}

impl AsFd for Viewer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn waited_for_access(since_ms: u64, now_ms: u64) -> bool {
    Duration::from_millis(now_ms.saturating_sub(since_ms)) >= RANDOM_ACCESS_WAIT
}
