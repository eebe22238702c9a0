//! Results that nobody measured, for tests: every scenario, with all who may take part.

use crate::judge::Percentiles;
use crate::meter::{MachineShare, Memory};
use crate::options::ForeignRelay;
use crate::outcome::Outcome;
use crate::plan::{Field, Scenario, scenarios};
use crate::relay::Contender;
use crate::run::Run;

/// CPU in percent of a core: 5 of the floor, 6 of encoder-ingest and 5.5 without its analysis, 15
/// of a foreign one, ten times that at ten times the viewers.
pub(crate) fn outcomes() -> Vec<Outcome> {
    scenarios().into_iter().map(outcome).collect()
}

fn outcome(scenario: Scenario) -> Outcome {
    let load = match scenario.name.strip_prefix("viewers-") {
        Some(viewers) => viewers.parse::<f64>().unwrap_or(1.0) / 10.0,
        None => 1.0,
    };
    let yardstick = |coalesce| Contender::Yardstick {
        command: String::new(),
        coalesce,
    };
    let foreign = Contender::Foreign {
        relay: ForeignRelay {
            name: "another".to_owned(),
            command: String::new(),
        },
        path: String::new(),
    };
    let floor = |coalesce| Contender::Floor { coalesce };
    let (ingest, bare) = (Contender::Ingest, Contender::Unanalysed);
    let mut field = match scenario.field {
        Field::All => vec![
            (floor(false), 5.0),
            (floor(true), 5.5),
            (ingest, 6.0),
            (yardstick(false), 5.0),
            (yardstick(true), 5.5),
            (foreign, 15.0),
        ],
        Field::IngestAndFloor => vec![(floor(false), 5.0), (ingest, 6.0)],
        Field::Ingest => vec![(ingest, 6.0)],
    };
    if scenario.unanalysed {
        field.push((bare, 5.5));
    }
    let runs = field.iter().map(|(contender, cpu)| {
        let own = matches!(contender, Contender::Ingest);
        (1..=3).map(|round| run(round, cpu * load, own)).collect()
    });
    let runs = runs.collect();
    let field: Vec<_> = field.into_iter().map(|(contender, _)| contender).collect();
    Outcome::new(scenario, &field, runs)
}

fn run(round: u32, cpu_percent: f64, own: bool) -> Run {
    let delay = if own { 6.2 } else { 6.0 };
    Run {
        round,
        cpu_percent,
        delay_ms: Some(Percentiles {
            p50: delay,
            p90: 9.0,
            p99: 12.0,
            max: 22.0,
        }),
        first_byte_ms: Some(Percentiles {
            p50: 1.0,
            p90: 2.0,
            p99: 4.0,
            max: 5.0,
        }),
        memory: Memory {
            rss_mb: if own { 80.0 } else { 7.0 },
            pss_mb: 70.0,
            peak_mb: 90.0,
        },
        received_mbps: 320.0,
        machine: MachineShare::default(),
        losses: Default::default(),
        faults: Vec::new(),
        sender_faults: Vec::new(),
    }
}
