//! Heartbeats: who is a node, what it is told, and when.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use e2e::fake_node::{FakeNode, beating, locked};
use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::{GROUP, Scene};
use e2e::wait::{seconds, wait_for, wait_until};
use e2e::wrap::Wrap;
use serde_json::{Value, json};

use crate::{JOB, options};

fn job(ingest: &Ingest<'_>, id: &str) -> Option<Value> {
    let list = ingest.http().get("/api/v1/jobs").json();
    let jobs = list["jobs"].as_array().cloned().unwrap_or_default();
    jobs.into_iter().find(|job| job["id"] == id)
}

#[test]
fn a_rendition_is_ordered_while_it_is_wanted() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &options("preview"));
    let mut node = FakeNode::new(ingest.http(), "n1", 2.0);
    let waiting = wait_for("the job waits", seconds(5), || job(&ingest, JOB));
    assert_eq!(waiting["state"], "pending");
    assert_eq!(waiting["reason"], "waiting_for_parent", "{waiting}");
    let _broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    wait_until("no node is there", seconds(5), || {
        job(&ingest, JOB).is_some_and(|job| job["reason"] == "no_node")
    });
    let epoch = node.wait_order(JOB, seconds(5));
    let order = &node.orders[0];
    assert_eq!(order["channel"], "news");
    assert_eq!(order["profile"]["name"], "preview");
    assert_eq!(order["profile"]["video"]["width"], 640);
    assert_eq!(
        (order["cost"].as_f64(), &order["has_video"]),
        (Some(1.0), &json!(true))
    );
    let shown = job(&ingest, JOB).expect("the job");
    assert_eq!(
        (shown["node"].as_str(), shown["epoch"].as_u64()),
        (Some("n1"), Some(epoch))
    );
    let nodes = ingest.http().get("/api/v1/nodes").json();
    assert_eq!(nodes["nodes"][0]["state"], "alive");
    assert_eq!(nodes["nodes"][0]["jobs"], json!([JOB]));
    assert_eq!(ingest.metric("nodes", &[]), 1.0);
    assert_eq!(ingest.metric("jobs", &[("state", "starting")]), 1.0);
    // An answer is held while nothing changes, and given when something does.
    let held = Instant::now();
    node.beat();
    assert!(held.elapsed() >= Duration::from_millis(850));
    std::fs::write(
        ingest.channels_file(),
        options("").channels.expect("a file"),
    )
    .expect("the file is written");
    wait_until("the job is taken back", seconds(10), || {
        node.beat();
        node.orders.is_empty()
    });
    assert_eq!(job(&ingest, JOB), None);
    assert_eq!(ingest.channel_ids(), ["news"]);
    let events = ingest.http().get("/api/v1/events.json").text();
    for kind in ["node_changed", "job_changed"] {
        assert!(events.contains(kind), "{events}");
    }
}

#[test]
fn a_second_instance_of_a_name_waits_until_the_first_is_silent() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0"));
    let mut first = FakeNode::new(ingest.http(), "n1", 2.0);
    let mut second = first.clone();
    second.instance = "n1-2".to_owned();
    first.beat();
    let heard = Instant::now();
    let problem = second.say(&second.says()).problem(409);
    assert_eq!(problem["reason"], "other_instance");
    wait_until("the second takes over", seconds(6), || {
        second.say(&second.says()).status() == 200
    });
    let waited = heard.elapsed();
    assert!((2.9..3.6).contains(&waited.as_secs_f64()), "{waited:?}");
    let _ = first.say(&first.says()).problem(409);
}

#[test]
fn a_heartbeat_that_breaks_off_is_a_sign() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &options("preview"));
    let _broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let mut one = FakeNode::new(ingest.http(), "n1", 2.0);
    let two = Mutex::new(FakeNode::new(ingest.http(), "n2", 2.0));
    one.wait_order(JOB, seconds(5));
    let shown = |key: &str| {
        let nodes = ingest.http().get("/api/v1/nodes").json();
        nodes["nodes"][0][key]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let before = shown("last_seen");
    let beat = one.begin_beat();
    wait_until("it is heard", seconds(1), || shown("last_seen") != before);
    drop(beat);
    let died = Instant::now();
    wait_until("it is suspect", seconds(1), || shown("state") == "suspect");
    beating(&[&two], || {
        wait_for("the other is ordered it", seconds(4), || {
            locked(&two).epoch(JOB)
        });
        let waited = died.elapsed();
        assert!(waited < Duration::from_millis(2600), "{waited:?}");
    });
}

#[test]
fn what_is_no_heartbeat_is_refused() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0"));
    let node = FakeNode::new(ingest.http(), "n1", 2.0);
    let refused = node.say(&json!({"version": "1"})).problem(400);
    assert_eq!(refused["reason"], "mistakes", "{refused}");
    assert_eq!(refused["errors"].as_array().map(Vec::len), Some(8));
    let mut says = node.says();
    says["slots"] = json!(-1);
    says["gpus"] = json!(2);
    let refused = node.say(&says).problem(400);
    let mut at: Vec<&str> = refused["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .filter_map(|error| error["pointer"].as_str())
        .collect();
    at.sort_unstable();
    assert_eq!(at, ["/gpus", "/slots"], "{refused}");
    let mut large = node.says();
    large["ffmpeg"] = json!("x".repeat(1024 * 1024));
    let refused = node.say(&large).problem(413);
    assert_eq!(refused["params"]["max_bytes"], "1048576", "{refused}");
    let odd = FakeNode::new(ingest.http(), "a%20b", 2.0);
    let _ = odd.say(&odd.says()).problem(400);
    let nodes = ingest.http().get("/api/v1/nodes").json();
    assert_eq!(nodes, json!({"nodes": []}));
}

#[test]
fn a_node_without_a_right_token_is_refused_and_logged_once() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let folder = tempfile::tempdir().expect("a folder");
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, "root admin aaa\nnode node nnn\ntv watch www\n").expect("tokens");
    let flag = format!("--token-file {}", tokens.display());
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").loopback().with(&flag));
    let http = ingest.http();
    let status = |token: &'static str| {
        let node = FakeNode::new(http.token(token), "n1", 2.0);
        node.say(&node.says()).status()
    };
    assert_eq!(
        [status("xxx"), status("www"), status("xxx")],
        [401, 403, 401]
    );
    assert_eq!(status("nnn"), 200);
    let told = || {
        let log = ingest.process.log();
        log.matches("a processing node is refused").count()
    };
    wait_until("it is logged", seconds(2), || told() > 0);
    wait_until("the node is", seconds(2), || {
        ingest.process.log().contains("node n1 is here")
    });
    assert_eq!(told(), 1);
    let log = ingest.process.log();
    assert!(!log.contains("xxx"), "no token is logged");
}
