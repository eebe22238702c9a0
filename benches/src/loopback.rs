//! Multicast on `lo`: a socket that receives a group as the relay does, and one that sends to it.

use std::io::IoSlice;
use std::net::Ipv4Addr;

use common::group::MulticastGroup;
use common::limits::BATCH_DATAGRAMS_MAX;
use common::net::receive::MulticastReceiver;
use common::net::send::{MulticastSender, SendOptions};
use common::rtp::{HEADER_BYTES, plain_header};
use common::ts::packet::PACKET_BYTES;

use crate::stream::Packets;

/// TS packets in a datagram.
pub const DATAGRAM_PACKETS: usize = 7;

/// What ffmpeg sends by default.
const UNALIGNED_BYTES: usize = 1472;

/// The group of the tests, at `port`.
///
/// # Panics
/// Never: it is a multicast address.
#[must_use]
pub fn group(port: u16) -> MulticastGroup {
    let address = Ipv4Addr::new(239, 255, 77, 1).into();
    MulticastGroup::new(address, port, None).expect("a group")
}

/// A socket that has joined [`group`] on `lo`.
///
/// # Panics
/// When the machine allows no multicast on `lo`.
#[must_use]
pub fn receiver(port: u16) -> MulticastReceiver {
    MulticastReceiver::open(group(port), loopback_index(), None).expect("joined on lo")
}

/// A socket that sends to [`group`] on `lo`.
///
/// # Panics
/// When the machine allows no multicast on `lo`.
#[must_use]
pub fn sender(port: u16) -> MulticastSender {
    let options = SendOptions {
        interface_index: loopback_index(),
        source: Some(Ipv4Addr::LOCALHOST.into()),
        ttl: 0,
        loopback: true,
    };
    MulticastSender::open(group(port), options).expect("a socket")
}

fn loopback_index() -> u32 {
    let links = common::net::interfaces::links().expect("NICs");
    let lo = links.iter().find(|link| link.name == "lo");
    lo.expect("lo").index
}

/// Datagrams that are sent together, made once and written over for each burst.
#[derive(Debug)]
pub struct Burst {
    bytes: Vec<u8>,
    datagram_bytes: usize,
    /// The next number; none: no RTP.
    sequence: Option<u16>,
}

impl Burst {
    /// `datagrams` of [`DATAGRAM_PACKETS`]; RTP from `sequence` on, where there is one.
    #[must_use]
    pub fn new(datagrams: usize, sequence: Option<u16>) -> Self {
        let header_bytes = if sequence.is_some() { HEADER_BYTES } else { 0 };
        let datagram_bytes = header_bytes + DATAGRAM_PACKETS * PACKET_BYTES;
        Self {
            bytes: vec![0; datagrams * datagram_bytes],
            datagram_bytes,
            sequence,
        }
    }

    #[must_use]
    pub fn datagrams(&self) -> usize {
        self.bytes.len() / self.datagram_bytes
    }

    /// Bytes of TS in it.
    #[must_use]
    pub fn ts_bytes(&self) -> usize {
        self.datagrams() * DATAGRAM_PACKETS * PACKET_BYTES
    }

    /// Fills it with what comes next. Allocates nothing.
    pub fn fill(&mut self, stream: &mut impl Packets) {
        for datagram in self.bytes.chunks_exact_mut(self.datagram_bytes) {
            let (header, packets) = datagram.split_at_mut(if self.sequence.is_some() {
                HEADER_BYTES
            } else {
                0
            });
            if let Some(sequence) = &mut self.sequence {
                header.copy_from_slice(&plain_header(*sequence, 0, 7));
                *sequence = sequence.wrapping_add(1);
            }
            stream.fill(packets);
        }
    }

    /// One by one, in their order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.bytes.chunks_exact(self.datagram_bytes)
    }

    /// Sends each datagram by itself; how many. Allocates nothing.
    ///
    /// # Panics
    /// When the kernel takes less.
    pub fn send(&self, socket: &MulticastSender) -> usize {
        send(socket, self.iter())
    }

    /// The same with every two datagrams swapped.
    ///
    /// # Panics
    /// When the kernel takes less.
    pub fn send_swapped(&self, socket: &MulticastSender) -> usize {
        let pairs = self.bytes.chunks(2 * self.datagram_bytes);
        let swapped = pairs.flat_map(|pair| pair.chunks(self.datagram_bytes).rev());
        send(socket, swapped)
    }

    /// The same in datagrams that hold no whole packets.
    ///
    /// # Panics
    /// When the kernel takes less.
    pub fn send_unaligned(&self, socket: &MulticastSender) -> usize {
        send(socket, self.bytes.chunks(UNALIGNED_BYTES))
    }

    /// Sends all in one piece, which stays one until a receiver wants datagrams (GSO).
    ///
    /// # Panics
    /// When the kernel takes less.
    pub fn send_glued(&self, socket: &MulticastSender) -> usize {
        let segment = u16::try_from(self.datagram_bytes).expect("a datagram");
        let sent = socket.send(&[IoSlice::new(&self.bytes)], Some(segment));
        assert_eq!(sent.expect("sent"), 1);
        self.datagrams()
    }
}

fn send<'a>(socket: &MulticastSender, mut datagrams: impl Iterator<Item = &'a [u8]>) -> usize {
    let mut slices = [IoSlice::new(&[]); BATCH_DATAGRAMS_MAX];
    let mut count = 0;
    for (slice, datagram) in slices.iter_mut().zip(&mut datagrams) {
        *slice = IoSlice::new(datagram);
        count += 1;
    }
    assert!(datagrams.next().is_none(), "more than one call sends");
    let sent = socket.send(&slices[..count], None);
    assert_eq!(sent.expect("sent"), count);
    count
}
