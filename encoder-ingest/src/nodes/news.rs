//! What is told of nodes and jobs: an event whenever a state changes. Pure.

use std::collections::BTreeMap;

use common::api::event::{EventDraft, EventKind};
use common::api::node::{JobState, NodeState};

use super::job::Job;
use super::leases::{Leases, Moment};
use super::said::said;

/// What was told of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    silent: bool,
    draining: bool,
    instance: String,
}

pub(super) fn of_nodes(
    leases: &Leases,
    told: &mut BTreeMap<String, Told>,
    now: Moment,
) -> Vec<EventDraft> {
    let mut events = Vec::new();
    told.retain(|name, _| leases.get(name).is_some());
    for (name, lease) in leases.iter() {
        let fresh = Told {
            silent: lease.state(now.ms) == NodeState::Silent,
            draining: lease.heartbeat.draining,
            instance: lease.heartbeat.instance.clone(),
        };
        let known = told.insert(name.clone(), fresh.clone());
        if known.as_ref() == Some(&fresh) {
            continue;
        }
        let (reason, detail) = match &known {
            _ if fresh.silent => ("silent", format!("node {name} is silent: its jobs move")),
            _ if fresh.draining => ("draining", format!("node {name} ends: its jobs move")),
            None => ("appeared", format!("node {name} is here")),
            Some(before) if before.instance != fresh.instance => {
                ("restarted", format!("node {name} was started anew"))
            }
            Some(_) => ("returned", format!("node {name} is heard again")),
        };
        let event = EventDraft::new(EventKind::NodeChanged, detail).reason(reason);
        let event = event.param("node", name).param("slots", lease.slots);
        events.push(event.param("address", lease.address));
    }
    events
}

pub(super) fn of_jobs(jobs: &mut BTreeMap<String, Job>, now: Moment) -> Vec<EventDraft> {
    let mut events = Vec::new();
    for (id, job) in jobs {
        let state = job.state();
        let node = job.node().map(str::to_owned);
        let fresh = Some((state, node));
        if job.told == fresh {
            continue;
        }
        // That it waits before the first look at the nodes is no news.
        let news = job.told.is_some() || state != JobState::Pending;
        job.told = fresh;
        job.since = now;
        if news {
            events.push(event(id, job, state, now));
        }
    }
    events
}

fn event(id: &str, job: &Job, state: JobState, now: Moment) -> EventDraft {
    let why = said(job, now);
    let detail = match (job.node(), why.detail.as_str()) {
        (Some(node), "") => format!("job {id} is {} on {node}", state.as_str()),
        (Some(node), detail) => format!("job {id} is {} on {node}: {detail}", state.as_str()),
        (None, "") => format!("job {id} is {}", state.as_str()),
        (None, detail) => format!("job {id} is {}: {detail}", state.as_str()),
    };
    let mut event = EventDraft::new(EventKind::JobChanged, detail)
        .channel(job.wanted.channel.as_str())
        .reason(why.reason.map_or(state.as_str(), |reason| reason.as_str()));
    event.params = why.params;
    if let Some(node) = job.node() {
        event = event.param("node", node);
    }
    event
        .param("job", id)
        .param("profile", &job.wanted.profile.name)
        .param("state", state.as_str())
}
