//! One channel: its socket, the ring of what came, and its viewers.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{IpAddr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::AsFd;

use common::limits::{BATCH_DATAGRAMS_MAX, DATAGRAM_TS_BYTES};
use common::net::sys::{ReceiveCalls, join, set_option};
use socket2::{Domain, Protocol, Socket, Type};

use crate::would_wait;

/// What came last, 4 MB; a multiple of a datagram, so that none lies over the end.
const RING_BYTES: usize = 3200 * DATAGRAM_TS_BYTES;

/// A turn receives so much at most; a viewer that is further behind skips.
const TURN_BYTES: usize = RING_BYTES / 4;
const BEHIND_BYTES: u64 = RING_BYTES as u64 / 2;

/// The most that one receive of glued datagrams can bring.
const RUN_BYTES: usize = 1 << 16;

/// Asked for where nothing is said, as encoder-ingest asks.
const BUFFER_BYTES_WANTED: usize = 32 << 20;

/// How channels are received.
pub(crate) struct ReceiveOptions {
    pub(crate) interface_index: u32,
    /// Glued by the kernel (GRO), one run a call; else many datagrams a call.
    pub(crate) coalesce: bool,
    pub(crate) buffer_bytes: Option<usize>,
}

pub(crate) struct Channel {
    socket: Socket,
    coalesce: bool,
    ring: Vec<u8>,
    /// Bytes that have come since the channel began.
    head: u64,
    viewers: Vec<Watcher>,
}

struct Watcher {
    socket: TcpStream,
    position: u64,
}

impl Channel {
    pub(crate) fn open(group: SocketAddrV4, options: &ReceiveOptions) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
        socket.set_reuse_address(true)?;
        set_option(socket.as_fd(), libc::IPPROTO_IP, libc::IP_MULTICAST_ALL, 0)?;
        // A refusal leaves the default size.
        let _ = socket.set_recv_buffer_size(options.buffer_bytes.unwrap_or(BUFFER_BYTES_WANTED));
        if options.coalesce {
            set_option(socket.as_fd(), libc::SOL_UDP, libc::UDP_GRO, 1)?;
        }
        socket.bind(&SocketAddr::V4(group).into())?;
        let address = IpAddr::V4(*group.ip());
        join(socket.as_fd(), options.interface_index, address, None)?;
        Ok(Self {
            socket,
            coalesce: options.coalesce,
            ring: vec![0; RING_BYTES],
            head: 0,
            viewers: Vec::new(),
        })
    }

    /// A viewer begins with the next byte.
    pub(crate) fn watch(&mut self, socket: TcpStream) {
        self.viewers.push(Watcher {
            socket,
            position: self.head,
        });
    }

    /// Takes what has come; answers how many bytes that were.
    pub(crate) fn drain(&mut self, calls: &mut ReceiveCalls) -> f64 {
        let mut bytes = 0;
        while bytes < TURN_BYTES {
            let (got, more) = if self.coalesce {
                self.receive_run()
            } else {
                self.receive_datagrams(calls)
            };
            self.head += got as u64;
            bytes += got;
            if !more {
                break;
            }
        }
        f64::from(u32::try_from(bytes).unwrap_or(u32::MAX))
    }

    fn receive_datagrams(&mut self, calls: &mut ReceiveCalls) -> (usize, bool) {
        let at = place(self.head);
        let mut pieces = self.ring[at..].chunks_exact_mut(DATAGRAM_TS_BYTES);
        let room = pieces.len().min(BATCH_DATAGRAMS_MAX);
        let mut slots: [_; BATCH_DATAGRAMS_MAX] =
            std::array::from_fn(|_| [IoSliceMut::new(pieces.next().unwrap_or_default())]);
        let got = calls.receive(self.socket.as_fd(), &mut slots[..room]);
        let got = got.unwrap_or(0);
        (got * DATAGRAM_TS_BYTES, got == room)
    }

    fn receive_run(&mut self) -> (usize, bool) {
        let at = place(self.head);
        let got = if RING_BYTES - at >= RUN_BYTES {
            (&self.socket).read(&mut self.ring[at..at + RUN_BYTES])
        } else {
            let (begin, end) = self.ring.split_at_mut(at);
            let begin = &mut begin[..RUN_BYTES - end.len()];
            (&self.socket).read_vectored(&mut [IoSliceMut::new(end), IoSliceMut::new(begin)])
        };
        got.map_or((0, false), |got| (got, got > 0))
    }

    /// Gives every viewer what it has not got, in one write.
    pub(crate) fn send(&mut self) {
        let Self {
            ring,
            head,
            viewers,
            ..
        } = self;
        viewers.retain_mut(|viewer| viewer.send(ring, *head));
    }
}

impl Watcher {
    /// False when the viewer has gone.
    fn send(&mut self, ring: &[u8], head: u64) -> bool {
        if head - self.position > BEHIND_BYTES {
            self.position = head;
        }
        while self.position < head {
            let at = place(self.position);
            let bytes = place_of(head - self.position);
            let sent = if at + bytes <= RING_BYTES {
                self.socket.write(&ring[at..at + bytes])
            } else {
                let rest = at + bytes - RING_BYTES;
                let slices = [IoSlice::new(&ring[at..]), IoSlice::new(&ring[..rest])];
                self.socket.write_vectored(&slices)
            };
            match sent {
                Ok(0) => return false,
                Ok(sent) => self.position += sent as u64,
                Err(error) => return would_wait(&error),
            }
        }
        true
    }
}

/// Where in the ring an offset lies.
fn place(offset: u64) -> usize {
    place_of(offset % RING_BYTES as u64)
}

/// For numbers that are no larger than the ring.
#[expect(clippy::cast_possible_truncation, reason = "less than the ring")]
fn place_of(offset: u64) -> usize {
    offset as usize
}
