//! One job: what is wanted, who has it, and what went wrong with it before.
//!
//! Pure: `now` is given.

use std::collections::BTreeMap;
use std::time::Duration;

use common::api::node::{JobReason, JobReport, JobState, Order, Progress, ReportedState};
use common::api::profile::Profile;

use super::assignment::Unplaced;
use super::leases::Moment;
use super::slots::Slots;
use crate::limits::{
    JOB_ATTEMPTS_PER_NODE, JOB_BACKOFF_FIRST, JOB_BACKOFF_MAX, JOB_ORDER_WAIT, JOB_OUTPUT_WAIT,
    JOB_SETTLED,
};

/// A rendition that is wanted, and what is known of its parent.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The parent.
    pub channel: String,
    pub profile: Profile,
    pub cost: Slots,
    pub program: Option<u16>,
    pub interlaced: Option<bool>,
    pub has_video: Option<bool>,
    pub has_audio: Option<bool>,
    /// Why no node could make it at this time.
    pub obstacle: Option<Unplaced>,
}

/// A job that a node has, or shall have.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    pub node: String,
    pub instance: String,
    pub order: Order,
    /// Since when its output is waited for.
    pub waits_since_ms: u64,
    /// The node has said something of it.
    pub reported: Option<JobReport>,
    /// Since when its output comes.
    pub flows_since_ms: Option<u64>,
    /// The upload that brings it: one of several, where the connection broke.
    pub upload: u64,
}

/// A job and its past.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    pub wanted: Wanted,
    /// Whose output is taken.
    pub held: Option<Placement>,
    /// Who takes over with its first random access point.
    pub next: Option<Placement>,
    pub past: Past,
    /// Why it has no node; what the last assignment said.
    pub unplaced: Option<Unplaced>,
    /// Since when its parent, or something else, has been in the way.
    pub obstacle_since_ms: Option<u64>,
    /// Since when it is shown as it is.
    pub since: Moment,
    /// As it was told last.
    pub told: Option<(JobState, Option<String>)>,
}

/// What went wrong with a job before.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Past {
    failures: u32,
    not_before_ms: u64,
    /// Nodes that refused it or failed at it, as long as that counts.
    nodes: BTreeMap<String, Tries>,
    pub last: Option<Failure>,
    /// Where it ran last.
    pub before: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Tries {
    count: u32,
    until_ms: u64,
    /// The last of them was a refusal.
    refused: bool,
}

/// How a job ended on a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    pub node: String,
    pub refused: bool,
    pub reason: JobReason,
    pub params: BTreeMap<String, String>,
    pub detail: String,
    pub progress: Progress,
}

impl Wanted {
    /// Its result would be the same: what runs for it may go on.
    #[must_use]
    pub fn makes_the_same(&self, other: &Self) -> bool {
        let key = |one: &Self| (one.profile.clone(), one.cost, one.program);
        key(self) == key(other)
    }

    #[must_use]
    pub fn order(&self, id: &str, epoch: u64) -> Order {
        Order {
            id: id.to_owned(),
            epoch,
            channel: self.channel.clone(),
            profile: self.profile.clone(),
            cost: self.cost.as_f64(),
            program: self.program,
            interlaced: self.interlaced,
            has_video: self.has_video,
            has_audio: self.has_audio,
        }
    }
}

impl Placement {
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.order.epoch
    }

    /// What the node said, where it says that the job ended there.
    #[must_use]
    pub fn failure(&self, now: Moment) -> Option<Failure> {
        let report = self.reported.as_ref();
        let ended = report.filter(|report| {
            matches!(report.state, ReportedState::Refused | ReportedState::Failed)
        });
        if let Some(report) = ended {
            let refused = report.state == ReportedState::Refused;
            let usual = if refused {
                JobReason::NoSlots
            } else {
                JobReason::FfmpegFailed
            };
            return Some(Failure {
                node: self.node.clone(),
                refused,
                reason: report.reason.unwrap_or(usual),
                params: report.params.clone(),
                detail: report.detail.clone(),
                progress: report.progress.clone(),
            });
        }
        let waited = Duration::from_millis(now.ms.saturating_sub(self.waits_since_ms));
        let (limit, detail) = match report {
            None => (JOB_ORDER_WAIT, "the node says nothing of it"),
            Some(_) => (JOB_OUTPUT_WAIT, "the node sends nothing of it"),
        };
        let overdue = self.flows_since_ms.is_none() && waited >= limit;
        overdue.then(|| Failure {
            node: self.node.clone(),
            refused: false,
            reason: JobReason::Stalled,
            params: BTreeMap::from([("seconds".to_owned(), limit.as_secs().to_string())]),
            detail: format!("{detail} for {} s", limit.as_secs()),
            progress: report.map(|one| one.progress.clone()).unwrap_or_default(),
        })
    }
}

impl Job {
    #[must_use]
    pub fn new(wanted: Wanted, now: Moment) -> Self {
        Self {
            wanted,
            held: None,
            next: None,
            past: Past::default(),
            unplaced: None,
            obstacle_since_ms: None,
            since: now,
            told: None,
        }
    }

    /// Both, the one in force first.
    pub fn placements(&self) -> impl Iterator<Item = &Placement> {
        self.held.iter().chain(&self.next)
    }

    pub fn placements_mut(&mut self) -> impl Iterator<Item = &mut Placement> {
        self.held.iter_mut().chain(&mut self.next)
    }

    /// Ends what runs for it.
    pub fn release(&mut self) {
        self.next = None;
        if let Some(held) = self.held.take() {
            self.past.before = Some(held.node);
        }
    }

    #[must_use]
    pub fn state(&self) -> JobState {
        match (&self.held, &self.next) {
            (Some(_), Some(_)) => JobState::Handover,
            (Some(held), None) if held.flows_since_ms.is_some() => JobState::Running,
            (Some(_), None) | (None, Some(_)) => JobState::Starting,
            (None, None) if self.wanted.obstacle.is_some() => JobState::Pending,
            (None, None) => match &self.past.last {
                Some(last) if !last.refused => JobState::Failed,
                _ => JobState::Pending,
            },
        }
    }

    /// The node that has it, or shall have it.
    #[must_use]
    pub fn node(&self) -> Option<&str> {
        self.placements().last().map(|one| one.node.as_str())
    }
}

impl Past {
    /// Takes note of a failure; when it is tried again depends on how many there were.
    pub fn failed(&mut self, failure: Failure, now: Moment) {
        let tries = self.nodes.entry(failure.node.clone()).or_default();
        tries.count += 1;
        tries.refused = failure.refused;
        if failure.refused {
            // Another node may have it at once.
            tries.until_ms = now.ms + backoff_ms(tries.count);
        } else {
            self.failures += 1;
            self.not_before_ms = now.ms + backoff_ms(self.failures);
            if tries.count >= JOB_ATTEMPTS_PER_NODE {
                tries.until_ms = self.not_before_ms.max(now.ms + millis(JOB_BACKOFF_MAX));
            }
            self.before = Some(failure.node.clone());
        }
        self.last = Some(failure);
    }

    /// It has run long enough: what was before does not count any more.
    pub fn settled(&mut self, flows_since_ms: u64, now: Moment) {
        let long = Duration::from_millis(now.ms.saturating_sub(flows_since_ms)) >= JOB_SETTLED;
        if long && self.last.is_some() {
            *self = Self {
                before: self.before.take(),
                ..Self::default()
            };
        }
    }

    /// It may be tried again.
    #[must_use]
    pub fn is_over(&self, now: Moment) -> bool {
        now.ms >= self.not_before_ms
    }

    /// When it is tried again, from now on.
    #[must_use]
    pub fn wait_ms(&self, now: Moment) -> u64 {
        self.not_before_ms.saturating_sub(now.ms)
    }

    /// Nodes that it must not go to now.
    #[must_use]
    pub fn avoid(&self, now: Moment) -> Vec<&str> {
        let held_against = self
            .nodes
            .iter()
            .filter(|(_, tries)| tries.until_ms > now.ms);
        held_against.map(|(name, _)| name.as_str()).collect()
    }

    /// The node has more room than before: that it refused says nothing any more.
    pub fn has_room(&mut self, node: &str) {
        if let Some(tries) = self.nodes.get_mut(node).filter(|tries| tries.refused) {
            tries.until_ms = 0;
        }
    }

    /// A node is known no more.
    pub fn forget(&mut self, node: &str) {
        self.nodes.remove(node);
    }
}

/// Twice as long each time, up to a bound.
fn backoff_ms(count: u32) -> u64 {
    let doubled = count.saturating_sub(1).min(16);
    millis((JOB_BACKOFF_FIRST * (1 << doubled)).min(JOB_BACKOFF_MAX))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment { ms, unix_ms: ms }
    }

    fn failure(node: &str, refused: bool) -> Failure {
        Failure {
            node: node.to_owned(),
            refused,
            reason: JobReason::FfmpegFailed,
            params: BTreeMap::new(),
            detail: String::new(),
            progress: Progress::default(),
        }
    }

    #[test]
    fn a_failure_is_tried_again_later_and_later_and_then_elsewhere() {
        let mut past = Past::default();
        past.failed(failure("a", false), at(0));
        assert_eq!(past.wait_ms(at(0)), 1000);
        assert!(past.avoid(at(0)).is_empty(), "once more on the same node");
        past.failed(failure("a", false), at(1000));
        assert_eq!(past.wait_ms(at(1000)), 2000);
        assert_eq!(past.avoid(at(3000)), ["a"]);
        for _ in 0..20 {
            past.failed(failure("b", false), at(5000));
        }
        assert_eq!(past.wait_ms(at(5000)), millis(JOB_BACKOFF_MAX));
        assert!(past.is_over(at(5000 + millis(JOB_BACKOFF_MAX))));
        let settled = 10_000 + millis(JOB_SETTLED);
        past.settled(10_000, at(settled - 1));
        assert!(past.last.is_some());
        past.settled(10_000, at(settled));
        assert_eq!((past.last, past.before.as_deref()), (None, Some("b")));
    }

    #[test]
    fn a_refusal_costs_no_time_elsewhere() {
        let mut past = Past::default();
        past.failed(failure("a", true), at(0));
        assert!(past.is_over(at(0)));
        assert_eq!(past.avoid(at(999)), ["a"]);
        assert!(past.avoid(at(1000)).is_empty());
        past.failed(failure("a", true), at(1000));
        assert_eq!(past.avoid(at(2999)), ["a"]);
        past.has_room("a");
        assert!(past.avoid(at(2999)).is_empty(), "it has room again");
        past.failed(failure("a", false), at(3000));
        past.has_room("a");
        assert_eq!(past.avoid(at(6000)), ["a"], "room mends no failure");
        past.forget("a");
        assert!(past.avoid(at(6000)).is_empty());
    }
}
