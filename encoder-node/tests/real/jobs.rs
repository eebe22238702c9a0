//! Jobs that run: what they make, and what they outlive.

use common::api::node::{JobReason, ReportedState};
use rustix::process::Signal;

use crate::ingest::{FakeIngest, preview, snapshot};
use crate::media::{self, file, pictures, probe};
use crate::node::{Node, is_gone, kill};
use crate::{can_run, wait_for, wait_until};

const RUNNING: &str = "runs";

fn runs(report: &common::api::node::JobReport) -> bool {
    report.state == ReportedState::Running
}

/// Bytes of some seconds of a preview.
const SOME_SECONDS: usize = 300_000;

#[test]
fn a_preview_is_what_browsers_play_at_the_sources_time() {
    if !can_run() {
        return;
    }
    let ingest = FakeIngest::start("n1", media::h264());
    ingest.now().authorization = Some("Bearer s3cret".to_owned());
    let folder = tempfile::tempdir().expect("folder");
    let token = file(folder.path(), "token", b"s3cret\n");
    let node = Node::start(
        &[&ingest],
        &format!("--slots 2 --token-file {}", token.display()),
    );
    ingest.order(&[preview(7)]);
    let upload = ingest.uploaded(SOME_SECONDS);

    let result = file(node.folder(), "result.ts", &upload.bytes);
    let entries = "-show_entries stream=codec_name,profile,width,height,pix_fmt,field_order,sample_rate,channels";
    assert_eq!(
        probe(&result, entries),
        ["h264,Main,640,360,yuv420p,progressive", "aac,LC,48000,2"]
    );
    let source = file(node.folder(), "source.ts", &media::h264().bytes);
    let (made, sent) = (pictures(&result), pictures(&source));
    assert!(made.len() > 50, "{} pictures", made.len());
    let first = sent.iter().position(|picture| picture.0 == made[0].0);
    let first = first.expect("a time stamp of the source");
    let stamps =
        |list: &[(i64, bool)]| -> Vec<i64> { list.iter().map(|picture| picture.0).collect() };
    assert_eq!(stamps(&made), stamps(&sent[first..first + made.len()]));
    let keys: Vec<usize> = (0..made.len()).filter(|at| made[*at].1).collect();
    let expected: Vec<usize> = (0..made.len()).step_by(25).collect();
    assert_eq!(keys, expected, "a key frame each second");

    let report = ingest.report("news.preview", "tells its speed", |job| {
        job.speed_is_known()
    });
    assert_eq!(
        (report.epoch, report.state, report.reason),
        (7, ReportedState::Running, None)
    );
    assert!(report.progress.fps > Some(10.0), "{report:?}");
    let beat = ingest.beat();
    assert_eq!((beat.slots, beat.free_slots), (2.0, 1.0));
    assert_eq!(
        node.metric("encoder_node_job_running{ingest=\"n1\",job=\"news.preview\"}"),
        1.0
    );
    assert_eq!(node.get("/ready"), (200, "[]".to_owned()));
    // Whoever sees the processes of the host must not see the token.
    let child = node.child();
    let line = std::fs::read(format!("/proc/{child}/cmdline")).expect("it runs");
    let environment = std::fs::read(format!("/proc/{child}/environ")).expect("it runs");
    for text in [line, environment] {
        assert!(!String::from_utf8_lossy(&text).contains("s3cret"));
    }

    // Taken away: the upload is closed in order, and nothing is left.
    ingest.order(&[]);
    wait_until("ffmpeg is gone", 5, || node.children().is_empty());
    wait_until("the upload has ended", 5, || {
        ingest.now().uploads[0].is_whole.is_some()
    });
    let upload = ingest.now().uploads[0].clone();
    assert_eq!(upload.is_whole, Some(true));
    assert_eq!(upload.bytes.len() % 188, 0);
    wait_until("the slot is free", 5, || ingest.beat().free_slots == 2.0);
}

trait SpeedIsKnown {
    fn speed_is_known(&self) -> bool;
}

impl SpeedIsKnown for common::api::node::JobReport {
    fn speed_is_known(&self) -> bool {
        self.progress.speed.is_some() && self.progress.cpu_percent > 0.0
    }
}

#[test]
fn fields_of_mpeg_2_become_whole_pictures_in_a_browsers_codecs() {
    if !can_run() {
        return;
    }
    let ingest = FakeIngest::start("n1", media::mpeg2());
    let node = Node::start(&[&ingest], "--slots 2");
    ingest.order(&[preview(1), snapshot(2, 1000)]);
    let upload = ingest.uploaded(SOME_SECONDS);
    let result = file(node.folder(), "result.ts", &upload.bytes);
    let entries = "-show_entries stream=codec_name,width,height,sample_aspect_ratio,field_order";
    let streams = probe(&result, entries);
    assert_eq!(streams[0], "h264,640,360,1:1,progressive");
    assert!(streams[1].starts_with("aac"), "{streams:?}");
    let stamps: Vec<i64> = pictures(&result).iter().map(|picture| picture.0).collect();
    assert!(
        stamps.windows(2).all(|pair| pair[1] - pair[0] == 3600),
        "{stamps:?}"
    );
    // 4:3 in a box of 16:9, with square pixels.
    let picture = wait_for("a picture", 15, || ingest.now().pictures.first().cloned());
    let picture = file(node.folder(), "picture.jpg", &picture);
    assert_eq!(
        probe(&picture, "-show_entries stream=codec_name,width,height"),
        ["mjpeg,480,360"]
    );
}

#[test]
fn a_snapshot_comes_again_and_again_and_costs_nothing_between() {
    if !can_run() {
        return;
    }
    let ingest = FakeIngest::start("n1", media::h264());
    let node = Node::start(&[&ingest], "--slots 0.05");
    ingest.order(&[snapshot(3, 2000)]);
    let count = || ingest.now().pictures.len();
    wait_until("three pictures", 20, || count() >= 3);
    let pictures = ingest.now().pictures.clone();
    for picture in &pictures {
        assert_eq!(picture[..3], [0xff, 0xd8, 0xff]);
        assert!(picture.len() < 100_000, "{} bytes", picture.len());
    }
    // No process lives from one picture to the next.
    wait_until("nothing runs", 2, || node.children().is_empty());
    let report = ingest.report("news.snapshot", RUNNING, runs);
    assert_eq!(
        (report.progress.restarts, report.progress.complaints),
        (0, 0),
        "{report:?}"
    );
    assert!(report.progress.cpu_percent > 0.0 && report.progress.cpu_percent < 50.0);
    assert!(node.metric("encoder_node_job_snapshots_total") >= 3.0);
    let read = node.metric("encoder_node_job_received_bytes_total")
        / node.metric("encoder_node_job_snapshots_total");
    assert!(read < 400_000.0, "{read} bytes a picture");
}

#[test]
fn a_child_that_is_killed_is_started_anew() {
    if !can_run() {
        return;
    }
    let ingest = FakeIngest::start("n1", media::h264());
    let node = Node::start(&[&ingest], "--slots 1");
    ingest.order(&[preview(1)]);
    ingest.report("news.preview", RUNNING, runs);
    let killed = node.child();
    kill(killed, Signal::KILL);
    let report = ingest.report("news.preview", "runs again", |job| {
        job.progress.restarts == 1 && runs(job)
    });
    assert_eq!(report.reason, None);
    assert!(node.child() != killed && is_gone(killed));
    let uploads = ingest.now().uploads.clone();
    assert_eq!(uploads.len(), 2);
    assert_eq!(uploads[0].is_whole, Some(true), "the node itself is well");
    assert!(node.log().contains("signal: 9"), "{}", node.log());
}

#[test]
fn a_child_that_hangs_is_started_anew() {
    if !can_run() {
        return;
    }
    let ingest = FakeIngest::start("n1", media::h264());
    let node = Node::start(&[&ingest], "--slots 1");
    ingest.order(&[preview(1)]);
    ingest.report("news.preview", RUNNING, runs);
    let hung = node.child();
    kill(hung, Signal::STOP);
    ingest.report("news.preview", "runs again", |job| {
        job.progress.restarts == 1 && runs(job)
    });
    assert!(
        is_gone(hung) && node.log().contains("nothing came out"),
        "{}",
        node.log()
    );
}

#[test]
fn a_channel_that_begins_anew_is_encoded_on_at_once() {
    if !can_run() {
        return;
    }
    let media = media::h264();
    let ingest = FakeIngest::start("n1", media.clone());
    ingest.now().begin_anew_at = Some(media.bytes_a_second * 5);
    let node = Node::start(&[&ingest], "--slots 1");
    ingest.order(&[preview(1)]);
    ingest.report("news.preview", RUNNING, runs);
    let is_again = |job: &common::api::node::JobReport| job.progress.restarts == 1 && runs(job);
    let report = ingest.report("news.preview", "runs again", is_again);
    assert_eq!(report.reason, None);
    let before = ingest.now().uploads[0].bytes.clone();
    let after = ingest.uploaded(SOME_SECONDS).bytes;
    let [before, after] = [("before.ts", before), ("after.ts", after)]
        .map(|(name, bytes)| pictures(&file(node.folder(), name, &bytes)));
    assert!(after[0].0 < before[before.len() - 1].0 && after.len() > 25);
    assert!(node.log().contains("clock jumped back"), "{}", node.log());
}

#[test]
fn a_damaged_channel_is_complained_of_and_outlived() {
    if !can_run() {
        return;
    }
    let ingest = FakeIngest::start("n1", media::h264());
    ingest.now().damage_every = Some(37);
    let node = Node::start(&[&ingest], "--slots 1");
    ingest.order(&[preview(1)]);
    ingest.uploaded(SOME_SECONDS);
    let report = ingest.report("news.preview", "complains", |job| {
        job.progress.complaints > 20
    });
    assert_eq!(
        (report.state, report.progress.restarts),
        (ReportedState::Running, 0)
    );
    let tail = &report.progress.stderr_tail;
    assert!(
        tail.len() <= 20 && tail.iter().all(|line| line.len() <= 200),
        "{tail:?}"
    );
    assert!(node.metric("encoder_node_job_complaints_total") > 20.0);
}

#[test]
fn a_later_epoch_ends_the_one_before() {
    if !can_run() {
        return;
    }
    let ingest = FakeIngest::start("n1", media::h264());
    let _node = Node::start(&[&ingest], "--slots 1");
    ingest.order(&[preview(1)]);
    ingest.report("news.preview", RUNNING, runs);
    ingest.order(&[preview(2)]);
    let is_new = |job: &common::api::node::JobReport| job.epoch == 2 && runs(job);
    ingest.report("news.preview", "runs under the new epoch", is_new);
    wait_until("the old upload has ended", 5, || {
        ingest.now().uploads[0].is_whole == Some(true)
    });
    let epochs: Vec<u64> = ingest
        .now()
        .uploads
        .iter()
        .map(|upload| upload.epoch)
        .collect();
    assert_eq!(epochs, [1, 2]);
}

#[test]
fn slots_are_shared_by_all_ingests() {
    if !can_run() {
        return;
    }
    let [one, two] = ["n1", "n2"].map(|name| FakeIngest::start(name, media::h264()));
    let _node = Node::start(&[&one, &two], "--slots 1.5");
    one.order(&[preview(1)]);
    one.report("news.preview", RUNNING, runs);
    two.order(&[preview(1)]);
    let report = two.report("news.preview", "is refused", |job| {
        job.state == ReportedState::Refused
    });
    assert_eq!(report.reason, Some(JobReason::NoSlots));
    assert_eq!(two.beat().free_slots, 0.5);
    one.order(&[]);
    two.report("news.preview", RUNNING, runs);
}
