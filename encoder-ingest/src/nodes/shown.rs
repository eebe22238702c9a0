//! Nodes and jobs as the API shows them. Pure.

use common::api::node::{JobDocument, JobState, NodeDocument, Progress};
use jiff::Timestamp;

use super::board::Board;
use super::job::Job;
use super::leases::{Lease, Moment};
use super::said::said;

impl Board {
    #[must_use]
    pub fn nodes(&self, now: Moment) -> Vec<NodeDocument> {
        let document = |name: &String, lease: &Lease| {
            let here = self.jobs.iter().filter(|(_, job)| {
                let mut placements = job.placements();
                placements.any(|one| one.node == *name)
            });
            NodeDocument {
                name: name.clone(),
                address: lease.address.to_string(),
                version: lease.heartbeat.version.clone(),
                instance: lease.heartbeat.instance.clone(),
                slots: lease.slots.as_f64(),
                free_slots: lease.free.as_f64(),
                encoders: lease.heartbeat.encoders.clone(),
                ffmpeg: lease.heartbeat.ffmpeg.clone(),
                draining: lease.heartbeat.draining,
                state: lease.state(now.ms),
                last_seen: time(lease.heard.unix_ms),
                jobs: here.map(|(id, _)| id.clone()).collect(),
            }
        };
        self.leases
            .iter()
            .map(|(name, lease)| document(name, lease))
            .collect()
    }

    #[must_use]
    pub fn jobs(&self, now: Moment) -> Vec<JobDocument> {
        let jobs = self.jobs.iter();
        jobs.map(|(id, job)| document(id, job, now)).collect()
    }

    /// One job; none: it is not wanted.
    #[must_use]
    pub fn job(&self, id: &str, now: Moment) -> Option<JobDocument> {
        self.jobs.get(id).map(|job| document(id, job, now))
    }

    /// How many jobs are in each state.
    #[must_use]
    pub fn counts(&self) -> Vec<(JobState, usize)> {
        let count = |state| {
            self.jobs
                .values()
                .filter(|job| job.state() == state)
                .count()
        };
        JobState::ALL
            .into_iter()
            .map(|state| (state, count(state)))
            .collect()
    }
}

fn document(id: &str, job: &Job, now: Moment) -> JobDocument {
    let why = said(job, now);
    let placement = job.placements().last();
    let reported = placement.and_then(|one| one.reported.as_ref());
    let progress = match (reported, placement, &job.past.last) {
        (Some(report), _, _) => report.progress.clone(),
        (None, None, Some(last)) => last.progress.clone(),
        _ => Progress::default(),
    };
    JobDocument {
        id: id.to_owned(),
        channel: job.wanted.channel.clone(),
        profile: job.wanted.profile.name.clone(),
        state: job.state(),
        node: job.node().map(str::to_owned),
        epoch: placement.map_or(0, |one| one.order.epoch),
        since: time(job.since.unix_ms),
        reason: why.reason,
        params: why.params,
        detail: why.detail,
        progress,
    }
}

fn time(unix_ms: u64) -> String {
    let ms = i64::try_from(unix_ms).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}
