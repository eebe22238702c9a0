//! When a silent group is joined anew: seldomer each time, and never while data comes. Pure.

use std::time::Duration;

use super::silence::since;
use crate::limits::{REJOIN_WAIT_FIRST, REJOIN_WAIT_MAX};

/// The rejoins of one membership.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff {
    since_ms: u64,
    wait: Duration,
}

impl Backoff {
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            since_ms: now_ms,
            wait: REJOIN_WAIT_FIRST,
        }
    }

    /// Whether to join anew now, where the last datagram came at `last_datagram_ms`. Each time that
    /// it is due, the next wait is twice as long, until data comes again.
    pub(super) fn is_due(
        &mut self,
        last_datagram_ms: Option<u64>,
        silence_ms: u64,
        now_ms: u64,
    ) -> bool {
        let quiet_since = last_datagram_ms.unwrap_or(0);
        if quiet_since > self.since_ms {
            *self = Self::new(quiet_since);
        }
        let silent = now_ms.saturating_sub(quiet_since) >= silence_ms;
        if !silent || since(self.since_ms, now_ms) < self.wait {
            return false;
        }
        *self = Self {
            since_ms: now_ms,
            wait: (self.wait * 2).min(REJOIN_WAIT_MAX),
        };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When it is due within `until_ms`, asked ten times a second.
    fn due(backoff: &mut Backoff, last: Option<u64>, from_ms: u64, until_ms: u64) -> Vec<u64> {
        let mut is_due = |now_ms: &u64| backoff.is_due(last, 1000, *now_ms);
        let looks = (from_ms..=until_ms).step_by(100);
        looks.filter(|now_ms| is_due(now_ms)).collect()
    }

    #[test]
    fn the_wait_doubles_up_to_five_minutes_and_begins_anew_after_data() {
        let mut backoff = Backoff::new(0);
        let rejoins = due(&mut backoff, None, 0, 31_000);
        assert_eq!(rejoins, [2000, 6000, 14_000, 30_000]);
        let later = due(&mut backoff, None, 31_100, 2_000_000);
        let last: Vec<u64> = later.windows(2).map(|two| two[1] - two[0]).collect();
        assert_eq!(last.last(), Some(&300_000), "{last:?}");
        let after = due(&mut backoff, Some(2_000_500), 2_000_500, 2_006_500);
        assert_eq!(after, [2_002_500, 2_006_500]);
    }

    #[test]
    fn a_stream_that_flows_is_never_touched() {
        let mut backoff = Backoff::new(0);
        let touched = (0..100_000)
            .step_by(100)
            .any(|now_ms| backoff.is_due(Some(now_ms), 1000, now_ms));
        assert!(!touched);
        assert_eq!(due(&mut backoff, Some(99_900), 100_000, 101_800), [0; 0]);
    }
}
