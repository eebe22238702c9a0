//! Control's only door to the data plane: channels in and out, viewers in and out, and what both
//! say about themselves. Everything here is called from control; nothing here touches a packet.
//!
//! - [`options`]: what crosses this door
//! - [`shared`]: what control's threads share
//! - [`questions`]: what keeper and workers are asked about one channel
//! - [`backoff`], [`membership`]: where a channel joins, and when anew
//! - [`silence`], [`drops`], [`filter`], [`probe`]: how a silent group is looked for
//! - [`surroundings`]: what a channel is judged by besides itself
//! - [`condition`], [`failover`], [`trial`], [`inputs`]: which of several inputs is used
//! - [`tally`], [`judge`]: what is counted and said of a channel
//! - [`kept`], [`search`]: a channel as it stands, and which silent one is looked for next
//! - [`links`], [`keeper`]: the thread that watches NICs and judges channels

mod backoff;
mod condition;
mod drops;
mod failover;
mod filter;
mod inputs;
mod judge;
mod keeper;
mod kept;
mod links;
mod membership;
mod options;
mod probe;
mod questions;
mod search;
mod shared;
mod silence;
mod surroundings;
mod tally;
mod trial;

use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use common::api::channel::{ChannelStatus, Reason, State};
use tokio::sync::mpsc;

use crate::definition::{ChannelDefinition, ChannelId};
use crate::door::Command;
use crate::limits::{
    COMMAND_QUEUE_DEPTH, DELAY_BUCKETS_SECONDS, NOTICE_QUEUE_DEPTH, REPLY_QUEUE_DEPTH,
};
use crate::live::{LiveChannel, LiveViewer, ViewerCounters, ViewerId};
use crate::relay::block::{BlockBudget, BlockPool};
pub use crate::relay::channel::capture::{Piece, Wanted};
use crate::relay::channel::{ChannelKey, ChannelPlan};
pub use crate::relay::upload::UploadPiece;
use crate::worker::gauges::Waker;
use crate::worker::{Parts, Worker};
use keeper::{Keeper, Queues};
use kept::HISTORY_BYTES_FIRST;
pub use options::{
    Elsewhere, Filtered, Looked, NewViewer, Notice, PlaneOptions, ProbeInterfaces, ProbeOutcome,
    Probed, Start, WatchRefusal, WatchRefused, WorkerStatus, carries_only,
};
pub use questions::Feed;
use shared::{Entry, Shared, Wish, WorkerHandle, lock};

/// The handle to the data plane. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Plane {
    shared: Arc<Shared>,
    threads: Arc<Mutex<Threads>>,
}

#[derive(Debug, Default)]
struct Threads {
    workers: Vec<JoinHandle<()>>,
    keeper: Option<JoinHandle<()>>,
}

impl Plane {
    /// Starts the workers and the keeper.
    ///
    /// # Errors
    /// When the kernel grants no thread, epoll or eventfd.
    pub fn start(options: PlaneOptions) -> std::io::Result<(Self, mpsc::Receiver<Notice>)> {
        let clock = Instant::now();
        let (reply_sender, replies) = sync_channel(REPLY_QUEUE_DEPTH);
        let (wish_sender, wishes) = sync_channel(COMMAND_QUEUE_DEPTH);
        let (notice_sender, notices) = mpsc::channel(NOTICE_QUEUE_DEPTH);
        let keeper_waker = Arc::new(Waker::new()?);
        let budget = Arc::new(BlockBudget::new(options.history_bytes_max));
        let mut threads = Threads::default();
        let mut workers = Vec::new();
        for index in 0..options.workers.max(1) {
            let (commands, receiver) = sync_channel(COMMAND_QUEUE_DEPTH);
            let handle = WorkerHandle::new(commands)?;
            let worker = Worker::new(Parts {
                commands: receiver,
                replies: reply_sender.clone(),
                keeper: Arc::clone(&keeper_waker),
                waker: Arc::clone(&handle.waker),
                gauges: Arc::clone(&handle.gauges),
                pool: BlockPool::new(Arc::clone(&budget)),
                timing: options.timing(),
                clock,
            })?;
            threads
                .workers
                .push(spawn(format!("worker-{index}"), move || worker.run())?);
            workers.push(handle);
        }
        let shared = Arc::new(Shared::new(
            options.clone(),
            clock,
            workers,
            wish_sender,
            &keeper_waker,
        ));
        let queues = Queues {
            replies,
            wishes,
            notices: notice_sender,
        };
        let keeper = Keeper::new(Arc::clone(&shared), options, queues, keeper_waker, clock);
        threads.keeper = Some(spawn("keeper".to_owned(), move || keeper.run())?);
        Ok((
            Self {
                shared,
                threads: Arc::new(Mutex::new(threads)),
            },
            notices,
        ))
    }

    /// Makes a channel run, or changes one that runs: its viewers stay.
    pub fn apply(&self, definition: Arc<ChannelDefinition>) -> Arc<LiveChannel> {
        let shared = &self.shared;
        let plan = ChannelPlan {
            slow_viewer: definition.slow_viewer,
            program: definition.program,
        };
        let mut channels = lock(&shared.channels);
        if let Some(entry) = channels.get(&definition.id) {
            // Before the keeper can see the new inputs: no byte of theirs reaches these viewers.
            shared.end_bound(&definition.id, entry.worker, &definition);
            entry.live.definition.store(definition);
            shared.command(
                entry.worker,
                Command::Change {
                    key: entry.key,
                    plan,
                },
            );
            shared.keeper.wake();
            return Arc::clone(&entry.live);
        }
        let key = ChannelKey(shared.keys.fetch_add(1, Relaxed));
        let worker = shared.least_loaded(&channels);
        let live = Arc::new(live_channel(definition));
        let entry = Entry {
            live: Arc::clone(&live),
            key,
            worker,
        };
        channels.insert(live.id.clone(), entry);
        shared.command(
            worker,
            Command::Add {
                key,
                live: Arc::clone(&live),
                plan,
            },
        );
        shared.wish(Wish::Keep {
            key,
            live: Arc::clone(&live),
            worker,
        });
        live
    }

    /// Ends a channel and closes its viewers.
    pub fn remove(&self, id: &ChannelId) {
        let entry = lock(&self.shared.channels).remove(id);
        if let Some(entry) = entry {
            self.shared.wish(Wish::Forget { key: entry.key });
            self.shared
                .command(entry.worker, Command::Remove { key: entry.key });
        }
    }

    #[must_use]
    pub fn channel(&self, id: &ChannelId) -> Option<Arc<LiveChannel>> {
        lock(&self.shared.channels)
            .get(id)
            .map(|entry| Arc::clone(&entry.live))
    }

    /// All that run, in order of their ids.
    #[must_use]
    pub fn channels(&self) -> Vec<Arc<LiveChannel>> {
        lock(&self.shared.channels)
            .values()
            .map(|entry| Arc::clone(&entry.live))
            .collect()
    }

    /// Hands a viewer's socket over.
    ///
    /// # Errors
    /// When the channel is unknown, or a limit is reached; the socket comes back.
    pub fn watch(&self, viewer: NewViewer) -> Result<ViewerId, WatchRefused> {
        let NewViewer {
            channel,
            socket,
            user_agent,
            start,
            head,
            only,
        } = viewer;
        let shared = &self.shared;
        let refuse = |reason, socket| Err(WatchRefused { reason, socket });
        if shared.stopping.load(Relaxed) {
            return refuse(WatchRefusal::ShuttingDown, socket);
        }
        let Ok(address) = socket.peer_addr() else {
            return refuse(WatchRefusal::Gone, socket);
        };
        let channels = lock(&shared.channels);
        let Some(entry) = channels.get(&channel) else {
            return refuse(WatchRefusal::UnknownChannel, socket);
        };
        let definition = entry.live.definition.load();
        if only
            .as_ref()
            .is_some_and(|only| !carries_only(&definition, only))
        {
            return refuse(WatchRefusal::Changed, socket);
        }
        let mut viewers = lock(&shared.viewers);
        if viewers.len() >= shared.options.viewers_max {
            return refuse(WatchRefusal::TooManyViewers, socket);
        }
        let id = ViewerId(shared.keys.fetch_add(1, Relaxed));
        let live = Arc::new(LiveViewer {
            id,
            channel: Arc::clone(&entry.live),
            // An IPv4 client of an IPv6 socket is shown as the IPv4 client that it is.
            address: SocketAddr::new(address.ip().to_canonical(), address.port()),
            user_agent,
            since: jiff::Timestamp::now().to_string(),
            counters: ViewerCounters::default(),
        });
        let worker = &shared.workers[entry.worker];
        let command = Command::Watch {
            key: entry.key,
            viewer: Arc::clone(&live),
            socket,
            head,
            start,
        };
        match worker.commands.try_send(command) {
            Ok(()) => {
                worker.waker.wake();
                entry.live.counters.viewers.fetch_add(1, Relaxed);
                viewers.insert(id, live);
                lock(&shared.bound).extend(only.map(|only| (id, only)));
                Ok(id)
            }
            Err(TrySendError::Full(command)) => refuse_command(command, WatchRefusal::Busy),
            Err(TrySendError::Disconnected(command)) => {
                refuse_command(command, WatchRefusal::ShuttingDown)
            }
        }
    }

    /// The viewers of one channel, or of all, in the order of their coming.
    #[must_use]
    pub fn viewers(&self, channel: Option<&ChannelId>) -> Vec<Arc<LiveViewer>> {
        let of =
            |viewer: &&Arc<LiveViewer>| channel.is_none_or(|channel| viewer.channel.id == *channel);
        let mut viewers: Vec<_> = lock(&self.shared.viewers)
            .values()
            .filter(of)
            .cloned()
            .collect();
        viewers.sort_by_key(|viewer| viewer.id);
        viewers
    }

    /// Disconnects a viewer; false when there is none of that id.
    #[must_use]
    pub fn kick(&self, id: ViewerId) -> bool {
        let viewer = lock(&self.shared.viewers).get(&id).cloned();
        let Some(viewer) = viewer else { return false };
        let worker = lock(&self.shared.channels)
            .get(&viewer.channel.id)
            .map(|entry| entry.worker);
        if let Some(worker) = worker {
            self.shared.command(worker, Command::Kick { viewer: id });
        }
        true
    }

    #[must_use]
    pub fn workers(&self) -> Vec<WorkerStatus> {
        self.shared
            .workers
            .iter()
            .map(|worker| worker.status(self.shared.clock))
            .collect()
    }

    /// The histogram of the relay's delay: upper bounds in seconds and counts (not cumulative),
    /// then the sum in seconds.
    #[must_use]
    pub fn relay_delay(&self) -> (Vec<(f64, u64)>, f64) {
        let bounds = DELAY_BUCKETS_SECONDS.into_iter().chain([f64::INFINITY]);
        let count = |index: usize| {
            self.shared
                .workers
                .iter()
                .map(|worker| worker.gauges.delays[index].load(Relaxed))
                .sum()
        };
        let buckets = bounds
            .enumerate()
            .map(|(index, bound)| (bound, count(index)))
            .collect();
        let sum = self
            .shared
            .workers
            .iter()
            .map(|worker| worker.gauges.delay_sum_ns.load(Relaxed))
            .sum();
        (buckets, Duration::from_nanos(sum).as_secs_f64())
    }

    /// The default NIC exists at this moment.
    #[must_use]
    pub fn default_interface_present(&self) -> bool {
        self.shared.default_interface.load(Relaxed)
    }

    /// Sends what the history holds to viewers, closes them, leaves all groups: 2 s at most.
    pub async fn drain(&self) {
        self.shared.stopping.store(true, Relaxed);
        for index in 0..self.shared.workers.len() {
            self.shared.command(index, Command::Drain);
        }
        let (shared, threads) = (Arc::clone(&self.shared), Arc::clone(&self.threads));
        let join = tokio::task::spawn_blocking(move || {
            let threads = std::mem::take(&mut *lock(&threads));
            // A thread that panicked has ended too.
            threads
                .workers
                .into_iter()
                .for_each(|worker| drop(worker.join()));
            shared.wish(Wish::Stop);
            threads
                .keeper
                .into_iter()
                .for_each(|keeper| drop(keeper.join()));
        });
        let _ = join.await;
    }
}

fn live_channel(definition: Arc<ChannelDefinition>) -> LiveChannel {
    let status = ChannelStatus::new(
        State::Waiting,
        Reason::NeverReceived,
        "the channel has only just been added".to_owned(),
        jiff::Timestamp::now().to_string(),
    );
    let live = LiveChannel::new(definition, status);
    live.counters
        .history_bytes_max
        .store(HISTORY_BYTES_FIRST, Relaxed);
    live
}

fn refuse_command(command: Command, reason: WatchRefusal) -> Result<ViewerId, WatchRefused> {
    match command {
        Command::Watch { socket, .. } => Err(WatchRefused { reason, socket }),
        other => unreachable!("only a viewer's command is given back: {other:?}"),
    }
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name).spawn(body)
}
