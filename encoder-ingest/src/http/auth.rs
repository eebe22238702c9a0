//! Who may control: bearer tokens and their roles on `/api/v1`, and who asked, for the events.
//!
//! Without a token file control is open, but not to web pages of others. Handlers find an
//! [`Actor`] in the request's extensions and need not look at headers themselves.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use common::access::{authorize, bearer, check_browser};
use common::problem::Problem;
use common::tokens::{Role, TokenFile};

use crate::http::Peer;
use crate::http::body::is_output;
use crate::limits::TOKEN_WARNING_INTERVAL;
use crate::metrics::{Counters, Refusal};

/// The header by which a program that acts for people says for whom.
const ACTOR_HEADER: &str = "encoder-actor";

/// The longest name in it, in characters. A longer one is refused.
const ACTOR_CHARACTERS_MAX: usize = 64;

/// The description of the API, the one thing below `/api/v1` that needs no token.
const OPENAPI_PATH: &str = "/api/v1/openapi.json";

/// Who asks for something. Its text is what events show: `token/NAME`, `token/NAME/USER` when that
/// token's holder acts for a user, or `open` without a token file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `token/NAME`, or `open`.
    pub name: String,
    /// What `Encoder-Actor` says.
    pub as_user: Option<String>,
    /// IPv4-mapped addresses appear as IPv4.
    pub address: IpAddr,
}

/// What the guard of the API knows.
#[derive(Debug, Clone)]
pub struct Guard {
    pub tokens: Option<Arc<TokenFile>>,
    pub counters: Arc<Counters>,
    /// When a node's refusal was logged last.
    warned: Arc<Mutex<Option<Instant>>>,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.as_user {
            Some(user) => write!(f, "/{user}"),
            None => Ok(()),
        }
    }
}

/// The middleware of everything below `/api/v1`.
pub async fn guard(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let actor = match guard.admit(&request) {
        Ok(actor) => actor,
        Err(problem) => {
            guard.counters.refused(Refusal::Access);
            guard.warn_of_node(&request, &problem);
            return problem.into_response();
        }
    };
    request.extensions_mut().insert(actor);
    next.run(request).await
}

impl Guard {
    #[must_use]
    pub fn new(tokens: Option<Arc<TokenFile>>, counters: Arc<Counters>) -> Self {
        Self {
            tokens,
            counters,
            warned: Arc::default(),
        }
    }

    /// A node that is refused asks again each second: it is logged now and then.
    fn warn_of_node(&self, request: &Request, problem: &Problem) {
        let path = request.uri().path();
        if !is_heartbeat(request.method(), path) {
            return;
        }
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_none_or(|at| at.elapsed() >= TOKEN_WARNING_INTERVAL) {
            *warned = Some(Instant::now());
            let address = request.extensions().get::<Peer>().map(Peer::ip);
            tracing::warn!(
                ?address,
                path,
                "a processing node is refused: {}",
                problem.detail
            );
        }
    }

    fn admit(&self, request: &Request) -> Result<Actor, Problem> {
        let headers = request.headers();
        let peer = request.extensions().get::<Peer>();
        let address = peer.map_or(IpAddr::from([0, 0, 0, 0]), Peer::ip);
        let open = |name: &str| Actor {
            name: name.to_owned(),
            as_user: None,
            address,
        };
        if request.uri().path() == OPENAPI_PATH {
            return Ok(open("open"));
        }
        let Some(tokens) = &self.tokens else {
            check_browser(headers)?;
            let as_user = acts_for(headers)?;
            return Ok(Actor {
                as_user,
                ..open("open")
            });
        };
        let allowed = allowed(request.method(), request.uri().path());
        let identity = authorize(&tokens.tokens(), bearer(headers), allowed)?;
        let as_user = acts_for(headers)?;
        if as_user.is_some() && identity.role != Role::Admin {
            let detail = "only a token of role admin may send Encoder-Actor";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail)
                .reason("role")
                .param("name", identity.name));
        }
        Ok(Actor {
            as_user,
            ..open(&format!("token/{}", identity.name))
        })
    }
}

/// Reading is for every token, changing for admins, and what nodes say and send for nodes too.
fn allowed(method: &Method, path: &str) -> &'static [Role] {
    if is_heartbeat(method, path) || is_output(method, path) {
        &[Role::Admin, Role::Node]
    } else if *method == Method::GET || *method == Method::HEAD {
        &[Role::Admin, Role::Node, Role::Watch]
    } else {
        &[Role::Admin]
    }
}

fn is_heartbeat(method: &Method, path: &str) -> bool {
    let node = path.strip_prefix("/api/v1/nodes/");
    *method == Method::POST && node.is_some_and(|rest| rest.ends_with("/heartbeat"))
}

fn acts_for(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(ACTOR_HEADER) else {
        return Ok(None);
    };
    let name = std::str::from_utf8(value.as_bytes()).unwrap_or_default();
    let fits = (1..=ACTOR_CHARACTERS_MAX).contains(&name.chars().count());
    if fits && !name.chars().any(char::is_control) {
        return Ok(Some(name.to_owned()));
    }
    let detail = format!(
        "Encoder-Actor holds 1 to {ACTOR_CHARACTERS_MAX} characters, in UTF-8, without control characters"
    );
    Err(Problem::new(StatusCode::BAD_REQUEST, detail)
        .reason("actor")
        .param("max_characters", ACTOR_CHARACTERS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn guard_with(tokens: Option<&str>) -> (Guard, Option<tempfile::NamedTempFile>) {
        let file = tokens.map(|text| {
            let file = tempfile::NamedTempFile::new().expect("file");
            std::fs::write(file.path(), text).expect("write");
            file
        });
        let tokens = file
            .as_ref()
            .map(|file| Arc::new(TokenFile::open(file.path()).expect("tokens")));
        (Guard::new(tokens, Arc::default()), file)
    }

    fn admit(guard: &Guard, line: &str, headers: &[(&str, &str)]) -> Result<String, u16> {
        let (method, path) = line.split_once(' ').expect("method and path");
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).expect("request");
        let actor = guard.admit(&request);
        actor
            .map(|actor| actor.to_string())
            .map_err(|problem| problem.status)
    }

    const TOKENS: &str = "ops admin aaa\nn1 node nnn\ntv watch www\n";

    #[test]
    fn roles_open_what_they_should() {
        let (guard, _file) = guard_with(Some(TOKENS));
        let ask = |line, token: &str| {
            let bearer = format!("Bearer {token}");
            admit(&guard, line, &[("authorization", &bearer)])
        };
        assert_eq!(ask("GET /api/v1/channels", "www"), Ok("token/tv".into()));
        assert_eq!(ask("GET /api/v1/channels", "nnn"), Ok("token/n1".into()));
        assert_eq!(ask("POST /api/v1/channels", "aaa"), Ok("token/ops".into()));
        assert_eq!(ask("POST /api/v1/channels", "www"), Err(403));
        assert_eq!(ask("DELETE /api/v1/channels/news", "nnn"), Err(403));
        for line in [
            "POST /api/v1/nodes/n1/heartbeat",
            "PUT /api/v1/jobs/news.preview/output?epoch=1",
        ] {
            assert_eq!(ask(line, "nnn"), Ok("token/n1".into()));
            assert_eq!(ask(line, "aaa"), Ok("token/ops".into()));
            assert_eq!(ask(line, "www"), Err(403));
        }
        assert_eq!(ask("PUT /api/v1/channels/output", "nnn"), Err(403));
        assert_eq!(ask("GET /api/v1/channels", "xxx"), Err(401));
        assert_eq!(admit(&guard, "GET /api/v1/channels", &[]), Err(401));
        assert_eq!(
            admit(&guard, "GET /api/v1/channels?token=aaa", &[]),
            Err(401)
        );
        assert_eq!(
            admit(&guard, "GET /api/v1/openapi.json", &[]),
            Ok("open".into())
        );
    }

    #[test]
    fn an_admin_may_act_for_a_user() {
        let (guard, _file) = guard_with(Some(TOKENS));
        let ask = |token: &str, user: &str| {
            let bearer = format!("Bearer {token}");
            let headers = [("authorization", bearer.as_str()), ("encoder-actor", user)];
            admit(&guard, "GET /api/v1/channels", &headers)
        };
        assert_eq!(ask("aaa", "anna"), Ok("token/ops/anna".into()));
        assert_eq!(ask("nnn", "anna"), Err(403));
        assert_eq!(ask("aaa", &"x".repeat(64)).map(|_| ()), Ok(()));
        assert_eq!(ask("aaa", &"x".repeat(65)), Err(400));
        assert_eq!(ask("aaa", ""), Err(400));
    }

    #[test]
    fn open_control_is_closed_to_foreign_pages() {
        let (guard, _file) = guard_with(None);
        let ask = |headers: &[(&str, &str)]| admit(&guard, "POST /api/v1/channels", headers);
        assert_eq!(ask(&[("host", "localhost:9525")]), Ok("open".into()));
        assert_eq!(ask(&[("host", "tv.example")]), Err(403));
        let origin = ("origin", "http://evil.example");
        assert_eq!(ask(&[("host", "127.0.0.1:9525"), origin]), Err(403));
    }
}
