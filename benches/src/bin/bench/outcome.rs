//! What a scenario's runs come to: medians of the valid ones, and ratios to the floor.

use serde::{Deserialize, Serialize};

use crate::judge::Percentiles;
use crate::plan::Scenario;
use crate::relay::{Contender, Role};
use crate::run::Run;

/// Everything that was measured of one scenario.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) scenario: Scenario,
    pub(crate) relays: Vec<RelayOutcome>,
}

/// One relay in one scenario.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RelayOutcome {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) valid_runs: usize,
    pub(crate) invalid_runs: usize,
    /// Medians of the valid runs; none: there is no valid run.
    pub(crate) median: Option<Medians>,
    /// To the floor, which is the better of its modes; none: one of the two has no valid run.
    pub(crate) ratio: Option<f64>,
    pub(crate) runs: Vec<Run>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Medians {
    pub(crate) cpu_percent: f64,
    pub(crate) cpu_percent_min: f64,
    pub(crate) cpu_percent_max: f64,
    pub(crate) delay_ms: Percentiles,
    pub(crate) first_byte_ms: Percentiles,
    pub(crate) rss_mb: f64,
    pub(crate) pss_mb: f64,
    pub(crate) peak_mb: f64,
    pub(crate) machine_busy_percent: f64,
    pub(crate) machine_stolen_percent: f64,
}

impl Outcome {
    pub(crate) fn new(scenario: Scenario, field: &[Contender], runs: Vec<Vec<Run>>) -> Self {
        let mut relays: Vec<_> = field
            .iter()
            .zip(runs)
            .map(|(contender, runs)| RelayOutcome::new(contender, runs))
            .collect();
        let floor = best_floor(&relays).map(|median| median.cpu_percent);
        for relay in &mut relays {
            relay.ratio = relay
                .median
                .zip(floor)
                .map(|(median, floor)| median.cpu_percent / floor);
        }
        Self { scenario, relays }
    }

    /// The better mode of the floor, by CPU.
    pub(crate) fn floor(&self) -> Option<Medians> {
        best_floor(&self.relays)
    }

    pub(crate) fn ingest(&self) -> Option<&RelayOutcome> {
        self.relays.iter().find(|relay| relay.role == Role::Ingest)
    }

    pub(crate) fn ingest_median(&self) -> Option<Medians> {
        self.ingest()?.median
    }

    fn has(&self, role: Role) -> bool {
        self.relays.iter().any(|relay| relay.role == role)
    }

    /// A floor took part, whatever came of it.
    pub(crate) fn has_floor(&self) -> bool {
        self.has(Role::Floor)
    }

    /// encoder-ingest without analysis took part.
    pub(crate) fn has_unanalysed(&self) -> bool {
        self.has(Role::Unanalysed)
    }

    /// What analysing every packet takes, in percent of the CPU without.
    pub(crate) fn analysis_percent(&self) -> Option<f64> {
        let mut relays = self.relays.iter();
        let without = relays
            .find(|relay| relay.role == Role::Unanalysed)?
            .median?;
        let with = self.ingest_median()?;
        Some(100.0 * (with.cpu_percent / without.cpu_percent - 1.0))
    }

    /// CPU of the floor and of the yardstick, in each receive mode that both have.
    pub(crate) fn floors(&self) -> impl Iterator<Item = FloorPair<'_>> {
        let of = |role| self.relays.iter().filter(move |relay| relay.role == role);
        let pairs = of(Role::Floor).flat_map(move |own| {
            let others = of(Role::Yardstick).filter(|other| other.mode() == own.mode());
            others.map(move |other| (own, other))
        });
        pairs.filter_map(|(own, other)| {
            Some(FloorPair {
                mode: own.mode(),
                own_percent: own.median?.cpu_percent,
                yardstick_percent: other.median?.cpu_percent,
            })
        })
    }
}

/// Both floors in one receive mode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FloorPair<'a> {
    pub(crate) mode: &'a str,
    pub(crate) own_percent: f64,
    pub(crate) yardstick_percent: f64,
}

fn best_floor(relays: &[RelayOutcome]) -> Option<Medians> {
    let floors = relays.iter().filter(|relay| relay.role == Role::Floor);
    floors
        .filter_map(|relay| relay.median)
        .min_by(|a, b| a.cpu_percent.total_cmp(&b.cpu_percent))
}

impl RelayOutcome {
    /// What a floor's name has in brackets.
    fn mode(&self) -> &str {
        let (_, mode) = self.name.split_once('(').unwrap_or_default();
        mode.trim_end_matches(')')
    }

    fn new(contender: &Contender, runs: Vec<Run>) -> Self {
        let valid: Vec<_> = runs.iter().filter(|run| run.is_valid()).collect();
        Self {
            name: contender.name().to_owned(),
            role: contender.role(),
            valid_runs: valid.len(),
            invalid_runs: runs.len() - valid.len(),
            median: Medians::of(&valid),
            ratio: None,
            runs,
        }
    }
}

impl Medians {
    fn of(runs: &[&Run]) -> Option<Self> {
        let all = |of: fn(&Run) -> f64| runs.iter().map(|run| of(run)).collect::<Vec<_>>();
        let middle = |of: fn(&Run) -> f64| median(all(of)).unwrap_or_default();
        let cpu = all(|run| run.cpu_percent);
        Some(Self {
            cpu_percent: median(cpu.clone())?,
            cpu_percent_min: cpu.iter().copied().fold(f64::MAX, f64::min),
            cpu_percent_max: cpu.iter().copied().fold(0.0, f64::max),
            delay_ms: Percentiles {
                p50: middle(|run| run.delay_ms.unwrap_or_default().p50),
                p90: middle(|run| run.delay_ms.unwrap_or_default().p90),
                p99: middle(|run| run.delay_ms.unwrap_or_default().p99),
                max: middle(|run| run.delay_ms.unwrap_or_default().max),
            },
            first_byte_ms: Percentiles {
                p50: middle(|run| run.first_byte_ms.unwrap_or_default().p50),
                p90: middle(|run| run.first_byte_ms.unwrap_or_default().p90),
                p99: middle(|run| run.first_byte_ms.unwrap_or_default().p99),
                max: middle(|run| run.first_byte_ms.unwrap_or_default().max),
            },
            rss_mb: middle(|run| run.memory.rss_mb),
            pss_mb: middle(|run| run.memory.pss_mb),
            peak_mb: all(|run| run.memory.peak_mb)
                .into_iter()
                .fold(0.0, f64::max),
            machine_busy_percent: middle(|run| run.machine.busy_percent),
            machine_stolen_percent: middle(|run| run.machine.stolen_percent),
        })
    }
}

/// The middle one; of an even number the mean of the two.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(values[values.len() / 2 - 1], upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
