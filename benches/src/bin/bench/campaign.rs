//! All runs of one scenario: the relays take turns in every round, so that a machine whose speed
//! drifts treats them alike.

use crate::lab::Lab;
use crate::options::Arguments;
use crate::outcome::Outcome;
use crate::plan::{Field, Scenario};
use crate::relay::Contender;
use crate::run::{Run, run};

/// Runs that do not count are repeated so often for each relay; then it has fewer.
const REPEATS_MAX: usize = 2;

/// Who takes part in `scenario`.
fn field(scenario: &Scenario, arguments: &Arguments) -> Vec<Contender> {
    let mut field = vec![Contender::Ingest];
    if scenario.field != Field::Ingest {
        field.insert(0, Contender::Floor { coalesce: false });
    }
    if scenario.field == Field::All {
        field.insert(1, Contender::Floor { coalesce: true });
        let last = arguments.foreign_url.last();
        for (index, relay) in arguments.foreign.iter().enumerate() {
            let path = arguments.foreign_url.get(index).or(last);
            field.push(Contender::Foreign {
                relay: relay.clone(),
                path: path.cloned().unwrap_or_default(),
            });
        }
    }
    field.retain(|contender| arguments.wants_relay(contender.name()));
    field
}

/// Measures `scenario`, telling `say` about every run.
pub(crate) fn measure(
    lab: &Lab,
    scenario: &Scenario,
    arguments: &Arguments,
    say: &mut dyn FnMut(&str),
) -> anyhow::Result<Outcome> {
    let field = field(scenario, arguments);
    let rounds = scenario
        .rounds
        .map_or(arguments.rounds(), |own| own.min(arguments.rounds()));
    let seconds = match scenario.seconds {
        Some(own) if !arguments.quick => own,
        _ => arguments.seconds(),
    };
    let sender = lab.send(scenario)?;
    let mut runs: Vec<Vec<Run>> = vec![Vec::new(); field.len()];
    let mut one = |index: usize, round: u32, runs: &mut Vec<Vec<Run>>| {
        let contender: &Contender = &field[index];
        let done = run(lab, &sender, scenario, contender, (round, seconds))?;
        say(&line(scenario, contender, &done, rounds));
        runs[index].push(done);
        anyhow::Ok(())
    };
    for round in 1..=rounds {
        for turn in 0..field.len() {
            // Nobody is always the first.
            let index = (turn + round as usize - 1) % field.len();
            one(index, round, &mut runs)?;
        }
    }
    for index in 0..field.len() {
        for _ in 0..REPEATS_MAX {
            let valid = runs[index].iter().filter(|run| run.is_valid()).count();
            if valid < rounds as usize {
                one(index, rounds + 1, &mut runs)?;
            }
        }
    }
    Ok(Outcome::new(scenario.clone(), &field, runs))
}

fn line(scenario: &Scenario, contender: &Contender, run: &Run, rounds: u32) -> String {
    let round = if run.round > rounds {
        "again".to_owned()
    } else {
        format!("{}/{rounds}", run.round)
    };
    let delay = run.delay_ms.unwrap_or_default();
    let end = if run.is_valid() {
        String::new()
    } else {
        format!("  INVALID: {}", run.complaints())
    };
    format!(
        "{:<12} {:<13} {round:<5} {:<15} {:6.2} % CPU  delay {:6.2} / {:6.2} / {:6.2} ms  {:6.1} MB  machine {:3.0} %{end}",
        scenario.name,
        scenario.load(),
        contender.name(),
        run.cpu_percent,
        delay.p50,
        delay.p99,
        delay.max,
        run.memory.rss_mb,
        run.machine.busy_percent,
    )
}
