//! The newest picture of a channel, from a processing node.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use common::api::node::JobDocument;
use common::problem::Problem;

use super::Shared;
use super::request::{IdPath, id, not_found};
use crate::definition::ChannelId;
use crate::nodes::pictures::Picture;

/// The profile that makes pictures.
const PROFILE: &str = "snapshot";

/// A browser asks each time whether there is a newer one.
const CACHING: &str = "private, no-cache";

/// The newest picture of the channel, which the rendition `snapshot` makes every 5 s.
#[utoipa::path(get, path = "/channels/{id}/snapshot.jpg", tag = "channels",
    params(("id" = String, Path), ("If-None-Match" = Option<String>, Header), ("If-Modified-Since" = Option<String>, Header)), responses(
    (status = 200, description = "The picture", content_type = "image/jpeg", headers(("ETag" = String), ("Last-Modified" = String))),
    (status = 304, description = "It is the one that was named, or no newer one"),
    (status = 404, description = "There is no such channel, or no picture of it yet: the reason says why", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn read(
    State(control): Shared,
    path: IdPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = id(path)?;
    let channel = control.channel(&id).ok_or_else(|| not_found(&id))?;
    let job = format!("{id}.{PROFILE}");
    let Some(picture) = control.nodes.pictures.newest(&job) else {
        let wanted = channel
            .definition
            .renditions
            .iter()
            .any(|one| one == PROFILE);
        return Err(none_yet(&id, wanted, control.nodes.job(&job)));
    };
    let tags = [
        (header::ETAG, picture.tag.clone()),
        (header::LAST_MODIFIED, httpdate::fmt_http_date(picture.at)),
        (header::CACHE_CONTROL, CACHING.to_owned()),
    ];
    if matches(&headers, &picture) {
        return Ok((StatusCode::NOT_MODIFIED, tags).into_response());
    }
    let kind = [(header::CONTENT_TYPE, "image/jpeg")];
    Ok((tags, kind, picture.bytes.clone()).into_response())
}

/// RFC 9110, 13.2.2: `If-Modified-Since` counts only where there is no `If-None-Match`.
fn matches(headers: &HeaderMap, picture: &Picture) -> bool {
    if headers.contains_key(header::IF_NONE_MATCH) {
        return is_named(headers, picture);
    }
    let since = headers.get(header::IF_MODIFIED_SINCE);
    let since = since.and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok());
    // The header has whole seconds, as Last-Modified has.
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).ok().map(|at| at.as_secs());
    since.is_some_and(|since| seconds(picture.at) <= seconds(since))
}

/// RFC 9110, 13.1.2: by weak comparison.
fn is_named(headers: &HeaderMap, picture: &Picture) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        let tags = value.to_str().unwrap_or_default().split(',');
        let mut tags = tags.map(|tag| tag.trim().trim_start_matches("W/"));
        tags.any(|tag| tag == "*" || tag == picture.tag)
    })
}

fn none_yet(id: &ChannelId, wanted: bool, job: Option<JobDocument>) -> Problem {
    let (reason, why) = match job {
        _ if !wanted => (
            "not_wanted",
            format!("its renditions do not name {PROFILE:?}"),
        ),
        Some(job) => match (job.reason, job.detail.as_str()) {
            (Some(reason), "") => (reason.as_str(), reason.as_str().to_owned()),
            (Some(reason), detail) => (reason.as_str(), detail.to_owned()),
            (None, _) => ("starting", "the job has only just begun".to_owned()),
        },
        None => ("starting", "the job has only just begun".to_owned()),
    };
    let detail = format!("there is no picture of channel {id} yet: {why}");
    Problem::new(StatusCode::NOT_FOUND, detail)
        .reason(reason)
        .param("channel", id)
}
