//! What the keeper and the workers are asked about one channel. Each answers when it has turned.

use tokio::sync::oneshot;

use super::options::Looked;
use super::shared::{Wish, lock};
use super::{Piece, Plane, Wanted};
use crate::definition::ChannelId;
use crate::door::Command;

impl Plane {
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
