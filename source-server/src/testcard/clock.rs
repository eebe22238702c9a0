//! What time it is at a byte position of a stream of constant rate, without rounding that adds up.

/// Ticks of 27 MHz that one packet takes, times the rate in bit/s.
const PACKET_TICK_BITS: u64 = 188 * 8 * 27_000_000;

/// From a packet's first byte to the one with the last bit of its PCR base, which a PCR speaks of
/// (ISO/IEC 13818-1, 2.4.3.5), in the same unit.
const PCR_TICK_BITS: u64 = 10 * 8 * 27_000_000;

/// The time of the next packet's first byte: `ticks` and `rest / bps` of a tick.
#[derive(Debug, Clone)]
pub(super) struct ByteClock {
    bps: u64,
    ticks: u64,
    rest: u64,
}

impl ByteClock {
    pub(super) fn new(bps: u64) -> Self {
        Self {
            bps: bps.max(1),
            ticks: 0,
            rest: 0,
        }
    }

    pub(super) fn ticks(&self) -> u64 {
        self.ticks
    }

    /// The PCR of the next packet, in ticks since the stream began, rounded down.
    pub(super) fn pcr_ticks(&self) -> u64 {
        self.ticks + (self.rest + PCR_TICK_BITS) / self.bps
    }

    /// One packet on.
    pub(super) fn advance(&mut self) {
        self.rest += PACKET_TICK_BITS;
        self.ticks += self.rest / self.bps;
        self.rest %= self.bps;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn time_is_the_position_over_the_rate(bps in 1_000_000_u64..4_000_000_000, packets in 1_u64..5000) {
            let mut clock = ByteClock::new(bps);
            for _ in 0..packets {
                clock.advance();
            }
            let ticks_at = |byte: u64| u128::from(byte) * 8 * 27_000_000 / u128::from(bps);
            prop_assert_eq!(u128::from(clock.ticks()), ticks_at(packets * 188));
            prop_assert_eq!(u128::from(clock.pcr_ticks()), ticks_at(packets * 188 + 10));
        }
    }
}
