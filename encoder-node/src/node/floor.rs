//! The floor that the jobs run on: orders and what runs report go to the desk, and what the desk
//! says is done. The one place that starts and stops runs.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::api::node::JobReason;
use common::shutdown::{self, Shutdown, Trigger};
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::board::{Board, BoardJob};
use crate::ffmpeg::offer::Offer;
use crate::heartbeat::claims::{Answer, Claims, Heard};
use crate::heartbeat::link::Ordered;
use crate::heartbeat::links::Links;
use crate::job::{Action, Desk, JobKey, RunEnd, RunEvent, RunId, Start, Why};
use crate::limits::{HANDOVER_WITHIN, MESSAGES_MAX, RUNS_END_WITHIN, TURN};
use crate::pipeline::{Run, Tools};
use crate::progress::JobStats;

/// What asking ffmpeg came to, or why nothing.
pub(super) type Found = Result<Offer, String>;

/// Ingests that answer are told of the end within so long, also where there are no jobs.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

pub(super) struct Floor {
    desk: Desk,
    claims: Claims,
    slots: f64,
    offer: Found,
    tools: Arc<Tools>,
    links: Links,
    publish: watch::Sender<Arc<Board>>,
    stats: BTreeMap<JobKey, Arc<JobStats>>,
    /// Dropping one asks its run to end.
    triggers: HashMap<RunId, Trigger>,
    runs: JoinSet<()>,
    run_of: HashMap<Id, RunId>,
    reports: mpsc::Sender<(RunId, RunEvent)>,
    reported: mpsc::Receiver<(RunId, RunEvent)>,
    /// Since when it drains.
    draining: Option<Instant>,
}

impl Floor {
    pub(super) fn new(
        slots: f64,
        tools: Tools,
        publish: watch::Sender<Arc<Board>>,
        links: Links,
    ) -> Self {
        let (reports, reported) = mpsc::channel(MESSAGES_MAX);
        let problem = publish.borrow().ffmpeg_problem.clone();
        Self {
            desk: Desk::new(slots),
            claims: Claims::default(),
            slots,
            offer: Err(problem.unwrap_or_default()),
            tools: Arc::new(tools),
            links,
            publish,
            stats: BTreeMap::new(),
            triggers: HashMap::new(),
            runs: JoinSet::new(),
            run_of: HashMap::new(),
            reports,
            reported,
            draining: None,
        }
    }

    /// Until the end is asked for and jobs were handed over.
    pub(super) async fn run(
        mut self,
        mut ordered: mpsc::Receiver<Ordered>,
        mut offered: mpsc::Receiver<Found>,
        mut shutdown: Shutdown,
    ) {
        let mut turn = interval(TURN);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.is_done() {
            tokio::select! {
                Some(orders) = ordered.recv() => self.take(orders),
                Some((run, event)) = self.reported.recv() => {
                    self.desk.report(run, event, Instant::now());
                }
                Some(found) = offered.recv() => self.set_offer(found),
                Some(ended) = self.runs.join_next_with_id() => self.ended(ended),
                () = shutdown.requested(), if self.draining.is_none() => self.drain(),
                _ = turn.tick() => self.expire(),
            }
            self.act();
            self.tell();
        }
        self.end().await;
    }

    fn take(&mut self, ordered: Ordered) {
        let now = Instant::now();
        let (address, orders) = (ordered.address, ordered.orders);
        let answer = Answer {
            ingest: &orders.ingest,
            address,
            revision: orders.revision,
            after_failure: ordered.after_failure,
        };
        match self.claims.heard(answer, now) {
            Heard::Other => return,
            Heard::Namesake { speaker } => {
                let ingest = orders.ingest;
                tracing::warn!(
                    ingest,
                    "two ingests have this name: the jobs of the one at {address} are passed over, as {speaker} speaks for it; give one of them another name by its --node-name"
                );
                return;
            }
            Heard::Returned => self.desk.returned(&orders.ingest, now),
            Heard::Speaker => {}
        }
        self.desk.orders(&orders.ingest, address, orders.jobs);
    }

    fn expire(&mut self) {
        for ingest in self.claims.expired(Instant::now()) {
            tracing::warn!(ingest, "ingest is silent: its jobs end here");
            self.desk.forget(&ingest);
        }
    }

    fn set_offer(&mut self, found: Found) {
        let encoders = found.as_ref().map(Offer::encoder_list).unwrap_or_default();
        self.desk.set_encoders(encoders);
        self.offer = found;
    }

    fn drain(&mut self) {
        self.draining = Some(Instant::now());
        self.desk.drain();
    }

    fn is_done(&self) -> bool {
        self.draining.is_some_and(|since| {
            let passed = since.elapsed();
            let all_know = self.links.all_know_of_draining() || passed >= TOLD_WITHIN;
            passed >= HANDOVER_WITHIN || (self.desk.is_idle() && all_know)
        })
    }

    fn act(&mut self) {
        for action in self.desk.turn(Instant::now()) {
            match action {
                Action::Start(start) => self.start(*start),
                Action::Stop(run) => drop(self.triggers.remove(&run)),
            }
        }
    }

    fn start(&mut self, start: Start) {
        let offer = match &self.offer {
            Ok(offer) => Arc::new(offer.clone()),
            Err(problem) => {
                // It was there when the job was taken.
                let why = Why::new(JobReason::FfmpegFailed, problem.clone());
                let end = RunEvent::Ended(RunEnd::Unwanted(why));
                self.desk.report(start.run, end, Instant::now());
                return;
            }
        };
        let (trigger, stop) = shutdown::channel();
        let (number, key) = (start.run, start.key.clone());
        tracing::info!(
            ingest = key.ingest,
            job = key.id,
            epoch = start.order.epoch,
            "starting"
        );
        let run = Run {
            start,
            tools: Arc::clone(&self.tools),
            offer,
            stats: Arc::clone(self.stats.entry(key).or_default()),
            events: self.reports.clone(),
            stop,
        };
        self.triggers.insert(number, trigger);
        let task = self.runs.spawn(run.go());
        self.run_of.insert(task.id(), number);
    }

    /// A run that ended has said how, unless it panicked.
    fn ended(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        let (id, panic) = match ended {
            Ok((id, ())) => (id, None),
            Err(error) => (error.id(), Some(error.to_string())),
        };
        let Some(run) = self.run_of.remove(&id) else {
            return;
        };
        self.triggers.remove(&run);
        if let Some(panic) = panic {
            tracing::error!("a run broke: {panic}");
            let why = Why::new(JobReason::FfmpegFailed, panic);
            let end = RunEvent::Ended(RunEnd::Failed(why));
            self.desk.report(run, end, Instant::now());
        }
    }

    /// Publishes what changed.
    fn tell(&mut self) {
        let views = self.desk.views();
        let keys: Vec<&JobKey> = views.iter().map(|view| &view.key).collect();
        self.stats.retain(|key, _| keys.contains(&key));
        let jobs = views.into_iter().map(|view| BoardJob {
            stats: Arc::clone(self.stats.entry(view.key.clone()).or_default()),
            view,
        });
        let board = Board {
            slots: self.slots,
            free_slots: (self.desk.free() * 1000.0).round() / 1000.0,
            draining: self.draining.is_some(),
            jobs: jobs.collect(),
            encoders: self
                .offer
                .as_ref()
                .map(Offer::encoder_list)
                .unwrap_or_default(),
            ffmpeg: self
                .offer
                .as_ref()
                .map(|offer| offer.version.clone())
                .unwrap_or_default(),
            ffmpeg_problem: self.offer.as_ref().err().cloned(),
        };
        if !self.publish.borrow().says_the_same(&board) {
            self.publish.send_replace(Arc::new(board));
        }
    }

    async fn end(mut self) {
        self.triggers.clear();
        // Each closes its upload; one that waits to report finds nobody.
        self.reported.close();
        let ending = async { while self.runs.join_next().await.is_some() {} };
        if timeout(RUNS_END_WITHIN, ending).await.is_err() {
            tracing::warn!("runs were cut off");
        }
        self.runs.shutdown().await;
    }
}
