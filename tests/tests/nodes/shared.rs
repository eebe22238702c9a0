//! More jobs than slots: what runs, what waits, and nodes that two ingests share.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::list;
use e2e::encoder_node;
use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::process::{Process, Program};
use e2e::scene::{Scene, URL};
use e2e::wait::{seconds, wait_until};

/// A small picture with sound, by ffmpeg: every channel here receives it.
fn small_source(scene: &Scene) -> Process {
    let target = "udp://239.1.1.1:5000?pkt_size=1316&ttl=1&localaddr=10.0.0.1";
    let words = "-nostdin -v error -re -f lavfi -i testsrc=size=160x90:rate=25 \
                 -f lavfi -i sine=frequency=440 -c:v libx264 -preset ultrafast -pix_fmt yuv420p \
                 -g 25 -b:v 200k -c:a aac -b:a 64k -f mpegts";
    Program::new(&scene.source, "ffmpeg")
        .args(words.split_whitespace())
        .args([target])
        .start()
}

/// `count` channels with a rendition each.
fn channels(count: usize, profile: &str, more: &str) -> String {
    let one = |index: usize| {
        format!(
            "  - {{ id: c{index:02}, renditions: [{profile}], inputs: [{{ url: '{URL}' }}] }}\n"
        )
    };
    let all: String = (0..count).map(one).collect();
    format!("{more}channels:\n{all}")
}

fn states(ingest: &Ingest<'_>) -> BTreeMap<String, usize> {
    let mut states = BTreeMap::new();
    for job in list(ingest, "jobs") {
        let state = job["state"].as_str().unwrap_or_default().to_owned();
        *states.entry(state).or_default() += 1;
    }
    states
}

fn count(ingest: &Ingest<'_>, state: &str) -> usize {
    states(ingest).get(state).copied().unwrap_or(0)
}

/// The node of each job that runs.
fn where_they_run(ingest: &Ingest<'_>) -> BTreeMap<String, String> {
    let jobs = list(ingest, "jobs");
    let running = jobs.iter().filter(|job| job["state"] == "running");
    running
        .filter_map(|job| {
            Some((
                job["id"].as_str()?.to_owned(),
                job["node"].as_str()?.to_owned(),
            ))
        })
        .collect()
}

/// Waits until so many jobs have kept up: each was measured at 1.0 or more, and none is below 0.97.
/// A live channel gives no more than real time, so over the window of 5 s one that keeps up is at
/// 1.0, a picture more or less; one that falls behind is never there again. What was measured
/// first does not count: it has the second of history in it that a job begins with.
#[track_caller]
fn keep_up(ingest: &Ingest<'_>, count: usize) {
    let started = std::time::Instant::now();
    let mut best: BTreeMap<String, f64> = BTreeMap::new();
    wait_until("all keep up", seconds(60), || {
        let jobs = list(ingest, "jobs");
        let running = jobs.iter().filter(|job| job["state"] == "running");
        let speeds: Vec<(String, f64)> = running
            .filter_map(|job| Some((job["id"].as_str()?.to_owned(), job["speed"].as_f64()?)))
            .collect();
        if started.elapsed() > seconds(7) {
            for (id, speed) in &speeds {
                let best = best.entry(id.clone()).or_default();
                *best = best.max(*speed);
            }
        }
        let at_speed = best.values().filter(|speed| **speed >= 1.0).count();
        at_speed == count && speeds.iter().all(|(_, speed)| *speed > 0.97)
    });
    println!("speeds: {best:?}");
}

#[test]
fn twelve_of_twenty_jobs_run_and_the_others_as_slots_get_free() {
    if !can_run(&[Need::Namespaces, Need::Ffmpeg]) {
        return;
    }
    let _alone = crate::alone();
    let scene = Scene::new();
    let _source = small_source(&scene);
    let options = Options::new("eth0").channels(&channels(20, "preview", ""));
    let ingest = Ingest::start(&scene.node, &options);
    // Who runs first follows from the names only once every channel is received.
    wait_until("all wait for nothing but a node", seconds(20), || {
        let jobs = list(&ingest, "jobs");
        jobs.len() == 20 && jobs.iter().all(|job| job["reason"] == "no_node")
    });
    let host = scene.viewer_host();
    let start = |index| encoder_node::start(&host, index, 4, "http://10.0.2.2:9525");
    let _nodes = [0, 1, 2].map(start);
    wait_until("twelve run", seconds(40), || {
        count(&ingest, "running") == 12
    });
    let jobs = list(&ingest, "jobs");
    let pending: Vec<_> = jobs
        .iter()
        .filter(|job| job["state"] == "pending")
        .collect();
    assert_eq!(pending.len(), 8, "{:?}", states(&ingest));
    for job in pending {
        assert_eq!(job["reason"], "no_suitable_node", "{job}");
        assert!(!job["detail"].as_str().unwrap_or_default().is_empty());
    }
    for node in list(&ingest, "nodes") {
        assert_eq!(node["jobs"].as_array().map(Vec::len), Some(4), "{node}");
    }
    keep_up(&ingest, 12);
    let ran = where_they_run(&ingest);
    let fewer = channels(20, "preview", "").replacen("[preview]", "[]", 3);
    std::fs::write(ingest.channels_file(), fewer).expect("the file is written");
    wait_until("three more run", seconds(30), || {
        let states = states(&ingest);
        states.get("pending") == Some(&5) && states.get("running") == Some(&12)
    });
    let run = where_they_run(&ingest);
    let (kept, gone): (Vec<_>, Vec<_>) = ran.iter().partition(|(id, _)| run.contains_key(*id));
    for (id, node) in kept {
        assert_eq!(run[id], *node, "{id} moved without cause");
    }
    let gone: Vec<_> = gone.into_iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(gone, ["c00.preview", "c01.preview", "c02.preview"]);
}

#[test]
fn two_ingests_share_three_nodes_within_their_slots() {
    if !can_run(&[Need::Namespaces, Need::Ffmpeg]) {
        return;
    }
    let _alone = crate::alone();
    let scene = Scene::new();
    let _source = small_source(&scene);
    let host = scene.viewer_host();
    host.link(
        "eth1",
        &["10.0.3.1/24"],
        &scene.source,
        "lan0",
        &["10.0.3.2/24"],
    );
    let file = channels(4, "audio", "");
    let options = |name: &str| {
        Options::new("eth0")
            .channels(&file)
            .with(&format!("--node-name {name}"))
    };
    // The second hears what its own host sends.
    let first = Ingest::start(&scene.node, &options("first"));
    let second = Ingest::start(&scene.source, &options("second"));
    let both = "http://10.0.2.2:9525,http://10.0.3.2:9525";
    // Of sound alone: two jobs of 0.1 slots fit a node.
    let start = |index| encoder_node::start_with(&host, index, "0.2", both);
    let _nodes = [0, 1, 2].map(start);
    let total = || count(&first, "running") + count(&second, "running");
    wait_until("six run", seconds(60), || total() == 6);
    let watched = std::time::Instant::now();
    while watched.elapsed() < seconds(5) {
        assert!(total() <= 6, "{:?} {:?}", states(&first), states(&second));
        for node in list(&first, "nodes").iter().chain(&list(&second, "nodes")) {
            assert!(node["free_slots"].as_f64() >= Some(0.0), "{node}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let waiting = count(&first, "pending") + count(&first, "failed");
    assert_eq!(waiting + count(&first, "running"), 4);
}
