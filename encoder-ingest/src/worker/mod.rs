//! A worker: the thread that owns channels, their sockets and their viewers.
//!
//! It sleeps until a channel is due, a command comes, a blocked viewer has room or an idle socket
//! has data; then every channel that is due, or soon will be, has its turn. It never waits for
//! control and takes no lock. It ends with [`Command::Drain`], or when control has gone.

mod commands;
pub(crate) mod gauges;

use std::collections::{HashMap, VecDeque};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::gauges::{Waker, WorkerGauges};
use crate::door::{Command, Reply};
use crate::limits::DRAIN;
use crate::live::{ViewerEnd, ViewerId};
use crate::relay::block::BlockPool;
use crate::relay::channel::{Bench, Channel, ChannelKey, Ended, Now, Timing};
use crate::relay::receive::ReceiveTools;

/// Everything a worker is made with.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) commands: Receiver<Command>,
    pub(crate) replies: SyncSender<Reply>,
    pub(crate) keeper: Arc<Waker>,
    pub(crate) waker: Arc<Waker>,
    pub(crate) gauges: Arc<WorkerGauges>,
    pub(crate) pool: BlockPool,
    pub(crate) timing: Timing,
    pub(crate) clock: Instant,
}

#[derive(Debug)]
pub(crate) struct Worker {
    parts: Parts,
    epoll: OwnedFd,
    /// In the order of their keys.
    channels: Vec<Channel>,
    /// Where each viewer is; as many as there are viewers (`--max-viewers`).
    watched: HashMap<ViewerId, ChannelKey>,
    tools: ReceiveTools,
    ended: Vec<Ended>,
    /// Replies that found the queue full: one a viewer or socket at most.
    unsent: VecDeque<Reply>,
    housekept_ms: u64,
    draining_since_ms: Option<u64>,
    slept_ns: u64,
}

/// Timers are judged so often.
const HOUSEKEEPING_MS: u64 = 250;

/// While draining, viewers are looked at so often.
const DRAIN_LOOK_NS: u64 = 10_000_000;

/// Events taken from the kernel at once; more wait for the next look.
const EVENTS: usize = 256;

const TOKEN_WAKE: u64 = u64::MAX;
/// Set in the token of a channel's socket; a viewer's token is its id.
const TOKEN_CHANNEL: u64 = 1 << 62;

impl Worker {
    pub(crate) fn new(parts: Parts) -> std::io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(
            &epoll,
            parts.waker.as_fd(),
            EventData::new_u64(TOKEN_WAKE),
            EventFlags::IN,
        )?;
        Ok(Self {
            parts,
            epoll,
            channels: Vec::new(),
            watched: HashMap::new(),
            tools: ReceiveTools::default(),
            ended: Vec::new(),
            unsent: VecDeque::new(),
            housekept_ms: 0,
            draining_since_ms: None,
            slept_ns: 0,
        })
    }

    /// Turns until told to drain.
    pub(crate) fn run(mut self) {
        loop {
            let events = self.sleep();
            let now = self.now();
            self.parts.gauges.turned_ms.store(now.ms, Relaxed);
            self.parts
                .gauges
                .busy_ns
                .store(now.ns.saturating_sub(self.slept_ns), Relaxed);
            if events {
                self.events(now);
            }
            let control = self.commands(now);
            self.turns(now);
            self.housekeep(now);
            self.report();
            let drained = self
                .draining_since_ms
                .is_some_and(|since| self.drained(since, now));
            if drained || !control {
                break;
            }
        }
        self.dismantle();
    }

    fn now(&self) -> Now {
        let elapsed = self.parts.clock.elapsed();
        let ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        Now {
            ns,
            ms: ns / 1_000_000,
        }
    }

    /// Until something is due, at the longest until the next housekeeping. Answers whether there
    /// may be events: a wake by the clock alone has none to ask for.
    fn sleep(&mut self) -> bool {
        let now = self.now();
        let housekeeping_ns = (self.housekept_ms + HOUSEKEEPING_MS) * 1_000_000;
        let due_ns = match self.draining_since_ms {
            // Nothing is received any more; blocked viewers wake us.
            Some(_) => now.ns + DRAIN_LOOK_NS,
            None => self
                .channels
                .iter()
                .map(|channel| channel.due_ns(now))
                .min()
                .unwrap_or(u64::MAX),
        };
        let wait = due_ns.min(housekeeping_ns).saturating_sub(now.ns);
        if wait == 0 {
            return true;
        }
        let timeout = Timespec::try_from(Duration::from_nanos(wait)).unwrap_or_default();
        let mut fds = [PollFd::new(&self.epoll, PollFlags::IN)];
        // Interrupted or not: what is due is looked for anyway.
        let ready = poll(&mut fds, Some(&timeout));
        self.slept_ns += self.now().ns.saturating_sub(now.ns);
        !matches!(ready, Ok(0))
    }

    fn events(&mut self, now: Now) {
        let mut buffer = [const { std::mem::MaybeUninit::<Event>::uninit() }; EVENTS];
        let none = Timespec::default();
        let Ok((events, _)) = epoll::wait(&self.epoll, &mut buffer, Some(&none)) else {
            return;
        };
        for event in events.iter() {
            match event.data.u64() {
                TOKEN_WAKE => self.parts.waker.clear(),
                token if token & TOKEN_CHANNEL != 0 => {
                    let key = ChannelKey(token & !TOKEN_CHANNEL);
                    if let Some(channel) = find(&mut self.channels, key) {
                        channel.wake(now);
                    }
                }
                id => {
                    let flags = event.flags;
                    let gone =
                        flags.intersects(EventFlags::HUP | EventFlags::ERR | EventFlags::RDHUP);
                    let mut bench = Bench {
                        tools: &mut self.tools,
                        pool: &mut self.parts.pool,
                        ended: &mut self.ended,
                    };
                    let id = ViewerId(id);
                    let key = self.watched.get(&id);
                    if let Some(channel) = key.and_then(|key| find(&mut self.channels, *key)) {
                        channel.viewer_event(id, gone, now, &mut bench);
                    }
                }
            }
        }
    }

    fn turns(&mut self, now: Now) {
        if self.draining_since_ms.is_some()
            || !self
                .channels
                .iter()
                .any(|channel| channel.due_ns(now) <= now.ns)
        {
            return;
        }
        for channel in self
            .channels
            .iter_mut()
            .filter(|channel| channel.due_soon(now))
        {
            let mut bench = Bench {
                tools: &mut self.tools,
                pool: &mut self.parts.pool,
                ended: &mut self.ended,
            };
            let drained = channel.turn(now, &mut bench);
            if drained.first_stamp_ns > 0 && !channel.viewers().is_empty() {
                self.parts.gauges.note_delay(drained.first_stamp_ns);
            }
            if channel.idle() {
                arm(&self.epoll, channel);
            }
        }
    }

    fn housekeep(&mut self, now: Now) {
        if now.ms < self.housekept_ms + HOUSEKEEPING_MS {
            return;
        }
        self.housekept_ms = now.ms;
        for channel in &mut self.channels {
            let mut bench = Bench {
                tools: &mut self.tools,
                pool: &mut self.parts.pool,
                ended: &mut self.ended,
            };
            channel.housekeep(now, &mut bench);
        }
    }

    /// Sees ended viewers off and sends replies, as far as there is room for them.
    fn report(&mut self) {
        for (viewer, end) in self.ended.drain(..) {
            let _ = epoll::delete(&self.epoll, viewer.as_fd());
            self.watched.remove(&viewer.id());
            self.unsent.push_back(if end == ViewerEnd::NoData {
                let (viewer, socket) = viewer.into_socket();
                Reply::NoData { viewer, socket }
            } else {
                Reply::ViewerEnded {
                    viewer: viewer.close(),
                    end,
                }
            });
        }
        let any = !self.unsent.is_empty();
        while let Some(reply) = self.unsent.pop_front() {
            if let Err(TrySendError::Full(reply)) = self.parts.replies.try_send(reply) {
                self.unsent.push_front(reply);
                break;
            }
        }
        if any {
            self.parts.keeper.wake();
        }
    }

    fn drained(&mut self, since_ms: u64, now: Now) -> bool {
        let mut bench = Bench {
            tools: &mut self.tools,
            pool: &mut self.parts.pool,
            ended: &mut self.ended,
        };
        let mut all = true;
        for channel in &mut self.channels {
            all &= channel.drain(now, &mut bench);
        }
        all || Duration::from_millis(now.ms.saturating_sub(since_ms)) >= DRAIN
    }

    fn dismantle(mut self) {
        for channel in std::mem::take(&mut self.channels) {
            self.dismantle_channel(channel, ViewerEnd::Shutdown);
        }
        self.report();
    }

    fn dismantle_channel(&mut self, channel: Channel, end: ViewerEnd) {
        let mut bench = Bench {
            tools: &mut self.tools,
            pool: &mut self.parts.pool,
            ended: &mut self.ended,
        };
        if let Some(receiver) = channel.dismantle(end, &mut bench) {
            let _ = epoll::delete(&self.epoll, receiver.as_fd());
            self.unsent.push_back(Reply::Retired(receiver));
        }
    }
}

fn find(channels: &mut [Channel], key: ChannelKey) -> Option<&mut Channel> {
    let index = channels.binary_search_by_key(&key, Channel::key).ok()?;
    channels.get_mut(index)
}

/// Asks the kernel to tell once when an idle channel's socket has data.
fn arm(epoll: &OwnedFd, channel: &Channel) {
    if let Some(input) = channel.input() {
        let token = EventData::new_u64(channel.key().0 | TOKEN_CHANNEL);
        let flags = EventFlags::IN | EventFlags::ONESHOT;
        let _ = epoll::modify(epoll, input.receiver().as_fd(), token, flags);
    }
}
