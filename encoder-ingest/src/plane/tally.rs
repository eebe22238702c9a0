//! What has gone wrong with a channel: when each kind of error was last counted, and the errors of
//! the last half minute with their times. Pure.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use common::api::tr101290::Indicator;

use crate::limits::{ERRORS_KEPT, ERRORS_KEPT_FOR};
use crate::live::{ChannelCounters, ErrorSeen};
use crate::signal::recent::Recent;

/// The counters that the keeper has seen of one channel.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) recent: Recent,
    restarts: u64,
    /// In the order of [`causes`].
    before: Vec<u64>,
    errors: VecDeque<ErrorSeen>,
}

/// What a look at the counters has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Seen {
    /// The source has started anew, so many times in all.
    pub(super) restarted: Option<u64>,
    /// The errors kept are others than before.
    pub(super) errors: bool,
}

/// Every error that is counted, with its name.
fn causes(counters: &ChannelCounters) -> impl Iterator<Item = (&'static str, &AtomicU64)> {
    let lost = [
        ("lost_network", &counters.lost_network),
        ("lost_kernel", &counters.lost_kernel),
        ("lost_upstream", &counters.lost_upstream),
        ("lost_unattributed", &counters.lost_unattributed),
        ("malformed_datagrams", &counters.malformed),
        ("source_restarted", &counters.source_restarts),
    ];
    let indicators = Indicator::ALL.iter().zip(&counters.tr101290);
    lost.into_iter()
        .chain(indicators.map(|(indicator, count)| (indicator.as_str(), count)))
}

impl Tally {
    /// Looks at the counters; `unix_ms` is the wall clock's time.
    pub(super) fn look(&mut self, counters: &ChannelCounters, now_ms: u64, unix_ms: i64) -> Seen {
        let load = |counter: &AtomicU64| counter.load(Relaxed);
        let recent = &mut self.recent;
        for (count, value) in [
            (&mut recent.kernel, &counters.lost_kernel),
            (&mut recent.network, &counters.lost_network),
            (&mut recent.unattributed, &counters.lost_unattributed),
            (&mut recent.upstream, &counters.lost_upstream),
            (&mut recent.scrambled, &counters.scrambled_packets),
            (&mut recent.unaligned, &counters.unaligned),
            (&mut recent.second_sender, &counters.second_sender),
        ] {
            count.tell(load(value), now_ms);
        }
        let indicators = &counters.tr101290;
        recent.tell_damage(|one| load(&indicators[one.index()]), now_ms);
        let restarts = load(&counters.source_restarts);
        let restarted = (restarts != self.restarts).then_some(restarts);
        self.restarts = restarts;
        Seen {
            restarted,
            errors: self.note_errors(counters, unix_ms),
        }
    }

    /// The errors of the last half minute, oldest first.
    pub(super) fn errors(&self) -> Vec<ErrorSeen> {
        self.errors.iter().copied().collect()
    }

    /// Answers whether the errors that are kept have changed.
    fn note_errors(&mut self, counters: &ChannelCounters, unix_ms: i64) -> bool {
        let kept_ms = i64::try_from(ERRORS_KEPT_FOR.as_millis()).unwrap_or(i64::MAX);
        let old = |error: &ErrorSeen| unix_ms.saturating_sub(error.unix_ms) > kept_ms;
        let mut changed = false;
        while self.errors.front().is_some_and(old) {
            self.errors.pop_front();
            changed = true;
        }
        for (index, (kind, counter)) in causes(counters).enumerate() {
            let value = counter.load(Relaxed);
            if self.before.len() <= index {
                self.before.push(0);
            }
            let count = value.wrapping_sub(self.before[index]);
            if count == 0 {
                continue;
            }
            self.before[index] = value;
            if self.errors.len() == ERRORS_KEPT {
                self.errors.pop_front();
            }
            self.errors.push_back(ErrorSeen {
                unix_ms,
                kind,
                count,
            });
            changed = true;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_kept_with_their_times_for_half_a_minute() {
        let counters = ChannelCounters::default();
        let mut tally = Tally::default();
        assert_eq!(tally.look(&counters, 0, 1000), Seen::default());
        counters.lost_network.store(3, Relaxed);
        counters.tr101290[Indicator::CrcError.index()].store(1, Relaxed);
        assert!(tally.look(&counters, 100, 1100).errors);
        assert!(!tally.look(&counters, 200, 1200).errors);
        counters.lost_network.store(4, Relaxed);
        assert!(tally.look(&counters, 300, 1300).errors);
        let told = |tally: &Tally| -> Vec<(i64, &str, u64)> {
            let errors = tally.errors().into_iter();
            errors
                .map(|error| (error.unix_ms, error.kind, error.count))
                .collect()
        };
        assert_eq!(
            told(&tally),
            [
                (1100, "lost_network", 3),
                (1100, "crc_error", 1),
                (1300, "lost_network", 1)
            ]
        );
        assert!(tally.look(&counters, 30_150, 31_150).errors, "two are old");
        assert_eq!(told(&tally), [(1300, "lost_network", 1)]);
    }

    #[test]
    fn the_oldest_errors_go_when_there_are_too_many() {
        let counters = ChannelCounters::default();
        let mut tally = Tally::default();
        for number in 1..=ERRORS_KEPT as u64 + 5 {
            counters.lost_kernel.store(number, Relaxed);
            tally.look(&counters, 0, 0);
        }
        assert_eq!(tally.errors().len(), ERRORS_KEPT);
    }

    #[test]
    fn damage_is_seen_and_what_a_loss_has_torn_is_not() {
        let counters = ChannelCounters::default();
        let mut tally = Tally::default();
        let count = &counters.tr101290[Indicator::SyncByteError.index()];
        count.store(3, Relaxed);
        tally.look(&counters, 100, 100);
        let damage = |tally: &Tally, now_ms| tally.recent.damage(now_ms).count();
        assert_eq!(damage(&tally, 100), 1);
        counters.lost_unattributed.store(7, Relaxed);
        count.store(4, Relaxed);
        tally.look(&counters, 5000, 5000);
        assert_eq!(damage(&tally, 5000), 0);
    }

    #[test]
    fn a_source_that_started_anew_is_told_once() {
        let counters = ChannelCounters::default();
        let mut tally = Tally::default();
        counters.source_restarts.store(2, Relaxed);
        assert_eq!(tally.look(&counters, 0, 0).restarted, Some(2));
        assert_eq!(tally.look(&counters, 100, 100).restarted, None);
    }
}
