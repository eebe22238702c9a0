//! Asks an ingest over HTTP, by its address. Every answer that is kept is bounded in time and length.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::uri::{Scheme, Uri};
use axum::http::{HeaderName, Request, Response, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use crate::limits::{ANSWER_BYTES_MAX, ANSWER_WITHIN, PREVIEW_BUFFER_BYTES};
use crate::token::IngestToken;

/// For whom a token of role `admin` acts; the ingest writes it into its events.
pub const ACTOR: HeaderName = HeaderName::from_static("encoder-actor");

/// Where ingests are: `http://HOST[:PORT]`. A name stands for all its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestUrl {
    /// Without brackets.
    host: String,
    pub port: u16,
}

/// Why a text is not the URL of an ingest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not the URL of an ingest: write http://HOST:PORT, without a path")]
pub struct IngestUrlError;

/// Why an ingest gave no answer that can be used. Who the ingest is stands beside it.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("it can't be reached: {0}")]
    Unreachable(String),
    #[error("it did not answer within {} s", .0.as_secs())]
    Slow(Duration),
    #[error(
        "it does not take encoder-ui's token, {path} was answered by 401: mend --ingest-token-file, or the ingest's --token-file"
    )]
    Refused { path: String },
    #[error("{path} was answered by {status}")]
    Status { path: String, status: StatusCode },
    #[error("{path} was answered by more than {ANSWER_BYTES_MAX} bytes")]
    Long { path: String },
    #[error("{path} was answered by something else than expected: {cause}")]
    Unintelligible { path: String, cause: String },
    /// Of a request that is passed on.
    #[error("the request's body is too long")]
    BodyTooLarge,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct IngestClient {
    http: HttpClient<HttpConnector, Body>,
    token: Option<Arc<IngestToken>>,
}

impl IngestUrl {
    /// The one address, when it is no name.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        let ip: IpAddr = self.host.parse().ok()?;
        Some(SocketAddr::new(ip, self.port))
    }

    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl FromStr for IngestUrl {
    type Err = IngestUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse().map_err(|_| IngestUrlError)?;
        let bare = uri.path_and_query().is_none_or(|path| path == "/");
        let plain = uri
            .authority()
            .is_some_and(|authority| !authority.as_str().contains('@'));
        let host = uri.host().unwrap_or_default();
        if uri.scheme() != Some(&Scheme::HTTP) || !plain || !bare || text.contains('#') {
            return Err(IngestUrlError);
        }
        if host.is_empty() || uri.port_u16() == Some(0) {
            return Err(IngestUrlError);
        }
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_ascii_lowercase(),
            port: uri.port_u16().unwrap_or(80),
        })
    }
}

impl fmt::Display for IngestUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = (&self.host, self.port);
        if host.contains(':') {
            write!(f, "http://[{host}]:{port}")
        } else {
            write!(f, "http://{host}:{port}")
        }
    }
}

impl fmt::Debug for IngestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the token.
        f.debug_struct("IngestClient")
            .field("authorized", &self.token.is_some())
            .finish_non_exhaustive()
    }
}

impl IngestClient {
    /// `token`, as it is then, goes with every request.
    #[must_use]
    pub fn new(token: Option<Arc<IngestToken>>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(ANSWER_WITHIN));
        connector.set_nodelay(true);
        // An ingest closes each connection after its answer.
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .http1_max_buf_size(PREVIEW_BUFFER_BYTES)
            .build(connector);
        Self { http, token }
    }

    /// The whole body of a good answer.
    ///
    /// # Errors
    /// When there is none in time.
    pub async fn get(&self, ingest: SocketAddr, path: &str) -> Result<Bytes, ClientError> {
        timeout(ANSWER_WITHIN, self.get_in_time(ingest, path))
            .await
            .unwrap_or(Err(ClientError::Slow(ANSWER_WITHIN)))
    }

    async fn get_in_time(&self, ingest: SocketAddr, path: &str) -> Result<Bytes, ClientError> {
        let response = self.send(ingest, path, Request::new(Body::empty())).await?;
        let status = response.status();
        let path = path.to_owned();
        if status == StatusCode::UNAUTHORIZED {
            return Err(ClientError::Refused { path });
        }
        if status != StatusCode::OK {
            return Err(ClientError::Status { path, status });
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        match body.collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(ClientError::Long { path }),
            Err(error) => Err(ClientError::Unreachable(innermost(error.as_ref()))),
        }
    }

    /// Sends a request to `path` (with its query) and answers with the head of what comes back, which
    /// the caller bounds in time.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(
        &self,
        ingest: SocketAddr,
        path: &str,
        mut request: Request<Body>,
    ) -> Result<Response<Incoming>, ClientError> {
        let uri = format!("http://{ingest}{path}");
        *request.uri_mut() = uri.parse().map_err(|error| unintelligible(path, &error))?;
        if let Some(token) = &self.token {
            let headers = request.headers_mut();
            headers.insert(header::AUTHORIZATION, token.header());
        }
        self.http.request(request).await.map_err(|error| {
            if is_too_long(&error) {
                ClientError::BodyTooLarge
            } else {
                ClientError::Unreachable(innermost(&error))
            }
        })
    }
}

/// Of an answer that is not what it should be.
#[must_use]
pub fn unintelligible(path: &str, cause: &dyn fmt::Display) -> ClientError {
    ClientError::Unintelligible {
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}

/// "Connection refused" says more than the client's "client error (Connect)" around it.
#[must_use]
pub fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn is_too_long(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(cause) = error {
        if cause.is::<LengthLimitError>() {
            return true;
        }
        error = cause.source();
    }
    false
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
        assert_eq!(url("http://N1:9525/").as_deref(), Ok("http://n1:9525"));
        assert_eq!(url("http://[::1]:9525").as_deref(), Ok("http://[::1]:9525"));
        assert_eq!(url("http://n1").as_deref(), Ok("http://n1:80"));
        for wrong in [
            "",
            "127.0.0.1:9525",
            "https://n1:9525",
            "http://n1:9525/api",
            "http://n1:9525/?a",
            "http://n1:0",
            "http://:9525",
            "http://name:password@n1",
            "udp://239.1.1.1:5000",
        ] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_needs_no_look_up() {
        let address = |text: &str| text.parse::<IngestUrl>().expect("url").address();
        assert_eq!(
            address("http://[::1]:9525"),
            Some("[::1]:9525".parse().expect("address"))
        );
        assert_eq!(address("http://n1:9525"), None);
    }
}
