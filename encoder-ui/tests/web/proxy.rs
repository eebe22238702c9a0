//! Control, passed on.

use axum::body::{Body, Bytes};
use axum::http::{Method, StatusCode};
use encoder_ui::limits::{POLL_PERIOD, PROXIED_BODY_BYTES_MAX, PROXIED_MAX};
use futures_util::future::join_all;
use futures_util::stream;
use tokio::time::timeout;

use crate::fake::{Fake, channel};
use crate::page::{Page, SOON};

async fn scene(arguments: &[&str]) -> (Fake, Page, String) {
    let ingest = Fake::start("n1", vec![channel("news", 1)]).await;
    let page = Page::with_users(&[&ingest.url()], arguments).await;
    let cookie = page.log_in("ann", "a").await.expect("logged in");
    let here = async {
        loop {
            let list = page.ask("GET /api/ingests", &[&cookie], "").await.json();
            if list["ingests"][0]["state"] == "here" {
                break;
            }
        }
    };
    timeout(SOON, here).await.expect("in time");
    (ingest, page, cookie)
}

#[tokio::test]
async fn every_method_passes_with_our_token_and_the_users_name() {
    let token = tempfile::NamedTempFile::new().expect("file");
    std::fs::write(token.path(), "s3cret\n").expect("write");
    let token = token.path().to_str().expect("utf-8").to_owned();
    let (ingest, page, cookie) = scene(&["--ingest-token-file", &token]).await;
    let sly = [
        cookie.as_str(),
        "authorization: Bearer mine",
        "encoder-actor: somebody",
        "x-forwarded-for: 192.0.2.7",
        "content-type: application/json",
        "if-match: \"3\"",
    ];
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
        let line = format!("{method} /api/ingests/n1/v1/channels/news:x?a=b%20c");
        let answer = page.ask(&line, &sly, "{\"a\": 1}").await;
        assert_eq!(answer.status, StatusCode::CREATED, "{line}");
        let asked = ingest.asked().pop().expect("it came");
        assert_eq!(asked.method, method);
        assert_eq!(asked.path, "/api/v1/channels/news:x?a=b%20c");
        assert_eq!(asked.body, "{\"a\": 1}", "{line}");
        assert_eq!(asked.headers["authorization"], "Bearer s3cret");
        assert_eq!(asked.headers["content-type"], "application/json");
        assert_eq!(asked.headers["if-match"], "\"3\"");
        // Reading takes any token; only one of role admin may name an actor.
        let actor = asked
            .headers
            .get("encoder-actor")
            .map(|name| name.to_str().expect("text"));
        assert_eq!(actor, (method != Method::GET).then_some("ann"), "{line}");
        for kept in ["cookie", "x-forwarded-for", "origin"] {
            assert!(!asked.headers.contains_key(kept), "{kept}");
        }
    }
}

#[tokio::test]
async fn an_answer_passes_back_without_what_is_not_for_the_browser() {
    let (_ingest, page, cookie) = scene(&[]).await;
    let answer = page
        .ask(
            "GET /api/ingests/n1/v1/channels/news/capture.ts",
            &[&cookie],
            "",
        )
        .await;
    assert_eq!(answer.body, "a capture");
    assert_eq!(
        answer.headers["content-disposition"],
        "attachment; filename=\"news.ts\""
    );
    assert_eq!(answer.headers["x-seconds"], "1.500");
    assert_eq!(answer.headers["etag"], "\"7\"");
    assert_eq!(
        answer.headers["location"],
        "/api/ingests/n1/v1/channels/news"
    );
    assert!(!answer.headers.contains_key("set-cookie"));
    let head = page
        .ask("HEAD /api/ingests/n1/v1/channels/news", &[&cookie], "")
        .await;
    assert_eq!(head.status, StatusCode::CREATED);
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn a_path_stays_within_the_api() {
    let (ingest, page, cookie) = scene(&[]).await;
    for path in [
        "/api/ingests/n1/v1/../../metrics",
        "/api/ingests/n1/v1/%2e%2e/%2e%2e/metrics",
        "/api/ingests/n1/v1/a%2fb",
        "/api/ingests/n1/v1//channels",
        "/api/ingests/n1/v1/%252e%252e/metrics",
    ] {
        let answer = page.ask(&format!("GET {path}"), &[&cookie], "").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(answer.reason(), "bad_path", "{path}");
    }
    for path in ["/api/ingests/n1/v2/channels", "/api/ingests/n1/metrics"] {
        let answer = page.ask(&format!("GET {path}"), &[&cookie], "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    let answer = page
        .ask("GET /api/ingests/n9/v1/channels", &[&cookie], "")
        .await;
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (StatusCode::NOT_FOUND, "unknown_ingest")
    );
    assert!(ingest.asked().is_empty());
}

#[tokio::test]
async fn a_body_is_bounded_whether_its_length_is_told_or_not() {
    let (ingest, page, cookie) = scene(&[]).await;
    let line = "POST /api/ingests/n1/v1/channels:apply";
    let told = vec![b'a'; PROXIED_BODY_BYTES_MAX + 1];
    let answer = page.ask(line, &[&cookie], told).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let pieces =
        stream::iter((0..20).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b'a'; 100_000]))));
    let answer = page.ask(line, &[&cookie], Body::from_stream(pieces)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(ingest.asked().is_empty(), "none came whole");
    let whole = vec![b'a'; PROXIED_BODY_BYTES_MAX];
    let answer = page.ask(line, &[&cookie], whole).await;
    assert_eq!(
        answer.status,
        StatusCode::CREATED,
        "the longest that is taken"
    );
}

#[tokio::test]
async fn our_own_token_refused_is_no_end_of_the_session() {
    let (_ingest, page, cookie) = scene(&[]).await;
    let answer = page
        .ask(
            "GET /api/ingests/n1/v1/channels/unauthorized",
            &[&cookie],
            "",
        )
        .await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert_eq!(answer.reason(), "ingest_refuses");
}

/// What waits for an ingest does not keep others waiting.
#[tokio::test]
async fn an_ingest_that_is_away_is_not_waited_for() {
    let (ingest, page, cookie) = scene(&[]).await;
    ingest.fall_silent();
    let away = async {
        loop {
            let list = page.ask("GET /api/ingests", &[&cookie], "").await.json();
            if list["ingests"][0]["state"] == "away" {
                break;
            }
        }
    };
    timeout(SOON, away).await.expect("in time");
    for line in ["GET /api/ingests/n1/v1/status", "POST /api/ingests/n1/v1/x"] {
        // Far less than an answer may take.
        let answer = timeout(POLL_PERIOD, page.ask(line, &[&cookie], "")).await;
        let answer = answer.expect("at once");
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{line}");
        assert_eq!(answer.reason(), "ingest_away", "{line}");
    }
}

#[tokio::test]
async fn requests_to_one_ingest_are_bounded() {
    let (ingest, page, cookie) = scene(&[]).await;
    let line = "GET /api/ingests/n1/v1/channels/slow";
    let cookie = [cookie.as_str()];
    let waiting = (0..PROXIED_MAX).map(|_| page.ask(line, &cookie, ""));
    let waiting = join_all(waiting);
    tokio::pin!(waiting);
    let all_there = async {
        while ingest.asked().len() < PROXIED_MAX {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        _ = &mut waiting => panic!("they wait"),
        there = timeout(SOON, all_there) => there.expect("in time"),
    }
    tokio::select! {
        _ = &mut waiting => panic!("they wait"),
        answer = page.ask("GET /api/ingests/n1/v1/channels", &cookie, "") => {
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(answer.reason(), "too_many_requests");
        }
    }
    let answer = page.ask("GET /api/ingests", &cookie, "").await;
    assert_eq!(answer.status, StatusCode::OK);
}
