//! What has been found, as control is shown it.

use common::api::tr101290::Indicator;

/// Packets that are missing, and scrambled ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Losses {
    pub(super) missing_rtp: u64,
    pub(super) missing_plain: u64,
    pub(super) scrambled: u64,
}

/// What has been found since the channel began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SignalCounts {
    /// Errors of TR 101 290, in the order of [`Indicator::ALL`].
    pub indicators: [u64; Indicator::COUNT],
    /// TS packets that are missing by the continuity counter while the RTP sequence is whole: a
    /// lower bound, since the counter has four bits.
    pub missing_rtp: u64,
    /// The same in plain TS, where no drop of the kernel explains it.
    pub missing_plain: u64,
    pub scrambled_packets: u64,
    /// Times that a table was full: packets that were not analysed, sections that were not read.
    pub limits_reached: u64,
}

impl SignalCounts {
    #[must_use]
    pub fn of(&self, indicator: Indicator) -> u64 {
        self.indicators[indicator.index()]
    }
}
