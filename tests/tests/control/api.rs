//! The API's own description, its status, and what it says of tools beside the channels.

use std::collections::BTreeSet;

use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::{GROUP, Scene, URL};
use e2e::wait::{seconds, wait_until};

/// Paths and methods of the contract, 2.4, but for what later issues bring: nodes.
const PROMISED: [(&str, &[&str]); 17] = [
    ("/api/v1/channels", &["get", "post"]),
    ("/api/v1/channels/{id}", &["get", "put", "delete"]),
    ("/api/v1/channels:apply", &["post"]),
    ("/api/v1/channels/{id}/viewers", &["get"]),
    ("/api/v1/viewers/{id}", &["delete"]),
    ("/api/v1/channels/{id}/counters:reset", &["post"]),
    ("/api/v1/channels/{id}/diagnose", &["post"]),
    ("/api/v1/channels/{id}/errors", &["get"]),
    ("/api/v1/channels/{id}/acknowledge", &["put", "delete"]),
    ("/api/v1/channels/{id}/capture.ts", &["get"]),
    ("/api/v1/channels/{id}/pin", &["post", "delete"]),
    ("/api/v1/interfaces", &["get"]),
    ("/api/v1/events", &["get"]),
    ("/api/v1/events.json", &["get"]),
    ("/api/v1/status", &["get"]),
    ("/api/v1/openapi.json", &["get"]),
    ("/live", &["get"]),
];

#[test]
fn the_openapi_document_describes_all_of_it() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0"));
    let document = ingest.http().get("/api/v1/openapi.json").json();
    let version = document["openapi"].as_str().unwrap_or_default();
    assert!(version.starts_with("3.1"), "{version}");
    let paths = document["paths"].as_object().expect("paths");
    for (path, methods) in PROMISED {
        let prefixed = path.strip_prefix("/api/v1").unwrap_or(path);
        let described = paths.get(path).or_else(|| paths.get(prefixed));
        let Some(described) = described else {
            // Health is promised by section 1, not by the API's description.
            assert_eq!(path, "/live", "{path} is not described");
            continue;
        };
        for method in methods {
            assert!(!described[method].is_null(), "{method} {path}");
        }
    }
    let references = document.to_string();
    for part in references.split("\"$ref\":\"#").skip(1) {
        let pointer = part.split('"').next().unwrap_or_default();
        assert!(document.pointer(pointer).is_some(), "nothing at {pointer}");
    }
}

#[test]
fn every_described_operation_without_parameters_answers() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let document = ingest.http().get("/api/v1/openapi.json").json();
    let mut asked = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        let endless = path.ends_with("/events");
        if operations["get"].is_null() || path.contains('{') || endless {
            continue;
        }
        let status = ingest.http().get(path).status();
        assert!(status == 200, "GET {path}: {status}");
        asked.insert(path.clone());
    }
    assert!(asked.len() >= 4, "{asked:?}");
}

#[test]
fn status_tells_version_limits_and_load() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let options = Options::new("eth0").channel(URL).with("--node-name n7");
    let ingest = Ingest::start(&scene.node, &options);
    let status = ingest.http().get("/api/v1/status").json();
    let text = status.to_string();
    for part in [
        "version",
        "n7",
        "uptime",
        "limits",
        "receive_buffer",
        "workers",
        "history",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
}

#[test]
fn counters_shown_to_operators_start_again() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let mut stream = e2e::ts::TestStream::new(1, e2e::scene::RATE_BPS);
    let mut rtp = e2e::wrap::Rtp::new(1, 1);
    let mut all: Vec<_> = (0..400).map(|_| rtp.wrap(&stream.take_bytes(7))).collect();
    all.drain(200..210);
    let sender = e2e::send::Sender::new(&scene.source, "eth0", GROUP);
    sender.send_all(&all, std::time::Duration::from_micros(2632));
    wait_until("the loss is shown", seconds(3), || {
        ingest.channel("news")["status"]["lost"]["network"] == 10
    });
    let path = "/api/v1/channels/news/counters:reset";
    let answer = ingest.http().request("POST", path, &[], b"");
    assert!(answer.status() < 300, "{}", answer.text());
    wait_until("the counters start again", seconds(3), || {
        ingest.channel("news")["status"]["lost"]["network"] == 0
    });
    let labels = [("channel", "news"), ("cause", "network")];
    assert_eq!(ingest.metric("lost_total", &labels), 10.0);
}
