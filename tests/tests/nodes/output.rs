//! What nodes send becomes a channel: fenced by epochs, cut between packets, never two at once.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use e2e::check::{continuity_breaks, packets, pid};
use e2e::fake_node::{FakeNode, beating, locked};
use e2e::gate::{Need, can_run};
use e2e::ingest::Ingest;
use e2e::scene::{GROUP, Scene};
use e2e::ts::{PID_VIDEO, TestStream};
use e2e::viewer::Viewer;
use e2e::wait::{seconds, wait_for, wait_until};
use e2e::wrap::Wrap;

use crate::{JOB, options};

const PREVIEW: &str = "/channels/news/preview.ts";

fn stream(mark: u16) -> TestStream {
    TestStream::new(mark, 1_000_000)
}

/// One whose time is later than that of any other here.
fn later(mark: u16) -> TestStream {
    let mut stream = stream(mark);
    while stream.due() < seconds(60) {
        stream.next();
    }
    stream
}

/// The marks of the video packets that a viewer got, each change once.
fn marks(recording: &[u8]) -> Vec<u16> {
    let whole = &recording[..recording.len() / 188 * 188];
    let mut marks = Vec::new();
    for packet in packets(whole) {
        let text = String::from_utf8_lossy(packet);
        let mark = text
            .split('<')
            .nth(1)
            .and_then(|part| part.split(':').next());
        let mark = mark.and_then(|mark| u16::from_str_radix(mark, 16).ok());
        if pid(packet) == PID_VIDEO && mark.is_some() && marks.last().copied() != mark {
            marks.extend(mark);
        }
    }
    marks
}

#[track_caller]
fn wait_mark(viewer: &Viewer, mark: u16, timeout: Duration) {
    wait_until(&format!("mark {mark} comes"), timeout, || {
        marks(&viewer.body()).last() == Some(&mark)
    });
}

/// What a viewer got is whole packets, with announced breaks only.
#[track_caller]
fn unbroken(viewer: &Viewer) {
    let body = viewer.body();
    let whole = &body[..body.len() / 188 * 188];
    assert_eq!(continuity_breaks(whole), Vec::<String>::new());
    assert_eq!(viewer.end(), None, "it stays connected");
}

fn job_state(ingest: &Ingest<'_>) -> (String, String) {
    let jobs = ingest.http().get("/api/v1/jobs").json();
    let text = |key: &str| jobs["jobs"][0][key].as_str().unwrap_or_default().to_owned();
    (text("state"), text("node"))
}

#[test]
fn an_upload_is_a_channel_like_any_other() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &options("preview"));
    let broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let node = Mutex::new(FakeNode::new(ingest.http(), "n1", 2.0));
    let epoch = locked(&node).wait_order(JOB, seconds(5));
    wait_until("it says that it starts", seconds(2), || {
        let shown = ingest.channel(JOB);
        assert_eq!(shown["origin"], "rendition");
        assert_eq!(shown["status"]["state"], "waiting");
        shown["status"]["params"]["job_state"] == "starting"
    });
    beating(&[&node], || {
        let sending = locked(&node).send(JOB, epoch, stream(7));
        let status = ingest.wait_receiving(JOB);
        assert_eq!(status["detail"], "");
        let viewer = ingest.watch(PREVIEW);
        wait_mark(&viewer, 7, seconds(5));
        wait_until("its services are known", seconds(5), || {
            let status = ingest.channel(JOB)["status"].take();
            status["services"][0]["name"] == "Test 0007" && status["viewers"] == 1
        });
        wait_until("its rate is known", seconds(5), || {
            ingest.metric("bitrate_bps", &[("channel", JOB)]) > 500_000.0
        });
        assert!(ingest.metric("sent_bytes_total", &[("channel", JOB)]) > 0.0);
        let playlist = |query: &str| ingest.http().get(&format!("/playlist.m3u{query}")).text();
        assert!(playlist("?all=1").contains("/channels/news/preview.ts"));
        assert!(!playlist("").contains("preview"));
        let capture = format!("/api/v1/channels/{JOB}/capture.ts?seconds=1");
        assert_eq!(ingest.http().get(&capture).status(), 200);
        assert_eq!(job_state(&ingest), ("running".to_owned(), "n1".to_owned()));
        // Its state follows its parent's.
        broadcast.fall_silent();
        let status = ingest.wait_status("news", "stopped", "stopped", seconds(5));
        drop(sending);
        let made = ingest.wait_status(JOB, "stopped", "stopped", seconds(5));
        assert_eq!(made["params"]["parent"], "news");
        let detail = made["detail"].as_str().unwrap_or_default();
        let parents = status["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(parents), "{detail}");
        unbroken(&viewer);
    });
}

#[test]
fn output_is_fenced_by_its_epoch() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &options("preview"));
    let _broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let node = Mutex::new(FakeNode::new(ingest.http(), "n1", 2.0));
    let epoch = locked(&node).wait_order(JOB, seconds(5));
    beating(&[&node], || {
        let send = |job: &str, epoch, mark| locked(&node).send(job, epoch, stream(mark));
        assert_eq!(send(JOB, epoch - 1, 1).answered(), 409);
        assert_eq!(send(JOB, epoch + 1, 1).answered(), 409);
        assert_eq!(send("news.720p", epoch, 1).answered(), 404);
        let http = ingest.http();
        let path = format!("/api/v1/jobs/{JOB}/output?epoch={epoch}");
        let put = |kind: &str, body: &[u8]| {
            http.request("PUT", &path, &[("Content-Type", kind)], body)
                .status()
        };
        assert_eq!(put("image/jpeg", b"x"), 415);
        assert_eq!(put("video/mp2t", b"<html>"), 400);
        // A second upload of the same epoch takes over, as after a lost connection.
        let mut first = send(JOB, epoch, 1);
        let viewer = ingest.watch(PREVIEW);
        wait_mark(&viewer, 1, seconds(5));
        let second = locked(&node).send(JOB, epoch, later(2));
        wait_mark(&viewer, 2, seconds(5));
        assert_eq!(first.answered(), 409);
        unbroken(&viewer);
        assert_eq!(marks(&viewer.body()), [1, 2]);
        assert_eq!(second.finish(), 204);
    });
}

#[test]
fn a_node_that_dies_is_replaced_and_viewers_stay() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &options("preview"));
    let _broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let one = Mutex::new(FakeNode::new(ingest.http(), "n1", 2.0));
    let two = Mutex::new(FakeNode::new(ingest.http(), "n2", 2.0));
    let epoch = locked(&one).wait_order(JOB, seconds(5));
    let viewer = beating(&[&one], || {
        let sending = locked(&one).send(JOB, epoch, stream(1));
        let viewer = ingest.watch(PREVIEW);
        wait_mark(&viewer, 1, seconds(5));
        sending.reset();
        viewer
    });
    let fresh = later(2);
    // Its heartbeats have ended as well, at this moment at the latest.
    let died = Instant::now();
    beating(&[&two], || {
        let epoch = wait_for("the other is ordered it", seconds(4), || {
            locked(&two).epoch(JOB)
        });
        let waited = died.elapsed();
        assert!(waited < Duration::from_millis(2500), "{waited:?}");
        let _sending = locked(&two).send(JOB, epoch, fresh);
        wait_mark(&viewer, 2, seconds(3));
        assert!(died.elapsed() < seconds(3));
        unbroken(&viewer);
        assert_eq!(marks(&viewer.body()), [1, 2]);
        assert_eq!(job_state(&ingest), ("running".to_owned(), "n2".to_owned()));
    });
}

#[test]
fn a_node_that_drains_sends_until_the_other_can() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &options("preview"));
    let _broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let one = Mutex::new(FakeNode::new(ingest.http(), "n1", 2.0));
    let two = Mutex::new(FakeNode::new(ingest.http(), "n2", 2.0));
    let epoch = locked(&one).wait_order(JOB, seconds(5));
    beating(&[&one, &two], || {
        let mut old = locked(&one).send(JOB, epoch, stream(1));
        let viewer = ingest.watch(PREVIEW);
        wait_mark(&viewer, 1, seconds(5));
        locked(&one).draining = true;
        let epoch = wait_for("the other is ordered it", seconds(4), || {
            locked(&two).epoch(JOB)
        });
        assert_eq!(job_state(&ingest).0, "handover");
        assert!(
            locked(&one).epoch(JOB).is_some(),
            "the old one has it still"
        );
        viewer.wait_more(30_000, seconds(2));
        let _young = locked(&two).send(JOB, epoch, later(2));
        wait_mark(&viewer, 2, seconds(3));
        assert_eq!(old.answered(), 409);
        assert_eq!(marks(&viewer.body()), [1, 2]);
        unbroken(&viewer);
        wait_until("the old one is released", seconds(3), || {
            locked(&one).orders.is_empty()
        });
    });
}
