//! When the bytes of a stream are due. Pure: it is told the time, in nanoseconds of any clock that
//! only goes forward.

use std::time::Duration;

/// Maps a stream's ticks of 27 MHz to the sender's clock.
#[derive(Debug, Clone)]
pub struct Pacer {
    start_ns: u64,
    catch_up_ns: u64,
}

impl Pacer {
    /// Tick 0 is due at `start_ns`. Being late by more than `catch_up_max` is not made up for.
    #[must_use]
    pub fn new(start_ns: u64, catch_up_max: Duration) -> Self {
        let catch_up_ns = u64::try_from(catch_up_max.as_nanos()).unwrap_or(u64::MAX);
        Self {
            start_ns,
            catch_up_ns,
        }
    }

    /// Everything with fewer ticks than this is due at `now_ns`.
    #[must_use]
    pub fn due_ticks(&self, now_ns: u64) -> u64 {
        let run_ns = u128::from(now_ns.saturating_sub(self.start_ns));
        u64::try_from(run_ns * 27 / 1000).unwrap_or(u64::MAX)
    }

    /// When `ticks` is due, rounded up: at that time [`Self::due_ticks`] has reached it.
    #[must_use]
    pub fn deadline_ns(&self, ticks: u64) -> u64 {
        let run_ns = (u128::from(ticks) * 1000).div_ceil(27);
        self.start_ns
            .saturating_add(u64::try_from(run_ns).unwrap_or(u64::MAX))
    }

    /// To be called before a turn with what is next: where that is late by more than may be caught
    /// up with, the stream's clock is shifted. Answers by how much, in nanoseconds.
    pub fn slip(&mut self, now_ns: u64, next_ticks: u64) -> u64 {
        let late_ns = now_ns.saturating_sub(self.deadline_ns(next_ticks));
        let slipped_ns = late_ns.saturating_sub(self.catch_up_ns);
        self.start_ns += slipped_ns;
        slipped_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    fn pacer() -> Pacer {
        Pacer::new(1000 * MS, Duration::from_millis(50))
    }

    #[test]
    fn ticks_follow_the_clock() {
        let pacer = pacer();
        assert_eq!(pacer.due_ticks(0), 0);
        assert_eq!(pacer.due_ticks(1000 * MS), 0);
        assert_eq!(pacer.due_ticks(2000 * MS), 27_000_000);
        assert_eq!(pacer.deadline_ns(27_000), 1001 * MS);
    }

    #[test]
    fn late_by_little_is_caught_up_with_and_by_more_is_not() {
        let mut pacer = pacer();
        assert_eq!(pacer.slip(1050 * MS, 0), 0);
        assert_eq!(pacer.due_ticks(1050 * MS), 50 * 27_000);
        assert_eq!(pacer.slip(3000 * MS, 50 * 27_000), 1900 * MS);
        // What is sent at once is never more than may be caught up with.
        assert_eq!(pacer.due_ticks(3000 * MS), 100 * 27_000);
        assert_eq!(pacer.slip(3000 * MS, 50 * 27_000), 0);
    }

    proptest! {
        #[test]
        fn a_deadline_is_the_first_moment(ticks in 0_u64..1 << 50) {
            let pacer = pacer();
            let deadline = pacer.deadline_ns(ticks);
            prop_assert!(pacer.due_ticks(deadline) >= ticks);
            prop_assert!(ticks == 0 || pacer.due_ticks(deadline - 1) < ticks);
        }
    }
}
