//! Control's only door to the data plane: channels in and out, viewers in and out, and what both
//! say about themselves. Everything here is called from control; nothing here touches a packet.

use std::collections::{BTreeMap, HashMap};
use std::net::TcpStream;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use common::api::channel::{ChannelStatus, Lost, Reason, Received, Repaired, State};
use common::api::event::EventDraft;
use tokio::sync::mpsc;

use crate::channels::definition::{ChannelDefinition, ChannelId};
use crate::door::Command;
use crate::keeper::{HISTORY_BYTES_FIRST, Keeper, Links, Wish};
use crate::limits::{
    COMMAND_QUEUE_DEPTH, DELAY_BUCKETS_SECONDS, NOTICE_QUEUE_DEPTH, REPLY_QUEUE_DEPTH,
};
use crate::live::{ChannelCounters, LiveChannel, LiveViewer, ViewerCounters, ViewerEnd, ViewerId};
use crate::nics::InterfaceSelector;
use crate::relay::block::{BlockBudget, BlockPool};
use crate::relay::channel::{ChannelKey, ChannelPlan, Timing};
pub use crate::relay::viewer::Start;
use crate::worker::{Parts, Waker, Worker, WorkerGauges};

/// What the data plane is made with.
#[derive(Debug, Clone)]
pub struct PlaneOptions {
    /// Where channels join that name no NIC: the first that exists.
    pub interfaces: Vec<InterfaceSelector>,
    pub workers: usize,
    pub latency: Duration,
    pub history: Duration,
    pub history_bytes_max: usize,
    pub receive_buffer_bytes: Option<usize>,
    pub silence: Duration,
    pub viewer_idle: Duration,
    pub viewers_max: usize,
}

/// A viewer whose request has been read and allowed. The worker writes `head` once there is data.
#[derive(Debug)]
pub struct NewViewer {
    pub channel: ChannelId,
    pub socket: TcpStream,
    pub user_agent: String,
    pub start: Start,
    /// The HTTP response head, written before the first data.
    pub head: Vec<u8>,
}

/// Why a viewer was not taken; its socket comes back to be answered.
#[derive(Debug)]
pub struct WatchRefused {
    pub reason: WatchRefusal,
    pub socket: TcpStream,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchRefusal {
    UnknownChannel,
    /// `--max-viewers` are connected.
    TooManyViewers,
    /// The worker's command queue is full.
    Busy,
    /// The client has gone already.
    Gone,
    ShuttingDown,
}

/// What the data plane tells control, in the order in which it happened.
#[derive(Debug)]
pub enum Notice {
    /// For `/api/v1/events`.
    Event(EventDraft),
    /// No data within 10 s: the socket comes back for a 504 that says why.
    NoData {
        channel: Arc<LiveChannel>,
        socket: TcpStream,
    },
    ViewerEnded {
        viewer: Arc<LiveViewer>,
        end: ViewerEnd,
    },
}

/// A worker as `/status` shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerStatus {
    pub channels: usize,
    /// Share of the last second that its thread was busy, 0 to 1.
    pub busy_ratio: f64,
    /// It has turned its loop within the last second.
    pub alive: bool,
}

/// The handle to the data plane. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Plane {
    shared: Arc<Shared>,
    threads: Arc<Mutex<Threads>>,
}

/// What control's threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    options: PlaneOptions,
    clock: Instant,
    workers: Vec<WorkerHandle>,
    channels: Mutex<BTreeMap<ChannelId, Entry>>,
    viewers: Mutex<HashMap<ViewerId, Arc<LiveViewer>>>,
    wishes: SyncSender<Wish>,
    keeper: Arc<Waker>,
    keys: AtomicU64,
    default_interface: AtomicBool,
    stopping: AtomicBool,
}

#[derive(Debug)]
struct WorkerHandle {
    commands: SyncSender<Command>,
    waker: Arc<Waker>,
    gauges: Arc<WorkerGauges>,
    load: Mutex<Load>,
}

/// A look at a worker's gauges, to tell its load since the last.
#[derive(Debug)]
struct Load {
    at: Instant,
    busy_ns: u64,
    ratio: f64,
}

#[derive(Debug)]
struct Entry {
    live: Arc<LiveChannel>,
    key: ChannelKey,
    worker: usize,
}

#[derive(Debug, Default)]
struct Threads {
    workers: Vec<JoinHandle<()>>,
    keeper: Option<JoinHandle<()>>,
}

/// Load is measured over at least so long.
const LOAD_INTERVAL: Duration = Duration::from_secs(1);

/// A worker that has not turned for so long does not live; it turns at least four times a second.
const ALIVE: Duration = Duration::from_secs(3);

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
        let shared = Arc::new(Shared {
            options: options.clone(),
            clock,
            workers,
            channels: Mutex::default(),
            viewers: Mutex::default(),
            wishes: wish_sender,
            keeper: Arc::clone(&keeper_waker),
            keys: AtomicU64::new(1),
            default_interface: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        });
        let keeper = Keeper {
            shared: Arc::clone(&shared),
            options,
            replies,
            wishes,
            notices: notice_sender,
            waker: keeper_waker,
            clock,
            links: Links::new(),
            kept: BTreeMap::new(),
            judged_ms: 0,
            rated_ms: 0,
        };
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
        let mut viewers = lock(&shared.viewers);
        if viewers.len() >= shared.options.viewers_max {
            return refuse(WatchRefusal::TooManyViewers, socket);
        }
        let id = ViewerId(shared.keys.fetch_add(1, Relaxed));
        let live = Arc::new(LiveViewer {
            id,
            channel: Arc::clone(&entry.live),
            address,
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

impl PlaneOptions {
    fn timing(&self) -> Timing {
        Timing {
            latency: self.latency,
            history: self.history,
            silence: self.silence,
            viewer_idle: self.viewer_idle,
        }
    }
}

impl Shared {
    /// Tells a worker; waits while its queue is full, which it empties every turn.
    pub(crate) fn command(&self, worker: usize, command: Command) {
        if let Some(worker) = self.workers.get(worker) {
            // A worker that has ended obeys no more.
            let _ = worker.commands.send(command);
            worker.waker.wake();
        }
    }

    pub(crate) fn forget_viewer(&self, viewer: &LiveViewer) {
        if lock(&self.viewers).remove(&viewer.id).is_some() {
            viewer.channel.counters.viewers.fetch_sub(1, Relaxed);
        }
    }

    pub(crate) fn set_default_interface(&self, present: bool) {
        self.default_interface.store(present, Relaxed);
    }

    fn wish(&self, wish: Wish) {
        let _ = self.wishes.send(wish);
        self.keeper.wake();
    }

    fn least_loaded(&self, channels: &BTreeMap<ChannelId, Entry>) -> usize {
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
    fn new(commands: SyncSender<Command>) -> std::io::Result<Self> {
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

    fn status(&self, clock: Instant) -> WorkerStatus {
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

fn live_channel(definition: Arc<ChannelDefinition>) -> LiveChannel {
    let status = ChannelStatus {
        state: State::Waiting,
        reason: Reason::NeverReceived,
        params: BTreeMap::new(),
        detail: "the channel has only just been added".to_owned(),
        since: jiff::Timestamp::now().to_string(),
        active_input: 0,
        bitrate_bps: 0,
        viewers: 0,
        received: Received::default(),
        lost: Lost::default(),
        repaired: Repaired::default(),
        services: Vec::new(),
    };
    let counters = ChannelCounters::default();
    counters
        .history_bytes_max
        .store(HISTORY_BYTES_FIRST, Relaxed);
    LiveChannel {
        id: definition.id.clone(),
        definition: ArcSwap::new(definition),
        counters,
        status: ArcSwap::from_pointee(status),
        services: ArcSwap::default(),
    }
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

/// A thread that panicked while it held the lock has left nothing half done: each holds one value.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
