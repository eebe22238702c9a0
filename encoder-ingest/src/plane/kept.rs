//! A channel under the keeper's eyes: its membership, its verdict, its rate.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use common::api::channel::ChannelStatus;
use common::api::event::EventDraft;
use common::net::interfaces::Link;

use super::filter::Filter;
use super::inputs::{Inputs, rejoin_event};
use super::judge::{Case, Judge};
use super::membership::{Change, Membership, target};
use super::options::{Looked, PlaneOptions};
use super::probe::Ours;
use super::silence::{Finding, Silence};
use super::surroundings::Surroundings;
use super::trial::TrialBench;
use crate::door::Command;
use crate::live::LiveChannel;
use crate::relay::channel::ChannelKey;

/// A channel under the keeper's eyes.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) live: Arc<LiveChannel>,
    pub(super) worker: usize,
    membership: Membership,
    inputs: Inputs,
    judge: Judge,
    ts_bytes: u64,
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
    pub(super) fn new(live: Arc<LiveChannel>, worker: usize, now_ms: u64) -> Self {
        Self {
            live,
            worker,
            membership: Membership::default(),
            inputs: Inputs::new(now_ms),
            judge: Judge::default(),
            ts_bytes: 0,
        }
    }

    /// Nothing comes, on a NIC that is up.
    pub(super) fn silence(&self) -> Option<&Silence> {
        self.judge.silence()
    }

    /// It has been judged at least once: what is said of it holds.
    pub(super) fn is_judged(&self) -> bool {
        self.judge.is_judged()
    }

    pub(super) fn finding(&self) -> &Finding {
        self.judge.finding()
    }

    /// What is joined for it.
    pub(super) fn ours(&self, silence_ms: u64, now_ms: u64) -> impl Iterator<Item = Ours> {
        let flows = move |last: Option<u64>| {
            last.is_some_and(|last| now_ms.saturating_sub(last) < silence_ms)
        };
        let tried = self.inputs.tried();
        let tried =
            tried.map(|(receiver, last)| (receiver.group(), receiver.interface_index(), last));
        let last = self.judge.last_datagram_ms();
        let joined = self.membership.joined();
        let joined = joined.map(|(group, interface_index)| (group, interface_index, last));
        let all = joined.into_iter().chain(tried);
        all.map(move |(group, interface_index, last)| Ours {
            group,
            interface_index,
            flows: flows(last),
        })
    }

    /// Looks how the inputs fare; answers what the worker must be told when another takes over.
    pub(super) fn watch_inputs(
        &mut self,
        around: Surroundings<'_>,
        bench: &mut TrialBench,
        events: &mut Vec<EventDraft>,
    ) -> Option<Change> {
        let switched = self.inputs.look(&self.live, around, bench, events)?;
        let change = self
            .membership
            .change_input(switched.receiver, around.links, around.now_ms);
        if change.is_some() {
            self.show_buffer();
        }
        change
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
        self.judge.found(looked, probing, now_ms);
    }

    /// Keeps the channel joined where it should be; answers what its worker must be told.
    pub(super) fn keep_membership(
        &mut self,
        links: &[Link],
        options: &PlaneOptions,
        now_ms: u64,
        events: &mut Vec<EventDraft>,
    ) -> Option<Change> {
        self.judge.look(&self.live, now_ms);
        let definition = self.live.definition.load();
        self.inputs.follow(&self.live, &definition, now_ms);
        let active = self.inputs.active();
        let (input, link) = target(&definition, active, &options.interfaces, links);
        let change = self
            .membership
            .update(input, link, options.receive_buffer_bytes, now_ms);
        if change.is_some() {
            self.show_buffer();
            return change;
        }
        let up = link.is_some_and(|link| link.up && link.carrier);
        let silence_ms = options.silence_ms();
        let change = if up {
            self.membership
                .rejoin(self.judge.last_datagram_ms(), silence_ms, now_ms)
        } else {
            None
        };
        if matches!(change, Some(Change::Rejoined)) {
            let told = input.zip(link);
            events.extend(told.map(|(input, link)| rejoin_event(&self.live, input, link)));
            return None;
        }
        change
    }

    fn show_buffer(&self) {
        let granted = self.membership.granted_bytes() as u64;
        let shown = &self.live.counters.receive_buffer_bytes;
        shown.store(granted, Relaxed);
    }

    /// Judges the channel and says so when that changes.
    pub(super) fn judge(
        &mut self,
        around: Surroundings<'_>,
        filter: &Filter,
        events: &mut Vec<EventDraft>,
    ) {
        let definition = self.live.definition.load();
        let active = self.inputs.active();
        let (input, link) = target(
            &definition,
            active,
            &around.options.interfaces,
            around.links,
        );
        let Some(input) = input else { return };
        let case = Case {
            definition: &definition,
            input,
            link,
            join_error: self.membership.error(),
            settling: self.inputs.is_settling(around.now_ms),
        };
        self.judge.judge(&self.live, case, around, filter, events);
    }

    /// Judges a rendition by its parent, whose id and status are given.
    pub(super) fn judge_made(
        &mut self,
        parent: Option<(&str, &ChannelStatus)>,
        around: Surroundings<'_>,
        events: &mut Vec<EventDraft>,
    ) {
        self.judge.judge_made(&self.live, parent, around, events);
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
