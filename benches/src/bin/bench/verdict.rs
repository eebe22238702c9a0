//! What was to be reached, and by how much it was not.

use serde::Serialize;

use crate::analysis::Analysis;
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
const VIEWER_GROWTH_MAX: f64 = 1.2;

/// From the request to the first byte, p99.
const START_MS_MAX: f64 = 5.0;

/// Of the CPU without analysis.
const ANALYSIS_PERCENT_MAX: f64 = 15.0;

/// One goal.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Verdict {
    /// The scenario's name.
    pub(crate) case: String,
    pub(crate) what: String,
    pub(crate) goal_max: f64,
    pub(crate) got: f64,
    pub(crate) unit: &'static str,
    pub(crate) reached: bool,
}

impl Verdict {
    fn new(case: &str, what: &str, got: f64, goal_max: f64, unit: &'static str) -> Self {
        Self {
            case: case.to_owned(),
            what: what.to_owned(),
            goal_max,
            got,
            unit,
            reached: got <= goal_max,
        }
    }

    /// "reached", or by how much not.
    pub(crate) fn sentence(&self) -> String {
        if self.reached {
            return "reached".to_owned();
        }
        let over = self.got - self.goal_max;
        if self.goal_max > 0.0 {
            let percent = 100.0 * over / self.goal_max;
            format!("**not reached**: {over:.2} too much ({percent:.0} %)")
        } else {
            format!("**not reached**: {over:.0} too many")
        }
    }
}

/// All goals that what was measured can be held against.
pub(crate) fn verdicts(outcomes: &[Outcome], analysis: Option<&Analysis>) -> Vec<Verdict> {
    let mut found = Vec::new();
    for outcome in outcomes {
        whole(outcome, &mut found);
        speed(outcome, &mut found);
        memory(outcome, &mut found);
        start(outcome, &mut found);
    }
    viewers(outcomes, &mut found);
    if let Some(analysis) = analysis {
        let worst = analysis.shares.iter();
        let worst = worst.max_by(|a, b| a.percent.total_cmp(&b.percent));
        found.extend(worst.map(|share| {
            let what = format!("cost of the analysis, in {} (the most)", share.case);
            Verdict::new(
                "analysis",
                &what,
                share.percent,
                ANALYSIS_PERCENT_MAX,
                "% more CPU",
            )
        }));
    }
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
    let broken = judged.filter(|run| !run.faults.is_empty()).count();
    let what = format!(
        "runs that lost, repeated or disordered a packet, of {}",
        ingest.runs.len()
    );
    let broken = f64::from(u32::try_from(broken).unwrap_or(u32::MAX));
    found.push(Verdict::new(
        &outcome.scenario.name,
        &what,
        broken,
        0.0,
        "runs",
    ));
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
    let (Some(ingest), Some(floor)) = (outcome.ingest(), outcome.floor()) else {
        return;
    };
    let (Some(ratio), Some(median)) = (ingest.ratio, ingest.median) else {
        return;
    };
    let delay = median.delay_ms;
    found.extend([
        Verdict::new(name, "CPU to the floor", ratio, *ratio_max, "x"),
        Verdict::new(
            name,
            "delay p50 above the floor's",
            delay.p50 - floor.delay_ms.p50,
            P50_ABOVE_FLOOR_MS,
            "ms",
        ),
        Verdict::new(
            name,
            "delay p99",
            delay.p99,
            f64::from(*latency_ms) + P99_ABOVE_BOUND_MS,
            "ms",
        ),
    ]);
}

fn memory(outcome: &Outcome, found: &mut Vec<Verdict>) {
    let Some(median) = outcome.ingest_median() else {
        return;
    };
    let goal = memory_goal_mb(&outcome.scenario);
    let case = &outcome.scenario.name;
    found.extend(goal.map(|goal| Verdict::new(case, "memory (RSS)", median.rss_mb, goal, "MB")));
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
    if let (true, Some(median)) = (outcome.scenario.from_memory, outcome.ingest_median()) {
        found.push(Verdict::new(
            &outcome.scenario.name,
            "request to first byte, p99",
            median.first_byte_ms.p99,
            START_MS_MAX,
            "ms",
        ));
    }
}

fn viewers(outcomes: &[Outcome], found: &mut Vec<Verdict>) {
    let series: Vec<_> = outcomes.iter().filter_map(per_viewer).collect();
    let Some((fewest, rest)) = series.split_first() else {
        return;
    };
    for point in rest {
        let what = format!("CPU per viewer, in that at {:.0}", fewest.viewers);
        let growth = point.percent / fewest.percent;
        found.push(Verdict::new(
            &point.name,
            &what,
            growth,
            VIEWER_GROWTH_MAX,
            "x",
        ));
    }
}

/// A point of the growth with viewers.
#[derive(Debug, Clone)]
struct PerViewer {
    name: String,
    viewers: f64,
    percent: f64,
}

fn per_viewer(outcome: &Outcome) -> Option<PerViewer> {
    let scenario = &outcome.scenario;
    let viewers = f64::from(scenario.viewers);
    let median = outcome.ingest_median()?;
    scenario.name.starts_with("viewers-").then(|| PerViewer {
        name: scenario.name.clone(),
        viewers,
        percent: median.cpu_percent / viewers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::scenarios;

    #[test]
    fn what_is_missed_says_by_how_much() {
        let verdict = Verdict::new("A", "CPU to the floor", 1.5, 1.25, "x");
        assert!(!verdict.reached);
        assert_eq!(verdict.sentence(), "**not reached**: 0.25 too much (20 %)");
        let verdict = Verdict::new("A", "runs", 2.0, 0.0, "runs");
        assert_eq!(verdict.sentence(), "**not reached**: 2 too many");
        assert_eq!(
            Verdict::new("A", "x", 1.25, 1.25, "x").sentence(),
            "reached"
        );
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
}
