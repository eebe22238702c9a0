//! What time it is, by two clocks: that of arrival, which stands still while nothing comes, and
//! that of the stream itself, which its PCRs tell and its bytes carry on.
//!
//! An interval counts as long only when both clocks say so. A network that delivers late and then
//! in a burst makes arrival alone wrong; a PCR that jumps makes the stream's clock alone wrong.

use common::ts::packet::{Pcr, Pid};

/// A moment by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    pub arrival_ms: u64,
    /// In ticks of 27 MHz; none while no rate is known.
    pub stream: Option<u64>,
}

/// Both clocks of one channel.
#[derive(Debug, Default)]
pub struct Times {
    /// When the packets came that are being scanned; none: none have come.
    arrival_ms: Option<u64>,
    /// The usual time between two arrivals, in sixteenths of a millisecond.
    usual_gap: u64,
    /// Packets before those that are being scanned.
    packets: u64,
    stream: Option<StreamClock>,
    reference: Option<Reference>,
}

/// Goes on by the number of packets, at the pace that the last PCRs showed.
#[derive(Debug, Clone, Copy)]
struct StreamClock {
    /// Where the clock was last set, and to what.
    position: u64,
    ticks: u64,
    /// Sums that forget: what the last PCRs were apart, and their packets.
    span_ticks: u64,
    span_packets: u64,
    /// Ticks a packet, with 16 binary places.
    pace: u64,
}

/// The PID whose PCRs set the stream's clock.
#[derive(Debug, Clone, Copy)]
struct Reference {
    pid: Pid,
    arrival_ms: u64,
}

const TICKS_PER_MS: u64 = Pcr::TICKS_PER_SECOND / 1000;

/// Nothing came for so long, and for four times the usual gap: that is a silence, not a sparse
/// stream. Shorter than the shortest limit of a table (0.5 s), so that none is found absent when
/// everything is.
const SILENCE_MS: u64 = 250;

/// So long is a silence of any stream, as `--silence-ms` has it.
const SILENCE_SURE_MS: u64 = 1000;

/// A reference without PCRs for so long gives way to another PID.
const REFERENCE_MS: u64 = 500;

impl Moment {
    /// The time from `earlier` to here: what both clocks agree has passed.
    #[must_use]
    pub fn since_ms(self, earlier: Self) -> u64 {
        let arrival = self.arrival_ms.saturating_sub(earlier.arrival_ms);
        self.stream_ms(earlier)
            .map_or(arrival, |stream| stream.min(arrival))
    }

    /// What the clock that says most says.
    #[must_use]
    pub fn at_most_ms(self, earlier: Self) -> u64 {
        let arrival = self.arrival_ms.saturating_sub(earlier.arrival_ms);
        self.stream_ms(earlier).unwrap_or(0).max(arrival)
    }

    fn stream_ms(self, earlier: Self) -> Option<u64> {
        let ticks = self.stream?.saturating_sub(earlier.stream?);
        Some(ticks / TICKS_PER_MS)
    }
}

impl Times {
    /// Packets have come at `now_ms`. Answers whether nothing came for long before.
    pub fn arrive(&mut self, now_ms: u64) -> bool {
        let Some(last_ms) = self.arrival_ms.replace(now_ms) else {
            return true;
        };
        let gap = now_ms.saturating_sub(last_ms);
        if gap == 0 {
            return false;
        }
        let usual = self.usual_gap / 16;
        self.usual_gap = (self.usual_gap * 7 + gap.min(SILENCE_SURE_MS) * 16) / 8;
        gap >= SILENCE_SURE_MS || (gap > SILENCE_MS && gap > usual * 4)
    }

    /// The packets that were being scanned are behind.
    pub fn pass(&mut self, packets: usize) {
        self.packets += packets as u64;
    }

    /// The place of a packet among those that are being scanned, in the channel's stream.
    #[must_use]
    pub fn position(&self, index: usize) -> u64 {
        self.packets + index as u64
    }

    /// The moment of a packet among those that are being scanned.
    #[must_use]
    pub fn at(&self, index: usize) -> Moment {
        let position = self.position(index);
        Moment {
            arrival_ms: self.arrival_ms.unwrap_or(0),
            stream: self.stream.map(|clock| clock.at(position)),
        }
    }

    /// What the stream's clock shows at the next packet; none while no rate is known.
    #[must_use]
    pub fn stream_ticks(&self) -> Option<u64> {
        self.at(0).stream
    }

    /// A PCR of `pid` at `position`, `step` ticks and `packets` behind the one before it; without
    /// `step` it tells nothing, since it was announced as new, or jumped.
    pub fn pcr(&mut self, pid: Pid, position: u64, step: Option<(u64, u64)>) {
        let arrival_ms = self.arrival_ms.unwrap_or(0);
        let other = |reference: &Reference| {
            reference.pid != pid && arrival_ms.saturating_sub(reference.arrival_ms) < REFERENCE_MS
        };
        if self.reference.as_ref().is_some_and(other) {
            return;
        }
        let changed = self.reference.is_none_or(|reference| reference.pid != pid);
        self.reference = Some(Reference { pid, arrival_ms });
        let here = self.stream.map(|clock| clock.at(position));
        match (step, &mut self.stream) {
            (Some((ticks, packets)), None) => {
                self.stream = StreamClock::new(position, ticks, packets);
            }
            (Some((ticks, packets)), Some(clock)) if !changed => {
                clock.step(position, ticks, packets);
            }
            (_, Some(clock)) => {
                clock.ticks = here.unwrap_or(clock.ticks);
                clock.position = position;
            }
            (None, None) => {}
        }
    }

    /// Another source: nothing of its clock is known.
    pub fn forget_stream(&mut self) {
        self.stream = None;
        self.reference = None;
    }
}

impl StreamClock {
    fn new(position: u64, ticks: u64, packets: u64) -> Option<Self> {
        if packets == 0 || ticks == 0 {
            return None;
        }
        Some(Self {
            position,
            ticks,
            span_ticks: ticks,
            span_packets: packets,
            pace: (ticks << 16) / packets,
        })
    }

    fn at(self, position: u64) -> u64 {
        let packets = position.saturating_sub(self.position);
        self.ticks
            .saturating_add(packets.saturating_mul(self.pace) >> 16)
    }

    fn step(&mut self, position: u64, ticks: u64, packets: u64) {
        self.position = position;
        self.ticks = self.ticks.saturating_add(ticks);
        self.span_ticks = self.span_ticks * 7 / 8 + ticks;
        self.span_packets = self.span_packets * 7 / 8 + packets;
        self.pace = (self.span_ticks << 16) / self.span_packets.max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PID: Pid = Pid::new(0x101);

    /// 100 packets in 10 ms, three times.
    fn running() -> Times {
        let mut times = Times::default();
        assert!(times.arrive(1000));
        for index in 0..=3 {
            let step = (index > 0).then_some((10 * TICKS_PER_MS, 100));
            times.pcr(PID, index * 100, step);
        }
        times.pass(300);
        times
    }

    #[test]
    fn the_stream_goes_on_by_its_packets() {
        let times = running();
        let (first, later) = (times.at(0), times.at(50));
        assert_eq!(later.stream_ms(first), Some(5));
        // Arrival has not moved: nothing has passed for sure.
        assert_eq!((later.since_ms(first), later.at_most_ms(first)), (0, 5));
    }

    #[test]
    fn a_burst_after_a_stall_is_not_long_by_both_clocks() {
        let mut times = running();
        let before = times.at(0);
        assert!(!times.arrive(1200));
        assert_eq!(times.at(10).since_ms(before), 1);
        assert_eq!(times.at(10).at_most_ms(before), 200);
    }

    #[test]
    fn a_sparse_stream_is_not_silent() {
        let mut times = Times::default();
        times.arrive(0);
        let mut at_ms = 0;
        let mut gap = |gap_ms| {
            at_ms += gap_ms;
            times.arrive(at_ms)
        };
        assert!(!gap(20));
        assert!(gap(400), "silent for long beside the usual gap");
        (0..20).for_each(|_| {
            gap(400);
        });
        assert!(!gap(500), "that is how it comes");
        assert!(gap(1000), "any is silent for so long");
    }

    #[test]
    fn another_pid_takes_over_when_the_reference_is_silent() {
        let mut times = running();
        let other = Pid::new(0x201);
        times.pcr(other, 350, Some((99 * TICKS_PER_MS, 1)));
        let before = times.at(0);
        assert_eq!(times.at(100).stream_ms(before), Some(10));
        times.arrive(1000 + REFERENCE_MS);
        times.pcr(other, 400, Some((5, 1)));
        times.pcr(other, 500, Some((10 * TICKS_PER_MS, 100)));
        assert_eq!(times.at(200).stream_ms(times.at(100)), Some(0));
        times.forget_stream();
        assert_eq!(times.stream_ticks(), None);
    }
}
