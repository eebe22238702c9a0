//! All runs of one scenario: the relays take turns in every round, so that a machine whose speed
//! drifts treats them alike.

use std::time::Duration;

use crate::lab::Lab;
use crate::options::Arguments;
use crate::outcome::Outcome;
use crate::plan::{Field, Scenario};
use crate::progress::Progress;
use crate::relay::Contender;
use crate::run::{Run, estimate, run};

/// Runs that do not count are repeated so often for each relay; then it has fewer.
pub(crate) const REPEATS_MAX: u32 = 2;

/// What is to be run of one scenario.
#[derive(Debug)]
pub(crate) struct Campaign {
    scenario: Scenario,
    field: Vec<Contender>,
    rounds: u32,
    seconds: u64,
}

impl Campaign {
    pub(crate) fn new(scenario: Scenario, arguments: &Arguments) -> Self {
        Self {
            field: field(&scenario, arguments),
            rounds: scenario
                .rounds
                .map_or(arguments.rounds(), |own| own.min(arguments.rounds())),
            seconds: match scenario.seconds {
                Some(own) if !arguments.quick => own,
                _ => arguments.seconds(),
            },
            scenario,
        }
    }

    /// Runs, without repeats.
    pub(crate) fn runs(&self) -> usize {
        self.field.len() * self.rounds as usize
    }

    fn run_length(&self) -> Duration {
        estimate(&self.scenario, self.seconds)
    }

    /// About how long all of it takes, without repeats.
    pub(crate) fn length(&self) -> Duration {
        self.field
            .iter()
            .map(|_| self.run_length() * self.rounds)
            .sum()
    }

    /// Runs it.
    pub(crate) fn measure(self, lab: &Lab, progress: &mut Progress) -> anyhow::Result<Outcome> {
        let sender = lab.send(&self.scenario)?;
        let mut runs: Vec<Vec<Run>> = vec![Vec::new(); self.field.len()];
        let mut one = |index: usize, round: u32, progress: &mut Progress| {
            let contender: &Contender = &self.field[index];
            progress.begin(&format!("{:<12} {}", self.scenario.name, contender.name()));
            let timing = (round, self.seconds);
            let done = run(lab, &sender, &self.scenario, contender, timing)?;
            progress.end(self.run_length(), &self.line(contender, &done));
            let valid = done.is_valid();
            runs[index].push(done);
            anyhow::Ok(valid)
        };
        let mut missing = vec![0; self.field.len()];
        for round in 1..=self.rounds {
            for turn in 0..self.field.len() {
                // Nobody is always the first.
                let index = (turn + round as usize - 1) % self.field.len();
                missing[index] += usize::from(!one(index, round, progress)?);
            }
        }
        for repeat in 1..=REPEATS_MAX {
            for (index, missing) in missing.iter_mut().enumerate() {
                if *missing > 0 {
                    progress.add(self.run_length());
                    let round = self.rounds + repeat;
                    *missing -= usize::from(one(index, round, progress)?);
                }
            }
        }
        Ok(Outcome::new(self.scenario, &self.field, runs))
    }

    fn line(&self, contender: &Contender, run: &Run) -> String {
        let round = if run.round > self.rounds {
            "again".to_owned()
        } else {
            format!("{}/{}", run.round, self.rounds)
        };
        let delay = run.delay_ms.unwrap_or_default();
        let end = if run.is_valid() {
            String::new()
        } else {
            format!("  INVALID: {}", run.complaints())
        };
        format!(
            "{:<12} {:<13} {round:<5} {:<18} {:6.2} % CPU  delay {:6.2} / {:6.2} / {:6.2} ms  {:6.1} MB  machine {:3.0} %{end}",
            self.scenario.name,
            self.scenario.load(),
            contender.name(),
            run.cpu_percent,
            delay.p50,
            delay.p99,
            delay.max,
            run.memory.rss_mb,
            run.machine.busy_percent,
        )
    }
}

/// Who takes part in `scenario`.
fn field(scenario: &Scenario, arguments: &Arguments) -> Vec<Contender> {
    let mut field = Vec::new();
    if scenario.field != Field::Ingest {
        field.push(Contender::Floor { coalesce: false });
    }
    if scenario.field == Field::All {
        field.push(Contender::Floor { coalesce: true });
    }
    field.push(Contender::Ingest);
    if scenario.unanalysed {
        field.push(Contender::Unanalysed);
    }
    if scenario.field == Field::All {
        field.extend(others(arguments));
    }
    field.retain(|contender| arguments.wants_relay(contender.name()));
    field
}

/// Who was named by the user.
fn others(arguments: &Arguments) -> impl Iterator<Item = Contender> {
    let yardsticks = arguments.yardstick.iter().flat_map(|command| {
        [false, true].map(|coalesce| Contender::Yardstick {
            command: command.clone(),
            coalesce,
        })
    });
    let last = arguments.foreign_url.last();
    let foreign = arguments.foreign.iter().enumerate();
    yardsticks.chain(foreign.map(move |(index, relay)| {
        let path = arguments.foreign_url.get(index).or(last);
        Contender::Foreign {
            relay: relay.clone(),
            path: path.cloned().unwrap_or_default(),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::scenarios;
    use clap::Parser;

    fn campaigns(arguments: &[&str]) -> Vec<Campaign> {
        let arguments = Arguments::try_parse_from([&["bench"], arguments].concat());
        let arguments = arguments.expect("arguments");
        let scenarios = scenarios().into_iter();
        let campaigns = scenarios.map(|scenario| Campaign::new(scenario, &arguments));
        campaigns.collect()
    }

    fn names(campaign: &Campaign) -> Vec<&str> {
        campaign.field.iter().map(Contender::name).collect()
    }

    #[test]
    fn all_of_it_takes_25_minutes_at_most() {
        let length: Duration = campaigns(&[]).iter().map(Campaign::length).sum();
        assert!(length <= Duration::from_secs(25 * 60), "{length:?}");
        let quick: Duration = campaigns(&["--quick"]).iter().map(Campaign::length).sum();
        assert!(quick <= length / 4, "{quick:?}");
    }

    #[test]
    fn who_is_named_takes_part_in_the_cases() {
        let all = campaigns(&["--yardstick", "y {gro}", "--foreign", "other=o {port}"]);
        let cases = [
            "floor (packed)",
            "floor (GRO)",
            "encoder-ingest",
            "without analysis",
            "yardstick (packed)",
            "yardstick (GRO)",
            "other",
        ];
        assert_eq!(names(&all[0]), cases);
        let series = all.iter().find(|own| own.scenario.name == "viewers-10");
        let series = series.expect("a series");
        assert_eq!(names(series), ["floor (packed)", "encoder-ingest"]);
        let floors = campaigns(&["--yardstick", "y", "--relay", "floor", "--relay", "yard"]);
        assert_eq!(floors[0].field.len(), 4, "{:?}", floors[0]);
    }
}
