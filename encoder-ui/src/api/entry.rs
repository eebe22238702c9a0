//! In and out: `/api/login`, `/api/logout`, `/api/me`.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use common::document::{self, Cursor, Mistakes, Syntax};
use common::problem::Problem;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::json;
use tokio::time::timeout;

use super::{Api, Shared, fresh};
use crate::guard::{Peer, Visitor, cookies};
use crate::limits::{
    LOGIN_BODY_BYTES_MAX, PASSWORD_BYTES_MAX, REQUEST_WITHIN, SESSION_HOLDS,
    USER_NAME_CHARACTERS_MAX,
};
use crate::login::LoginError;
use crate::login::session::COOKIE;
use crate::metrics::Login;

/// `{"name": "ann", "password": "..."}`: 204 and the cookie.
pub(super) async fn log_in(State(api): Shared, request: Request) -> Result<Response, Problem> {
    let Some(login) = &api.guard.rules().login else {
        let detail = "there is no login here: encoder-ui was started without --users";
        return Err(Problem::new(StatusCode::NOT_FOUND, detail).reason("no_login"));
    };
    let peer = request.extensions().get::<Peer>().copied();
    let address = peer.map_or(std::net::IpAddr::from([0, 0, 0, 0]), |peer| peer.0);
    let body = read_body(request.into_body()).await?;
    let (name, password) = read_credentials(&body)?;
    let counters = api.hub.counters();
    match login.log_in(&name, password, address).await {
        Ok(session) => {
            counters.login(Login::Ok);
            tracing::info!(user = name, %address, "logged in");
            let kept = SESSION_HOLDS.as_secs();
            Ok(with_cookie(&api, &session, kept))
        }
        Err(LoginError::WrongNameOrPassword) => {
            counters.login(Login::Wrong);
            tracing::warn!(user = name, %address, "wrong name or password");
            let detail = "the name or the password is wrong";
            Err(Problem::new(StatusCode::UNAUTHORIZED, detail).reason("wrong_credentials"))
        }
        Err(LoginError::Limited(wait)) => {
            counters.login(Login::Limited);
            // Rounded up: not a moment too early.
            let seconds = u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX);
            let detail = format!("too many attempts to log in: wait {seconds} s");
            Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail)
                .reason("login_limited")
                .param("seconds", seconds)
                .retry_after(seconds))
        }
        Err(LoginError::Busy) => {
            counters.login(Login::Busy);
            let detail = "too many log in at this moment: try again";
            Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail)
                .reason("login_busy")
                .retry_after(1))
        }
    }
}

/// Ends the session, with its event streams and previews, and takes the cookie away.
pub(super) async fn log_out(State(api): Shared, headers: HeaderMap) -> Response {
    if let Some(login) = &api.guard.rules().login {
        for (session, _) in login.sessions(cookies(&headers)) {
            login.end(&session);
            tracing::info!(user = session.name, "logged out");
        }
    }
    with_cookie(&api, "", 0)
}

pub(super) async fn me(State(api): Shared, Extension(visitor): Extension<Visitor>) -> Response {
    fresh(
        &json!({
            "name": visitor.name(),
            "role": visitor.role,
            "login": api.guard.rules().login.is_some(),
        })
        .to_string(),
    )
}

fn with_cookie(api: &Api, value: &str, seconds: u64) -> Response {
    let secure = if api.guard.rules().is_https() {
        "; Secure"
    } else {
        ""
    };
    let cookie =
        format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    // Letters, digits and `-_.=;/` alone: it is always one.
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        headers.insert(header::SET_COOKIE, cookie);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn read_body(body: Body) -> Result<Bytes, Problem> {
    let body = Limited::new(body, LOGIN_BODY_BYTES_MAX).collect();
    match timeout(REQUEST_WITHIN, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let detail = format!("the body has more than {LOGIN_BODY_BYTES_MAX} bytes");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).reason("body_too_large"))
        }
        Ok(Err(_)) => {
            let detail = "the body could not be read";
            Err(Problem::new(StatusCode::BAD_REQUEST, detail).reason("body_unreadable"))
        }
        Err(_) => {
            let detail = "the body did not come in time";
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail).reason("body_slow"))
        }
    }
}

fn read_credentials(body: &[u8]) -> Result<(String, String), Problem> {
    let mistakes = Mistakes::new();
    let node = document::read(body, Syntax::Json, &mistakes);
    let read = node.and_then(|node| {
        let root = Cursor::root(&node, &mistakes);
        let fields = root.fields(&["name", "password"])?;
        let name = fields.required("name");
        let name = name.and_then(|cursor| cursor.text(1..=USER_NAME_CHARACTERS_MAX));
        let password = fields.required("password");
        let password = password.and_then(|cursor| cursor.text(1..=PASSWORD_BYTES_MAX));
        Some((name?.to_owned(), password?.to_owned()))
    });
    mistakes.or(read).map_err(|errors| {
        Problem::new(StatusCode::BAD_REQUEST, "the body is wrong")
            .reason("mistakes")
            .errors(errors)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_two_texts() {
        let read = |text: &str| read_credentials(text.as_bytes());
        let (name, password) = read(r#"{"name": "ann", "password": "s"}"#).expect("good");
        assert_eq!((name.as_str(), password.as_str()), ("ann", "s"));
        for (wrong, pointer) in [
            (r#"{"name": "ann"}"#, "/password"),
            (r#"{"name": "", "password": "s"}"#, "/name"),
            (r#"{"name": "ann", "password": 7}"#, "/password"),
            (
                r#"{"name": "ann", "password": "s", "role": "admin"}"#,
                "/role",
            ),
            ("name=ann", ""),
        ] {
            let problem = read(wrong).expect_err(wrong);
            assert_eq!(problem.status, 400);
            assert_eq!(problem.errors[0].pointer, pointer, "{wrong}");
        }
    }
}
