//! Changes as they happen (`/api/events`), and events of the past (`/api/events.json`).

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use common::problem::Problem;
use common::shutdown::Shutdown;
use futures_util::stream;
use tokio::time::timeout;

use super::Shared;
use crate::guard::Visitor;
use crate::hub::Reader;
use crate::limits::COMMENT_PERIOD;
use crate::metrics::Refusal;
use crate::places::{Taken, no_event_stream};
use crate::sse::COMMENT;

/// One browser that gets changes.
struct Listener {
    reader: Reader,
    visitor: Visitor,
    shutdown: Shutdown,
    _place: Taken,
}

/// A snapshot, then what changes; ends with the session.
pub(super) async fn stream(
    State(api): Shared,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Problem> {
    let Some(place) = api.streams.take(&visitor.key()) else {
        api.hub.counters().refused(Refusal::Busy);
        return Err(no_event_stream());
    };
    let listener = Listener {
        reader: api.hub.reader(),
        visitor,
        shutdown: api.shutdown.clone(),
        _place: place,
    };
    let head = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Proxies that gather answers would hold changes back.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((head, Body::from_stream(messages(listener))).into_response())
}

fn messages(listener: Listener) -> impl stream::Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(Some(listener), |listener| async {
        let mut listener = listener?;
        let message = listener.next().await?;
        Some((Ok(message), Some(listener)))
    })
}

impl Listener {
    async fn next(&mut self) -> Option<Bytes> {
        let mut shutdown = self.shutdown.clone();
        let message = tokio::select! {
            message = timeout(COMMENT_PERIOD, self.reader.next()) => message,
            () = shutdown.requested() => return None,
        };
        if !self.visitor.still_holds() {
            return None;
        }
        // Nothing new within a second: a comment says that the stream lives.
        message.unwrap_or(Some(COMMENT))
    }
}

pub(super) async fn list(State(api): Shared, uri: Uri) -> Result<Response, Problem> {
    let head = [(header::CACHE_CONTROL, "no-store")];
    let list = api.history.list(&uri).await?;
    Ok((head, Json(list)).into_response())
}
