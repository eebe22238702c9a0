//! Chance that can be repeated.

use super::{FaultKind, When};

/// `SplitMix64` (Steele, Lea, Flood 2014). Its own, because the sequence of a seed must not change
/// with the version of a library.
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    /// Each kind of fault has its own sequence: one does not move another.
    pub(super) fn new(seed: u64, kind: FaultKind) -> Self {
        let mut mixed = Self(seed);
        let mixed = mixed.next();
        Self(mixed ^ (kind.index() as u64 + 1).wrapping_mul(0xd1b5_4a32_d192_ed03))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly one of `0..bound`; 0 for a bound of 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a f64 holds")]
    pub(super) fn hit(&mut self, probability: f64) -> bool {
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        unit < probability
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_be_bytes()[..chunk.len()]);
        }
    }
}

/// Whether it is now, asked once for each candidate.
#[derive(Debug, Clone)]
pub(super) struct Chooser {
    when: When,
    pub(super) chance: Chance,
    asked: u64,
}

impl Chooser {
    pub(super) fn new(when: When, seed: u64, kind: FaultKind) -> Self {
        Self {
            when,
            chance: Chance::new(seed, kind),
            asked: 0,
        }
    }

    pub(super) fn now(&mut self) -> bool {
        self.asked += 1;
        match self.when {
            When::Once => self.asked == 1,
            When::Probability(probability) => self.chance.hit(probability),
            When::Every(every) => self.asked.is_multiple_of(every.max(1)),
        }
    }
}
