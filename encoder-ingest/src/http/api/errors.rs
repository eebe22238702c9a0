//! What went wrong with a channel lately, with times.

use axum::Json;
use axum::extract::State;
use common::problem::Problem;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use super::request::{IdPath, id, not_found};
use crate::limits::ERRORS_KEPT_FOR;
use crate::live::ErrorSeen;

/// Errors of the last 30 s, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorList {
    errors: Vec<ErrorDocument>,
}

/// Errors of one kind that were counted within a tenth of a second.
#[derive(Debug, Serialize, ToSchema)]
struct ErrorDocument {
    /// RFC 3339, UTC, to a tenth of a second.
    time: String,
    /// An indicator of TR 101 290 as in `tr101290`, `lost_network`, `lost_kernel`, `lost_upstream`,
    /// `lost_unattributed`, `malformed_datagrams` or `source_restarted`.
    kind: &'static str,
    /// In the unit of its counter.
    count: u64,
}

/// What went wrong in the last 30 s, with times. The last 1000 are kept.
#[utoipa::path(get, path = "/channels/{id}/errors", tag = "channels", params(("id" = String, Path)), responses(
    (status = 200, description = "Errors of the last 30 s, oldest first", body = ErrorList),
    (status = 404, description = "There is no such channel", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(State(control): Shared, path: IdPath) -> Result<Json<ErrorList>, Problem> {
    let id = id(path)?;
    control.channel(&id).ok_or_else(|| not_found(&id))?;
    let kept_ms = i64::try_from(ERRORS_KEPT_FOR.as_millis()).unwrap_or(i64::MAX);
    let oldest_ms = Timestamp::now().as_millisecond().saturating_sub(kept_ms);
    let live = control.plane.channel(&id);
    let errors = live.map(|live| live.errors.load_full()).unwrap_or_default();
    let errors = errors.iter().filter(|error| error.unix_ms >= oldest_ms);
    Ok(Json(ErrorList {
        errors: errors.map(shown).collect(),
    }))
}

fn shown(error: &ErrorSeen) -> ErrorDocument {
    let time = Timestamp::from_millisecond(error.unix_ms).unwrap_or_default();
    ErrorDocument {
        time: format!("{time:.1}"),
        kind: error.kind,
        count: error.count,
    }
}
