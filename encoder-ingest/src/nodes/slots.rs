//! Slots, counted in millionths: a job may cost a twentieth of one, and sums must come out even.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Sub};

/// Slots of a node, or what a job costs of them. May be negative: more is used than there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Slots(i64);

const PER_SLOT: f64 = 1e6;

/// More than any machine has; a larger number is taken for this.
const SLOTS_MAX: f64 = 65_536.0;

impl Slots {
    /// None: this is no number of slots.
    #[must_use]
    pub fn parse(value: f64) -> Option<Self> {
        let valid = value.is_finite() && value >= 0.0;
        valid.then(|| Self::of(value))
    }

    /// Rounded to a millionth.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "bounded on both sides")]
    pub fn of(value: f64) -> Self {
        Self((value.clamp(-SLOTS_MAX, SLOTS_MAX) * PER_SLOT).round() as i64)
    }

    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53 millionths")]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / PER_SLOT
    }
}

impl fmt::Display for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}

impl Add for Slots {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Slots {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Sum for Slots {
    fn sum<I: Iterator<Item = Self>>(slots: I) -> Self {
        slots.fold(Self::default(), Self::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twentieths_add_up_to_a_slot() {
        let sum: Slots = (0..20).map(|_| Slots::of(0.05)).sum();
        assert_eq!(sum, Slots::of(1.0));
        assert_eq!(Slots::of(4.0) - sum, Slots::of(3.0));
        assert_eq!(Slots::of(0.05).to_string(), "0.05");
    }

    #[test]
    fn what_is_no_number_of_slots_is_refused() {
        for wrong in [f64::NAN, f64::INFINITY, -0.1] {
            assert_eq!(Slots::parse(wrong), None);
        }
        assert_eq!(Slots::parse(1e300), Some(Slots::of(SLOTS_MAX)));
    }
}
