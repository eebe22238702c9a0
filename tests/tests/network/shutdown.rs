//! SIGTERM under load: the end comes in order, within the bound, and the wire sees the leave.

use e2e::capture::Capture;
use e2e::check;
use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::{RATE_BPS, Scene};
use e2e::send::{Broadcast, Sender};
use e2e::ts::{PACKET, TestStream};
use e2e::viewer::{End, Viewer};
use e2e::wait::{seconds, wait_until};
use e2e::wrap::Wrap;
use rustix::process::Signal;

const CHANNELS: u16 = 4;
const HALF_SECOND_BYTES: usize = 250_000;

fn group(channel: u16) -> String {
    format!("239.1.1.{channel}:5000")
}

#[test]
fn sigterm_under_load_sends_the_tail_and_leaves_the_groups() {
    if !can_run(&[Need::Namespaces, Need::Tcpdump]) {
        return;
    }
    let scene = Scene::new();
    let mut text = "channels:\n".to_owned();
    for channel in 1..=CHANNELS {
        let url = format!("udp://{}", group(channel));
        text += &format!("- {{id: c{channel}, name: C, inputs: [{{url: '{url}'}}]}}\n");
    }
    let mut ingest = Ingest::start(&scene.node, &Options::new("eth0").channels(&text));
    let broadcast = |channel: u16| {
        scene.wait_joined(&group(channel));
        let stream = TestStream::new(channel, RATE_BPS);
        Sender::new(&scene.source, "eth0", &group(channel)).broadcast(stream, Wrap::Plain)
    };
    let broadcasts: Vec<Broadcast> = (1..=CHANNELS).map(broadcast).collect();
    let mut viewers: Vec<(usize, Viewer)> = Vec::new();
    for index in 0..broadcasts.len() {
        ingest.wait_receiving(&format!("c{}", index + 1));
        for _ in 0..2 {
            let viewer = ingest.watch(&format!("/channels/c{}.ts", index + 1));
            viewers.push((index, viewer));
        }
    }
    for (_, viewer) in &viewers {
        viewer.wait_bytes(HALF_SECOND_BYTES, seconds(10));
    }
    // Input that is never read must not turn the end into a reset, which would lose the tail.
    viewers[0].1.chatter(b"GET /again HTTP/1.1\r\n\r\n");
    let capture = Capture::start(&scene.source, "eth0", "igmp");
    let sent_before: Vec<_> = broadcasts.iter().map(|b| b.sent().len()).collect();
    for (index, sent) in sent_before.iter().enumerate() {
        let id = format!("c{}", index + 1);
        wait_until("it has been received", seconds(5), || {
            let received = ingest.metric("received_bytes_total", &[("channel", &id)]);
            received >= *sent as f64
        });
    }
    assert_eq!(ingest.terminate(), 0);
    for (index, viewer) in &viewers {
        assert_eq!(viewer.wait_end(seconds(2)), End::Fin);
        let (body, sent) = (viewer.body(), broadcasts[*index].sent());
        assert_eq!(body.len() % PACKET, 0, "the end is a packet's end");
        // 100 ms of leeway for what was on its way.
        let reached = check::one_piece_of(&body, &sent).end + 50_000;
        assert!(
            reached > sent_before[*index],
            "the tail is missing: {reached} of {}",
            sent_before[*index]
        );
    }
    for channel in 1..=CHANNELS {
        let left = format!("gaddr 239.1.1.{channel} to_in");
        capture.wait_line(&[&left], seconds(5));
    }
}

#[test]
fn sigint_ends_it_too() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let mut ingest = Ingest::start(&scene.node, &Options::new("eth0"));
    ingest.process.signal(Signal::INT);
    assert_eq!(ingest.process.exit_code(seconds(10)), 0);
}

#[test]
fn a_second_start_after_the_end_finds_the_port_free() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let options = Options::new("eth0").channel(e2e::scene::URL);
    let mut first = Ingest::start(&scene.node, &options);
    let broadcast = scene.broadcast(e2e::scene::GROUP, Wrap::Plain);
    first.wait_receiving("news");
    let viewer = first.watch("/channels/news.ts");
    viewer.wait_bytes(HALF_SECOND_BYTES, seconds(10));
    assert_eq!(first.terminate(), 0);
    assert_eq!(viewer.wait_end(seconds(2)), End::Fin);
    let second = Ingest::start(&scene.node, &options);
    second.wait_receiving("news");
    wait_until("it serves", seconds(5), || {
        second.http().get("/ready").status() == 200
    });
    drop(broadcast);
}
