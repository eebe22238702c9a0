//! Asks an ingest over HTTP. Every answer is bounded in time and length.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::body::Body;
use axum::http::uri::{PathAndQuery, Scheme, Uri};
use axum::http::{HeaderValue, Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::limits::{ANSWER_BYTES_MAX, ANSWER_WITHIN};

/// Where an ingest is: `http://HOST[:PORT]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestUrl(Uri);

/// Why a text is not the URL of an ingest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the URL of an ingest: write http://HOST:PORT, without a path")]
pub struct IngestUrlError(String);

/// Why an ingest gave no answer that can be used. Who the ingest is stands beside it.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("it can't be reached: {0}")]
    Unreachable(String),
    #[error("it did not answer within {} s", .0.as_secs())]
    Slow(Duration),
    #[error("{path} was answered by {status}")]
    Status { path: String, status: StatusCode },
    #[error("{path} was answered by more than {ANSWER_BYTES_MAX} bytes")]
    Long { path: String },
    #[error("{path} was answered by something else than expected: {cause}")]
    Unintelligible { path: String, cause: String },
}

/// Keeps connections to ingests open. Cheap to clone.
#[derive(Clone)]
pub struct IngestClient {
    http: HttpClient<HttpConnector, Body>,
    /// `Bearer TOKEN`.
    authorization: Option<HeaderValue>,
}

impl IngestUrl {
    fn at(&self, path: &str) -> Option<Uri> {
        let mut parts = self.0.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
        Uri::from_parts(parts).ok()
    }
}

impl FromStr for IngestUrl {
    type Err = IngestUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || IngestUrlError(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| refused())?;
        let bare = uri.path_and_query().is_none_or(|path| path == "/");
        let plain = uri
            .authority()
            .is_some_and(|authority| !authority.as_str().contains('@'));
        if uri.scheme() == Some(&Scheme::HTTP) && plain && bare && !text.contains('#') {
            Ok(Self(uri))
        } else {
            Err(refused())
        }
    }
}

impl fmt::Display for IngestUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self
            .0
            .authority()
            .map_or("", |authority| authority.as_str());
        write!(f, "http://{authority}")
    }
}

impl fmt::Debug for IngestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the token.
        f.debug_struct("IngestClient")
            .field("authorized", &self.authorization.is_some())
            .finish_non_exhaustive()
    }
}

impl IngestClient {
    /// `token` goes with every request.
    #[must_use]
    pub fn new(token: Option<HeaderValue>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(ANSWER_WITHIN));
        Self {
            http: HttpClient::builder(TokioExecutor::new()).build(connector),
            authorization: token,
        }
    }

    /// # Errors
    /// When there is no answer in time, or none with a JSON body of this form.
    pub async fn get_json<T: DeserializeOwned>(
        &self,
        ingest: &IngestUrl,
        path: &str,
    ) -> Result<T, ClientError> {
        let body = self.get(ingest, path).await?;
        serde_json::from_slice(&body).map_err(|cause| unintelligible(path, &cause))
    }

    /// # Errors
    /// When there is no answer in time, or none in UTF-8.
    pub async fn get_text(&self, ingest: &IngestUrl, path: &str) -> Result<String, ClientError> {
        let body = self.get(ingest, path).await?;
        String::from_utf8(body.into()).map_err(|cause| unintelligible(path, &cause))
    }

    async fn get(&self, ingest: &IngestUrl, path: &str) -> Result<Bytes, ClientError> {
        timeout(ANSWER_WITHIN, self.get_in_time(ingest, path))
            .await
            .unwrap_or(Err(ClientError::Slow(ANSWER_WITHIN)))
    }

    async fn get_in_time(&self, ingest: &IngestUrl, path: &str) -> Result<Bytes, ClientError> {
        let uri = ingest
            .at(path)
            .ok_or_else(|| unintelligible(path, &"no path"))?;
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri;
        if let Some(authorization) = &self.authorization {
            request
                .headers_mut()
                .insert(header::AUTHORIZATION, authorization.clone());
        }
        let response = self
            .http
            .request(request)
            .await
            .map_err(|error| ClientError::Unreachable(innermost(&error)))?;
        if response.status() != StatusCode::OK {
            return Err(ClientError::Status {
                path: path.to_owned(),
                status: response.status(),
            });
        }
        match Limited::new(response.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await
        {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(ClientError::Long {
                path: path.to_owned(),
            }),
            Err(error) => Err(ClientError::Unreachable(innermost(error.as_ref()))),
        }
    }
}

fn unintelligible(path: &str, cause: &dyn fmt::Display) -> ClientError {
    ClientError::Unintelligible {
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}

/// "Connection refused" says more than the client's "client error (Connect)" around it.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_bare_url_of_an_ingest_is_taken() {
        let url = |text: &str| text.parse::<IngestUrl>().map(|url| url.to_string());
        assert_eq!(
            url("http://127.0.0.1:9525").as_deref(),
            Ok("http://127.0.0.1:9525")
        );
        assert_eq!(url("http://n1:9525/").as_deref(), Ok("http://n1:9525"));
        assert_eq!(url("http://[::1]:9525").as_deref(), Ok("http://[::1]:9525"));
        for wrong in [
            "",
            "127.0.0.1:9525",
            "https://n1:9525",
            "http://n1:9525/api",
            "http://n1:9525/?a",
            "http://name:password@n1",
            "udp://239.1.1.1:5000",
        ] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
    }
}
