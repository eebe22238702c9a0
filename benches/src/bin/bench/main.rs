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
//! - [`machine`]: on what it was measured
//! - [`analysis`]: what analysing every packet costs
//! - [`verdict`]: what was to be reached
//! - [`table`]: results for people
//! - [`svg`], [`chart`], [`plots`]: the same as pictures
//! - [`report`]: the files

mod analysis;
mod campaign;
mod chart;
mod judge;
mod lab;
mod machine;
mod meter;
mod options;
mod outcome;
mod plan;
mod plots;
mod relay;
mod report;
mod run;
mod svg;
mod table;
mod verdict;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::Parser;
use e2e::gate::Need;

use analysis::Analysis;
use lab::Lab;
use machine::Machine;
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
    let scenarios = plan::scenarios().into_iter();
    let wanted: Vec<_> = scenarios
        .filter(|scenario| arguments.wants(&scenario.name))
        .collect();
    let analysed = arguments.wants(plan::ANALYSIS);
    anyhow::ensure!(
        analysed || !wanted.is_empty(),
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
    let (begin, machine) = (Instant::now(), Machine::here());
    let mut say = |line: &str| println!("{:5.0} s  {line}", begin.elapsed().as_secs_f64());
    let lab = Lab::new();
    let mut analysis = None;
    if analysed {
        let cost = Analysis::measure(&lab, &plan::analysed())?;
        say(&format!(
            "analysis: {:.1} ns a TS packet",
            cost.nanos_per_packet
        ));
        analysis = Some(cost);
    }
    let length = (arguments.seconds(), arguments.rounds());
    let mut outcomes = Vec::new();
    let mut goals = report::write(&out, length, &machine, &outcomes, analysis.as_ref())?;
    for scenario in &wanted {
        outcomes.push(campaign::measure(&lab, scenario, arguments, &mut say)?);
        if let Some(analysis) = &mut analysis {
            analysis.share(&outcomes);
        }
        // After each, so that what was measured stays when the rest is given up.
        goals = report::write(&out, length, &machine, &outcomes, analysis.as_ref())?;
    }
    println!("\n{goals}\nall of it: {}/results.md", out.display());
    Ok(())
}
