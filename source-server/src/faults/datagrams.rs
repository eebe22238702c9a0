//! What becomes of each datagram.

use super::chance::{Chance, Chooser};
use super::{CorruptSync, FaultKind, FaultPlan, Garbage, LossBurst, Reorder, When};

const TICKS_PER_MS: u64 = 27_000;
const NS_PER_MS: u64 = 1_000_000;

/// What shall be done with one datagram.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fate {
    /// It is not sent, and why.
    pub lost: Option<FaultKind>,
    /// It is sent twice.
    pub twice: bool,
    /// It is sent after so many others.
    pub after: Option<u32>,
    /// It is late by so much.
    pub delay_ns: u64,
    /// Packets with a wrong sync byte: the first, and how many.
    pub corrupt: Option<(usize, usize)>,
    /// Bytes that are sent in front of it.
    pub garbage: Option<Vec<u8>>,
}

/// Decides over datagram after datagram.
#[derive(Debug)]
pub struct DatagramFaults {
    /// Packets in a datagram.
    packets: usize,
    loss: Option<Chooser>,
    burst: Option<Burst>,
    reorder: Option<(Chooser, Reorder)>,
    duplicate: Option<Chooser>,
    jitter: Option<(Chance, u64)>,
    silence: Option<Ending>,
    corrupt: Option<(Chooser, CorruptSync)>,
    garbage: Option<(Chooser, Garbage)>,
}

#[derive(Debug)]
struct Burst {
    plan: LossBurst,
    seen: u64,
}

/// Something that ends so long after the first datagram.
#[derive(Debug)]
pub(super) struct Ending {
    ticks: Option<u64>,
    first: Option<u64>,
}

impl DatagramFaults {
    #[must_use]
    pub fn new(plan: &FaultPlan, packets: usize) -> Self {
        let chooser = |when: When, kind| Chooser::new(when, plan.seed, kind);
        Self {
            packets,
            loss: plan.loss.map(|when| chooser(when, FaultKind::Loss)),
            burst: plan.loss_burst.map(|plan| Burst { plan, seen: 0 }),
            reorder: plan
                .reorder
                .map(|reorder| (chooser(reorder.when, FaultKind::Reorder), reorder)),
            duplicate: plan
                .duplicate
                .map(|when| chooser(when, FaultKind::Duplicate)),
            jitter: plan
                .jitter_ms
                .map(|ms| (Chance::new(plan.seed, FaultKind::Jitter), ms * NS_PER_MS)),
            silence: plan.silence.map(|silence| Ending::new(silence.ms)),
            corrupt: plan
                .corrupt_sync
                .map(|corrupt| (chooser(corrupt.when, FaultKind::CorruptSync), corrupt)),
            garbage: plan
                .garbage
                .map(|garbage| (chooser(garbage.when, FaultKind::Garbage), garbage)),
        }
    }

    /// The fate of the next datagram, whose first byte is due at `ticks`. Every kind is asked for
    /// every datagram, so none moves another.
    pub fn fate(&mut self, ticks: u64) -> Fate {
        let silent = self
            .silence
            .as_mut()
            .is_some_and(|silence| silence.holds(ticks));
        let in_burst = self.burst.as_mut().is_some_and(Burst::next);
        let lost = self.loss.as_mut().is_some_and(Chooser::now);
        let packets = self.packets;
        Fate {
            lost: [
                (silent, FaultKind::Silence),
                (in_burst, FaultKind::LossBurst),
                (lost, FaultKind::Loss),
            ]
            .into_iter()
            .find_map(|(holds, kind)| holds.then_some(kind)),
            twice: self.duplicate.as_mut().is_some_and(Chooser::now),
            after: self
                .reorder
                .as_mut()
                .and_then(|(chooser, reorder)| chooser.now().then_some(reorder.distance)),
            delay_ns: self
                .jitter
                .as_mut()
                .map_or(0, |(chance, max_ns)| chance.below(*max_ns + 1)),
            corrupt: self.corrupt.as_mut().and_then(|(chooser, corrupt)| {
                let count = corrupt.packets.min(packets);
                let first = chooser.chance.below((packets - count + 1) as u64);
                let now = chooser.now();
                now.then(|| (usize::try_from(first).unwrap_or(0), count))
            }),
            garbage: self.garbage.as_mut().and_then(|(chooser, garbage)| {
                chooser.now().then(|| {
                    let mut bytes = vec![0; garbage.bytes];
                    chooser.chance.fill(&mut bytes);
                    bytes
                })
            }),
        }
    }

    /// Whether datagrams may be late, and so must be kept in order.
    #[must_use]
    pub fn jitters(&self) -> bool {
        self.jitter.is_some()
    }
}

impl Burst {
    fn next(&mut self) -> bool {
        let at = self.seen;
        self.seen += 1;
        match self.plan.every {
            None => at < self.plan.length,
            Some(every) => at % every.max(1) >= every.saturating_sub(self.plan.length),
        }
    }
}

impl Ending {
    pub(super) fn new(ms: Option<u64>) -> Self {
        Self {
            ticks: ms.map(|ms| ms * TICKS_PER_MS),
            first: None,
        }
    }

    pub(super) fn holds(&mut self, ticks: u64) -> bool {
        let first = *self.first.get_or_insert(ticks);
        self.ticks
            .is_none_or(|limit| ticks.saturating_sub(first) < limit)
    }
}
