//! What there is to measure, with its goals.

use serde::{Deserialize, Serialize};

/// A load, and how the relays under it are started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) channels: u32,
    /// Of all channels together.
    pub(crate) viewers: u32,
    /// Of each channel.
    pub(crate) mbps: u32,
    /// The most that a relay may hold a byte.
    pub(crate) latency_ms: u32,
    /// CPU of encoder-ingest at most, in that of the floor; none: no goal.
    pub(crate) ratio_max: Option<f64>,
    /// Seconds of steady state; none: as asked.
    pub(crate) seconds: Option<u64>,
    /// Runs of each relay; none: as asked.
    pub(crate) rounds: Option<u32>,
    pub(crate) receive_buffer_kb: Option<u32>,
    pub(crate) history_ms: Option<u32>,
    /// Viewers begin in the history of the relay instead of with the newest byte.
    pub(crate) from_memory: bool,
    /// A process that never sleeps runs on the last core.
    pub(crate) neighbour: bool,
    /// encoder-ingest runs without its analysis too, to show what that costs.
    pub(crate) unanalysed: bool,
    pub(crate) field: Field,
}

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Field {
    All,
    /// No other relay, and the floor in one mode.
    IngestAndFloor,
    Ingest,
}

/// The default of `--latency-ms`.
pub(crate) const LATENCY_MS: u32 = 20;

/// The default of `--history-ms`.
pub(crate) const HISTORY_MS: u32 = 2000;

/// What may be resident in `memory-400`.
pub(crate) const MEMORY_400_MB: f64 = 40.0;

impl Scenario {
    fn new(name: &str, channels: u32, viewers: u32, mbps: u32) -> Self {
        Self {
            name: name.to_owned(),
            channels,
            viewers,
            mbps,
            latency_ms: LATENCY_MS,
            ratio_max: None,
            seconds: None,
            rounds: None,
            receive_buffer_kb: None,
            history_ms: None,
            from_memory: false,
            neighbour: false,
            unanalysed: false,
            field: Field::All,
        }
    }

    fn case(name: &str, load: (u32, u32, u32), ratio_max: f64) -> Self {
        Self {
            ratio_max: Some(ratio_max),
            ..Self::new(name, load.0, load.1, load.2)
        }
    }

    fn unanalysed(self) -> Self {
        Self {
            unanalysed: true,
            ..self
        }
    }

    fn only(self, field: Field) -> Self {
        Self { field, ..self }
    }

    /// "8 x 64 x 40": channels, viewers in all, Mbit/s of a channel.
    pub(crate) fn load(&self) -> String {
        format!("{} x {} x {}", self.channels, self.viewers, self.mbps)
    }

    /// Channels that have viewers.
    pub(crate) fn watched(&self) -> u32 {
        self.channels.min(self.viewers)
    }

    /// Mbit/s that leave the relay.
    pub(crate) fn out_mbps(&self) -> f64 {
        f64::from(self.viewers) * f64::from(self.mbps)
    }
}

/// Everything that is a run of relays, in the order in which it is measured.
pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = vec![
        Scenario::case("A", (8, 8, 40), 1.25).unanalysed(),
        Scenario::case("B", (1, 8, 40), 1.25),
        Scenario::case("C", (1, 1, 400), 1.25).unanalysed(),
        Scenario::case("D", (1, 64, 20), 1.25),
        Scenario::case("E", (8, 200, 8), 1.1),
        Scenario::case("F", (50, 50, 8), 1.1).unanalysed(),
        Scenario {
            latency_ms: 10,
            ..Scenario::case("G", (1, 100, 40), 1.25)
        },
        Scenario::case("H", (1, 1, 2000), 1.4).unanalysed(),
        Scenario {
            history_ms: Some(400),
            rounds: Some(1),
            ..Scenario::new("memory-400", 50, 50, 8).only(Field::Ingest)
        },
    ];
    for viewers in [10, 100, 1000] {
        let name = format!("viewers-{viewers}");
        all.push(Scenario::new(&name, 1, viewers, 4).only(Field::IngestAndFloor));
    }
    for channels in [1, 10, 100, 250] {
        let name = format!("channels-{channels}");
        // The floor receives only what is watched: nothing to compare with.
        let viewers = channels.min(10);
        all.push(Scenario::new(&name, channels, viewers, 4).only(Field::Ingest));
    }
    all.push(Scenario {
        from_memory: true,
        ..Scenario::new("start", 1, 100, 8).only(Field::Ingest)
    });
    all.push(Scenario {
        receive_buffer_kb: Some(208),
        seconds: Some(60),
        rounds: Some(1),
        neighbour: true,
        ..Scenario::new("small-buffer", 1, 1, 400).only(Field::Ingest)
    });
    all
}
