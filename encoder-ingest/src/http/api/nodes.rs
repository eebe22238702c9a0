//! Processing nodes: their heartbeats, and what they do.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use common::api::node::{Heartbeat, JobList, NodeList, Orders, Progress};
use common::problem::Problem;

use super::Shared;
use super::request::{Asker, Body, IdPath, body, busy};
use crate::limits::{
    HEARTBEAT_BYTES_MAX, HEARTBEAT_JOBS_MAX, HEARTBEAT_TEXT_BYTES_MAX, HOST_NAME_BYTES_MAX,
    NODE_ENCODERS_MAX, NODES_MAX, STDERR_LINE_BYTES_MAX, STDERR_LINES_MAX,
};
use crate::nodes::leases::LeaseRefused;

/// A processing node says how it fares, and is told what it shall run. The answer is held for up to
/// 900 ms while the node's `revision` is that of its orders, and given at once when they change.
/// Keys that are not known here are passed over: the node may be of a later version.
#[utoipa::path(post, path = "/nodes/{name}/heartbeat", tag = "nodes", params(("name" = String, Path)), request_body = Heartbeat, responses(
    (status = 200, description = "The full list of jobs that it shall run for this ingest", body = Orders),
    (status = 400, description = "The body is no heartbeat", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Another instance of this name is alive", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "There are too many nodes", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn heartbeat(
    State(control): Shared,
    path: IdPath,
    asker: Asker,
    given: Body,
) -> Result<Json<Orders>, Problem> {
    let name = node_name(path)?;
    let bytes = body(given, HEARTBEAT_BYTES_MAX)?;
    let heartbeat = read(&bytes)?;
    let address = asker.map_or(IpAddr::from([0, 0, 0, 0]), |actor| actor.address);
    let orders = control.nodes.heartbeat(&name, address, heartbeat).await;
    orders.map(Json).map_err(|error| refused(&name, &error))
}

/// The processing nodes that were heard lately.
#[utoipa::path(get, path = "/nodes", tag = "nodes", responses(
    (status = 200, description = "In order of their names", body = NodeList),
))]
pub(super) async fn list(State(control): Shared) -> Json<NodeList> {
    Json(NodeList {
        nodes: control.nodes.nodes(),
    })
}

/// What processing nodes do, and shall do: a job for each rendition.
#[utoipa::path(get, path = "/jobs", tag = "nodes", responses(
    (status = 200, description = "In order of their ids", body = JobList),
))]
pub(super) async fn jobs(State(control): Shared) -> Json<JobList> {
    Json(JobList {
        jobs: control.nodes.jobs(),
    })
}

/// A host's name, or what else a cluster calls its pods.
fn node_name(path: IdPath) -> Result<String, Problem> {
    let name = super::request::id(path)?;
    let name = name.as_str();
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if (1..=HOST_NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(letter) {
        return Ok(name.to_owned());
    }
    let detail = format!(
        "{name:?} can't be the name of a node: use letters, digits, \".\", \"_\" and \"-\", at most {HOST_NAME_BYTES_MAX}"
    );
    Err(wrong(detail))
}

fn read(bytes: &[u8]) -> Result<Heartbeat, Problem> {
    let mut heartbeat: Heartbeat = serde_json::from_slice(bytes)
        .map_err(|error| wrong(format!("this is no heartbeat: {error}")))?;
    for (what, count, most) in [
        ("jobs", heartbeat.jobs.len(), HEARTBEAT_JOBS_MAX),
        ("encoders", heartbeat.encoders.len(), NODE_ENCODERS_MAX),
    ] {
        if count > most {
            return Err(wrong(format!("{count} {what}: at most {most} are taken")));
        }
    }
    let own = [&heartbeat.version, &heartbeat.instance, &heartbeat.ffmpeg];
    let own = own.into_iter().chain(&heartbeat.encoders);
    let told = heartbeat.jobs.iter().flat_map(|job| {
        let params = job.params.iter().flat_map(|(name, value)| [name, value]);
        [&job.id, &job.detail].into_iter().chain(params)
    });
    if let Some(long) = own
        .chain(told)
        .find(|text| text.len() > HEARTBEAT_TEXT_BYTES_MAX)
    {
        let start: String = long.chars().take(40).collect();
        return Err(wrong(format!(
            "the text {start:?}... is longer than {HEARTBEAT_TEXT_BYTES_MAX} bytes"
        )));
    }
    for job in &mut heartbeat.jobs {
        trim(&mut job.progress);
    }
    Ok(heartbeat)
}

/// The newest lines, and the beginning of each.
fn trim(progress: &mut Progress) {
    let lines = &mut progress.stderr_tail;
    lines.drain(..lines.len().saturating_sub(STDERR_LINES_MAX));
    for line in lines {
        let end = line.floor_char_boundary(STDERR_LINE_BYTES_MAX);
        line.truncate(end);
    }
}

fn wrong(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail).reason("heartbeat")
}

fn refused(name: &str, error: &LeaseRefused) -> Problem {
    let detail = error.to_string();
    match error {
        LeaseRefused::OtherInstance {
            address, silent_ms, ..
        } => Problem::new(StatusCode::CONFLICT, detail)
            .reason("other_instance")
            .param("node", name)
            .param("address", address)
            .param("silent_ms", silent_ms),
        LeaseRefused::TooMany => busy(
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
                .reason("max_nodes")
                .param("max", NODES_MAX),
        ),
        LeaseRefused::Slots { .. } => wrong(detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> String {
        let tail = vec!["x".repeat(300); 30];
        serde_json::json!({
            "version": "1", "instance": "i", "slots": 4, "free_slots": 3.5, "encoders": ["aac"],
            "ffmpeg": "5.1.9", "draining": false, "revision": 0, "of_a_later_version": 1,
            "jobs": [{"id": "a.b", "epoch": 1, "state": "running", "reason": null, "params": {},
                "detail": text, "stderr_tail": tail}],
        })
        .to_string()
    }

    #[test]
    fn what_a_node_says_is_bounded() {
        let heartbeat = read(body("").as_bytes()).expect("a heartbeat");
        let tail = &heartbeat.jobs[0].progress.stderr_tail;
        assert_eq!(tail.len(), STDERR_LINES_MAX);
        assert!(tail.iter().all(|line| line.len() == STDERR_LINE_BYTES_MAX));
        let long = "x".repeat(HEARTBEAT_TEXT_BYTES_MAX + 1);
        for wrong in [body(&long).as_str(), "{}", "", "[1"] {
            assert_eq!(read(wrong.as_bytes()).expect_err(wrong).status, 400);
        }
    }
}
