//! What is counted, and when it may be: sync comes first, and before a PAT little can be said
//! (ETSI TR 101 290, 5.2.1).

use common::api::tr101290::Indicator;

use super::time::Moment;

/// The counts of one channel, and what they depend on.
#[derive(Debug, Default)]
pub struct Judge {
    counts: [u64; Indicator::COUNT],
    sync: Sync,
    has_pat: bool,
    limits_reached: u64,
}

/// Whether the stream is in sync, with hysteresis (1.1).
#[derive(Debug, Default)]
struct Sync {
    lost: bool,
    good: u8,
    bad: u8,
}

/// Something that must come again within a limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Absence {
    since: Moment,
    told: bool,
}

/// Bad sync bytes in a row that lose the sync, and good ones that regain it.
const SYNC_LOST: u8 = 2;
const SYNC_REGAINED: u8 = 5;

impl Judge {
    /// Counts an error, where it may be judged now.
    pub fn raise(&mut self, indicator: Indicator) {
        let judged = match indicator {
            Indicator::TsSyncLoss | Indicator::SyncByteError => true,
            Indicator::PatError | Indicator::TransportError => !self.sync.lost,
            _ => !self.sync.lost && self.has_pat,
        };
        self.counts[indicator.index()] += u64::from(judged);
    }

    /// A packet with a bad sync byte.
    pub fn bad_sync(&mut self) {
        self.raise(Indicator::SyncByteError);
        self.sync.good = 0;
        self.sync.bad = self.sync.bad.saturating_add(1);
        if self.sync.bad >= SYNC_LOST && !std::mem::replace(&mut self.sync.lost, true) {
            self.raise(Indicator::TsSyncLoss);
        }
    }

    /// A bad sync byte came lately: [`Self::good_sync`] wants to know of the packets behind it.
    #[must_use]
    pub fn watches_sync(&self) -> bool {
        self.sync.lost || self.sync.bad > 0
    }

    /// A packet with a good sync byte. Answers whether the sync is regained with it.
    pub fn good_sync(&mut self) -> bool {
        self.sync.bad = 0;
        self.sync.good = (self.sync.good + 1).min(SYNC_REGAINED);
        self.sync.good == SYNC_REGAINED && std::mem::replace(&mut self.sync.lost, false)
    }

    #[must_use]
    pub fn in_sync(&self) -> bool {
        !self.sync.lost
    }

    pub fn set_has_pat(&mut self, has_pat: bool) {
        self.has_pat = has_pat;
    }

    #[must_use]
    pub fn has_pat(&self) -> bool {
        self.has_pat
    }

    /// A table was full, or a section too long.
    pub fn limit(&mut self) {
        self.limits_reached += 1;
    }

    #[must_use]
    pub fn counts(&self) -> [u64; Indicator::COUNT] {
        self.counts
    }

    #[must_use]
    pub fn limits_reached(&self) -> u64 {
        self.limits_reached
    }

    /// Another source: what was counted stays, with what its PIDs counted themselves.
    pub fn restart(&mut self, unfollowed: u64) {
        self.limits_reached += unfollowed;
        self.sync = Sync::default();
        self.has_pat = false;
    }
}

impl Absence {
    #[must_use]
    pub fn from(now: Moment) -> Self {
        Self {
            since: now,
            told: false,
        }
    }

    /// It came, or its time begins anew.
    pub fn seen(&mut self, now: Moment) {
        *self = Self::from(now);
    }

    /// It is absent for longer than `limit_ms`; told once, until it has been seen again.
    pub fn overdue(&mut self, now: Moment, limit_ms: u64) -> bool {
        self.is_absent(now, limit_ms) && !std::mem::replace(&mut self.told, true)
    }

    #[must_use]
    pub fn is_absent(&self, now: Moment, limit_ms: u64) -> bool {
        now.since_ms(self.since) > limit_ms
    }

    /// What is wrong has been counted another way: no absence is counted on top.
    pub fn tell(&mut self) -> bool {
        !std::mem::replace(&mut self.told, true)
    }

    #[must_use]
    pub fn was_told(&self) -> bool {
        self.told
    }

    #[must_use]
    pub fn since(&self) -> Moment {
        self.since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(judge: &Judge, indicator: Indicator) -> u64 {
        judge.counts()[indicator.index()]
    }

    #[test]
    fn sync_is_lost_with_two_and_regained_with_five() {
        let mut judge = Judge::default();
        judge.bad_sync();
        assert!(judge.in_sync() && judge.watches_sync());
        judge.good_sync();
        judge.bad_sync();
        assert_eq!(count(&judge, Indicator::TsSyncLoss), 0, "not in a row");
        (0..3).for_each(|_| judge.bad_sync());
        assert!(!judge.in_sync());
        assert_eq!(count(&judge, Indicator::TsSyncLoss), 1);
        judge.raise(Indicator::TransportError);
        assert_eq!(count(&judge, Indicator::TransportError), 0);
        let regained: Vec<bool> = (0..6).map(|_| judge.good_sync()).collect();
        assert_eq!(regained, [false, false, false, false, true, false]);
        assert!(judge.in_sync() && !judge.watches_sync());
        assert_eq!(count(&judge, Indicator::SyncByteError), 5);
    }

    #[test]
    fn before_a_pat_little_is_judged() {
        let mut judge = Judge::default();
        for indicator in Indicator::ALL {
            judge.raise(indicator);
        }
        let early = [
            Indicator::TsSyncLoss,
            Indicator::SyncByteError,
            Indicator::PatError,
            Indicator::TransportError,
        ];
        for indicator in Indicator::ALL {
            let expected = u64::from(early.contains(&indicator));
            assert_eq!(count(&judge, indicator), expected, "{indicator:?}");
        }
        judge.set_has_pat(true);
        judge.raise(Indicator::PtsError);
        assert_eq!(count(&judge, Indicator::PtsError), 1);
    }

    #[test]
    fn an_absence_is_told_once_until_it_ends() {
        let at = |arrival_ms| Moment {
            arrival_ms,
            stream: None,
        };
        let mut absence = Absence::from(at(0));
        assert!(!absence.overdue(at(500), 500));
        assert!(absence.overdue(at(501), 500));
        assert!(!absence.overdue(at(9000), 500));
        absence.seen(at(9000));
        assert!(absence.overdue(at(9600), 500));
    }
}
