//! The program clock references of one PID: how far apart they are, whether they jump, and, where
//! the rate is constant, whether each is right (TR 101 290, 2.3.a, 2.3.b and 2.4).

use common::ts::packet::Pcr;

use super::accuracy::Accuracy;
use super::judge::Absence;
use super::time::Moment;

/// What is known of the PCRs of one PID.
#[derive(Debug, Default)]
pub struct PcrClock {
    last: Option<Last>,
    absence: Absence,
    /// A discontinuity was announced: the next PCR is of another clock.
    announced: bool,
    longest_ms: Option<u64>,
    accuracy: Accuracy,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    pcr: Pcr,
    moment: Moment,
    position: u64,
}

/// What a PCR shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PcrNews {
    /// It came too late, and that was not counted yet.
    pub repetition_error: bool,
    pub discontinuity_error: bool,
    /// So many PCRs are found wrong with this one.
    pub accuracy_errors: u64,
    /// Ticks and packets since the one before, where these can be believed.
    pub step: Option<(u64, u64)>,
}

/// The longest time between two PCRs (2.3.a; note 2 of table 5.0b took the 40 ms back).
pub const PCR_LIMIT_MS: u64 = 100;

/// Where the rate is not constant, bytes do not tell what time it is, and arrival alone may be late:
/// the next PCR says how long it was. One that does not come for so long is missed.
const UNSURE_LIMIT_MS: u64 = 500;

const TICKS_PER_MS: u64 = Pcr::TICKS_PER_SECOND / 1000;

/// A PCR may say that so much more time has passed than the clocks saw, which are read once a turn,
/// before that is a jump.
const TOLERANCE_MS: u64 = 40;

impl PcrClock {
    #[must_use]
    pub fn new(now: Moment) -> Self {
        Self {
            absence: Absence::from(now),
            ..Self::default()
        }
    }

    /// `discontinuity_indicator` is set in a packet of the PID.
    pub fn announce(&mut self) {
        self.announced = true;
    }

    /// Takes a PCR at `position`, counted in packets.
    pub fn arrives(&mut self, pcr: Pcr, now: Moment, position: u64) -> PcrNews {
        let told = self.absence.was_told();
        self.absence.seen(now);
        let fresh = Last {
            pcr,
            moment: now,
            position,
        };
        let last = self.last.replace(fresh);
        let announced = std::mem::take(&mut self.announced);
        let Some(last) = last.filter(|_| !announced) else {
            self.accuracy.forget();
            return PcrNews::default();
        };
        let ticks = pcr.since(last.pcr);
        let passed_ms = now.at_most_ms(last.moment) + TOLERANCE_MS;
        // More than half of the turn ahead is behind.
        let backward = ticks > Pcr::WRAP / 2;
        let late = ticks > PCR_LIMIT_MS * TICKS_PER_MS;
        if backward || (late && ticks / TICKS_PER_MS > passed_ms) {
            self.accuracy.forget();
            return PcrNews {
                discontinuity_error: true,
                ..PcrNews::default()
            };
        }
        self.longest_ms = self.longest_ms.max(Some(ticks / TICKS_PER_MS));
        let packets = position.saturating_sub(last.position);
        PcrNews {
            repetition_error: late && !told,
            discontinuity_error: false,
            accuracy_errors: self.accuracy.arrives(ticks, packets),
            step: Some((ticks, packets)),
        }
    }

    /// There has been no PCR for too long; told once.
    pub fn overdue(&mut self, now: Moment) -> bool {
        let limit_ms = if self.is_constant() {
            PCR_LIMIT_MS
        } else {
            UNSURE_LIMIT_MS
        };
        self.absence.overdue(now, limit_ms)
    }

    /// Time begins anew: what was before is not compared with what comes.
    pub fn restart(&mut self, now: Moment) {
        self.last = None;
        self.absence.seen(now);
        self.accuracy.forget();
    }

    /// Packets are missing here, or came twice: positions on both sides can't be compared.
    pub fn gap(&mut self) {
        self.accuracy.forget_place();
    }

    /// The stream has a constant rate, and its PCRs show it.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        self.accuracy.is_constant()
    }

    /// The longest time between two PCRs since this was last asked.
    pub fn take_longest_ms(&mut self) -> Option<u64> {
        self.longest_ms.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(arrival_ms: u64) -> Moment {
        Moment {
            arrival_ms,
            stream: None,
        }
    }

    /// PCRs in ticks, milliseconds and announcements; what the last one shows.
    fn last(steps: &[(i64, u64, bool)]) -> PcrNews {
        let mut clock = PcrClock::new(at(0));
        let (mut ticks, mut now, mut news) = (0_i64, 0, PcrNews::default());
        for (index, (by, after_ms, announced)) in steps.iter().enumerate() {
            ticks += by * 27_000;
            now += after_ms;
            if *announced {
                clock.announce();
            }
            let wrapped = ticks.rem_euclid(i64::try_from(Pcr::WRAP).expect("fits"));
            let pcr = Pcr(u64::try_from(wrapped).expect("positive"));
            news = clock.arrives(pcr, at(now), index as u64 * 100);
        }
        news
    }

    #[test]
    fn late_and_jumping_are_told_apart() {
        let fine = |ms: u64| PcrNews {
            step: Some((ms * 27_000, 100)),
            ..PcrNews::default()
        };
        let late = |ms| PcrNews {
            repetition_error: true,
            ..fine(ms)
        };
        let jump = PcrNews {
            discontinuity_error: true,
            ..PcrNews::default()
        };
        let cases = [
            ("in time", (40, 40, false), fine(40)),
            ("just in time", (100, 120, false), fine(100)),
            ("late", (150, 150, false), late(150)),
            (
                "late after a stall of the network",
                (40, 400, false),
                fine(40),
            ),
            ("ahead", (500, 40, false), jump),
            ("back", (-500, 40, false), jump),
            ("back, announced", (-500, 40, true), PcrNews::default()),
            ("over the wrap", (-1, 20, false), jump),
        ];
        for (name, step, expected) in cases {
            assert_eq!(last(&[(7, 0, false), step]), expected, "{name}");
        }
        // From just before the wrap to just behind it.
        let wrap = i64::try_from(Pcr::WRAP / 27_000).expect("fits");
        assert!(
            last(&[(wrap - 10, 0, false), (40, 40, false)])
                .step
                .is_some()
        );
    }

    #[test]
    fn an_absence_is_told_at_once_where_the_rate_is_constant() {
        let mut clock = PcrClock::new(at(0));
        for number in 0..100 {
            let ms = number * 20;
            clock.arrives(Pcr(ms * 27_000), at(ms), number * 133);
        }
        assert!(clock.is_constant());
        assert!(!clock.overdue(at(1980 + 100)) && clock.overdue(at(1980 + 101)));
    }

    #[test]
    fn an_absence_that_was_told_is_not_told_again_with_its_end() {
        let mut clock = PcrClock::new(at(0));
        clock.arrives(Pcr(0), at(0), 0);
        assert!(!clock.overdue(at(500)));
        assert!(clock.overdue(at(501)) && !clock.overdue(at(600)));
        let news = clock.arrives(Pcr(700 * 27_000), at(700), 900);
        assert!(!news.repetition_error && !news.discontinuity_error);
        assert_eq!(clock.take_longest_ms(), Some(700));
        assert_eq!(clock.take_longest_ms(), None);
    }
}
