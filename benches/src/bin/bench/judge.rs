//! The readers, who are the judges: `source-server verify` on the client's host, one process a
//! channel.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use e2e::process::{Process, Program};
use e2e::wait::wait_until;
use serde::{Deserialize, Serialize};

use crate::lab::{Lab, program};
use crate::plan::Scenario;
use crate::relay::Contender;

/// Of what is asked for, so much must come: a source or judge that can't keep up measures nothing.
const RATE_MIN: f64 = 0.97;

/// In milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub(crate) max: f64,
}

/// What one process found: the part of `verify --json` that matters here.
#[derive(Debug, Clone, Deserialize)]
struct Verified {
    failed_viewers: u64,
    failures: BTreeMap<String, u64>,
    lost: u64,
    repeated: u64,
    foreign: u64,
    damaged: u64,
    uncovered: u64,
    late: u64,
    bitrate_bps: f64,
    delay_ms: Option<Percentiles>,
    first_byte_ms: Option<Percentiles>,
}

type Count = fn(&Verified) -> u64;

/// What all found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings {
    pub(crate) faults: Vec<String>,
    pub(crate) received_mbps: f64,
    /// p50: of the median channel; all others: of the worst.
    pub(crate) delay_ms: Option<Percentiles>,
    pub(crate) first_byte_ms: Option<Percentiles>,
}

/// The readers of one run.
#[derive(Debug)]
pub(crate) struct Judges {
    processes: Vec<Process>,
}

impl Judges {
    /// Starts all viewers of `scenario`; each reads for `duration`, begun `stagger` after the one
    /// before in its channel.
    pub(crate) fn start(
        lab: &Lab,
        scenario: &Scenario,
        contender: &Contender,
        duration: Duration,
        stagger: Duration,
    ) -> anyhow::Result<Self> {
        let verify = program("source-server")?;
        let readers = |channel| {
            let (each, more) = (
                scenario.viewers / scenario.channels,
                scenario.viewers % scenario.channels,
            );
            each + u32::from(channel < more)
        };
        let watched = (0..scenario.channels).filter(|channel| readers(*channel) > 0);
        let start = |channel| {
            Program::new(&lab.client, &verify)
                .dies_with_parent()
                .args(["verify", &contender.url(channel, scenario), "--json"])
                .args(["--seconds", &duration.as_secs().to_string()])
                .args(["--viewers", &readers(channel).to_string()])
                .args(["--stagger-ms", &stagger.as_millis().to_string()])
                .start()
        };
        Ok(Self {
            processes: watched.map(start).collect(),
        })
    }

    /// Waits for the end of all, `timeout` at most.
    pub(crate) fn finish(
        mut self,
        timeout: Duration,
        scenario: &Scenario,
    ) -> anyhow::Result<Findings> {
        wait_until("verify ends", timeout, || {
            self.processes.iter_mut().all(|process| !process.runs())
        });
        let mut all = Vec::new();
        for process in &mut self.processes {
            process.exit_code(Duration::from_secs(1));
            let log = process.log();
            let line = log.lines().find(|line| line.starts_with('{'));
            let line = line.with_context(|| format!("verify said nothing but {log:?}"))?;
            all.push(serde_json::from_str::<Verified>(line).context("the JSON of verify")?);
        }
        Ok(Findings::of(&all, scenario.out_mbps()))
    }
}

impl Findings {
    fn of(all: &[Verified], wanted_mbps: f64) -> Self {
        let received_mbps = all.iter().map(|one| one.bitrate_bps).sum::<f64>() / 1e6;
        let mut faults = Vec::new();
        let counts: [(&str, Count); 7] = [
            ("lost", |one| one.lost),
            ("repeated", |one| one.repeated),
            ("foreign", |one| one.foreign),
            ("damaged", |one| one.damaged),
            ("uncovered", |one| one.uncovered),
            ("out of order", |one| one.late),
            ("viewers failed", |one| one.failed_viewers),
        ];
        for (what, count) in counts {
            let sum: u64 = all.iter().map(count).sum();
            if sum > 0 {
                faults.push(format!("{sum} {what}"));
            }
        }
        let why = all.iter().flat_map(|one| one.failures.keys()).next();
        faults.extend(why.cloned());
        if received_mbps < wanted_mbps * RATE_MIN {
            faults.push(format!(
                "{received_mbps:.0} of {wanted_mbps:.0} Mbit/s came"
            ));
        }
        Self {
            faults,
            received_mbps,
            delay_ms: together(all.iter().filter_map(|one| one.delay_ms)),
            first_byte_ms: together(all.iter().filter_map(|one| one.first_byte_ms)),
        }
    }
}

/// p50 of the median channel, the others of the worst.
fn together(channels: impl Iterator<Item = Percentiles>) -> Option<Percentiles> {
    let all: Vec<_> = channels.collect();
    let mut p50: Vec<_> = all.iter().map(|one| one.p50).collect();
    p50.sort_by(f64::total_cmp);
    let worst = |of: fn(&Percentiles) -> f64| all.iter().map(of).fold(0.0, f64::max);
    Some(Percentiles {
        p50: *p50.get(p50.len() / 2)?,
        p90: worst(|one| one.p90),
        p99: worst(|one| one.p99),
        max: worst(|one| one.max),
    })
}
