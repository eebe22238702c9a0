//! Who watches, and disconnecting one.

use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use common::problem::Problem;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use super::request::{Asker, IdPath, author, id, not_found};
use crate::live::{LiveViewer, ViewerId};

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ViewerList {
    viewers: Vec<ViewerDocument>,
}

/// A viewer that is connected.
#[derive(Debug, Serialize, ToSchema)]
struct ViewerDocument {
    /// A text, so that no browser rounds it.
    id: String,
    /// IP address and port.
    address: String,
    /// As the viewer names itself: not to be trusted.
    user_agent: String,
    /// RFC 3339, UTC.
    since: String,
    /// Bytes written to it.
    bytes: u64,
    /// How far it is behind the newest byte.
    lag_ms: u64,
    /// Bytes that it missed because it was too slow.
    skipped_bytes: u64,
}

/// The viewers of a channel.
#[utoipa::path(get, path = "/channels/{id}/viewers", tag = "viewers", params(("id" = String, Path)), responses(
    (status = 200, description = "Who watches it, in order of arrival", body = ViewerList),
    (status = 404, description = "There is no such channel", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(control): Shared,
    path: IdPath,
) -> Result<Json<ViewerList>, Problem> {
    let id = id(path)?;
    let mut viewers = control.viewers(&id).ok_or_else(|| not_found(&id))?;
    viewers.sort_by_key(|viewer| viewer.id);
    let viewers = viewers.iter().map(|viewer| shown(viewer)).collect();
    Ok(Json(ViewerList { viewers }))
}

/// Disconnects a viewer. Nothing keeps it from coming back.
#[utoipa::path(delete, path = "/viewers/{id}", tag = "viewers", params(("id" = String, Path)), responses(
    (status = 204, description = "Disconnected"),
    (status = 404, description = "There is no such viewer", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn disconnect(
    State(control): Shared,
    path: IdPath,
    asker: Asker,
) -> Result<StatusCode, Problem> {
    let id = id(path)?;
    let number = id.as_str().parse().ok().map(ViewerId);
    if number.is_some_and(|number| control.kick(number, &author(asker))) {
        return Ok(StatusCode::NO_CONTENT);
    }
    let detail = format!("there is no viewer {id}");
    Err(Problem::new(StatusCode::NOT_FOUND, detail)
        .reason("unknown_viewer")
        .param("viewer", id))
}

fn shown(viewer: &LiveViewer) -> ViewerDocument {
    let counters = &viewer.counters;
    ViewerDocument {
        id: viewer.id.0.to_string(),
        address: viewer.address.to_string(),
        user_agent: viewer.user_agent.clone(),
        since: viewer.since.clone(),
        bytes: counters.sent_bytes.load(Ordering::Relaxed),
        lag_ms: counters.lag_ms.load(Ordering::Relaxed),
        skipped_bytes: counters.skipped_bytes.load(Ordering::Relaxed),
    }
}
