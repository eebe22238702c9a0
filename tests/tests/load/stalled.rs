//! One viewer among a hundred that stops reading: the others lose nothing and wait no longer, and
//! the relay neither works more nor holds more than its limits say.
//!
//! What is compared is of one run: phases without and with it take turns, and of each kind the
//! best counts, so that what else the machine does harms both alike.

use std::time::Duration;

use e2e::binaries::Profile;
use e2e::gate::{Need, can_run};
use e2e::http::Http;
use e2e::ingest::{Ingest, Options, PORT};
use e2e::metrics::Metrics;
use e2e::process::Process;
use e2e::scene::{Scene, URL};
use e2e::source;
use e2e::viewer::Viewer;
use e2e::wait::{seconds, wait_until};

use crate::{alone, say};

const PATH: &str = "/channels/news.ts";
const MBPS: u32 = 8;
const HISTORY_MS: u64 = 1000;
const WORKERS: u64 = 2;
const VIEWERS: usize = 100;
const ROUNDS: usize = 2;
const PHASE: Duration = seconds(4);

/// Its own receive buffer, so that it soon takes nothing.
const STALLED_BUFFER_BYTES: usize = 16 << 10;

// The limits of the ingest that bound its memory (encoder-ingest/src/limits.rs).
const BLOCK_BYTES: u64 = 64 << 10;
const CHANNEL_BLOCKS_MIN: u64 = 2;
const WORKER_SPARE_BLOCKS_MAX: u64 = 8;
const REQUEST_HEAD_BYTES_MAX: u64 = 16 << 10;
const PRELUDE_PACKETS_MAX: u64 = 8;
const VIEWER_UNSENT_BYTES_MAX: u64 = 512 << 10;

/// What the relay may hold for the channel: its history, rounded up to blocks, those that it always
/// has, the one that is received into, and the spare ones of each worker.
const CHANNEL_BYTES_MAX: u64 = ((MBPS as u64 * 125 * HISTORY_MS).div_ceil(BLOCK_BYTES)
    + CHANNEL_BLOCKS_MIN
    + 1
    + WORKERS * WORKER_SPARE_BLOCKS_MAX)
    * BLOCK_BYTES;

/// For each viewer: the head of its request, the tables and the rest of a packet that wait to be
/// sent, and a kilobyte for what is known of it.
const VIEWER_BYTES_MAX: u64 = REQUEST_HEAD_BYTES_MAX + (PRELUDE_PACKETS_MAX + 1) * 188 + 1024;

/// For control to answer: requests in progress, their answers, events.
const CONTROL_BYTES: u64 = 4 << 20;

/// What the kernel keeps for one that stalls: what it may leave unsent, a write that was begun, and
/// what its client's window took, all with the kernel's own structures (half as much again).
const KERNEL_BYTES_MAX: u64 = (VIEWER_UNSENT_BYTES_MAX + BLOCK_BYTES + 64 * 1024) * 3 / 2;

/// What was seen in one phase.
#[derive(Debug, Clone, Copy)]
struct Phase {
    p50_ms: f64,
    p99_ms: f64,
    /// The relay's processor time for each gigabyte that came.
    cpu_seconds: f64,
    memory_bytes: u64,
    kernel_bytes: u64,
}

impl Phase {
    /// Of two phases of one kind: what the machine can do at its best, and the most that was held.
    fn with(self, other: Self) -> Self {
        Self {
            p50_ms: self.p50_ms.min(other.p50_ms),
            p99_ms: self.p99_ms.min(other.p99_ms),
            cpu_seconds: self.cpu_seconds.min(other.cpu_seconds),
            memory_bytes: self.memory_bytes.max(other.memory_bytes),
            kernel_bytes: self.kernel_bytes.max(other.kernel_bytes),
        }
    }
}

struct Stage<'a> {
    scene: &'a Scene,
    ingest: Ingest<'a>,
    _source: Process,
}

impl<'a> Stage<'a> {
    fn new(scene: &'a Scene, policy: &str) -> Self {
        let arguments = format!("--channels 1 --group 239.1.1.1 --port 5000 --mbps {MBPS} --proof");
        let source = source::start(&scene.source, Profile::Release, "eth0", &arguments);
        let text = format!(
            "channels:\n- {{id: news, name: N, inputs: [{{url: '{URL}'}}], slow_viewer: {policy}}}\n"
        );
        let arguments = format!("--history-ms {HISTORY_MS} --workers {WORKERS}");
        let options = Options::new("eth0").channels(&text).with(&arguments);
        let ingest = Ingest::start(&scene.node, &options.release());
        ingest.wait_receiving("news");
        Self {
            scene,
            ingest,
            _source: source,
        }
    }

    /// So many viewers watch, and must get all of it.
    fn phase(&self, viewers: usize) -> Phase {
        let url = format!("http://127.0.0.1:{PORT}{PATH}");
        let cpu = self.ingest.process.cpu();
        let mut readers =
            source::verify_as(&self.scene.node, Profile::Release, &url, PHASE, viewers);
        let mut memory_bytes = 0;
        wait_until("the viewers have seen enough", PHASE + seconds(20), || {
            memory_bytes = memory_bytes.max(self.ingest.process.memory_bytes());
            !readers.runs()
        });
        let cpu = self.ingest.process.cpu() - cpu;
        let kernel_bytes = self.scene.node.send_memory_max(PORT);
        assert_eq!(readers.exit_code(seconds(1)), 0, "{}", readers.log());
        let log = readers.log();
        let report: serde_json::Value = serde_json::from_str(log.trim()).expect(&log);
        let number = |name: &str| report.pointer(name).and_then(serde_json::Value::as_f64);
        let number = |name: &str| number(name).unwrap_or_else(|| panic!("no {name} in {log}"));
        Phase {
            p50_ms: number("/delay_ms/p50"),
            p99_ms: number("/delay_ms/p99"),
            cpu_seconds: cpu.as_secs_f64() / number("/bytes") * 1e9,
            memory_bytes,
            kernel_bytes,
        }
    }

    /// A viewer that stops reading as soon as it has begun.
    fn stalled(&self) -> Viewer {
        let viewer = Viewer::with_buffer(&self.ingest.http(), PATH, Some(STALLED_BUFFER_BYTES));
        viewer.wait_bytes(1, seconds(10));
        viewer.pause();
        viewer
    }

    fn viewers(&self) -> f64 {
        self.ingest.metric("viewers", &[("channel", "news")])
    }

    fn skipped(&self) -> f64 {
        let channel = [("channel", "news")];
        self.ingest.metric("viewer_skipped_bytes_total", &channel)
    }

    fn closed(&self) -> f64 {
        let reason = [("reason", "slow")];
        self.ingest.metric("viewers_closed_total", &reason)
    }

    /// Without and with one that stalls, in turn; `struck` sees to it that its channel's policy
    /// has been followed. How it was without, and with.
    fn compare(&self, struck: impl Fn(&Self, Viewer, f64)) -> (Phase, Phase) {
        let mut both: Option<(Phase, Phase)> = None;
        for _ in 0..ROUNDS {
            let alone = self.phase(VIEWERS - 1);
            wait_until("all have left", seconds(5), || self.viewers() == 0.0);
            let skipped = self.skipped();
            let viewer = self.stalled();
            let beside = self.phase(VIEWERS - 1);
            struck(self, viewer, skipped);
            wait_until("it has left", seconds(5), || self.viewers() == 0.0);
            say(&format!("without {alone:.2?}\nwith    {beside:.2?}"));
            both = Some(both.map_or((alone, beside), |(one, other)| {
                (one.with(alone), other.with(beside))
            }));
        }
        both.expect("a round")
    }

    /// The source sent all, and the relay got it.
    fn nothing_was_lost(&self) {
        let sender = Http::new(&self.scene.source, ([127, 0, 0, 1], 9537).into());
        let sent = Metrics::parse(&sender.get("/metrics").text());
        let held_back = sent.value("source_server_not_sent_datagrams_total", &[]);
        assert_eq!(held_back, 0.0, "the source itself did not send all");
        let shown = self.ingest.channel("news");
        assert_eq!(self.ingest.metric("lost_total", &[]), 0.0, "{shown}");
    }
}

fn costs_the_others_nothing(policy: &str, struck: impl Fn(&Stage<'_>, Viewer, f64)) {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let _alone = alone();
    let scene = Scene::new();
    let stage = Stage::new(&scene, policy);
    let before = stage.ingest.process.memory_bytes();
    let (without, with) = stage.compare(struck);
    stage.nothing_was_lost();
    let shown = format!("without {without:.2?}, with {with:.2?}, {before} bytes before");
    assert!(with.p50_ms <= 1.25 * without.p50_ms + 1.0, "{shown}");
    assert!(with.p99_ms <= 2.0 * without.p99_ms + 10.0, "{shown}");
    assert!(with.cpu_seconds <= 1.25 * without.cpu_seconds, "{shown}");
    // It costs the relay what any viewer may, although it was sent megabytes that it did not take.
    let most = without.memory_bytes + VIEWER_BYTES_MAX + BLOCK_BYTES * WORKER_SPARE_BLOCKS_MAX;
    assert!(with.memory_bytes <= most, "{shown}, {most} at most");
    let all = before + CHANNEL_BYTES_MAX + VIEWERS as u64 * VIEWER_BYTES_MAX + CONTROL_BYTES;
    assert!(with.memory_bytes <= all, "{shown}, {all} at most");
    assert!(with.kernel_bytes <= KERNEL_BYTES_MAX, "{shown}");
}

#[test]
fn one_that_stalls_and_is_skipped_costs_the_others_nothing() {
    costs_the_others_nothing("skip", |stage, viewer, skipped| {
        wait_until("it alone stays", seconds(5), || stage.viewers() == 1.0);
        assert_eq!(stage.skipped(), skipped, "what the others skipped");
        assert_eq!(viewer.end(), None);
        viewer.resume();
        // What the kernel still holds for a small window goes out by its timers.
        wait_until("it goes on behind what it missed", seconds(30), || {
            stage.skipped() > skipped
        });
    });
}

#[test]
fn one_that_stalls_and_is_closed_costs_the_others_nothing() {
    costs_the_others_nothing("disconnect", |stage, viewer, _| {
        wait_until("it is closed", seconds(10), || stage.viewers() == 0.0);
        assert_eq!(stage.skipped(), 0.0);
        assert!(stage.closed() >= 1.0);
        viewer.resume();
        // What the kernel still holds for a small window goes out by its timers.
        viewer.wait_end(seconds(30));
    });
}
