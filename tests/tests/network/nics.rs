//! A NIC's life: missing, down, deleted and made again, renamed. The channel waits and says why,
//! comes back by itself, and the process lives.

use e2e::check;
use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options, VERDICT};
use e2e::scene::{GROUP, Scene, URL};
use e2e::wait::{seconds, wait_until};
use e2e::wrap::Wrap;

const HALF_SECOND_BYTES: usize = 250_000;

fn detail(status: &serde_json::Value) -> &str {
    status["detail"].as_str().unwrap_or_default()
}

#[test]
fn a_nic_that_is_missing_at_the_start_is_waited_for() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    scene.source.ip("link del eth0");
    let mut ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let status = ingest.wait_status("news", "waiting", "interface_missing", VERDICT);
    assert!(detail(&status).contains("eth0"), "{status}");
    assert!(detail(&status).contains("lo"), "which there are: {status}");
    let ready = ingest.http().get("/ready");
    assert_eq!(ready.status(), 503);
    assert!(ready.text().contains("eth0"), "{}", ready.text());
    assert_eq!(ingest.http().get("/live").status(), 200);
    scene.cable();
    let broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_status("news", "receiving", "ok", VERDICT);
    assert_eq!(ingest.http().get("/ready").status(), 200);
    let viewer = ingest.watch("/channels/news.ts");
    viewer.wait_bytes(HALF_SECOND_BYTES, seconds(10));
    check::one_piece_of(&viewer.body(), &broadcast.sent());
    assert!(ingest.process.runs());
}

#[test]
fn a_nic_that_goes_down_is_said_and_comes_back() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let viewer = ingest.watch("/channels/news.ts");
    // The switch's port goes down first, then the NIC itself.
    scene.source.ip("link set eth0 down");
    let status = ingest.wait_status("news", "stopped", "interface_down", VERDICT);
    assert!(detail(&status).contains("eth0 has no carrier"), "{status}");
    scene.source.ip("link set eth0 up");
    ingest.wait_status("news", "receiving", "ok", VERDICT);
    scene.node.ip("link set eth0 down");
    let status = ingest.wait_status("news", "stopped", "interface_down", VERDICT);
    assert!(detail(&status).contains("ip link set eth0 up"), "{status}");
    assert_eq!(ingest.metric("interface_up", &[("interface", "eth0")]), 0.0);
    assert_eq!(ingest.http().get("/ready").status(), 200, "link state");
    let had = viewer.len();
    scene.node.ip("link set eth0 up");
    ingest.wait_status("news", "receiving", "ok", VERDICT);
    wait_until("the viewer goes on", seconds(5), || {
        viewer.len() > had + HALF_SECOND_BYTES
    });
    assert_eq!(viewer.end(), None);
    check::only_mark(&viewer.body(), 1);
    assert_eq!(ingest.metric("interface_up", &[("interface", "eth0")]), 1.0);
    drop(broadcast);
}

#[test]
fn a_nic_that_is_deleted_and_made_again_is_joined_anew() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let mut ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let before = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let viewer = ingest.watch("/channels/news.ts");
    viewer.wait_bytes(HALF_SECOND_BYTES, seconds(10));
    let index = scene.node.nic_index("eth0");
    scene.node.ip("link del eth0");
    drop(before);
    ingest.wait_status("news", "stopped", "interface_missing", VERDICT);
    // Another NIC takes the place in between, so that the index is a new one for certain.
    scene.node.ip("link add other0 type veth peer name other1");
    scene.cable();
    assert_ne!(scene.node.nic_index("eth0"), index);
    let after = scene.broadcast_mark(GROUP, Wrap::Plain, 2);
    ingest.wait_status("news", "receiving", "ok", VERDICT);
    let fresh = ingest.watch("/channels/news.ts?start=live");
    fresh.wait_bytes(HALF_SECOND_BYTES, seconds(10));
    check::any_piece_of(&fresh.body(), &after.sent());
    assert_eq!(viewer.end(), None, "a viewer stays over it");
    let shown = String::from_utf8_lossy(&viewer.body()).contains("<0002:");
    assert!(shown, "a viewer from before gets what comes after");
    assert!(ingest.process.runs());
}

#[test]
fn a_nic_that_is_renamed_counts_as_missing() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let rename = |from: &str, to: &str| {
        scene.node.ip(&format!("link set {from} down"));
        scene.node.ip(&format!("link set {from} name {to}"));
        scene.node.ip(&format!("link set {to} up"));
    };
    rename("eth0", "lan7");
    let status = ingest.wait_status("news", "stopped", "interface_missing", VERDICT);
    assert!(
        detail(&status).contains("lan7"),
        "which there are: {status}"
    );
    let had = broadcast.sent().len();
    wait_until("more is sent to the old NIC", seconds(5), || {
        broadcast.sent().len() > had + HALF_SECOND_BYTES
    });
    ingest.wait_status("news", "stopped", "interface_missing", seconds(1));
    rename("lan7", "eth0");
    ingest.wait_status("news", "receiving", "ok", VERDICT);
}

#[test]
fn a_network_names_the_nic_that_has_an_address_in_it() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    scene.second_cable();
    let options = Options::new("ens9,10.0.1.0/24,eth0").channel(URL);
    let ingest = Ingest::start(&scene.node, &options);
    let _other = scene.broadcast_mark(GROUP, Wrap::Plain, 2);
    let sender = e2e::send::Sender::new(&scene.source, "eth1", GROUP);
    let stream = e2e::ts::TestStream::new(1, e2e::scene::RATE_BPS);
    let broadcast = sender.broadcast(stream, Wrap::Plain);
    ingest.wait_receiving("news");
    let viewer = ingest.watch("/channels/news.ts");
    viewer.wait_bytes(HALF_SECOND_BYTES, seconds(10));
    check::only_mark(&viewer.body(), 1);
    check::one_piece_of(&viewer.body(), &broadcast.sent());
}

#[test]
fn the_interfaces_are_listed() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let joined = || ingest.http().get("/api/v1/interfaces").text();
    wait_until("the membership is shown", seconds(5), || {
        joined().contains("239.1.1.1")
    });
    let text = joined();
    for part in ["eth0", "10.0.0.2", "fd00::2", "\"carrier\"", "rp_filter"] {
        assert!(text.contains(part), "no {part} in {text}");
    }
}
