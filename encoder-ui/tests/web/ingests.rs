//! Which ingests are shown, and how they fare.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::json;
use tokio::time::timeout;

use crate::fake::{Fake, channel};
use crate::page::{Page, SOON};

#[tokio::test]
async fn an_ingest_is_known_by_its_name_with_its_channels_nodes_and_urls() {
    let ingest = Fake::start("n1", vec![channel("news", 8_000_000)]).await;
    let page = Page::start(&[&ingest.url()], &[]).await;
    let seen = page
        .ingests_that(|seen| {
            seen.first()
                .is_some_and(|ingest| ingest["seen_at"].is_string())
        })
        .await
        .remove(0);
    assert_eq!(seen["name"], "n1");
    assert_eq!(seen["known"], true);
    assert_eq!(seen["state"], "here");
    assert_eq!(seen["address"], ingest.url());
    assert_eq!(seen["error"], json!(null));
    assert_eq!(seen["status"]["node_name"], "n1");
    assert_eq!(seen["nodes"], json!([{"name": "e1"}]));
    assert_eq!(seen["jobs"], json!([]), "an ingest without jobs");
    assert_eq!(seen["channels"][0]["name"], "news <HD>");
    let watch_url = format!("{}/channels/news.ts", ingest.url());
    assert_eq!(seen["channels"][0]["watch_url"], watch_url);
    assert!(seen["since"].as_str().expect("time").ends_with('Z'));
}

#[tokio::test]
async fn one_that_is_killed_is_away_within_5_s_and_the_other_works() {
    let one = Fake::start("n1", vec![channel("news", 1)]).await;
    let other = Fake::start("n2", vec![channel("film", 1)]).await;
    let page = Page::start(&[&one.url(), &other.url()], &[]).await;
    page.ingests_that(|seen| {
        seen.iter()
            .filter(|ingest| ingest["seen_at"].is_string())
            .count()
            == 2
    })
    .await;
    let address = one.address;
    drop(one);
    let killed = Instant::now();
    let seen = page.ingests_that(|seen| seen[0]["state"] == "away").await;
    assert!(
        killed.elapsed() < Duration::from_secs(5),
        "{:?}",
        killed.elapsed()
    );
    assert_eq!(
        seen[0]["channels"][0]["id"], "news",
        "its last answer stays"
    );
    let error = seen[0]["error"].as_str().expect("error");
    assert!(error.contains("can't be reached"), "{error}");
    assert_eq!(seen[1]["state"], "here");
    let answer = page.get("/api/ingests/n1/v1/channels").await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert_eq!(answer.reason(), "ingest_away");
    assert_eq!(
        page.get("/api/ingests/n2/v1/channels").await.status,
        StatusCode::OK
    );
    assert_eq!(page.get("/ready").await.status, StatusCode::OK);
    let dismissed = page.ask("DELETE /api/ingests/n1", &[], "").await;
    assert_eq!(dismissed.status, StatusCode::CONFLICT, "it is not removed");
    let _back = Fake::start_at("n1", vec![], address).await;
    page.ingests_that(|seen| seen[0]["state"] == "here" && seen[0]["channels"] == json!([]))
        .await;
}

#[tokio::test]
async fn one_that_hangs_is_away_within_5_s() {
    let ingest = Fake::start("n1", vec![channel("news", 1)]).await;
    let page = Page::start(&[&ingest.url()], &[]).await;
    page.wait_here().await;
    ingest.fall_silent();
    let silent = Instant::now();
    let seen = page.ingests_that(|seen| seen[0]["state"] == "away").await;
    assert!(
        silent.elapsed() < Duration::from_secs(5),
        "{:?}",
        silent.elapsed()
    );
    let error = seen[0]["error"].as_str().expect("error");
    assert!(error.contains("did not answer within 2 s"), "{error}");
}

#[tokio::test]
async fn one_that_never_answered_is_listed_by_its_address() {
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("port");
        listener.local_addr().expect("address")
    };
    let page = Page::start(&[&format!("http://{nobody}")], &[]).await;
    let seen = page.ingests_that(|seen| !seen.is_empty()).await.remove(0);
    assert_eq!(seen["name"], nobody.to_string());
    assert_eq!(seen["known"], false);
    assert_eq!(seen["state"], "away");
    assert!(
        seen["error"]
            .as_str()
            .expect("error")
            .contains("can't be reached")
    );
    assert_eq!(seen["channels"], json!([]));
}

#[tokio::test]
async fn two_with_one_name_are_said() {
    let one = Fake::start("n1", vec![]).await;
    let other = Fake::start("n1", vec![]).await;
    let page = Page::start(&[&one.url(), &other.url()], &[]).await;
    let seen = page.ingests_that(|seen| seen.len() == 2).await;
    assert_eq!(
        (&seen[0]["name"], &seen[0]["known"]),
        (&json!("n1"), &json!(true))
    );
    assert_eq!(seen[0]["state"], "here");
    let errors = [&seen[0]["error"], &seen[1]["error"]].map(|error| error.as_str().expect("error"));
    assert!(
        errors[0].contains("another ingest with this name"),
        "{errors:?}"
    );
    assert!(errors[1].contains("it calls itself n1"), "{errors:?}");
    assert_eq!(seen[1]["known"], false);
}

#[tokio::test]
async fn an_ingest_that_answers_nonsense_is_said() {
    let ingest = Fake::start("n1", vec![json!({"id": 7})]).await;
    let page = Page::start(&[&ingest.url()], &[]).await;
    let seen = page
        .ingests_that(|seen| seen.first().is_some_and(|one| one["error"].is_string()))
        .await;
    let error = seen[0]["error"].as_str().expect("error");
    assert!(
        error.starts_with("/api/v1/channels was answered by"),
        "{error}"
    );
}

/// As when the Secret with all tokens is replaced.
#[tokio::test]
async fn a_new_token_is_taken_without_a_new_start() {
    let token = tempfile::NamedTempFile::new().expect("file");
    let write = |text: &str| std::fs::write(token.path(), text).expect("write");
    write("one\n");
    let ingest = Fake::start("n1", vec![channel("news", 1)]).await;
    ingest.ask_for_token("one");
    let path = token.path().to_str().expect("utf-8");
    let page = Page::start(&[&ingest.url()], &["--ingest-token-file", path]).await;
    page.wait_here().await;
    ingest.ask_for_token("two");
    let seen = page
        .ingests_that(|seen| seen[0]["error"].is_string())
        .await
        .remove(0);
    let error = seen["error"].as_str().expect("error");
    assert!(error.contains("--ingest-token-file"), "{error}");
    assert_eq!(seen["channels"][0]["id"], "news", "its last answer stays");
    let said = seen["seen_at"].as_str().expect("when it said that");
    let control = page.get("/api/ingests/n1/v1/channels/news").await;
    assert_eq!(control.reason(), "ingest_refuses");
    let stays = page.ingests_that(|seen| !seen.is_empty()).await.remove(0);
    assert_eq!(stays["seen_at"], said, "nothing new is known");
    write("two\n");
    page.ingests_that(|seen| seen[0]["error"].is_null() && seen[0]["seen_at"] != said)
        .await;
    let control = page.get("/api/ingests/n1/v1/channels/news").await;
    assert_eq!(control.status, StatusCode::CREATED);
    let asked = ingest.asked().pop().expect("it came");
    assert_eq!(asked.headers["authorization"], "Bearer two");
    // Once its events are listened to again.
    let listened = ingest.event(json!({"id": "1-7"}));
    timeout(SOON, listened).await.expect("its stream is opened");
}

#[tokio::test]
async fn an_ingest_that_keeps_its_playlist_is_shown_with_its_channels() {
    let ingest = Fake::start("n1", vec![channel("news", 1)]).await;
    ingest.keep_playlist(true);
    let page = Page::start(&[&ingest.url()], &[]).await;
    let seen = page
        .ingests_that(|seen| seen.first().is_some_and(|one| one["seen_at"].is_string()))
        .await
        .remove(0);
    assert_eq!(seen["state"], "here");
    assert_eq!(seen["channels"][0]["id"], "news");
    assert_eq!(seen["channels"][0]["watch_url"], json!(null));
    let error = seen["error"].as_str().expect("why there is no URL");
    assert_eq!(error, "/playlist.m3u?all=1 was answered by 403 Forbidden");
    ingest.keep_playlist(false);
    ingest.set_channels(vec![channel("news", 1), channel("film", 1)]);
    let seen = page.ingests_that(|seen| seen[0]["error"].is_null()).await;
    assert!(seen[0]["channels"][1]["watch_url"].is_string(), "{seen:?}");
    // The URLs that are known stay.
    ingest.keep_playlist(true);
    ingest.set_channels(vec![channel("film", 2), channel("other", 1)]);
    let seen = page.ingests_that(|seen| seen[0]["error"].is_string()).await;
    assert!(seen[0]["channels"][0]["watch_url"].is_string(), "{seen:?}");
}
