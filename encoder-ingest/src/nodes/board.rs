//! The board: which renditions are wanted, which nodes live, and who has which job.
//!
//! Pure: everything is told to it with the moment, and what it wants done is read from it. A job
//! stays where it is until there is a cause: its node is silent, drains, refuses or fails, or the
//! job itself is another one. Epochs only rise, also over a restart without state, as they are not
//! below the clock.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use common::api::event::EventDraft;
use common::api::node::{Heartbeat, JobReport, NodeState, Order, ReportedState};
use common::api::profile::ProfileKind;

use super::assignment::{Candidate, Need, Unplaced, assign};
use super::job::{Job, Placement, Wanted};
use super::keep::keep;
use super::leases::{Lease, LeaseRefused, Leases, Moment};
use super::news::{self, Told};
use super::slots::Slots;
use crate::limits::{EPOCH_AHEAD, NODES_SETTLE};

/// All of it.
#[derive(Debug)]
pub struct Board {
    pub(super) leases: Leases,
    pub(super) jobs: BTreeMap<String, Job>,
    orders: BTreeMap<String, Sheet>,
    /// What was told of each node.
    told: BTreeMap<String, Told>,
    epoch: u64,
    revision: u64,
    started_ms: u64,
}

/// The orders of one node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sheet {
    /// Another one whenever the list changed.
    pub revision: u64,
    pub jobs: Vec<Order>,
}

/// Whether an upload is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// By the node of this name.
    Taken {
        node: String,
        instance: String,
    },
    /// This epoch is not, or no longer, in force.
    OtherEpoch,
    NoSuchJob,
}

impl Board {
    #[must_use]
    pub fn new(started: Moment) -> Self {
        Self {
            leases: Leases::default(),
            jobs: BTreeMap::new(),
            orders: BTreeMap::new(),
            told: BTreeMap::new(),
            epoch: 0,
            // Another one than before a restart, so that a node's last revision is never ours.
            revision: started.unix_ms,
            started_ms: started.ms,
        }
    }

    /// There are neither nodes nor jobs, and nothing is left to be told of any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.told.is_empty() && self.leases.iter().next().is_none()
    }

    /// The whole set of renditions that are wanted, by id. What is not in it ends.
    pub fn want(&mut self, wanted: BTreeMap<String, Wanted>, now: Moment) {
        self.jobs.retain(|id, _| wanted.contains_key(id));
        for (id, wanted) in wanted {
            match self.jobs.get_mut(&id) {
                Some(job) => {
                    if !job.wanted.makes_the_same(&wanted) {
                        job.release();
                    }
                    job.wanted = wanted;
                }
                None => {
                    self.jobs.insert(id, Job::new(wanted, now));
                }
            }
        }
    }

    /// A node says how it fares.
    ///
    /// # Errors
    /// Those of [`Leases::heard`].
    pub fn heard(
        &mut self,
        name: &str,
        address: IpAddr,
        heartbeat: Heartbeat,
        now: Moment,
    ) -> Result<(), LeaseRefused> {
        let reports = heartbeat.jobs.clone();
        let free = |leases: &Leases| leases.get(name).map(|lease| lease.free);
        let before = free(&self.leases);
        self.leases.heard(name, address, heartbeat, now)?;
        if before < free(&self.leases) {
            let jobs = self.jobs.values_mut();
            jobs.for_each(|job| job.past.has_room(name));
        }
        for report in reports {
            self.reported(name, report, now);
        }
        Ok(())
    }

    fn reported(&mut self, node: &str, report: JobReport, now: Moment) {
        // Of before a restart, by a clock that stood higher than ours does now.
        let ahead = u64::try_from(EPOCH_AHEAD.as_millis()).unwrap_or(u64::MAX);
        if report.epoch <= now.unix_ms + ahead {
            self.epoch = self.epoch.max(report.epoch);
        }
        let Some(job) = self.jobs.get_mut(&report.id) else {
            return;
        };
        let placed = job
            .placements_mut()
            .find(|one| one.node == node && one.epoch() == report.epoch);
        if let Some(placement) = placed {
            placement.reported = Some(report);
        }
    }

    /// Another number whenever the orders of any node have changed.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.revision
    }

    /// What a job makes; none: it is not wanted.
    #[must_use]
    pub fn kind(&self, id: &str) -> Option<ProfileKind> {
        self.jobs.get(id).map(|job| job.wanted.profile.kind)
    }

    /// Whether output of this epoch is taken.
    #[must_use]
    pub fn admits(&self, id: &str, epoch: u64) -> Admission {
        let Some(job) = self.jobs.get(id) else {
            return Admission::NoSuchJob;
        };
        match job.placements().find(|one| one.epoch() == epoch) {
            Some(placement) => Admission::Taken {
                node: placement.node.clone(),
                instance: placement.instance.clone(),
            },
            None => Admission::OtherEpoch,
        }
    }

    /// Output of this epoch is shown from now on, by this upload: the one before has done its part.
    pub fn flows(&mut self, id: &str, epoch: u64, upload: u64, now: Moment) {
        let Some(job) = self.jobs.get_mut(id) else {
            return;
        };
        if job.next.as_ref().is_some_and(|next| next.epoch() == epoch) {
            job.held = job.next.take();
        }
        let held = job.held.as_mut().filter(|held| held.epoch() == epoch);
        if let Some(held) = held {
            held.flows_since_ms.get_or_insert(now.ms);
            held.upload = upload;
        }
    }

    /// An upload of this epoch has ended; `reset`: not by its sender's will. That of one whose place
    /// another has taken says nothing.
    pub fn upload_ended(&mut self, id: &str, epoch: u64, upload: u64, reset: bool, now: Moment) {
        let Some(job) = self.jobs.get_mut(id) else {
            return;
        };
        let Some(placement) = job.placements_mut().find(|one| one.epoch() == epoch) else {
            return;
        };
        if placement.flows_since_ms.is_some() && placement.upload != upload {
            return;
        }
        placement.flows_since_ms = None;
        placement.waits_since_ms = now.ms;
        let lease = self.leases.get(&placement.node);
        let draining = lease.is_some_and(|lease| lease.heartbeat.draining);
        if reset || draining {
            let (node, instance) = (placement.node.clone(), placement.instance.clone());
            self.leases.suspect(&node, &instance);
        }
    }

    /// The connection of the heartbeat that was heard then ended while its answer was held. When
    /// another has come since, the node only had something new to say.
    pub fn broke_off(&mut self, node: &str, instance: &str, heard: Moment) {
        if self
            .leases
            .get(node)
            .is_some_and(|lease| lease.heard == heard)
        {
            self.leases.suspect(node, instance);
        }
    }

    /// Brings everything in line with what was told; answers what is news.
    pub fn turn(&mut self, now: Moment) -> Vec<EventDraft> {
        for name in self.leases.forget(now.ms) {
            for job in self.jobs.values_mut() {
                job.past.forget(&name);
            }
        }
        let (leases, jobs) = (&self.leases, &mut self.jobs);
        for job in jobs.values_mut() {
            keep(job, leases, now);
        }
        if Duration::from_millis(now.ms.saturating_sub(self.started_ms)) >= NODES_SETTLE {
            self.place(now);
        }
        self.write_sheets();
        let mut events = news::of_nodes(&self.leases, &mut self.told, now);
        events.extend(news::of_jobs(&mut self.jobs, now));
        events
    }

    /// What a node shall run.
    #[must_use]
    pub fn sheet(&self, node: &str) -> Sheet {
        self.orders.get(node).cloned().unwrap_or_default()
    }

    /// Gives every job that needs one a node.
    fn place(&mut self, now: Moment) {
        let mut wants: Vec<(&String, &Job)> = self
            .jobs
            .iter()
            .filter(|(_, job)| self.needs_node(job, now))
            .collect();
        if wants.is_empty() {
            return;
        }
        // Who has waited longest comes first.
        wants.sort_by_key(|(id, job)| (job.since.ms, *id));
        let needs: Vec<Need<'_>> = wants.iter().map(|(id, job)| need(id, job, now)).collect();
        let mut nodes = self.candidates(now);
        let placed = assign(&needs, &mut nodes);
        let placed: Vec<(String, Result<String, Unplaced>)> = needs
            .iter()
            .zip(placed)
            .map(|(need, node)| (need.id.to_owned(), node.map(str::to_owned)))
            .collect();
        for (id, node) in placed {
            self.put(&id, node, now);
        }
    }

    fn needs_node(&self, job: &Job, now: Moment) -> bool {
        if job.wanted.obstacle.is_some() || !job.past.is_over(now) || job.next.is_some() {
            return false;
        }
        let drains = |held: &Placement| {
            let lease = self.leases.get(&held.node);
            lease.is_some_and(|lease| lease.heartbeat.draining)
        };
        job.held.as_ref().is_none_or(drains)
    }

    fn candidates(&self, now: Moment) -> Vec<Candidate<'_>> {
        let able = self.leases.iter().filter(|(_, lease)| {
            lease.state(now.ms) == NodeState::Alive && !lease.heartbeat.draining
        });
        able.map(|(name, lease)| self.candidate(name, lease))
            .collect()
    }

    fn candidate<'a>(&'a self, name: &'a str, lease: &'a Lease) -> Candidate<'a> {
        let live: BTreeSet<&str> = lease.heartbeat.jobs.iter().filter_map(live).collect();
        let mut ours = BTreeSet::new();
        let mut room = lease.free;
        for (id, job) in &self.jobs {
            if job.placements().any(|one| one.node == name) {
                ours.insert(id.as_str());
                if !live.contains(id.as_str()) {
                    room = room - job.wanted.cost;
                }
            }
        }
        let left = live.difference(&ours).filter_map(|id| {
            let job = self.jobs.get(*id)?;
            Some((*id, job.wanted.cost))
        });
        Candidate {
            name,
            encoders: &lease.heartbeat.encoders,
            slots: lease.slots,
            room,
            left: left.collect(),
        }
    }

    fn put(&mut self, id: &str, node: Result<String, Unplaced>, now: Moment) {
        let epoch = (self.epoch + 1).max(now.unix_ms);
        let Some(job) = self.jobs.get_mut(id) else {
            return;
        };
        let node = match node {
            Ok(node) => node,
            Err(unplaced) => {
                job.unplaced = Some(unplaced);
                return;
            }
        };
        let Some(lease) = self.leases.get(&node) else {
            return;
        };
        self.epoch = epoch;
        job.unplaced = None;
        let placement = Placement {
            instance: lease.heartbeat.instance.clone(),
            order: job.wanted.order(id, epoch),
            waits_since_ms: now.ms,
            reported: None,
            flows_since_ms: None,
            upload: 0,
            node,
        };
        if job.held.is_some() {
            job.next = Some(placement);
        } else {
            job.held = Some(placement);
        }
    }

    fn write_sheets(&mut self) {
        let mut lists: BTreeMap<&String, Vec<Order>> = BTreeMap::new();
        for (name, _) in self.leases.iter() {
            lists.insert(name, Vec::new());
        }
        for placement in self.jobs.values().flat_map(Job::placements) {
            if let Some(list) = lists.get_mut(&placement.node) {
                list.push(placement.order.clone());
            }
        }
        self.orders.retain(|name, _| lists.contains_key(name));
        for (name, jobs) in lists {
            let known = self.orders.get(name);
            if known.is_none_or(|sheet| sheet.jobs != jobs) {
                self.revision += 1;
                let sheet = Sheet {
                    revision: self.revision,
                    jobs,
                };
                self.orders.insert(name.clone(), sheet);
            }
        }
    }

    /// Slots of one node that the jobs of this ingest take.
    #[must_use]
    pub fn used(&self, node: &str) -> Slots {
        let here = |job: &&Job| job.placements().any(|one| one.node == node);
        self.jobs
            .values()
            .filter(here)
            .map(|job| job.wanted.cost)
            .sum()
    }
}

/// The job of a report that takes slots.
fn live(report: &JobReport) -> Option<&str> {
    let ended = matches!(report.state, ReportedState::Refused | ReportedState::Failed);
    (!ended).then_some(report.id.as_str())
}

fn need<'a>(id: &'a str, job: &'a Job, now: Moment) -> Need<'a> {
    Need {
        id,
        profile: &job.wanted.profile,
        cost: job.wanted.cost,
        before: job.past.before.as_deref(),
        avoid: job.past.avoid(now),
    }
}

#[cfg(test)]
mod tests;
