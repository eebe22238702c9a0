//! The dispatcher: it keeps the board, answers heartbeats, takes what nodes send back, and makes
//! channels of it.
//!
//! The board is pure; here are its clock, its lock and those who wait for it to change. What is
//! wanted is compared with what is a few times a second, so that nothing is ever missed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use common::api::node::{Heartbeat, JobDocument, JobState, NodeDocument, NodeState, Orders};
use common::api::profile::ProfileKind;
use common::shutdown::Shutdown;
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until};

use super::assignment::Unplaced;
use super::board::{Admission, Board};
use super::job::Wanted;
use super::leases::{LeaseRefused, Moment};
use super::outputs::{Output, Outputs};
use super::pictures::Pictures;
use super::renditions::{self, Parent};
use crate::channels::registry::Registry;
use crate::definition::ChannelId;
use crate::events::Events;
use crate::limits::{HEARTBEAT_HOLD, NODES_TURN, WANTED_INTERVAL};
use crate::live::Making;
use crate::plane::Plane;

/// All that has to do with nodes. Shared by all that answer requests.
#[derive(Debug)]
pub struct Nodes {
    board: Mutex<Board>,
    /// Told whenever someone's orders have changed.
    changes: watch::Sender<u64>,
    pub pictures: Pictures,
    outputs: Outputs,
    registry: Arc<Registry>,
    /// None: nothing runs, and nobody is asked for renditions.
    plane: Option<Plane>,
    events: Arc<Events>,
    ingest: String,
    begun: Instant,
}

/// A heartbeat whose answer is held. Dropped before that was given, its connection has ended.
#[derive(Debug)]
struct Held<'a> {
    nodes: &'a Nodes,
    node: &'a str,
    instance: &'a str,
    heard: Moment,
    answered: bool,
}

impl Nodes {
    #[must_use]
    pub fn new(
        ingest: String,
        registry: Arc<Registry>,
        plane: Option<Plane>,
        events: Arc<Events>,
    ) -> Self {
        let begun = Instant::now();
        Self {
            board: Mutex::new(Board::new(moment(begun))),
            changes: watch::Sender::default(),
            pictures: Pictures::default(),
            outputs: Outputs::default(),
            registry,
            plane,
            events,
            ingest,
            begun,
        }
    }

    /// Looks at nodes and jobs until the process stops.
    pub async fn follow(self: Arc<Self>, mut shutdown: Shutdown) {
        let mut compared: Option<Instant> = None;
        loop {
            if compared.is_none_or(|at| at.elapsed() >= WANTED_INTERVAL) {
                compared = Some(Instant::now());
                self.compare();
            }
            self.turn();
            // Most ingests have neither nodes nor jobs: then there is nothing to look at but what
            // is wanted. What a node says has its turn at once.
            let wait = if self.board().is_empty() {
                WANTED_INTERVAL
            } else {
                NODES_TURN
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = shutdown.requested() => return,
            }
        }
    }

    /// A node says how it fares: its orders, at once when they are others than it has.
    ///
    /// # Errors
    /// When another instance of that name lives, or there are too many nodes.
    pub async fn heartbeat(
        &self,
        node: &str,
        address: IpAddr,
        heartbeat: Heartbeat,
    ) -> Result<Orders, LeaseRefused> {
        let (revision, instance) = (heartbeat.revision, heartbeat.instance.clone());
        let mut changes = self.changes.subscribe();
        let heard = self.moment();
        self.board().heard(node, address, heartbeat, heard)?;
        self.turn();
        let mut held = Held {
            nodes: self,
            node,
            instance: &instance,
            heard,
            answered: false,
        };
        let end = tokio::time::Instant::now() + HEARTBEAT_HOLD;
        while self.board().sheet(node).revision == revision {
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { break },
                () = sleep_until(end) => break,
            }
        }
        held.answered = true;
        let sheet = self.board().sheet(node);
        Ok(Orders {
            ingest: self.ingest.clone(),
            revision: sheet.revision,
            jobs: sheet.jobs,
        })
    }

    /// Whether output of this epoch is taken.
    #[must_use]
    pub fn admits(&self, job: &str, epoch: u64) -> Admission {
        self.board().admits(job, epoch)
    }

    /// What the job makes; none: it is not wanted.
    #[must_use]
    pub fn kind(&self, job: &str) -> Option<ProfileKind> {
        self.board().kind(job)
    }

    /// Where uploads of this job go.
    #[must_use]
    pub fn output(&self, job: &str) -> Option<Arc<Output>> {
        self.outputs.get(job)
    }

    /// Output of this epoch is shown from now on, by this upload.
    pub fn flows(&self, job: &str, epoch: u64, upload: u64) {
        self.board().flows(job, epoch, upload, self.moment());
        self.turn();
    }

    /// An upload has ended; `reset`: not by its sender's will.
    pub fn upload_ended(&self, job: &str, epoch: u64, upload: u64, reset: bool) {
        let now = self.moment();
        self.board().upload_ended(job, epoch, upload, reset, now);
        self.turn();
    }

    /// Told whenever an epoch may be in force no more.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Milliseconds of a clock that never goes back.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.moment().ms
    }

    #[must_use]
    pub fn nodes(&self) -> Vec<NodeDocument> {
        self.board().nodes(self.moment())
    }

    #[must_use]
    pub fn jobs(&self) -> Vec<JobDocument> {
        self.board().jobs(self.moment())
    }

    #[must_use]
    pub fn job(&self, id: &str) -> Option<JobDocument> {
        self.board().job(id, self.moment())
    }

    /// Nodes that are not silent, and the jobs by their states.
    #[must_use]
    pub fn counts(&self) -> (usize, Vec<(JobState, usize)>) {
        let board = self.board();
        let nodes = board.nodes(self.moment());
        let alive = nodes.iter().filter(|node| node.state != NodeState::Silent);
        (alive.count(), board.counts())
    }

    /// Brings everything in line, and tells what is news.
    fn turn(&self) {
        let (events, newest) = {
            let mut board = self.board();
            let events = board.turn(self.moment());
            (events, board.newest())
        };
        self.changes.send_if_modified(|known| {
            let changed = *known != newest;
            *known = newest;
            changed
        });
        if let Some(plane) = self.plane.as_ref().filter(|_| !events.is_empty()) {
            self.show(plane);
        }
        for event in events {
            let event = self.events.publish(event);
            tracing::info!(id = event.id, "{}", event.detail);
        }
    }

    /// Compares what is wanted with what is there.
    fn compare(&self) {
        let Some(plane) = &self.plane else { return };
        let in_force = self.registry.in_force();
        let mut wanted = BTreeMap::new();
        for definition in in_force.all.values() {
            let Some(live) = plane.channel(&definition.id) else {
                continue;
            };
            let parent = Parent {
                definition: Arc::clone(definition),
                status: live.status.load_full(),
                services: live.services.load_full(),
            };
            for (id, mut one) in renditions::of(&parent, &in_force.profiles) {
                let picture = one.profile.kind == ProfileKind::Snapshot;
                if !picture && !self.make_channel(plane, &parent, &one) {
                    one.obstacle.get_or_insert_with(|| self.no_room());
                }
                wanted.insert(id, one);
            }
        }
        self.end_others(plane, &wanted);
        self.pictures.keep(|job| wanted.contains_key(job));
        self.board().want(wanted, self.moment());
        self.show(plane);
    }

    /// The rendition runs as a channel; false: there is no room for one more.
    fn make_channel(&self, plane: &Plane, parent: &Parent, wanted: &Wanted) -> bool {
        let definition = renditions::definition(&parent.definition, &wanted.profile.name);
        let id = definition.id.clone();
        match plane.channel(&id) {
            Some(live) if self.outputs.has(id.as_str()) => {
                if **live.definition.load() != definition {
                    plane.apply(Arc::new(definition));
                }
                return true;
            }
            _ if !self.registry.has_room() => return false,
            _ => {}
        }
        plane.apply(Arc::new(definition));
        if let Some(feed) = plane.feed(&id) {
            self.outputs.add(id.as_str(), feed);
        }
        true
    }

    /// Renditions that are not wanted any more end, with their viewers.
    fn end_others(&self, plane: &Plane, wanted: &BTreeMap<String, Wanted>) {
        let gone: BTreeSet<ChannelId> = plane
            .channels()
            .iter()
            .filter(|live| live.definition.load().parent().is_some())
            .map(|live| live.id.clone())
            .filter(|id| !wanted.contains_key(id.as_str()))
            .collect();
        for id in gone {
            self.outputs.remove(id.as_str());
            plane.remove(&id);
        }
    }

    /// Lets each rendition say how its making fares.
    fn show(&self, plane: &Plane) {
        for job in self.jobs() {
            let Some(live) = plane.channel(&ChannelId::made(job.id)) else {
                continue;
            };
            let mut params = job.params;
            params.insert("job_state".to_owned(), job.state.as_str().to_owned());
            params.extend(job.node.map(|node| ("node".to_owned(), node)));
            let reason = job.reason.map(|reason| reason.as_str().to_owned());
            params.extend(reason.map(|reason| ("job_reason".to_owned(), reason)));
            let making = Making {
                params,
                detail: job.detail,
            };
            if **live.making.load() != making {
                live.making.store(Arc::new(making));
            }
        }
    }

    fn no_room(&self) -> Unplaced {
        let max = self.registry.channels_max();
        Unplaced {
            reason: common::api::node::JobReason::MaxChannels,
            params: BTreeMap::from([("max".to_owned(), max.to_string())]),
            detail: format!("{max} channels run, as many as --max-channels allows"),
        }
    }

    fn moment(&self) -> Moment {
        moment(self.begun)
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        // A panic between two statements leaves a board that the next turn puts right.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if !self.answered {
            let mut board = self.nodes.board();
            board.broke_off(self.node, self.instance, self.heard);
        }
    }
}

fn moment(begun: Instant) -> Moment {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Moment {
        ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        unix_ms: unix.map_or(0, |unix| u64::try_from(unix.as_millis()).unwrap_or(0)),
    }
}
