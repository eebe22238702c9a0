//! The relays that take part: how each is started, and where its channels are.

use e2e::process::{Process, Program};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::lab::{GROUP_PORT, Lab, NIC, NIC_ADDRESS, RELAY, RELAY_PORT, group, program};
use crate::options::ForeignRelay;
use crate::plan::{LATENCY_MS, Scenario};

/// One that takes part.
#[derive(Debug, Clone)]
pub(crate) enum Contender {
    Floor {
        coalesce: bool,
    },
    Ingest,
    /// encoder-ingest that analyses nothing.
    Unanalysed,
    /// Another floor.
    Yardstick {
        command: String,
        coalesce: bool,
    },
    Foreign {
        relay: ForeignRelay,
        path: String,
    },
}

/// What a contender is to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    Floor,
    Ingest,
    Unanalysed,
    Yardstick,
    Foreign,
}

/// A relay under way.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) process: Process,
    /// Its files, kept as long as it runs.
    _folder: Option<TempDir>,
}

impl Contender {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Floor { coalesce: false } => "floor (packed)",
            Self::Floor { coalesce: true } => "floor (GRO)",
            Self::Ingest => "encoder-ingest",
            Self::Unanalysed => "without analysis",
            Self::Yardstick {
                coalesce: false, ..
            } => "yardstick (packed)",
            Self::Yardstick { coalesce: true, .. } => "yardstick (GRO)",
            Self::Foreign { relay, .. } => &relay.name,
        }
    }

    pub(crate) fn role(&self) -> Role {
        match self {
            Self::Floor { .. } => Role::Floor,
            Self::Ingest => Role::Ingest,
            Self::Unanalysed => Role::Unanalysed,
            Self::Yardstick { .. } => Role::Yardstick,
            Self::Foreign { .. } => Role::Foreign,
        }
    }

    /// Starts it on the node for `scenario`.
    pub(crate) fn start(&self, lab: &Lab, scenario: &Scenario) -> anyhow::Result<Relay> {
        match self {
            Self::Floor { coalesce } => floor(lab, scenario, *coalesce),
            Self::Ingest => ingest(lab, scenario, "encoder-ingest"),
            Self::Unanalysed => ingest(lab, scenario, "unanalysed"),
            Self::Yardstick { command, coalesce } => {
                let mode = if *coalesce { "gro" } else { "" };
                Ok(foreign(lab, scenario, &command.replace("{gro}", mode)))
            }
            Self::Foreign { relay, .. } => Ok(foreign(lab, scenario, &relay.command)),
        }
    }

    /// Where clients read a channel, counted from 0.
    pub(crate) fn url(&self, channel: u32, scenario: &Scenario) -> String {
        let path = match self {
            Self::Floor { .. } | Self::Yardstick { .. } => {
                format!("/udp/{}:{GROUP_PORT}", group(channel))
            }
            Self::Ingest if scenario.from_memory => format!("/channels/c{channel}.ts"),
            Self::Ingest | Self::Unanalysed => format!("/channels/c{channel}.ts?start=live"),
            Self::Foreign { path, .. } => path
                .replace("{group}", &group(channel).to_string())
                .replace("{port}", &GROUP_PORT.to_string()),
        };
        format!(
            "http://{RELAY}:{RELAY_PORT}/{}",
            path.trim_start_matches('/')
        )
    }
}

fn floor(lab: &Lab, scenario: &Scenario, coalesce: bool) -> anyhow::Result<Relay> {
    let mut start = Program::new(lab.node(), program("floor")?)
        .dies_with_parent()
        .args(["--interface", NIC])
        .args(["--port", &RELAY_PORT.to_string()])
        .args(["--latency-ms", &scenario.latency_ms.to_string()]);
    if coalesce {
        start = start.args(["--gro"]);
    }
    if let Some(kb) = scenario.receive_buffer_kb {
        start = start.args(["--receive-buffer-kb", &kb.to_string()]);
    }
    Ok(Relay {
        process: start.start(),
        _folder: None,
    })
}

/// encoder-ingest, or the same without a part.
fn ingest(lab: &Lab, scenario: &Scenario, name: &str) -> anyhow::Result<Relay> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("channels.yaml");
    let mut channels = "channels:\n".to_owned();
    for channel in 0..scenario.channels {
        let url = format!("udp://{}:{GROUP_PORT}", group(channel));
        channels += &format!("  - {{id: c{channel}, inputs: [{{url: '{url}'}}]}}\n");
    }
    std::fs::write(&file, channels)?;
    let mut start = Program::new(lab.node(), program(name)?)
        .dies_with_parent()
        .args(["--interface", NIC, "--no-auth"])
        .args(["--listen", &format!("0.0.0.0:{RELAY_PORT}")])
        .args(["--channels".as_ref(), file.as_os_str()]);
    for (flag, value, default) in [
        ("--latency-ms", Some(scenario.latency_ms), Some(LATENCY_MS)),
        ("--history-ms", scenario.history_ms, None),
        ("--receive-buffer-kb", scenario.receive_buffer_kb, None),
    ] {
        if let Some(value) = value
            && Some(value) != default
        {
            start = start.args([flag, &value.to_string()]);
        }
    }
    Ok(Relay {
        process: start.start(),
        _folder: Some(folder),
    })
}

fn foreign(lab: &Lab, scenario: &Scenario, command: &str) -> Relay {
    let line = command
        .replace("{port}", &RELAY_PORT.to_string())
        .replace("{nic}", NIC)
        .replace("{address}", &NIC_ADDRESS.to_string())
        .replace("{latency_ms}", &scenario.latency_ms.to_string());
    let mut words = line.split_whitespace();
    let program = words.next().unwrap_or_default();
    let process = Program::new(lab.node(), program)
        .dies_with_parent()
        .args(words)
        .start();
    Relay {
        process,
        _folder: None,
    }
}
