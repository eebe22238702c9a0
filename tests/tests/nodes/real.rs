//! Nodes with ffmpeg: what becomes of jobs when nodes, the ingest or the cable fail.

use std::time::Instant;

use e2e::binaries::Profile;
use e2e::clip;
use e2e::encoder_node;
use e2e::gate::{Need, can_run};
use e2e::host::Host;
use e2e::ingest::{Ingest, Options};
use e2e::process::Process;
use e2e::scene::{Scene, URL};
use e2e::source;
use e2e::viewer::Viewer;
use e2e::wait::{seconds, wait_for, wait_until};
use rustix::process::Signal;
use serde_json::Value;

const JOB: &str = "news.mini";
const MINI: &str = "/channels/news/mini.ts";
/// The ingest, as the nodes' host sees it.
const INGEST: &str = "http://10.0.2.2:9525";
/// What the source sends: H.264 and AAC.
const SOURCE: &str = "--channels 1 --group 239.1.1.1 --port 5000 --mbps 3";

/// A source, an ingest, and a host for nodes.
struct Stage {
    nodes: Host,
    _source: Process,
    scene: Scene,
}

impl Stage {
    fn new() -> Self {
        let scene = Scene::new();
        Self {
            _source: source::start(&scene.source, Profile::Same, "eth0", SOURCE),
            nodes: scene.viewer_host(),
            scene,
        }
    }

    fn ingest(&self) -> Ingest<'_> {
        let ingest = Ingest::start(&self.scene.node, &options());
        ingest.wait_receiving("news");
        ingest
    }

    fn node(&self, index: u16) -> Process {
        encoder_node::start(&self.nodes, index, 2, INGEST)
    }
}

/// One channel with a small rendition, which costs little.
fn options() -> Options {
    Options::new("eth0").channels(&format!(
        "profiles:\n  mini: {{ video: h264, width: 160, height: 90, video_kbps: 150, audio: aac, audio_kbps: 64 }}\n\
         channels:\n  - id: news\n    renditions: [mini]\n    inputs: [{{ url: '{URL}' }}]\n"
    ))
}

fn job(ingest: &Ingest<'_>) -> Value {
    let list = ingest.http().get("/api/v1/jobs").json();
    let jobs = list["jobs"].as_array().cloned().unwrap_or_default();
    jobs.into_iter()
        .find(|job| job["id"] == JOB)
        .unwrap_or_default()
}

/// Waits until the job runs, on another node than `before`; answers its name.
#[track_caller]
fn wait_running(ingest: &Ingest<'_>, before: &str, timeout: u64) -> String {
    wait_for("the job runs", seconds(timeout), || {
        let job = job(ingest);
        let node = job["node"].as_str().unwrap_or_default().to_owned();
        (job["state"] == "running" && node != before).then_some(node)
    })
}

fn index_of(name: &str) -> usize {
    let digits = name.trim_start_matches('n');
    digits.parse().unwrap_or_else(|_| panic!("node {name:?}"))
}

/// Size and codecs are those of the profile.
#[track_caller]
fn is_mini(viewer: &Viewer) {
    let streams = clip::streams(&viewer.body(), "codec_name,width,height");
    assert_eq!(streams, ["h264,160,90", "aac"]);
}

/// The steps between the pictures' time stamps that are longer than usual, in seconds. None goes
/// back.
#[track_caller]
fn gaps(viewer: &Viewer) -> Vec<f64> {
    let text = clip::probe(
        &viewer.body(),
        "-select_streams v:0 -show_entries packet=pts_time",
    );
    let stamps: Vec<f64> = text
        .lines()
        .filter_map(|line| line.trim_end_matches(',').parse().ok())
        .collect();
    assert!(stamps.len() > 50, "{} pictures", stamps.len());
    let steps = stamps.windows(2).map(|pair| pair[1] - pair[0]);
    let steps: Vec<f64> = steps.collect();
    assert!(
        steps.iter().all(|step| *step > 0.0),
        "time goes back: {steps:?}"
    );
    steps.into_iter().filter(|step| *step > 0.1).collect()
}

#[track_caller]
fn stays(viewer: &Viewer) {
    assert_eq!(viewer.end(), None, "it stays connected");
}

#[test]
fn a_killed_nodes_job_runs_elsewhere_within_three_seconds() {
    if !can_run(&[Need::Namespaces, Need::Ffmpeg]) {
        return;
    }
    let _alone = crate::alone();
    let stage = Stage::new();
    let ingest = stage.ingest();
    let mut nodes = [0, 1, 2].map(|index| stage.node(index));
    let first = wait_running(&ingest, "", 15);
    let viewer = ingest.watch(MINI);
    viewer.wait_bytes(60_000, seconds(10));
    nodes[index_of(&first)].kill();
    let killed = Instant::now();
    let second = wait_running(&ingest, &first, 5);
    viewer.wait_more(20_000, seconds(5));
    let waited = killed.elapsed();
    println!("a killed node: {first}, {second}, {waited:?}");
    // The reset shows it: 2 s since it was last heard, and a second for the new one.
    assert!(waited < seconds(5), "{waited:?}");
    viewer.wait_more(40_000, seconds(10));
    stays(&viewer);
    is_mini(&viewer);
    let gaps = gaps(&viewer);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert!(gaps[0] < 5.0, "{gaps:?}");
}

#[test]
fn nodes_that_end_hand_their_jobs_over() {
    if !can_run(&[Need::Namespaces, Need::Ffmpeg]) {
        return;
    }
    let _alone = crate::alone();
    let stage = Stage::new();
    let ingest = stage.ingest();
    let mut nodes = [0, 1].map(|index| stage.node(index));
    let first = wait_running(&ingest, "", 15);
    let viewer = ingest.watch(MINI);
    viewer.wait_bytes(60_000, seconds(10));
    let ending = &mut nodes[index_of(&first)];
    ending.signal(Signal::TERM);
    let _second = wait_running(&ingest, &first, 8);
    assert_eq!(ending.exit_code(seconds(10)), 0);
    viewer.wait_more(60_000, seconds(10));
    stays(&viewer);
    // Time stamps of both overlap, or leave less than a second: none goes back, as the old one's
    // last pictures are before the new one's first.
    let gaps = gaps(&viewer);
    println!("handed over: {gaps:?}");
    assert!(gaps.iter().all(|gap| *gap < 1.0), "{gaps:?}");
}

#[test]
fn an_ingest_that_is_started_anew_has_its_jobs_back() {
    if !can_run(&[Need::Namespaces, Need::Ffmpeg]) {
        return;
    }
    let _alone = crate::alone();
    let stage = Stage::new();
    let ingest = stage.ingest();
    let _node = stage.node(0);
    wait_running(&ingest, "", 15);
    let epoch = job(&ingest)["epoch"].as_u64();
    let folder = ingest.kill();
    let started = Instant::now();
    let ingest = Ingest::start_in(&stage.scene.node, &options(), folder);
    wait_running(&ingest, "", 10);
    let viewer = ingest.watch(MINI);
    viewer.wait_bytes(10_000, seconds(5));
    let waited = started.elapsed();
    println!("a restarted ingest: {waited:?}");
    assert!(waited < seconds(5), "{waited:?}");
    assert!(job(&ingest)["epoch"].as_u64() > epoch);
}

#[test]
fn a_cut_cable_heals_without_double_output() {
    if !can_run(&[Need::Namespaces, Need::Ffmpeg]) {
        return;
    }
    let _alone = crate::alone();
    let stage = Stage::new();
    let ingest = stage.ingest();
    let _node = stage.node(0);
    wait_running(&ingest, "", 15);
    let viewer = ingest.watch(MINI);
    viewer.wait_bytes(60_000, seconds(10));
    let epoch = job(&ingest)["epoch"].as_u64();
    stage.nodes.ip("link set eth0 down");
    wait_until("the node is silent", seconds(5), || {
        let nodes = ingest.http().get("/api/v1/nodes").json();
        nodes["nodes"][0]["state"] == "silent"
    });
    wait_until("its job waits", seconds(2), || {
        job(&ingest)["state"] == "pending"
    });
    stage.nodes.ip("link set eth0 up");
    wait_running(&ingest, "", 15);
    assert!(job(&ingest)["epoch"].as_u64() > epoch);
    viewer.wait_more(40_000, seconds(10));
    stays(&viewer);
    assert_eq!(gaps(&viewer).len(), 1);
}
