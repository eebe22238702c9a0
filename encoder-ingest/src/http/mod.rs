//! Everything that comes over the one port.
//!
//! - [`head`]: a request's head, bounded in size and time
//! - [`replay`]: a connection whose head was read, for hyper
//! - [`answer`]: answers to connections that axum never sees
//! - [`auth`]: who may control
//! - [`api`]: control, below `/api/v1`
//! - [`body`]: bodies, bounded in size and time
//! - [`request`]: what a watching request asks for
//! - [`on_demand`]: channels made by udpxy's paths
//! - [`watch`]: who may watch, and the hand-over to the data plane
//! - [`playlist`]: what players load
//! - [`health`]: `/live`, `/ready`, `/metrics`
//! - [`listener`]: accepts, reads heads, and sends each request its way

pub mod answer;
pub mod api;
pub mod auth;
pub mod body;
pub mod head;
pub mod health;
pub mod listener;
pub mod on_demand;
pub mod playlist;
pub mod replay;
pub mod request;
pub mod watch;

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::{Method, StatusCode, Uri};
use axum::routing::get;
use axum::{Router, middleware};
use common::problem::Problem;

use crate::http::auth::Guard;
use crate::http::health::Health;
use crate::http::playlist::Playlist;
use crate::metrics::Refusal;

/// The client at the other end of a connection, in every request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(SocketAddr);

/// Our own end of the connection, in every request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Local(pub SocketAddr);

/// A request that is refused: what the client is told, and what is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub problem: Box<Problem>,
    pub reason: Refusal,
}

/// Everything but watching. `api` has paths relative to `/api/v1`.
pub fn router(health: Arc<Health>, playlist: Arc<Playlist>, api: Router, guard: Guard) -> Router {
    let api = Router::new()
        .nest("/api/v1", api)
        .layer(middleware::from_fn(body::read_whole))
        .layer(middleware::from_fn_with_state(guard, auth::guard));
    let playlist = Router::new()
        .route("/playlist.m3u", get(playlist::playlist))
        .with_state(playlist);
    common::ops::router(health)
        .merge(playlist)
        .merge(api)
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
}

async fn no_such_path(uri: Uri) -> Problem {
    let detail = format!(
        "there is nothing at {}: channels are at /channels/ID.ts, the API at /api/v1",
        uri.path()
    );
    Problem::new(StatusCode::NOT_FOUND, detail)
        .reason("no_such_path")
        .param("path", uri.path())
}

async fn no_such_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{method} is not what {} takes", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
        .reason("no_such_method")
        .param("method", method)
        .param("path", uri.path())
}

impl Peer {
    /// An IPv4 client of an IPv6 socket counts as the IPv4 client that it is.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }

    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.0.ip()
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0
    }
}

impl Refused {
    #[must_use]
    pub fn new(status: StatusCode, reason: Refusal, detail: impl Into<String>) -> Self {
        Self {
            problem: Box::new(Problem::new(status, detail).reason(reason.as_str())),
            reason,
        }
    }

    /// Adds a fact, for a user interface that speaks another language.
    #[must_use]
    pub fn param(self, name: &str, value: impl Display) -> Self {
        Self {
            problem: Box::new(self.problem.param(name, value)),
            ..self
        }
    }

    /// 503: it may work later.
    #[must_use]
    pub fn later(reason: Refusal, detail: impl Into<String>, seconds: u32) -> Self {
        let refused = Self::new(StatusCode::SERVICE_UNAVAILABLE, reason, detail);
        Self {
            problem: Box::new(refused.problem.retry_after(seconds)),
            reason,
        }
    }
}
