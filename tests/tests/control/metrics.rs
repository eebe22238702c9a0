//! The metrics of the contract, 2.5.

use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::{GROUP, Scene, URL};
use e2e::wait::{seconds, wait_until};
use e2e::wrap::Wrap;
use serde_json::json;

/// All but those of later issues: `tr101290_errors_total`, `nodes`, `jobs`.
const PROMISED: [&str; 24] = [
    "received_datagrams_total",
    "received_bytes_total",
    "lost_total",
    "repaired_packets_total",
    "channel_state",
    "channel_reason",
    "bitrate_bps",
    "viewers",
    "sent_bytes_total",
    "viewer_skipped_bytes_total",
    "viewers_closed_total",
    "rejoins_total",
    "source_restarts_total",
    "unaligned_datagrams_total",
    "malformed_datagrams_total",
    "relay_delay_seconds_bucket",
    "relay_delay_seconds_count",
    "receive_buffer_bytes",
    "interface_up",
    "reverse_path_filter_drops_total",
    "config_ok",
    "requests_refused_total",
    "worker_busy_ratio",
    "build_info",
];

#[test]
fn every_promised_metric_is_there_and_moves() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let viewer = ingest.watch("/channels/news.ts");
    viewer.wait_bytes(500_000, seconds(10));
    wait_until("the viewer is counted", seconds(5), || {
        ingest.metric("sent_bytes_total", &[("channel", "news")]) >= 400_000.0
    });
    let metrics = ingest.metrics();
    let names = metrics.names();
    let missing: Vec<_> = PROMISED
        .iter()
        .filter(|name| !names.contains(format!("encoder_ingest_{name}").as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?} are missing in {names:?}");
    let news = [("channel", "news")];
    let value = |name: &str| metrics.value(&format!("encoder_ingest_{name}"), &news);
    let datagrams = value("received_datagrams_total");
    assert_eq!(value("received_bytes_total"), datagrams * 1316.0);
    assert!(datagrams * 1316.0 <= broadcast.sent().len() as f64);
    assert_eq!(value("viewers"), 1.0);
    assert!(value("receive_buffer_bytes") > 100_000.0);
    let nic = [("interface", "eth0")];
    assert_eq!(metrics.find("encoder_ingest_interface_up", &nic), Some(1.0));
    for (cause, unit) in [
        ("network", "rtp"),
        ("kernel", "datagram"),
        ("upstream", "ts"),
        ("unattributed", "ts"),
    ] {
        let labels = [("channel", "news"), ("cause", cause), ("unit", unit)];
        let lost = metrics.find("encoder_ingest_lost_total", &labels);
        assert_eq!(lost, Some(0.0), "{cause} in {unit}");
    }
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    assert_eq!(
        metrics.find("encoder_ingest_build_info", &version),
        Some(1.0)
    );
}

#[test]
fn help_and_type_stand_before_each_metric() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let text = ingest.http().get("/metrics").text();
    for name in ["lost_total", "channel_state", "viewers", "config_ok"] {
        for line in ["HELP", "TYPE"] {
            let wanted = format!("# {line} encoder_ingest_{name} ");
            assert!(text.contains(&wanted), "no {wanted}");
        }
    }
}

#[test]
fn a_removed_channel_stops_being_exported() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let body = json!({"id": "film", "name": "Film", "inputs": [{"url": "udp://239.1.1.2:5000"}]});
    let http = ingest.http();
    let made = http.send_json("POST", "/api/v1/channels", &body);
    assert_eq!(made.status(), 201, "{}", made.text());
    let exported = || {
        let metrics = ingest.metrics();
        let channels = metrics.label_values("channel");
        channels.contains("film")
    };
    wait_until("the channel is exported", seconds(5), exported);
    let gone = http.request("DELETE", "/api/v1/channels/film", &[], b"");
    assert_eq!(gone.status(), 204, "{}", gone.text());
    wait_until("the channel is not exported", seconds(5), || !exported());
    assert!(ingest.metrics().label_values("channel").contains("news"));
}
