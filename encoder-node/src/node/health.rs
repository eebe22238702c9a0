//! What Kubernetes and Prometheus are told.

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use common::ops::{self, Operations};
use common::problem::Problem;

use crate::board::Boards;
use crate::heartbeat::links::Links;
use crate::metrics;

#[derive(Debug)]
pub(super) struct Health {
    boards: Boards,
    links: Links,
}

impl Health {
    pub(super) const fn new(boards: Boards, links: Links) -> Self {
        Self { boards, links }
    }
}

/// All that the port answers.
pub(super) fn router(health: Health) -> Router {
    ops::router(Arc::new(health))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
}

async fn no_such_path(uri: Uri) -> Problem {
    let detail = format!("there is no {}: use /live, /ready or /metrics", uri.path());
    Problem::new(StatusCode::NOT_FOUND, detail)
        .reason("no_such_path")
        .param("path", uri.path())
}

async fn no_such_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} takes no {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
        .reason("no_such_method")
        .param("method", method)
        .param("path", uri.path())
}

impl Operations for Health {
    /// The loop that owns the jobs publishes the board; it drops it when it ends.
    fn live(&self) -> bool {
        self.boards.has_changed().is_ok()
    }

    /// Ingests that are away are no reason: the node waits for them.
    fn missing(&self) -> Vec<String> {
        let board = self.boards.borrow();
        let draining = board
            .draining
            .then(|| "the node is about to end".to_owned());
        board
            .ffmpeg_problem
            .iter()
            .cloned()
            .chain(draining)
            .collect()
    }

    fn metrics(&self) -> String {
        let board = self.boards.borrow().clone();
        metrics::render(&board, &self.links)
    }
}
