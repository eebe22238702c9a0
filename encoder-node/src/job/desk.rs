//! All jobs of the node, as a state machine.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::api::node::{JobReason, Order, ReportedState};

use super::pause::pause;
use super::terms::{Action, JobKey, JobView, RunEnd, RunEvent, RunId, Start, Why};
use crate::ffmpeg::recipe::Attempt;
use crate::limits::{ATTEMPTS_MAX, JOBS_MAX, PARENT_PAUSE, RETRY_PAUSE, STEADY_AFTER};

/// Slots are told in hundredths; sums of them are not exact.
const SLOTS_SLACK: f64 = 1e-6;

/// All jobs of the node.
#[derive(Debug)]
pub struct Desk {
    slots: f64,
    encoders: Vec<String>,
    draining: bool,
    runs: RunId,
    jobs: BTreeMap<JobKey, Job>,
    actions: Vec<Action>,
}

#[derive(Debug)]
struct Job {
    order: Order,
    address: SocketAddr,
    phase: Phase,
    why: Option<Why>,
    /// Attempts in a row that failed.
    failures: u32,
    /// Those of them in a row that brought nothing.
    fruitless: u32,
    restarts: u64,
    /// The last attempt ended at a seam of the channel.
    at_seam: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// Not taken.
    Refused,
    /// Taken; the next attempt is due.
    Waiting {
        until: Instant,
    },
    Active {
        run: RunId,
        output: Option<Instant>,
    },
    /// Given up: its ingest finds another node, or orders it anew.
    GivenUp,
}

impl Job {
    fn new(order: Order, address: SocketAddr) -> Self {
        Self {
            order,
            address,
            phase: Phase::Refused,
            why: None,
            failures: 0,
            fruitless: 0,
            restarts: 0,
            at_seam: false,
        }
    }

    const fn is_taken(&self) -> bool {
        matches!(self.phase, Phase::Waiting { .. } | Phase::Active { .. })
    }

    /// Nothing that is known here.
    const fn makes_nothing(&self) -> bool {
        let profile = &self.order.profile;
        profile.video.is_none() && profile.audio.is_none()
    }

    /// A cost that is no number would make room without end.
    fn cost(&self) -> f64 {
        if self.order.cost.is_finite() {
            self.order.cost.max(0.0)
        } else {
            f64::INFINITY
        }
    }

    const fn run(&self) -> Option<RunId> {
        match self.phase {
            Phase::Active { run, .. } => Some(run),
            _ => None,
        }
    }
}

impl Desk {
    #[must_use]
    pub const fn new(slots: f64) -> Self {
        Self {
            slots,
            encoders: Vec::new(),
            draining: false,
            runs: 0,
            jobs: BTreeMap::new(),
            actions: Vec::new(),
        }
    }

    /// What jobs can be made with, from now on.
    pub fn set_encoders(&mut self, encoders: Vec<String>) {
        self.encoders = encoders;
    }

    /// Nothing new is taken from now on; what runs goes on.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// The full list of what `ingest` wants run here, and where it was had from.
    pub fn orders(&mut self, ingest: &str, address: SocketAddr, orders: Vec<Order>) {
        let mut wanted = BTreeSet::new();
        for order in orders.into_iter().take(JOBS_MAX) {
            let key = JobKey {
                ingest: ingest.to_owned(),
                id: order.id.clone(),
            };
            wanted.insert(key.clone());
            match self.jobs.get_mut(&key) {
                // What the ingest learnt of the channel since counts for the next attempt.
                Some(job) if job.order.epoch == order.epoch => {
                    job.order = order;
                    job.address = address;
                }
                _ => {
                    self.end(&key);
                    self.jobs.insert(key, Job::new(order, address));
                }
            }
        }
        let unwanted = |key: &&JobKey| key.ingest == ingest && !wanted.contains(*key);
        let gone: Vec<JobKey> = self.jobs.keys().filter(unwanted).cloned().collect();
        gone.iter().for_each(|key| self.end(key));
    }

    /// The ingest was not heard for so long that others have its jobs.
    pub fn forget(&mut self, ingest: &str) {
        let own = |key: &&JobKey| key.ingest == ingest;
        let gone: Vec<JobKey> = self.jobs.keys().filter(own).cloned().collect();
        gone.iter().for_each(|key| self.end(key));
    }

    /// The ingest answers again: what failed meanwhile is tried at once.
    pub fn returned(&mut self, ingest: &str, now: Instant) {
        let own = self.jobs.iter_mut().filter(|(key, _)| key.ingest == ingest);
        for (_, job) in own {
            job.failures = 0;
            if matches!(job.phase, Phase::Waiting { .. }) {
                job.phase = Phase::Waiting { until: now };
            }
        }
    }

    /// What a run says. One that was stopped is not known any more, and passed over.
    pub fn report(&mut self, run: RunId, event: RunEvent, now: Instant) {
        let mut jobs = self.jobs.values_mut();
        let Some(job) = jobs.find(|job| job.run() == Some(run)) else {
            return;
        };
        match event {
            RunEvent::Output => {
                job.phase = Phase::Active {
                    run,
                    output: Some(now),
                };
                job.why = None;
                job.fruitless = 0;
            }
            RunEvent::Trouble(why) => job.why = why,
            RunEvent::Ended(end) => ended(job, end, now),
        }
    }

    /// Takes what there is room for, and answers what must be done now.
    pub fn turn(&mut self, now: Instant) -> Vec<Action> {
        self.take(now);
        for (key, job) in &mut self.jobs {
            let Phase::Waiting { until } = job.phase else {
                continue;
            };
            if until > now {
                continue;
            }
            self.runs += 1;
            job.phase = Phase::Active {
                run: self.runs,
                output: None,
            };
            self.actions.push(Action::Start(Box::new(Start {
                run: self.runs,
                key: key.clone(),
                order: job.order.clone(),
                address: job.address,
                attempt: Attempt {
                    fruitless: job.fruitless,
                },
                from_newest: job.at_seam,
            })));
        }
        std::mem::take(&mut self.actions)
    }

    fn take(&mut self, now: Instant) {
        let mut free = self.slots - self.used();
        for job in self.jobs.values_mut() {
            if job.phase != Phase::Refused {
                continue;
            }
            let missing = job.order.profile.made_by(&self.encoders).err();
            job.why = if self.draining {
                Some(Why::new(JobReason::Draining, "the node is about to end"))
            } else if job.makes_nothing() {
                let detail = "the order asks for what this version of encoder-node does not know";
                Some(Why::new(JobReason::EncoderMissing, detail))
            } else if let Some(codec) = missing {
                let detail = format!("the node's ffmpeg has no encoder for {codec}");
                Some(Why::new(JobReason::EncoderMissing, detail).param("codec", codec))
            } else if job.cost() > free + SLOTS_SLACK {
                Some(no_room(job.cost(), free, self.slots))
            } else {
                free -= job.cost();
                job.phase = Phase::Waiting { until: now };
                None
            };
        }
    }

    /// Slots that are held.
    #[must_use]
    pub fn used(&self) -> f64 {
        let taken = self.jobs.values().filter(|job| job.is_taken());
        taken.map(Job::cost).sum()
    }

    /// Slots that are left.
    #[must_use]
    pub fn free(&self) -> f64 {
        (self.slots - self.used()).max(0.0)
    }

    /// Whether any job is still held here.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        !self.jobs.values().any(Job::is_taken)
    }

    #[must_use]
    pub fn views(&self) -> Vec<JobView> {
        let view = |(key, job): (&JobKey, &Job)| JobView {
            key: key.clone(),
            epoch: job.order.epoch,
            state: match job.phase {
                Phase::Refused => ReportedState::Refused,
                Phase::GivenUp => ReportedState::Failed,
                Phase::Active {
                    output: Some(_), ..
                } => ReportedState::Running,
                Phase::Waiting { .. } | Phase::Active { output: None, .. } => {
                    ReportedState::Starting
                }
            },
            why: job.why.clone(),
            restarts: job.restarts,
            is_taken: job.is_taken(),
        };
        self.jobs.iter().map(view).collect()
    }

    fn end(&mut self, key: &JobKey) {
        if let Some(run) = self.jobs.remove(key).and_then(|job| job.run()) {
            self.actions.push(Action::Stop(run));
        }
    }
}

fn ended(job: &mut Job, end: RunEnd, now: Instant) {
    let steady = match job.phase {
        Phase::Active {
            output: Some(since),
            ..
        } => now.duration_since(since) >= STEADY_AFTER,
        _ => false,
    };
    let brought = matches!(
        job.phase,
        Phase::Active {
            output: Some(_),
            ..
        }
    );
    job.at_seam = matches!(end, RunEnd::Seam(_));
    match end {
        RunEnd::Seam(why) => {
            job.restarts += 1;
            // One that brought nothing between two seams waits: no channel may keep it starting.
            let wait = if brought { Duration::ZERO } else { RETRY_PAUSE };
            job.phase = Phase::Waiting { until: now + wait };
            job.why = Some(why);
        }
        RunEnd::NoData(why) => {
            job.phase = Phase::Waiting {
                until: now + PARENT_PAUSE,
            };
            job.why = Some(why);
        }
        RunEnd::Unwanted(why) => {
            job.phase = Phase::GivenUp;
            job.why = Some(why);
        }
        RunEnd::Failed(why) => {
            job.failures = if steady { 1 } else { job.failures + 1 };
            job.fruitless = if brought { 0 } else { job.fruitless + 1 };
            job.why = Some(why);
            job.phase = if job.failures >= ATTEMPTS_MAX {
                Phase::GivenUp
            } else {
                job.restarts += 1;
                Phase::Waiting {
                    until: now + pause(job.failures),
                }
            };
        }
    }
}

fn no_room(cost: f64, free: f64, slots: f64) -> Why {
    let free = free.max(0.0);
    let detail = format!("it costs {cost:.2} slots, and {free:.2} of {slots:.2} are free");
    Why::new(JobReason::NoSlots, detail)
        .param("cost", format!("{cost:.2}"))
        .param("free", format!("{free:.2}"))
        .param("slots", format!("{slots:.2}"))
}

#[cfg(test)]
mod tests;
