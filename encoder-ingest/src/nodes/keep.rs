//! What a job keeps at a turn, and what ends for a cause: its node has gone, has failed, or hands it
//! over. Pure.

use std::time::Duration;

use super::job::{Job, Placement};
use super::leases::{Leases, Moment};
use crate::limits::{HANDOVER, OBSTACLE_GRACE};

/// Ends what has a cause to end.
pub(super) fn keep(job: &mut Job, leases: &Leases, now: Moment) {
    match (&job.wanted.obstacle, job.obstacle_since_ms) {
        (None, _) => job.obstacle_since_ms = None,
        (Some(_), None) => job.obstacle_since_ms = Some(now.ms),
        (Some(_), Some(since)) => {
            if Duration::from_millis(now.ms.saturating_sub(since)) >= OBSTACLE_GRACE {
                job.release();
            }
        }
    }
    for slot in [&mut job.held, &mut job.next] {
        let Some(placement) = slot else { continue };
        let failure = placement.failure(now);
        let lost = !leases.holds(&placement.node, &placement.instance, now.ms);
        if lost || failure.is_some() {
            *slot = None;
        }
        // What a node that is gone said last is no failure of the job's.
        if let Some(failure) = failure.filter(|_| !lost) {
            job.past.failed(failure, now);
        }
    }
    hand_over(job, leases, now);
    if let Some(held) = &job.held {
        job.past.before = Some(held.node.clone());
        if let Some(since) = held.flows_since_ms {
            job.past.settled(since, now);
        }
    }
}

/// The old node is given up when it has gone, has sent nothing, or the time for handing over is up.
fn hand_over(job: &mut Job, leases: &Leases, now: Moment) {
    let idle = |held: &Placement| {
        let lease = leases.get(&held.node);
        held.flows_since_ms.is_none() && lease.is_some_and(|lease| lease.heartbeat.draining)
    };
    if job.held.as_ref().is_some_and(idle) {
        job.held = None;
    }
    let Some(next) = &job.next else { return };
    let over = Duration::from_millis(now.ms.saturating_sub(next.waits_since_ms)) >= HANDOVER;
    if job.held.is_none() || over {
        job.held = job.next.take();
    }
}
