//! What processing nodes send back: a stream without end, or a picture.

use std::sync::Arc;
use std::time::SystemTime;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use common::api::profile::ProfileKind;
use common::problem::Problem;
use http_body_util::{BodyExt, LengthLimitError};
use tokio::sync::watch;
use tokio::time::timeout;

use super::Shared;
use super::request::{IdPath, busy, id, missing, number};
use crate::control::Control;
use crate::http::request::Query;
use crate::limits::{REQUEST_BODY_WAIT, SNAPSHOT_BYTES_MAX, UPLOAD_SILENCE, UPLOADS_PER_JOB_MAX};
use crate::nodes::board::Admission;
use crate::nodes::dispatch::Nodes;
use crate::nodes::junction::LegEnded;
use crate::nodes::outputs::{Upload, UploadEnded};

/// An upload under way. Dropped without a word, its connection was reset.
#[derive(Debug)]
struct Coming<'a> {
    nodes: &'a Nodes,
    job: &'a str,
    epoch: u64,
    /// Which of its uploads; 0: a picture.
    upload: u64,
    told: bool,
}

/// What came next of a body.
enum Next {
    Bytes(Bytes),
    End,
    Reset(axum::Error),
    Silence,
    /// An epoch may be in force no more.
    Changed,
}

/// Takes what a job sends, under the epoch that it was ordered with: a transport stream without end,
/// or one picture. A stream is taken as fast as its viewers' worker does.
#[utoipa::path(put, path = "/jobs/{id}/output", tag = "nodes",
    params(("id" = String, Path), ("epoch" = u64, Query, description = "That of the order")),
    request_body(content((String = "video/mp2t"), (String = "image/jpeg"))), responses(
    (status = 204, description = "All of it was taken"),
    (status = 400, description = "It is no transport stream, or no picture", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such job", body = Problem, content_type = "application/problem+json"),
    (status = 408, description = "Nothing came for 30 s", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The epoch is not, or no longer, in force", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The picture is larger than 512 KiB", body = Problem, content_type = "application/problem+json"),
    (status = 415, description = "It is not what the job makes", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many uploads of this job", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn put(
    State(control): Shared,
    path: IdPath,
    request: Request,
) -> Result<StatusCode, Problem> {
    let job = id(path)?;
    let job = job.as_str();
    let epoch = epoch(&request)?;
    let nodes = &control.nodes;
    admitted(nodes, job, epoch)?;
    let kind = nodes.kind(job).ok_or_else(|| no_job(job))?;
    check_type(request.headers(), kind)?;
    let mut coming = Coming {
        nodes,
        job,
        epoch,
        upload: 0,
        told: false,
    };
    match kind {
        ProfileKind::Snapshot => picture(&control, &mut coming, request).await?,
        ProfileKind::Ts => stream(&mut coming, request).await?,
    }
    coming.ended(false);
    Ok(StatusCode::NO_CONTENT)
}

async fn stream(coming: &mut Coming<'_>, request: Request) -> Result<(), Problem> {
    let (nodes, job, epoch) = (coming.nodes, coming.job, coming.epoch);
    let output = nodes.output(job).ok_or_else(|| no_job(job))?;
    let mut changes = nodes.changes();
    let mut upload = output.open(epoch).await.ok_or_else(|| too_many(job))?;
    coming.upload = upload.number();
    let mut body = request.into_body();
    loop {
        match next(&mut body, &mut changes).await {
            Next::Bytes(bytes) => {
                if take(&mut upload, &bytes, coming).await? {
                    nodes.flows(job, epoch, coming.upload);
                }
            }
            Next::Changed => {
                if let Err(problem) = admitted(nodes, job, epoch) {
                    coming.told = true;
                    return Err(problem);
                }
            }
            Next::End => return Ok(()),
            Next::Reset(error) => {
                coming.ended(true);
                return Err(broken(&error));
            }
            Next::Silence => {
                coming.ended(true);
                return Err(silent());
            }
        }
    }
}

async fn next(body: &mut axum::body::Body, changes: &mut watch::Receiver<u64>) -> Next {
    loop {
        let frame = tokio::select! {
            biased;
            _ = changes.changed() => return Next::Changed,
            frame = timeout(UPLOAD_SILENCE, body.frame()) => frame,
        };
        return match frame {
            Err(_) => Next::Silence,
            Ok(None) => Next::End,
            Ok(Some(Err(error))) => Next::Reset(error),
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(bytes) => Next::Bytes(bytes),
                // Trailers say nothing here.
                Err(_) => continue,
            },
        };
    }
}

/// True: the upload is the one that is shown from now on.
async fn take(upload: &mut Upload, bytes: &[u8], coming: &mut Coming<'_>) -> Result<bool, Problem> {
    let taken = upload.push(bytes, coming.nodes.now_ms()).await;
    taken.map_err(|ended| {
        coming.told = true;
        match ended {
            UploadEnded::Leg(LegEnded::Superseded) => other_epoch(coming.job, coming.epoch),
            UploadEnded::Leg(LegEnded::NotTs) => {
                coming.told = false;
                coming.ended(false);
                Problem::new(StatusCode::BAD_REQUEST, ended.to_string()).reason("not_ts")
            }
            UploadEnded::Gone => no_job(coming.job),
        }
    })
}

async fn picture(
    control: &Arc<Control>,
    coming: &mut Coming<'_>,
    request: Request,
) -> Result<(), Problem> {
    let reading = to_bytes(request.into_body(), SNAPSHOT_BYTES_MAX);
    let bytes = match timeout(REQUEST_BODY_WAIT, reading).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) if too_large(&error) => {
            coming.ended(false);
            let detail =
                format!("the picture is too large: at most {SNAPSHOT_BYTES_MAX} bytes are taken");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
                .reason("body_too_large")
                .param("max_bytes", SNAPSHOT_BYTES_MAX));
        }
        Ok(Err(error)) => {
            coming.ended(true);
            return Err(broken(&error));
        }
        Err(_) => return Err(silent()),
    };
    // The job may have moved in the meantime.
    admitted(coming.nodes, coming.job, coming.epoch).inspect_err(|_| coming.told = true)?;
    let pictures = &control.nodes.pictures;
    let put = pictures.put(coming.job, coming.epoch, bytes, SystemTime::now());
    put.map_err(|error| {
        coming.ended(false);
        let detail = format!("this is no JPEG picture: {error}");
        Problem::new(StatusCode::BAD_REQUEST, detail).reason("not_jpeg")
    })?;
    coming.told = true;
    coming.nodes.flows(coming.job, coming.epoch, 0);
    Ok(())
}

impl Coming<'_> {
    fn ended(&mut self, reset: bool) {
        if !std::mem::replace(&mut self.told, true) {
            self.nodes
                .upload_ended(self.job, self.epoch, self.upload, reset);
        }
    }
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        self.ended(true);
    }
}

fn epoch(request: &Request) -> Result<u64, Problem> {
    let epoch = number(&Query::parse(request.uri()), "epoch", 0..=u64::MAX)?;
    epoch.ok_or_else(|| missing("epoch", "use that of the order"))
}

fn admitted(nodes: &Nodes, job: &str, epoch: u64) -> Result<(), Problem> {
    match nodes.admits(job, epoch) {
        Admission::Taken { .. } => Ok(()),
        Admission::OtherEpoch => Err(other_epoch(job, epoch)),
        Admission::NoSuchJob => Err(no_job(job)),
    }
}

fn check_type(headers: &HeaderMap, kind: ProfileKind) -> Result<(), Problem> {
    let wanted = match kind {
        ProfileKind::Ts => "video/mp2t",
        ProfileKind::Snapshot => "image/jpeg",
    };
    let given = match headers.get(header::CONTENT_TYPE) {
        Some(value) => value.to_str().unwrap_or_default(),
        // What is no transport stream is refused by its first packet.
        None if kind == ProfileKind::Ts => return Ok(()),
        None => "",
    };
    // Parameters say nothing here (RFC 9110, 8.3.1).
    let kind = given.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    let detail = format!("this job sends {wanted}, not {given:?}");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
        .reason("content_type")
        .param("wanted", wanted))
}

fn too_large(error: &axum::Error) -> bool {
    let cause = std::error::Error::source(error);
    cause.is_some_and(<dyn std::error::Error>::is::<LengthLimitError>)
}

fn no_job(job: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is no job {job}"))
        .reason("unknown_job")
        .param("job", job)
}

fn other_epoch(job: &str, epoch: u64) -> Problem {
    let detail = format!("epoch {epoch} of job {job} is not, or no longer, in force");
    Problem::new(StatusCode::CONFLICT, detail)
        .reason("epoch")
        .param("job", job)
        .param("epoch", epoch)
}

fn too_many(job: &str) -> Problem {
    let detail = format!("job {job} has {UPLOADS_PER_JOB_MAX} uploads already");
    busy(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).reason("max_uploads"))
}

fn broken(error: &axum::Error) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, common::chain(error)).reason("body")
}

fn silent() -> Problem {
    let seconds = UPLOAD_SILENCE.as_secs();
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        format!("nothing came for {seconds} s"),
    )
    .reason("body_timeout")
    .param("seconds", seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_compared_without_case_and_parameters() {
        let taken = |kind, given: Option<&'static str>| {
            let given = given.map(axum::http::HeaderValue::from_static);
            let headers = given.map(|value| (header::CONTENT_TYPE, value));
            check_type(&headers.into_iter().collect(), kind).is_ok()
        };
        let [ts, picture] = [ProfileKind::Ts, ProfileKind::Snapshot];
        for given in ["video/mp2t", "video/MP2T", "video/MP2T; x=y", "video/mp2t;"] {
            assert!(taken(ts, Some(given)), "{given}");
            assert!(!taken(picture, Some(given)), "{given}");
        }
        assert!(taken(picture, Some("image/jpeg ; q=1")));
        assert!(taken(ts, None), "its packets show what it is");
        assert!(!taken(picture, None));
        for given in ["", ";", "video/mp4", "video/mp2ts"] {
            assert!(!taken(ts, Some(given)), "{given}");
        }
    }
}
