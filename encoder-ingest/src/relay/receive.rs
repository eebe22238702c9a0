//! Receive calls into the room of a history, and the place aside for what can't stay there.
//!
//! One set of buffers a worker, for all its sockets.

use std::io::IoSliceMut;
use std::ops::Range;
use std::os::fd::BorrowedFd;

use common::limits::{BATCH_DATAGRAMS_MAX, DATAGRAM_BYTES_MAX};
use common::net::control::Received;
use common::net::sys::ReceiveCalls;
use common::rtp::HEADER_BYTES;

use super::history::Room;

/// How the datagrams of a call are laid out: header aside, payload into a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// 0 or [`HEADER_BYTES`].
    pub header_bytes: usize,
    pub slot_bytes: usize,
}

/// Buffers and structures of receive calls.
#[derive(Debug)]
pub struct ReceiveTools {
    calls: ReceiveCalls,
    headers: Box<[u8]>,
    /// For what does not fit a slot, so that nothing is ever cut off. Its pages are touched only
    /// then.
    spill: Box<[u8]>,
    aside: Aside,
    /// A run on the careful path, as it was on the wire: kept, so that it is allocated once.
    whole: Vec<u8>,
}

/// Datagrams on the careful path, out of the way of the blocks that they are copied into.
#[derive(Debug, Default)]
pub struct Aside {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// Pieces of one run glued by the kernel: 49 of 1316 bytes, each with a header, and one for more.
const RUN_SLICES_MAX: usize = 2 * BATCH_DATAGRAMS_MAX + 1;

impl Default for ReceiveTools {
    fn default() -> Self {
        Self {
            calls: ReceiveCalls::new(),
            headers: vec![0; BATCH_DATAGRAMS_MAX * HEADER_BYTES].into_boxed_slice(),
            spill: vec![0; BATCH_DATAGRAMS_MAX * DATAGRAM_BYTES_MAX].into_boxed_slice(),
            aside: Aside::default(),
            whole: Vec::new(),
        }
    }
}

impl Layout {
    /// Length of a datagram that fills its slot.
    #[must_use]
    pub fn stride(self) -> usize {
        self.header_bytes + self.slot_bytes
    }

    /// Slots in the room, of one call at most.
    #[must_use]
    pub fn slots(self, room: &Room<'_>) -> usize {
        let slots = room.first.len() / self.slot_bytes + room.second.len() / self.slot_bytes;
        slots.min(BATCH_DATAGRAMS_MAX)
    }

    /// The slots of the room, in their order.
    pub fn payloads<'a>(self, room: &'a Room<'_>) -> impl Iterator<Item = &'a [u8]> {
        room.first
            .chunks_exact(self.slot_bytes)
            .chain(room.second.chunks_exact(self.slot_bytes))
    }
}

impl ReceiveTools {
    /// What the kernel said about message `index` of the last call.
    #[must_use]
    pub fn received(&self, index: usize) -> Received {
        self.calls.received(index)
    }

    #[must_use]
    pub fn received_bytes(&self, index: usize) -> usize {
        self.calls.received_bytes(index)
    }

    /// Headers of the last call, one after another.
    #[must_use]
    pub fn headers(&self) -> &[u8] {
        &self.headers
    }

    /// Takes what was set aside, to be given back by [`Self::put_back`].
    pub fn take_aside(&mut self) -> Aside {
        std::mem::take(&mut self.aside)
    }

    pub fn put_back(&mut self, aside: Aside) {
        self.aside = aside;
    }

    /// Receives datagrams, each into its own slot; answers how many: 0 when nothing is there.
    pub fn batch(&mut self, socket: BorrowedFd<'_>, room: &mut Room<'_>, layout: Layout) -> usize {
        let count = layout.slots(room);
        let mut headers = self.headers.chunks_exact_mut(HEADER_BYTES);
        let mut spills = self.spill.chunks_exact_mut(DATAGRAM_BYTES_MAX);
        let first = room.first.chunks_exact_mut(layout.slot_bytes);
        let mut payloads = first.chain(room.second.chunks_exact_mut(layout.slot_bytes));
        let mut slots: [[IoSliceMut<'_>; 3]; BATCH_DATAGRAMS_MAX] = std::array::from_fn(|_| {
            let header = headers.next().unwrap_or_default();
            let payload = payloads.next().unwrap_or_default();
            let spill = spills.next().unwrap_or_default();
            [&mut header[..layout.header_bytes], payload, spill].map(IoSliceMut::new)
        });
        // Errors of the network (an ICMP answer, say) concern single datagrams: the next call goes on.
        self.calls.receive(socket, &mut slots[..count]).unwrap_or(0)
    }

    /// Receives one run of glued datagrams, or a lone one; none when nothing is there.
    pub fn run(
        &mut self,
        socket: BorrowedFd<'_>,
        room: &mut Room<'_>,
        layout: Layout,
    ) -> Option<Received> {
        let count = layout.slots(room);
        let mut slices: [IoSliceMut<'_>; RUN_SLICES_MAX] =
            std::array::from_fn(|_| IoSliceMut::new(&mut []));
        let used = if layout.header_bytes == 0 {
            let first = room.first.len() / layout.slot_bytes * layout.slot_bytes;
            slices[0] = IoSliceMut::new(&mut room.first[..first]);
            slices[1] = IoSliceMut::new(room.second);
            slices[2] = IoSliceMut::new(&mut self.spill);
            3
        } else {
            let first = room.first.chunks_exact_mut(layout.slot_bytes);
            let payloads = first.chain(room.second.chunks_exact_mut(layout.slot_bytes));
            let pairs = self
                .headers
                .chunks_exact_mut(HEADER_BYTES)
                .zip(payloads)
                .take(count);
            for (index, (header, payload)) in pairs.enumerate() {
                slices[2 * index] = IoSliceMut::new(header);
                slices[2 * index + 1] = IoSliceMut::new(payload);
            }
            slices[2 * count] = IoSliceMut::new(&mut self.spill);
            2 * count + 1
        };
        self.calls.receive_one(socket, &mut slices[..used]).ok()?;
        Some(self.calls.received(0))
    }

    /// Copies the datagrams `which` of the last batch aside.
    pub fn set_aside_batch(&mut self, room: &Room<'_>, layout: Layout, which: Range<usize>) {
        self.aside.clear();
        let headers = self.headers.chunks_exact(HEADER_BYTES);
        let spills = self.spill.chunks_exact(DATAGRAM_BYTES_MAX);
        let places = headers.zip(layout.payloads(room)).zip(spills).enumerate();
        for (index, ((header, payload), spill)) in places.take(which.end).skip(which.start) {
            let pieces = [&header[..layout.header_bytes], payload, spill];
            self.aside.push(&pieces, self.calls.received_bytes(index));
        }
    }

    /// Copies the last run aside, from datagram `from` on, cut into datagrams of `segment_bytes`.
    pub fn set_aside_run(
        &mut self,
        room: &Room<'_>,
        layout: Layout,
        segment_bytes: usize,
        from: usize,
    ) {
        self.aside.clear();
        let bytes = self.calls.received_bytes(0);
        let mut whole = std::mem::take(&mut self.whole);
        self.whole_run(room, layout, bytes, &mut whole);
        for datagram in whole.chunks(segment_bytes.max(1)).skip(from) {
            self.aside.push(&[datagram], datagram.len());
        }
        self.whole = whole;
    }

    /// The bytes of the last run as they were on the wire.
    fn whole_run(&self, room: &Room<'_>, layout: Layout, bytes: usize, whole: &mut Vec<u8>) {
        whole.clear();
        if layout.header_bytes == 0 {
            let first = room.first.len() / layout.slot_bytes * layout.slot_bytes;
            for piece in [&room.first[..first], room.second] {
                whole.extend_from_slice(
                    &piece[..piece.len().min(bytes.saturating_sub(whole.len()))],
                );
            }
        } else {
            let pairs = self
                .headers
                .chunks_exact(HEADER_BYTES)
                .zip(layout.payloads(room));
            for (header, payload) in pairs.take(layout.slots(room)) {
                whole.extend_from_slice(header);
                whole.extend_from_slice(payload);
                if whole.len() >= bytes {
                    break;
                }
            }
        }
        let rest = bytes.saturating_sub(whole.len());
        whole.extend_from_slice(&self.spill[..rest.min(self.spill.len())]);
        whole.truncate(bytes);
    }
}

impl Aside {
    /// The datagrams, in their order.
    pub fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.bytes[start..*end])
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn push(&mut self, pieces: &[&[u8]], bytes: usize) {
        let mut left = bytes;
        for piece in pieces {
            let piece = &piece[..piece.len().min(left)];
            self.bytes.extend_from_slice(piece);
            left -= piece.len();
        }
        self.ends.push(self.bytes.len());
    }
}
