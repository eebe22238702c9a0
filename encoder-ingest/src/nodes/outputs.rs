//! What comes back from nodes: uploads, each through the junction of its rendition into the queue
//! of the channel's worker.
//!
//! A task of control carries each upload; it ends with its connection, when its epoch is not in
//! force any more, or when nothing comes for long.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Mutex as TaskMutex;

use super::junction::{Junction, Leg, LegEnded};
use crate::limits::{UPLOAD_PIECE_BYTES, UPLOADS_PER_JOB_MAX};
use crate::plane::{Feed, UploadPiece};

/// By job: where its uploads go.
#[derive(Debug, Default)]
pub struct Outputs {
    by_job: Mutex<BTreeMap<String, Arc<Output>>>,
}

/// The way of one rendition.
#[derive(Debug)]
pub struct Output {
    /// Held over the queue's wait, so that what has passed the junction keeps its order.
    way: TaskMutex<(Junction, Feed)>,
    uploads: AtomicUsize,
}

/// One upload under way.
#[derive(Debug)]
pub struct Upload {
    output: Arc<Output>,
    leg: Leg,
}

/// Why an upload can't go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UploadEnded {
    #[error(transparent)]
    Leg(#[from] LegEnded),
    /// The rendition is not wanted any more.
    #[error("the channel has gone")]
    Gone,
}

impl Outputs {
    /// A rendition begins.
    pub fn add(&self, job: &str, feed: Feed) {
        let output = Output {
            way: TaskMutex::new((Junction::default(), feed)),
            uploads: AtomicUsize::new(0),
        };
        self.lock().insert(job.to_owned(), Arc::new(output));
    }

    pub fn remove(&self, job: &str) {
        self.lock().remove(job);
    }

    #[must_use]
    pub fn has(&self, job: &str) -> bool {
        self.lock().contains_key(job)
    }

    #[must_use]
    pub fn get(&self, job: &str) -> Option<Arc<Output>> {
        self.lock().get(job).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Output>>> {
        self.by_job.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Output {
    /// A further upload; none: there are too many.
    pub async fn open(self: &Arc<Self>, epoch: u64) -> Option<Upload> {
        let before = self.uploads.fetch_add(1, Ordering::Relaxed);
        if before >= UPLOADS_PER_JOB_MAX {
            self.uploads.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let leg = self.way.lock().await.0.leg(epoch);
        Some(Upload {
            output: Arc::clone(self),
            leg,
        })
    }
}

impl Upload {
    /// Counts the uploads of its rendition, from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.leg.number()
    }

    /// Takes a piece; waits while the worker's queue is full. True: this upload is the one that is
    /// shown from now on.
    ///
    /// # Errors
    /// When another has taken over, it is no TS, or the rendition has gone.
    pub async fn push(&mut self, bytes: &[u8], now_ms: u64) -> Result<bool, UploadEnded> {
        let mut way = self.output.way.lock().await;
        let (junction, feed) = &mut *way;
        let Some(passed) = junction.push(&mut self.leg, bytes, now_ms)? else {
            return Ok(false);
        };
        for (index, packets) in passed.bytes.chunks(UPLOAD_PIECE_BYTES).enumerate() {
            let piece = UploadPiece {
                bytes: packets.to_vec(),
                first: passed.first && index == 0,
            };
            if !feed.send(piece).await {
                return Err(UploadEnded::Gone);
            }
        }
        Ok(passed.first)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.output.uploads.fetch_sub(1, Ordering::Relaxed);
    }
}
