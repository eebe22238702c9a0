//! Heartbeats: who is a node, what it is told, and when.

use std::time::Instant;

use e2e::fake_node::FakeNode;
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
    wait_until("its streams are known", seconds(5), || {
        !ingest.channel("news")["status"]["services"][0]["streams"][0].is_null()
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
    assert!(held.elapsed() >= std::time::Duration::from_millis(850));
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
fn what_is_no_heartbeat_is_refused() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0"));
    let node = FakeNode::new(ingest.http(), "n1", 2.0);
    let _ = node.say(&json!({"version": "1"})).problem(400);
    let mut says = node.says();
    says["slots"] = json!(-1);
    let _ = node.say(&says).problem(400);
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
    let log = ingest.process.log();
    assert_eq!(
        log.matches("a processing node is refused").count(),
        1,
        "{log}"
    );
    assert!(!log.contains("xxx"), "no token is logged");
}
