//! Holding one of a channel's inputs.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use common::problem::Problem;

use super::Shared;
use super::request::{Asker, IdPath, author, blocking, id, missing, not_found, number};
use crate::channels::news::Author;
use crate::control::Control;
use crate::control::pin::PinError;
use crate::definition::ChannelId;
use crate::http::request::Query;

/// Holds one input, come what may, until the pin is taken away, or the input or the channel is removed.
/// A pin is no part of the definition; it outlives the process where there is a `--state-dir`. Viewers
/// stay.
#[utoipa::path(post, path = "/channels/{id}/pin", tag = "channels",
    params(("id" = String, Path), ("input" = u32, Query, description = "Its place among the channel's inputs, from 0")), responses(
    (status = 204, description = "Held: `status.pinned_input`"),
    (status = 400, description = "The query is wrong, or there is no such input", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such channel", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The channel does not run", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn pin(
    State(control): Shared,
    path: IdPath,
    target: Uri,
    asker: Asker,
) -> Result<StatusCode, Problem> {
    let id = id(path)?;
    control.channel(&id).ok_or_else(|| not_found(&id))?;
    let input = number(&Query::parse(&target), "input", 0..=u32::MAX)?;
    let input = input.and_then(|input| usize::try_from(input).ok());
    let Some(input) = input else {
        return Err(missing("input", "which input, counted from 0?"));
    };
    change(control, id, Some(input), author(asker)).await
}

/// Lets failover choose again. Without a pin, nothing changes.
#[utoipa::path(delete, path = "/channels/{id}/pin", tag = "channels", params(("id" = String, Path)), responses(
    (status = 204, description = "No input is held"),
    (status = 404, description = "There is no such channel", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The channel does not run", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn unpin(
    State(control): Shared,
    path: IdPath,
    asker: Asker,
) -> Result<StatusCode, Problem> {
    let id = id(path)?;
    change(control, id, None, author(asker)).await
}

async fn change(
    control: Arc<Control>,
    id: ChannelId,
    input: Option<usize>,
    author: Author,
) -> Result<StatusCode, Problem> {
    blocking(move || {
        let changed = control.pin(&id, input, &author);
        changed.map_err(|error| refused(&id, &error))
    })
    .await??;
    Ok(StatusCode::NO_CONTENT)
}

fn refused(id: &ChannelId, error: &PinError) -> Problem {
    let (status, reason) = match error {
        PinError::NotFound(_) => return not_found(id),
        PinError::Idle(_) => (StatusCode::CONFLICT, "channel_idle"),
        PinError::NoInput { .. } => (StatusCode::BAD_REQUEST, "unknown_input"),
    };
    let problem = Problem::new(status, error.to_string()).reason(reason);
    let problem = problem.param("channel", id);
    match error {
        PinError::NoInput { input, count, .. } => {
            problem.param("input", input).param("count", count)
        }
        _ => problem,
    }
}
