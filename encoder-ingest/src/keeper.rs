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

use common::api::channel::{ChannelStatus, Reason, State};
use common::api::event::{EventDraft, EventKind};
use common::net::interfaces::{Link, Watch, links};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc::Sender;

use crate::door::{Command, Reply};
use crate::live::LiveChannel;
use crate::membership::{Change, Membership, selectors, target};
use crate::nics::{InterfaceSelector, resolve};
use crate::plane::{Notice, PlaneOptions, Shared};
use crate::relay::channel::ChannelKey;
use crate::signal::reason::{Facts, LinkFacts, Recent, Verdict, verdict};
use crate::worker::Waker;

/// What the plane asks of the keeper.
#[derive(Debug)]
pub(crate) enum Wish {
    Keep {
        key: ChannelKey,
        live: Arc<LiveChannel>,
        worker: usize,
    },
    Forget {
        key: ChannelKey,
    },
    /// All workers have ended: close what they gave back and end.
    Stop,
}

#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) shared: Arc<Shared>,
    pub(crate) options: PlaneOptions,
    pub(crate) replies: Receiver<Reply>,
    pub(crate) wishes: Receiver<Wish>,
    pub(crate) notices: Sender<Notice>,
    pub(crate) waker: Arc<Waker>,
    pub(crate) clock: Instant,
    pub(crate) links: Links,
    pub(crate) kept: BTreeMap<ChannelKey, Kept>,
    pub(crate) judged_ms: u64,
    pub(crate) rated_ms: u64,
}

/// The NICs as last seen, and what tells that they have changed.
#[derive(Debug)]
pub(crate) struct Links {
    watch: Option<Watch>,
    links: Vec<Link>,
    seen_ms: u64,
}

/// A channel under the keeper's eyes.
#[derive(Debug)]
pub(crate) struct Kept {
    live: Arc<LiveChannel>,
    worker: usize,
    membership: Membership,
    recent: Recent,
    datagrams: u64,
    last_datagram_ms: Option<u64>,
    source_restarts: u64,
    ts_bytes: u64,
    verdict: Option<Verdict>,
}

/// Channels are judged so often.
const JUDGE_MS: u64 = 100;

/// Bitrates are measured over so long.
const RATE_MS: u64 = 1000;

/// NICs are looked at so often even when nothing tells of a change.
const LINKS_MS: u64 = 2000;

impl Links {
    pub(crate) fn new() -> Self {
        Self {
            watch: Watch::open().ok(),
            links: links().unwrap_or_default(),
            seen_ms: 0,
        }
    }

    /// Looks again when something has changed; answers what the NICs were before.
    fn refresh(&mut self, changed: bool, now_ms: u64) -> Option<Vec<Link>> {
        if !changed && now_ms < self.seen_ms + LINKS_MS {
            return None;
        }
        if let Some(watch) = &self.watch {
            watch.clear();
        }
        self.seen_ms = now_ms;
        let fresh = links().ok()?;
        (fresh != self.links).then(|| std::mem::replace(&mut self.links, fresh))
    }
}

impl Keeper {
    /// Keeps until told to stop.
    pub(crate) fn run(mut self) {
        loop {
            let nics_changed = self.sleep();
            self.waker.clear();
            let now_ms = self.now_ms();
            let stop = self.wishes();
            while let Ok(reply) = self.replies.try_recv() {
                self.reply(reply);
            }
            if stop {
                return;
            }
            if let Some(before) = self.links.refresh(nics_changed, now_ms) {
                self.tell_links(&before);
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
                .watch
                .iter()
                .map(|watch| PollFd::from_borrowed_fd(watch.as_fd(), PollFlags::IN)),
        );
        let _ = poll(&mut fds, Some(&timeout));
        fds.get(1).is_some_and(|watch| !watch.revents().is_empty())
    }

    fn wishes(&mut self) -> bool {
        while let Ok(wish) = self.wishes.try_recv() {
            match wish {
                Wish::Keep { key, live, worker } => {
                    self.kept.insert(key, Kept::new(live, worker));
                }
                Wish::Forget { key } => {
                    self.kept.remove(&key);
                }
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
                    end: crate::live::ViewerEnd::NoData,
                });
            }
        }
    }

    fn notice(&self, notice: Notice) {
        // When the control plane has ended there is nobody left to tell.
        let _ = self.notices.blocking_send(notice);
    }

    fn tell_links(&self, before: &[Link]) {
        for link in &self.links.links {
            match before.iter().find(|old| old.name == link.name) {
                None => {
                    self.tell_link(format!("NIC {} has come (index {})", link.name, link.index));
                }
                Some(old) if old.index != link.index => {
                    self.tell_link(format!(
                        "NIC {} was made anew (index {})",
                        link.name, link.index
                    ));
                }
                Some(old) if (old.up, old.carrier) != (link.up, link.carrier) => {
                    let is = if !link.up {
                        "down"
                    } else if link.carrier {
                        "up"
                    } else {
                        "up without carrier"
                    };
                    self.tell_link(format!("NIC {} is {is}", link.name));
                }
                Some(_) => {}
            }
        }
        for old in before
            .iter()
            .filter(|old| self.links.links.iter().all(|link| link.name != old.name))
        {
            self.tell_link(format!("NIC {} has gone", old.name));
        }
    }

    fn tell_link(&self, detail: String) {
        self.notice(Notice::Event(EventDraft::new(
            EventKind::InterfaceChanged,
            detail,
        )));
    }

    /// Looks at every channel.
    fn keep(&mut self, now_ms: u64) {
        let present = resolve(&self.options.interfaces, &self.links.links).is_some();
        self.shared.set_default_interface(present);
        let judge = now_ms >= self.judged_ms + JUDGE_MS;
        let rate = now_ms >= self.rated_ms + RATE_MS;
        let mut events = Vec::new();
        for (key, kept) in &mut self.kept {
            let change =
                kept.keep_membership(&self.links.links, &self.options, now_ms, &mut events);
            if let Some(change) = change {
                self.shared.command(kept.worker, change.command(*key));
            }
            if judge {
                kept.judge(&self.links.links, &self.options, now_ms, &mut events);
            }
            if rate {
                kept.rate(now_ms.saturating_sub(self.rated_ms));
            }
        }
        if judge {
            self.judged_ms = now_ms;
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

/// What a channel may keep before its rate is known.
pub(crate) const HISTORY_BYTES_FIRST: u64 = 4 << 20;

impl Change {
    fn command(self, key: ChannelKey) -> Command {
        match self {
            Self::Receive {
                receiver,
                same_stream,
            } => Command::Receive {
                key,
                receiver: Some(receiver),
                same_stream,
            },
            Self::Nothing | Self::Rejoined => Command::Receive {
                key,
                receiver: None,
                same_stream: false,
            },
        }
    }
}

impl Kept {
    fn new(live: Arc<LiveChannel>, worker: usize) -> Self {
        Self {
            live,
            worker,
            membership: Membership::default(),
            recent: Recent::default(),
            datagrams: 0,
            last_datagram_ms: None,
            source_restarts: 0,
            ts_bytes: 0,
            verdict: None,
        }
    }

    /// Keeps the channel joined where it should be; answers what its worker must be told.
    fn keep_membership(
        &mut self,
        links: &[Link],
        options: &PlaneOptions,
        now_ms: u64,
        events: &mut Vec<EventDraft>,
    ) -> Option<Change> {
        let counters = &self.live.counters;
        let datagrams = counters.received_datagrams.load(Relaxed);
        if datagrams != self.datagrams {
            self.datagrams = datagrams;
            self.last_datagram_ms = Some(now_ms);
        }
        let definition = self.live.definition.load();
        let (input, link) = target(&definition, &options.interfaces, links);
        let change = self
            .membership
            .update(input, link, options.receive_buffer_bytes, now_ms);
        if change.is_some() {
            counters
                .receive_buffer_bytes
                .store(self.membership.granted_bytes() as u64, Relaxed);
            return change;
        }
        let up = link.is_some_and(|link| link.up && link.carrier);
        let silence_ms = u64::try_from(options.silence.as_millis()).unwrap_or(u64::MAX);
        let change = if up {
            self.membership
                .rejoin(self.last_datagram_ms, silence_ms, now_ms)
        } else {
            None
        };
        if matches!(change, Some(Change::Rejoined)) {
            counters.rejoins.fetch_add(1, Relaxed);
            let detail = "silent: left the group and joined it again";
            events
                .push(EventDraft::new(EventKind::Rejoined, detail).channel(self.live.id.as_str()));
            return None;
        }
        change
    }

    /// Judges the channel and says so when that changes.
    fn judge(
        &mut self,
        links: &[Link],
        options: &PlaneOptions,
        now_ms: u64,
        events: &mut Vec<EventDraft>,
    ) {
        self.count(now_ms, events);
        let definition = self.live.definition.load();
        let (input, link) = target(&definition, &options.interfaces, links);
        let Some(input) = input else { return };
        let (wanted, present) = (
            names(selectors(input, &options.interfaces)),
            link_names(links),
        );
        let link = match link {
            None => LinkFacts::Missing {
                wanted: &wanted,
                present: &present,
            },
            Some(link) if !link.up || !link.carrier => LinkFacts::Down {
                name: &link.name,
                carrier_only: link.up,
            },
            Some(link) => LinkFacts::Up { name: &link.name },
        };
        let counters = &self.live.counters;
        let last_ts_ms = Some(counters.last_data_ms.load(Relaxed)).filter(|last| *last > 0);
        let verdict = verdict(&Facts {
            link,
            group: &input.url.group.to_string(),
            join_error: self.membership.error(),
            now_ms,
            silence_ms: u64::try_from(options.silence.as_millis()).unwrap_or(u64::MAX),
            last_ts_ms,
            last_datagram_ms: self.last_datagram_ms,
            granted_buffer_bytes: counters.receive_buffer_bytes.load(Relaxed),
            scrambled_expected: definition.scrambled.is_some(),
            recent: &self.recent,
        });
        if self.verdict.as_ref() != Some(&verdict) {
            self.announce(verdict, events);
        }
    }

    fn count(&mut self, now_ms: u64, events: &mut Vec<EventDraft>) {
        let counters = &self.live.counters;
        let recent = &mut self.recent;
        recent
            .kernel
            .tell(counters.lost_kernel.load(Relaxed), now_ms);
        recent
            .network
            .tell(counters.lost_network.load(Relaxed), now_ms);
        recent
            .unattributed
            .tell(counters.lost_unattributed.load(Relaxed), now_ms);
        recent
            .upstream
            .tell(counters.lost_upstream.load(Relaxed), now_ms);
        recent
            .scrambled
            .tell(counters.scrambled_packets.load(Relaxed), now_ms);
        recent
            .unaligned
            .tell(counters.unaligned.load(Relaxed), now_ms);
        let restarts = counters.source_restarts.load(Relaxed);
        if restarts != self.source_restarts {
            self.source_restarts = restarts;
            let detail = "the source has started anew: another SSRC, or a jump of the RTP sequence beyond 3000";
            events.push(
                EventDraft::new(EventKind::SourceRestarted, detail).channel(self.live.id.as_str()),
            );
        }
    }

    fn announce(&mut self, verdict: Verdict, events: &mut Vec<EventDraft>) {
        let before = self
            .verdict
            .as_ref()
            .map(|before| (before.state, before.reason));
        let old = self.live.status.load();
        let changed = before != Some((verdict.state, verdict.reason));
        let status = ChannelStatus {
            state: verdict.state,
            reason: verdict.reason,
            params: verdict.params.clone(),
            detail: verdict.detail.clone(),
            since: if changed {
                jiff::Timestamp::now().to_string()
            } else {
                old.since.clone()
            },
            ..(**old).clone()
        };
        self.live.status.store(Arc::new(status));
        // The first judgement is no news: the channel has only just been added.
        if changed && (before.is_some() || verdict.state == State::Receiving) {
            let detail = match verdict.reason {
                Reason::Ok => "receiving".to_owned(),
                _ => verdict.detail.clone(),
            };
            let mut event =
                EventDraft::new(EventKind::ChannelState, detail).channel(self.live.id.as_str());
            event.reason = Some(verdict.reason.as_str().to_owned());
            event.params.clone_from(&verdict.params);
            event
                .params
                .insert("state".to_owned(), verdict.state.as_str().to_owned());
            events.push(event);
        }
        self.verdict = Some(verdict);
    }

    fn rate(&mut self, elapsed_ms: u64) {
        let counters = &self.live.counters;
        let bytes = counters.ts_bytes.load(Relaxed);
        let fresh = bytes.saturating_sub(self.ts_bytes);
        self.ts_bytes = bytes;
        counters
            .bitrate_bps
            .store(fresh * 8 * 1000 / elapsed_ms.max(1), Relaxed);
    }
}

fn names(selectors: &[InterfaceSelector]) -> String {
    selectors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<String>>()
        .join(", ")
}

fn link_names(links: &[Link]) -> String {
    links
        .iter()
        .map(|link| link.name.as_str())
        .collect::<Vec<&str>>()
        .join(", ")
}
