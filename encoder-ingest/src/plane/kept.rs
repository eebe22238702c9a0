//! A channel under the keeper's eyes: its membership, its verdict, its rate.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use common::api::channel::{ChannelStatus, Reason, State};
use common::api::event::{EventDraft, EventKind};
use common::net::interfaces::Link;

use super::drops::Filtered;
use super::filter::Filter;
use super::membership::{Change, Membership, selectors, target};
use super::options::{Looked, PlaneOptions, ProbeOutcome};
use super::probe::Ours;
use super::search::Surroundings;
use super::silence::{Finding, Silence};
use crate::door::Command;
use crate::live::LiveChannel;
use crate::nics::InterfaceSelector;
use crate::relay::channel::ChannelKey;
use crate::signal::reason::{
    ElsewhereFacts, Facts, FilterFacts, LinkFacts, Recent, Verdict, verdict,
};

/// A channel under the keeper's eyes.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) live: Arc<LiveChannel>,
    pub(super) worker: usize,
    membership: Membership,
    recent: Recent,
    datagrams: u64,
    last_datagram_ms: Option<u64>,
    source_restarts: u64,
    ts_bytes: u64,
    verdict: Option<Verdict>,
    silence: Option<Silence>,
    finding: Finding,
}

/// What a channel may keep before its rate is known.
pub(super) const HISTORY_BYTES_FIRST: u64 = 4 << 20;

impl Change {
    pub(super) fn command(self, key: ChannelKey) -> Command {
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
    pub(super) fn new(live: Arc<LiveChannel>, worker: usize) -> Self {
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
            silence: None,
            finding: Finding::default(),
        }
    }

    /// Nothing comes, on a NIC that is up.
    pub(super) fn silence(&self) -> Option<&Silence> {
        self.silence.as_ref()
    }

    /// It has been judged at least once: what is said of it holds.
    pub(super) fn is_judged(&self) -> bool {
        self.verdict.is_some()
    }

    pub(super) fn finding(&self) -> &Finding {
        &self.finding
    }

    pub(super) fn ours(&self) -> Option<Ours> {
        let (group, interface_index) = self.membership.joined()?;
        Some(Ours {
            group: group.group(),
            interface_index,
        })
    }

    /// Leaves the silent group for a moment; false when it was not joined.
    pub(super) fn leave_for_test(&mut self) -> bool {
        self.membership.leave()
    }

    pub(super) fn back_from_test(&mut self) {
        self.membership.back();
    }

    /// What a look has shown; `probing`: other NICs were a part of it.
    pub(super) fn found(&mut self, looked: &Looked, probing: bool, now_ms: u64) {
        if probing {
            self.finding.looked_ms = Some(now_ms);
            self.finding.elsewhere =
                looked
                    .probes
                    .iter()
                    .find_map(|probed| match &probed.outcome {
                        ProbeOutcome::Came(elsewhere) => Some(elsewhere.clone()),
                        ProbeOutcome::Nothing | ProbeOutcome::Failed(_) => None,
                    });
        }
        if looked.filtered.is_some() {
            self.finding.tested_ms = Some(now_ms);
            self.finding.filtered = looked.filtered;
        }
    }

    /// Keeps the channel joined where it should be; answers what its worker must be told.
    pub(super) fn keep_membership(
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
            let count = counters.rejoins.fetch_add(1, Relaxed) + 1;
            let detail = "silent: left the group and joined it again";
            let mut event = EventDraft::new(EventKind::Rejoined, detail)
                .channel(self.live.id.as_str())
                .reason("silent")
                .param("count", count);
            if let (Some(input), Some(link)) = (input, link) {
                let group = input.url.group;
                event = event.param("group", group).param("interface", &link.name);
            }
            events.push(event);
            return None;
        }
        change
    }

    /// Judges the channel and says so when that changes.
    pub(super) fn judge(
        &mut self,
        around: Surroundings<'_>,
        filter: &Filter,
        events: &mut Vec<EventDraft>,
    ) {
        let Surroundings {
            links,
            options,
            now_ms,
        } = around;
        self.count(now_ms, events);
        let definition = self.live.definition.load();
        let (input, link) = target(&definition, &options.interfaces, links);
        let Some(input) = input else { return };
        let (wanted, present) = (
            names(selectors(input, &options.interfaces)),
            link_names(links),
        );
        let last_ts_ms = Some(self.live.counters.last_data_ms.load(Relaxed));
        let last_ts_ms = last_ts_ms.filter(|last| *last > 0);
        let silence_ms = u64::try_from(options.silence.as_millis()).unwrap_or(u64::MAX);
        let up = link.filter(|link| link.up && link.carrier);
        let quiet = self
            .last_datagram_ms
            .is_none_or(|last| now_ms.saturating_sub(last) >= silence_ms);
        let silence = up.filter(|_| quiet).map(|link| Silence {
            group: input.url.group,
            interface: link.name.clone(),
            interface_index: link.index,
            since_ms: now_ms,
            never: last_ts_ms.is_none(),
        });
        self.note_silence(silence);
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
        let elsewhere = self.finding.elsewhere.as_ref();
        let verdict = verdict(&Facts {
            link,
            group: &input.url.group.to_string(),
            join_error: self.membership.error(),
            now_ms,
            silence_ms,
            elsewhere: elsewhere.map(|elsewhere| ElsewhereFacts {
                interface: &elsewhere.interface,
                source: elsewhere.source.as_deref(),
            }),
            filter: self.filtered(filter),
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

    /// A silence that goes on keeps its beginning and what was found out about it.
    fn note_silence(&mut self, fresh: Option<Silence>) {
        let known = self.silence.take();
        let before = known.filter(|known| fresh.as_ref().is_some_and(|new| new.same_place(known)));
        if before.is_none() {
            self.finding = Finding::default();
        }
        self.silence = fresh.map(|fresh| Silence {
            since_ms: before.map_or(fresh.since_ms, |before| before.since_ms),
            ..fresh
        });
    }

    /// The reverse path filter is why nothing comes, as far as can be told.
    fn filtered(&self, filter: &Filter) -> Option<FilterFacts> {
        let silence = self.silence.as_ref()?;
        let onset_ms = filter.rising_since_ms()?;
        let tested = self.finding.tested_ms.is_some_and(|at| at >= onset_ms);
        let found = matches!(
            self.finding.filtered,
            Some(Filtered::Shown | Filtered::Perhaps)
        );
        let value = filter.value(silence);
        (found && tested && value > 0).then_some(FilterFacts { value })
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
                EventDraft::new(EventKind::SourceRestarted, detail)
                    .channel(self.live.id.as_str())
                    .reason("source_restarted")
                    .param("count", restarts),
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

    pub(super) fn rate(&mut self, elapsed_ms: u64) {
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
