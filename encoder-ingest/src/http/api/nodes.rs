//! Processing nodes: their heartbeats, and what they do.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use common::api::node::{HEARTBEAT_BYTES_MAX, Heartbeat, JobList, NodeList, Orders};
use common::problem::Problem;

use super::Shared;
use super::heartbeat;
use super::request::{Asker, Body, IdPath, body, busy, mistaken};
use crate::limits::{HOST_NAME_BYTES_MAX, NODES_MAX};
use crate::nodes::leases::LeaseRefused;

/// A processing node says how it fares, and is told what it shall run. The answer is held for up to
/// 900 ms while the node's `revision` is that of its orders, and given at once when they change.
/// Keys that are not known here are mistakes, as everywhere: ingests are upgraded before nodes.
#[utoipa::path(post, path = "/nodes/{name}/heartbeat", tag = "nodes", params(("name" = String, Path)), request_body = Heartbeat, responses(
    (status = 200, description = "The full list of jobs that it shall run for this ingest", body = Orders),
    (status = 400, description = "Every mistake in the body, or no name for a node", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Another instance of this name is alive", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "There are too many nodes", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn beat(
    State(control): Shared,
    path: IdPath,
    asker: Asker,
    given: Body,
) -> Result<Json<Orders>, Problem> {
    let name = node_name(path)?;
    let bytes = body(given, HEARTBEAT_BYTES_MAX)?;
    let heartbeat = heartbeat::read(&bytes).map_err(mistaken)?;
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
    let named = name.bytes().any(|byte| byte.is_ascii_alphanumeric());
    if name.len() <= HOST_NAME_BYTES_MAX && named && name.bytes().all(letter) {
        return Ok(name.to_owned());
    }
    let detail = format!(
        "{name:?} can't be the name of a node: use letters, digits, \".\", \"_\" and \"-\", one letter or digit at least, at most {HOST_NAME_BYTES_MAX}"
    );
    Err(wrong(detail))
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
