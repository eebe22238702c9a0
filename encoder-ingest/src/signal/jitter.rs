//! How unevenly datagrams arrive: the spread of their delay, against the stream's own clock. That
//! is the network's doing (and the sender's), and no indicator of TR 101 290.

/// The least and the greatest delay lately, in nanoseconds against an arbitrary zero.
#[derive(Debug, Default)]
pub struct ArrivalJitter {
    spread: Option<(i128, i128)>,
}

impl ArrivalJitter {
    /// What should come at `ticks` of 27 MHz came at `stamp_ns`.
    pub fn sample(&mut self, ticks: u64, stamp_ns: u64) {
        let delay = i128::from(stamp_ns) - i128::from(ticks) * 1000 / 27;
        let (least, greatest) = self.spread.unwrap_or((delay, delay));
        self.spread = Some((least.min(delay), greatest.max(delay)));
    }

    /// Delays before and behind are not to be compared.
    pub fn forget(&mut self) {
        self.spread = None;
    }

    /// The spread since this was last asked; none: nothing came.
    pub fn take_us(&mut self) -> Option<u64> {
        let (least, greatest) = self.spread.take()?;
        u64::try_from((greatest - least) / 1000).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_that_of_the_delay() {
        let mut jitter = ArrivalJitter::default();
        for (ms, late_us) in [(0, 300), (20, 0), (40, 5000), (60, 100)] {
            jitter.sample(ms * 27_000, 1_000_000_000 + ms * 1_000_000 + late_us * 1000);
        }
        assert_eq!(jitter.take_us(), Some(5000));
        assert_eq!(jitter.take_us(), None);
    }
}
