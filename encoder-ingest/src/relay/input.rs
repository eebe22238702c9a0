//! One leg of a channel: its socket, drained once a turn into the channel's blocks.
//!
//! Two ways to receive. *Packed*: `recvmmsg`, each datagram into its slot of a block, RTP headers
//! aside. *Coalesced*: the kernel glues datagrams (GRO), one `recvmsg` a run. Which is better
//! depends on what the network does; both together are worse than either, so the input tries and
//! stays with one. In both, datagrams that are as foretold and in order stay where the kernel put
//! them; from the first that is not, the rest of the call goes the careful path, which copies.

use std::os::fd::AsFd;

use common::net::control::Received;
use common::net::receive::MulticastReceiver;
use common::rtp::{self, HEADER_BYTES, PLAIN_FIRST_BYTE};
use common::ts::packet::PACKET_BYTES;

use super::history::Room;
use super::ingress::{Ingress, IngressCounts, Out};
use super::mode::Mode;
use super::receive::{Layout, ReceiveTools};
use super::rtp_order::REORDER_WAIT_MS;
use crate::limits::TURN_RECEIVES_MAX;
use crate::signal::pids::in_sync;

/// A socket and what is known of its datagrams.
#[derive(Debug)]
pub struct Input {
    receiver: MulticastReceiver,
    ingress: Ingress,
    mode: Mode,
    /// The socket's counter of dropped buffers, as far as it has been counted.
    dropped: u32,
    /// The same counter, as far as datagrams have shown where the drops belong. A datagram tells the
    /// value of when it was queued: it may be older than what has been counted.
    placed: u32,
    /// The counter when the input was last found quiet; none: datagrams have come since.
    quiet: Option<u32>,
}

/// What one drain brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drained {
    pub datagrams: u64,
    /// UDP payload.
    pub bytes: u64,
    /// Arrival of the first datagram, nanoseconds since the epoch; 0: not known.
    pub first_stamp_ns: u64,
    /// The socket may hold more.
    pub more: bool,
}

/// A slot for datagrams whose length can't be foretold: they go the careful path anyway.
const SLOT_BYTES: usize = 8 * PACKET_BYTES;

impl Input {
    /// A stream that begins here. The socket may have been another's: what it dropped until now is
    /// no loss of this stream, and it is gone on with as it is.
    #[must_use]
    pub fn new(receiver: MulticastReceiver) -> Self {
        let dropped = receiver.dropped_buffers().unwrap_or(0);
        Self {
            ingress: Ingress::default(),
            mode: Mode::of(receiver.coalescing()),
            dropped,
            placed: dropped,
            quiet: None,
            receiver,
        }
    }

    #[must_use]
    pub fn receiver(&self) -> &MulticastReceiver {
        &self.receiver
    }

    #[must_use]
    pub fn into_receiver(self) -> MulticastReceiver {
        self.receiver
    }

    /// The same stream through another socket: what is known of it stays.
    #[must_use]
    pub fn with_receiver(self, receiver: MulticastReceiver) -> (Self, MulticastReceiver) {
        let old = self.receiver;
        let input = Self {
            ingress: self.ingress,
            ..Self::new(receiver)
        };
        (input, old)
    }

    #[must_use]
    pub fn counts(&self) -> IngressCounts {
        self.ingress.counts()
    }

    #[must_use]
    pub fn is_rtp(&self) -> Option<bool> {
        self.ingress.is_rtp()
    }

    /// When packets held back behind a gap must go out; none: none are.
    #[must_use]
    pub fn deadline_ms(&self) -> Option<u64> {
        self.ingress.deadline_ms()
    }

    /// By when everything that came has gone out: what is held back behind a gap may have come
    /// before now. None: the socket may hold `more`.
    #[must_use]
    pub fn complete_ms(&self, now_ms: u64, more: bool) -> Option<u64> {
        let held = self.deadline_ms().is_some();
        let complete_ms = now_ms.saturating_sub(if held { REORDER_WAIT_MS } else { 0 });
        (!more).then_some(complete_ms)
    }

    /// Receives all that is there, up to a bound.
    pub fn drain(&mut self, tools: &mut ReceiveTools, out: &mut Out<'_>) -> Drained {
        let mut drained = Drained::default();
        drained.more = (0..TURN_RECEIVES_MAX).all(|_| {
            if self.mode.coalesced() {
                self.receive_run(tools, out, &mut drained)
            } else {
                self.receive_batch(tools, out, &mut drained)
            }
        });
        self.ingress.release(out);
        if drained.datagrams > 0 {
            self.quiet = None;
        }
        if !drained.more
            && let Some(coalesce) = self.mode.after_turn(out.now_ms)
        {
            // A kernel without UDP_GRO refuses: single datagrams it is.
            let switched = self.receiver.set_coalescing(coalesce).is_ok();
            self.mode.switched(coalesce && switched, out.now_ms);
        }
        drained
    }

    /// Counts drops that no datagram has come behind. To be called a few times a second.
    pub fn check_drops(&mut self) {
        // Before the kind is known, what is queued may be RTP: its gaps will tell.
        let Some(rtp) = self.ingress.is_rtp() else {
            return;
        };
        let Ok(dropped) = self.receiver.dropped_buffers() else {
            return;
        };
        if rtp {
            self.settle_drops(dropped);
        } else {
            self.count_drops(dropped);
        }
    }

    /// RTP: the gap in the sequence would tell how many were dropped, but nothing has come since the
    /// last look that could show it. So many buffers it was at least.
    fn settle_drops(&mut self, dropped: u32) {
        let before = self.quiet.replace(dropped);
        let count = before.and_then(|before| ahead(before, self.dropped));
        if let Some((count, before)) = count.zip(before) {
            self.dropped = before;
            self.ingress.dropped_unseen(u64::from(count));
        }
    }

    fn count_drops(&mut self, dropped: u32) {
        if let Some(count) = ahead(dropped, self.dropped) {
            self.dropped = dropped;
            self.ingress.dropped(u64::from(count));
        }
    }

    /// `datagram` was queued when the socket's counter stood at `dropped`.
    fn place_drops(&mut self, dropped: u32, datagram: &[u8], out: &mut Out<'_>) {
        self.count_drops(dropped);
        if dropped != self.placed {
            self.placed = dropped;
            self.ingress.dropped_before(datagram, out);
        }
    }

    fn layout(&self) -> Layout {
        let shape = self.ingress.shape();
        let slot_bytes = if shape.payload_bytes == 0 {
            SLOT_BYTES
        } else {
            shape.payload_bytes
        };
        Layout {
            header_bytes: shape.header_bytes,
            slot_bytes,
        }
    }

    /// One `recvmmsg`. Answers whether there may be more.
    fn receive_batch(
        &mut self,
        tools: &mut ReceiveTools,
        out: &mut Out<'_>,
        drained: &mut Drained,
    ) -> bool {
        let layout = self.layout();
        let mut room = out.recorder.room(out.pool, out.now_ms);
        let slots = layout.slots(&room);
        let count = tools.batch(self.receiver.as_fd(), &mut room, layout);
        if count == 0 {
            return false;
        }
        drained.datagrams += count as u64;
        drained.bytes += (0..count)
            .map(|index| tools.received_bytes(index) as u64)
            .sum::<u64>();
        self.mode.received(count as u64, count as u64);
        note_stamp(drained, tools.received(0));
        let full = |index: usize| tools.received_bytes(index) == layout.stride();
        let full = (0..count).take_while(|index| full(*index)).count();
        let in_place = self.in_place(tools, &room, layout, full, tools.received(count - 1));
        if in_place < count {
            tools.set_aside_batch(&room, layout, in_place..count);
        }
        let first = in_place.min(room.first.len() / layout.slot_bytes);
        self.keep(first, in_place, layout, out);
        if in_place < count {
            self.careful(tools, in_place, out);
        }
        count == slots
    }

    /// One `recvmsg` of a run glued by the kernel, or of a lone datagram. Answers whether there may
    /// be more.
    fn receive_run(
        &mut self,
        tools: &mut ReceiveTools,
        out: &mut Out<'_>,
        drained: &mut Drained,
    ) -> bool {
        let layout = self.layout();
        let mut room = out.recorder.room(out.pool, out.now_ms);
        let Some(received) = tools.run(self.receiver.as_fd(), &mut room, layout) else {
            return false;
        };
        let segment = match received.segment_bytes {
            0 => received.bytes.max(1),
            segment => segment,
        };
        let count = received.bytes.div_ceil(segment).max(1);
        drained.datagrams += count as u64;
        drained.bytes += received.bytes as u64;
        self.mode.received(1, count as u64);
        note_stamp(drained, received);
        let full = if segment == layout.stride() {
            received.bytes / segment
        } else {
            0
        };
        let in_place = self.in_place(tools, &room, layout, full, received);
        if in_place < count {
            tools.set_aside_run(&room, layout, segment, in_place);
        }
        let first = in_place.min(room.first.len() / layout.slot_bytes);
        self.keep(first, in_place, layout, out);
        if in_place < count {
            self.careful(tools, 0, out);
        }
        true
    }

    /// How many of the first `full` datagrams, each of which fills its slot, are in sync and in
    /// order: none where the kernel says, with the `last`, that it dropped some between them.
    fn in_place(
        &mut self,
        tools: &ReceiveTools,
        room: &Room<'_>,
        layout: Layout,
        full: usize,
        last: Received,
    ) -> usize {
        let dropped = last.dropped.is_some_and(|dropped| dropped != self.placed);
        if dropped || self.ingress.shape().payload_bytes == 0 {
            return 0;
        }
        let run = layout
            .payloads(room)
            .take(full)
            .take_while(|payload| in_sync(payload))
            .count();
        if layout.header_bytes > 0 {
            return self.consecutive(tools.headers(), run);
        }
        let length = u16::try_from(run).unwrap_or(0);
        if self.ingress.accept_run(None, length) {
            run
        } else {
            0
        }
    }

    /// How many of `run` headers continue the RTP sequence, from the first.
    fn consecutive(&mut self, headers: &[u8], run: usize) -> usize {
        let (ssrc, sequence) = (rtp::ssrc(headers), rtp::sequence(headers));
        let follows = |(index, header): &(u16, &[u8])| {
            header[0] == PLAIN_FIRST_BYTE
                && rtp::ssrc(header) == ssrc
                && rtp::sequence(header) == sequence.wrapping_add(*index)
        };
        let headers = (0_u16..).zip(headers.chunks_exact(HEADER_BYTES)).take(run);
        let run = headers.take_while(follows).count();
        let length = u16::try_from(run).unwrap_or(0);
        if self.ingress.accept_run(Some((ssrc, sequence)), length) {
            run
        } else {
            0
        }
    }

    fn keep(&mut self, first: usize, in_place: usize, layout: Layout, out: &mut Out<'_>) {
        if in_place > 0 {
            let second = in_place - first;
            out.recorder.commit(
                first * layout.slot_bytes,
                second * layout.slot_bytes,
                out.now_ms,
            );
        }
    }

    /// The datagrams set aside, one by one; `from` is the index of the first in its batch.
    fn careful(&mut self, tools: &mut ReceiveTools, from: usize, out: &mut Out<'_>) {
        let aside = tools.take_aside();
        for (index, datagram) in aside.datagrams().enumerate() {
            let message = if self.mode.coalesced() {
                0
            } else {
                from + index
            };
            if let Some(dropped) = tools.received(message).dropped {
                self.place_drops(dropped, datagram, out);
            }
            for datagram in self.unglued(datagram) {
                self.ingress.datagram(datagram, out);
            }
        }
        tools.put_back(aside);
    }

    /// A datagram, or, right after glueing was switched off, the datagrams of a run that had been
    /// queued before and comes without its segment size.
    fn unglued<'a>(&self, datagram: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let stride = self.layout().stride();
        let glued = self.mode.just_switched()
            && datagram.len() > stride
            && self.ingress.is_rtp() == Some(true);
        datagram.chunks(if glued { stride } else { datagram.len().max(1) })
    }
}

/// How far `counter` is ahead of what it was `before`; none: it is not. More than half of the numbers
/// ahead is behind: an older value.
fn ahead(counter: u32, before: u32) -> Option<u32> {
    let count = counter.wrapping_sub(before);
    (1..=u32::MAX / 2).contains(&count).then_some(count)
}

fn note_stamp(drained: &mut Drained, received: Received) {
    if drained.first_stamp_ns == 0 {
        drained.first_stamp_ns = received.stamp_ns;
    }
}

#[cfg(test)]
mod tests;
