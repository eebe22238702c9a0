//! The keeper: the control thread beside the workers. It watches the NICs, keeps every channel's
//! membership, judges every channel ten times a second, and passes on what workers say.
//!
//! It may wait (for the kernel, for the control plane); the workers never wait for it. It ends
//! when told to stop, after the workers have.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use common::api::event::{EventDraft, EventKind};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc::Sender;

use super::kept::{HISTORY_BYTES_FIRST, Kept};
use super::links::{Links, news};
use super::membership::Change;
use super::options::{Notice, PlaneOptions};
use super::search::Search;
use super::shared::{Shared, Wish};
use super::surroundings::Surroundings;
use super::trial::TrialBench;
use crate::door::Reply;
use crate::live::ViewerEnd;
use crate::nics::resolve;
use crate::relay::channel::ChannelKey;
use crate::worker::gauges::Waker;

/// The keeper's ends of its queues.
#[derive(Debug)]
pub(super) struct Queues {
    pub(super) replies: Receiver<Reply>,
    pub(super) wishes: Receiver<Wish>,
    pub(super) notices: Sender<Notice>,
}

#[derive(Debug)]
pub(super) struct Keeper {
    shared: Arc<Shared>,
    options: PlaneOptions,
    queues: Queues,
    waker: Arc<Waker>,
    clock: Instant,
    links: Links,
    kept: BTreeMap<ChannelKey, Kept>,
    search: Search,
    bench: TrialBench,
    judged_ms: u64,
    rated_ms: u64,
}

/// Channels are judged so often.
const JUDGE_MS: u64 = 100;

/// Bitrates are measured over so long.
const RATE_MS: u64 = 1000;

impl Keeper {
    pub(super) fn new(
        shared: Arc<Shared>,
        options: PlaneOptions,
        queues: Queues,
        waker: Arc<Waker>,
        clock: Instant,
    ) -> Self {
        let (links, kept) = (Links::new(), BTreeMap::new());
        Self {
            shared,
            options,
            queues,
            waker,
            clock,
            links,
            kept,
            search: Search::default(),
            bench: TrialBench::default(),
            judged_ms: 0,
            rated_ms: 0,
        }
    }

    /// Keeps until told to stop.
    pub(super) fn run(mut self) {
        loop {
            let nics_changed = self.sleep();
            self.waker.clear();
            let now_ms = self.now_ms();
            let stop = self.wishes();
            while let Ok(reply) = self.queues.replies.try_recv() {
                self.reply(reply);
            }
            if stop {
                return;
            }
            if let Some(before) = self.links.refresh(nics_changed, now_ms) {
                for detail in news(&before, self.links.links()) {
                    let event = EventDraft::new(EventKind::InterfaceChanged, detail);
                    self.notice(Notice::Event(event));
                }
            }
            self.keep(now_ms);
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Until woken or the next judgement; answers whether a NIC changed.
    fn sleep(&self) -> bool {
        let wait = (self.judged_ms + JUDGE_MS).saturating_sub(self.now_ms());
        let timeout = Timespec::try_from(Duration::from_millis(wait)).unwrap_or_default();
        let mut fds = vec![PollFd::from_borrowed_fd(self.waker.as_fd(), PollFlags::IN)];
        fds.extend(
            self.links
                .fd()
                .map(|watch| PollFd::from_borrowed_fd(watch, PollFlags::IN)),
        );
        let watched = fds.len() > 1;
        let probe = self.search.fd();
        fds.extend(probe.map(|probe| PollFd::from_borrowed_fd(probe, PollFlags::IN)));
        let _ = poll(&mut fds, Some(&timeout));
        watched && !fds[1].revents().is_empty()
    }

    fn wishes(&mut self) -> bool {
        while let Ok(wish) = self.queues.wishes.try_recv() {
            match wish {
                Wish::Keep { key, live, worker } => {
                    let kept = Kept::new(live, worker, self.now_ms());
                    self.kept.insert(key, kept);
                }
                Wish::Forget { key } => {
                    self.kept.remove(&key);
                }
                Wish::Look { key, answer } => self.search.ask(key, answer),
                Wish::Stop => return true,
            }
        }
        false
    }

    fn reply(&mut self, reply: Reply) {
        match reply {
            // Dropping the last handle leaves the group.
            Reply::Retired(receiver) => drop(receiver),
            Reply::ViewerEnded { viewer, end } => {
                self.shared.forget_viewer(&viewer);
                self.notice(Notice::ViewerEnded { viewer, end });
            }
            Reply::NoData { viewer, socket } => {
                self.shared.forget_viewer(&viewer);
                self.notice(Notice::NoData {
                    channel: Arc::clone(&viewer.channel),
                    socket,
                });
                self.notice(Notice::ViewerEnded {
                    viewer,
                    end: ViewerEnd::NoData,
                });
            }
        }
    }

    fn notice(&self, notice: Notice) {
        // When the control plane has ended there is nobody left to tell.
        let _ = self.queues.notices.blocking_send(notice);
    }

    /// Looks at every channel.
    fn keep(&mut self, now_ms: u64) {
        let present = resolve(&self.options.interfaces, self.links.links()).is_some();
        self.shared.set_default_interface(present);
        let judge = now_ms >= self.judged_ms + JUDGE_MS;
        let rate = now_ms >= self.rated_ms + RATE_MS;
        let mut events = Vec::new();
        let around = Surroundings {
            links: self.links.links(),
            options: &self.options,
            now_ms,
        };
        self.search.turn(&mut self.kept, around);
        for (key, kept) in &mut self.kept {
            let tell = |worker, change: Option<Change>| {
                if let Some(change) = change {
                    self.shared.command(worker, change.command(*key));
                }
            };
            let change =
                kept.keep_membership(self.links.links(), &self.options, now_ms, &mut events);
            tell(kept.worker, change);
            if judge {
                let change = kept.watch_inputs(around, &mut self.bench, &mut events);
                tell(kept.worker, change);
                match self.shared.parent(&kept.live) {
                    Some((id, status)) => {
                        let parent = status.as_deref().map(|status| (id.as_str(), status));
                        kept.judge_made(parent, around, &mut events);
                    }
                    None => kept.judge(around, self.search.filter(), &mut events),
                }
            }
            if rate {
                kept.rate(now_ms.saturating_sub(self.rated_ms));
            }
        }
        if judge {
            self.judged_ms = now_ms;
            self.search.tell();
        }
        if rate {
            self.rated_ms = now_ms;
            self.share_history();
        }
        for event in events {
            self.notice(Notice::Event(event));
        }
    }

    /// Shares the history's bound among the channels, by rate.
    fn share_history(&self) {
        let wanted = |kept: &Kept| {
            let rate = kept.live.counters.bitrate_bps.load(Relaxed) / 8;
            let millis = u64::try_from(self.options.history.as_millis()).unwrap_or(u64::MAX);
            // Half more than the measured rate asks for: rates vary.
            rate.saturating_mul(millis) / 1000 * 3 / 2
        };
        let total: u64 = self.kept.values().map(wanted).sum();
        let bound = self.options.history_bytes_max as u64;
        for kept in self.kept.values() {
            let wanted = wanted(kept);
            let share = if total > bound {
                u64::try_from(u128::from(wanted) * u128::from(bound) / u128::from(total))
                    .unwrap_or(bound)
            } else {
                wanted.max(HISTORY_BYTES_FIRST.min(bound))
            };
            kept.live.counters.history_bytes_max.store(share, Relaxed);
        }
    }
}
