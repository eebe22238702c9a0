//! An input that is no socket: what a processing node sends, in order, through one bounded queue.
//!
//! Control fills it, the channel's worker empties it. Who fills it waits while it is full.

use tokio::sync::mpsc;

#[cfg(doc)]
use crate::limits::UPLOAD_PIECE_BYTES;
use crate::limits::UPLOAD_QUEUE_DEPTH;

/// Whole packets, [`UPLOAD_PIECE_BYTES`] at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadPiece {
    pub bytes: Vec<u8>,
    /// Another upload begins with them: viewers go on at its first random access point.
    pub first: bool,
}

/// The worker's end.
#[derive(Debug)]
pub struct Upload {
    pieces: mpsc::Receiver<UploadPiece>,
}

impl Upload {
    /// The queue: control's end, and the worker's.
    #[must_use]
    pub fn queue() -> (mpsc::Sender<UploadPiece>, Self) {
        let (sender, pieces) = mpsc::channel(UPLOAD_QUEUE_DEPTH);
        (sender, Self { pieces })
    }

    /// Something is there.
    #[must_use]
    pub fn waits(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// The next piece, if there is one. Never waits.
    pub fn take(&mut self) -> Option<UploadPiece> {
        self.pieces.try_recv().ok()
    }
}
