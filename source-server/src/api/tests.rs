//! Requests against real streams on `lo`, whose TTL of 0 keeps them on this host.

use std::io::Write;

use axum::body::{Body, to_bytes};
use serde_json::{Value, json};
use tower_service::Service;

use super::*;
use crate::sender::Sender;

struct Fixture {
    api: Arc<Api>,
    token: Option<&'static str>,
}

impl Fixture {
    fn new(tokens: Option<Arc<TokenFile>>) -> Self {
        let streams = Arc::new(Streams::new(Sender::start(1).expect("threads")));
        let defaults = Defaults {
            interface: "lo".parse().expect("name"),
            source: None,
            ttl: 0,
            loopback: true,
            bps: 8_000_000,
            proof: false,
        };
        Self {
            api: Arc::new(Api {
                streams,
                defaults,
                tokens,
            }),
            token: None,
        }
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "127.0.0.1:9537");
        if let Some(token) = self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Body::from(body.to_owned())).expect("request");
        let response = router(Arc::clone(&self.api))
            .call(request)
            .await
            .expect("answer");
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), 1 << 20).await.expect("body");
        (
            status,
            serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        )
    }
}

const STREAM: &str = r#"{"id": "a", "url": "rtp://239.255.77.1:5077", "mbps": 3, "proof": true, "faults": {"seed": 3, "loss": {"every": 2}}}"#;

#[tokio::test]
async fn a_stream_is_made_read_broken_and_ended() {
    let fixture = Fixture::new(None);
    let (status, made) = fixture.ask("POST", "/api/v1/streams", STREAM).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(
        (
            &made["mbps"],
            &made["datagram_bytes"],
            &made["rtp"]["payload_type"]
        ),
        (&json!(3.0), &json!(1328), &json!(33))
    );
    assert_eq!(made["faults"], json!({"seed": 3, "loss": {"every": 2}}));
    assert_eq!(fixture.ask("POST", "/api/v1/streams", STREAM).await.0, 409);
    let (status, list) = fixture.ask("GET", "/api/v1/streams", "").await;
    assert_eq!(
        (status, list["streams"][0]["id"].as_str()),
        (200, Some("a"))
    );
    // It is really sent, and every second datagram is not.
    loop {
        let (_, stream) = fixture.ask("GET", "/api/v1/streams/a", "").await;
        let (sent, lost) = (
            &stream["status"]["sent"]["datagrams"],
            &stream["status"]["faults"]["loss"],
        );
        let (sent, lost) = (sent.as_u64().expect("sent"), lost.as_u64().expect("lost"));
        if sent > 20 && lost > 20 {
            break;
        }
        tokio::task::yield_now().await;
    }
    let order = r#"{"seed": 1, "loss_burst": {"length": 2999, "once": true}, "scrambled": {}, "rtp_sequence": 65000}"#;
    let (status, broken) = fixture.ask("PUT", "/api/v1/streams/a/faults", order).await;
    assert_eq!(status, 200);
    assert_eq!(
        broken["faults"],
        serde_json::from_str::<Value>(order).expect("json")
    );
    let (status, well) = fixture.ask("DELETE", "/api/v1/streams/a/faults", "").await;
    assert_eq!((status, &well["faults"]), (200, &json!({"seed": 0})));
    assert_eq!(fixture.ask("DELETE", "/api/v1/streams/a", "").await.0, 204);
    for (method, path) in [
        ("GET", "/api/v1/streams/a"),
        ("DELETE", "/api/v1/streams/a"),
        ("DELETE", "/api/v1/streams/a/faults"),
    ] {
        let (status, problem) = fixture.ask(method, path, "").await;
        assert_eq!(
            (status, problem["reason"].as_str()),
            (404, Some("unknown_stream")),
            "{method} {path}"
        );
    }
    fixture.api.streams.stop();
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let fixture = Fixture::new(None);
    let (status, problem) = fixture
        .ask(
            "POST",
            "/api/v1/streams",
            r#"{"id": "A", "url": "udp://1.2.3.4:5", "colour": 1}"#,
        )
        .await;
    assert_eq!(
        (status, problem["errors"].as_array().expect("errors").len()),
        (400, 3),
        "{problem}"
    );
    for (body, pointer) in [
        (
            r#"{"id": "a", "url": "udp://239.1.1.1:5", "interface": "nosuchnic0"}"#,
            "/interface",
        ),
        (
            r#"{"id": "a", "url": "udp://239.1.1.1:5", "source": "203.0.113.99"}"#,
            "/source",
        ),
        (
            r#"{"id": "a", "url": "udp://239.1.1.1:5", "file": "no-such.ts"}"#,
            "/file",
        ),
    ] {
        let (status, problem) = fixture.ask("POST", "/api/v1/streams", body).await;
        assert_eq!(
            (status, problem["errors"][0]["pointer"].as_str()),
            (400, Some(pointer)),
            "{problem}"
        );
        assert_eq!(problem["errors"][0]["line"], 1, "{problem}");
    }
    assert!(fixture.api.streams.list().is_empty());
    assert_eq!(fixture.ask("GET", "/api/v1/nothing", "").await.0, 404);
    assert_eq!(fixture.ask("PATCH", "/api/v1/streams", "").await.0, 405);
    let long = format!("{{\"id\": \"{}\"}}", "a".repeat(BODY_BYTES_MAX));
    assert_eq!(fixture.ask("POST", "/api/v1/streams", &long).await.0, 413);
    fixture.api.streams.stop();
}

#[tokio::test]
async fn tokens_and_web_pages_are_told_apart() {
    let mut file = tempfile::NamedTempFile::new().expect("file");
    writeln!(file, "ann admin secret-a\nbob watch secret-b").expect("write");
    let tokens = TokenFile::open(file.path()).expect("tokens");
    let mut fixture = Fixture::new(Some(Arc::new(tokens)));
    for (token, reads, writes) in [
        (None, 401, 401),
        (Some("wrong"), 401, 401),
        (Some("secret-b"), 200, 403),
        (Some("secret-a"), 200, 404),
    ] {
        fixture.token = token;
        assert_eq!(
            fixture.ask("GET", "/api/v1/streams", "").await.0,
            reads,
            "{token:?}"
        );
        assert_eq!(
            fixture.ask("DELETE", "/api/v1/streams/x", "").await.0,
            writes,
            "{token:?}"
        );
    }
    fixture.api.streams.stop();
    let open = Fixture::new(None);
    let request = Request::get("/api/v1/streams")
        .header("host", "evil.example")
        .body(Body::empty());
    let answer = router(Arc::clone(&open.api))
        .call(request.expect("request"))
        .await
        .expect("answer");
    assert_eq!(answer.status(), 403);
    open.api.streams.stop();
}

#[tokio::test]
async fn every_refusal_is_a_problem_with_its_reason() {
    let fixture = Fixture::new(None);
    let large = " ".repeat(BODY_BYTES_MAX + 1);
    for (method, path, body, status, reason) in [
        ("GET", "/api/v1/streams/%ff", "", 400, "path"),
        ("PUT", "/api/v1/streams/%ff/faults", "{}", 400, "path"),
        ("GET", "/api/v1/nothing", "", 404, "no_such_path"),
        ("PATCH", "/api/v1/streams", "", 405, "no_such_method"),
        ("POST", "/api/v1/streams", &large, 413, "body_too_large"),
    ] {
        let (found, problem) = fixture.ask(method, path, body).await;
        assert_eq!(found, status, "{method} {path}");
        assert_eq!(problem["reason"], reason, "{method} {path}: {problem}");
        assert_eq!(problem["status"], status, "{method} {path}: {problem}");
    }
}
