//! What is said of a channel: its verdict, ten times a second, and an event for every change.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use common::api::channel::{ChannelStatus, Reason};
use common::api::event::{EventDraft, EventKind};
use common::net::interfaces::Link;

use super::drops::Filtered;
use super::filter::Filter;
use super::membership::selectors;
use super::options::{Looked, ProbeOutcome};
use super::silence::{Finding, Silence};
use super::surroundings::Surroundings;
use super::tally::Tally;
use crate::definition::{ChannelDefinition, InputDefinition};
use crate::live::LiveChannel;
use crate::nics::InterfaceSelector;
use crate::signal::reason::{
    ElsewhereFacts, Facts, FilterFacts, Flow, LinkFacts, MadeFacts, Verdict, made, verdict,
};

/// What is known and said of one channel.
#[derive(Debug, Default)]
pub(super) struct Judge {
    tally: Tally,
    flow: Flow,
    datagrams: u64,
    last_datagram_ms: Option<u64>,
    strange: u64,
    last_strange_ms: Option<u64>,
    verdict: Option<Verdict>,
    silence: Option<Silence>,
    finding: Finding,
}

/// What a judgement is made of besides the channel's counters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) definition: &'a ChannelDefinition,
    /// The input in use, and the NIC that it means.
    pub(super) input: &'a InputDefinition,
    pub(super) link: Option<&'a Link>,
    /// Why the group could not be joined.
    pub(super) join_error: Option<&'a str>,
    /// The input was taken a moment ago: that nothing came is not its doing.
    pub(super) settling: bool,
}

impl Judge {
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

    pub(super) fn last_datagram_ms(&self) -> Option<u64> {
        self.last_datagram_ms
    }

    /// Sees whether datagrams come, and what is no TS.
    pub(super) fn look(&mut self, live: &LiveChannel, now_ms: u64) {
        let datagrams = live.counters.received_datagrams.load(Relaxed);
        if datagrams != self.datagrams {
            self.datagrams = datagrams;
            self.last_datagram_ms = Some(now_ms);
        }
        let strange =
            live.counters.malformed.load(Relaxed) + live.counters.bad_sync_packets.load(Relaxed);
        if strange != self.strange {
            self.strange = strange;
            self.last_strange_ms = Some(now_ms);
        }
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

    /// Judges the channel and says so when that changes.
    pub(super) fn judge(
        &mut self,
        live: &LiveChannel,
        case: Case<'_>,
        around: Surroundings<'_>,
        filter: &Filter,
        events: &mut Vec<EventDraft>,
    ) {
        self.count(live, around.now_ms, events);
        let now_ms = around.now_ms;
        let last_ts_ms = Some(live.counters.last_data_ms.load(Relaxed));
        let last_ts_ms = last_ts_ms.filter(|last| *last > 0);
        let silence_ms = around.options.silence_ms();
        self.note_silence(case, last_ts_ms.is_none(), silence_ms, now_ms);
        let wanted = names(selectors(case.input, &around.options.interfaces));
        let present = link_names(around.links);
        let counters = &live.counters;
        let elsewhere = self.finding.elsewhere.as_ref();
        let verdict = verdict(&Facts {
            link: link_facts(case.link, &wanted, &present),
            group: &case.input.url.group.to_string(),
            join_error: case.join_error,
            now_ms,
            silence_ms,
            flows: self.flow.tell(last_ts_ms, silence_ms, now_ms),
            elsewhere: elsewhere.map(|elsewhere| ElsewhereFacts {
                interface: &elsewhere.interface,
                source: elsewhere.source.as_deref(),
            }),
            filter: self.filtered(filter),
            last_ts_ms,
            last_strange_ms: self.last_strange_ms,
            granted_buffer_bytes: counters.receive_buffer_bytes.load(Relaxed),
            numbered: counters.kind_is_rtp.load(Relaxed),
            scrambled_expected: case.definition.scrambled.is_some(),
            recent: &self.tally.recent,
        });
        let silent = matches!(verdict.reason, Reason::Stopped | Reason::NeverReceived);
        // TS that has just come back is not said to flow yet, nor to have stopped.
        let returns = last_ts_ms.is_some_and(|last| now_ms.saturating_sub(last) < silence_ms);
        let verdict = match &self.verdict {
            Some(before) if silent && (case.settling || returns) => before.clone(),
            _ => verdict,
        };
        let well = verdict.reason == Reason::Ok;
        if self.verdict.as_ref() != Some(&verdict) {
            self.announce(live, verdict, events);
        }
        end_acknowledgement(live, well, events);
    }

    /// Judges a rendition by its parent, whose id and status are given, and says so when that
    /// changes.
    pub(super) fn judge_made(
        &mut self,
        live: &LiveChannel,
        parent: Option<(&str, &ChannelStatus)>,
        around: Surroundings<'_>,
        events: &mut Vec<EventDraft>,
    ) {
        let now_ms = around.now_ms;
        self.count(live, now_ms, events);
        let last_ts_ms = Some(live.counters.last_data_ms.load(Relaxed));
        let last_ts_ms = last_ts_ms.filter(|last| *last > 0);
        let silence_ms = around.options.silence_ms();
        let making = live.making.load();
        let verdict = made(&MadeFacts {
            now_ms,
            flows: self.flow.tell(last_ts_ms, silence_ms, now_ms),
            last_ts_ms,
            recent: &self.tally.recent,
            parent,
            params: &making.params,
            detail: &making.detail,
        });
        let well = verdict.reason == Reason::Ok;
        if self.verdict.as_ref() != Some(&verdict) {
            self.announce(live, verdict, events);
        }
        end_acknowledgement(live, well, events);
    }

    fn count(&mut self, live: &LiveChannel, now_ms: u64, events: &mut Vec<EventDraft>) {
        let unix_ms = jiff::Timestamp::now().as_millisecond();
        let seen = self.tally.look(&live.counters, now_ms, unix_ms);
        if seen.errors {
            live.errors.store(Arc::new(self.tally.errors()));
        }
        if let Some(count) = seen.restarted {
            let detail = "the source has started anew: another SSRC, or a jump of the RTP sequence beyond 3000";
            events.push(
                EventDraft::new(EventKind::SourceRestarted, detail)
                    .channel(live.id.as_str())
                    .reason("source_restarted")
                    .param("count", count),
            );
        }
    }

    /// A silence that goes on keeps its beginning and what was found out about it.
    fn note_silence(&mut self, case: Case<'_>, never: bool, silence_ms: u64, now_ms: u64) {
        let quiet = self
            .last_datagram_ms
            .is_none_or(|last| now_ms.saturating_sub(last) >= silence_ms);
        let up = case.link.filter(|link| quiet && link.up && link.carrier);
        let fresh = up.map(|link| Silence {
            group: case.input.url.group,
            interface: link.name.clone(),
            interface_index: link.index,
            since_ms: now_ms,
            never,
        });
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

    fn announce(&mut self, live: &LiveChannel, verdict: Verdict, events: &mut Vec<EventDraft>) {
        let old = live.status.load();
        // A channel is shown as never received until it is judged: that verdict is no news.
        let changed = (old.state, old.reason) != (verdict.state, verdict.reason);
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
        live.status.store(Arc::new(status));
        if changed {
            let detail = match verdict.reason {
                Reason::Ok => "receiving".to_owned(),
                _ => verdict.detail.clone(),
            };
            let mut event =
                EventDraft::new(EventKind::ChannelState, detail).channel(live.id.as_str());
            event.reason = Some(verdict.reason.as_str().to_owned());
            event.params.clone_from(&verdict.params);
            event
                .params
                .insert("state".to_owned(), verdict.state.as_str().to_owned());
            events.push(event);
        }
        self.verdict = Some(verdict);
    }
}

/// An acknowledgement ends when the channel is well, and when its time is up.
fn end_acknowledgement(live: &LiveChannel, well: bool, events: &mut Vec<EventDraft>) {
    let acknowledged = live.acknowledged.load();
    let Some(acknowledged) = acknowledged.as_ref() else {
        return;
    };
    let over = jiff::Timestamp::now() >= acknowledged.until;
    let (reason, why) = match (well, over) {
        (true, _) => ("well_again", "it is well again"),
        (false, true) => ("expired", "its time is up"),
        (false, false) => return,
    };
    live.acknowledged.store(None);
    let detail = format!(
        "channel {} is no longer acknowledged by {}: {why}",
        live.id, acknowledged.shown.by
    );
    let event = EventDraft::new(EventKind::Acknowledged, detail);
    let event = event.channel(live.id.as_str()).reason(reason);
    events.push(event.param("by", &acknowledged.shown.by));
}

fn link_facts<'a>(link: Option<&'a Link>, wanted: &'a str, present: &'a str) -> LinkFacts<'a> {
    match link {
        None => LinkFacts::Missing { wanted, present },
        Some(link) if !link.up || !link.carrier => LinkFacts::Down {
            name: &link.name,
            carrier_only: link.up,
        },
        Some(link) => LinkFacts::Up { name: &link.name },
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
