//! The indicators of ETSI TR 101 290 (V1.4.1, table 5.0a to 5.0c), priority 1 and 2, counted.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Errors counted by indicator, since the channel began or its counters were reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Tr101290 {
    /// 1.1: two bad sync bytes in a row; regained after five good ones.
    pub ts_sync_loss: u64,
    /// 1.2: a sync byte is not 0x47.
    pub sync_byte_error: u64,
    /// 1.3.a: no PAT for 0.5 s, another table on its PID, or scrambled.
    pub pat_error: u64,
    /// 1.4: packets of a PID are missing, or one comes a third time.
    pub continuity_count_error: u64,
    /// 1.5.a: no PMT for 0.5 s on a PID that the PAT names, or scrambled.
    pub pmt_error: u64,
    /// 1.6: a PID that a PMT names is absent for 5 s.
    pub pid_error: u64,
    /// 2.1: a packet is marked as erroneous by who received it.
    pub transport_error: u64,
    /// 2.2: a section's CRC is wrong.
    pub crc_error: u64,
    /// 2.3.a: no PCR for 100 ms.
    pub pcr_repetition_error: u64,
    /// 2.3.b: a PCR jumps without an announcement.
    pub pcr_discontinuity_error: u64,
    /// 2.4: a PCR is wrong by more than 500 ns; judged where the rate is constant.
    pub pcr_accuracy_error: u64,
    /// 2.5: no PTS for 700 ms.
    pub pts_error: u64,
    /// 2.6: scrambled packets without a CAT, or another table on its PID.
    pub cat_error: u64,
}

/// One indicator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Indicator {
    TsSyncLoss,
    SyncByteError,
    PatError,
    ContinuityCountError,
    PmtError,
    PidError,
    TransportError,
    CrcError,
    PcrRepetitionError,
    PcrDiscontinuityError,
    PcrAccuracyError,
    PtsError,
    CatError,
}

impl Indicator {
    pub const COUNT: usize = 13;

    pub const ALL: [Self; Self::COUNT] = [
        Self::TsSyncLoss,
        Self::SyncByteError,
        Self::PatError,
        Self::ContinuityCountError,
        Self::PmtError,
        Self::PidError,
        Self::TransportError,
        Self::CrcError,
        Self::PcrRepetitionError,
        Self::PcrDiscontinuityError,
        Self::PcrAccuracyError,
        Self::PtsError,
        Self::CatError,
    ];

    /// The name in the API and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TsSyncLoss => "ts_sync_loss",
            Self::SyncByteError => "sync_byte_error",
            Self::PatError => "pat_error",
            Self::ContinuityCountError => "continuity_count_error",
            Self::PmtError => "pmt_error",
            Self::PidError => "pid_error",
            Self::TransportError => "transport_error",
            Self::CrcError => "crc_error",
            Self::PcrRepetitionError => "pcr_repetition_error",
            Self::PcrDiscontinuityError => "pcr_discontinuity_error",
            Self::PcrAccuracyError => "pcr_accuracy_error",
            Self::PtsError => "pts_error",
            Self::CatError => "cat_error",
        }
    }

    /// Its place in [`Self::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl Tr101290 {
    /// From the count of each indicator.
    #[must_use]
    pub fn from_counts(mut count: impl FnMut(Indicator) -> u64) -> Self {
        let mut all = Self::default();
        for indicator in Indicator::ALL {
            *all.of_mut(indicator) = count(indicator);
        }
        all
    }

    #[must_use]
    pub fn of(mut self, indicator: Indicator) -> u64 {
        *self.of_mut(indicator)
    }

    fn of_mut(&mut self, indicator: Indicator) -> &mut u64 {
        match indicator {
            Indicator::TsSyncLoss => &mut self.ts_sync_loss,
            Indicator::SyncByteError => &mut self.sync_byte_error,
            Indicator::PatError => &mut self.pat_error,
            Indicator::ContinuityCountError => &mut self.continuity_count_error,
            Indicator::PmtError => &mut self.pmt_error,
            Indicator::PidError => &mut self.pid_error,
            Indicator::TransportError => &mut self.transport_error,
            Indicator::CrcError => &mut self.crc_error,
            Indicator::PcrRepetitionError => &mut self.pcr_repetition_error,
            Indicator::PcrDiscontinuityError => &mut self.pcr_discontinuity_error,
            Indicator::PcrAccuracyError => &mut self.pcr_accuracy_error,
            Indicator::PtsError => &mut self.pts_error,
            Indicator::CatError => &mut self.cat_error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_indicator_has_one_name_and_one_place() {
        for (index, indicator) in Indicator::ALL.into_iter().enumerate() {
            assert_eq!(indicator.index(), index);
            let one = Tr101290::from_counts(|other| u64::from(other == indicator));
            let json = serde_json::to_value(one).expect("JSON");
            assert_eq!(json[indicator.as_str()], 1, "{indicator:?}");
            assert_eq!(json.as_object().map(serde_json::Map::len), Some(13));
            let all = Indicator::ALL.into_iter();
            assert_eq!(all.map(|other| one.of(other)).sum::<u64>(), 1);
        }
    }
}
