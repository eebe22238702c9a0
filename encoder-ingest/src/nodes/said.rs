//! Why a job is in its state, in one sentence and in facts. Pure.

use std::collections::BTreeMap;

use common::api::node::JobReason;

use super::job::{Failure, Job};
use super::leases::Moment;

/// Why a job is as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Said {
    pub(super) reason: Option<JobReason>,
    pub(super) params: BTreeMap<String, String>,
    pub(super) detail: String,
}

/// Why a job is in its state.
pub(super) fn said(job: &Job, now: Moment) -> Said {
    let reported = job
        .placements()
        .last()
        .and_then(|one| one.reported.as_ref());
    if let Some(report) = reported.filter(|report| report.reason.is_some()) {
        return Said {
            reason: report.reason,
            params: report.params.clone(),
            detail: report.detail.clone(),
        };
    }
    if job.held.is_some() {
        return Said::default();
    }
    if let Some(obstacle) = &job.wanted.obstacle {
        return Said {
            reason: Some(obstacle.reason),
            params: obstacle.params.clone(),
            detail: obstacle.detail.clone(),
        };
    }
    match (&job.past.last, &job.unplaced) {
        (Some(last), _) => after(job, last, now),
        (None, Some(unplaced)) => Said {
            reason: Some(unplaced.reason),
            params: unplaced.params.clone(),
            detail: unplaced.detail.clone(),
        },
        (None, None) => Said {
            reason: Some(JobReason::NoNode),
            params: BTreeMap::new(),
            detail: "it waits for the first look at the processing nodes".to_owned(),
        },
    }
}

/// Its last end on a node, and when it is tried again.
fn after(job: &Job, last: &Failure, now: Moment) -> Said {
    let mut params = last.params.clone();
    params.insert("node".to_owned(), last.node.clone());
    let wait_ms = job.past.wait_ms(now);
    let next = match &job.unplaced {
        _ if wait_ms > 0 => {
            let seconds = wait_ms.div_ceil(1000);
            params.insert("retry_s".to_owned(), seconds.to_string());
            format!("; tried again in {seconds} s")
        }
        Some(unplaced) => format!("; {}", unplaced.detail),
        None => String::new(),
    };
    let what = if last.refused { "refused it" } else { "failed" };
    let detail = match last.detail.as_str() {
        "" => format!("{} {what}{next}", last.node),
        detail => format!("{} {what}: {detail}{next}", last.node),
    };
    Said {
        reason: Some(last.reason),
        params,
        detail,
    }
}
