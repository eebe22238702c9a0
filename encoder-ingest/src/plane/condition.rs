//! How an input fares: from its counters at each look, whether it is at fault, and since when it has
//! been well. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use super::silence::since;

/// The counters of an input at one look. They never go back, but for `lacking`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Reading {
    pub(super) datagrams: u64,
    pub(super) ts_bytes: u64,
    /// Packets missing by what the sequence or the continuity counters show, but for those that
    /// this host dropped itself.
    pub(super) missing: u64,
    pub(super) sync_losses: u64,
    /// PIDs named by a PMT that were absent for 5 s.
    pub(super) absent_pids: u64,
    /// PIDs named by a PMT that have not come yet, or were found absent and are so still.
    pub(super) lacking: u64,
    pub(super) scrambled: u64,
    /// PAT and PMT are known.
    pub(super) tables: bool,
}

/// What is wrong with an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Fault {
    /// Its NIC is missing or down, or it can't be joined.
    Interface,
    Silence,
    /// Datagrams come without TS, or the TS loses sync again and again.
    SyncLoss,
    /// Packets are missing in a third of the last three seconds.
    Continuity,
    /// A PID that a PMT names is absent.
    MissingPid,
    Scrambled,
}

/// How an input fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct View {
    pub(super) fault: Option<Fault>,
    /// How long it has been well but for PIDs that it lacks, and since it lacked the last that came
    /// again; none: it is not, or is not watched.
    pub(super) well_for: Option<Duration>,
    /// PIDs that its tables name and that do not come.
    pub(super) lacking: u64,
    pub(super) clean_for: Clean,
}

/// How long no look has shown what a fault is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Clean {
    pub(super) sync: Duration,
    pub(super) continuity: Duration,
    pub(super) scrambling: Duration,
}

/// An input that is watched.
#[derive(Debug)]
pub(super) struct Condition {
    begun_ms: u64,
    last: Option<Reading>,
    datagram_ms: Option<u64>,
    ts_ms: Option<u64>,
    absent_pid_ms: Option<u64>,
    /// When a look last showed packets missing, sync lost, packets scrambled.
    missing_ms: Option<u64>,
    out_of_sync_ms: Option<u64>,
    scrambled_ms: Option<u64>,
    looks: VecDeque<Look>,
    fault: Option<Fault>,
    well_since_ms: Option<u64>,
}

/// What was new at one look.
#[derive(Debug, Clone, Copy)]
struct Look {
    at_ms: u64,
    missing: bool,
    out_of_sync: bool,
    scrambled: bool,
}

/// Looks are weighed over so long.
const WINDOW_MS: u64 = 3000;

/// So many looks at least must have shown an error: at ten a second, a third of the window.
const LOOKS_AT_FAULT: usize = 10;

/// An absent PID is a fault for so long after it has come again: twice the time that an absence takes
/// to be seen.
const ABSENT_PID_MS: u64 = 10_000;

impl Fault {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Interface => "interface",
            Self::Silence => "silence",
            Self::SyncLoss => "sync_loss",
            Self::Continuity => "continuity",
            Self::MissingPid => "missing_pid",
            Self::Scrambled => "scrambled",
        }
    }
}

impl Clean {
    /// How long without what `fault` is made of; the most, where no look shows that.
    pub(super) fn of(self, fault: Fault) -> Duration {
        match fault {
            Fault::SyncLoss => self.sync,
            Fault::Continuity => self.continuity,
            Fault::Scrambled => self.scrambling,
            Fault::Interface | Fault::Silence | Fault::MissingPid => Duration::MAX,
        }
    }
}

impl Condition {
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            begun_ms: now_ms,
            last: None,
            datagram_ms: None,
            ts_ms: None,
            absent_pid_ms: None,
            missing_ms: None,
            out_of_sync_ms: None,
            scrambled_ms: None,
            looks: VecDeque::new(),
            fault: None,
            well_since_ms: None,
        }
    }

    pub(super) fn view(&self, now_ms: u64) -> View {
        let clean_for = |last: Option<u64>| since(last.unwrap_or(self.begun_ms), now_ms);
        View {
            fault: self.fault,
            well_for: self.well_since_ms.map(|well| since(well, now_ms)),
            lacking: self.last.map_or(0, |last| last.lacking),
            clean_for: Clean {
                sync: clean_for(self.out_of_sync_ms),
                continuity: clean_for(self.missing_ms),
                scrambling: clean_for(self.scrambled_ms),
            },
        }
    }

    pub(super) fn last_datagram_ms(&self) -> Option<u64> {
        self.datagram_ms
    }

    /// It can't be received at all.
    pub(super) fn unreachable(&mut self) {
        self.fault = Some(Fault::Interface);
        self.well_since_ms = None;
    }

    /// Takes a look; `scrambled_expected`: scrambled packets are no fault.
    pub(super) fn tell(
        &mut self,
        reading: Reading,
        scrambled_expected: bool,
        silence_ms: u64,
        now_ms: u64,
    ) {
        let before = self.last.replace(reading).unwrap_or(reading);
        if reading.datagrams != before.datagrams {
            self.datagram_ms = Some(now_ms);
        }
        if reading.ts_bytes != before.ts_bytes {
            self.ts_ms = Some(now_ms);
        }
        let came_again = self.absent_pid_ms.is_some() && reading.lacking < before.lacking;
        let lasts = self.absent_pid_ms.is_some() && reading.lacking > 0;
        if reading.absent_pids != before.absent_pids || lasts {
            self.absent_pid_ms = Some(now_ms);
        }
        self.take(Look {
            at_ms: now_ms,
            missing: reading.missing != before.missing,
            out_of_sync: reading.sync_losses != before.sync_losses,
            scrambled: reading.scrambled != before.scrambled && !scrambled_expected,
        });
        self.fault = self.judged(silence_ms, now_ms);
        let sound = matches!(self.fault, None | Some(Fault::MissingPid));
        let flows = sound && self.ts_ms.is_some() && reading.tables;
        let since_ms = self.well_since_ms.filter(|_| !came_again).unwrap_or(now_ms);
        self.well_since_ms = flows.then_some(since_ms);
    }

    fn take(&mut self, look: Look) {
        for (shown, last_ms) in [
            (look.missing, &mut self.missing_ms),
            (look.out_of_sync, &mut self.out_of_sync_ms),
            (look.scrambled, &mut self.scrambled_ms),
        ] {
            if shown {
                *last_ms = Some(look.at_ms);
            }
        }
        let old = |old: &Look| look.at_ms.saturating_sub(old.at_ms) >= WINDOW_MS;
        while self.looks.front().is_some_and(old) {
            self.looks.pop_front();
        }
        self.looks.push_back(look);
    }

    fn judged(&self, silence_ms: u64, now_ms: u64) -> Option<Fault> {
        let quiet =
            |last: Option<u64>| now_ms.saturating_sub(last.unwrap_or(self.begun_ms)) >= silence_ms;
        let often = |is: fn(&Look) -> bool| {
            self.looks.iter().filter(|look| is(look)).count() >= LOOKS_AT_FAULT
        };
        if quiet(self.datagram_ms) {
            return Some(Fault::Silence);
        }
        if quiet(self.ts_ms) || often(|look| look.out_of_sync) {
            return Some(Fault::SyncLoss);
        }
        if often(|look| look.missing) {
            return Some(Fault::Continuity);
        }
        if often(|look| look.scrambled) {
            return Some(Fault::Scrambled);
        }
        // The last: it may last for as long as the input lives, and would hide the others.
        let absent = |at: u64| now_ms.saturating_sub(at) < ABSENT_PID_MS;
        let absent = self.absent_pid_ms.is_some_and(absent);
        absent.then_some(Fault::MissingPid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE_MS: u64 = 1000;

    /// An input looked at ten times a second; `change` makes each reading of the one before.
    fn watched(
        condition: &mut Condition,
        from_ms: u64,
        looks: u64,
        mut change: impl FnMut(u64, &mut Reading),
    ) {
        let mut reading = condition.last.unwrap_or(Reading {
            tables: true,
            ..Reading::default()
        });
        for look in 0..looks {
            change(look, &mut reading);
            condition.tell(reading, false, SILENCE_MS, from_ms + look * 100);
        }
    }

    fn flow(reading: &mut Reading) -> &mut Reading {
        reading.datagrams += 10;
        reading.ts_bytes += 13_160;
        reading
    }

    #[test]
    fn an_input_that_flows_is_well_since_its_first_data() {
        let mut condition = Condition::new(0);
        watched(&mut condition, 0, 20, |_, reading| {
            flow(reading);
        });
        assert_eq!(condition.fault, None);
        let well = condition.view(1900).well_for.expect("well");
        assert_eq!(well, Duration::from_millis(1800));
    }

    #[test]
    fn without_tables_it_is_not_well_and_not_at_fault() {
        let mut condition = Condition::new(0);
        watched(&mut condition, 0, 20, |_, reading| {
            flow(reading);
            reading.tables = false;
        });
        assert_eq!(
            (condition.fault, condition.view(1900).well_for),
            (None, None)
        );
    }

    type Change = fn(u64, &mut Reading);

    /// What comes after a second that was well, for how many looks, and the fault that it is.
    const CASES: [(&str, Change, u64, Option<Fault>); 12] = [
        ("silence", |_, _| {}, 9, None),
        ("silence", |_, _| {}, 10, Some(Fault::Silence)),
        ("no TS", |_, r| r.datagrams += 1, 9, None),
        ("no TS", |_, r| r.datagrams += 1, 10, Some(Fault::SyncLoss)),
        (
            "sync lost again and again",
            |_, r| flow(r).sync_losses += 1,
            11,
            Some(Fault::SyncLoss),
        ),
        (
            "one burst of loss",
            |look, r| flow(r).missing += if look == 3 { 3000 } else { 0 },
            30,
            None,
        ),
        (
            "loss now and then",
            |look, r| flow(r).missing += u64::from(look % 4 == 0),
            30,
            None,
        ),
        (
            "loss in half of the looks",
            |look, r| flow(r).missing += look % 2,
            30,
            Some(Fault::Continuity),
        ),
        (
            "a PID is absent",
            |look, r| flow(r).absent_pids += u64::from(look == 5),
            20,
            Some(Fault::MissingPid),
        ),
        (
            "scrambled",
            |_, r| flow(r).scrambled += 60,
            11,
            Some(Fault::Scrambled),
        ),
        (
            "scrambled for a moment",
            |look, r| flow(r).scrambled += if look < 8 { 60 } else { 0 },
            20,
            None,
        ),
        (
            "well",
            |_, r| {
                flow(r);
            },
            100,
            None,
        ),
    ];

    #[test]
    fn each_criterion_is_a_fault_once_it_has_held() {
        for (name, change, looks, fault) in CASES {
            let mut condition = Condition::new(0);
            watched(&mut condition, 0, 10, |_, reading| {
                flow(reading);
            });
            watched(&mut condition, 1000, looks, change);
            assert_eq!(condition.fault, fault, "{name}, {looks} looks");
            let well = condition.view(100_000).well_for;
            let sound = matches!(fault, None | Some(Fault::MissingPid));
            assert_eq!(well.is_some(), sound, "{name}");
        }
    }

    #[test]
    fn a_fault_ends_when_its_cause_has() {
        let mut condition = Condition::new(0);
        watched(&mut condition, 0, 10, |_, reading| {
            flow(reading);
        });
        watched(&mut condition, 1000, 15, |_, _| {});
        assert_eq!(condition.fault, Some(Fault::Silence));
        watched(&mut condition, 2500, 1, |_, reading| {
            flow(reading);
        });
        assert_eq!(condition.fault, None);
        watched(&mut condition, 2600, 20, |_, reading| {
            flow(reading);
            reading.missing += 1;
        });
        assert_eq!(condition.fault, Some(Fault::Continuity));
        watched(&mut condition, 4600, 22, |_, reading| {
            flow(reading);
        });
        assert_eq!(condition.fault, None);
    }

    #[test]
    fn expected_scrambling_is_no_fault() {
        let mut condition = Condition::new(0);
        let mut reading = Reading {
            tables: true,
            ..Reading::default()
        };
        for look in 0..30 {
            flow(&mut reading);
            reading.scrambled += 50;
            condition.tell(reading, true, SILENCE_MS, look * 100);
        }
        assert_eq!(condition.fault, None);
        condition.unreachable();
        assert_eq!(condition.fault, Some(Fault::Interface));
        assert_eq!(condition.view(3000).well_for, None);
    }

    #[test]
    fn a_pid_that_stays_away_stays_a_fault_and_its_return_begins_anew() {
        let mut condition = Condition::new(0);
        watched(&mut condition, 0, 10, |_, reading| {
            flow(reading);
        });
        watched(&mut condition, 1000, 600, |look, reading| {
            flow(reading);
            reading.absent_pids = u64::from(look >= 50);
            reading.lacking = u64::from(look >= 50);
        });
        let view = condition.view(61_000);
        assert_eq!((view.fault, view.lacking), (Some(Fault::MissingPid), 1));
        watched(&mut condition, 61_000, 99, |_, reading| {
            flow(reading).lacking = 0;
        });
        let view = condition.view(70_800);
        assert_eq!((view.fault, view.lacking), (Some(Fault::MissingPid), 0));
        assert_eq!(view.well_for, Some(Duration::from_millis(9800)));
        watched(&mut condition, 70_900, 2, |_, reading| {
            flow(reading);
        });
        assert_eq!(condition.fault, None);
    }

    #[test]
    fn the_first_coming_of_pids_is_no_return() {
        let mut condition = Condition::new(0);
        watched(&mut condition, 0, 10, |look, reading| {
            flow(reading).lacking = u64::from(look < 5);
        });
        let view = condition.view(900);
        assert_eq!((view.fault, view.lacking), (None, 0));
        assert_eq!(view.well_for, Some(Duration::from_millis(800)));
    }

    #[test]
    fn it_is_clean_of_each_blemish_since_the_look_that_showed_it_last() {
        let mut condition = Condition::new(0);
        watched(&mut condition, 0, 20, |look, reading| {
            flow(reading);
            reading.missing += u64::from(look == 5);
            reading.scrambled += u64::from(look <= 7);
        });
        let clean = condition.view(1900).clean_for;
        let ms = Duration::from_millis;
        assert_eq!(clean.of(Fault::Continuity), ms(1400));
        assert_eq!(clean.of(Fault::Scrambled), ms(1200));
        assert_eq!(clean.of(Fault::SyncLoss), ms(1900));
        assert_eq!(clean.of(Fault::Silence), Duration::MAX);
    }
}
