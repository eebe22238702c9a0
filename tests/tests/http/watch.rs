//! The answers to a watching request.

use std::time::Instant;

use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::{GROUP, Scene, URL};
use e2e::wait::seconds;
use e2e::wrap::Wrap;

#[test]
fn an_unknown_channel_is_not_found() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let http = ingest.http();
    let _ = http.get("/channels/nothing.ts").problem(404);
    let _ = http.get("/channels/news/nothing.ts").problem(404);
    let _ = http.get("/channels/..%2f..%2fetc%2fpasswd.ts").problem(404);
    let _ = http.get("/api/v1/channels/nothing").problem(404);
    let _ = http.get("/no/such/path").problem(404);
    assert_eq!(
        http.request("HEAD", "/channels/nothing.ts", &[], b"")
            .status(),
        404
    );
}

#[test]
fn a_silent_channel_is_answered_with_the_reason_after_10_s() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let started = Instant::now();
    let answer = ingest.http().get("/channels/news.ts");
    let took = started.elapsed();
    let problem = answer.problem(504);
    assert!(took >= seconds(9) && took < seconds(13), "after {took:?}");
    assert!(problem.to_string().contains("never_received"), "{problem}");
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert!(
        detail.contains("239.1.1.1"),
        "what was waited for: {problem}"
    );
}

#[test]
fn the_head_is_that_of_a_raw_stream() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let _broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let viewer = ingest.watch("/channels/news.ts");
    let head = viewer.head(seconds(5));
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-type"), Some("video/mp2t"));
    assert_eq!(head.header("connection"), Some("close"));
    assert_eq!(head.header("cache-control"), Some("no-store"));
    assert_eq!(head.header("transfer-encoding"), None);
    assert_eq!(head.header("content-length"), None);
    viewer.wait_bytes(188, seconds(5));
    assert_eq!(viewer.body()[0], 0x47);
}

#[test]
fn head_answers_the_head_alone_and_is_no_viewer() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let _broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let http = ingest.http();
    let request = b"HEAD /channels/news.ts HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let answer = http.raw(request, false).expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("content-type"), Some("video/mp2t"));
    assert!(answer.body.is_empty(), "{} bytes", answer.body.len());
    assert_eq!(ingest.metric("viewers", &[("channel", "news")]), 0.0);
}

#[test]
fn another_method_is_refused() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let answer = ingest
        .http()
        .request("DELETE", "/channels/news.ts", &[], b"");
    let _ = answer.problem(405);
}

#[test]
fn an_http_1_0_player_watches_too() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let _broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let mut stream = ingest.http().connect().expect("a connection");
    std::io::Write::write_all(&mut stream, b"GET /channels/news.ts HTTP/1.0\r\n\r\n")
        .expect("a request");
    let (head, _) = e2e::http::read_head(&mut stream).expect("an answer");
    assert_eq!(head.status, 200);
    assert_eq!(head.header("transfer-encoding"), None);
}

#[test]
fn health_and_metrics_need_no_token_and_say_what_they_should() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let http = ingest.http();
    for path in ["/live", "/ready", "/metrics"] {
        assert_eq!(http.get(path).status(), 200, "{path}");
    }
    let kind = http.get("/metrics");
    let kind = kind.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("text/plain"), "{kind}");
}
