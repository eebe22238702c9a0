//! `/api/v1/streams`: create, read, break and end streams while the program runs.
//!
//! It knows requests and answers; what a stream is, [`crate::streams`] knows.

mod view;

pub use view::StreamDocument;

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router, body::Bytes};
use common::access::{authorize, bearer, check_browser};
use common::document::{Mistake, MistakeCode, Syntax, line_of};
use common::problem::Problem;
use common::tokens::{Role, TokenFile};

use crate::document::{self, Defaults};
use crate::limits::BODY_BYTES_MAX;
use crate::sender::FaultOrder;
use crate::streams::{CreateError, StreamView, Streams};

/// What requests are answered from.
#[derive(Debug)]
pub struct Api {
    pub streams: Arc<Streams>,
    pub defaults: Defaults,
    pub tokens: Option<Arc<TokenFile>>,
}

type Answer = Result<Response, Problem>;
type IdPath = Result<Path<String>, PathRejection>;

/// All below `/api/v1`.
pub fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/api/v1/streams", get(list).post(create))
        .route("/api/v1/streams/{id}", get(read).delete(remove))
        .route(
            "/api/v1/streams/{id}/faults",
            put(set_faults).delete(clear_faults),
        )
        .layer(from_fn_with_state(Arc::clone(&api), guard))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .with_state(api)
}

/// Who may: an admin all, other tokens may read. Without tokens no web page may.
async fn guard(State(api): State<Arc<Api>>, request: Request, next: Next) -> Answer {
    match &api.tokens {
        Some(file) => {
            let reads = matches!(*request.method(), Method::GET | Method::HEAD);
            let allowed: &[Role] = if reads {
                &[Role::Admin, Role::Node, Role::Watch]
            } else {
                &[Role::Admin]
            };
            let identity = authorize(&file.tokens(), bearer(request.headers()), allowed)?;
            if !reads {
                tracing::info!(actor = %identity.name, method = %request.method(), path = request.uri().path(), "control");
            }
        }
        None => check_browser(request.headers())?,
    }
    Ok(next.run(request).await)
}

async fn list(State(api): State<Arc<Api>>) -> Response {
    let streams: Vec<StreamDocument> = api.streams.list().iter().map(StreamDocument::new).collect();
    Json(serde_json::json!({ "streams": streams })).into_response()
}

async fn create(State(api): State<Arc<Api>>, request: Request) -> Answer {
    let body = body(request).await?;
    let order = document::stream(&body, &api.defaults).map_err(mistakes)?;
    let location = format!("/api/v1/streams/{}", order.definition.id);
    let made = blocking(move || api.streams.create(order))
        .await?
        .map_err(|error| refused(&error, &body))?;
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(StreamDocument::new(&made)),
    )
        .into_response())
}

async fn read(State(api): State<Arc<Api>>, path: IdPath) -> Answer {
    let id = id(path)?;
    shown(api.streams.get(&id), &id)
}

async fn remove(State(api): State<Arc<Api>>, path: IdPath) -> Answer {
    let id = id(path)?;
    let name = id.clone();
    if blocking(move || api.streams.remove(&id)).await? {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(unknown_stream(&name))
    }
}

async fn set_faults(State(api): State<Arc<Api>>, path: IdPath, request: Request) -> Answer {
    let id = id(path)?;
    let body = body(request).await?;
    let order = document::faults(&body).map_err(mistakes)?;
    order_faults(api, id, order).await
}

async fn clear_faults(State(api): State<Arc<Api>>, path: IdPath) -> Answer {
    order_faults(api, id(path)?, FaultOrder::default()).await
}

async fn order_faults(api: Arc<Api>, id: String, order: FaultOrder) -> Answer {
    let name = id.clone();
    let view = blocking(move || api.streams.order(&id, order)).await?;
    shown(view, &name)
}

async fn unknown_path(request: Request) -> Problem {
    let detail = format!(
        "there is no {}: use /api/v1/streams, /live, /ready or /metrics",
        request.uri().path()
    );
    Problem::new(StatusCode::NOT_FOUND, detail)
        .reason("no_such_path")
        .param("path", request.uri().path())
}

async fn unknown_method(request: Request) -> Problem {
    let detail = format!("{} takes no {}", request.uri().path(), request.method());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
        .reason("no_such_method")
        .param("method", request.method())
        .param("path", request.uri().path())
}

/// The id in a path. One that can't be decoded is a problem like any other.
fn id(path: IdPath) -> Result<String, Problem> {
    match path {
        Ok(Path(id)) => Ok(id),
        Err(error) => Err(Problem::new(StatusCode::BAD_REQUEST, error.body_text()).reason("path")),
    }
}

async fn body(request: Request) -> Result<Bytes, Problem> {
    Bytes::from_request(request, &())
        .await
        .map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let detail =
                    format!("the body is too large: at most {BODY_BYTES_MAX} bytes are read");
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
                    .reason("body_too_large")
                    .param("max_bytes", BODY_BYTES_MAX)
            }
            status => Problem::new(status, rejection.body_text()).reason("body"),
        })
}

/// Files are read and threads are waited for: not on the runtime's own threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).reason("internal")
    })
}

fn shown(view: Option<StreamView>, id: &str) -> Answer {
    match view {
        Some(view) => Ok(Json(StreamDocument::new(&view)).into_response()),
        None => Err(unknown_stream(id)),
    }
}

fn unknown_stream(id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is no stream {id:?}"))
        .reason("unknown_stream")
        .param("stream", id)
}

fn mistakes(found: Vec<Mistake>) -> Problem {
    let detail = match found.as_slice() {
        [one] => one.to_string(),
        all => format!("the body has {} mistakes", all.len()),
    };
    Problem::new(StatusCode::BAD_REQUEST, detail)
        .reason("mistakes")
        .param("count", found.len())
        .errors(found)
}

fn refused(error: &CreateError, body: &[u8]) -> Problem {
    let detail = common::chain(error);
    let of_key = |pointer: &str| {
        let line = line_of(body, Syntax::Json, pointer);
        let mistake = Mistake::new(MistakeCode::Invalid, detail.clone()).at(pointer, line);
        mistakes(vec![mistake])
    };
    match error {
        CreateError::Exists(id) => Problem::new(StatusCode::CONFLICT, detail)
            .reason("exists")
            .param("stream", id),
        CreateError::TooMany => later(detail, "max_streams"),
        CreateError::TooManyFiles => later(detail, "max_files"),
        CreateError::Ended(_) => later(detail, "sender_ended"),
        CreateError::NoInterface { .. } => of_key("/interface"),
        CreateError::NoSource(_) => of_key("/source"),
        CreateError::File(_) => of_key("/file"),
    }
}

/// It may work later.
fn later(detail: String, reason: &str) -> Problem {
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail);
    problem.reason(reason).retry_after(10)
}

#[cfg(test)]
mod tests;
