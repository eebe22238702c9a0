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
//! - [`run`]: one run
//! - [`outcome`]: medians and ratios
//! - [`campaign`]: all runs of a scenario
//! - [`table`]: results for people

mod campaign;
mod judge;
mod lab;
mod meter;
mod options;
mod outcome;
mod plan;
mod relay;
mod run;
mod table;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::Parser;
use e2e::gate::Need;

use lab::Lab;
use options::Arguments;

fn main() -> ExitCode {
    match measure(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    let wanted: Vec<_> = plan::scenarios()
        .into_iter()
        .filter(|scenario| arguments.wants(&scenario.name))
        .collect();
    anyhow::ensure!(
        !wanted.is_empty(),
        "no case is named {}",
        arguments.cases.join(", ")
    );
    let need = Need::Namespaces;
    anyhow::ensure!(
        need.is_here(),
        "the bench can't run here: {}",
        need.sentence()
    );
    let out = arguments.out();
    std::fs::create_dir_all(&out).with_context(|| format!("{}", out.display()))?;
    let begin = Instant::now();
    let mut say = |line: &str| println!("{:5.0} s  {line}", begin.elapsed().as_secs_f64());
    let lab = Lab::new();
    let mut outcomes = Vec::new();
    for scenario in &wanted {
        outcomes.push(campaign::measure(&lab, scenario, arguments, &mut say)?);
    }
    println!("\n{}", table::cases(&outcomes));
    Ok(())
}
