//! Channels: list, make, read, replace, remove, and a whole set at once.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::IntoResponse;
use common::api::channel::{Channel, ChannelDocument};
use common::document::{DOCUMENT_BYTES_MAX, Mistake, MistakeCode, Syntax, line_of};
use common::problem::Problem;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use super::request::{
    Asker, Body, IdPath, author, blocking, body, id, matches, mistaken, not_found, refused,
    revision, switch,
};
use crate::channels::change::{ChangeError, Idle};
use crate::channels::difference::DifferenceDocument;
use crate::channels::file;
use crate::control::Control;
use crate::definition::{ChannelDefinition, ChannelId};
use crate::http::request::Query;
use crate::limits::CHANNEL_BODY_BYTES_MAX;

/// All channels in order of their ids.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChannelList {
    channels: Vec<Channel>,
}

/// What a whole set changed, or would change.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Applied {
    #[serde(flatten)]
    difference: DifferenceDocument,
    /// Keys of the file that are right and have no effect here: `profiles`.
    ignored: Vec<&'static str>,
}

/// All channels: declared, operators', on demand and renditions.
#[utoipa::path(get, path = "/channels", tag = "channels", responses(
    (status = 200, description = "All channels, in order of their ids", body = ChannelList),
))]
pub(super) async fn list(State(control): Shared) -> Json<ChannelList> {
    let channels = control.channels();
    Json(ChannelList { channels })
}

/// Makes an operator channel. It is kept in `--state-dir` before it is answered.
#[utoipa::path(post, path = "/channels", tag = "channels", request_body = ChannelDocument, responses(
    (status = 201, description = "Made", body = Channel, headers(("Location" = String), ("ETag" = String))),
    (status = 400, description = "Every mistake in the body", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "There is a channel of this id", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "There are too many channels, or the state folder can't be written", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(control): Shared,
    asker: Asker,
    given: Body,
) -> Result<impl IntoResponse, Problem> {
    let channel = definition(&control, None, given)?;
    let author = author(asker);
    let made = Arc::clone(&control);
    let channel = blocking(move || made.registry.create(channel, &author))
        .await?
        .map_err(|error| refused(&error))?;
    let shown = shown(&control, &channel.id)?;
    let location = format!("{}/channels/{}", super::describe::PREFIX, channel.id);
    let headers = [
        (header::LOCATION, location),
        (header::ETAG, revision(&channel)),
    ];
    Ok((StatusCode::CREATED, headers, Json(shown)))
}

/// One channel.
#[utoipa::path(get, path = "/channels/{id}", tag = "channels", params(("id" = String, Path)), responses(
    (status = 200, description = "The channel and how it fares", body = Channel, headers(("ETag" = String, description = "The revision of the definition"))),
    (status = 404, description = "There is no such channel", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn read(
    State(control): Shared,
    path: IdPath,
) -> Result<impl IntoResponse, Problem> {
    let id = id(path)?;
    let shown = shown(&control, &id)?;
    let in_force = control.registry.in_force();
    let tag = in_force.all.get(&id).map(|one| revision(one));
    let tag = tag.map(|tag| [(header::ETAG, tag)]);
    Ok((tag, Json(shown)))
}

/// Replaces an operator channel. Its viewers stay connected. `origin` and `status` in the body, as
/// they come with reading, are passed over.
#[utoipa::path(put, path = "/channels/{id}", tag = "channels", request_body = ChannelDocument,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "Replace only what has this ETag")), responses(
    (status = 200, description = "Replaced", body = Channel, headers(("ETag" = String))),
    (status = 400, description = "Every mistake in the body", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such channel", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The channel is not an operator's", body = Problem, content_type = "application/problem+json"),
    (status = 412, description = "It has changed since it was read", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The state folder can't be written", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn replace(
    State(control): Shared,
    path: IdPath,
    headers: HeaderMap,
    asker: Asker,
    given: Body,
) -> Result<impl IntoResponse, Problem> {
    let id = id(path)?;
    changeable(&control, &id)?;
    let channel = definition(&control, Some(&id), given)?;
    let author = author(asker);
    let changed = Arc::clone(&control);
    let channel = blocking(move || {
        let guard = |before: &ChannelDefinition| matches(&headers, before);
        changed.registry.replace(channel, &guard, &author)
    })
    .await?
    .map_err(|error| refused(&error))?;
    let tag = [(header::ETAG, revision(&channel))];
    Ok((tag, Json(shown(&control, &id)?)))
}

/// Removes an operator channel and closes its viewers.
#[utoipa::path(delete, path = "/channels/{id}", tag = "channels",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "Remove only what has this ETag")), responses(
    (status = 204, description = "Removed"),
    (status = 404, description = "There is no such channel", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The channel is not an operator's", body = Problem, content_type = "application/problem+json"),
    (status = 412, description = "It has changed since it was read", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The state folder can't be written", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn remove(
    State(control): Shared,
    path: IdPath,
    headers: HeaderMap,
    asker: Asker,
) -> Result<StatusCode, Problem> {
    let id = id(path)?;
    changeable(&control, &id)?;
    let author = author(asker);
    blocking(move || {
        let guard = |before: &ChannelDefinition| matches(&headers, before);
        control.registry.remove(&id, &guard, &author)
    })
    .await?
    .map_err(|error| refused(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a channels file, in YAML or JSON, the whole set of operator channels; channels in it that
/// are for other ingests are passed over. `profiles` in it are checked and have no effect, as
/// `ignored` says: operator channels name those that the file of `--channels` declares.
#[utoipa::path(post, path = "/channels:apply", tag = "channels",
    params(("dry_run" = Option<bool>, Query, description = "Only compare")),
    request_body(content((String = "application/yaml"), (Object = "application/json"))), responses(
    (status = 200, description = "What changed, or would change", body = Applied),
    (status = 400, description = "Every mistake in the body", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "A channel in it is declared", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "There would be too many channels, or the state folder can't be written", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn apply(
    State(control): Shared,
    target: Uri,
    headers: HeaderMap,
    asker: Asker,
    given: Body,
) -> Result<Json<Applied>, Problem> {
    let dry_run = switch(&Query::parse(&target), "dry_run")?;
    let bytes = body(given, DOCUMENT_BYTES_MAX)?;
    let kind = headers.get(header::CONTENT_TYPE);
    let json = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    // YAML is what curl's default content type is taken for as well; JSON is nearly YAML.
    let syntax = if json { Syntax::Json } else { Syntax::Yaml };
    let author = author(asker);
    blocking(move || {
        let in_force = control.registry.in_force();
        let context = control.registry.context(&in_force);
        let file = file::read(&bytes, syntax, context).map_err(mistaken)?;
        let profiles = (!file.profiles.is_empty()).then_some("profiles");
        let difference = control.registry.apply(file, dry_run, &author);
        let difference = difference.map_err(|error| refused(&error))?;
        Ok(Json(Applied {
            difference: difference.document(),
            ignored: profiles.into_iter().collect(),
        }))
    })
    .await?
}

/// The error counters that operators see start again; those of `/metrics` go on.
#[utoipa::path(post, path = "/channels/{id}/counters:reset", tag = "channels", params(("id" = String, Path)), responses(
    (status = 204, description = "They start from zero"),
    (status = 404, description = "There is no such channel", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn reset_counters(
    State(control): Shared,
    path: IdPath,
    asker: Asker,
) -> Result<StatusCode, Problem> {
    let id = id(path)?;
    if control.reset_counters(&id, &author(asker)) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(not_found(&id))
}

fn shown(control: &Control, id: &ChannelId) -> Result<Channel, Problem> {
    control.channel(id).ok_or_else(|| not_found(id))
}

/// A channel that the ingest has made itself is found, but not the registry's to change.
fn changeable(control: &Control, id: &ChannelId) -> Result<(), Problem> {
    let known = control.registry.in_force().all.contains_key(id);
    if !known && control.channel(id).is_some() {
        return Err(refused(&ChangeError::MadeHere(id.clone())));
    }
    Ok(())
}

/// The channel in a body. One that would not run here, for it is for other ingests, is a mistake.
fn definition(
    control: &Control,
    id: Option<&ChannelId>,
    given: Body,
) -> Result<ChannelDefinition, Problem> {
    let bytes = body(given, CHANNEL_BODY_BYTES_MAX)?;
    let in_force = control.registry.in_force();
    let context = control.registry.context(&in_force);
    let channel = file::read_channel(&bytes, id, context).map_err(mistaken)?;
    let enabled = ChannelDefinition {
        enabled: true,
        ..channel.clone()
    };
    let idle = control.registry.idle(&enabled);
    if let Some(idle @ Idle::OtherIngest { ingests, ingest }) = &idle {
        let at = "/ingests";
        let line = line_of(&bytes, Syntax::Json, at);
        let mistake = Mistake::new(MistakeCode::OtherIngest, idle.to_string()).at(at, line);
        let mistake = mistake.param("ingests", ingests).param("ingest", ingest);
        return Err(mistaken(vec![mistake]));
    }
    Ok(channel)
}
