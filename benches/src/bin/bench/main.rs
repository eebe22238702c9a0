//! `make bench`: encoder-ingest as a whole process in network namespaces, against the floor and any
//! relay that the user names.
//!
//! In dependency order, a module uses only those above it:
//!
//! - [`options`]: what was typed
//! - [`plan`]: the scenarios and their goals
//! - [`meter`]: processor time and memory
//! - [`lab`]: the hosts and the sender
//! - [`relay`]: the relays that take part
//! - [`judge`]: the readers
//! - [`losses`]: where packets get lost
//! - [`run`]: one run
//! - [`outcome`]: medians and ratios
//! - [`progress`]: how far it has come
//! - [`campaign`]: all runs of a scenario
//! - [`machine`]: on what it was measured
//! - [`verdict`]: what was to be reached
//! - [`results`]: everything that was measured
//! - [`table`]: the same for people
//! - [`svg`], [`chart`], [`plots`]: the same as pictures
//! - [`report`]: the files

mod campaign;
mod chart;
mod judge;
mod lab;
mod losses;
mod machine;
#[cfg(test)]
mod made_up;
mod meter;
mod options;
mod outcome;
mod plan;
mod plots;
mod progress;
mod relay;
mod report;
mod results;
mod run;
mod svg;
mod table;
mod verdict;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use e2e::gate::Need;

use campaign::Campaign;
use lab::Lab;
use machine::Machine;
use options::Arguments;
use progress::Progress;
use results::Results;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.redraw {
        Some(folder) => report::redraw(folder),
        None => measure(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    let scenarios = plan::scenarios().into_iter();
    let campaigns: Vec<_> = scenarios
        .filter(|scenario| arguments.wants(&scenario.name))
        .map(|scenario| Campaign::new(scenario, arguments))
        .filter(|campaign| campaign.runs() > 0)
        .collect();
    anyhow::ensure!(
        !campaigns.is_empty(),
        "no case is named {}, with a relay named {}",
        either(&arguments.cases),
        either(&arguments.relay)
    );
    let need = Need::Namespaces;
    anyhow::ensure!(need.is_here(), "it can't run here: {}", need.sentence());
    let out = arguments.out();
    let (seconds, rounds) = (arguments.seconds(), arguments.rounds());
    let mut results = Results::new(Machine::here(), seconds, rounds);
    let length: Duration = campaigns.iter().map(Campaign::length).sum();
    let runs = campaigns.iter().map(Campaign::runs).sum();
    if let Some(warning) = results.machine.warning() {
        eprintln!("bench: {warning}");
    }
    let mut progress = Progress::new(runs, length);
    let lab = Lab::new();
    for campaign in campaigns {
        results.add(campaign.measure(&lab, &mut progress)?);
        // After each, so that what was measured stays when the rest is given up.
        report::write(&results, &out)?;
    }
    println!(
        "\n{}\nall of it: {}/results.md",
        table::goals(&results.verdicts),
        out.display()
    );
    Ok(())
}

fn either(words: &[String]) -> String {
    if words.is_empty() {
        return "anything".to_owned();
    }
    words.join(" or ")
}
