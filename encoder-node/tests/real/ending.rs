//! How a node ends, and what it leaves behind.

use std::time::Instant;

use common::api::node::ReportedState;
use rustix::process::Signal;

use crate::ingest::{FakeIngest, preview};
use crate::node::{Node, is_gone};
use crate::{can_run, media, wait_until};

fn running(ingest: &FakeIngest) {
    ingest.order(&[preview(1)]);
    ingest.report("news.preview", "runs", |job| {
        job.state == ReportedState::Running
    });
}

#[test]
fn jobs_are_handed_over_before_the_end() {
    if !can_run() {
        return;
    }
    let ingest = FakeIngest::start("n1", media::h264());
    let mut node = Node::start(&[&ingest], "--slots 1");
    running(&ingest);
    let child = node.child();
    node.signal(Signal::TERM);
    wait_until("the ingest is told", 2, || ingest.beat().draining);
    assert!(node.get("/ready").1.contains("about to end"));
    // It goes on while another begins.
    let before = ingest.uploaded(1).bytes.len();
    ingest.uploaded(before + 50_000);
    assert!(!is_gone(child));
    ingest.order(&[]);
    assert_eq!(node.exit_code(3), 0);
    assert!(is_gone(child));
    assert_eq!(ingest.now().uploads[0].is_whole, Some(true));
}

#[test]
fn jobs_that_nobody_takes_end_in_time() {
    if !can_run() {
        return;
    }
    let ingest = FakeIngest::start("n1", media::h264());
    let mut node = Node::start(&[&ingest], "--slots 1");
    running(&ingest);
    let child = node.child();
    node.signal(Signal::TERM);
    let begun = Instant::now();
    assert_eq!(node.exit_code(10), 0);
    assert!(begun.elapsed().as_secs() >= 7, "{:?}", begun.elapsed());
    assert!(is_gone(child));
}

#[test]
fn a_node_without_jobs_ends_at_once() {
    let ingest = FakeIngest::start("n1", media::nothing());
    let mut node = Node::start(&[&ingest], "--slots 1 --ffmpeg /nonexistent/ffmpeg");
    ingest.beat();
    node.signal(Signal::INT);
    assert_eq!(node.exit_code(2), 0);
    assert!(ingest.beat().draining);
}

#[test]
fn no_child_outlives_a_node_that_is_killed() {
    if !can_run() {
        return;
    }
    let ingest = FakeIngest::start("n1", media::h264());
    let mut node = Node::start(&[&ingest], "--slots 1");
    running(&ingest);
    let child = node.child();
    // One that is stopped reads no end of its input: the kernel must end it.
    crate::node::kill(child, Signal::STOP);
    node.signal(Signal::KILL);
    assert_eq!(node.exit_code(2), -1);
    wait_until("ffmpeg is gone", 2, || is_gone(child));
}
