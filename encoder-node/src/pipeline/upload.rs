//! Sends a job's result to the ingest. A stream's body is a bounded queue: when the ingest takes
//! nothing, whoever fills it waits.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use bytes::Bytes;
use common::api::node::JobReason;
use http_body_util::Full;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Run;
use super::input::problem;
use crate::client::{self, Answer, ClientError, encoded};
use crate::job::{RunEnd, Why};
use crate::limits::{ANSWER_WITHIN, CONNECT_WITHIN, UPLOAD_PIECES_MAX};

/// The body of a stream's upload; it ends well when the sender is dropped.
#[derive(Debug)]
pub struct StreamBody(mpsc::Receiver<Bytes>);

/// A body, and what fills it.
#[must_use]
pub fn stream_body() -> (mpsc::Sender<Bytes>, StreamBody) {
    let (sender, receiver) = mpsc::channel(UPLOAD_PIECES_MAX);
    (sender, StreamBody(receiver))
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.0.poll_recv(context);
        piece.map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// Sends a stream; answers how the run ends when the ingest answers, which it does at its end.
pub async fn stream(run: &Run, body: StreamBody) -> RunEnd {
    let request = request(run, "video/mp2t", body);
    match client::send(run.start.address, request).await {
        Ok(answer) => {
            let status = answer.status;
            let told = problem(answer).await;
            refused(status, &told)
        }
        Err(error) => broken(&error),
    }
}

/// Sends one picture.
///
/// # Errors
/// How the run ends when the ingest does not take it.
pub async fn picture(run: &Run, jpeg: Bytes) -> Result<(), RunEnd> {
    let request = request(run, "image/jpeg", Full::new(jpeg));
    let within = CONNECT_WITHIN + ANSWER_WITHIN;
    let sending = timeout(within, client::send(run.start.address, request));
    let answer: Result<Answer, ClientError> =
        sending.await.unwrap_or(Err(ClientError::Slow(within)));
    let answer = answer.map_err(|error| broken(&error))?;
    let status = answer.status;
    if status.is_success() {
        return Ok(());
    }
    Err(refused(status, &problem(answer).await))
}

fn request<B>(run: &Run, media_type: &'static str, body: B) -> Request<B> {
    let order = &run.start.order;
    let path = format!(
        "/api/v1/jobs/{}/output?epoch={}",
        encoded(&order.id),
        order.epoch
    );
    let credentials = &run.tools.credentials;
    let mut request = client::request(Method::PUT, run.start.address, &path, credentials, body);
    let media_type = HeaderValue::from_static(media_type);
    request
        .headers_mut()
        .insert(header::CONTENT_TYPE, media_type);
    request
}

fn broken(error: &ClientError) -> RunEnd {
    let detail = format!("the output was not taken: {error}");
    RunEnd::Failed(Why::new(JobReason::OutputRefused, detail))
}

/// 404 and 409: another has the job, or nobody (the epoch is not in force).
fn refused(status: StatusCode, told: &str) -> RunEnd {
    let code = status.as_u16();
    let detail = if status.is_success() {
        "the ingest has ended the upload".to_owned()
    } else {
        format!("the ingest answered {status} to the output: {told}")
    };
    let why = Why::new(JobReason::OutputRefused, detail).param("status", code.to_string());
    match status {
        StatusCode::NOT_FOUND | StatusCode::CONFLICT | StatusCode::GONE => RunEnd::Unwanted(why),
        status if status.is_success() => RunEnd::Unwanted(why),
        _ => RunEnd::Failed(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_ends_the_job_and_a_fault_only_the_attempt() {
        let of = |code: u16| {
            let status = StatusCode::from_u16(code).expect("status");
            matches!(refused(status, ""), RunEnd::Unwanted(_))
        };
        for code in [200, 204, 404, 409, 410] {
            assert!(of(code), "{code}");
        }
        for code in [400, 401, 403, 500, 503] {
            assert!(!of(code), "{code}");
        }
    }
}
