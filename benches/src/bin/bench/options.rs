//! What is measured, as it is typed.

use std::path::PathBuf;

use clap::Parser;

/// Measures encoder-ingest as a whole process in network namespaces, against the floor (the least
/// that plain sockets can do) and any relay that you name.
#[derive(Debug, Parser)]
#[command(
    name = "bench",
    after_help = "Needs root, for network namespaces, and the release builds of encoder-ingest, source-server and floor beside itself (`make bench` makes them). Exit codes: 0 measured, whatever came of it; 1 it could not be measured; 2 wrong usage."
)]
pub(crate) struct Arguments {
    /// What to measure: A to H, viewers, channels, memory, start, small-buffer [default: all]
    #[arg(value_name = "CASE")]
    pub(crate) cases: Vec<String>,

    /// Seconds of steady state that each run is measured for
    #[arg(long, value_name = "S", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,

    /// Runs of each relay in each case; the median counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) rounds: u32,

    /// One round of 2 s, to see that all works; no measurement
    #[arg(long)]
    pub(crate) quick: bool,

    /// Measure another relay beside: NAME=COMMAND LINE, with {port} to listen on, {nic} and its
    /// {address} to join on, and {latency_ms}. May be given more than once
    #[arg(long, value_name = "NAME=COMMAND")]
    pub(crate) foreign: Vec<ForeignRelay>,

    /// Only relays whose name contains it: floor, encoder-ingest, analysis, yardstick, or a foreign
    /// one's. May be given more than once
    #[arg(long, value_name = "NAME")]
    pub(crate) relay: Vec<String>,

    /// Path of a group at the foreign relay, with {group} and {port}; where it is given more than
    /// once, one a relay
    #[arg(long, value_name = "PATH", default_value = "/udp/{group}:{port}")]
    pub(crate) foreign_url: Vec<String>,

    /// Another floor to hold the own one against, in both receive modes: a command line as that of
    /// --foreign, in which {gro} stands for "gro" in the one mode and for nothing in the other
    #[arg(long, value_name = "COMMAND")]
    pub(crate) yardstick: Option<String>,

    /// Measure nothing: make table and plots anew from the results.json in DIR
    #[arg(long, value_name = "DIR", conflicts_with_all = ["cases", "out"])]
    pub(crate) redraw: Option<PathBuf>,

    /// Where results.json, results.md and the plots go [default: benches/results; of a part or with
    /// --quick target/bench]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// A relay that is not ours.
#[derive(Debug, Clone)]
pub(crate) struct ForeignRelay {
    pub(crate) name: String,
    pub(crate) command: String,
}

impl std::str::FromStr for ForeignRelay {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, command) = text.split_once('=').ok_or("write NAME=COMMAND LINE")?;
        if name.trim().is_empty() || command.trim().is_empty() {
            return Err("write NAME=COMMAND LINE");
        }
        Ok(Self {
            name: name.trim().to_owned(),
            command: command.trim().to_owned(),
        })
    }
}

impl Arguments {
    /// Seconds of a run that has no length of its own.
    pub(crate) fn seconds(&self) -> u64 {
        if self.quick {
            self.seconds.min(2)
        } else {
            self.seconds
        }
    }

    pub(crate) fn rounds(&self) -> u32 {
        if self.quick { 1 } else { self.rounds }
    }

    /// Whether the relay `name` shall take part.
    pub(crate) fn wants_relay(&self, name: &str) -> bool {
        self.relay.is_empty() || self.relay.iter().any(|word| name.contains(word.as_str()))
    }

    /// Whether the case `name` shall be measured; `viewers` names `viewers-10` too.
    pub(crate) fn wants(&self, name: &str) -> bool {
        let family = name.split('-').next().unwrap_or(name);
        self.cases.is_empty()
            || self
                .cases
                .iter()
                .any(|case| case.eq_ignore_ascii_case(name) || case.eq_ignore_ascii_case(family))
    }

    pub(crate) fn out(&self) -> PathBuf {
        let whole = self.cases.is_empty() && self.relay.is_empty() && !self.quick;
        let folder = if whole {
            "benches/results"
        } else {
            "target/bench"
        };
        self.out
            .clone()
            .unwrap_or_else(|| e2e::tree::root().join(folder))
    }
}
