//! Events: a stream (server-sent events) and a list.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse;
use common::api::event::Event;
use futures_util::stream::{self, Stream};
use serde::Serialize;
use tokio::time::{Interval, MissedTickBehavior, interval};
use utoipa::ToSchema;

use super::Shared;
use crate::events::Reader;

/// A comment so often: who hears none for some seconds knows that the connection is dead.
const COMMENT_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventList {
    events: Vec<Event>,
}

/// Events as they happen. With `Last-Event-ID`, first those after it of the last 1000; with an id
/// that is not known, all of them. A comment comes each second.
#[utoipa::path(get, path = "/events", tag = "events",
    params(("Last-Event-ID" = Option<String>, Header, description = "The last event that was seen")), responses(
    (status = 200, description = "Each message's id is the event's, its data the event as JSON", body = Event, content_type = "text/event-stream"),
))]
pub(super) async fn stream(
    State(control): Shared,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<sse::Event, Infallible>>> {
    let last = headers.get("last-event-id");
    // An id with other than visible ASCII is none of ours: unknown.
    let last = last.map(|last| last.to_str().unwrap_or_default());
    let reader = control.events.reader(last);
    let mut comments = interval(COMMENT_INTERVAL);
    comments.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Sse::new(stream::unfold((reader, comments), next))
}

/// The last 1000 events, oldest first.
#[utoipa::path(get, path = "/events.json", tag = "events", responses(
    (status = 200, description = "The events that the stream would replay", body = EventList),
))]
pub(super) async fn list(State(control): Shared) -> Json<EventList> {
    let events = control.events.list();
    let events = events.into_iter().map(Arc::unwrap_or_clone).collect();
    Json(EventList { events })
}

type Place = (Reader, Interval);

async fn next(
    (mut reader, mut comments): Place,
) -> Option<(Result<sse::Event, Infallible>, Place)> {
    let message = tokio::select! {
        event = reader.next() => message(&*event?),
        _ = comments.tick() => sse::Event::default().comment(""),
    };
    Some((Ok(message), (reader, comments)))
}

fn message(event: &Event) -> sse::Event {
    // Texts and maps of them: this can't fail. JSON escapes line breaks, so data is one line.
    let data = serde_json::to_string(event).unwrap_or_default();
    sse::Event::default().id(&event.id).data(data)
}
