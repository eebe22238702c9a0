//! Error counters as operators see them: since the channel began, or since somebody had them start
//! again. The counters themselves, and with them Prometheus', never go back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use common::api::channel::{Lost, Repaired};
use common::api::tr101290::{Indicator, Tr101290};
use serde_json::{Value, json};

use crate::definition::ChannelId;
use crate::live::LiveChannel;

/// What the counters were when they were reset, for the channels that they were reset of: no more
/// than there are channels.
#[derive(Debug, Default)]
pub(super) struct Baselines {
    of: Mutex<HashMap<ChannelId, Baseline>>,
}

#[derive(Debug)]
struct Baseline {
    /// A channel that is removed and made again counts from zero: it is another one.
    channel: Weak<LiveChannel>,
    errors: Errors,
}

/// The error counters of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Errors {
    pub(super) lost: Lost,
    pub(super) repaired: Repaired,
    pub(super) tr101290: Tr101290,
}

impl Baselines {
    /// From now on the channel's errors count from here.
    pub(super) fn reset(&self, channel: &Arc<LiveChannel>) {
        let errors = Errors::read(channel);
        let mut of = self.of();
        of.retain(|_, baseline| baseline.channel.strong_count() > 0);
        let baseline = Baseline {
            channel: Arc::downgrade(channel),
            errors,
        };
        of.insert(channel.id.clone(), baseline);
    }

    pub(super) fn since_reset(&self, channel: &Arc<LiveChannel>) -> Errors {
        let errors = Errors::read(channel);
        let of = self.of();
        let base = of
            .get(&channel.id)
            .filter(|base| base.channel.as_ptr() == Arc::as_ptr(channel));
        base.map_or(errors, |base| errors.since(&base.errors))
    }

    fn of(&self) -> MutexGuard<'_, HashMap<ChannelId, Baseline>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Errors {
    fn read(channel: &LiveChannel) -> Self {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &channel.counters;
        let lost = Lost {
            network: load(&counters.lost_network),
            kernel: load(&counters.lost_kernel),
            upstream: load(&counters.lost_upstream),
            unattributed: load(&counters.lost_unattributed),
        };
        let repaired = Repaired {
            reordered: load(&counters.reordered),
            duplicates: load(&counters.duplicates),
        };
        let of = |indicator: Indicator| load(&counters.tr101290[indicator.index()]);
        let tr101290 = Tr101290::from_counts(of);
        Self {
            lost,
            repaired,
            tr101290,
        }
    }

    /// What a reset changes.
    pub(super) fn reset(&self) -> Value {
        let new = Self::default();
        json!({
            "lost": {"old": self.lost, "new": new.lost},
            "repaired": {"old": self.repaired, "new": new.repaired},
            "tr101290": {"old": self.tr101290, "new": new.tr101290},
        })
    }

    fn since(&self, base: &Self) -> Self {
        let (lost, repaired) = (&self.lost, &self.repaired);
        let since = |indicator: Indicator| {
            let before = base.tr101290.of(indicator);
            self.tr101290.of(indicator).saturating_sub(before)
        };
        Self {
            lost: Lost {
                network: lost.network.saturating_sub(base.lost.network),
                kernel: lost.kernel.saturating_sub(base.lost.kernel),
                upstream: lost.upstream.saturating_sub(base.lost.upstream),
                unattributed: lost.unattributed.saturating_sub(base.lost.unattributed),
            },
            repaired: Repaired {
                reordered: repaired.reordered.saturating_sub(base.repaired.reordered),
                duplicates: repaired.duplicates.saturating_sub(base.repaired.duplicates),
            },
            tr101290: Tr101290::from_counts(since),
        }
    }
}
