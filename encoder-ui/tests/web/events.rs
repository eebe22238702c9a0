//! What browsers are told as it happens.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use encoder_ui::limits::{EVENT_STREAMS_OF_ONE_MAX, UPDATE_PERIOD};
use encoder_ui::sse::Parser;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::fake::{Fake, channel};
use crate::page::{Page, SOON, users};

/// A browser that reads `/api/events`.
struct Listener {
    body: Incoming,
    parser: Parser,
    text: String,
    messages: std::collections::VecDeque<Value>,
}

impl Listener {
    async fn open(page: &Page, cookie: &str) -> Result<Self, StatusCode> {
        Self::open_at(page, "/api/events", &[cookie]).await
    }

    async fn open_at(page: &Page, path: &str, headers: &[&str]) -> Result<Self, StatusCode> {
        let mut request = Request::get("/");
        for header in headers {
            if let Some((name, value)) = header.split_once(": ") {
                request = request.header(name, value);
            }
        }
        let request = request.body(Body::empty()).expect("request");
        let answer = page.open(path, request).await;
        if answer.status() != StatusCode::OK {
            return Err(answer.status());
        }
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Ok(Self {
            body: answer.into_body(),
            parser: Parser::default(),
            text: String::new(),
            messages: std::collections::VecDeque::new(),
        })
    }

    /// The data of the next message; none at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Some(message);
            }
            let frame = timeout(SOON, self.body.frame()).await.expect("in time")?;
            let Ok(data) = frame.ok()?.into_data() else {
                continue;
            };
            self.text.push_str(&String::from_utf8_lossy(&data));
            for message in self.parser.push(&data).expect("short lines") {
                let json = serde_json::from_str(&message.data);
                self.messages.push_back(json.expect("json"));
            }
        }
    }

    async fn that(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.next().await.expect("not the end");
            if wanted(&message) {
                return message;
            }
        }
    }
}

#[tokio::test]
async fn a_browser_gets_a_snapshot_then_changes_and_events() {
    let ingest = Fake::start("n1", vec![channel("news", 1), channel("film", 1)]).await;
    let page = Page::start(&[&ingest.url()], &[]).await;
    page.wait_here().await;
    let mut listener = Listener::open(&page, "").await.expect("a stream");
    let first = listener.next().await.expect("a snapshot");
    assert!(
        listener.text.starts_with("event: snapshot\n"),
        "{}",
        listener.text
    );
    assert!(first["time"].is_string() && first["ingests"].is_array());
    ingest.set_channels(vec![channel("news", 2)]);
    let change = listener
        .that(|message| !message["removed_channels"][0].is_null())
        .await;
    assert_eq!(
        change["removed_channels"],
        json!([{"ingest": "n1", "id": "film"}])
    );
    assert_eq!(change["channels"][0]["ingest"], "n1");
    assert_eq!(change["channels"][0]["channel"]["status"]["bitrate_bps"], 2);
    assert_eq!(
        change["channels"].as_array().map(Vec::len),
        Some(1),
        "only what changed"
    );
    let event =
        json!({"id": "1-7", "time": "2026-11-23T10:00:00.000Z", "kind": "rejoined", "detail": "x"});
    ingest.event(event.clone()).await;
    let told = listener.that(Value::is_array).await;
    assert_eq!(told, json!([{"ingest": "n1", "event": event}]));
    drop(ingest);
    let away = listener
        .that(|message| message["ingests"][0]["state"] == "away")
        .await;
    assert!(away["ingests"][0].get("channels").is_none(), "{away}");
}

/// Every channel changes all the time: browsers get no more messages for it.
#[tokio::test]
async fn changes_of_250_channels_come_twice_a_second_at_most() {
    let all = |bitrate| {
        (0..250)
            .map(|n| channel(&format!("c{n}"), bitrate))
            .collect::<Vec<_>>()
    };
    let ingest = Fake::start("n1", all(0)).await;
    let page = Page::start(&[&ingest.url()], &[]).await;
    page.ingests_that(|seen| {
        seen.first()
            .is_some_and(|one| one["channels"][249].is_object())
    })
    .await;
    let mut listener = Listener::open(&page, "").await.expect("a stream");
    listener.next().await.expect("a snapshot");
    let started = Instant::now();
    let (mut messages, mut channels) = (0_u32, 0);
    let mut bitrate = 1;
    while started.elapsed() < Duration::from_secs(4) {
        ingest.set_channels(all(bitrate));
        bitrate += 1;
        let Ok(message) = timeout(Duration::from_millis(50), listener.next()).await else {
            continue;
        };
        messages += 1;
        channels += message.expect("not the end")["channels"]
            .as_array()
            .map_or(0, Vec::len);
    }
    let most = started.elapsed().as_secs_f64() / UPDATE_PERIOD.as_secs_f64() + 1.0;
    assert!(f64::from(messages) <= most, "{messages} messages");
    assert!(channels >= 250, "only {channels} changes of channels");
    let updates = page.get("/metrics").await;
    let text = String::from_utf8_lossy(&updates.body).into_owned();
    assert!(
        text.contains("encoder_ui_snapshots_total{cause=\"connected\"} 1"),
        "{text}"
    );
}

#[tokio::test]
async fn a_stream_that_has_nothing_to_say_says_so_each_second() {
    let page = Page::start(&["http://127.0.0.1:1"], &[]).await;
    let mut listener = Listener::open(&page, "").await.expect("a stream");
    let comments = async {
        while listener.text.matches("\n:\n").count() < 3 {
            let frame = listener
                .body
                .frame()
                .await
                .expect("not the end")
                .expect("a frame");
            let data = frame.into_data().expect("data");
            listener.text.push_str(&String::from_utf8_lossy(&data));
        }
    };
    let started = Instant::now();
    timeout(SOON, comments).await.expect("in time");
    assert!(
        started.elapsed() < Duration::from_secs(6),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn streams_of_one_are_bounded() {
    let page = Page::start(&["http://127.0.0.1:1"], &[]).await;
    let mut listeners = Vec::new();
    for _ in 0..EVENT_STREAMS_OF_ONE_MAX {
        listeners.push(Listener::open(&page, "").await.expect("a stream"));
    }
    let refused = page.get("/api/events").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.reason(), "too_many_streams");
    assert!(refused.headers.contains_key("retry-after"));
    listeners.pop();
    let again = async { while Listener::open(&page, "").await.is_err() {} };
    timeout(SOON, again).await.expect("a place is free again");
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let page = Page::with_users(&["http://127.0.0.1:1"], &[]).await;
    assert_eq!(
        Listener::open(&page, "").await.err(),
        Some(StatusCode::UNAUTHORIZED)
    );
    let cookie = page.log_in("vic", "v").await.expect("logged in");
    let mut listener = Listener::open(&page, &cookie).await.expect("a stream");
    listener.next().await.expect("a snapshot");
    let file = page.users.as_ref().expect("users").path();
    std::fs::write(
        file,
        users(&[("ann", "a", "admin"), ("vic", "new", "viewer")]),
    )
    .expect("write");
    let ended = async { while listener.next().await.is_some() {} };
    timeout(SOON, ended).await.expect("the end");
    let answer = page.ask("GET /api/me", &[&cookie], "").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn events_of_all_ingests_are_one_list() {
    let ingest = Fake::start("n1", vec![]).await;
    let page = Page::start(&[&ingest.url()], &[]).await;
    page.wait_here().await;
    let answer = page
        .get("/api/events.json?since=2026-11-23T10:00:00Z")
        .await;
    // What the test's ingest says to it is no list of events.
    assert_eq!(answer.json(), json!({"events": [], "missing": ["n1"]}));
    assert_eq!(
        page.get("/api/events.json?ingest=n9").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        page.get("/api/events.json?since=x").await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn an_ingests_own_stream_is_passed_on_and_ends_with_the_session() {
    let ingest = Fake::start("n1", vec![]).await;
    let page = Page::with_users(&[&ingest.url()], &[]).await;
    let cookie = page.log_in("vic", "v").await.expect("logged in");
    let path = "/api/ingests/n1/v1/events";
    let headers = [cookie.as_str(), "last-event-id: 1-700"];
    let opened = async {
        loop {
            match Listener::open_at(&page, path, &headers).await {
                Ok(listener) => break listener,
                Err(status) => assert_eq!(status, StatusCode::NOT_FOUND, "not known yet"),
            }
        }
    };
    let mut listener = timeout(SOON, opened).await.expect("the ingest is known");
    assert!(ingest.went_on_after("1-700"));
    let event = json!({"id": "1-701", "kind": "rejoined"});
    ingest.event(event.clone()).await;
    assert_eq!(listener.next().await, Some(event), "{}", listener.text);
    assert!(listener.text.contains("id: 1-"), "{}", listener.text);
    let mut others = Vec::new();
    for _ in 1..EVENT_STREAMS_OF_ONE_MAX {
        others.push(Listener::open(&page, &cookie).await.expect("a stream"));
    }
    let refused = Listener::open_at(&page, path, &headers).await.err();
    assert_eq!(refused, Some(StatusCode::SERVICE_UNAVAILABLE), "one bound");
    let out = page.ask("POST /api/logout", &[&cookie], "").await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    let ended = async { while listener.next().await.is_some() {} };
    timeout(SOON, ended).await.expect("the end");
}

#[tokio::test]
async fn an_ingests_own_stream_that_falls_silent_is_cut() {
    let ingest = Fake::start("n1", vec![]).await;
    let page = Page::start(&[&ingest.url()], &[]).await;
    page.wait_here().await;
    let path = "/api/ingests/n1/v1/events";
    let mut listener = Listener::open_at(&page, path, &[]).await.expect("open");
    ingest.fall_silent();
    let ended = async { while listener.next().await.is_some() {} };
    timeout(SOON, ended).await.expect("the end");
}
