//! Errors over HTTP: `application/problem+json` (RFC 9457), with one entry for every mistake in a
//! body or file.
//!
//! Rendered by axum, or as bytes for connections that axum never sees.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::SystemTime;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::document::Mistake;

/// The media type of a problem (RFC 9457, 3).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// An error as the client sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    #[serde(rename = "type", default)]
    pub kind: ProblemKind,
    #[schema(value_type = String)]
    pub title: Box<str>,
    pub status: u16,
    /// A sentence in English that the reader can act on.
    pub detail: String,
    /// A code for programs, such as a channel's reason; `params` holds its facts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub reason: Option<Box<str>>,
    #[serde(default)]
    #[schema(required = true)]
    pub params: BTreeMap<String, String>,
    /// Every mistake in a body or file.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub errors: Vec<Mistake>,
    // Boxed, like the short texts, to keep the error of many a `Result` small.
    #[serde(skip)]
    #[expect(clippy::box_collection)]
    headers: Option<Box<Vec<(HeaderName, String)>>>,
}

/// `about:blank`: the status says what kind of problem it is (RFC 9457, 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub enum ProblemKind {
    #[default]
    #[serde(rename = "about:blank")]
    Blank,
}

impl Problem {
    #[must_use]
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: ProblemKind::Blank,
            title: status.canonical_reason().unwrap_or("Error").into(),
            status: status.as_u16(),
            detail: detail.into(),
            reason: None,
            params: BTreeMap::new(),
            errors: Vec::new(),
            headers: None,
        }
    }

    #[must_use]
    pub fn reason(mut self, code: impl Into<Box<str>>) -> Self {
        self.reason = Some(code.into());
        self
    }

    #[must_use]
    pub fn param(mut self, name: &str, value: impl Display) -> Self {
        self.params.insert(name.to_owned(), format!("{value}"));
        self
    }

    #[must_use]
    pub fn params(mut self, params: BTreeMap<String, String>) -> Self {
        self.params = params;
        self
    }

    #[must_use]
    pub fn errors(mut self, errors: Vec<Mistake>) -> Self {
        self.errors = errors;
        self
    }

    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers
            .get_or_insert_default()
            .push((name, value.into()));
        self
    }

    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.header(header::RETRY_AFTER, seconds.to_string())
    }

    #[must_use]
    pub fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The whole HTTP/1.1 response, after which the connection closes; for HEAD its head alone.
    #[must_use]
    pub fn response_bytes(&self, head_only: bool) -> Vec<u8> {
        let status = self.status_code();
        let body = self.body();
        let mut head = format!(
            "HTTP/1.1 {} {}\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {}\r\n\
             cache-control: no-store\r\nconnection: close\r\ndate: {}\r\n",
            status.as_u16(),
            status.canonical_reason().unwrap_or("Error"),
            body.len(),
            httpdate::fmt_http_date(SystemTime::now()),
        );
        for (name, value) in self.valid_headers() {
            head.push_str(name.as_str());
            head.push_str(": ");
            head.push_str(value.to_str().unwrap_or_default());
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        if !head_only {
            bytes.extend_from_slice(&body);
        }
        bytes
    }

    fn body(&self) -> Vec<u8> {
        // Strings, numbers and maps of strings: this can't fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Values with a line break or another forbidden byte are left out.
    fn valid_headers(&self) -> impl Iterator<Item = (&HeaderName, HeaderValue)> {
        self.headers
            .iter()
            .flat_map(|headers| headers.iter())
            .filter_map(|(name, value)| Some((name, HeaderValue::from_str(value).ok()?)))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status_code(), self.body()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in self.valid_headers() {
            headers.insert(name.clone(), value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::MistakeCode;

    fn problem() -> Problem {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "2000 viewers are connected",
        )
        .reason("max_viewers")
        .param("max", 2000)
        .retry_after(5)
        .errors(vec![
            Mistake::new(MistakeCode::MissingKey, "no id").at("/channels/0/id", Some(3)),
        ])
    }

    #[test]
    fn bytes_are_one_whole_response() {
        let text = String::from_utf8(problem().response_bytes(false)).expect("utf-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("head and body");
        assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
        assert!(head.contains("\r\nretry-after: 5\r\n") || head.ends_with("\r\nretry-after: 5"));
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
        let read: Problem = serde_json::from_str(body).expect("json");
        assert_eq!(read.reason.as_deref(), Some("max_viewers"));
        assert_eq!(read.errors[0].line, Some(3));
        assert!(body.contains(r#""type":"about:blank""#));
        assert_eq!(read.params["max"], "2000");
        let read: serde_json::Value = serde_json::from_str(body).expect("json");
        let nothing = serde_json::json!({});
        assert_eq!(read["errors"][0]["params"], nothing, "without facts too");
    }

    #[test]
    fn head_has_no_body() {
        let bytes = problem().response_bytes(true);
        assert!(bytes.ends_with(b"\r\n\r\n"));
    }

    #[test]
    fn axum_says_the_same() {
        let response = problem().into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "5");
    }

    #[test]
    fn a_header_can_not_be_smuggled_in() {
        let sly = problem().header(header::ALLOW, "GET\r\nset-cookie: a=b");
        let text = String::from_utf8(sly.response_bytes(true)).expect("utf-8");
        assert!(!text.contains("set-cookie"));
    }
}
