//! A viewer: a socket, and a cursor into its channel's history.
//!
//! What it is sent is a head, then PAT and PMT, then one contiguous piece from a random access
//! point on; after a skip or a switch the same again, on a packet boundary. It never waits, and
//! holds no data of its own but the few bytes that the history can't give.

mod place;

use std::io::{ErrorKind, IoSlice, Read};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use common::net::sys;
use socket2::SockRef;

use super::history::History;
use crate::limits::{
    VIEWER_FIRST_DATA, VIEWER_STALL, VIEWER_TURN_BYTES_MAX, VIEWER_UNSENT_BYTES_MAX,
    WRITE_SLICES_MAX,
};
use crate::live::{LiveViewer, ViewerEnd, ViewerId};
use place::Place;

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
    /// That of `live`, at hand: it is looked for among many.
    id: ViewerId,
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
            id: live.id,
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
    pub fn id(&self) -> ViewerId {
        self.id
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
            Place::Starting { .. } => true,
            Place::At(position) => self.pending.is_empty() && position >= history.head(),
            // What is pending may be the rest of a packet.
            Place::Resuming { .. } => self.pending.is_empty(),
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

    /// Ends the connection so that what was sent still arrives, whole packets: closing with unread
    /// input would reset it.
    pub fn close(mut self) -> Arc<LiveViewer> {
        if !self.starting() && !self.sends_rest() {
            // An orderly end would say that this was all.
            let _ = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
            return self.live;
        }
        let _ = self.socket.shutdown(Shutdown::Write);
        let mut unread = [0; 4096];
        while self.socket.read(&mut unread).is_ok_and(|count| count > 0) {}
        self.live
    }

    /// Whether the last packet could be sent: the kernel takes it past the limit on what is unsent.
    fn sends_rest(&self) -> bool {
        let rest = &self.pending[self.pending_sent..];
        if rest.is_empty() {
            return true;
        }
        let _ = sys::set_unsent_limit(self.socket.as_fd(), i32::MAX);
        SockRef::from(&self.socket)
            .send_with_flags(rest, sys::SEND_FLAGS)
            .is_ok_and(|sent| sent == rest.len())
    }

    /// Gives the socket back: nothing has been sent.
    #[must_use]
    pub fn into_socket(self) -> (Arc<LiveViewer>, TcpStream) {
        (self.live, self.socket)
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
        match send(&self.socket, &slices[..first + count]) {
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

/// One piece goes without the structures that several need.
fn send(socket: &TcpStream, slices: &[IoSlice<'_>]) -> std::io::Result<usize> {
    let socket = SockRef::from(socket);
    match slices {
        [slice] => socket.send_with_flags(slice, sys::SEND_FLAGS),
        slices => socket.send_vectored_with_flags(slices, sys::SEND_FLAGS),
    }
}

impl AsFd for Viewer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests;
