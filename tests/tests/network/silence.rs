//! A source that stops: said, joined anew with growing pauses, and taken up again.

use e2e::capture::Capture;
use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options, VERDICT};
use e2e::scene::{GROUP, Scene, URL};
use e2e::wait::{seconds, wait_until};
use e2e::wrap::Wrap;

#[test]
fn a_stream_that_stops_is_joined_anew_and_comes_back() {
    if !can_run(&[Need::Namespaces, Need::Tcpdump]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    assert_eq!(ingest.metric("rejoins_total", &[]), 0.0);
    let capture = Capture::start(&scene.source, "eth0", "igmp");
    broadcast.fall_silent();
    ingest.wait_status("news", "stopped", "stopped", VERDICT);
    let metrics = ingest.metrics();
    for (state, value) in [("stopped", 1.0), ("receiving", 0.0)] {
        let labels = [("channel", "news"), ("state", state)];
        let shown = metrics.find("encoder_ingest_channel_state", &labels);
        assert_eq!(shown, Some(value), "{state}");
    }
    wait_until("it is joined anew", seconds(15), || {
        ingest.metric("rejoins_total", &[("channel", "news")]) >= 1.0
    });
    capture.wait_line(&["gaddr 239.1.1.1 to_ex"], seconds(5));
    broadcast.go_on();
    ingest.wait_status("news", "receiving", "ok", VERDICT);
    let events = || ingest.http().get("/api/v1/events.json").json();
    // The event follows the status.
    wait_until("the return is told", seconds(1), || {
        let events = events();
        let mut list = events["events"].as_array().expect("events").iter();
        let last = list.rfind(|event| event["kind"] == "channel_state");
        last.is_some_and(|event| event["reason"] == "ok")
    });
    let events = events();
    let list = events["events"].as_array().expect("events").iter();
    let verdicts = list
        .clone()
        .filter(|event| event["kind"] == "channel_state");
    let reasons: Vec<&str> = verdicts
        .filter_map(|event| event["reason"].as_str())
        .collect();
    // Before the source began: whether that was told depends on who was first.
    let reasons: Vec<&str> = reasons
        .into_iter()
        .filter(|reason| *reason != "never_received")
        .collect();
    assert_eq!(
        reasons,
        ["ok", "stopped", "ok"],
        "nothing else was ever said"
    );
    let mut list = list;
    let rejoined = list.find(|event| event["kind"] == "rejoined");
    let facts = &rejoined.expect("it is told")["params"];
    assert_eq!(facts["group"], GROUP, "{facts}");
    assert_eq!(
        (&facts["interface"], &facts["count"]),
        (&"eth0".into(), &"1".into())
    );
}

#[test]
fn a_group_that_never_sends_says_so() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    ingest.wait_status("news", "waiting", "never_received", VERDICT);
    wait_until("the sentence names the group", seconds(5), || {
        let status = ingest.channel("news")["status"].take();
        status["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("239.1.1.1"))
    });
    assert_eq!(ingest.http().get("/ready").status(), 200, "never streams");
    let _broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_status("news", "receiving", "ok", VERDICT);
}

#[test]
fn a_channel_that_is_removed_leaves_its_group() {
    if !can_run(&[Need::Namespaces, Need::Tcpdump]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0"));
    let capture = Capture::start(&scene.source, "eth0", "igmp");
    let channel = serde_json::json!({"id": "news", "name": "News", "inputs": [{"url": URL}]});
    let http = ingest.http();
    let made = http.send_json("POST", "/api/v1/channels", &channel);
    assert_eq!(made.status(), 201, "{}", made.text());
    capture.wait_line(&["gaddr 239.1.1.1 to_ex"], seconds(5));
    let gone = http.request("DELETE", "/api/v1/channels/news", &[], b"");
    assert!(gone.status() < 300, "{}", gone.text());
    capture.wait_line(&["gaddr 239.1.1.1 to_in"], seconds(5));
}
