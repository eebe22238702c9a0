//! Which input a channel with several uses. Pure: given how each fares, and `now`.
//!
//! The active input is left for another that is proven well, never for one that is not: what it is
//! left for must not be at the same fault. It is gone back to the preferred one once that has been
//! well for long. A pin holds one input, come what may.
//!
//! PIDs that do not come are weighed one input against the other, for a PMT may name some that are
//! never sent: those that every input lacks are no reason to leave one, nor to shun one.

use std::time::Duration;

use super::condition::{Fault, View};
use super::silence::since;
use crate::limits::{
    FAILOVER_DWELL, FAILOVER_PARTLY, FAILOVER_PATIENCE_MAX, FAILOVER_PROOF, FAILOVER_SETTLE,
    FAILOVER_TAKEOVER, RETURN_HOLD_FIRST, RETURN_HOLD_MAX, RETURN_TRIAL,
};

/// The choice of one channel.
#[derive(Debug)]
pub(super) struct Failover {
    active: usize,
    switched_ms: Option<u64>,
    /// When it went back to a preferred input of its own accord.
    returned_ms: Option<u64>,
    /// How long a preferred input must be well before it is gone back to.
    return_hold: Duration,
    /// When an input that brought something was left.
    blamed_ms: Option<u64>,
    /// So many times as long must another prove itself before one that brings something is left.
    patience: u32,
}

/// Why another input is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The active one is at fault.
    Fault(Fault),
    /// A preferred one is well again.
    Return,
    Pin,
}

impl Cause {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Fault(fault) => fault.as_str(),
            Self::Return => "preferred_well",
            Self::Pin => "pinned",
        }
    }
}

impl Default for Failover {
    fn default() -> Self {
        Self {
            active: 0,
            switched_ms: None,
            returned_ms: None,
            return_hold: RETURN_HOLD_FIRST,
            blamed_ms: None,
            patience: 1,
        }
    }
}

impl Failover {
    pub(super) fn active(&self) -> usize {
        self.active
    }

    /// Another input is in use since so short that nothing can be said of it yet.
    pub(super) fn is_settling(&self, now_ms: u64) -> bool {
        self.switched_ms
            .is_some_and(|at| since(at, now_ms) < FAILOVER_SETTLE)
    }

    /// The inputs are others now; the one in use has become `active`.
    pub(super) fn renumber(&mut self, active: usize) {
        *self = Self {
            active,
            ..Self::default()
        };
    }

    /// Whether `input` is to be joined beside the active one, so that its condition is known: all
    /// others while the active one is at fault, else those that are preferred to it.
    pub(super) fn wants(&self, input: usize, active: View, pinned: bool) -> bool {
        input != self.active && !pinned && (active.fault.is_some() || input < self.active)
    }

    /// Decides; `views` are those of all inputs.
    pub(super) fn decide(
        &mut self,
        views: &[View],
        pin: Option<usize>,
        now_ms: u64,
    ) -> Option<Cause> {
        if let Some(pin) = pin.filter(|pin| *pin < views.len()) {
            return (pin != self.active).then(|| self.switch(pin, Cause::Pin, now_ms));
        }
        let active = views.get(self.active).copied().unwrap_or_default();
        let fault = active.fault.filter(|fault| self.may_leave(*fault, now_ms));
        let taken = fault.and_then(|fault| Some((fault, self.proven(views, active, fault)?)));
        if let Some((fault, to)) = taken {
            return Some(self.switch(to, Cause::Fault(fault), now_ms));
        }
        let mut preferred = views.iter().take(self.active);
        let hold = self.return_hold;
        let to = preferred.position(|view| {
            view.well_for.is_some_and(|well| well >= hold) && view.lacking <= active.lacking
        })?;
        Some(self.switch(to, Cause::Return, now_ms))
    }

    /// The first other input that may take over from the active one.
    fn proven(&self, views: &[View], active: View, fault: Fault) -> Option<usize> {
        let hold = self.proof(fault);
        let well = |view: &View, hold: Duration| {
            view.well_for.is_some_and(|well| well >= hold) && view.clean_for.of(fault) >= hold
        };
        let first = |proven: &dyn Fn(&View) -> bool| {
            let mut others = views.iter().enumerate();
            others.find_map(|(index, view)| (index != self.active && proven(view)).then_some(index))
        };
        match fault {
            Fault::MissingPid => first(&|view| well(view, hold) && view.lacking < active.lacking),
            Fault::Continuity | Fault::Scrambled => {
                first(&|view| well(view, hold) && view.lacking <= active.lacking)
            }
            // Nothing usable comes: better some PIDs than none.
            Fault::Interface | Fault::Silence | Fault::SyncLoss => {
                let partly = hold.max(FAILOVER_PARTLY);
                first(&|view| well(view, hold) && view.lacking == 0)
                    .or_else(|| first(&|view| well(view, partly)))
            }
        }
    }

    /// How long another must have been well.
    fn proof(&self, fault: Fault) -> Duration {
        let once = match fault {
            Fault::Interface | Fault::Silence => return FAILOVER_TAKEOVER,
            Fault::MissingPid => FAILOVER_TAKEOVER,
            Fault::SyncLoss | Fault::Continuity | Fault::Scrambled => FAILOVER_PROOF,
        };
        (once * self.patience).min(RETURN_HOLD_MAX)
    }

    /// An input that has only just been taken is left at once only if nothing comes from it.
    fn may_leave(&self, fault: Fault, now_ms: u64) -> bool {
        let dwelt = self
            .switched_ms
            .is_none_or(|switched| since(switched, now_ms) >= FAILOVER_DWELL);
        dwelt || matches!(fault, Fault::Interface | Fault::Silence)
    }

    fn switch(&mut self, to: usize, cause: Cause, now_ms: u64) -> Cause {
        // A preferred input that fails soon after the return has to be well for longer next time.
        if let (Cause::Fault(_), Some(returned)) = (cause, self.returned_ms.take()) {
            self.return_hold = if since(returned, now_ms) < RETURN_TRIAL {
                (self.return_hold * 2).min(RETURN_HOLD_MAX)
            } else {
                RETURN_HOLD_FIRST
            };
        }
        if cause == Cause::Return {
            self.returned_ms = Some(now_ms);
        }
        if let Cause::Fault(fault) = cause
            && !matches!(fault, Fault::Interface | Fault::Silence)
        {
            let trial = RETURN_TRIAL + self.proof(fault);
            let soon = |at: u64| since(at, now_ms) < trial;
            self.patience = match self.blamed_ms.replace(now_ms) {
                Some(at) if soon(at) => (self.patience * 2).min(FAILOVER_PATIENCE_MAX),
                _ => 1,
            };
        }
        self.active = to;
        self.switched_ms = Some(now_ms);
        cause
    }
}

#[cfg(test)]
mod tests {
    use super::super::condition::Clean;
    use super::*;

    const WELL_S: u64 = 1_000_000;

    fn clean(seconds: u64) -> Clean {
        let time = Duration::from_secs(seconds);
        Clean {
            sync: time,
            continuity: time,
            scrambling: time,
        }
    }

    fn well(seconds: u64) -> View {
        View {
            fault: None,
            well_for: Some(Duration::from_secs(seconds)),
            lacking: 0,
            clean_for: clean(seconds),
        }
    }

    fn lacks(lacking: u64, view: View) -> View {
        View { lacking, ..view }
    }

    fn ill(fault: Fault) -> View {
        View {
            fault: Some(fault),
            ..UNKNOWN
        }
    }

    const UNKNOWN: View = View {
        fault: None,
        well_for: None,
        lacking: 0,
        clean_for: Clean {
            sync: Duration::ZERO,
            continuity: Duration::ZERO,
            scrambling: Duration::ZERO,
        },
    };

    /// A choice that uses `active`, for long.
    fn using(active: usize) -> Failover {
        Failover {
            active,
            ..Failover::default()
        }
    }

    #[test]
    fn the_first_that_is_proven_well_is_taken_and_none_else() {
        let silent = ill(Fault::Silence);
        let moment = View {
            well_for: Some(FAILOVER_TAKEOVER),
            ..UNKNOWN
        };
        let too_short = View {
            well_for: Some(FAILOVER_TAKEOVER - Duration::from_millis(1)),
            ..UNKNOWN
        };
        check(&[
            ("all is well", 0, vec![well(WELL_S), UNKNOWN], 0),
            ("nothing is known of the other", 0, vec![silent, UNKNOWN], 0),
            ("the other is ill too", 0, vec![silent, silent], 0),
            ("not for long enough", 0, vec![silent, too_short], 0),
            ("proven", 0, vec![silent, moment], 1),
            (
                "the first that is",
                0,
                vec![silent, silent, well(1), well(9)],
                2,
            ),
            ("back, when the backup fails", 1, vec![well(1), silent], 0),
            ("sync", 0, vec![ill(Fault::SyncLoss), well(1)], 1),
            ("NIC", 0, vec![ill(Fault::Interface), well(1)], 1),
            ("return", 1, vec![well(10), well(WELL_S)], 0),
            ("not yet", 1, vec![well(9), well(WELL_S)], 1),
            (
                "to the most preferred",
                2,
                vec![well(9), well(11), well(99)],
                1,
            ),
            ("no farther backup", 1, vec![silent, well(9), well(99)], 1),
            ("alone", 0, vec![silent], 0),
        ]);
    }

    #[test]
    fn another_is_not_taken_that_has_the_fault_too() {
        let silent = ill(Fault::Silence);
        let moment = View {
            well_for: Some(FAILOVER_TAKEOVER),
            ..UNKNOWN
        };
        let scrambled_lately = View {
            clean_for: Clean {
                scrambling: Duration::from_millis(999),
                ..clean(9)
            },
            ..well(9)
        };
        let pid = lacks(1, ill(Fault::MissingPid));
        let scrambled = ill(Fault::Scrambled);
        check(&[
            ("scrambled", 0, vec![scrambled, well(1)], 1),
            ("scrambled too", 0, vec![scrambled, scrambled_lately], 0),
            ("not as long as it takes", 0, vec![scrambled, moment], 0),
            (
                "of another kind",
                0,
                vec![ill(Fault::Continuity), scrambled_lately],
                1,
            ),
            ("continuity", 0, vec![ill(Fault::Continuity), well(1)], 1),
            ("missing PID", 0, vec![pid, moment], 1),
            ("it lacks as many", 0, vec![pid, lacks(1, well(9))], 0),
            (
                "it lacks fewer",
                0,
                vec![lacks(2, pid), lacks(1, well(9))],
                1,
            ),
            ("it came again", 0, vec![lacks(0, pid), well(9)], 0),
            (
                "it would lack one",
                0,
                vec![scrambled, lacks(1, well(9))],
                0,
            ),
            (
                "both lack one",
                0,
                vec![lacks(1, scrambled), lacks(1, well(9))],
                1,
            ),
            ("nothing lacks more", 0, vec![silent, lacks(1, well(1))], 1),
            (
                "what lacks nothing comes first",
                0,
                vec![silent, lacks(1, well(9)), moment],
                2,
            ),
            (
                "time for PIDs to come",
                0,
                vec![silent, lacks(1, moment)],
                0,
            ),
            ("return lacks one", 1, vec![lacks(1, well(99)), well(99)], 1),
            ("both lack it for ever", 1, vec![lacks(1, well(10)), pid], 0),
        ]);
    }

    /// Name, the input in use, all inputs, the one that is to be used.
    fn check(cases: &[(&str, usize, Vec<View>, usize)]) {
        for (name, active, views, want) in cases {
            let mut failover = using(*active);
            let cause = failover.decide(views, None, 1000);
            assert_eq!(failover.active(), *want, "{name}");
            assert_eq!(cause.is_some(), active != want, "{name}");
        }
    }

    #[test]
    fn a_pin_holds_an_input_that_is_ill() {
        let mut failover = Failover::default();
        let views = [well(WELL_S), ill(Fault::Silence)];
        assert_eq!(failover.decide(&views, Some(1), 0), Some(Cause::Pin));
        assert_eq!(failover.decide(&views, Some(1), 99_000), None);
        assert_eq!(failover.active(), 1);
        assert!(!failover.wants(0, views[1], true));
        assert_eq!(
            failover.decide(&views, Some(7), 99_000),
            Some(Cause::Fault(Fault::Silence)),
            "there is no such input"
        );
        failover.decide(&views, Some(1), 99_100);
        let cause = failover.decide(&views, None, 99_200);
        assert_eq!(cause, Some(Cause::Fault(Fault::Silence)));
        assert_eq!(failover.active(), 0);
    }

    #[test]
    fn what_has_only_just_been_taken_is_not_left_for_a_blemish() {
        let mut failover = Failover::default();
        let mut at = |now_ms, views: &[View]| {
            failover.decide(views, None, now_ms);
            failover.active()
        };
        assert_eq!(at(0, &[ill(Fault::Continuity), well(1)]), 1);
        let blemish = [well(1), ill(Fault::Continuity)];
        assert_eq!(at(1000, &blemish), 1);
        assert_eq!(at(2000, &blemish), 0, "it has not gone");
        assert_eq!(at(2100, &[ill(Fault::Silence), well(1)]), 1, "silence");
    }

    #[test]
    fn a_preferred_input_that_fails_again_has_to_wait_longer_each_time() {
        let mut failover = Failover::default();
        let silent = ill(Fault::Silence);
        let mut now_ms = 0;
        for hold_s in [10, 20, 40, 80, 160, 300, 300] {
            now_ms += 5000;
            failover.decide(&[silent, well(1)], None, now_ms);
            assert_eq!(failover.active(), 1);
            failover.decide(&[well(hold_s - 1), well(99)], None, now_ms + 100);
            assert_eq!(failover.active(), 1, "{hold_s} s");
            now_ms += hold_s * 1000;
            failover.decide(&[well(hold_s), well(99)], None, now_ms);
            assert_eq!(failover.active(), 0, "{hold_s} s");
        }
        // It held out this time: the next is a first failure.
        now_ms += 61_000;
        failover.decide(&[silent, well(1)], None, now_ms);
        failover.decide(&[well(10), well(99)], None, now_ms + 100);
        assert_eq!(failover.active(), 0);
    }

    /// A fault that every input has, and that now and then hides for long enough.
    #[test]
    fn two_inputs_with_one_fault_are_swung_between_ever_more_seldom() {
        let mut failover = Failover::default();
        let mut switches = 0;
        for second in 0..600_u64 {
            // The other seems well for one, two, three ... seconds, up to a minute.
            let mut views = [well(second % 60); 2];
            views[failover.active()] = ill(Fault::Continuity);
            let cause = failover.decide(&views, None, second * 1000);
            switches += u32::from(cause.is_some());
        }
        assert!((2..=30).contains(&switches), "{switches} in ten minutes");
        // Silence is left as fast as ever.
        let mut views = [View {
            well_for: Some(FAILOVER_TAKEOVER),
            ..UNKNOWN
        }; 2];
        views[failover.active()] = ill(Fault::Silence);
        assert!(failover.decide(&views, None, 601_000).is_some());
    }

    #[test]
    fn only_what_may_be_taken_is_joined_beside() {
        let wanted = |active: usize, view: View| -> Vec<usize> {
            let failover = using(active);
            (0..4)
                .filter(|input| failover.wants(*input, view, false))
                .collect()
        };
        assert_eq!(wanted(0, well(1)), Vec::<usize>::new());
        assert_eq!(wanted(2, well(1)), [0, 1]);
        assert_eq!(wanted(1, ill(Fault::Silence)), [0, 2, 3]);
    }
}
