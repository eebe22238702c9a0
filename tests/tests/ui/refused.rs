//! An ingest that refuses something: the page says so, goes on, and mends itself.

use std::io::{BufRead, BufReader, Write};

use e2e::gate::{Need, can_run};
use e2e::host::Host;
use e2e::ingest::{Ingest, Options};
use e2e::ui::Ui;
use e2e::wait::{seconds, wait_for};
use serde_json::Value;

const STATUS: &str = "/api/ingests/n1/v1/status";

/// As the kubelet does when the Secret with all tokens changes: each file at its own time.
#[test]
fn a_token_that_is_replaced_on_both_sides_needs_no_new_start() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let host = Host::new("one");
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("utf-8").to_owned();
    let write = |name: &str, text: &str| std::fs::write(path(name), text).expect("write");
    write("tokens", "ui admin one\n");
    write("token", "one\n");
    let options = format!("--node-name n1 --token-file {}", path("tokens"));
    let _ingest = Ingest::start(&host, &Options::new("lo").loopback().with(&options));
    let ui = Ui::start(&host, &format!("--ingest-token-file {}", path("token")));
    ui.wait_state("", "n1", "here", seconds(10));
    let ask = || ui.http().get(STATUS);
    assert_eq!(ask().status(), 200);
    write("tokens", "ui admin two\n");
    wait_for("the old token is refused", seconds(10), || {
        let answer = ask();
        (answer.status() == 502).then(|| answer.problem(502))
    });
    let shown = wait_for("the page shows why", seconds(5), || {
        let shown = ui.ingests("").remove(0);
        shown["error"].is_string().then_some(shown)
    });
    assert!(shown["seen_at"].is_string(), "{shown}");
    write("token", "two\n");
    wait_for("the new token is taken", seconds(5), || {
        let shown = ui.ingests("").remove(0);
        (ask().status() == 200 && shown["error"].is_null()).then_some(())
    });
}

/// `--watch-from` without tokens: who may control may still not watch.
#[test]
fn channels_are_shown_of_an_ingest_that_keeps_its_playlist() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let host = Host::new("one");
    let options = Options::new("lo")
        .loopback()
        .channel("udp://239.1.1.1:5000");
    let options = options.with("--node-name n1 --watch-from 192.0.2.0/24");
    let _ingest = Ingest::start(&host, &options);
    let ui = Ui::start(&host, "");
    let shown = wait_for("the channel is shown", seconds(10), || {
        let shown = ui.ingests("").into_iter().next()?;
        (shown["channels"][0]["id"] == "news").then_some(shown)
    });
    assert_eq!(shown["state"], "here");
    assert_eq!(shown["channels"][0]["watch_url"], Value::Null);
    let error = shown["error"].as_str().expect("why");
    assert!(error.contains("/playlist.m3u?all=1"), "{error}");
}

/// Its own stream, through the page, from the first event that it remembers.
#[test]
fn an_ingests_events_come_through_with_those_of_before() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let host = Host::new("one");
    let options = Options::new("lo")
        .loopback()
        .channel("udp://239.1.1.1:5000");
    let _ingest = Ingest::start(&host, &options.with("--node-name n1"));
    let ui = Ui::start(&host, "");
    ui.wait_state("", "n1", "here", seconds(10));
    let mut stream = ui.http().connect().expect("a connection");
    let request = "GET /api/ingests/n1/v1/events HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\
                   Last-Event-ID: of-another-start-1\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("it is taken");
    let mut lines = BufReader::new(stream).lines();
    let mut next = || lines.next().expect("not the end").expect("a line");
    let status = next();
    assert!(status.starts_with("HTTP/1.1 200 "), "{status}");
    let id = wait_for("an event of before", seconds(5), || {
        next().strip_prefix("id: ").map(str::to_owned)
    });
    let all = ui.http().get("/api/ingests/n1/v1/events.json").json();
    assert_eq!(all["events"][0]["id"], id.as_str(), "{all}");
}
