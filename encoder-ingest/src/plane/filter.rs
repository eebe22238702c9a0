//! The host's reverse path filter, while a channel is silent for which it could be the reason: what
//! is in force on each NIC, how many packets it drops, and a test whether they are of one group.

use std::collections::BTreeMap;

use common::net::interfaces::{reverse_path_filter_drops, rp_filter};
use common::net::memberships::memberships;

use super::drops::{Drops, Filtered, judged};
use super::silence::{Silence, since};
use crate::limits::FILTER_TEST;

/// What is known of the filter.
#[derive(Debug, Default)]
pub(super) struct Filter {
    drops: Drops,
    /// What is in force on the NICs of silent channels; 0 is off.
    values: BTreeMap<String, u8>,
    read_ms: u64,
    /// When the counter began to rise; none: it does not.
    rising_since_ms: Option<u64>,
    suspects: u64,
}

/// A group has been left for a moment: does the counter rise on without it?
#[derive(Debug, Clone, Copy)]
pub(super) struct FilterTest {
    since_ms: u64,
    count: u64,
    suspects: u64,
    drops_per_s: u64,
}

/// The settings are read so often.
const READ_MS: u64 = 1000;

impl Filter {
    /// Looks at the counter, when one of the channels that are silent may be filtered.
    pub(super) fn watch<'a>(&mut self, silent: impl Iterator<Item = &'a Silence>, now_ms: u64) {
        if now_ms.saturating_sub(self.read_ms) >= READ_MS {
            self.read_ms = now_ms;
            self.values.clear();
        }
        self.suspects = 0;
        for silence in silent {
            if !self.values.contains_key(&silence.interface) {
                let value = rp_filter(&silence.interface).unwrap_or(0);
                self.values.insert(silence.interface.clone(), value);
            }
            self.suspects += u64::from(self.value(silence) > 0);
        }
        if self.suspects > 0
            && let Some(count) = reverse_path_filter_drops()
        {
            self.drops.tell(now_ms, count);
        }
        if self.suspects == 0 || !self.drops.rising() {
            self.rising_since_ms = None;
        } else {
            self.rising_since_ms.get_or_insert(now_ms);
        }
    }

    /// When the counter began to rise; none: it does not.
    pub(super) fn rising_since_ms(&self) -> Option<u64> {
        self.rising_since_ms
    }

    /// What is in force for a channel that is silent; 0: nothing is filtered for it (IPv6 has no such
    /// filter).
    pub(super) fn value(&self, silence: &Silence) -> u8 {
        let of_v4 = silence.group.group().is_ipv4();
        let value = self.values.get(&silence.interface).copied();
        value.filter(|_| of_v4).unwrap_or(0)
    }

    /// The filter may be why nothing comes.
    pub(super) fn suspected(&self, silence: &Silence) -> bool {
        self.rising_since_ms.is_some() && self.value(silence) > 0
    }

    /// A test that begins now: the group has just been left.
    pub(super) fn test(&self, now_ms: u64) -> Option<FilterTest> {
        Some(FilterTest {
            since_ms: now_ms,
            count: reverse_path_filter_drops()?,
            suspects: self.suspects,
            drops_per_s: self.drops.per_second(),
        })
    }
}

impl FilterTest {
    /// What it has shown, when it is over; to be asked before the group is joined again.
    pub(super) fn outcome(self, now_ms: u64) -> Option<Filtered> {
        let passed = since(self.since_ms, now_ms);
        if passed < FILTER_TEST {
            return None;
        }
        let count = reverse_path_filter_drops().unwrap_or(self.count);
        let seen = count.saturating_sub(self.count);
        let passed_ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        let expected = self.drops_per_s.saturating_mul(passed_ms) / 1000;
        Some(judged(expected, seen, self.suspects))
    }
}

/// Others are in the group too, so that leaving it would change nothing.
pub(super) fn is_shared(silence: &Silence) -> bool {
    memberships().into_iter().any(|one| {
        one.group == silence.group.group()
            && one.interface_index == silence.interface_index
            && one.users > 1
    })
}
