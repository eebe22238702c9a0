//! What everything that controls shares: the data plane, the channels, the events, and what a
//! channel looks like when somebody asks.

pub mod acknowledge;
pub mod capture;
pub mod care;
mod counters;
pub mod pin;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use common::api::channel::{Channel, ChannelStatus, InputStatus, Origin, Reason, Received, State};
use common::api::event::{EventDraft, EventKind};
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::{Semaphore, oneshot};

use crate::channels::change::Idle;
use crate::channels::news::Author;
use crate::channels::registry::{Registry, Runner};
use crate::definition::{ChannelDefinition, ChannelId};
use crate::events::Events;
use crate::limits::CAPTURES_MAX;
use crate::live::{InputShown, LiveChannel, LiveViewer, ViewerId};
use crate::nodes::dispatch::Nodes;
use crate::plane::{Looked, Piece, Plane, PlaneOptions, Wanted, WorkerStatus};
use care::Care;
use counters::Baselines;

/// What control sees of the data plane. [`Plane`] is the one; tests have another.
pub trait DataPlane: Runner {
    fn channel(&self, id: &ChannelId) -> Option<Arc<LiveChannel>>;
    /// All that run, in order of their ids.
    fn channels(&self) -> Vec<Arc<LiveChannel>>;
    /// The viewers of one channel, or of all.
    fn viewers(&self, channel: Option<&ChannelId>) -> Vec<Arc<LiveViewer>>;
    /// Disconnects a viewer; false when there is none of that id.
    fn kick(&self, id: ViewerId) -> bool;
    /// Looks for a silent channel's group at once; none when there is no such channel. The sender is
    /// dropped when too many looks are asked for.
    fn look(&self, id: &ChannelId) -> Option<oneshot::Receiver<Looked>>;
    /// Copies a piece of a channel's history into `buffer`; none when there is no such channel.
    fn capture(
        &self,
        id: &ChannelId,
        wanted: Wanted,
        buffer: Vec<u8>,
    ) -> Option<oneshot::Receiver<Option<Piece>>>;
    fn workers(&self) -> Vec<WorkerStatus>;
}

/// What this process is, for `/status`.
#[derive(Debug, Clone)]
pub struct ControlOptions {
    pub node_name: String,
    /// `--max-connections`.
    pub connections_max: usize,
    pub plane: PlaneOptions,
}

/// Control. Shared by all that answer requests.
#[derive(Debug)]
pub struct Control {
    pub plane: Arc<dyn DataPlane>,
    pub registry: Arc<Registry>,
    pub events: Arc<Events>,
    pub nodes: Arc<Nodes>,
    pub options: ControlOptions,
    started: Timestamp,
    begun: Instant,
    baselines: Baselines,
    captures: Arc<Semaphore>,
    care: Option<Arc<Care>>,
}

impl Control {
    #[must_use]
    pub fn new(
        options: ControlOptions,
        plane: Arc<dyn DataPlane>,
        registry: Arc<Registry>,
        events: Arc<Events>,
        nodes: Arc<Nodes>,
    ) -> Self {
        Self {
            plane,
            registry,
            events,
            nodes,
            options,
            started: Timestamp::now(),
            begun: Instant::now(),
            baselines: Baselines::default(),
            captures: Arc::new(Semaphore::new(CAPTURES_MAX)),
            care: None,
        }
    }

    /// Pins and acknowledgements are kept.
    #[must_use]
    pub fn with_care(self, care: Option<Arc<Care>>) -> Self {
        Self { care, ..self }
    }

    /// To be called behind a change of them. Blocks.
    fn keep_care(&self) {
        if let Some(care) = &self.care {
            care.keep();
        }
    }

    /// When the process started (RFC 3339, UTC).
    #[must_use]
    pub fn started(&self) -> String {
        format!("{:.3}", self.started)
    }

    #[must_use]
    pub fn uptime_s(&self) -> u64 {
        self.begun.elapsed().as_secs()
    }

    /// All channels in order of their ids: declared, operators', and those that the ingest itself
    /// has made.
    #[must_use]
    pub fn channels(&self) -> Vec<Channel> {
        let in_force = self.registry.in_force();
        let mut all: BTreeMap<ChannelId, Channel> = BTreeMap::new();
        for live in self.plane.channels() {
            if !in_force.all.contains_key(&live.id) && is_made_here(&live) {
                let shown = self.shown(&live.definition.load(), Some(&live));
                all.insert(live.id.clone(), shown);
            }
        }
        for (id, definition) in &in_force.all {
            let live = self.plane.channel(id);
            all.insert(id.clone(), self.shown(definition, live.as_ref()));
        }
        all.into_values().collect()
    }

    #[must_use]
    pub fn channel(&self, id: &ChannelId) -> Option<Channel> {
        let live = self.plane.channel(id);
        let in_force = self.registry.in_force();
        if let Some(definition) = in_force.all.get(id) {
            return Some(self.shown(definition, live.as_ref()));
        }
        let live = live.filter(|live| is_made_here(live))?;
        Some(self.shown(&live.definition.load(), Some(&live)))
    }

    /// The viewers of a channel; none when there is no such channel.
    #[must_use]
    pub fn viewers(&self, id: &ChannelId) -> Option<Vec<Arc<LiveViewer>>> {
        let known = self.registry.in_force().all.contains_key(id);
        if !known && self.plane.channel(id).is_none() {
            return None;
        }
        Some(self.plane.viewers(Some(id)))
    }

    /// Disconnects a viewer; false when there is none of that id.
    pub fn kick(&self, id: ViewerId, author: &Author) -> bool {
        let viewers = self.plane.viewers(None);
        let viewer = viewers.into_iter().find(|viewer| viewer.id == id);
        let Some(viewer) = viewer.filter(|_| self.plane.kick(id)) else {
            return false;
        };
        let channel = viewer.channel.id.as_str();
        let address = viewer.address.to_string();
        let detail = format!("viewer {address} of channel {channel} was disconnected");
        let event = EventDraft::new(EventKind::ViewerKicked, detail)
            .channel(channel)
            .reason("kicked")
            .difference(json!({"removed": {"viewer": id.0.to_string(), "address": address}}))
            .param("viewer", id.0)
            .param("viewer_address", address);
        self.publish_by(event, author);
        true
    }

    /// Lets the error counters that operators see start again; false when there is no such channel.
    pub fn reset_counters(&self, id: &ChannelId, author: &Author) -> bool {
        let known = self.registry.in_force().all.contains_key(id);
        let live = self.plane.channel(id);
        if !known && live.is_none() {
            return false;
        }
        let before = live.map(|live| {
            let before = self.baselines.since_reset(&live);
            self.baselines.reset(&live);
            before
        });
        let before = before.unwrap_or_default();
        let detail = format!("the error counters of channel {id} start again");
        let event = EventDraft::new(EventKind::CountersReset, detail).channel(id.as_str());
        let event = event.reason("counters_reset");
        self.publish_by(event.difference(before.reset()), author);
        true
    }

    /// An event of a change, with who made it.
    fn publish_by(&self, event: EventDraft, author: &Author) {
        self.events.publish(EventDraft {
            actor: author.actor.clone(),
            address: author.address.clone(),
            ..event
        });
    }

    fn shown(&self, definition: &ChannelDefinition, live: Option<&Arc<LiveChannel>>) -> Channel {
        let idle = self.registry.idle(definition);
        let status = match (idle, live) {
            (None, Some(live)) => self.live_status(live),
            (idle, _) => self.idle_status(idle),
        };
        Channel {
            definition: definition.document(),
            origin: definition.origin,
            status,
        }
    }

    fn live_status(&self, live: &Arc<LiveChannel>) -> ChannelStatus {
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &live.counters;
        let errors = self.baselines.since_reset(live);
        let inputs = live.inputs.load();
        let jitter_us = load(&counters.arrival_jitter_us);
        let constant = counters.rate_is_constant.load(Ordering::Relaxed);
        ChannelStatus {
            bitrate_bps: load(&counters.bitrate_bps),
            viewers: load(&counters.viewers),
            received: Received {
                datagrams: load(&counters.received_datagrams),
                bytes: load(&counters.received_bytes),
            },
            lost: errors.lost,
            repaired: errors.repaired,
            tr101290: errors.tr101290,
            arrival_jitter_us: constant.then_some(jitter_us),
            services: live.services.load().as_ref().clone(),
            active_input: inputs.active,
            pinned_input: inputs.pinned,
            inputs: inputs.conditions.iter().map(input_status).collect(),
            acknowledged: live
                .acknowledged
                .load()
                .as_ref()
                .map(|one| one.shown.clone()),
            ..live.status.load().as_ref().clone()
        }
    }

    /// A channel that does not run has received nothing since the process started.
    fn idle_status(&self, idle: Option<Idle>) -> ChannelStatus {
        let mut params = BTreeMap::new();
        let mut fact = |name: &str, value: &str| params.insert(name.to_owned(), value.to_owned());
        match &idle {
            None => {}
            Some(Idle::Disabled) => {
                fact("idle", "disabled");
            }
            Some(Idle::OtherIngest { ingests, ingest }) => {
                fact("idle", "other_ingest");
                fact("ingests", ingests);
                fact("ingest", ingest);
            }
        }
        let detail = idle.map_or_else(String::new, |idle| idle.to_string());
        ChannelStatus {
            params,
            ..ChannelStatus::new(
                State::Waiting,
                Reason::NeverReceived,
                detail,
                self.started(),
            )
        }
    }
}

fn input_status(input: &InputShown) -> InputStatus {
    InputStatus {
        joined: input.joined,
        condition: input.condition.to_owned(),
    }
}

/// On demand, or a rendition: no business of the registry's.
fn is_made_here(channel: &LiveChannel) -> bool {
    let origin = channel.definition.load().origin;
    matches!(origin, Origin::OnDemand | Origin::Rendition)
}

impl Runner for Plane {
    fn apply(&self, definition: Arc<ChannelDefinition>) {
        Self::apply(self, definition);
    }

    fn remove(&self, id: &ChannelId) {
        Self::remove(self, id);
    }

    fn others(&self) -> usize {
        let all = Self::channels(self);
        all.iter().filter(|channel| is_made_here(channel)).count()
    }
}

impl DataPlane for Plane {
    fn channel(&self, id: &ChannelId) -> Option<Arc<LiveChannel>> {
        Self::channel(self, id)
    }

    fn channels(&self) -> Vec<Arc<LiveChannel>> {
        Self::channels(self)
    }

    fn viewers(&self, channel: Option<&ChannelId>) -> Vec<Arc<LiveViewer>> {
        Self::viewers(self, channel)
    }

    fn kick(&self, id: ViewerId) -> bool {
        Self::kick(self, id)
    }

    fn look(&self, id: &ChannelId) -> Option<oneshot::Receiver<Looked>> {
        Self::look(self, id)
    }

    fn capture(
        &self,
        id: &ChannelId,
        wanted: Wanted,
        buffer: Vec<u8>,
    ) -> Option<oneshot::Receiver<Option<Piece>>> {
        Self::capture(self, id, wanted, buffer)
    }

    fn workers(&self) -> Vec<WorkerStatus> {
        Self::workers(self)
    }
}
