//! What Prometheus sees. Every metric is declared once, in the table; a scrape fills a recorder of
//! its own from what is there at that moment, so that nothing of an ended job stays behind.

use std::sync::atomic::Ordering;

use common::api::node::ReportedState;
use metrics::{Label, counter, gauge};
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::board::{Board, BoardJob};
use crate::heartbeat::links::Links;

/// A metric as it is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
}

macro_rules! metrics {
    ($($constant:ident $kind:ident $name:literal $help:literal;)*) => {
        $(const $constant: Metric = Metric {
            name: concat!("encoder_node_", $name),
            kind: Kind::$kind,
            help: $help,
        };)*
        /// Every metric that there is.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    SLOTS Gauge "slots" "What the node may run at once";
    FREE_SLOTS Gauge "free_slots" "What is left of it";
    DRAINING Gauge "draining" "1 while the node hands its jobs over, before it ends";
    FFMPEG_OK Gauge "ffmpeg_ok" "0 while there is no ffmpeg that can be used";
    ENCODER Gauge "encoder" "1 for each encoder that works here, in hardware or software";
    INGEST_UP Gauge "ingest_up" "1 while the ingest at the address answers heartbeats";
    HEARTBEATS Counter "heartbeats_total" "Heartbeats, by whether orders came back";
    JOBS Gauge "jobs" "Jobs that ingests want here, by state";
    JOB_RUNNING Gauge "job_running" "1 while something comes out of the job";
    JOB_FPS Gauge "job_fps" "Pictures a second that the job encodes";
    JOB_SPEED Gauge "job_speed" "Speed of the job in real time, over the last 5 s: below 1 it falls behind";
    JOB_CPU Gauge "job_cpu_ratio" "Cores that the job's ffmpeg uses";
    JOB_FRAMES_DROPPED Counter "job_frames_dropped_total" "Pictures that ffmpeg dropped";
    JOB_COMPLAINTS Counter "job_complaints_total" "Lines that ffmpeg wrote about what it was given";
    JOB_RESTARTS Counter "job_restarts_total" "How often the job's ffmpeg was started anew";
    JOB_RECEIVED_BYTES Counter "job_received_bytes_total" "Bytes of the channel that were read for the job";
    JOB_SENT_BYTES Counter "job_sent_bytes_total" "Bytes of the result that were sent";
    JOB_SNAPSHOTS Counter "job_snapshots_total" "Pictures that the ingest took";
    BUILD_INFO Gauge "build_info" "1; the labels say the version, and ffmpeg's";
}

/// In the text format of Prometheus.
#[must_use]
pub fn render(board: &Board, links: &Links) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        for metric in ALL {
            match metric.kind {
                Kind::Counter => metrics::describe_counter!(metric.name, metric.help),
                Kind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            }
        }
        of_node(board);
        of_links(links);
        for job in &board.jobs {
            of_job(job);
        }
    });
    recorder.handle().render()
}

fn of_node(board: &Board) {
    set(SLOTS, &[], board.slots);
    set(FREE_SLOTS, &[], board.free_slots);
    set(DRAINING, &[], flag(board.draining));
    set(FFMPEG_OK, &[], flag(board.ffmpeg_problem.is_none()));
    for encoder in &board.encoders {
        set(ENCODER, &[Label::new("encoder", encoder.clone())], 1.0);
    }
    for (state, name) in STATES {
        let jobs = board.jobs.iter().filter(|job| job.view.state == state);
        let count = u32::try_from(jobs.count()).unwrap_or(u32::MAX);
        set(JOBS, &[Label::new("state", name)], count.into());
    }
    let version = Label::new("version", env!("CARGO_PKG_VERSION"));
    let ffmpeg = Label::new("ffmpeg", board.ffmpeg.clone());
    set(BUILD_INFO, &[version, ffmpeg], 1.0);
}

/// Those that a job is ever told to be in by this node.
const STATES: [(ReportedState, &str); 4] = [
    (ReportedState::Starting, "starting"),
    (ReportedState::Running, "running"),
    (ReportedState::Refused, "refused"),
    (ReportedState::Failed, "failed"),
];

fn of_links(links: &Links) {
    for (address, link) in links.list() {
        let address = Label::new("address", address.to_string());
        set(INGEST_UP, std::slice::from_ref(&address), flag(link.is_up));
        for (result, count) in [("answered", link.answered), ("failed", link.failed)] {
            let labels = [address.clone(), Label::new("result", result)];
            count_to(HEARTBEATS, &labels, count);
        }
    }
}

fn of_job(job: &BoardJob) {
    let key = &job.view.key;
    let labels = [
        Label::new("ingest", key.ingest.clone()),
        Label::new("job", key.id.clone()),
    ];
    let progress = job.stats.progress(job.view.restarts);
    set(
        JOB_RUNNING,
        &labels,
        flag(job.view.state == ReportedState::Running),
    );
    // What is not known is not exported: 0 would mean that it stands still.
    if let Some(fps) = progress.fps {
        set(JOB_FPS, &labels, fps);
    }
    if let Some(speed) = progress.speed {
        set(JOB_SPEED, &labels, speed);
    }
    set(JOB_CPU, &labels, progress.cpu_percent / 100.0);
    count_to(JOB_FRAMES_DROPPED, &labels, progress.frames_dropped);
    count_to(JOB_COMPLAINTS, &labels, progress.complaints);
    count_to(JOB_RESTARTS, &labels, progress.restarts);
    let [received, sent, pictures] = [
        &job.stats.bytes_in,
        &job.stats.bytes_out,
        &job.stats.pictures,
    ]
    .map(|count| count.load(Ordering::Relaxed));
    count_to(JOB_RECEIVED_BYTES, &labels, received);
    count_to(JOB_SENT_BYTES, &labels, sent);
    count_to(JOB_SNAPSHOTS, &labels, pictures);
}

fn set(metric: Metric, labels: &[Label], value: f64) {
    gauge!(metric.name, labels.iter()).set(value);
}

fn count_to(metric: Metric, labels: &[Label], value: u64) {
    counter!(metric.name, labels.iter()).absolute(value);
}

fn flag(is_set: bool) -> f64 {
    f64::from(u8::from(is_set))
}
