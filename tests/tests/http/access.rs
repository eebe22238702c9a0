//! Who may watch, and who may change things.

use std::net::SocketAddr;

use e2e::gate::{Need, can_run};
use e2e::host::Host;
use e2e::http::Http;
use e2e::ingest::{Ingest, Options, PORT};
use e2e::scene::{GROUP, Scene, URL};
use e2e::viewer::Viewer;
use e2e::wait::{seconds, wait_until};
use e2e::wrap::Wrap;
use serde_json::json;

const ADMIN: &str = "admin-secret-1234567890";
const WATCH: &str = "watch-secret-1234567890";
const NODE: &str = "node-secret-1234567890";

struct Guarded {
    scene: Scene,
    far: Host,
    tokens: tempfile::NamedTempFile,
}

/// A node whose viewers must be on loopback, and a viewer that is not.
fn guarded() -> Guarded {
    let scene = Scene::new();
    let far = scene.viewer_host();
    let tokens = tempfile::NamedTempFile::new().expect("a file");
    let text = format!("alice admin {ADMIN}\nbox watch {WATCH}\nworker node {NODE}\n");
    std::fs::write(tokens.path(), text).expect("the token file is written");
    Guarded { scene, far, tokens }
}

impl Guarded {
    fn start(&self) -> Ingest<'_> {
        let tokens = self.tokens.path().display();
        let options = Options::new("eth0")
            .channel(URL)
            .loopback()
            .with("--listen [::]:9525 --watch-from 127.0.0.0/8")
            .with(&format!("--token-file {tokens}"));
        Ingest::start(&self.scene.node, &options)
    }

    fn http(&self) -> Http<'_> {
        Http::new(&self.far, SocketAddr::from(([10, 0, 2, 2], PORT)))
    }
}

#[test]
fn outside_the_networks_watching_needs_a_token() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let guarded = guarded();
    let ingest = guarded.start();
    let _broadcast = guarded.scene.broadcast(GROUP, Wrap::Plain);
    let http = guarded.http();
    let refused = http.get("/channels/news.ts").problem(403);
    let detail = refused["detail"].as_str().unwrap_or_default();
    assert!(
        detail.contains("--watch-from") && detail.contains("?token="),
        "{detail}"
    );
    let _ = http.token("wrong").get("/channels/news.ts").problem(401);
    let _ = http.get("/channels/news.ts?token=wrong").problem(401);
    // X-Forwarded-For is never trusted.
    let forged = [("X-Forwarded-For", "127.0.0.1")];
    let answer = http.request("GET", "/channels/news.ts", &forged, b"");
    let _ = answer.problem(403);
    for token in [ADMIN, WATCH, NODE] {
        let viewer = Viewer::open(&http.token(token), "/channels/news.ts");
        viewer.wait_bytes(1000, seconds(12));
        let path = format!("/channels/news.ts?token={token}");
        let viewer = Viewer::open(&http, &path);
        viewer.wait_bytes(1000, seconds(12));
    }
    // By loopback none is needed; an IPv4 address in IPv6's clothes is judged as IPv4.
    ingest
        .watch("/channels/news.ts")
        .wait_bytes(1000, seconds(12));
}

#[test]
fn control_needs_a_token_of_the_right_role() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let guarded = guarded();
    let ingest = guarded.start();
    let channel =
        json!({"id": "more", "name": "More", "inputs": [{"url": "udp://239.1.1.2:5000"}]});
    for http in [guarded.http(), ingest.http()] {
        let make = |http: Http<'_>| http.send_json("POST", "/api/v1/channels", &channel);
        let _ = make(http).problem(401);
        let _ = make(http.token("wrong")).problem(401);
        let _ = make(http.token(WATCH)).problem(403);
        let _ = make(http.token(NODE)).problem(403);
        let _ = http.get("/api/v1/channels").problem(401);
        // The query carries tokens on watching paths only.
        let _ = http
            .get(&format!("/api/v1/channels?token={ADMIN}"))
            .problem(401);
        for path in ["/live", "/ready", "/metrics", "/api/v1/openapi.json"] {
            assert_eq!(http.get(path).status(), 200, "{path}");
        }
    }
    let http = guarded.http().token(ADMIN);
    let made = http.request(
        "POST",
        "/api/v1/channels",
        &[
            ("Encoder-Actor", "carol"),
            ("Content-Type", "application/json"),
        ],
        channel.to_string().as_bytes(),
    );
    assert_eq!(made.status(), 201, "{}", made.text());
    let events = http.get("/api/v1/events.json").text();
    assert!(events.contains("alice/carol"), "{events}");
    assert!(events.contains("10.0.2.1"), "{events}");
}

#[test]
fn no_token_is_ever_logged_or_shown() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let guarded = guarded();
    let ingest = guarded.start();
    let _broadcast = guarded.scene.broadcast(GROUP, Wrap::Plain);
    let http = guarded.http();
    let path = format!("/channels/news.ts?token={WATCH}");
    Viewer::open(&http, &path).wait_bytes(1000, seconds(12));
    let _ = http
        .get("/channels/news.ts?token=a-wrong-secret")
        .problem(401);
    let _ = http.get(&format!("/channels/none.ts?token={WATCH}"));
    let admin = http.token(ADMIN);
    let shown = admin.get("/api/v1/events.json").text()
        + &admin.get("/api/v1/channels/news/viewers").text()
        + &http.get("/metrics").text();
    let log = ingest.process.log();
    for secret in [ADMIN, WATCH, NODE, "a-wrong-secret"] {
        assert!(!log.contains(secret), "{secret} in {log}");
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn the_token_file_is_read_again_when_it_changes() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let guarded = guarded();
    let ingest = guarded.start();
    let status = |token: &str| {
        let http = ingest.http();
        http.token(token).get("/api/v1/status").status()
    };
    assert_eq!(status(ADMIN), 200);
    std::fs::write(guarded.tokens.path(), "bob admin another-secret-123\n").expect("written");
    wait_until("the new token is valid", seconds(10), || {
        status("another-secret-123") == 200
    });
    assert_eq!(status(ADMIN), 401);
}

#[test]
fn the_playlist_repeats_the_token_it_was_asked_with() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let guarded = guarded();
    let _ingest = guarded.start();
    let http = guarded.http();
    let _ = http.get("/playlist.m3u").problem(403);
    let list = http.get(&format!("/playlist.m3u?token={WATCH}"));
    assert_eq!(list.status(), 200);
    let url = format!("http://10.0.2.2:9525/channels/news.ts?token={WATCH}");
    assert!(list.text().contains(&url), "{}", list.text());
}
