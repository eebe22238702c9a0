//! The list of viewers, and disconnecting one.

use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::{GROUP, Scene, URL};
use e2e::wait::{seconds, wait_for};
use e2e::wrap::Wrap;

#[test]
fn a_viewer_is_listed_and_can_be_disconnected() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let _broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let first = ingest.watch("/channels/news.ts");
    first.wait_bytes(10_000, seconds(5));
    let list = || {
        let answer = ingest.http().get("/api/v1/channels/news/viewers");
        assert_eq!(answer.status(), 200, "{}", answer.text());
        answer.json()["viewers"].as_array().cloned()
    };
    let shown = wait_for("the viewer is listed", seconds(5), || {
        list()?
            .first()
            .filter(|v| v["bytes"].as_u64() > Some(10_000))
            .cloned()
    });
    let address = shown["address"].as_str().unwrap_or_default();
    assert!(address.contains("127.0.0.1"), "{shown}");
    for member in ["user_agent", "since", "bytes", "lag_ms", "skipped_bytes"] {
        assert!(!shown[member].is_null(), "no {member} in {shown}");
    }
    let second = ingest.watch("/channels/news.ts");
    second.wait_bytes(10_000, seconds(5));
    let id = shown["id"].to_string();
    let path = format!("/api/v1/viewers/{}", id.trim_matches('"'));
    let http = ingest.http();
    let kicked = http.request("DELETE", &path, &[], b"");
    assert_eq!(kicked.status(), 204, "{}", kicked.text());
    first.wait_end(seconds(5));
    second.wait_more(200_000, seconds(5));
    assert_eq!(second.end(), None);
    let _ = http.request("DELETE", &path, &[], b"").problem(404);
    let closed = ingest.metric("viewers_closed_total", &[("reason", "kicked")]);
    assert_eq!(closed, 1.0);
    let events = http.get("/api/v1/events.json").text();
    assert!(events.contains("viewer_kicked"), "{events}");
}

#[test]
fn a_viewers_agent_is_shown_as_data() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let _broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let mut stream = ingest.http().connect().expect("a connection");
    let agent = "VLC/3.0 \"quoted\" <b>";
    let request =
        format!("GET /channels/news.ts HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {agent}\r\n\r\n");
    std::io::Write::write_all(&mut stream, request.as_bytes()).expect("a request");
    let shown = wait_for("the viewer is listed", seconds(5), || {
        let list = ingest.http().get("/api/v1/channels/news/viewers").json();
        list["viewers"][0]["user_agent"].as_str().map(str::to_owned)
    });
    assert_eq!(shown, agent);
}
