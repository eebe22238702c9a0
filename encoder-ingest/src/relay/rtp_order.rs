//! RTP packets in their order: what is early waits behind the gap, what is double goes, what never
//! comes is counted.
//!
//! Pure: given sequence numbers, payloads and `now`. A steady stream passes [`RtpOrder::in_order`]
//! alone and is neither copied nor delayed; only packets behind a gap are held, as copies.

use std::collections::VecDeque;

use crate::limits::{REORDER_PACKETS_MAX, REORDER_WAIT, RTP_DROPOUT_MAX, RTP_MISORDER_MAX};

/// The order of one source.
#[derive(Debug, Default)]
pub struct RtpOrder {
    source: Option<RtpSource>,
    held: VecDeque<Held>,
    /// Of another source, or far behind: the first of one that has started anew, or a stray.
    doubt: Option<Doubt>,
    /// Payload buffers of packets that were held once, kept for the next.
    spare: Vec<Vec<u8>>,
    reordered: u64,
    /// Doubts that came to nothing: packets of the source from long ago, and another's.
    strays: u64,
    foreign: u64,
    /// The source before this one, and how often one came back: two send at once.
    ssrc_before: Option<u32>,
    returns: u64,
}

#[derive(Debug)]
struct RtpSource {
    ssrc: u32,
    /// The number that comes next.
    expected: u16,
    /// Bit n: `expected - 1 - n` has come.
    seen: u128,
    /// The socket's drop counter had moved when this number, the next to be judged, was queued.
    dropped_before: Option<u16>,
}

#[derive(Debug)]
struct Held {
    sequence: u16,
    since_ms: u64,
    /// The gap that ends here is the kernel's.
    after_drop: bool,
    payload: Vec<u8>,
}

#[derive(Debug)]
struct Doubt {
    ssrc: u32,
    sequence: u16,
    payload: Vec<u8>,
}

/// What became of one packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// Goes out now, behind all before it.
    Now,
    /// Kept back: something before it is missing.
    Held,
    /// Came twice.
    Duplicate,
    /// Was given up as lost before it came.
    Late,
    /// The source has started anew with this packet, which goes out now.
    Restart,
    /// Of another source, or far behind, and kept back: whether the source has started anew shows
    /// with the next.
    Doubted,
    /// The source has started anew with the packet before, which goes out now, then this one.
    Confirmed(Vec<u8>),
}

/// What comes out of the held packets.
#[derive(Debug, PartialEq, Eq)]
pub enum Release {
    /// So many packets are missing here for good; `kernel`: our socket's buffer was full there.
    Lost {
        count: u64,
        kernel: bool,
    },
    Packet(Vec<u8>),
}

impl RtpOrder {
    /// Whether `count` packets from `sequence` on continue the stream with nothing held; if so they
    /// are taken as received.
    #[inline]
    pub fn in_order(&mut self, ssrc: u32, sequence: u16, count: u16) -> bool {
        let Some(source) = &mut self.source else {
            return false;
        };
        if source.ssrc != ssrc || source.expected != sequence || !self.held.is_empty() {
            return false;
        }
        source.receive_run(count);
        self.settle_doubt();
        true
    }

    /// Judges one packet. `Held` and `Doubted` have copied `payload`; for the others that go out now
    /// the caller sends it and then asks [`Self::release`]. Before a `Restart` or `Confirmed` what was
    /// held comes out first by [`Self::flush`], which the caller must have called when
    /// [`Self::restarts`] said so.
    pub fn place(&mut self, ssrc: u32, sequence: u16, payload: &[u8], now_ms: u64) -> Placed {
        let Some(source) = &mut self.source else {
            self.begin(ssrc, sequence);
            return Placed::Now;
        };
        if source.ssrc != ssrc {
            return self.doubt(ssrc, sequence, payload);
        }
        let ahead_max = source.ahead_max(sequence);
        let after_drop = source.dropped_before.take() == Some(sequence);
        let ahead = sequence.wrapping_sub(source.expected);
        if ahead == 0 {
            source.receive_run(1);
            self.reordered += u64::from(!self.held.is_empty());
            self.settle_doubt();
            return Placed::Now;
        }
        if ahead < ahead_max {
            self.settle_doubt();
            return self.hold(sequence, payload, after_drop, now_ms);
        }
        let behind = source.expected.wrapping_sub(sequence);
        if behind <= RTP_MISORDER_MAX {
            let bit = 1_u128 << (behind - 1);
            return if source.seen & bit == 0 {
                Placed::Late
            } else {
                Placed::Duplicate
            };
        }
        if is_behind(ahead) {
            return self.doubt(ssrc, sequence, payload);
        }
        self.begin(ssrc, sequence);
        Placed::Restart
    }

    /// Whether a packet would be a restart, so that what is held must go out before it.
    #[must_use]
    pub fn restarts(&self, ssrc: u32, sequence: u16) -> bool {
        self.source.as_ref().is_some_and(|source| {
            let ahead = sequence.wrapping_sub(source.expected);
            if source.ssrc != ssrc {
                self.confirms(ssrc, sequence)
            } else if is_behind(ahead) {
                ahead.wrapping_neg() > RTP_MISORDER_MAX && self.confirms(ssrc, sequence)
            } else {
                ahead >= source.ahead_max(sequence)
            }
        })
    }

    /// The next thing that may go out of what is held: packets whose turn it is, and the gap before
    /// them once it has waited too long or too many wait behind it.
    pub fn release(&mut self, now_ms: u64) -> Option<Release> {
        let source = self.source.as_mut()?;
        let first = self.held.front()?;
        if first.sequence == source.expected {
            source.receive_run(1);
            return self
                .held
                .pop_front()
                .map(|held| Release::Packet(held.payload));
        }
        let waited = self
            .held
            .iter()
            .any(|held| now_ms.saturating_sub(held.since_ms) >= REORDER_WAIT_MS);
        if !waited && self.held.len() < REORDER_PACKETS_MAX {
            return None;
        }
        Some(give_up(source, first.sequence, first.after_drop))
    }

    /// Like [`Self::release`], but waits for nothing any more.
    pub fn flush(&mut self) -> Option<Release> {
        self.release(u64::MAX)
    }

    /// The kernel says that it dropped something right before `sequence`.
    pub fn dropped_before(&mut self, sequence: u16) {
        if let Some(source) = &mut self.source {
            source.dropped_before = Some(sequence);
        }
    }

    /// Takes a payload buffer back, for the next packet to be held.
    pub fn recycle(&mut self, payload: Vec<u8>) {
        if self.spare.len() < REORDER_PACKETS_MAX {
            self.spare.push(payload);
        }
    }

    /// When the oldest held packet has waited long enough; none: nothing is held.
    #[must_use]
    pub fn deadline_ms(&self) -> Option<u64> {
        self.held
            .iter()
            .map(|held| held.since_ms + REORDER_WAIT_MS)
            .min()
    }

    /// Packets that came too late by far.
    #[must_use]
    pub fn strays(&self) -> u64 {
        self.strays
    }

    /// Packets of another source, which did not take over.
    #[must_use]
    pub fn foreign(&self) -> u64 {
        self.foreign
    }

    /// Signs of a second sender: its packets among ours, and changes between the two.
    #[must_use]
    pub fn second_sender(&self) -> u64 {
        self.foreign + self.returns
    }

    /// They are of the source in use.
    #[must_use]
    pub fn is_of_source(&self, ssrc: u32) -> bool {
        self.source
            .as_ref()
            .is_some_and(|source| source.ssrc == ssrc)
    }

    /// Packets that came behind later ones and were put right.
    #[must_use]
    pub fn reordered(&self) -> u64 {
        self.reordered
    }

    /// Forgets the source: the next packet begins anew.
    pub fn reset(&mut self) {
        self.source = None;
        self.held.clear();
        self.doubt = None;
    }

    fn begin(&mut self, ssrc: u32, sequence: u16) {
        self.settle_doubt();
        // What came before this packet is not known to be missing: mark it as seen.
        self.source = Some(RtpSource {
            ssrc,
            expected: sequence.wrapping_add(1),
            seen: u128::MAX,
            dropped_before: None,
        });
    }

    fn confirms(&self, ssrc: u32, sequence: u16) -> bool {
        let next = |doubt: &Doubt| (doubt.ssrc, doubt.sequence.wrapping_add(1));
        self.doubt.as_ref().map(next) == Some((ssrc, sequence))
    }

    /// RFC 3550, A.1: two packets in sequence make another source, or one that has started anew behind
    /// where it was; one alone is a stray.
    fn doubt(&mut self, ssrc: u32, sequence: u16, payload: &[u8]) -> Placed {
        if self.confirms(ssrc, sequence)
            && let Some(first) = self.doubt.take()
        {
            self.note_change(ssrc);
            self.begin(ssrc, sequence);
            return Placed::Confirmed(first.payload);
        }
        self.settle_doubt();
        self.doubt = Some(Doubt {
            ssrc,
            sequence,
            payload: self.copy(payload),
        });
        Placed::Doubted
    }

    fn note_change(&mut self, ssrc: u32) {
        let before = self.source.as_ref().map(|source| source.ssrc);
        if before != Some(ssrc) {
            self.returns += u64::from(self.ssrc_before == Some(ssrc));
            self.ssrc_before = before;
        }
    }

    /// The stream goes on where it was: what was doubted is a stray.
    #[inline]
    fn settle_doubt(&mut self) {
        if let Some(stray) = self.doubt.take() {
            let own = self.is_of_source(stray.ssrc);
            self.strays += u64::from(own);
            self.foreign += u64::from(!own);
            self.recycle(stray.payload);
        }
    }

    fn copy(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(payload);
        copy
    }

    fn hold(&mut self, sequence: u16, payload: &[u8], after_drop: bool, now_ms: u64) -> Placed {
        let Some(source) = &self.source else {
            return Placed::Held;
        };
        let distance = |number: u16| number.wrapping_sub(source.expected);
        let at = self
            .held
            .partition_point(|held| distance(held.sequence) < distance(sequence));
        if self
            .held
            .get(at)
            .is_some_and(|held| held.sequence == sequence)
        {
            return Placed::Duplicate;
        }
        self.reordered += u64::from(at < self.held.len());
        let payload = self.copy(payload);
        self.held.insert(
            at,
            Held {
                sequence,
                since_ms: now_ms,
                after_drop,
                payload,
            },
        );
        Placed::Held
    }
}

#[expect(clippy::cast_possible_truncation, reason = "50 ms")]
pub(super) const REORDER_WAIT_MS: u64 = REORDER_WAIT.as_millis() as u64;

impl RtpSource {
    /// From so far ahead on, `sequence` is of a source that has started anew. Where our own socket
    /// dropped what lies between, any number may be missing of the same source.
    fn ahead_max(&self, sequence: u16) -> u16 {
        if self.dropped_before == Some(sequence) {
            u16::MAX / 2
        } else {
            RTP_DROPOUT_MAX
        }
    }

    fn receive_run(&mut self, count: u16) {
        self.expected = self.expected.wrapping_add(count);
        self.seen = match u32::from(count) {
            1..128 => (self.seen << count) | ((1 << count) - 1),
            0 => self.seen,
            _ => u128::MAX,
        };
    }
}

/// More than half of the numbers ahead is behind.
fn is_behind(ahead: u16) -> bool {
    ahead > u16::MAX / 2
}

/// Everything up to `next` is lost.
fn give_up(source: &mut RtpSource, next: u16, kernel: bool) -> Release {
    let lost = next.wrapping_sub(source.expected);
    source.expected = next;
    source.seen = if lost < 128 { source.seen << lost } else { 0 };
    Release::Lost {
        count: u64::from(lost),
        kernel,
    }
}

#[cfg(test)]
mod tests;
