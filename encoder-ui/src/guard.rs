//! Who asks: the session, what its user may do, and whether a page of ours asks and not another's.
//!
//! Handlers find a [`Visitor`] in the request's extensions and need not look at headers themselves.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use common::problem::Problem;

use crate::limits::CONNECTIONS_MAX;
use crate::login::Login;
use crate::login::session::{COOKIE, UserSession};
use crate::login::users::Role;
use crate::metrics::{Counters, Refusal};

/// Whence a request came; the server puts it into each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// In a request whose connection is past the bound: it is told so. The server puts it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowded;

/// Paths of the API that are asked before there is a session.
const OPEN: [&str; 2] = ["/api/login", "/api/logout"];

/// What decides.
#[derive(Debug, Clone)]
pub struct Guard(Arc<Rules>);

/// What the command line says.
#[derive(Debug)]
pub struct Rules {
    /// None: everybody is an admin.
    pub login: Option<Login>,
    /// `--public-url`, as an origin: `https://encoder.example`.
    pub public: Option<String>,
    /// `--no-auth`: without login, under any host name.
    pub no_auth: bool,
    pub counters: Arc<Counters>,
}

impl Rules {
    /// Browsers come over https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        let public = self.public.as_deref();
        public.is_some_and(|public| public.starts_with("https:"))
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// None where there is no login.
    pub session: Option<UserSession>,
    pub role: Role,
    pub address: IpAddr,
    guard: Guard,
}

impl Visitor {
    /// The user's name; empty where there is no login.
    #[must_use]
    pub fn name(&self) -> &str {
        self.session.as_ref().map_or("", |session| &session.name)
    }

    /// Who shares a place in what is bounded for each: a session, else an address.
    #[must_use]
    pub fn key(&self) -> String {
        let session = self.session.as_ref();
        session.map_or_else(|| self.address.to_string(), |session| session.id.clone())
    }

    /// For what takes long: the session still holds.
    #[must_use]
    pub fn still_holds(&self) -> bool {
        match (&self.session, &self.guard.0.login) {
            (Some(session), Some(login)) => login.role(session).is_some(),
            _ => true,
        }
    }

    /// # Errors
    /// 403 for a viewer.
    pub fn must_be_admin(&self) -> Result<(), Problem> {
        if self.role == Role::Admin {
            return Ok(());
        }
        self.guard.0.counters.refused(Refusal::Role);
        let detail = format!("{} may look, and change nothing", self.name());
        Err(Problem::new(StatusCode::FORBIDDEN, detail)
            .reason("role")
            .param("name", self.name()))
    }
}

/// The middleware of all but health and metrics.
pub async fn guard(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    match guard.admit(&request) {
        Ok(visitor) => {
            if let Some(visitor) = visitor {
                request.extensions_mut().insert(visitor);
            }
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

impl Guard {
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self(Arc::new(rules))
    }

    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.0
    }

    /// None: no session is needed for this.
    fn admit(&self, request: &Request) -> Result<Option<Visitor>, Problem> {
        let headers = request.headers();
        if request.extensions().get::<Crowded>().is_some() {
            self.0.counters.refused(Refusal::Busy);
            return Err(too_many_connections());
        }
        if self.0.login.is_none() && !self.0.no_auth {
            self.check_host(headers)?;
        }
        if changes(request) {
            self.check_origin(headers)?;
        }
        let path = request.uri().path();
        if !path.starts_with("/api/") || OPEN.contains(&path) {
            return Ok(None);
        }
        let peer = request.extensions().get::<Peer>();
        let address = peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.to_canonical());
        let guard = self.clone();
        let Some(login) = &self.0.login else {
            return Ok(Some(Visitor {
                session: None,
                role: Role::Admin,
                address,
                guard,
            }));
        };
        let Some((session, role)) = login.sessions(cookies(headers)).next() else {
            self.0.counters.refused(Refusal::Login);
            return Err(
                Problem::new(StatusCode::UNAUTHORIZED, "log in first: POST /api/login")
                    .reason("login_needed"),
            );
        };
        Ok(Some(Visitor {
            session: Some(session),
            role,
            address,
            guard,
        }))
    }

    /// Without login a `Host` that is a name may be an attacker's that resolves to us (DNS
    /// rebinding).
    fn check_host(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let host = text(headers, &header::HOST).unwrap_or_default();
        let public = self.0.public.as_deref().map(authority_of);
        if host.is_empty() || is_own_host(host) || public == Some(host) {
            return Ok(());
        }
        self.0.counters.refused(Refusal::Foreign);
        let detail = format!(
            "without --users only an IP address, localhost or the host of --public-url is taken as Host, not {host:?}"
        );
        Err(Problem::new(StatusCode::FORBIDDEN, detail)
            .reason("foreign_host")
            .param("host", host))
    }

    /// A change is taken from our own page alone. What sends neither header is no browser.
    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let site = text(headers, &header::HeaderName::from_static("sec-fetch-site"));
        let origin = headers.get(header::ORIGIN);
        let own_site = site.is_none_or(|site| matches!(site, "same-origin" | "none"));
        let own_origin = origin.is_none_or(|origin| {
            let origin = origin.to_str().unwrap_or("null");
            match &self.0.public {
                Some(public) => origin.eq_ignore_ascii_case(public),
                None => {
                    let host = text(headers, &header::HOST);
                    host.is_some_and(|host| authority_of(origin).eq_ignore_ascii_case(host))
                        && origin.contains("://")
                }
            }
        });
        if own_site && own_origin {
            return Ok(());
        }
        self.0.counters.refused(Refusal::Foreign);
        let from = origin.map_or_else(
            || "another site".into(),
            |origin| String::from_utf8_lossy(origin.as_bytes()),
        );
        let detail = match &self.0.public {
            Some(public) => format!("a page of {from} may not ask this: only one of {public} may"),
            None => format!(
                "a page of {from} may not ask this (behind a proxy that changes the Host, give --public-url)"
            ),
        };
        Err(Problem::new(StatusCode::FORBIDDEN, detail)
            .reason("foreign_origin")
            .param("origin", from))
    }
}

fn too_many_connections() -> Problem {
    let detail = format!("{CONNECTIONS_MAX} connections are open, and all of them busy: try again");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        .reason("too_many_connections")
        .param("max", CONNECTIONS_MAX)
        .retry_after(5)
}

/// A request that a foreign page could do harm with. A WebSocket is a GET, but other than the answer
/// to a GET a foreign page can read it.
fn changes(request: &Request) -> bool {
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    !reads || request.headers().contains_key(header::UPGRADE)
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Values of our cookie.
pub fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::COOKIE).into_iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    pairs.filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    })
}

/// `HOST[:PORT]` of an origin.
fn authority_of(origin: &str) -> &str {
    origin.split_once("://").map_or(origin, |(_, host)| host)
}

fn is_own_host(host: &str) -> bool {
    // Parsed as a URL's authority, so that brackets and ports are what they should be.
    let uri = format!("http://{host}/").parse::<Uri>();
    let Some(name) = uri.as_ref().ok().and_then(Uri::host) else {
        return false;
    };
    if host.contains(['@', '/', '?']) {
        return false;
    }
    let inner = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || inner.parse::<IpAddr>().is_ok()
}
