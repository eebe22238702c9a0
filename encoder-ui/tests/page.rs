//! The page against an ingest that is played by the test.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::routing::get;
use axum::{Json, Router};
use encoder_ui::app;
use encoder_ui::client::IngestClient;
use encoder_ui::ingests::Ingests;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Long enough for a loaded machine; what is awaited comes within [`POLL_PERIOD`] or so.
///
/// [`POLL_PERIOD`]: encoder_ui::limits::POLL_PERIOD
const SOON: Duration = Duration::from_secs(20);

struct FakeIngest {
    url: String,
    /// Dropped: the ingest is gone.
    _serving: JoinSet<()>,
}

async fn fake_ingest(channels: Value) -> FakeIngest {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let playlist = format!("#EXTM3U\n#EXTINF:-1 tvg-id=\"news\",News\n{url}/channels/news.ts\n");
    let router = Router::new()
        .route("/api/v1/channels", get(async || Json(channels)))
        .route("/playlist.m3u", get(async || playlist));
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await.expect("serves") });
    FakeIngest {
        url,
        _serving: serving,
    }
}

fn news() -> Value {
    json!({"channels": [{
        "id": "news", "name": "News <HD>", "enabled": true, "origin": "declared", "slow_viewer": "skip",
        "inputs": [{"url": "udp://239.1.1.1:5000", "interface": "eth1"}], "renditions": [],
        "status": {
            "state": "waiting", "reason": "never_received", "params": {},
            "detail": "no datagram of 239.1.1.1:5000 came on eth1", "since": "2026-11-23T10:00:00Z",
            "active_input": 0, "bitrate_bps": 0, "viewers": 0,
            "received": {"datagrams": 0, "bytes": 0},
            "lost": {"network": 0, "kernel": 0, "upstream": 0, "unattributed": 0},
            "repaired": {"reordered": 0, "duplicates": 0}, "services": []
        }
    }]})
}

async fn ask(router: &Router, path: &str, host: &str) -> (StatusCode, String, String) {
    let request = Request::get(path)
        .header(header::HOST, host)
        .body(Body::empty())
        .expect("request");
    let service = TowerToHyperService::new(router.clone());
    let response = hyper::service::Service::call(&service, request)
        .await
        .expect("answer");
    let head = format!("{:?}", response.headers());
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.expect("body");
    let body = String::from_utf8(body.to_vec()).expect("utf-8");
    (status, head, body)
}

/// The first entry of /api/ingests, once `wanted` holds.
async fn ingest_that(router: &Router, wanted: impl Fn(&Value) -> bool) -> Value {
    let await_it = async {
        loop {
            let (_, _, body) = ask(router, "/api/ingests", "127.0.0.1").await;
            let list: Value = serde_json::from_str(&body).expect("json");
            if wanted(&list["ingests"][0]) {
                break list["ingests"][0].clone();
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, await_it).await.expect("in time")
}

fn page_of(ingest: &FakeIngest, no_auth: bool) -> (Router, JoinSet<()>) {
    let mut pollers = JoinSet::new();
    let urls = vec![ingest.url.parse().expect("url")];
    let ingests = Ingests::watch(urls, &IngestClient::new(None), &mut pollers);
    (app::router(ingests, no_auth), pollers)
}

#[tokio::test]
async fn channels_are_listed_and_stay_visible_with_their_age_when_the_ingest_is_away() {
    let ingest = fake_ingest(news()).await;
    let (router, _pollers) = page_of(&ingest, false);
    let seen = ingest_that(&router, |seen| seen["age_ms"].is_u64()).await;
    assert_eq!(seen["away"], false);
    assert_eq!(seen["channels"][0]["status"]["reason"], "never_received");
    let watch_url = format!("{}/channels/news.ts", ingest.url);
    assert_eq!(seen["channels"][0]["watch_url"], watch_url);

    drop(ingest);
    let seen = ingest_that(&router, |seen| seen["away"] == true).await;
    assert_eq!(seen["channels"][0]["name"], "News <HD>");
    assert!(seen["age_ms"].as_u64().expect("age") > 3000, "{seen}");
    let error = seen["error"].as_str().expect("error");
    assert!(error.contains("can't be reached"), "{error}");
    let (_, _, metrics) = ask(&router, "/metrics", "127.0.0.1").await;
    let away = metrics
        .lines()
        .find(|line| line.starts_with("encoder_ui_ingest_away{"));
    assert!(away.is_some_and(|line| line.ends_with(" 1")), "{metrics}");
    let (ready, ..) = ask(&router, "/ready", "127.0.0.1").await;
    assert_eq!(
        ready,
        StatusCode::OK,
        "an ingest away is no reason to take the page away"
    );
}

#[tokio::test]
async fn an_ingest_that_answers_nonsense_is_said() {
    let ingest = fake_ingest(json!({"channels": [{"id": 7}]})).await;
    let (router, _pollers) = page_of(&ingest, false);
    let seen = ingest_that(&router, |seen| seen["error"].is_string()).await;
    let error = seen["error"].as_str().expect("error");
    assert!(
        error.starts_with("/api/v1/channels was answered by"),
        "{error}"
    );
}

#[tokio::test]
async fn the_page_is_whole_and_takes_nothing_from_elsewhere() {
    let ingest = fake_ingest(news()).await;
    let (router, _pollers) = page_of(&ingest, false);
    let (status, head, body) = ask(&router, "/", "localhost:8080").await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        head.contains("text/html") && head.contains("default-src 'none'"),
        "{head}"
    );
    assert!(!head.contains("unsafe-inline"), "{head}");
    assert!(!body.contains("://"), "the page names something elsewhere");
    assert!(!body.contains("style="), "{body}");
    let (status, head, _) = ask(&router, "/nothing", "localhost").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(head.contains("application/problem+json"), "{head}");
}

#[tokio::test]
async fn without_login_a_page_of_another_host_is_refused() {
    let ingest = fake_ingest(news()).await;
    let (router, _pollers) = page_of(&ingest, false);
    let (status, ..) = ask(&router, "/api/ingests", "evil.example").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, ..) = ask(&router, "/live", "evil.example").await;
    assert_eq!(status, StatusCode::OK, "probes come under any name");
    let (router, _pollers) = page_of(&ingest, true);
    let (status, ..) = ask(&router, "/api/ingests", "encoder.example").await;
    assert_eq!(status, StatusCode::OK, "--no-auth takes everyone");
}
