//! A channel as its worker runs it: input, history, viewers, and one turn of all three.

mod audience;
pub mod capture;
mod fed;
mod publish;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use common::api::channel::SlowViewer;
use common::net::receive::MulticastReceiver;

use super::block::BlockPool;
use super::ingress::{IngressCounts, Out};
use super::input::{Drained, Input};
use super::pace::Pace;
use super::receive::ReceiveTools;
use super::recorder::Recorder;
use super::upload::Upload;
use super::viewer::{Pumped, View, Viewer};
use crate::live::{LiveChannel, ViewerEnd};

/// Names a channel to its worker; never used again when the channel is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelKey(pub u64);

/// What a channel's worker must know of the definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelPlan {
    pub slow_viewer: SlowViewer,
    pub program: Option<u16>,
}

/// Times that are the same for all channels; and that they are analysed, but for a benchmark.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    pub latency: Duration,
    pub history: Duration,
    pub silence: Duration,
    pub viewer_idle: Duration,
    pub analysed: bool,
}

/// The moment of a turn, read once.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Nanoseconds of the process's clock.
    pub ns: u64,
    pub ms: u64,
}

/// A viewer that has ended, with its cause.
pub type Ended = (Viewer, ViewerEnd);

/// Buffers of the worker that a turn works with, and where ended viewers go.
#[derive(Debug)]
pub struct Bench<'a> {
    pub tools: &'a mut ReceiveTools,
    pub pool: &'a mut BlockPool,
    pub ended: &'a mut Vec<Ended>,
}

/// A channel that runs on a worker.
#[derive(Debug)]
pub struct Channel {
    key: ChannelKey,
    live: Arc<LiveChannel>,
    plan: ChannelPlan,
    timing: Timing,
    input: Option<Input>,
    /// What a processing node sends, instead of an input.
    upload: Option<Upload>,
    recorder: Recorder,
    /// In the order of their ids.
    viewers: Vec<Viewer>,
    pace: Pace,
    /// Of inputs that have been replaced.
    earlier: IngressCounts,
    received_datagrams: u64,
    received_bytes: u64,
    /// Of viewers that have gone.
    sent_bytes_gone: u64,
    skipped_bytes_gone: u64,
    last_data_ms: Option<u64>,
    services_ms: u64,
    /// A viewer could take more than its turn allowed.
    behind: bool,
}

impl Channel {
    #[must_use]
    pub fn new(
        key: ChannelKey,
        live: Arc<LiveChannel>,
        plan: ChannelPlan,
        timing: Timing,
        now: Now,
    ) -> Self {
        let pace = Pace::new(nanos(timing.latency), 0, now.ns);
        Self {
            key,
            live,
            plan,
            timing,
            input: None,
            upload: None,
            recorder: Recorder::new(plan.program).analysed(timing.analysed),
            viewers: Vec::new(),
            pace,
            earlier: IngressCounts::default(),
            received_datagrams: 0,
            received_bytes: 0,
            sent_bytes_gone: 0,
            skipped_bytes_gone: 0,
            last_data_ms: None,
            services_ms: now.ms,
            behind: false,
        }
    }

    #[must_use]
    pub fn key(&self) -> ChannelKey {
        self.key
    }

    #[must_use]
    pub fn live(&self) -> &Arc<LiveChannel> {
        &self.live
    }

    #[must_use]
    pub fn input(&self) -> Option<&Input> {
        self.input.as_ref()
    }

    #[must_use]
    pub fn viewers(&self) -> &[Viewer] {
        &self.viewers
    }

    /// When the next turn is due, on the worker's clock.
    #[must_use]
    pub fn due_ns(&self, now: Now) -> u64 {
        if self.behind || self.upload.as_ref().is_some_and(Upload::waits) {
            return now.ns;
        }
        if self.input.is_none() {
            return u64::MAX;
        }
        let held = self
            .input
            .as_ref()
            .and_then(Input::deadline_ms)
            .unwrap_or(u64::MAX);
        self.pace.due_ns().min(held.saturating_mul(1_000_000))
    }

    /// It may have its turn together with others that are due now.
    #[must_use]
    pub fn due_soon(&self, now: Now) -> bool {
        self.due_ns(now) <= now.ns
            || (self.input.is_some() && !self.pace.idle() && self.pace.soon_ns() <= now.ns)
    }

    /// Nothing comes: the socket is to wake the worker.
    #[must_use]
    pub fn idle(&self) -> bool {
        self.pace.idle()
    }

    pub fn wake(&mut self, now: Now) {
        self.pace.wake(now.ns);
    }

    pub fn set_plan(&mut self, plan: ChannelPlan) {
        if plan.program != self.plan.program {
            self.recorder.signal_mut().choose(plan.program);
        }
        self.plan = plan;
    }

    /// Receives from another socket; `same_stream`: of the same group, so that viewers just go on.
    /// Answers the old one.
    pub fn set_receiver(
        &mut self,
        receiver: Option<MulticastReceiver>,
        same_stream: bool,
        now: Now,
    ) -> Option<MulticastReceiver> {
        let buffer_bytes = receiver
            .as_ref()
            .map_or(0, MulticastReceiver::granted_bytes);
        self.pace = Pace::new(nanos(self.timing.latency), buffer_bytes, now.ns);
        let Some(old) = self.input.take() else {
            self.input = receiver.map(Input::new);
            return None;
        };
        match receiver {
            Some(receiver) if same_stream => {
                let (input, old) = old.with_receiver(receiver);
                self.input = Some(input);
                self.recorder.gap();
                Some(old)
            }
            receiver => {
                self.earlier = self.earlier + old.counts();
                self.input = receiver.map(Input::new);
                let place = self.recorder.cut(self.plan.program);
                self.viewers
                    .iter_mut()
                    .for_each(|viewer| viewer.cut(place, now.ms));
                Some(old.into_receiver())
            }
        }
    }

    /// One turn: receive, send, forget what is too old. Answers what came.
    pub fn turn(&mut self, now: Now, bench: &mut Bench<'_>) -> Drained {
        let mut drained = Drained::default();
        let mut complete_ms = Some(now.ms);
        let head = self.recorder.history().head();
        if let Some(input) = &mut self.input {
            let ticks = self.recorder.signal().stream_ticks();
            let mut out = Out {
                recorder: &mut self.recorder,
                pool: bench.pool,
                now_ms: now.ms,
            };
            drained = input.drain(bench.tools, &mut out);
            complete_ms = input.complete_ms(now.ms, drained.more);
            self.pace
                .turned(now.ns, drained.bytes, drained.datagrams, drained.more);
            self.received_datagrams += drained.datagrams;
            self.received_bytes += drained.bytes;
            if self.recorder.history().head() > head {
                self.last_data_ms = Some(now.ms);
                let signal = self.recorder.signal_mut();
                signal.arrived(ticks, drained.first_stamp_ns);
            }
        }
        self.take_upload(now, bench);
        if let Some(complete_ms) = complete_ms
            && self.recorder.history().head() > head
        {
            self.recorder.check(complete_ms);
        }
        self.pump(now, bench);
        self.forget(now, bench);
        self.publish();
        drained
    }

    /// Timers, a few times a second.
    pub fn housekeep(&mut self, now: Now, bench: &mut Bench<'_>) {
        if let Some(input) = &mut self.input {
            input.check_drops();
        }
        if self.last_data_ms.is_some() && !self.flowing(now) {
            self.recorder.stopped();
        }
        let (flowing, idle) = (self.flowing(now), self.timing.viewer_idle);
        for index in (0..self.viewers.len()).rev() {
            let view = View {
                history: self.recorder.history(),
                flowing,
                now_ms: now.ms,
            };
            if let Some(end) = self.viewers[index].overdue(view, idle) {
                self.end(index, end, bench);
            }
        }
        self.pump(now, bench);
        self.forget(now, bench);
        self.describe(now);
        self.publish();
    }

    /// Sends what the history still holds, for the last time. Answers whether all have it.
    pub fn drain(&mut self, now: Now, bench: &mut Bench<'_>) -> bool {
        self.pump(now, bench);
        for index in (0..self.viewers.len()).rev() {
            if self.viewers[index].caught_up(self.recorder.history()) {
                self.end(index, ViewerEnd::Shutdown, bench);
            }
        }
        self.viewers.is_empty()
    }

    /// Ends all viewers and gives everything back.
    pub fn dismantle(mut self, end: ViewerEnd, bench: &mut Bench<'_>) -> Option<MulticastReceiver> {
        while !self.viewers.is_empty() {
            self.end(self.viewers.len() - 1, end, bench);
        }
        self.recorder.clear(bench.pool);
        self.publish();
        self.input.map(Input::into_receiver)
    }

    fn flowing(&self, now: Now) -> bool {
        let silence = u64::try_from(self.timing.silence.as_millis()).unwrap_or(u64::MAX);
        self.last_data_ms
            .is_some_and(|last| now.ms.saturating_sub(last) < silence)
    }

    fn pump(&mut self, now: Now, bench: &mut Bench<'_>) {
        let view = View {
            history: self.recorder.history(),
            flowing: self.flowing(now),
            now_ms: now.ms,
        };
        self.behind = false;
        let mut ended: Option<Vec<(usize, ViewerEnd)>> = None;
        for (index, viewer) in self.viewers.iter_mut().enumerate() {
            match viewer.pump(view) {
                Pumped::Done => {}
                Pumped::More => self.behind = true,
                Pumped::Ended(end) => ended.get_or_insert_default().push((index, end)),
            }
        }
        for (index, end) in ended.into_iter().flatten().rev() {
            self.end(index, end, bench);
        }
    }

    /// Gives the oldest blocks back; viewers that still needed them have lagged.
    fn forget(&mut self, now: Now, bench: &mut Bench<'_>) {
        let history_ms = u64::try_from(self.timing.history.as_millis()).unwrap_or(u64::MAX);
        let bytes_max = usize::try_from(self.live.counters.history_bytes_max.load(Relaxed))
            .unwrap_or(usize::MAX);
        while let Some(end) = self
            .recorder
            .history()
            .overdue(bench.pool, history_ms, bytes_max)
        {
            for index in (0..self.viewers.len()).rev() {
                let (viewer, policy) = (&mut self.viewers[index], self.plan.slow_viewer);
                if let Some(end) = viewer.overtaken(end, policy, self.recorder.history(), now.ms) {
                    self.end(index, end, bench);
                }
            }
            self.recorder.evict_oldest(bench.pool);
        }
    }

    fn end(&mut self, index: usize, end: ViewerEnd, bench: &mut Bench<'_>) {
        let mut viewer = self.viewers.remove(index);
        viewer.finish_packet(self.recorder.history());
        self.sent_bytes_gone += viewer.sent_bytes();
        self.skipped_bytes_gone += viewer.skipped_bytes();
        bench.ended.push((viewer, end));
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
