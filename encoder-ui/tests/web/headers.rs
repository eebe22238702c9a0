//! What a browser is told about safety, and which pages may ask.

use axum::http::StatusCode;

use crate::page::Page;

const NOBODY: &str = "http://127.0.0.1:1";

#[tokio::test]
async fn every_answer_says_what_the_page_may_do() {
    let page = Page::start(&[NOBODY], &[]).await;
    for path in ["/", "/api/me", "/api/nothing", "/nothing", "/metrics"] {
        let answer = page.get(path).await;
        let policy = answer.headers["content-security-policy"]
            .to_str()
            .expect("text");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; "),
            "{path}: {policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(
            answer.headers["x-content-type-options"], "nosniff",
            "{path}"
        );
        assert_eq!(answer.headers["referrer-policy"], "same-origin", "{path}");
        assert!(
            !answer.headers.contains_key("strict-transport-security"),
            "{path}"
        );
    }
    let index = String::from_utf8(page.get("/").await.body.to_vec()).expect("utf-8");
    assert!(
        !index.contains("://") && !index.contains("style="),
        "{index}"
    );
    let page = Page::with_users(&[NOBODY], &["--public-url", "https://encoder.example"]).await;
    let answer = page.get("/").await;
    assert_eq!(
        answer.headers["strict-transport-security"],
        "max-age=31536000"
    );
    let body = r#"{"name": "ann", "password": "a"}"#;
    let own = "origin: https://encoder.example";
    let answer = page.ask("POST /api/login", &[own], body).await;
    let cookie = answer.headers["set-cookie"].to_str().expect("text");
    assert!(cookie.contains("; Secure"), "{cookie}");
}

#[tokio::test]
async fn a_change_is_taken_from_our_own_page_alone() {
    let page = Page::with_users(&[NOBODY], &[]).await;
    let body = r#"{"name": "ann", "password": "a"}"#;
    let own = format!("origin: http://{}", page.address);
    let behind = ["host: encoder.example", "origin: https://encoder.example"];
    for allowed in [
        &[][..],
        &[own.as_str()],
        &behind,
        &["sec-fetch-site: same-origin", &own],
    ] {
        let answer = page.ask("POST /api/login", allowed, body).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{allowed:?}");
    }
    for foreign in [
        &["origin: https://evil.example"][..],
        &["origin: null"],
        &["origin: http://127.0.0.1:1"],
        &["sec-fetch-site: cross-site"],
        &["sec-fetch-site: same-site", &own],
    ] {
        for line in [
            "POST /api/login",
            "POST /api/logout",
            "DELETE /api/ingests/n1",
        ] {
            let answer = page.ask(line, foreign, body).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{line} {foreign:?}");
            assert_eq!(answer.reason(), "foreign_origin", "{line} {foreign:?}");
        }
        assert_eq!(
            page.ask("GET /", foreign, "").await.status,
            StatusCode::OK,
            "a link to us"
        );
    }
}

#[tokio::test]
async fn with_a_public_url_only_its_origin_counts() {
    let page = Page::with_users(&[NOBODY], &["--public-url", "https://encoder.example"]).await;
    let body = r#"{"name": "ann", "password": "a"}"#;
    let own = format!("origin: http://{}", page.address);
    let answer = page.ask("POST /api/login", &[&own], body).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = page
        .ask(
            "POST /api/login",
            &["origin: https://encoder.example"],
            body,
        )
        .await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn without_login_a_foreign_host_is_refused() {
    let page = Page::start(&[NOBODY], &[]).await;
    for host in [
        "evil.example",
        "127.0.0.1.evil.example:8080",
        "evil.example@127.0.0.1",
    ] {
        let answer = page
            .ask("GET /api/ingests", &[&format!("host: {host}")], "")
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{host}");
        assert_eq!(answer.reason(), "foreign_host", "{host}");
    }
    let answer = page.ask("GET /live", &["host: evil.example"], "").await;
    assert_eq!(answer.status, StatusCode::OK, "probes come under any name");
    for host in ["localhost:8080", "[::1]:8080", "192.0.2.7"] {
        let answer = page
            .ask("GET /api/ingests", &[&format!("host: {host}")], "")
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{host}");
    }
    let page = Page::start(&[NOBODY], &["--public-url", "http://encoder.example"]).await;
    let answer = page
        .ask("GET /api/ingests", &["host: encoder.example"], "")
        .await;
    assert_eq!(answer.status, StatusCode::OK, "the host of --public-url");
    let page = Page::start(&[NOBODY], &["--no-auth"]).await;
    let answer = page
        .ask("GET /api/ingests", &["host: encoder.example"], "")
        .await;
    assert_eq!(answer.status, StatusCode::OK, "--no-auth takes everyone");
}

#[tokio::test]
async fn every_path_tells_a_wrong_method_as_a_problem() {
    let page = Page::start(&[NOBODY], &[]).await;
    for path in ["/live", "/ready", "/metrics", "/api/me", "/"] {
        let answer = page.ask(&format!("POST {path}"), &[], "").await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.reason(), "no_such_method", "{path}");
        assert!(answer.headers.contains_key("allow"), "{path}");
    }
}
