//! The careful path: one datagram at a time, classified, put in order, copied into the history.
//!
//! Every datagram of a steady stream of whole packets goes past it (see [`super::input`]); here
//! come the first ones, odd ones, and streams that need work on each. What is refused is counted
//! by cause and never forwarded.

mod counts;
mod shape;

use common::rtp::{HEADER_BYTES, PLAIN_FIRST_BYTE, RtpHeader};
use common::ts::packet::{PACKET_BYTES, SYNC_BYTE};

use super::block::BlockPool;
use super::datagram::{Classified, Kind, Syncs, classify, syncs};
use super::joiner::{Joined, Joiner};
use super::recorder::Recorder;
use super::rtp_order::{Placed, Release, RtpOrder};
use crate::limits::{ALIGNED_DATAGRAMS, BLOCK_BYTES, KIND_CHANGE_DATAGRAMS};

pub use counts::IngressCounts;
pub use shape::Shape;

/// Judges and orders the datagrams of one input.
#[derive(Debug, Default)]
pub struct Ingress {
    kind: Option<Kind>,
    /// Datagrams in a row that were of another kind.
    strays: u32,
    order: RtpOrder,
    joiner: Joiner,
    /// Looks for an unaligned stream while nothing, or something else, is locked.
    candidate: Joiner,
    /// Strays in a row that the candidate joined.
    fitting: u32,
    joined: Vec<u8>,
    shape: Shape,
    /// RTP: of `counts.lost_kernel`, those whose gap has not been seen yet.
    unseen: u64,
    counts: IngressCounts,
}

/// Where the packets go.
#[derive(Debug)]
pub struct Out<'a> {
    pub recorder: &'a mut Recorder,
    pub pool: &'a mut BlockPool,
    pub now_ms: u64,
}

impl Ingress {
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    #[must_use]
    pub fn counts(&self) -> IngressCounts {
        IngressCounts {
            reordered: self.order.reordered(),
            late: self.counts.late + self.order.strays(),
            malformed: self.counts.malformed + self.order.foreign(),
            second_sender: self.order.second_sender(),
            ..self.counts
        }
    }

    /// RTP is what is locked; none: nothing is yet.
    #[must_use]
    pub fn is_rtp(&self) -> Option<bool> {
        self.kind.map(|kind| matches!(kind, Kind::Rtp { .. }))
    }

    /// When a packet that is held back must go out.
    #[must_use]
    pub fn deadline_ms(&self) -> Option<u64> {
        self.order.deadline_ms()
    }

    /// `count` datagrams, RTP from `sequence` on where `rtp` says so, are as the shape foretold and
    /// in order: they may stay where they were received.
    #[inline]
    pub fn accept_run(&mut self, rtp: Option<(u32, u16)>, count: u16) -> bool {
        let plain = self.shape.header_bytes == 0;
        let accepted = match rtp {
            // A run of none says nothing for the shape, and nothing against strays.
            _ if count == 0 => false,
            None => plain,
            Some((ssrc, sequence)) => !plain && self.order.in_order(ssrc, sequence, count),
        };
        if accepted {
            self.no_stray();
            self.shape.confirm();
        }
        accepted
    }

    /// The socket's counter of drops has moved by `count`.
    pub fn dropped(&mut self, count: u64) {
        // The gap in an RTP sequence tells the exact number, when it is given up.
        if self.is_rtp() != Some(true) {
            self.counts.lost_kernel += count;
        }
    }

    /// RTP: `count` datagrams at least were dropped, and nothing has come behind them. Where
    /// something does later, its gap tells the exact number.
    pub fn dropped_unseen(&mut self, count: u64) {
        self.counts.lost_kernel += count;
        self.unseen += count;
    }

    /// What the socket dropped is missing right before `datagram`.
    pub fn dropped_before(&mut self, datagram: &[u8], out: &mut Out<'_>) {
        if self.is_rtp() != Some(true) {
            out.recorder.gap();
        } else if let Ok(rtp) = RtpHeader::parse(datagram) {
            self.order.dropped_before(rtp.sequence);
        }
    }

    /// Takes one datagram.
    pub fn datagram(&mut self, bytes: &[u8], out: &mut Out<'_>) {
        match classify(bytes) {
            Some(Classified { kind, .. }) if self.kind == Some(Kind::Unaligned) => {
                self.aligned(kind, bytes, out);
            }
            Some(classified) => self.whole_packets(&classified, bytes, out),
            None => self.other(bytes, out),
        }
    }

    /// Lets out what has waited long enough behind a gap.
    pub fn release(&mut self, out: &mut Out<'_>) {
        while let Some(release) = self.order.release(out.now_ms) {
            self.released(release, out);
        }
    }

    fn whole_packets(&mut self, classified: &Classified, bytes: &[u8], out: &mut Out<'_>) {
        if self.kind != Some(classified.kind) && !self.change_kind(classified.kind, out) {
            self.counts.malformed += 1;
            return;
        }
        self.no_stray();
        match (classified.kind, &classified.rtp) {
            (Kind::Ts { stride }, _) => {
                self.shape.learn(0, bytes.len(), stride);
                self.emit(bytes, stride, out);
            }
            (Kind::Rtp { stride }, Some(rtp)) => {
                if rtp.payload.start == HEADER_BYTES && bytes[0] == PLAIN_FIRST_BYTE {
                    self.shape.learn(HEADER_BYTES, rtp.payload.len(), stride);
                }
                self.ordered(rtp, &bytes[rtp.payload.clone()], stride, out);
            }
            (Kind::Rtp { .. } | Kind::Unaligned, _) => {}
        }
    }

    /// A datagram of the locked kind. An unaligned stream, some of whose datagrams happen to hold
    /// whole packets, is at a boundary there; another sender's most likely is not.
    #[inline]
    fn no_stray(&mut self) {
        self.strays = 0;
        if !self.candidate.at_boundary() {
            self.fitting = 0;
        }
    }

    /// Whole packets in an unaligned stream, as the end of a picture may give, or what looks like
    /// RTP, as a short datagram from within a packet may by chance: after several in a row the
    /// stream is believed to be so.
    fn aligned(&mut self, kind: Kind, bytes: &[u8], out: &mut Out<'_>) {
        let in_a_row = self.strays + 1;
        let wanted = match kind {
            Kind::Rtp { .. } => KIND_CHANGE_DATAGRAMS,
            Kind::Ts { .. } | Kind::Unaligned => ALIGNED_DATAGRAMS,
        };
        if in_a_row < wanted {
            self.unaligned(bytes, out);
            self.strays = in_a_row;
        } else {
            if matches!(kind, Kind::Rtp { .. }) {
                out.recorder.restart();
            }
            self.set_kind(kind, out);
            self.datagram(bytes, out);
        }
    }

    /// A datagram that is no row of whole packets in sync.
    fn other(&mut self, bytes: &[u8], out: &mut Out<'_>) {
        match self.kind {
            Some(Kind::Ts { stride }) if is_damaged(bytes, stride, out) => {
                self.strays = 0;
                self.emit(bytes, stride, out);
            }
            Some(Kind::Rtp { stride }) => match RtpHeader::parse(bytes) {
                Ok(rtp) if self.is_own(&rtp, bytes, stride) => {
                    self.strays = 0;
                    self.ordered(&rtp, &bytes[rtp.payload.clone()], stride, out);
                }
                _ => self.stray(bytes, out),
            },
            Some(Kind::Unaligned) => self.unaligned(bytes, out),
            Some(Kind::Ts { .. }) | None => self.stray(bytes, out),
        }
    }

    /// RTP with whole packets: of the source in use, whatever has become of their sync bytes.
    fn is_own(&self, rtp: &RtpHeader, bytes: &[u8], stride: usize) -> bool {
        let syncs = syncs(&bytes[rtp.payload.clone()], stride);
        syncs.is_some_and(|syncs| syncs.most() || self.order.is_of_source(rtp.ssrc))
    }

    fn unaligned(&mut self, bytes: &[u8], out: &mut Out<'_>) {
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        if self.joiner.datagram(bytes, &mut joined) == Joined::Yes {
            self.strays = 0;
            self.counts.unaligned += 1;
            self.append(&joined, out);
        } else {
            self.counts.malformed += 1;
        }
        self.joined = joined;
    }

    /// Neither the locked kind nor another whole one: dropped, unless it turns out to belong to an
    /// unaligned stream.
    fn stray(&mut self, bytes: &[u8], out: &mut Out<'_>) {
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        let found = self.candidate.datagram(bytes, &mut joined) == Joined::Yes;
        self.fitting = if found { self.fitting + 1 } else { 0 };
        let believed = self.kind.is_none() || self.fitting >= KIND_CHANGE_DATAGRAMS;
        if found && believed {
            self.joiner = std::mem::take(&mut self.candidate);
            self.set_kind(Kind::Unaligned, out);
            self.counts.unaligned += 1;
            self.append(&joined, out);
        } else {
            self.strays = self.strays.saturating_add(1);
            self.counts.malformed += 1;
        }
        self.joined = joined;
    }

    /// Another kind than the locked one came in whole packets: believed at once while nothing is
    /// locked, else after several in a row.
    fn change_kind(&mut self, kind: Kind, out: &mut Out<'_>) -> bool {
        if self.kind.is_some() {
            self.strays += 1;
            if self.strays < KIND_CHANGE_DATAGRAMS {
                return false;
            }
            out.recorder.restart();
        }
        self.set_kind(kind, out);
        true
    }

    fn set_kind(&mut self, kind: Kind, out: &mut Out<'_>) {
        while let Some(release) = self.order.flush() {
            self.released(release, out);
        }
        self.kind = Some(kind);
        out.recorder
            .signal_mut()
            .set_numbered(matches!(kind, Kind::Rtp { .. }));
        self.strays = 0;
        self.fitting = 0;
        self.shape = Shape::default();
        self.unseen = 0;
        self.order.reset();
    }

    fn ordered(&mut self, rtp: &RtpHeader, payload: &[u8], stride: usize, out: &mut Out<'_>) {
        if self.order.restarts(rtp.ssrc, rtp.sequence) {
            while let Some(release) = self.order.flush() {
                self.released(release, out);
            }
        }
        match self
            .order
            .place(rtp.ssrc, rtp.sequence, payload, out.now_ms)
        {
            Placed::Now => self.emit(payload, stride, out),
            Placed::Held | Placed::Doubted => {}
            Placed::Duplicate => self.counts.duplicates += 1,
            Placed::Late => self.counts.late += 1,
            Placed::Restart => {
                self.restart(out);
                self.emit(payload, stride, out);
            }
            Placed::Confirmed(first) => {
                self.restart(out);
                self.emit(&first, stride, out);
                self.order.recycle(first);
                self.emit(payload, stride, out);
            }
        }
        self.release(out);
    }

    fn restart(&mut self, out: &mut Out<'_>) {
        self.counts.source_restarts += 1;
        self.unseen = 0;
        out.recorder.restart();
    }

    fn released(&mut self, release: Release, out: &mut Out<'_>) {
        match release {
            Release::Lost { count, kernel } => {
                if kernel {
                    let unseen = std::mem::take(&mut self.unseen);
                    self.counts.lost_kernel += count.saturating_sub(unseen);
                } else {
                    self.counts.lost_network += count;
                }
                out.recorder.gap();
            }
            Release::Packet(payload) => {
                let stride = match self.kind {
                    Some(Kind::Rtp { stride }) => stride,
                    _ => PACKET_BYTES,
                };
                self.emit(&payload, stride, out);
                self.order.recycle(payload);
            }
        }
    }

    /// Sends the packets of a payload on, those in sync; Reed-Solomon bytes stay behind.
    fn emit(&mut self, payload: &[u8], stride: usize, out: &mut Out<'_>) {
        let Some(Syncs { packets, good }) = syncs(payload, stride) else {
            return;
        };
        if packets == good && stride == PACKET_BYTES {
            self.append(payload, out);
            return;
        }
        self.counts.bad_sync_packets += (packets - good) as u64;
        for packet in payload.chunks_exact(stride) {
            if packet[0] == SYNC_BYTE {
                self.append(&packet[..PACKET_BYTES], out);
            } else {
                out.recorder.bad_sync(&packet[..PACKET_BYTES]);
            }
        }
    }

    fn append(&mut self, packets: &[u8], out: &mut Out<'_>) {
        self.counts.copied_bytes += packets.len() as u64;
        for piece in packets.chunks(BLOCK_BYTES / PACKET_BYTES * PACKET_BYTES) {
            out.recorder.append(piece, out.pool, out.now_ms);
        }
    }
}

/// Whole packets of this stream, some of them without sync byte: most are in sync, or what stands
/// behind the sync bytes is of PIDs that speak.
fn is_damaged(bytes: &[u8], stride: usize, out: &Out<'_>) -> bool {
    let Some(syncs) = syncs(bytes, stride) else {
        return false;
    };
    let signal = out.recorder.signal();
    let known = || {
        bytes
            .chunks_exact(stride)
            .filter(|packet| signal.knows(packet))
    };
    syncs.most() || known().count() * 2 > syncs.packets
}

#[cfg(test)]
mod tests;
