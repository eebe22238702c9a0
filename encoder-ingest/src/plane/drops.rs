//! What reverse path filtering drops on this host, watched while a channel is silent for which that
//! could be the reason; and whether it is this channel's group that is dropped. Pure.

use std::collections::VecDeque;

/// The host's counter over the last second.
#[derive(Debug, Default)]
pub(super) struct Drops {
    samples: VecDeque<Sample>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at_ms: u64,
    count: u64,
}

/// What a test of one channel has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filtered {
    /// The counter stood still, or rose more slowly, while the group was left.
    Shown,
    /// The counter rises, and the test could not tell for whom.
    Perhaps,
    /// The counter rose on as before: for another group.
    No,
}

/// The counter is looked at over so long.
const WINDOW_MS: u64 = 1000;

/// Samples further apart than this say nothing of what was between them.
const SAMPLE_GAP_MS: u64 = 500;

/// Fewer drops in the window are some stray packets, and no TV.
const RISING_MIN: u64 = 5;

/// With more silent channels than this the share of one can't be told from the noise.
const TESTABLE_CHANNELS_MAX: u64 = 8;

impl Drops {
    /// Tells the counter's present value.
    pub(super) fn tell(&mut self, at_ms: u64, count: u64) {
        let gap = |last: &Sample| at_ms.saturating_sub(last.at_ms) > SAMPLE_GAP_MS;
        if self.samples.back().is_some_and(gap) {
            self.samples.clear();
        }
        let old = |first: &Sample| at_ms.saturating_sub(first.at_ms) > WINDOW_MS;
        while self.samples.front().is_some_and(old) {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { at_ms, count });
    }

    /// Drops in the window.
    #[must_use]
    pub(super) fn recent(&self) -> u64 {
        let (first, last) = (self.samples.front(), self.samples.back());
        let between = first.zip(last);
        between.map_or(0, |(first, last)| last.count.saturating_sub(first.count))
    }

    #[must_use]
    pub(super) fn rising(&self) -> bool {
        self.recent() >= RISING_MIN
    }

    /// The rate over the window.
    #[must_use]
    pub(super) fn per_second(&self) -> u64 {
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else {
            return 0;
        };
        self.recent() * 1000 / last.at_ms.saturating_sub(first.at_ms).max(1)
    }
}

/// Judges a test: `expected` drops while the group was left, `seen` ones, with `channels` silent
/// ones on which the drops may fall.
#[must_use]
pub(super) fn judged(expected: u64, seen: u64, channels: u64) -> Filtered {
    if expected < RISING_MIN || channels > TESTABLE_CHANNELS_MAX {
        return Filtered::Perhaps;
    }
    let fewer = expected.saturating_sub(seen);
    // Half of an equal share: groups differ in rate.
    if fewer * 2 * channels.max(1) >= expected {
        Filtered::Shown
    } else {
        Filtered::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_rises_when_it_moves_by_more_than_a_stray() {
        let mut drops = Drops::default();
        assert!(!drops.rising());
        for at in 0..10 {
            drops.tell(at * 100, 7000 + at * 30);
        }
        assert_eq!((drops.recent(), drops.per_second()), (270, 300));
        assert!(drops.rising());
        for at in 10..30 {
            drops.tell(at * 100, 7270);
        }
        assert!(!drops.rising());
        drops.tell(2950, 7274);
        assert!(!drops.rising(), "a stray");
    }

    #[test]
    fn what_was_not_watched_is_not_judged() {
        let mut drops = Drops::default();
        drops.tell(0, 10);
        drops.tell(10_000, 9000);
        assert_eq!(drops.recent(), 0);
    }

    #[test]
    fn the_group_is_dropped_when_the_counter_stands_still_without_it() {
        for (expected, seen, channels, want) in [
            (100, 0, 1, Filtered::Shown),
            (100, 97, 1, Filtered::No),
            (100, 52, 2, Filtered::Shown),
            (100, 98, 2, Filtered::No),
            (100, 130, 2, Filtered::No),
            (100, 85, 8, Filtered::Shown),
            (100, 90, 9, Filtered::Perhaps),
            (3, 0, 1, Filtered::Perhaps),
        ] {
            assert_eq!(
                judged(expected, seen, channels),
                want,
                "{seen} of {expected}, {channels}"
            );
        }
    }
}
