//! What the analysis of every packet costs. No flag of encoder-ingest turns it off, so it is
//! measured in this process: a channel's recorder, which is a history with the analysis, against a
//! history alone, on a stream that was read from the relay; then held against what the relay took.

use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use common::ts::packet::PACKET_BYTES;
use e2e::http::Http;
use encoder_ingest::relay::block::{BlockBudget, BlockPool};
use encoder_ingest::relay::history::History;
use encoder_ingest::relay::recorder::Recorder;
use serde::Serialize;

use crate::lab::{Lab, RELAY, RELAY_PORT};
use crate::outcome::Outcome;
use crate::plan::Scenario;
use crate::relay::Contender;

/// What is read of the stream: a second of it, all its tables and pictures.
const SAMPLE_BYTES: usize = 5_000_000 / PIECE_BYTES * PIECE_BYTES;

/// What one wake brings.
const PIECE_BYTES: usize = 42 * 7 * PACKET_BYTES;

/// What is kept, little enough for the cache of a core.
const HISTORY_BYTES: usize = 512 << 10;

/// The sample is gone through so often; the fastest time counts.
const PASSES: u32 = 25;

/// The cost, and what it is of every case.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Analysis {
    pub(crate) nanos_per_packet: f64,
    pub(crate) shares: Vec<Share>,
}

/// Of one case.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Share {
    pub(crate) case: String,
    /// Of the CPU that is left without it.
    pub(crate) percent: f64,
}

impl Analysis {
    /// Measures it on the stream of `scenario`.
    pub(crate) fn measure(lab: &Lab, scenario: &Scenario) -> anyhow::Result<Self> {
        let sample = sample(lab, scenario)?;
        let (mut with, mut without) = (Duration::MAX, Duration::MAX);
        for _ in 0..PASSES {
            with = with.min(recorded(&sample, scenario.mbps));
            without = without.min(kept(&sample, scenario.mbps));
        }
        let nanos = with.saturating_sub(without).as_secs_f64() * 1e9;
        Ok(Self {
            nanos_per_packet: nanos / count(sample.len() / PACKET_BYTES),
            shares: Vec::new(),
        })
    }

    /// Holds it against what the relay took in the cases.
    pub(crate) fn share(&mut self, outcomes: &[Outcome]) {
        let cases = outcomes.iter().filter(|o| o.scenario.ratio_max.is_some());
        self.shares = cases.filter_map(|outcome| self.of(outcome)).collect();
    }

    fn of(&self, outcome: &Outcome) -> Option<Share> {
        let scenario = &outcome.scenario;
        let cpu_percent = outcome.ingest_median()?.cpu_percent;
        let bits = f64::from(scenario.channels) * f64::from(scenario.mbps) * 1e6;
        let packets = bits / 8.0 / count(PACKET_BYTES);
        let own_percent = packets * self.nanos_per_packet / 1e9 * 100.0;
        Some(Share {
            case: scenario.name.clone(),
            percent: 100.0 * own_percent / (cpu_percent - own_percent).max(f64::EPSILON),
        })
    }
}

/// A piece of the stream, as the relay passes it on.
fn sample(lab: &Lab, scenario: &Scenario) -> anyhow::Result<Vec<u8>> {
    let _sender = lab.send(scenario)?;
    let contender = Contender::Ingest;
    let mut relay = contender.start(lab, scenario)?;
    anyhow::ensure!(lab.wait_open(&mut relay.process), relay.process.log());
    let address = SocketAddr::new(IpAddr::V4(RELAY), RELAY_PORT);
    let http = Http::new(&lab.client, address);
    let mut socket = http.connect()?;
    let request = http.get_bytes("/channels/c0.ts?start=live");
    std::io::Write::write_all(&mut socket, &request)?;
    let (_, mut bytes) = e2e::http::read_head(&mut socket)?;
    let missing = SAMPLE_BYTES.saturating_sub(bytes.len()) as u64;
    socket.take(missing).read_to_end(&mut bytes)?;
    bytes.truncate(SAMPLE_BYTES);
    (bytes.len() == SAMPLE_BYTES)
        .then_some(bytes)
        .context("the relay closed before a sample had come")
}

fn pool() -> BlockPool {
    BlockPool::new(Arc::new(BlockBudget::new(4 * HISTORY_BYTES)))
}

/// Into a history and through the analysis.
fn recorded(sample: &[u8], mbps: u32) -> Duration {
    let (mut recorder, mut pool) = (Recorder::new(None), pool());
    pass(sample, mbps, |piece, now_ms| {
        recorder.append(piece, &mut pool, now_ms);
        while recorder.history().bytes() > HISTORY_BYTES {
            recorder.evict_oldest(&mut pool);
        }
    })
}

/// Into a history alone.
fn kept(sample: &[u8], mbps: u32) -> Duration {
    let (mut history, mut pool) = (History::default(), pool());
    pass(sample, mbps, |piece, now_ms| {
        history.append(piece, &mut pool, now_ms);
        while history.bytes() > HISTORY_BYTES {
            history.evict_oldest(&mut pool);
        }
    })
}

/// Gives all of `sample` to `take`, each piece with the time at which it would have come.
fn pass(sample: &[u8], mbps: u32, mut take: impl FnMut(&[u8], u64)) -> Duration {
    let begin = Instant::now();
    for (index, piece) in (0_u64..).zip(sample.chunks(PIECE_BYTES)) {
        let bits = index * PIECE_BYTES as u64 * 8;
        take(piece, 1000 + bits / (u64::from(mbps) * 1000));
    }
    begin.elapsed()
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
