//! A channel's last seconds, as a download.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::IntoResponse;
use common::problem::Problem;
use futures_util::stream;
use jiff::Timestamp;

use super::Shared;
use super::request::{IdPath, busy, id, not_found, number};
use crate::control::capture::{CaptureError, Captured};
use crate::definition::ChannelId;
use crate::http::request::Query;
use crate::limits::CAPTURE_SECONDS_MAX;

/// Where nothing else is asked for.
const SECONDS_DEFAULT: u32 = 10;

/// The channel's last seconds, as far as its history (`--history-ms`) has them: PAT and PMT, then
/// what was received from a random access point on, unaltered. 32 MiB at most.
#[utoipa::path(get, path = "/channels/{id}/capture.ts", tag = "channels",
    params(("id" = String, Path), ("seconds" = Option<u32>, Query, description = "1 to 600; 10 where it is not given")), responses(
    (status = 200, description = "TS", body = Vec<u8>, content_type = "video/mp2t", headers(("X-Seconds" = f64, description = "How long the capture took to come"))),
    (status = 400, description = "The query is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such channel, or it has nothing in its history", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Two captures are under way", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn capture(
    State(control): Shared,
    path: IdPath,
    target: Uri,
) -> Result<impl IntoResponse, Problem> {
    let id = id(path)?;
    let channel = control.channel(&id).ok_or_else(|| not_found(&id))?;
    let seconds = number(&Query::parse(&target), "seconds", 1..=CAPTURE_SECONDS_MAX)?;
    let captured = control.capture(&id, seconds.unwrap_or(SECONDS_DEFAULT));
    let captured = captured.await.map_err(|error| match error {
        CaptureError::Busy => {
            let detail = "two captures are under way: ask again when one is done";
            busy(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).reason("max_captures"))
        }
        CaptureError::Nothing => {
            let detail = format!(
                "channel {id} has nothing to capture: {}",
                channel.status.detail
            );
            Problem::new(StatusCode::NOT_FOUND, detail)
                .reason("nothing_captured")
                .param("channel", &id)
        }
    })?;
    Ok(answer(&id, captured))
}

fn answer(id: &ChannelId, captured: Captured) -> impl IntoResponse + use<> {
    let Captured {
        pieces,
        span_ms,
        permit,
    } = captured;
    let length: usize = pieces.iter().map(Vec::len).sum();
    let time = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let headers = [
        (header::CONTENT_TYPE, "video/mp2t".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{id}-{time}.ts\""),
        ),
        (
            header::HeaderName::from_static("x-seconds"),
            format!("{}.{:03}", span_ms / 1000, span_ms % 1000),
        ),
    ];
    let pieces = pieces.into_iter().map(move |piece| {
        // The place among the captures is given back with the last piece.
        let _ = &permit;
        Ok::<_, std::convert::Infallible>(Bytes::from(piece))
    });
    (headers, Body::from_stream(stream::iter(pieces)))
}
