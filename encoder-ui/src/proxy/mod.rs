//! Control of an ingest: `/api/ingests/NAME/v1/...` is that ingest's `/api/v1/...`, streamed both
//! ways. What goes there is the request's own meaning and nothing that belongs to the browser; our
//! token and the user's name go along.

mod events;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::Request;
use axum::http::response::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use common::problem::Problem;
use common::shutdown::Shutdown;
use futures_util::stream;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body as _, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::client::{ACTOR, ClientError, IngestClient};
use crate::guard::Visitor;
use crate::hub::Hub;
use crate::limits::{
    AWAY_AFTER, NAMES_MAX, PROXIED_ANSWER_WITHIN, PROXIED_BODY_BYTES_MAX, PROXIED_MAX,
    PROXIED_PIECE_WITHIN, PROXIED_WHOLE_WITHIN,
};
use crate::metrics::{Proxied, Refusal};
use crate::path::IngestPath;
use crate::places::Places;
use crate::roster::IngestState;

/// What passes to an ingest, and nothing else: no cookie, no origin, nothing of the connection.
const PASSED: [HeaderName; 10] = [
    header::ACCEPT,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::RANGE,
    header::CONTENT_LANGUAGE,
    // Of an event stream that goes on (WHATWG HTML, 9.2.4).
    HeaderName::from_static("last-event-id"),
];

/// What does not pass back: what belongs to the connection (RFC 9110, 7.6.1), and what would speak
/// for our own origin.
const KEPT: [HeaderName; 13] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::SET_COOKIE,
    header::WWW_AUTHENTICATE,
    header::STRICT_TRANSPORT_SECURITY,
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
];

/// Passes requests on. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Proxy {
    hub: Hub,
    client: IngestClient,
    /// Places at each ingest; at most [`NAMES_MAX`] ingests.
    places: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
    /// Of event streams; those to the page share them.
    streams: Places,
    shutdown: Shutdown,
}

impl Proxy {
    #[must_use]
    pub fn new(hub: Hub, client: IngestClient, streams: Places, shutdown: Shutdown) -> Self {
        Self {
            hub,
            client,
            places: Arc::default(),
            streams,
            shutdown,
        }
    }

    /// `to.rest` is what follows the ingest's name.
    ///
    /// # Errors
    /// When the visitor may not, or the ingest does not answer.
    pub async fn pass(
        &self,
        visitor: &Visitor,
        to: &IngestPath,
        request: Request,
    ) -> Result<Response, Problem> {
        let Some(rest) = to.rest.strip_prefix("/v1/") else {
            return Err(no_such_path(&to.rest));
        };
        let path = format!("/api/v1/{rest}");
        if rest.split('?').next() == Some("events") && request.method() == Method::GET {
            let name = &to.name;
            return self.pass_events(visitor, name, &path, request).await;
        }
        let changes = ![Method::GET, Method::HEAD].contains(request.method());
        if changes {
            visitor.must_be_admin()?;
        }
        let address = self.address(&to.name)?;
        let place = self.place(&to.name)?;
        let request = outgoing(request, changes.then(|| visitor.name()));
        let answer = self.ask(&to.name, address, &path, request).await?;
        Ok(incoming(&to.name, answer, place))
    }

    /// The head of an ingest's answer, with the body to come.
    async fn ask(
        &self,
        name: &str,
        address: SocketAddr,
        path: &str,
        request: axum::http::Request<Body>,
    ) -> Result<axum::http::Response<Incoming>, Problem> {
        let answer = self.client.send(address, path, request);
        let answer = match timeout(PROXIED_ANSWER_WITHIN, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(self.failed(name, &error)),
            Err(_) => return Err(self.failed(name, &ClientError::Slow(PROXIED_ANSWER_WITHIN))),
        };
        let counters = self.hub.counters();
        if answer.status() == StatusCode::UNAUTHORIZED {
            counters.proxied(Proxied::Refused);
            return Err(refuses(name));
        }
        counters.proxied(Proxied::Answered);
        Ok(answer)
    }

    /// # Errors
    /// 404 for a name that is not known, 502 for an ingest that is not here: to ask one that says nothing
    /// would take as long as an answer may.
    pub fn address(&self, name: &str) -> Result<SocketAddr, Problem> {
        let detail = match self.hub.roster().find(name) {
            None => return Err(unknown_ingest(name)),
            Some((address, IngestState::Here)) => return Ok(address),
            Some((_, IngestState::Away)) => {
                let seconds = AWAY_AFTER.as_secs();
                format!("ingest {name} is away: nothing was heard of it for {seconds} s")
            }
            Some((_, IngestState::Removed)) => {
                format!("ingest {name} is gone: no address has its name any more")
            }
        };
        self.hub.counters().proxied(Proxied::Unreachable);
        let status = StatusCode::BAD_GATEWAY;
        Err(ingest_problem(status, "ingest_away", name, detail))
    }

    fn place(&self, name: &str) -> Result<OwnedSemaphorePermit, Problem> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() > NAMES_MAX {
            places.retain(|_, places| places.available_permits() < PROXIED_MAX);
        }
        let own = places.entry(name.to_owned());
        let own = own.or_insert_with(|| Arc::new(Semaphore::new(PROXIED_MAX)));
        Arc::clone(own).try_acquire_owned().map_err(|_| {
            self.hub.counters().refused(Refusal::Busy);
            let detail = format!("{PROXIED_MAX} requests to ingest {name} are under way");
            let status = StatusCode::SERVICE_UNAVAILABLE;
            ingest_problem(status, "too_many_requests", name, detail)
                .param("max", PROXIED_MAX)
                .retry_after(1)
        })
    }

    fn failed(&self, name: &str, error: &ClientError) -> Problem {
        let counters = self.hub.counters();
        let detail = format!("ingest {name}: {error}");
        match error {
            ClientError::BodyTooLarge => too_large(),
            ClientError::Slow(_) => {
                counters.proxied(Proxied::Slow);
                ingest_problem(StatusCode::GATEWAY_TIMEOUT, "ingest_slow", name, detail)
            }
            _ => {
                counters.proxied(Proxied::Unreachable);
                ingest_problem(StatusCode::BAD_GATEWAY, "ingest_away", name, detail)
            }
        }
    }
}

/// `actor`: for whom a change is made.
fn outgoing(request: Request, actor: Option<&str>) -> axum::http::Request<Body> {
    let (head, body) = request.into_parts();
    let mut headers = HeaderMap::new();
    for name in PASSED {
        for value in head.headers.get_all(&name) {
            headers.append(&name, value.clone());
        }
    }
    let actor = actor.filter(|actor| !actor.is_empty());
    if let Some(actor) = actor.and_then(|name| HeaderValue::from_bytes(name.as_bytes()).ok()) {
        headers.insert(ACTOR, actor);
    }
    let body = Limited::new(body, PROXIED_BODY_BYTES_MAX);
    let mut request = axum::http::Request::new(Body::new(body));
    *request.method_mut() = head.method;
    *request.headers_mut() = headers;
    request
}

/// `place`: what is free again at the end of the answer.
fn incoming(
    name: &str,
    answer: axum::http::Response<Incoming>,
    place: impl Send + 'static,
) -> Response {
    let (head, body) = answer.into_parts();
    Response::from_parts(for_browser(name, head), paced(body, place))
}

fn for_browser(name: &str, mut head: Parts) -> Parts {
    let named = listed_in_connection(&head.headers);
    for header in KEPT.iter().chain(&named) {
        while head.headers.remove(header).is_some() {}
    }
    if let Some(location) = head.headers.get(header::LOCATION).cloned() {
        let own = location
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix("/api/v1/"));
        let own = own.map(|rest| format!("/api/ingests/{name}/v1/{rest}"));
        match own.and_then(|own| own.parse().ok()) {
            Some(own) => head.headers.insert(header::LOCATION, own),
            None => head.headers.remove(header::LOCATION),
        };
    }
    head
}

/// Headers that the ingest's `Connection` names are of that connection too.
fn listed_in_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let lines = headers.get_all(header::CONNECTION).into_iter();
    let names = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    names.filter_map(|name| name.trim().parse().ok()).collect()
}

/// The body as it comes, while it comes. The place among the ingest's requests is free again at its
/// end.
fn paced(body: Incoming, place: impl Send + 'static) -> Body {
    let length = body.size_hint().exact();
    if length == Some(0) {
        return Body::empty();
    }
    let end = Instant::now() + PROXIED_WHOLE_WITHIN;
    let pieces = stream::unfold(Some((body, place)), move |state| async move {
        let (mut body, place) = state?;
        let due = end.min(Instant::now() + PROXIED_PIECE_WITHIN);
        loop {
            let piece = match timeout_at(due, body.frame()).await {
                Ok(None) => return None,
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => Ok(data),
                    // Trailers: of the connection.
                    Err(_) => continue,
                },
                Ok(Some(Err(error))) => Err(std::io::Error::other(error)),
                Err(late) => Err(std::io::Error::from(late)),
            };
            let rest = piece.is_ok().then_some((body, place));
            return Some((piece, rest));
        }
    });
    Body::from_stream(pieces)
}

/// 404.
#[must_use]
pub fn unknown_ingest(name: &str) -> Problem {
    let detail = format!("no ingest is named {name:?}");
    ingest_problem(StatusCode::NOT_FOUND, "unknown_ingest", name, detail)
}

fn ingest_problem(status: StatusCode, reason: &str, name: &str, detail: String) -> Problem {
    Problem::new(status, detail)
        .reason(reason)
        .param("ingest", name)
}

fn refuses(name: &str) -> Problem {
    let detail = format!(
        "ingest {name} does not take encoder-ui's token: mend --ingest-token-file, or the ingest's --token-file"
    );
    ingest_problem(StatusCode::BAD_GATEWAY, "ingest_refuses", name, detail)
}

fn no_such_path(rest: &str) -> Problem {
    let detail = format!("nothing of an ingest is at {rest:?}: use /v1/...");
    Problem::new(StatusCode::NOT_FOUND, detail)
        .reason("no_such_path")
        .param("path", rest)
}

fn too_large() -> Problem {
    let detail = format!("the body has more than {PROXIED_BODY_BYTES_MAX} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
        .reason("body_too_large")
        .param("max_bytes", PROXIED_BODY_BYTES_MAX)
}
