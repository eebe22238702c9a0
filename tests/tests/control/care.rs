//! What an operator does about an ill channel: looks at its errors, says that it is seen, and takes
//! home what was received.

use std::time::Duration;

use e2e::check;
use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::{GROUP, RATE_BPS, Scene, URL};
use e2e::send::Sender;
use e2e::ts::TestStream;
use e2e::wait::{seconds, wait_until};
use e2e::wrap::{Rtp, Wrap};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

#[test]
fn a_capture_begins_as_a_viewer_does_and_is_one_piece() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let options = Options::new("eth0").channel(URL).with("--history-ms 3000");
    let ingest = Ingest::start(&scene.node, &options);
    let path = "/api/v1/channels/news/capture.ts";
    let nothing = ingest.http().get(path).problem(404);
    assert_eq!(nothing["reason"], "nothing_captured");
    let broadcast = scene.broadcast(GROUP, Wrap::Plain);
    let viewer = ingest.watch("/channels/news.ts");
    viewer.wait_bytes(4 * 500_000, seconds(10));
    let all = ingest.http().get(path);
    let part = ingest.http().get(&format!("{path}?seconds=1"));
    let sent = broadcast.sent();
    for (captured, least, most) in [(&all, 2.5, 3.3), (&part, 1.0, 1.6)] {
        assert_eq!(captured.status(), 200);
        assert_eq!(captured.header("content-type"), Some("video/mp2t"));
        let told = captured.header("x-seconds").expect("X-Seconds");
        let told: f64 = told.parse().expect("a number");
        assert!((least..most).contains(&told), "{told} s");
        let piece = check::one_piece_of(&captured.body, &sent);
        let rate = piece.len() as f64 * 8.0 / told;
        let nominal = RATE_BPS as f64;
        assert!((rate / nominal - 1.0).abs() < 0.1, "{rate} bit/s");
    }
    viewer.wait_more(500_000, seconds(10));
    check::one_piece_of(&viewer.body(), &broadcast.sent());
}

#[test]
fn what_came_before_a_stream_stopped_is_captured() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    // It counts as stopped after a second: longer than the history is, of which two blocks (of an
    // eighth of a second each) would always stay.
    let options = Options::new("eth0").channel(URL).with("--history-ms 800");
    let ingest = Ingest::start(&scene.node, &options);
    let broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let viewer = ingest.watch("/channels/news.ts");
    viewer.wait_bytes(500_000, seconds(10));
    broadcast.fall_silent();
    ingest.wait_status("news", "stopped", "stopped", seconds(3));
    let captured = ingest.http().get("/api/v1/channels/news/capture.ts");
    assert_eq!(captured.status(), 200);
    let told = captured.header("x-seconds").expect("X-Seconds");
    let told: f64 = told.parse().expect("a number");
    assert!((0.5..0.9).contains(&told), "{told} s");
    let packets = check::packets(&captured.body);
    assert_eq!((check::pid(packets[0]), check::pid(packets[1])), (0, 0x100));
    check::any_piece_of(&captured.body[2 * e2e::ts::PACKET..], &broadcast.sent());
}

#[test]
fn errors_are_listed_with_the_time_at_which_they_happened() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let mut stream = TestStream::new(1, RATE_BPS);
    let mut rtp = Rtp::new(1, 1);
    let mut all: Vec<_> = (0..1100).map(|_| rtp.wrap(&stream.take_bytes(7))).collect();
    all.drain(800..803);
    all.drain(200..210);
    let sender = Sender::new(&scene.source, "eth0", GROUP);
    sender.send_all(&all, Duration::from_micros(2632));
    let list = || {
        let list = ingest.http().get("/api/v1/channels/news/errors").json();
        let errors = list["errors"].as_array().cloned().unwrap_or_default();
        let lost = |error: &Value| error["kind"] == "lost_network";
        errors.into_iter().filter(lost).collect::<Vec<Value>>()
    };
    wait_until("both losses are listed", seconds(3), || list().len() == 2);
    let errors = list();
    assert_eq!(errors[0]["count"], 10, "{errors:?}");
    assert_eq!(errors[1]["count"], 3, "{errors:?}");
    let time = |error: &Value| -> Timestamp {
        let time = error["time"].as_str().and_then(|time| time.parse().ok());
        time.expect("a time")
    };
    // 590 datagrams lie between them.
    let apart = time(&errors[1])
        .duration_since(time(&errors[0]))
        .as_secs_f64();
    assert!((1.3..1.8).contains(&apart), "{apart} s apart");
}

#[test]
fn an_acknowledgement_ends_when_the_channel_is_well() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let path = "/api/v1/channels/news/acknowledge";
    let body = json!({"until": "2999-01-01T00:00:00Z"});
    let _ = ingest.http().send_json("PUT", path, &body).problem(400);
    let until = Timestamp::now() + SignedDuration::from_hours(1);
    let body = json!({"until": until.to_string(), "note": "the encoder is being mended"});
    let put = || ingest.http().send_json("PUT", path, &body);
    let made = put();
    assert_eq!(made.status(), 200, "{}", made.text());
    let shown = ingest.channel("news")["status"]["acknowledged"].take();
    assert_eq!(shown["note"], "the encoder is being mended");
    assert_eq!(
        (&shown["by"], &shown["until"]),
        (&json!("open"), &body["until"])
    );
    let _broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    wait_until("it is over", seconds(3), || {
        ingest.channel("news")["status"]["acknowledged"].is_null()
    });
    wait_until("its end is told", seconds(1), || {
        let events = ingest.http().get("/api/v1/events.json").text();
        events.contains("\"reason\":\"well_again\"")
    });
    assert_eq!(put().problem(409)["reason"], "channel_well");
}
