//! What a node can't do, and how it says so.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::process::Command;

use common::api::node::{JobReason, ReportedState};

use crate::ingest::{FakeIngest, preview};
use crate::node::Node;
use crate::{can_run, media, wait_until};

#[test]
fn without_ffmpeg_it_is_not_ready_and_says_so() {
    let ingest = FakeIngest::start("n1", media::nothing());
    let node = Node::start(&[&ingest], "--ffmpeg /nonexistent/ffmpeg");
    wait_until("it says so", 5, || {
        node.get("/ready")
            .1
            .contains("cannot run /nonexistent/ffmpeg")
    });
    assert_eq!(node.get("/ready").0, 503);
    let (status, text) = node.get("/nothing");
    assert_eq!(status, 404);
    assert!(text.contains("\"reason\":\"no_such_path\""), "{text}");
    ingest.order(&[preview(1)]);
    let report = ingest.report("news.preview", "is refused", |job| {
        job.state == ReportedState::Refused
    });
    assert_eq!(report.reason, Some(JobReason::EncoderMissing));
    assert_eq!(ingest.beat().encoders, Vec::<String>::new());
    assert_eq!(node.metric("encoder_node_ffmpeg_ok"), 0.0);
}

#[test]
fn an_ffmpeg_that_is_too_old_is_named() {
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/old-ffmpeg");
    let ingest = FakeIngest::start("n1", media::nothing());
    let node = Node::start(&[&ingest], &format!("--ffmpeg {old}"));
    wait_until("it says so", 5, || {
        let (status, text) = node.get("/ready");
        status == 503 && text.contains("4.4.2-0ubuntu0.22.04.1, which is too old: install 5.0")
    });
}

/// Has encoders, and fails at every job.
const FAILING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/failing-ffmpeg");

#[test]
fn a_job_that_fails_again_and_again_is_given_up() {
    let ingest = FakeIngest::start("n1", media::empty());
    let _node = Node::start(&[&ingest], &format!("--ffmpeg {FAILING}"));
    wait_until("ffmpeg was asked", 5, || !ingest.beat().encoders.is_empty());
    ingest.order(&[preview(1)]);
    let report = ingest.report("news.preview", "is given up", |job| {
        job.state == ReportedState::Failed
    });
    assert_eq!(report.reason, Some(JobReason::FfmpegFailed));
    assert_eq!(report.progress.restarts, 4, "five attempts in a row");
}

#[test]
fn an_ffmpeg_that_vanishes_is_missed_and_found_again() {
    let ingest = FakeIngest::start("n1", media::empty());
    let folder = tempfile::tempdir().expect("folder");
    let ffmpeg = folder.path().join("ffmpeg");
    symlink(FAILING, &ffmpeg).expect("a link");
    let node = Node::start(&[&ingest], &format!("--ffmpeg {}", ffmpeg.display()));
    wait_until("ffmpeg was asked", 5, || node.get("/ready").0 == 200);
    std::fs::remove_file(&ffmpeg).expect("it is there");
    ingest.order(&[preview(1)]);
    wait_until("it is missed", 15, || {
        let (status, text) = node.get("/ready");
        status == 503 && text.contains("cannot run")
    });
    wait_until("the ingest is told", 3, || {
        ingest.beat().encoders.is_empty()
    });
    symlink(FAILING, &ffmpeg).expect("a link");
    wait_until("it is found again", 15, || node.get("/ready").0 == 200);
}

#[test]
fn two_ingests_of_one_name_are_told_of() {
    let ingests = [(); 2].map(|()| FakeIngest::start("n1", media::nothing()));
    // Its orders are others.
    ingests[1].order(&[preview(1)]);
    let node = Node::start(&[&ingests[0], &ingests[1]], "--ffmpeg /nonexistent/ffmpeg");
    wait_until("it is logged", 15, || node.log().contains("--node-name"));
    let log = node.log();
    let line = log.lines().find(|line| line.contains("--node-name"));
    for ingest in &ingests {
        let address = ingest.address.to_string();
        assert!(line.is_some_and(|line| line.contains(&address)), "{log}");
    }
}

#[test]
fn encoders_are_tried_and_not_assumed() {
    if !can_run() {
        return;
    }
    let ingest = FakeIngest::start("n1", media::nothing());
    let node = Node::start(&[&ingest], "");
    wait_until("ffmpeg was asked", 15, || node.get("/ready").0 == 200);
    wait_until("its encoders are told", 3, || {
        !ingest.beat().encoders.is_empty()
    });
    let beat = ingest.beat();
    for encoder in ["libx264", "aac", "mjpeg"] {
        assert!(
            beat.encoders.iter().any(|name| name == encoder),
            "{:?}",
            beat.encoders
        );
    }
    assert!(!beat.ffmpeg.is_empty() && !beat.version.is_empty());
    // Listed by nearly every ffmpeg, and of no use without the device.
    for (device, family) in [("/dev/dri", "_vaapi"), ("/dev/nvidia0", "_nvenc")] {
        if !std::path::Path::new(device).exists() {
            let found = beat.encoders.iter().find(|name| name.ends_with(family));
            assert_eq!(found, None);
        }
    }
}

#[test]
fn a_wrong_token_is_logged_once_and_a_replaced_one_taken() {
    let ingest = FakeIngest::start("n1", media::nothing());
    ingest.now().authorization = Some("Bearer right".to_owned());
    let folder = tempfile::tempdir().expect("folder");
    let token = media::file(folder.path(), "token", b"wrong");
    let words = format!(
        "--ffmpeg /nonexistent/ffmpeg --token-file {}",
        token.display()
    );
    let node = Node::start(&[&ingest], &words);
    wait_until("it was refused often", 10, || ingest.now().refused >= 4);
    let told = node.log().matches("refuses the token (401)").count();
    assert_eq!(told, 1, "{}", node.log());
    assert_eq!(node.metric("encoder_node_ingest_up"), 0.0);
    std::fs::write(&token, "right\n").expect("write");
    wait_until("it is let in", 10, || !ingest.now().beats.is_empty());
    assert!(!node.log().contains("right") && !node.log().contains("wrong\""));
}

#[test]
fn an_ingest_that_comes_later_is_found() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("port");
    let address = socket.local_addr().expect("address");
    drop(socket);
    let words = format!("--ingest http://{address} --ffmpeg /nonexistent/ffmpeg");
    let node = Node::start(&[], &words);
    wait_until("it is missed", 5, || {
        node.log().contains("can't be reached")
    });
    let ingest = FakeIngest::start_at("n1", media::nothing(), address);
    wait_until("it is found", 4, || !ingest.now().beats.is_empty());
}

#[test]
fn wrong_usage_ends_with_2_and_a_port_in_use_with_1() {
    let run = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_encoder-node"))
            .args(words)
            .output();
        let output = output.expect("it starts");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (code, text) = run(&["--ingest", "n1", "--slots", "no", "--bogus"]);
    assert_eq!(code, Some(2), "{text}");
    for part in ["--ingest", "--slots", "--bogus"] {
        assert!(text.contains(part), "{text}");
    }
    let holder = TcpListener::bind("127.0.0.1:0").expect("port");
    let address = holder.local_addr().expect("address").to_string();
    let (code, text) = run(&["--listen", &address]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains(&format!("pid {}", std::process::id())),
        "{text}"
    );
}
