//! The inputs of a channel with several: the one in use, those that are tried beside it, and the
//! switch from one to another. A channel with one costs nothing here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use common::api::event::{EventDraft, EventKind};
use common::api::tr101290::Indicator;
use common::net::interfaces::Link;
use common::net::receive::MulticastReceiver;

use super::condition::{Condition, Reading, View};
use super::failover::{Cause, Failover};
use super::membership::selectors;
use super::silence::since;
use super::surroundings::Surroundings;
use super::trial::{Trial, TrialBench};
use crate::definition::{ChannelDefinition, InputDefinition};
use crate::limits::TRIAL_RETRY;
use crate::live::{InputShown, InputsShown, LiveChannel};
use crate::nics::resolve;

/// The inputs of one channel.
#[derive(Debug)]
pub(super) struct Inputs {
    failover: Failover,
    /// Of the input in use.
    condition: Condition,
    /// Those that are joined beside it, by their index.
    trials: BTreeMap<usize, Trial>,
    /// When an input could not be joined.
    failed_ms: BTreeMap<usize, u64>,
    /// What the indices are of.
    known: Vec<InputDefinition>,
}

/// Another input is in use now.
#[derive(Debug)]
pub(super) struct Switched {
    /// Its socket, where it had been tried.
    pub(super) receiver: Option<MulticastReceiver>,
}

impl Inputs {
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            failover: Failover::default(),
            condition: Condition::new(now_ms),
            trials: BTreeMap::new(),
            failed_ms: BTreeMap::new(),
            known: Vec::new(),
        }
    }

    /// Index of the input in use.
    pub(super) fn active(&self) -> usize {
        self.failover.active()
    }

    /// Another is in use since so short that nothing can be said of it yet.
    pub(super) fn is_settling(&self, now_ms: u64) -> bool {
        self.failover.is_settling(now_ms)
    }

    /// The sockets of those that are tried, and when datagrams last came.
    pub(super) fn tried(&self) -> impl Iterator<Item = (&MulticastReceiver, Option<u64>)> {
        let trials = self.trials.values();
        trials.map(|trial| (trial.receiver(), trial.condition.last_datagram_ms()))
    }

    /// The definition may have changed: the input in use stays, and so does the one that is held,
    /// wherever they stand now.
    pub(super) fn follow(
        &mut self,
        live: &LiveChannel,
        definition: &ChannelDefinition,
        now_ms: u64,
    ) {
        if self.known == definition.inputs {
            return;
        }
        let place = |index: usize| {
            let known = self.known.get(index)?;
            definition.inputs.iter().position(|input| input == known)
        };
        let now = place(self.active());
        if let Some(pinned) = live.pinned().filter(|_| !self.known.is_empty()) {
            live.pin(place(pinned));
        }
        if now.is_none() {
            self.condition = Condition::new(now_ms);
        }
        self.failover.renumber(now.unwrap_or(0));
        self.trials.clear();
        self.failed_ms.clear();
        self.known.clone_from(&definition.inputs);
    }

    /// Looks at all inputs, and answers when another is in use now.
    pub(super) fn look(
        &mut self,
        live: &LiveChannel,
        around: Surroundings<'_>,
        bench: &mut TrialBench,
        events: &mut Vec<EventDraft>,
    ) -> Option<Switched> {
        if self.known.len() < 2 {
            self.show(live, None, &[]);
            return None;
        }
        let definition = live.definition.load();
        self.look_at_active(live, &definition, around);
        let active = self.condition.view(around.now_ms);
        let pin = live.pinned().filter(|pin| *pin < self.known.len());
        for index in 0..self.known.len() {
            if self.failover.wants(index, active, pin.is_some()) {
                let rejoined = self.try_out(index, &definition, around, bench);
                events.extend(rejoined.map(|link| rejoin_event(live, &self.known[index], link)));
            } else {
                self.trials.remove(&index);
                self.failed_ms.remove(&index);
            }
        }
        let views = self.views(active, around.now_ms);
        let from = self.active();
        let cause = self.failover.decide(&views, pin, around.now_ms);
        self.show(live, pin, &views);
        cause.map(|cause| self.switched(live, from, cause, around.now_ms, events))
    }

    fn look_at_active(
        &mut self,
        live: &LiveChannel,
        definition: &ChannelDefinition,
        around: Surroundings<'_>,
    ) {
        if link(&self.known[self.active()], around).is_none() {
            self.condition.unreachable();
            return;
        }
        let expected = definition.scrambled.is_some();
        self.condition.tell(
            reading(live),
            expected,
            around.options.silence_ms(),
            around.now_ms,
        );
    }

    /// Keeps an input joined beside the one in use, and looks at it. Answers the NIC when the group
    /// was silent and has been joined anew.
    fn try_out<'a>(
        &mut self,
        index: usize,
        definition: &ChannelDefinition,
        around: Surroundings<'a>,
        bench: &mut TrialBench,
    ) -> Option<&'a Link> {
        let (input, now_ms) = (&self.known[index], around.now_ms);
        let (group, link) = (input.url.group, link(input, around));
        let usable = |trial: &Trial| link.is_some_and(|link| trial.is_of(group, link));
        if !self.trials.get(&index).is_some_and(usable) {
            self.trials.remove(&index);
            let failed = self.failed_ms.get(&index);
            if failed.is_some_and(|failed| since(*failed, now_ms) < TRIAL_RETRY) {
                return None;
            }
            let buffer = around.options.receive_buffer_bytes;
            match Trial::open(group, link?, buffer, definition.program, now_ms) {
                Ok(trial) => {
                    self.failed_ms.remove(&index);
                    self.trials.insert(index, trial);
                }
                Err(_) => {
                    self.failed_ms.insert(index, now_ms);
                }
            }
        }
        let trial = self.trials.get_mut(&index)?;
        let (expected, silence_ms) = (definition.scrambled.is_some(), around.options.silence_ms());
        trial.look(bench, expected, silence_ms, now_ms);
        link.filter(|_| trial.rejoin(silence_ms, now_ms))
    }

    fn views(&self, active: View, now_ms: u64) -> Vec<View> {
        let view = |index: usize| match self.trials.get(&index) {
            _ if index == self.active() => active,
            Some(trial) => trial.condition.view(now_ms),
            None => View::default(),
        };
        (0..self.known.len()).map(view).collect()
    }

    fn switched(
        &mut self,
        live: &LiveChannel,
        from: usize,
        cause: Cause,
        now_ms: u64,
        events: &mut Vec<EventDraft>,
    ) -> Switched {
        let to = self.active();
        let trial = self.trials.remove(&to);
        self.condition = Condition::new(now_ms);
        let group = self.known[to].url.group;
        let detail = format!(
            "channel {} uses input {to} ({group}) instead of input {from}: {}",
            live.id,
            cause.as_str()
        );
        let event = EventDraft::new(EventKind::InputSwitched, detail)
            .channel(live.id.as_str())
            .reason(cause.as_str())
            .param("from", from)
            .param("to", to);
        events.push(event.param("group", group));
        live.inputs.rcu(|shown| InputsShown {
            active: to,
            ..(**shown).clone()
        });
        Switched {
            receiver: trial.map(Trial::into_receiver),
        }
    }

    fn show(&self, live: &LiveChannel, pinned: Option<usize>, views: &[View]) {
        let shown = |(index, view): (usize, &View)| InputShown {
            joined: index == self.active() || self.trials.contains_key(&index),
            condition: match view {
                View {
                    fault: Some(fault), ..
                } => fault.as_str(),
                View {
                    well_for: Some(_),
                    lacking: 0,
                    ..
                } => "ok",
                View { .. } => "unknown",
            },
        };
        let shown = InputsShown {
            active: self.active(),
            pinned,
            conditions: views.iter().enumerate().map(shown).collect(),
        };
        if **live.inputs.load() != shown {
            live.inputs.store(Arc::new(shown));
        }
    }
}

/// A silent group has been left and joined again: counted, and told.
pub(super) fn rejoin_event(live: &LiveChannel, input: &InputDefinition, link: &Link) -> EventDraft {
    let count = live.counters.rejoins.fetch_add(1, Relaxed) + 1;
    let detail = "silent: left the group and joined it again";
    EventDraft::new(EventKind::Rejoined, detail)
        .channel(live.id.as_str())
        .reason("silent")
        .param("count", count)
        .param("group", input.url.group)
        .param("interface", &link.name)
}

/// What the worker has counted of the input in use.
fn reading(live: &LiveChannel) -> Reading {
    let load = |counter: &AtomicU64| counter.load(Relaxed);
    let counters = &live.counters;
    let indicator = |indicator: Indicator| load(&counters.tr101290[indicator.index()]);
    Reading {
        datagrams: load(&counters.received_datagrams),
        ts_bytes: load(&counters.ts_bytes),
        missing: load(&counters.lost_network)
            + load(&counters.lost_upstream)
            + load(&counters.lost_unattributed),
        sync_losses: indicator(Indicator::TsSyncLoss),
        absent_pids: indicator(Indicator::PidError),
        lacking: load(&counters.awaited_pids),
        scrambled: load(&counters.scrambled_packets),
        // One that is in use is not left for want of them.
        tables: true,
    }
}

/// The NIC that an input means, if it carries.
fn link<'a>(input: &InputDefinition, around: Surroundings<'a>) -> Option<&'a Link> {
    let link = resolve(selectors(input, &around.options.interfaces), around.links);
    link.filter(|link| link.up && link.carrier)
}
