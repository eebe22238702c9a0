//! What Kubernetes and Prometheus are told.

use common::ops::Operations;

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
