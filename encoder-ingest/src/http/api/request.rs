//! What handlers share: reading ids and bodies, who asks, revisions, and the problem that each
//! refusal is.

use std::fmt::Display;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use common::document::{Mistake, MistakeCode};
use common::problem::Problem;

use crate::channels::change::ChangeError;
use crate::channels::news::Author;
use crate::channels::store::StoreError;
use crate::definition::{ChannelDefinition, ChannelId};
use crate::http::auth::Actor;
use crate::http::request::Query;

/// Seconds after which one who found the ingest full may ask again.
const RETRY_AFTER_S: u32 = 10;

pub(super) type IdPath = Result<Path<String>, PathRejection>;
pub(super) type Body = Result<Bytes, BytesRejection>;
pub(super) type Asker = Option<Extension<Actor>>;

/// Answers are of their moment.
pub(super) async fn no_store(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let no_store = HeaderValue::from_static("no-store");
    headers.entry(header::CACHE_CONTROL).or_insert(no_store);
    response
}

/// The id in a path. Any text is looked for; what can't be an id is simply not found.
pub(super) fn id(path: IdPath) -> Result<ChannelId, Problem> {
    match path {
        Ok(Path(id)) => Ok(ChannelId::made(id)),
        Err(error) => Err(Problem::new(StatusCode::BAD_REQUEST, error.body_text()).reason("path")),
    }
}

pub(super) fn body(body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("the body is too large: at most {bytes_max} bytes are read");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
            .reason("body_too_large")
            .param("max_bytes", bytes_max)
    };
    match body {
        Ok(bytes) if bytes.len() > bytes_max => Err(too_large()),
        Ok(bytes) => Ok(bytes),
        Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(too_large()),
        Err(error) => Err(Problem::new(error.status(), error.body_text()).reason("body")),
    }
}

pub(super) fn author(asker: Asker) -> Author {
    asker.map_or_else(Author::default, |Extension(actor)| Author {
        address: Some(actor.address.to_string()),
        actor: Some(actor.to_string()),
    })
}

pub(super) fn not_found(id: &ChannelId) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is no channel {id}"))
        .reason("unknown_channel")
        .param("channel", id)
}

/// The one parameter that a query may have, true or false; not there: false.
pub(super) fn switch(query: &Query, name: &str) -> Result<bool, Problem> {
    let value = only(query, name, |value| match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => {
            let detail = format!("parameter {name} is {value:?}: use true or false");
            Err(Mistake::new(MistakeCode::NotOneOf, detail).param("known", "true, false"))
        }
    });
    Ok(value?.unwrap_or(false))
}

/// The one parameter that a query may have, a whole number.
pub(super) fn number<T: FromStr + PartialOrd + Display>(
    query: &Query,
    name: &str,
    range: RangeInclusive<T>,
) -> Result<Option<T>, Problem> {
    only(query, name, |value| {
        let number = value.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let (min, max) = (range.start(), range.end());
            let detail =
                format!("parameter {name} is {value:?}: use a whole number, {min} to {max}");
            let mistake = Mistake::new(MistakeCode::OutOfRange, detail);
            mistake.param("min", min).param("max", max)
        })
    })
}

/// A parameter that must be there is not.
pub(super) fn missing(name: &str, hint: &str) -> Problem {
    let detail = format!("parameter {name} is missing: {hint}");
    let mistake = Mistake::new(MistakeCode::MissingKey, detail.clone()).param("parameter", name);
    Problem::new(StatusCode::BAD_REQUEST, detail)
        .reason("query")
        .param("count", 1)
        .errors(vec![mistake])
}

/// The one parameter that a query may have, with every mistake of the query.
fn only<T>(
    query: &Query,
    name: &str,
    parse: impl Fn(&str) -> Result<T, Mistake>,
) -> Result<Option<T>, Problem> {
    let unknown = query.names().filter(|given| *given != name).map(|given| {
        let detail = format!("parameter {given:?} is not known: known is {name}");
        Mistake::new(MistakeCode::UnknownKey, detail).param("parameter", given)
    });
    let mut mistakes: Vec<Mistake> = unknown.collect();
    if query.names().filter(|given| *given == name).count() > 1 {
        let detail = format!("parameter {name} is given more than once");
        let mistake = Mistake::new(MistakeCode::DuplicateKey, detail);
        mistakes.push(mistake.param("parameter", name));
    }
    let given = query.get(name);
    let value = match given.map(&parse) {
        Some(Ok(value)) => Some(value),
        Some(Err(mistake)) => {
            let mistake = mistake.param("parameter", name);
            mistakes.push(mistake.param("value", given.unwrap_or_default()));
            None
        }
        None => None,
    };
    match mistakes.first() {
        None => Ok(value),
        Some(first) => Err(Problem::new(StatusCode::BAD_REQUEST, first.to_string())
            .reason("query")
            .param("count", mistakes.len())
            .errors(mistakes)),
    }
}

/// A body with mistakes.
pub(super) fn mistaken(mistakes: Vec<Mistake>) -> Problem {
    let detail = match mistakes.as_slice() {
        [one] => one.to_string(),
        many => format!("{} mistakes; the first: {}", many.len(), many[0]),
    };
    Problem::new(StatusCode::BAD_REQUEST, detail)
        .reason("mistakes")
        .param("count", mistakes.len())
        .errors(mistakes)
}

pub(super) fn refused(error: &ChangeError) -> Problem {
    let (status, reason) = match error {
        ChangeError::NotFound(id) => return not_found(id),
        ChangeError::Exists(_) => (StatusCode::CONFLICT, "exists"),
        ChangeError::Declared(_) => (StatusCode::CONFLICT, "declared"),
        ChangeError::MadeHere(_) => (StatusCode::CONFLICT, "made_by_the_ingest"),
        ChangeError::Revision(_) => (StatusCode::PRECONDITION_FAILED, "revision"),
        ChangeError::TooMany(_) => (StatusCode::SERVICE_UNAVAILABLE, "max_channels"),
        ChangeError::Store(StoreError::TooLarge(_)) => {
            (StatusCode::PAYLOAD_TOO_LARGE, "state_too_large")
        }
        ChangeError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "state_dir"),
    };
    let problem = Problem::new(status, error.to_string())
        .reason(reason)
        .params(error.params());
    if status == StatusCode::SERVICE_UNAVAILABLE {
        return busy(problem);
    }
    problem
}

/// May be asked again.
pub(super) fn busy(problem: Problem) -> Problem {
    problem.retry_after(RETRY_AFTER_S)
}

/// Does what blocks (a change is written to disk) away from the threads that answer.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    // A client that goes away ends the waiting, not the work: a change is made whole.
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the request could not be carried out: the log says why",
        )
        .reason("internal")
    })
}

/// The revision of a definition, for `ETag` and `If-Match`. Equal definitions have equal ones, for
/// as long as the process lives.
pub(super) fn revision(channel: &ChannelDefinition) -> String {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(&channel.document())
        .unwrap_or_default()
        .hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

/// Whether the request may change this channel: it has no `If-Match`, or one of its revision (RFC
/// 9110, 13.1.1).
pub(super) fn matches(headers: &HeaderMap, channel: &ChannelDefinition) -> bool {
    let revision = revision(channel);
    let mut conditions = headers.get_all(header::IF_MATCH).iter().peekable();
    conditions.peek().is_none()
        || conditions.any(|value| {
            let tags = value.to_str().unwrap_or_default().split(',');
            tags.map(str::trim).any(|tag| tag == "*" || tag == revision)
        })
}
