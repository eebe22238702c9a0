//! In, out, and who may do what.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use encoder_ui::limits::LOGIN_ATTEMPTS_MAX;
use http_body_util::BodyExt;
use serde_json::json;

use crate::fake::{Fake, channel};
use crate::page::{Page, users};

#[tokio::test]
async fn a_session_begins_is_known_and_is_taken_away() {
    let page = Page::with_users(&["http://127.0.0.1:1"], &[]).await;
    let asked = page.get("/api/me").await;
    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    assert_eq!(asked.reason(), "login_needed");
    for path in [
        "/api/ingests",
        "/api/about",
        "/api/events",
        "/api/events.json",
        "/api/nothing",
    ] {
        assert_eq!(
            page.get(path).await.status,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
    for path in ["/", "/login", "/live", "/ready", "/metrics"] {
        assert_eq!(page.get(path).await.status, StatusCode::OK, "{path}");
    }
    let body = json!({"name": "ann", "password": "a"}).to_string();
    let answer = page.ask("POST /api/login", &[], body).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let cookie = answer.headers["set-cookie"].to_str().expect("text");
    for part in [
        "encoder_session=",
        "; HttpOnly",
        "; SameSite=Strict",
        "; Path=/",
        "; Max-Age=43200",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "{cookie}");
    let cookie = page.log_in("ann", "a").await.expect("logged in");
    let me = page.ask("GET /api/me", &[&cookie], "").await;
    assert_eq!(
        me.json(),
        json!({"name": "ann", "role": "admin", "login": true})
    );
    let shadowed = format!(
        "cookie: other=1; encoder_session=of-another-port; {}",
        &cookie[8..]
    );
    let me = page.ask("GET /api/me", &[&shadowed], "").await;
    assert_eq!(
        me.status,
        StatusCode::OK,
        "a cookie of another program on this host"
    );
    let out = page.ask("POST /api/logout", &[&cookie], "").await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    let gone = out.headers["set-cookie"].to_str().expect("text");
    assert!(
        gone.starts_with("encoder_session=;") && gone.contains("Max-Age=0"),
        "{gone}"
    );
}

#[tokio::test]
async fn logging_out_ends_this_session_with_its_streams_and_no_other() {
    let page = Page::with_users(&["http://127.0.0.1:1"], &[]).await;
    let cookie = page.log_in("ann", "a").await.expect("logged in");
    let other = page.log_in("ann", "a").await.expect("logged in");
    let value = cookie.strip_prefix("cookie: ").expect("a cookie");
    let request = Request::get("/").header("cookie", value);
    let request = request.body(Body::empty()).expect("request");
    let stream = page.open("/api/events", request).await;
    assert_eq!(stream.status(), StatusCode::OK);
    let out = page.ask("POST /api/logout", &[&cookie], "").await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    let copy = page.ask("GET /api/me", &[&cookie], "").await;
    assert_eq!(
        copy.status,
        StatusCode::UNAUTHORIZED,
        "a copy of the cookie"
    );
    let ended = tokio::time::timeout(crate::page::SOON, stream.into_body().collect()).await;
    assert!(ended.is_ok(), "its event stream ends");
    let still = page.ask("GET /api/me", &[&other], "").await;
    assert_eq!(still.status, StatusCode::OK, "the other session");
    let out = page.ask("POST /api/logout", &[&cookie], "").await;
    assert_eq!(out.status, StatusCode::NO_CONTENT, "twice is no mistake");
}

#[tokio::test]
async fn wrong_names_and_passwords_are_one_answer_and_limited() {
    let page = Page::with_users(&["http://127.0.0.1:1"], &[]).await;
    let mut answers = Vec::new();
    for attempt in 0..LOGIN_ATTEMPTS_MAX {
        let name = if attempt % 2 == 0 { "ann" } else { "nobody" };
        let body = json!({"name": name, "password": "wrong"}).to_string();
        let answer = page.ask("POST /api/login", &[], body).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        answers.push(answer.body);
    }
    assert_eq!(
        answers[0], answers[1],
        "which of the two it is, is not told"
    );
    let body = json!({"name": "ann", "password": "a"}).to_string();
    let answer = page.ask("POST /api/login", &[], body).await;
    assert_eq!(
        answer.status,
        StatusCode::TOO_MANY_REQUESTS,
        "a right one, too"
    );
    let wait = answer.headers["retry-after"]
        .to_str()
        .expect("text")
        .parse::<u32>();
    assert!((1..=7).contains(&wait.expect("seconds")));
    assert_eq!(answer.reason(), "login_limited");
    let metrics = page.metrics().await;
    assert!(
        metrics.contains("encoder_ui_logins_total{result=\"limited\"} 1"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_body_that_is_wrong_is_said_by_its_pointer() {
    let page = Page::with_users(&["http://127.0.0.1:1"], &[]).await;
    let answer = page.ask("POST /api/login", &[], "{\"name\": 7}").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let errors = answer.json()["errors"].clone();
    assert_eq!(errors[0]["pointer"], "/name");
    assert_eq!(errors[1]["pointer"], "/password");
    let long = "x".repeat(100_000);
    let answer = page.ask("POST /api/login", &[], long).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_viewer_looks_and_changes_nothing() {
    let ingest = Fake::start("n1", vec![channel("news", 1)]).await;
    let page = Page::with_users(&[&ingest.url()], &[]).await;
    let viewer = page.log_in("vic", "v").await.expect("logged in");
    let admin = page.log_in("ann", "a").await.expect("logged in");
    let here = async {
        loop {
            let list = page.ask("GET /api/ingests", &[&viewer], "").await.json();
            if list["ingests"][0]["state"] == "here" {
                break;
            }
        }
    };
    tokio::time::timeout(crate::page::SOON, here)
        .await
        .expect("in time");
    for line in [
        "POST /api/ingests/n1/v1/channels",
        "PUT /api/ingests/n1/v1/channels/news",
        "DELETE /api/ingests/n1/v1/channels/news",
        "PATCH /api/ingests/n1/v1/channels/news",
        "POST /api/ingests/n1/v1/channels/news/diagnose",
        "DELETE /api/ingests/n1",
    ] {
        let answer = page.ask(line, &[&viewer], "").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{line}");
        assert_eq!(answer.reason(), "role", "{line}");
        assert_eq!(
            page.ask(line, &[], "").await.status,
            StatusCode::UNAUTHORIZED,
            "{line}"
        );
    }
    assert!(
        ingest.asked().is_empty(),
        "nothing of it reached the ingest"
    );
    let read = page
        .ask("GET /api/ingests/n1/v1/channels", &[&viewer], "")
        .await;
    assert_eq!(read.status, StatusCode::OK);
    let done = page
        .ask(
            "POST /api/ingests/n1/v1/channels/news/diagnose",
            &[&admin],
            "",
        )
        .await;
    assert_eq!(done.status, StatusCode::CREATED);
    // A role is looked at each time: who becomes a viewer is one at once.
    let file = page.users.as_ref().expect("users").path();
    let text = std::fs::read_to_string(file).expect("read");
    std::fs::write(file, text.replace("role: admin", "role: viewer")).expect("write");
    let demoted = async {
        while page
            .ask("POST /api/ingests/n1/v1/x", &[&admin], "")
            .await
            .status
            != StatusCode::FORBIDDEN
        {}
    };
    tokio::time::timeout(crate::page::SOON, demoted)
        .await
        .expect("in time");
}

#[tokio::test]
async fn a_new_password_ends_the_old_ones_sessions_alone() {
    let page = Page::with_users(&["http://127.0.0.1:1"], &[]).await;
    let ann = page.log_in("ann", "a").await.expect("logged in");
    let vic = page.log_in("vic", "v").await.expect("logged in");
    let file = page.users.as_ref().expect("users").path();
    let before = std::fs::read_to_string(file).expect("read");
    let new = users(&[("ann", "new", "admin")]);
    let vics = before.lines().last().expect("a line");
    std::fs::write(file, format!("{new}{vics}\n")).expect("write");
    let ended = async {
        while page.ask("GET /api/me", &[&ann], "").await.status != StatusCode::UNAUTHORIZED {}
    };
    tokio::time::timeout(crate::page::SOON, ended)
        .await
        .expect("in time");
    assert_eq!(
        page.ask("GET /api/me", &[&vic], "").await.status,
        StatusCode::OK
    );
    assert!(page.log_in("ann", "new").await.is_ok());
}

#[tokio::test]
async fn a_wrong_users_file_leaves_the_page_ready_for_the_users_read_before() {
    let page = Page::with_users(&["http://127.0.0.1:1"], &[]).await;
    let file = page.users.as_ref().expect("users").path();
    for wrong in ["users: []", ""] {
        std::fs::write(file, wrong).expect("write");
        let noticed = async { while !page.metrics().await.contains("encoder_ui_users_ok 0") {} };
        let noticed = tokio::time::timeout(crate::page::SOON, noticed).await;
        noticed.expect("in time");
        assert_eq!(page.get("/ready").await.status, StatusCode::OK, "{wrong:?}");
        assert!(page.log_in("ann", "a").await.is_ok(), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_session_outlives_a_restart_with_its_key() {
    let key = tempfile::NamedTempFile::new().expect("file");
    std::fs::write(key.path(), "0123456789abcdef0123456789abcdef").expect("write");
    let key = ["--session-key-file", key.path().to_str().expect("utf-8")];
    let before = Page::with_users(&["http://127.0.0.1:1"], &key).await;
    let cookie = before.log_in("ann", "a").await.expect("logged in");
    let file = before
        .users
        .as_ref()
        .expect("users")
        .path()
        .to_str()
        .expect("utf-8");
    let with = [&key[..], &["--users", file]].concat();
    let after = Page::start(&["http://127.0.0.1:1"], &with).await;
    assert_eq!(
        after.ask("GET /api/me", &[&cookie], "").await.status,
        StatusCode::OK
    );
    let other = Page::start(&["http://127.0.0.1:1"], &["--users", file]).await;
    let answer = other.ask("GET /api/me", &[&cookie], "").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "another key");
}

#[tokio::test]
async fn without_users_everybody_is_an_admin_without_a_name() {
    let page = Page::start(&["http://127.0.0.1:1"], &[]).await;
    let me = page.get("/api/me").await.json();
    assert_eq!(me, json!({"name": "", "role": "admin", "login": false}));
    let answer = page.ask("POST /api/login", &[], "{}").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.reason(), "no_login");
}
