//! Results for people: Markdown.

use std::fmt::Write;

use crate::campaign::REPEATS_MAX;
use crate::judge::Percentiles;
use crate::machine::Machine;
use crate::outcome::{Medians, Outcome, RelayOutcome};
use crate::relay::Role;
use crate::results::Results;
use crate::verdict::{Verdict, floor_means};

/// What is shown of why a run does not count.
const COMPLAINT_CHARACTERS_MAX: usize = 600;

/// The whole document; `plots`: titles and files.
pub(crate) fn markdown(results: &Results, plots: &[(&str, &str)]) -> String {
    let outcomes = &results.scenarios;
    let mut text = format!("# Measured by `make bench`\n\n{}\n", conditions(results));
    let mut section = |title: &str, body: String| {
        if !body.is_empty() {
            let _ = write!(text, "## {title}\n\n{body}\n");
        }
    };
    section("Goals", goals(&results.verdicts));
    section("Cases and series", cases(outcomes));
    section("Start of a viewer", starts(outcomes));
    section("What the analysis costs", analysis(outcomes));
    section("The floor against the yardstick", floors(outcomes));
    section("Runs that do not count", invalid(outcomes));
    let plots = plots
        .iter()
        .map(|(title, file)| format!("![{title}]({file})\n"));
    section("Plots", plots.collect::<Vec<_>>().join("\n"));
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn conditions(results: &Results) -> String {
    let Machine {
        date,
        commit,
        version,
        rust,
        processor,
        cores,
        memory_gb,
        kernel,
        receive_buffer_max_bytes,
        busy_before_percent,
    } = &results.machine;
    format!(
        "- {date}, encoder-ingest {version}, commit {commit}, {rust}, release build\n\
         - {processor}, {cores} cores, {memory_gb:.0} GB; {kernel}; `net.core.rmem_max` {receive_buffer_max_bytes}: \
         floor and encoder-ingest both ask for the most; before the first run its processors were {busy_before_percent:.0} % busy\n\
         - network namespaces source, node, client, joined by veth; plain UDP, datagrams of 1316 bytes from \
         `source-server --proof`; every packet of every viewer checked by `source-server verify`\n\
         - {rounds} rounds of {seconds} s steady state (unless a case has its own), the relays in turns in each; \
         medians of the runs that count\n",
        rounds = results.rounds,
        seconds = results.seconds,
    )
}

/// One line a goal; empty without any.
pub(crate) fn goals(verdicts: &[Verdict]) -> String {
    if verdicts.is_empty() {
        return String::new();
    }
    let mut text = "| case | goal | at most | measured | |\n|---|---|---|---|---|\n".to_owned();
    for verdict in verdicts {
        let Verdict {
            case,
            what,
            goal_max,
            got,
            unit,
            ..
        } = verdict;
        let got = got.map_or_else(String::new, |got| format!("{} {unit}", shortest(got)));
        let sentence = verdict.sentence();
        let _ = writeln!(
            text,
            "| {case} | {what} | {goal_max} {unit} | {got} | {sentence} |"
        );
    }
    let reached = verdicts.iter().filter(|verdict| verdict.reached).count();
    let _ = writeln!(text, "\n{reached} of {} goals reached.", verdicts.len());
    text
}

/// One line a relay and scenario.
fn cases(outcomes: &[Outcome]) -> String {
    let mut text = format!(
        "{LEGEND} A run that does not count is repeated, {REPEATS_MAX} times at most for each relay and case.\n\n\
         | case | load | relay | CPU % | min to max | to floor | delay p50 / p99 / max ms | RSS / PSS / peak MB | machine busy, stolen % | runs that count, that do not |\n\
         |---|---|---|---|---|---|---|---|---|---|\n"
    );
    for outcome in outcomes {
        for relay in &outcome.relays {
            let none = || " | | | | | ".to_owned();
            let figures = relay.median.map_or_else(none, |own| figures(relay, &own));
            let _ = writeln!(
                text,
                "| {} | {} | {} | {figures} | {}, {} |",
                outcome.scenario.name,
                outcome.scenario.load(),
                relay.name,
                relay.valid_runs,
                relay.invalid_runs,
            );
        }
    }
    text
}

fn starts(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for outcome in outcomes.iter().filter(|o| o.scenario.from_memory) {
        if let Some(median) = outcome.ingest_median() {
            let Percentiles { p50, p99, max, .. } = median.first_byte_ms;
            let viewers = outcome.scenario.viewers;
            let _ = writeln!(text, "| {viewers} | {p50:.2} | {p99:.2} | {max:.2} |");
        }
    }
    with_head(
        "From connecting to the first byte, out of the relay's memory, one viewer each 20 ms.",
        "| viewers | p50 ms | p99 ms | max ms |\n|---|---|---|---|",
        text,
    )
}

fn analysis(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        let without = outcome.relays.iter().find(|r| r.role == Role::Unanalysed);
        let without = without.and_then(|relay| relay.median);
        let both = outcome.ingest_median().zip(without);
        if let Some(((with, without), percent)) = both.zip(outcome.analysis_percent()) {
            let (with, without) = (with.cpu_percent, without.cpu_percent);
            let name = &outcome.scenario.name;
            let load = outcome.scenario.load();
            let _ = writeln!(
                text,
                "| {name} | {load} | {with:.2} | {without:.2} | {percent:+.1} % |"
            );
        }
    }
    with_head(
        "No flag turns the analysis off. For this table a program that is encoder-ingest but for it \
         (`benches/src/bin/unanalysed.rs`) ran in turns with encoder-ingest.",
        "| case | load | CPU % | without analysis | it adds |\n|---|---|---|---|---|",
        text,
    )
}

fn floors(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        for pair in outcome.floors() {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {:.2} | {:.2} | {:.2} |",
                outcome.scenario.name,
                outcome.scenario.load(),
                pair.mode,
                pair.own_percent,
                pair.yardstick_percent,
                pair.own_percent / pair.yardstick_percent,
            );
        }
    }
    for (mode, mean) in floor_means(outcomes) {
        let _ = writeln!(text, "| all | | {mode} | | | **{mean:.2}** |");
    }
    with_head(
        "CPU in percent of a core, each in turns with the other in the same rounds; of all cases the geometric mean.",
        "| case | load | receive mode | floor | yardstick | floor to yardstick |\n|---|---|---|---|---|---|",
        text,
    )
}

fn with_head(sentence: &str, head: &str, lines: String) -> String {
    if lines.is_empty() {
        return lines;
    }
    format!("{sentence}\n\n{head}\n{lines}")
}

/// Each run with why it does not count.
fn invalid(outcomes: &[Outcome]) -> String {
    let mut lines = String::new();
    for outcome in outcomes {
        for relay in &outcome.relays {
            for run in relay.runs.iter().filter(|run| !run.is_valid()) {
                let why = run.complaints().replace(['\n', '\r'], " ");
                let why: String = why.chars().take(COMPLAINT_CHARACTERS_MAX).collect();
                let (name, round) = (&outcome.scenario.name, run.round);
                let _ = writeln!(lines, "- {name}, {}, run {round}: {why}", relay.name);
            }
        }
    }
    lines
}

const LEGEND: &str = "Load: channels x viewers in all x Mbit/s a channel. CPU: all threads and children of the relay, in percent of one core. \
Floor: the least that plain sockets can do (`benches/src/bin/floor`), in two receive modes; a case is held against the mode that took less. \
Delay: from the sender's call to the reader's; of several channels the median p50 and the worst p99 and max. \
A run in which any packet was lost, repeated, foreign, damaged or out of order does not count, nor one in which the sender fell behind.";

fn figures(relay: &RelayOutcome, median: &Medians) -> String {
    let delay = median.delay_ms;
    let ratio = match (relay.ratio, relay.role) {
        (Some(ratio), Role::Ingest) => format!("**{ratio:.2}**"),
        (Some(ratio), _) => format!("{ratio:.2}"),
        (None, _) => String::new(),
    };
    format!(
        "{:.2} | {:.2} to {:.2} | {ratio} | {:.2} / {:.2} / {:.2} | {:.1} / {:.1} / {:.1} | {:.0}, {:.0}",
        median.cpu_percent,
        median.cpu_percent_min,
        median.cpu_percent_max,
        delay.p50,
        delay.p99,
        delay.max,
        median.rss_mb,
        median.pss_mb,
        median.peak_mb,
        median.machine_busy_percent,
        median.machine_stolen_percent,
    )
}

/// Two digits behind the point, none where there is nothing behind it.
fn shortest(value: f64) -> String {
    if value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}
