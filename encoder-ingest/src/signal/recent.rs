//! When each kind of error was counted last: errors make a channel ill for a while.
//!
//! Pure: given counters and `now`.

use common::api::tr101290::Indicator;

/// Errors make a channel `degraded` for so long.
const RECENT_MS: u64 = 2000;

/// The indicators that show damage which every receiver sees: those of priority 1, but for the
/// continuity that is judged as a loss, and packets and sections that are marked or found damaged.
/// The others tell of quality: what a decoder makes of them differs.
pub const DAMAGE: [Indicator; 7] = [
    Indicator::TsSyncLoss,
    Indicator::SyncByteError,
    Indicator::PatError,
    Indicator::PmtError,
    Indicator::PidError,
    Indicator::TransportError,
    Indicator::CrcError,
];

/// When each kind of error was last counted.
#[derive(Debug, Clone, Default)]
pub struct Recent {
    pub kernel: Count,
    pub network: Count,
    pub unattributed: Count,
    pub upstream: Count,
    pub scrambled: Count,
    pub unaligned: Count,
    pub second_sender: Count,
    damage: [Count; DAMAGE.len()],
}

/// A counter, and when it last moved.
#[derive(Debug, Clone, Copy, Default)]
pub struct Count {
    value: u64,
    moved_ms: Option<u64>,
}

impl Recent {
    /// Tells the present values of the indicators of damage, after those of losses. What a loss
    /// has torn is no damage of its own: nothing is blamed on the source for it.
    pub fn tell_damage(&mut self, count: impl Fn(Indicator) -> u64, now_ms: u64) {
        let losses = [self.kernel, self.network, self.unattributed];
        let lossy = losses.iter().any(|loss| loss.is_recent(now_ms));
        for (seen, indicator) in self.damage.iter_mut().zip(DAMAGE) {
            let value = count(indicator);
            if lossy {
                seen.value = value;
            } else {
                seen.tell(value, now_ms);
            }
        }
    }

    /// The indicators of damage that were counted lately.
    pub fn damage(&self, now_ms: u64) -> impl Iterator<Item = Indicator> {
        let seen = self.damage.iter().zip(DAMAGE);
        seen.filter(move |(count, _)| count.is_recent(now_ms))
            .map(|(_, indicator)| indicator)
    }
}

impl Count {
    /// Tells the counter's present value.
    pub fn tell(&mut self, value: u64, now_ms: u64) {
        if value != self.value {
            self.value = value;
            self.moved_ms = Some(now_ms);
        }
    }

    #[must_use]
    pub fn is_recent(self, now_ms: u64) -> bool {
        self.moved_ms
            .is_some_and(|moved| now_ms.saturating_sub(moved) < RECENT_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_told_unless_a_loss_has_made_it() {
        let mut recent = Recent::default();
        let only = |wanted: Indicator, value: u64| {
            move |indicator: Indicator| if indicator == wanted { value } else { 0 }
        };
        let damage = |recent: &Recent, now_ms| recent.damage(now_ms).collect::<Vec<_>>();
        recent.tell_damage(only(Indicator::PatError, 1), 1000);
        assert_eq!(damage(&recent, 2999), [Indicator::PatError]);
        assert!(damage(&recent, 3000).is_empty());
        recent.unattributed.tell(5, 4000);
        recent.tell_damage(only(Indicator::PatError, 2), 5999);
        assert!(damage(&recent, 5999).is_empty(), "it follows a loss");
        recent.tell_damage(only(Indicator::PatError, 2), 9000);
        assert!(damage(&recent, 9000).is_empty(), "and is not told later");
        recent.tell_damage(only(Indicator::PcrAccuracyError, 9), 9000);
        assert_eq!(damage(&recent, 9000), [Indicator::PatError], "it has moved");
    }
}
