//! udpxy's paths: groups that are joined for as long as someone watches.

use e2e::check;
use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::{GROUP, RATE_BPS, Scene, URL};
use e2e::send::Sender;
use e2e::ts::TestStream;
use e2e::viewer::End;
use e2e::wait::{seconds, wait_until};
use e2e::wrap::{Rtp, Wrap};
use serde_json::json;

const RECORD_BYTES: usize = 500_000;

fn memberships(scene: &Scene) -> String {
    scene.node.ip("maddr show dev eth0")
}

#[test]
fn a_group_is_joined_on_demand_and_left_after_the_last_viewer() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let options = Options::new("eth0").with("--on-demand 239.1.0.0/16");
    let ingest = Ingest::start(&scene.node, &options);
    let broadcast = scene.broadcast(GROUP, Wrap::Plain);
    assert!(!memberships(&scene).contains("239.1.1.1"));
    let viewer = ingest.watch("/udp/239.1.1.1:5000");
    viewer.wait_bytes(RECORD_BYTES, seconds(15));
    check::one_piece_of(&viewer.body(), &broadcast.sent());
    assert_eq!(ingest.channel_ids(), ["udp.239.1.1.1.5000.eth0"]);
    assert!(memberships(&scene).contains("239.1.1.1"));
    drop(viewer);
    let gone = std::time::Instant::now();
    wait_until("the group is left", seconds(15), || {
        !memberships(&scene).contains("239.1.1.1")
    });
    assert!(
        gone.elapsed() > seconds(8),
        "left {:?} later",
        gone.elapsed()
    );
    wait_until("the channel is gone", seconds(2), || {
        ingest.channel_ids().is_empty()
    });
}

#[test]
fn rtp_and_another_nic_are_asked_for_by_path_and_query() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    scene.second_cable();
    let options = Options::new("eth0").with("--on-demand 239.1.0.0/16");
    let ingest = Ingest::start(&scene.node, &options);
    let broadcast = Sender::new(&scene.source, "eth1", GROUP)
        .broadcast(TestStream::new(1, RATE_BPS), Wrap::Rtp(Rtp::new(5, 5)));
    let viewer = ingest.watch("/rtp/239.1.1.1:5000?interface=eth1");
    viewer.wait_bytes(RECORD_BYTES, seconds(15));
    check::one_piece_of(&viewer.body(), &broadcast.sent());
}

#[test]
fn a_group_outside_the_networks_is_refused() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let options = Options::new("eth0").with("--on-demand 239.1.0.0/16");
    let ingest = Ingest::start(&scene.node, &options);
    let http = ingest.http();
    let _ = http.get("/udp/239.2.1.1:5000").problem(403);
    for wrong in ["/udp/10.0.0.1:5000", "/udp/239.1.1.1", "/rtp/nonsense"] {
        let _ = http.get(wrong).problem(400);
    }
    assert!(!memberships(&scene).contains("239.2.1.1"));
    let without = Options::new("eth0");
    drop(ingest);
    let ingest = Ingest::start(&scene.node, &without);
    let _ = ingest.http().get("/udp/239.1.1.1:5000").problem(403);
}

#[test]
fn a_path_never_brings_another_group() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let channels = "channels:\n- {id: backed, inputs: [{url: 'udp://239.1.1.1:5000'}, {url: 'udp://239.1.1.2:5000'}]}\n";
    let options = Options::new("eth0")
        .channels(channels)
        .with("--on-demand 239.1.0.0/16");
    let ingest = Ingest::start(&scene.node, &options);
    let first = scene.broadcast_mark(GROUP, Wrap::Plain, 1);
    let _second = scene.broadcast_mark("239.1.1.2:5000", Wrap::Plain, 2);
    ingest.wait_receiving("backed");
    let viewer = ingest.watch("/udp/239.1.1.1:5000");
    viewer.wait_bytes(RECORD_BYTES, seconds(10));
    drop(first);
    wait_until("the backup is in use", seconds(5), || {
        ingest.channel("backed")["status"]["active_input"] == 1
    });
    // One that comes later is told that the group is silent.
    let late = ingest.watch("/udp/239.1.1.1:5000");
    assert_eq!(late.head(seconds(15)).status, 504);
    check::only_mark(&viewer.body(), 1);
    assert_eq!(viewer.end(), None, "it waits for its group");
    // A channel with one input is shared, for as long as it has that one.
    let input = |group: &str| json!([{"url": format!("udp://{group}:5000")}]);
    let body = json!({"id": "own", "inputs": input("239.1.1.2")});
    let http = ingest.http();
    let made = http.send_json("POST", "/api/v1/channels", &body);
    assert_eq!(made.status(), 201, "{}", made.text());
    let viewer = ingest.watch("/udp/239.1.1.2:5000");
    viewer.wait_bytes(RECORD_BYTES, seconds(10));
    assert_eq!(ingest.metric("viewers", &[("channel", "own")]), 1.0);
    let _third = scene.broadcast_mark("239.1.1.3:5000", Wrap::Plain, 3);
    let body = json!({"inputs": input("239.1.1.3")});
    let put = http.send_json("PUT", "/api/v1/channels/own", &body);
    assert_eq!(put.status(), 200, "{}", put.text());
    assert_eq!(viewer.wait_end(seconds(5)), End::Fin);
    check::only_mark(&viewer.body(), 2);
}

#[test]
fn a_declared_channels_receive_is_shared() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let options = Options::new("eth0")
        .channel(URL)
        .with("--on-demand 239.1.0.0/16");
    let ingest = Ingest::start(&scene.node, &options);
    let broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let viewer = ingest.watch("/udp/239.1.1.1:5000");
    viewer.wait_bytes(RECORD_BYTES, seconds(10));
    check::one_piece_of(&viewer.body(), &broadcast.sent());
    assert_eq!(ingest.channel_ids(), ["news"]);
    assert_eq!(ingest.metric("viewers", &[("channel", "news")]), 1.0);
    let sockets = scene
        .node
        .enter(|| std::fs::read_to_string("/proc/thread-self/net/udp"));
    let sockets = sockets.expect("the sockets");
    // 239.1.1.1:5000 as the kernel writes it.
    assert_eq!(sockets.matches("010101EF:1388").count(), 1, "{sockets}");
}
