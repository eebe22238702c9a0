//! What control's threads share: the workers' handles, and who is connected to what.
//!
//! Locks here are held for a look or a change of one entry; no worker ever takes one.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::api::channel::ChannelStatus;

use super::options::{PlaneOptions, WorkerStatus, carries_only};
use super::search::Answer;
use crate::definition::{ChannelDefinition, ChannelId, InputDefinition};
use crate::door::Command;
use crate::live::{LiveChannel, LiveViewer, ViewerId};
use crate::relay::channel::ChannelKey;
use crate::worker::gauges::{Waker, WorkerGauges};

/// What the plane asks of the keeper.
#[derive(Debug)]
pub(super) enum Wish {
    Keep {
        key: ChannelKey,
        live: Arc<LiveChannel>,
        worker: usize,
    },
    Forget {
        key: ChannelKey,
    },
    /// Look at once for a channel's group, if nothing comes.
    Look {
        key: ChannelKey,
        answer: Answer,
    },
    /// All workers have ended: close what they gave back and end.
    Stop,
}

/// What control's threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(super) options: PlaneOptions,
    pub(super) clock: Instant,
    pub(super) workers: Vec<WorkerHandle>,
    pub(super) channels: Mutex<BTreeMap<ChannelId, Entry>>,
    pub(super) viewers: Mutex<HashMap<ViewerId, Arc<LiveViewer>>>,
    /// Of viewers that asked for one input and not for the channel: that input. Locked while
    /// `viewers` is.
    pub(super) bound: Mutex<HashMap<ViewerId, InputDefinition>>,
    pub(super) wishes: SyncSender<Wish>,
    pub(super) keeper: Arc<Waker>,
    pub(super) keys: AtomicU64,
    pub(super) default_interface: AtomicBool,
    pub(super) stopping: AtomicBool,
}

#[derive(Debug)]
pub(super) struct WorkerHandle {
    pub(super) commands: SyncSender<Command>,
    pub(super) waker: Arc<Waker>,
    pub(super) gauges: Arc<WorkerGauges>,
    pub(super) load: Mutex<Load>,
}

/// A look at a worker's gauges, to tell its load since the last.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) at: Instant,
    pub(super) busy_ns: u64,
    pub(super) ratio: f64,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) live: Arc<LiveChannel>,
    pub(super) key: ChannelKey,
    pub(super) worker: usize,
}

/// Load is measured over at least so long.
const LOAD_INTERVAL: Duration = Duration::from_secs(1);

/// A worker that has not turned for so long does not live; it turns at least four times a second.
const ALIVE: Duration = Duration::from_secs(3);

impl Shared {
    pub(super) fn new(
        options: PlaneOptions,
        clock: Instant,
        workers: Vec<WorkerHandle>,
        wishes: SyncSender<Wish>,
        keeper: &Arc<Waker>,
    ) -> Self {
        Self {
            options,
            clock,
            workers,
            channels: Mutex::default(),
            viewers: Mutex::default(),
            bound: Mutex::default(),
            wishes,
            keeper: Arc::clone(keeper),
            keys: AtomicU64::new(1),
            default_interface: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        }
    }

    /// Tells a worker; waits while its queue is full, which it empties every turn.
    pub(crate) fn command(&self, worker: usize, command: Command) {
        if let Some(worker) = self.workers.get(worker) {
            // A worker that has ended obeys no more.
            let _ = worker.commands.send(command);
            worker.waker.wake();
        }
    }

    /// Closes the viewers of `channel` that asked for an input which will not be its only one.
    pub(super) fn end_bound(&self, channel: &ChannelId, worker: usize, next: &ChannelDefinition) {
        let ended: Vec<ViewerId> = {
            let viewers = lock(&self.viewers);
            let bound = lock(&self.bound);
            let other = |(viewer, input): (&ViewerId, &InputDefinition)| {
                let live = viewers.get(viewer)?;
                (live.channel.id == *channel && !carries_only(next, input)).then_some(*viewer)
            };
            bound.iter().filter_map(other).collect()
        };
        for viewer in ended {
            self.command(worker, Command::Kick { viewer });
        }
    }

    pub(crate) fn forget_viewer(&self, viewer: &LiveViewer) {
        let mut viewers = lock(&self.viewers);
        lock(&self.bound).remove(&viewer.id);
        if viewers.remove(&viewer.id).is_some() {
            viewer.channel.counters.viewers.fetch_sub(1, Relaxed);
        }
    }

    pub(crate) fn set_default_interface(&self, present: bool) {
        self.default_interface.store(present, Relaxed);
    }

    pub(super) fn wish(&self, wish: Wish) {
        let _ = self.wishes.send(wish);
        self.keeper.wake();
    }

    /// Of a rendition: the id of its parent, and how that fares; none: it is no rendition.
    pub(super) fn parent(
        &self,
        channel: &LiveChannel,
    ) -> Option<(ChannelId, Option<Arc<ChannelStatus>>)> {
        let id = channel.definition.load().parent()?;
        let live = lock(&self.channels)
            .get(&id)
            .map(|one| Arc::clone(&one.live));
        let status = live.map(|live| live.status.load_full());
        Some((id, status))
    }

    pub(super) fn least_loaded(&self, channels: &BTreeMap<ChannelId, Entry>) -> usize {
        let load = |worker: &usize| {
            channels
                .values()
                .filter(|entry| entry.worker == *worker)
                .count()
        };
        (0..self.workers.len()).min_by_key(load).unwrap_or(0)
    }
}

impl WorkerHandle {
    pub(super) fn new(commands: SyncSender<Command>) -> std::io::Result<Self> {
        let load = Load {
            at: Instant::now(),
            busy_ns: 0,
            ratio: 0.0,
        };
        Ok(Self {
            commands,
            waker: Arc::new(Waker::new()?),
            gauges: Arc::default(),
            load: Mutex::new(load),
        })
    }

    pub(super) fn status(&self, clock: Instant) -> WorkerStatus {
        let turned = Duration::from_millis(self.gauges.turned_ms.load(Relaxed));
        let mut load = lock(&self.load);
        let elapsed = load.at.elapsed();
        if elapsed >= LOAD_INTERVAL {
            let busy_ns = self.gauges.busy_ns.load(Relaxed);
            let busy = Duration::from_nanos(busy_ns.saturating_sub(load.busy_ns));
            *load = Load {
                at: Instant::now(),
                busy_ns,
                ratio: (busy.as_secs_f64() / elapsed.as_secs_f64()).min(1.0),
            };
        }
        WorkerStatus {
            channels: usize::try_from(self.gauges.channels.load(Relaxed)).unwrap_or(usize::MAX),
            busy_ratio: load.ratio,
            alive: clock.elapsed().saturating_sub(turned) < ALIVE,
        }
    }
}

/// A thread that panicked while it held the lock has left nothing half done: each holds one value.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
