//! Asks the ingest for a channel.

use axum::http::{Method, StatusCode};
use bytes::Bytes;
use common::api::node::JobReason;
use http_body_util::Empty;
use tokio::time::timeout;

use super::Run;
use crate::client::{self, Answer, ClientError, encoded};
use crate::job::{RunEnd, Why};
use crate::limits::{ANSWER_WITHIN, STREAM_HEAD_WITHIN};

/// Of an answer that refuses, so much is read for its sentence.
const PROBLEM_BYTES_MAX: usize = 16 << 10;

/// The channel's stream, from `query` on; its body is TS until the channel ends.
///
/// # Errors
/// How the run ends when there is none.
pub async fn open(run: &Run, query: &str) -> Result<Answer, RunEnd> {
    let order = &run.start.order;
    let address = run.start.address;
    let path = format!("/channels/{}.ts{query}", encoded(&order.channel));
    let body = Empty::<Bytes>::new();
    let request = client::request(Method::GET, address, &path, &run.tools.credentials, body);
    let sending = timeout(STREAM_HEAD_WITHIN, client::send(address, request));
    let answer = sending
        .await
        .unwrap_or(Err(ClientError::Slow(STREAM_HEAD_WITHIN)));
    let answer = answer.map_err(|error| {
        let detail = format!("cannot read channel {}: {error}", order.channel);
        RunEnd::Failed(Why::new(JobReason::InputRefused, detail))
    })?;
    let status = answer.status;
    if status == StatusCode::OK {
        return Ok(answer);
    }
    let told = problem(answer).await;
    if status == StatusCode::GATEWAY_TIMEOUT {
        let detail = format!("channel {} has no data: {told}", order.channel);
        return Err(RunEnd::NoData(Why::new(
            JobReason::WaitingForParent,
            detail,
        )));
    }
    let detail = format!("channel {} was answered by {status}: {told}", order.channel);
    let why =
        Why::new(JobReason::InputRefused, detail).param("status", status.as_u16().to_string());
    Err(RunEnd::Failed(why))
}

/// The sentence of an RFC 9457 problem.
pub(super) async fn problem(answer: Answer) -> String {
    #[derive(serde::Deserialize)]
    struct Problem {
        detail: Option<String>,
        title: Option<String>,
    }
    let reading = timeout(ANSWER_WITHIN, answer.into_bytes(PROBLEM_BYTES_MAX));
    let bytes = reading.await.ok().and_then(Result::ok).unwrap_or_default();
    let problem = serde_json::from_slice::<Problem>(&bytes).ok();
    let text = problem.and_then(|problem| problem.detail.or(problem.title));
    text.unwrap_or_else(|| "without a reason".to_owned())
}
