//! How long datagrams were on their way: counted in classes, each 3 % wide at most.

/// Classes in each doubling.
const PARTS: u64 = 32;

/// Microseconds up to 2^37 (38 hours); longer ones count as that.
const DOUBLINGS: u64 = 32;

#[derive(Debug, Clone, Default)]
pub struct Delays {
    classes: Vec<u64>,
    count: u64,
    max_ns: u64,
}

/// In milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct Percentiles {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

impl Delays {
    pub fn add(&mut self, ns: u64) {
        if self.classes.is_empty() {
            self.classes = vec![0; class_of(u64::MAX) + 1];
        }
        self.classes[class_of(ns / 1000)] += 1;
        self.count += 1;
        self.max_ns = self.max_ns.max(ns);
    }

    pub fn merge(&mut self, other: &Self) {
        if self.classes.is_empty() {
            self.classes.clone_from(&other.classes);
        } else {
            for (class, more) in self.classes.iter_mut().zip(&other.classes) {
                *class += more;
            }
        }
        self.count += other.count;
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// None when there was nothing to measure.
    #[must_use]
    pub fn percentiles(&self) -> Option<Percentiles> {
        (self.count > 0).then(|| Percentiles {
            p50: self.at(50),
            p90: self.at(90),
            p99: self.at(99),
            max: milliseconds(self.max_ns / 1000),
        })
    }

    /// The upper end of the class in which `percent` of all are reached, never above the maximum.
    fn at(&self, percent: u64) -> f64 {
        let wanted = (self.count * percent).div_ceil(100);
        let mut below = 0;
        for (class, count) in self.classes.iter().enumerate() {
            below += count;
            if below >= wanted {
                return milliseconds(upper_us(class).min(self.max_ns / 1000));
            }
        }
        milliseconds(self.max_ns / 1000)
    }
}

/// Up to 64 us each has its class; then each doubling has [`PARTS`].
fn class_of(us: u64) -> usize {
    let us = us.min((1 << (DOUBLINGS + 5)) - 1);
    let doubling = (u64::from(us.max(1).ilog2()) + 1).saturating_sub(6);
    usize::try_from(doubling * PARTS + (us >> doubling)).unwrap_or(0)
}

fn upper_us(class: usize) -> u64 {
    let class = class as u64;
    let doubling = (class / PARTS).saturating_sub(1);
    ((class - doubling * PARTS + 1) << doubling) - 1
}

#[expect(
    clippy::cast_precision_loss,
    reason = "delays are far below 2^53 microseconds"
)]
fn milliseconds(us: u64) -> f64 {
    us as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentiles_are_those_of_the_values() {
        let mut delays = Delays::default();
        assert_eq!(delays.percentiles(), None);
        for us in 1..=1000 {
            delays.add(us * 1000);
        }
        let got = delays.percentiles().expect("values");
        for (got, wanted) in [(got.p50, 0.5), (got.p90, 0.9), (got.p99, 0.99)] {
            assert!(
                (wanted..wanted * 1.04).contains(&got),
                "{got} instead of {wanted}"
            );
        }
        assert_eq!(got.max.to_bits(), 1.0_f64.to_bits());
        let mut both = Delays::default();
        both.merge(&delays);
        both.merge(&delays);
        assert_eq!(both.percentiles(), delays.percentiles());
    }

    proptest! {
        #[test]
        fn a_class_ends_within_three_percent(us in 0_u64..1 << 37) {
            let class = class_of(us);
            let upper = upper_us(class);
            prop_assert!(upper >= us && upper - us <= us / 31);
            prop_assert_eq!(class_of(upper), class);
            prop_assert_eq!(class_of(upper + 1), if upper + 1 == 1 << 37 { class } else { class + 1 });
        }
    }
}
