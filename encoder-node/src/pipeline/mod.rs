//! One run of a job: the channel in, ffmpeg, the result out, each as fast as the next takes it.
//!
//! - [`health`]: whether a run goes well, by what flows (pure)
//! - [`input`]: asking the ingest for the channel
//! - [`upload`]: sending the result
//! - [`stream`]: a transport stream, without end
//! - [`snapshot`]: a picture every few seconds

pub mod health;
pub mod input;
pub mod snapshot;
pub mod stream;
pub mod upload;

use std::path::PathBuf;
use std::sync::Arc;

use common::api::profile::ProfileKind;
use common::shutdown::Shutdown;
use tokio::sync::{Notify, Semaphore, mpsc};

use crate::client::Credentials;
use crate::ffmpeg::offer::Offer;
use crate::job::{RunEvent, RunId, Start};
use crate::progress::JobStats;

/// What all runs share.
#[derive(Debug)]
pub struct Tools {
    pub ffmpeg: PathBuf,
    /// Told when it could not be started.
    pub missed: Arc<Notify>,
    pub credentials: Arc<Credentials>,
    /// Snapshots are made by so many processes at once; the others wait their turn.
    pub shots: Semaphore,
}

/// One run, and whom it tells.
#[derive(Debug)]
pub struct Run {
    pub start: Start,
    pub tools: Arc<Tools>,
    pub offer: Arc<Offer>,
    pub stats: Arc<JobStats>,
    pub events: mpsc::Sender<(RunId, RunEvent)>,
    pub stop: Shutdown,
}

impl Run {
    /// Until it ends by itself, which is told, or is stopped.
    pub async fn go(self) {
        let end = match self.start.order.profile.kind {
            ProfileKind::Ts => stream::run(&self).await,
            ProfileKind::Snapshot => snapshot::run(&self).await,
        };
        self.stats.rest();
        if let Some(end) = end {
            let key = &self.start.key;
            tracing::warn!(ingest = key.ingest, job = key.id, "{}", end.why().detail);
            self.tell(RunEvent::Ended(end)).await;
        }
    }

    async fn tell(&self, event: RunEvent) {
        // Nobody listens any more: the node ends.
        let _ = self.events.send((self.start.run, event)).await;
    }
}
