//! Results for people: Markdown.

use std::fmt::Write;

use crate::analysis::Analysis;
use crate::judge::Percentiles;
use crate::machine::Machine;
use crate::outcome::{Medians, Outcome, RelayOutcome};
use crate::relay::Role;
use crate::verdict::Verdict;

/// What is shown of a run that does not count.
const COMPLAINT_CHARACTERS_MAX: usize = 200;

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Results<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) seconds: u64,
    pub(crate) rounds: u32,
    pub(crate) outcomes: &'a [Outcome],
    pub(crate) analysis: Option<&'a Analysis>,
    pub(crate) verdicts: &'a [Verdict],
}

impl Results<'_> {
    /// The whole document.
    pub(crate) fn markdown(&self, plots: &[(&str, &str)]) -> String {
        let mut text = format!("# Measured by `make bench`\n\n{}\n", self.conditions());
        text += &format!("## Goals\n\n{}\n", self.goals());
        text += &format!("## Cases and series\n\n{}\n{}", LEGEND, self.cases());
        if self.outcomes.iter().any(|o| o.scenario.from_memory) {
            text += &format!("\n## Start of a viewer\n\n{}", self.starts());
        }
        if let Some(analysis) = self.analysis {
            text += &format!("\n## Analysis\n\n{}", analysed(analysis));
        }
        text += &self.invalid();
        if !plots.is_empty() {
            text += "\n## Plots\n\n";
            for (title, file) in plots {
                let _ = writeln!(text, "![{title}]({file})\n");
            }
        }
        text
    }

    fn conditions(&self) -> String {
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
        } = self.machine;
        format!(
            "- {date}, encoder-ingest {version}, commit {commit}, {rust}, release build\n\
             - {processor}, {cores} cores, {memory_gb:.0} GB; {kernel}; `net.core.rmem_max` {receive_buffer_max_bytes}: \
             floor and encoder-ingest both ask for the most\n\
             - network namespaces source, node, client, joined by veth; plain UDP, datagrams of 1316 bytes from \
             `source-server --proof`; every packet of every viewer checked by `source-server verify`\n\
             - {rounds} rounds of {seconds} s steady state (unless a case has its own), the relays in turns in each; \
             medians of the valid runs\n",
            rounds = self.rounds,
            seconds = self.seconds,
        )
    }

    /// One line a goal.
    pub(crate) fn goals(&self) -> String {
        let mut text = "| case | goal | at most | measured | |\n|---|---|---|---|---|\n".to_owned();
        for verdict in self.verdicts {
            let Verdict {
                case,
                what,
                goal_max,
                got,
                unit,
                ..
            } = verdict;
            let sentence = verdict.sentence();
            let _ = writeln!(
                text,
                "| {case} | {what} | {goal_max} {unit} | {} {unit} | {sentence} |",
                shortest(*got)
            );
        }
        let missed = self.verdicts.iter().filter(|v| !v.reached).count();
        let _ = writeln!(
            text,
            "\n{} of {} goals reached.",
            self.verdicts.len() - missed,
            self.verdicts.len()
        );
        text
    }

    /// One line a relay and scenario.
    fn cases(&self) -> String {
        let mut text =
            "| case | load | relay | CPU % | min to max | to floor | delay p50 / p99 / max ms | RSS / PSS / peak MB | machine busy, stolen % | runs valid, invalid |\n\
             |---|---|---|---|---|---|---|---|---|---|\n"
                .to_owned();
        for outcome in self.outcomes {
            for relay in &outcome.relays {
                let scenario = &outcome.scenario;
                let _ = writeln!(
                    text,
                    "| {} | {} | {} | {} | {}, {} |",
                    scenario.name,
                    scenario.load(),
                    relay.name,
                    relay.median.map_or_else(
                        || " | | | | | ".to_owned(),
                        |median| figures(relay, &median)
                    ),
                    relay.valid_runs,
                    relay.invalid_runs,
                );
            }
        }
        text
    }

    fn starts(&self) -> String {
        let mut text =
            "From connecting to the first byte, out of the relay's memory, one viewer each 20 ms.\n\n\
             | viewers | p50 ms | p99 ms | max ms |\n|---|---|---|---|\n"
                .to_owned();
        for outcome in self.outcomes.iter().filter(|o| o.scenario.from_memory) {
            if let Some(median) = outcome.ingest_median() {
                let Percentiles { p50, p99, max, .. } = median.first_byte_ms;
                let viewers = outcome.scenario.viewers;
                let _ = writeln!(text, "| {viewers} | {p50:.2} | {p99:.2} | {max:.2} |");
            }
        }
        text
    }

    /// The runs that do not count, each with why; empty when there are none.
    fn invalid(&self) -> String {
        let mut lines = String::new();
        for outcome in self.outcomes {
            for relay in &outcome.relays {
                for run in relay.runs.iter().filter(|run| !run.is_valid()) {
                    let (name, why) = (&outcome.scenario.name, run.complaints());
                    let why = why.replace(['\n', '\r'], " ");
                    let why: String = why.chars().take(COMPLAINT_CHARACTERS_MAX).collect();
                    let _ = writeln!(lines, "- {name}, {}: {why}", relay.name);
                }
            }
        }
        if lines.is_empty() {
            return lines;
        }
        format!("\n## Runs that do not count\n\n{lines}")
    }
}

const LEGEND: &str = "Load: channels x viewers in all x Mbit/s a channel. CPU: all threads and children of the relay, in percent of one core. \
Floor: the least that plain sockets can do (`benches/src/bin/floor`), in two receive modes; a case is held against the mode that took less. \
Delay: from the sender's call to the reader's; of several channels the median p50 and the worst p99 and max. \
A run in which any packet was lost, repeated, foreign, damaged or out of order does not count, nor one in which the sender fell behind; it is repeated up to twice.\n";

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

fn analysed(analysis: &Analysis) -> String {
    let shares = analysis.shares.iter();
    let shares: Vec<_> = shares
        .map(|share| format!("{} {:.1} %", share.case, share.percent))
        .collect();
    format!(
        "{:.1} ns a TS packet. It can't be turned off, so this is no run of the relay: a channel's recorder (history and analysis) \
         against a history alone, in the bench's own process, on a second of the stream as relayed; the fastest of 25 passes each. \
         On top of what the relay took without it: {}.\n",
        analysis.nanos_per_packet,
        if shares.is_empty() {
            "no case was measured".to_owned()
        } else {
            shares.join(", ")
        },
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
