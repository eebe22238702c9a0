//! What was to be reached, and by how much it was not.

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;
use crate::plan::{HISTORY_MS, MEMORY_400_MB, Scenario};

/// p50 above the floor's, at most.
const P50_ABOVE_FLOOR_MS: f64 = 2.0;

/// p99 above the latency bound, at most.
const P99_ABOVE_BOUND_MS: f64 = 10.0;

/// Memory in case F: so many times what the history must hold, and a fixed part.
const HISTORY_SHARE: f64 = 1.3;
const MEMORY_FIXED_MB: f64 = 24.0;

/// CPU of a viewer among many, in that of one among the fewest.
pub(crate) const VIEWER_GROWTH_MAX: f64 = 1.2;

/// From the request to the first byte, p99.
const START_MS_MAX: f64 = 5.0;

/// Of the CPU without analysis.
const ANALYSIS_PERCENT_MAX: f64 = 15.0;

/// CPU of the own floor, in that of the yardstick.
const FLOOR_TO_YARDSTICK_MAX: f64 = 1.05;

/// One goal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Verdict {
    /// The scenario's name.
    pub(crate) case: String,
    pub(crate) what: String,
    pub(crate) goal_max: f64,
    /// None: no run counts.
    pub(crate) got: Option<f64>,
    pub(crate) unit: String,
    pub(crate) reached: bool,
}

impl Verdict {
    fn new(case: &str, what: &str, got: Option<f64>, goal_max: f64, unit: &str) -> Self {
        Self {
            case: case.to_owned(),
            what: what.to_owned(),
            goal_max,
            got,
            unit: unit.to_owned(),
            reached: got.is_some_and(|got| got <= goal_max),
        }
    }

    /// "reached", or by how much not.
    pub(crate) fn sentence(&self) -> String {
        let Some(got) = self.got else {
            return "**not reached**: no run counts".to_owned();
        };
        if self.reached {
            return "reached".to_owned();
        }
        let over = got - self.goal_max;
        if self.goal_max > 0.0 {
            let percent = 100.0 * over / self.goal_max;
            format!("**not reached**: {over:.2} too much ({percent:.0} %)")
        } else {
            format!("**not reached**: {over:.0} too many")
        }
    }
}

/// All goals that what was measured can be held against.
pub(crate) fn verdicts(outcomes: &[Outcome]) -> Vec<Verdict> {
    let mut found = Vec::new();
    for outcome in outcomes {
        if outcome.ingest().is_some() {
            whole(outcome, &mut found);
            speed(outcome, &mut found);
            memory(outcome, &mut found);
            start(outcome, &mut found);
            analysis(outcome, &mut found);
        }
    }
    viewers(outcomes, &mut found);
    floors(outcomes, &mut found);
    found
}

/// Nothing lost, repeated, foreign, damaged or out of order. Runs in which the sender failed tell
/// nothing about a relay.
fn whole(outcome: &Outcome, found: &mut Vec<Verdict>) {
    let Some(ingest) = outcome.ingest() else {
        return;
    };
    let judged = ingest
        .runs
        .iter()
        .filter(|run| run.sender_faults.is_empty());
    let broken = judged.clone().filter(|run| !run.faults.is_empty()).count();
    let judged = judged.count();
    let what = format!("runs with any packet lost, repeated or out of order, of {judged}");
    let broken = u32::try_from(broken).map_or(f64::MAX, f64::from);
    let broken = (judged > 0).then_some(broken);
    let case = &outcome.scenario.name;
    found.push(Verdict::new(case, &what, broken, 0.0, "runs"));
}

fn speed(outcome: &Outcome, found: &mut Vec<Verdict>) {
    let Scenario {
        name,
        ratio_max: Some(ratio_max),
        latency_ms,
        ..
    } = &outcome.scenario
    else {
        return;
    };
    let ratio = outcome.ingest().and_then(|ingest| ingest.ratio);
    let delay = outcome.ingest_median().map(|median| median.delay_ms);
    let floor = outcome.floor().map(|median| median.delay_ms);
    // Without a floor in the field there is nothing to be held against.
    if outcome.has_floor() {
        let above = delay.zip(floor).map(|(own, floor)| own.p50 - floor.p50);
        let what = "delay p50 above the floor's";
        found.push(Verdict::new(
            name,
            "CPU to the floor",
            ratio,
            *ratio_max,
            "x",
        ));
        found.push(Verdict::new(name, what, above, P50_ABOVE_FLOOR_MS, "ms"));
    }
    let p99 = delay.map(|delay| delay.p99);
    let bound = delay_goal_ms(*latency_ms);
    found.push(Verdict::new(name, "delay p99", p99, bound, "ms"));
}

/// The p99 at most, with that latency bound.
pub(crate) fn delay_goal_ms(latency_ms: u32) -> f64 {
    f64::from(latency_ms) + P99_ABOVE_BOUND_MS
}

fn memory(outcome: &Outcome, found: &mut Vec<Verdict>) {
    let case = &outcome.scenario.name;
    let got = outcome.ingest_median().map(|median| median.rss_mb);
    let goal = memory_goal_mb(&outcome.scenario);
    found.extend(goal.map(|goal| Verdict::new(case, "memory (RSS)", got, goal, "MB")));
}

/// The most that encoder-ingest may have resident; none: no goal.
pub(crate) fn memory_goal_mb(scenario: &Scenario) -> Option<f64> {
    match scenario.name.as_str() {
        "F" => {
            let megabits = f64::from(scenario.channels * scenario.mbps);
            let held = megabits / 8.0 * f64::from(HISTORY_MS) / 1000.0;
            Some(HISTORY_SHARE * held + MEMORY_FIXED_MB)
        }
        "memory-400" => Some(MEMORY_400_MB),
        _ => None,
    }
}

fn start(outcome: &Outcome, found: &mut Vec<Verdict>) {
    if outcome.scenario.from_memory {
        let case = &outcome.scenario.name;
        let got = outcome.ingest_median().map(|own| own.first_byte_ms.p99);
        let what = "request to first byte, p99";
        found.push(Verdict::new(case, what, got, START_MS_MAX, "ms"));
    }
}

fn analysis(outcome: &Outcome, found: &mut Vec<Verdict>) {
    if outcome.has_unanalysed() {
        let case = &outcome.scenario.name;
        let got = outcome.analysis_percent();
        let what = "CPU that the analysis adds";
        found.push(Verdict::new(case, what, got, ANALYSIS_PERCENT_MAX, "%"));
    }
}

fn viewers(outcomes: &[Outcome], found: &mut Vec<Verdict>) {
    let series = outcomes.iter().filter(|outcome| {
        let own = &outcome.scenario.name;
        own.starts_with("viewers-") && outcome.ingest().is_some()
    });
    let series: Vec<_> = series.collect();
    let Some((fewest, rest)) = series.split_first() else {
        return;
    };
    for point in rest {
        let what = format!("CPU per viewer, in that at {}", fewest.scenario.viewers);
        let growth = per_viewer(point).zip(per_viewer(fewest));
        let growth = growth.map(|(many, few)| many / few);
        let case = &point.scenario.name;
        found.push(Verdict::new(case, &what, growth, VIEWER_GROWTH_MAX, "x"));
    }
}

fn per_viewer(outcome: &Outcome) -> Option<f64> {
    let viewers = f64::from(outcome.scenario.viewers);
    Some(outcome.ingest_median()?.cpu_percent / viewers)
}

/// The own floor against the yardstick, over all cases: one alone is within what the machine's
/// speed drifts.
fn floors(outcomes: &[Outcome], found: &mut Vec<Verdict>) {
    for (mode, mean) in floor_means(outcomes) {
        let what = format!("CPU of the floor to the yardstick's, {mode}, geometric mean");
        let goal = FLOOR_TO_YARDSTICK_MAX;
        found.push(Verdict::new("floor", &what, Some(mean), goal, "x"));
    }
}

/// By receive mode, over all cases.
pub(crate) fn floor_means(outcomes: &[Outcome]) -> Vec<(String, f64)> {
    let mut logs: Vec<(String, Vec<f64>)> = Vec::new();
    for pair in outcomes.iter().flat_map(Outcome::floors) {
        let log = (pair.own_percent / pair.yardstick_percent).ln();
        match logs.iter_mut().find(|(mode, _)| mode == pair.mode) {
            Some((_, known)) => known.push(log),
            None => logs.push((pair.mode.to_owned(), vec![log])),
        }
    }
    let means = logs.into_iter().map(|(mode, logs)| {
        let count = u32::try_from(logs.len()).map_or(f64::MAX, f64::from);
        (mode, (logs.iter().sum::<f64>() / count).exp())
    });
    means.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up::outcomes;
    use crate::plan::scenarios;

    #[test]
    fn what_is_missed_says_by_how_much() {
        let verdict = |got, goal_max| Verdict::new("A", "CPU", got, goal_max, "x");
        let missed = verdict(Some(1.5), 1.25);
        assert!(!missed.reached);
        assert_eq!(missed.sentence(), "**not reached**: 0.25 too much (20 %)");
        let runs = verdict(Some(2.0), 0.0);
        assert_eq!(runs.sentence(), "**not reached**: 2 too many");
        assert_eq!(verdict(Some(1.25), 1.25).sentence(), "reached");
        let none = verdict(None, 1.25);
        assert!(!none.reached);
        assert_eq!(none.sentence(), "**not reached**: no run counts");
    }

    #[test]
    fn memory_is_bound_by_what_the_history_must_hold() {
        let goals: Vec<_> = scenarios()
            .iter()
            .filter_map(|scenario| Some((scenario.name.clone(), memory_goal_mb(scenario)?)))
            .collect();
        assert_eq!(
            goals,
            [("F".to_owned(), 154.0), ("memory-400".to_owned(), 40.0)]
        );
    }

    /// (case, goal, got, reached)
    fn found(outcomes: &[Outcome]) -> Vec<(String, String, Option<f64>, bool)> {
        let rounded = |got: f64| (got * 100.0).round() / 100.0;
        let all = verdicts(outcomes).into_iter();
        let all = all.map(|v| (v.case, v.what, v.got.map(rounded), v.reached));
        all.collect()
    }

    #[test]
    fn every_goal_is_judged() {
        let found = found(&outcomes());
        let of = |case: &str, what: &str| {
            let mut found = found.iter();
            let found = found.find(|v| v.0 == case && v.1.contains(what));
            found.map(|v| (v.2, v.3))
        };
        assert_eq!(of("A", "CPU to the floor"), Some((Some(1.2), true)));
        assert_eq!(of("E", "CPU to the floor"), Some((Some(1.2), false)));
        assert_eq!(of("A", "p50"), Some((Some(0.2), true)));
        assert_eq!(of("A", "p99"), Some((Some(12.0), true)));
        assert_eq!(of("A", "analysis adds"), Some((Some(9.09), true)));
        assert_eq!(of("B", "analysis adds"), None);
        assert_eq!(of("F", "memory"), Some((Some(80.0), true)));
        assert_eq!(of("memory-400", "memory"), Some((Some(80.0), false)));
        assert_eq!(of("start", "first byte"), Some((Some(4.0), true)));
        assert_eq!(of("viewers-1000", "per viewer"), Some((Some(1.0), true)));
        assert_eq!(of("floor", ", packed"), Some((Some(1.0), true)));
        assert_eq!(of("floor", ", GRO"), Some((Some(1.0), true)));
        assert_eq!(of("small-buffer", "lost"), Some((Some(0.0), true)));
    }

    #[test]
    fn without_a_run_that_counts_no_goal_is_reached() {
        let mut outcomes = outcomes();
        for relay in outcomes.iter_mut().flat_map(|outcome| &mut outcome.relays) {
            (relay.median, relay.ratio) = (None, None);
            for run in &mut relay.runs {
                run.faults.push("1 lost".to_owned());
            }
        }
        let verdicts = verdicts(&outcomes);
        assert!(verdicts.len() > 40, "{}", verdicts.len());
        assert!(verdicts.iter().all(|verdict| !verdict.reached));
    }
}
