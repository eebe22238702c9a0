//! What the keeper and the workers are asked about one channel, and what a worker is fed. Each
//! answers when it has turned.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::options::Looked;
use super::shared::{Wish, lock};
use super::{Piece, Plane, Wanted};
use crate::definition::ChannelId;
use crate::door::Command;
use crate::relay::upload::{Upload, UploadPiece};
use crate::worker::gauges::Waker;

/// The way of what a processing node sends to the worker of its channel. Dropped, the channel stays
/// and gets nothing.
#[derive(Debug, Clone)]
pub struct Feed {
    pieces: mpsc::Sender<UploadPiece>,
    waker: Arc<Waker>,
}

impl Feed {
    /// Hands over a piece; waits while the queue is full. False when the channel has gone.
    pub async fn send(&self, piece: UploadPiece) -> bool {
        let sent = self.pieces.send(piece).await.is_ok();
        self.waker.wake();
        sent
    }
}

impl Plane {
    /// Makes a channel take an upload; none when there is no such channel.
    #[must_use]
    pub fn feed(&self, id: &ChannelId) -> Option<Feed> {
        let (key, worker) = {
            let channels = lock(&self.shared.channels);
            let entry = channels.get(id)?;
            (entry.key, entry.worker)
        };
        let (pieces, upload) = Upload::queue();
        let waker = Arc::clone(&self.shared.workers.get(worker)?.waker);
        self.shared.command(worker, Command::Feed { key, upload });
        Some(Feed { pieces, waker })
    }

    /// Looks for a channel's group at once, if nothing comes; none when there is no such channel.
    /// The sender is dropped when too many looks are asked for.
    #[must_use]
    pub fn look(&self, id: &ChannelId) -> Option<oneshot::Receiver<Looked>> {
        let key = lock(&self.shared.channels).get(id)?.key;
        let (answer, receiver) = oneshot::channel();
        self.shared.wish(Wish::Look { key, answer });
        Some(receiver)
    }

    /// Copies a piece of a channel's history into `buffer`, as far as it has room; none when there is
    /// no such channel.
    #[must_use]
    pub fn capture(
        &self,
        id: &ChannelId,
        wanted: Wanted,
        buffer: Vec<u8>,
    ) -> Option<oneshot::Receiver<Option<Piece>>> {
        let (key, worker) = {
            let channels = lock(&self.shared.channels);
            let entry = channels.get(id)?;
            (entry.key, entry.worker)
        };
        let (answer, receiver) = oneshot::channel();
        let command = Command::Capture {
            key,
            wanted,
            buffer,
            answer,
        };
        self.shared.command(worker, command);
        Some(receiver)
    }
}
