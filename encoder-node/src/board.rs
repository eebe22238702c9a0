//! What the node says of itself and its jobs: made by its loop whenever something changed, read by
//! heartbeats and metrics. Figures of jobs are read where they are written, so they are those of
//! the moment.

use std::sync::Arc;

use common::api::node::{HEARTBEAT_BYTES_MAX, Heartbeat, JobReport, ReportedState};
use tokio::sync::watch;

use crate::job::JobView;
use crate::progress::JobStats;

/// The newest board; waking whoever waits for a change.
pub type Boards = watch::Receiver<Arc<Board>>;

#[derive(Debug, Clone, Default)]
pub struct Board {
    pub slots: f64,
    pub free_slots: f64,
    pub draining: bool,
    pub encoders: Vec<String>,
    /// Its version; empty while it can't be used.
    pub ffmpeg: String,
    /// Why ffmpeg can't be used.
    pub ffmpeg_problem: Option<String>,
    pub jobs: Vec<BoardJob>,
}

#[derive(Debug, Clone)]
pub struct BoardJob {
    pub view: JobView,
    pub stats: Arc<JobStats>,
}

/// Who the node is, for as long as the process lives.
#[derive(Debug, Clone)]
pub struct Identity {
    pub name: String,
    /// Random: tells a restarted node from a second one of its name.
    pub instance: String,
}

impl Board {
    /// Whether others would be told the same, but for the figures.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        let views = |board: &Self| -> Vec<JobView> {
            board.jobs.iter().map(|job| job.view.clone()).collect()
        };
        self.draining == other.draining
            && self.encoders == other.encoders
            && self.ffmpeg == other.ffmpeg
            && self.ffmpeg_problem == other.ffmpeg_problem
            && (self.free_slots - other.free_slots).abs() < 1e-9
            && views(self) == views(other)
    }

    /// The heartbeat for an ingest, by its name once it has told it.
    #[must_use]
    pub fn heartbeat(&self, who: &Identity, ingest: Option<&str>, revision: u64) -> Heartbeat {
        let own = self
            .jobs
            .iter()
            .filter(|job| Some(job.view.key.ingest.as_str()) == ingest);
        Heartbeat {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instance: who.instance.clone(),
            slots: self.slots,
            free_slots: self.free_slots,
            encoders: self.encoders.clone(),
            ffmpeg: self.ffmpeg.clone(),
            draining: self.draining,
            jobs: own.map(report).collect(),
            revision,
        }
    }
}

/// A heartbeat as JSON, no larger than an ingest takes. Where there are too many jobs for it, the
/// last lines of ffmpeg are left out: first of those that run, then of all.
///
/// # Errors
/// Only numbers that JSON can't hold.
pub fn bounded(mut heartbeat: Heartbeat) -> serde_json::Result<Vec<u8>> {
    let mut body = serde_json::to_vec(&heartbeat)?;
    for runs in [true, false] {
        if body.len() <= HEARTBEAT_BYTES_MAX {
            break;
        }
        for job in &mut heartbeat.jobs {
            if (job.state == ReportedState::Running) == runs {
                job.progress.stderr_tail.clear();
            }
        }
        body = serde_json::to_vec(&heartbeat)?;
    }
    Ok(body)
}

fn report(job: &BoardJob) -> JobReport {
    let view = &job.view;
    let why = view.why.clone();
    let (reason, params, detail) = why.map_or_else(Default::default, |why| {
        (Some(why.reason), why.params, why.detail)
    });
    JobReport {
        id: view.key.id.clone(),
        epoch: view.epoch,
        state: view.state,
        reason,
        params,
        detail,
        progress: job.stats.progress(view.restarts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::JobKey;

    fn job(ingest: &str, id: &str) -> BoardJob {
        BoardJob {
            view: JobView {
                key: JobKey {
                    ingest: ingest.to_owned(),
                    id: id.to_owned(),
                },
                epoch: 7,
                state: ReportedState::Running,
                why: None,
                restarts: 2,
                is_taken: true,
            },
            stats: Arc::new(JobStats::default()),
        }
    }

    #[test]
    fn an_ingest_hears_of_its_own_jobs_alone() {
        let board = Board {
            slots: 4.0,
            free_slots: 2.0,
            jobs: vec![job("n1", "news.preview"), job("n2", "news.preview")],
            ..Board::default()
        };
        let who = Identity {
            name: "node".to_owned(),
            instance: "1f".to_owned(),
        };
        let beat = board.heartbeat(&who, Some("n1"), 5);
        assert_eq!(
            (beat.jobs.len(), beat.jobs[0].epoch, beat.revision),
            (1, 7, 5)
        );
        assert_eq!(beat.jobs[0].progress.restarts, 2);
        assert_eq!(board.heartbeat(&who, None, 0).jobs, []);
        let mut other = board.clone();
        assert!(board.says_the_same(&other));
        other.jobs[0].view.state = ReportedState::Failed;
        assert!(!board.says_the_same(&other));
    }

    #[test]
    fn a_heartbeat_of_many_jobs_leaves_out_what_ffmpeg_said() {
        let jobs = (0..1000).map(|number| job("n1", &format!("c{number}.snapshot")));
        let board = Board {
            jobs: jobs.collect(),
            ..Board::default()
        };
        let who = Identity {
            name: "node".to_owned(),
            instance: "1f".to_owned(),
        };
        let mut beat = board.heartbeat(&who, Some("n1"), 5);
        for job in &mut beat.jobs {
            job.progress.stderr_tail = vec!["x".repeat(200); 20];
        }
        beat.jobs[0].state = ReportedState::Failed;
        let body = bounded(beat.clone()).expect("JSON");
        assert!(body.len() <= HEARTBEAT_BYTES_MAX, "{}", body.len());
        let sent: Heartbeat = serde_json::from_slice(&body).expect("a heartbeat");
        let lines = |job: usize| sent.jobs[job].progress.stderr_tail.len();
        assert_eq!((lines(0), lines(1)), (20, 0), "why one failed is kept");
        beat.jobs.truncate(2);
        let body = bounded(beat.clone()).expect("JSON");
        assert_eq!(body, serde_json::to_vec(&beat).expect("JSON"));
    }
}
