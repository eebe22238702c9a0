//! Loss on the path and at our own socket: each packet under one cause, to the exact number. A packet
//! filter in the source's host drops and counts; a process that is stopped leaves its socket full.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use e2e::check;
use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::loss::Loss;
use e2e::scene::{GROUP, Scene, URL};
use e2e::send::Sender;
use e2e::ts::{PACKET, TestStream};
use e2e::wait::{seconds, wait_until};
use e2e::wrap::{Rtp, Wrap};
use rustix::process::Signal;

const BPS: u64 = 10_000_000;
/// Seven packets at that rate.
const PAUSE: Duration = Duration::from_micros(1053);
/// At the beginning and at the end nothing is lost: what precedes the first packet, or follows the
/// last, nobody can miss.
const SPARED: usize = 100;
/// The wrap is at the 536th.
const FIRST: u16 = 65_000;

/// A stream in datagrams, and how many it has sent or had dropped on the way.
struct Feed {
    sender: Sender,
    stream: TestStream,
    wrap: Wrap,
    count: usize,
}

impl Feed {
    /// To an ingest that has joined.
    fn new(scene: &Scene, wrap: Wrap) -> Self {
        scene.wait_joined(GROUP);
        Self {
            sender: Sender::new(&scene.source, "eth0", GROUP),
            stream: TestStream::new(1, BPS),
            wrap,
            count: 0,
        }
    }

    fn rtp(scene: &Scene) -> Self {
        Self::new(scene, Wrap::Rtp(Rtp::new(FIRST, 7)))
    }

    /// Answers the TS of what was sent.
    fn send(&mut self, count: usize, pause: Duration) -> Vec<u8> {
        let next = |_| self.wrap.next(&mut self.stream);
        let (datagrams, ts): (Vec<_>, Vec<_>) = (0..count).map(next).unzip();
        self.sender.send_all(&datagrams, pause);
        self.count += count;
        ts.concat()
    }
}

fn lost(ingest: &Ingest<'_>, cause: &str) -> u64 {
    let lost = ingest.channel("news")["status"]["lost"].take();
    lost[cause].as_u64().expect("a number")
}

fn received(ingest: &Ingest<'_>) -> u64 {
    let received = ingest.channel("news")["status"]["received"].take();
    received["datagrams"].as_u64().expect("a number")
}

/// Nothing is lost but what is `known`, each under its cause; told within a second.
#[track_caller]
fn lost_only(ingest: &Ingest<'_>, known: &[(&str, u64)]) {
    wait_until("all that is lost is counted", seconds(1), || {
        known
            .iter()
            .all(|(cause, count)| lost(ingest, cause) >= *count)
    });
    for cause in ["network", "kernel", "upstream", "unattributed"] {
        let known = known.iter().find(|(known, _)| *known == cause);
        let count = known.map_or(0, |(_, count)| *count);
        assert_eq!(lost(ingest, cause), count, "{cause}");
    }
}

#[track_caller]
fn wait_received(ingest: &Ingest<'_>, count: u64) {
    wait_until("what was not lost is received", seconds(5), || {
        received(ingest) >= count
    });
    assert_eq!(received(ingest), count);
}

#[test]
fn random_loss_of_rtp_is_counted_as_the_rule_counts_it() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let mut source = Feed::rtp(&scene);
    source.send(SPARED, PAUSE);
    let loss = Loss::percent(&scene.source);
    source.send(3000, PAUSE);
    let dropped = loss.end();
    source.send(SPARED, PAUSE);
    assert!(dropped > 5, "{dropped}: no loss to speak of");
    lost_only(&ingest, &[("network", dropped)]);
    wait_received(&ingest, source.count as u64 - dropped);
    assert_eq!(ingest.metric("source_restarts_total", &[]), 0.0);
}

/// PIDs whose continuity can be followed.
fn counted_pids(recording: &[u8]) -> HashSet<u16> {
    check::packets(recording)
        .into_iter()
        .filter(|packet| packet[3] & 0x10 != 0)
        .map(check::pid)
        .filter(|pid| *pid != e2e::ts::PID_NULL)
        .collect()
}

/// Packets that a recording's continuity counters show to be missing: a lower bound.
fn missing(recording: &[u8]) -> u64 {
    let mut last: HashMap<u16, u8> = HashMap::new();
    let mut missing = 0;
    for packet in check::packets(recording) {
        let (pid, counter) = (check::pid(packet), packet[3] & 15);
        if pid == e2e::ts::PID_NULL || packet[3] & 0x10 == 0 {
            continue;
        }
        if let Some(before) = last.insert(pid, counter) {
            missing += u64::from(counter.wrapping_sub(before).wrapping_sub(1) & 15);
        }
    }
    missing
}

/// Without sequence numbers nobody can say who lost it, and how much only at the least.
#[test]
fn random_loss_of_plain_ts_is_nobodys_and_a_lower_bound() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let mut source = Feed::new(&scene, Wrap::Plain);
    let sent = counted_pids(&source.send(SPARED, PAUSE));
    let viewer = ingest.watch("/channels/news.ts?start=live");
    // What is lost before a PID's first packet in the recording, the recording does not show.
    wait_until("the viewer has seen every PID", seconds(10), || {
        source.send(SPARED, PAUSE);
        counted_pids(&viewer.body()) == sent
    });
    let loss = Loss::percent(&scene.source);
    source.send(3000, PAUSE);
    let dropped = loss.end();
    let tail = source.send(SPARED, PAUSE);
    assert!(dropped > 5, "{dropped}: no loss to speak of");
    wait_until("the last packet at the viewer", seconds(5), || {
        viewer.body().ends_with(&tail[tail.len() - PACKET..])
    });
    let shown = missing(&viewer.body());
    assert!(shown > dropped && shown <= dropped * 7, "{shown} packets");
    lost_only(&ingest, &[("unattributed", shown)]);
}

/// `count` datagrams are lost at once, and a viewer watches.
fn burst(count: u16, then: impl FnOnce(&Ingest<'_>)) {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let mut source = Feed::rtp(&scene);
    let mut expected = source.send(300, PAUSE);
    let viewer = ingest.watch("/channels/news.ts");
    expected.extend(source.send(SPARED, PAUSE));
    let loss = Loss::burst(&scene.source, count);
    source.send(usize::from(count), Duration::ZERO);
    assert_eq!(loss.end(), u64::from(count));
    expected.extend(source.send(300, PAUSE));
    wait_until("the last packet at the viewer", seconds(5), || {
        viewer
            .body()
            .ends_with(&expected[expected.len() - PACKET..])
    });
    check::one_piece_of(&viewer.body(), &expected);
    then(&ingest);
}

#[test]
fn a_burst_of_2999_is_loss() {
    burst(2999, |ingest| {
        lost_only(ingest, &[("network", 2999)]);
        assert_eq!(ingest.metric("source_restarts_total", &[]), 0.0);
    });
}

#[test]
fn a_burst_of_3001_is_a_restart_without_loss() {
    burst(3001, |ingest| {
        lost_only(ingest, &[]);
        assert_eq!(ingest.metric("source_restarts_total", &[]), 1.0);
    });
}

/// Sends more at once than fits into the socket of an ingest that is stopped meanwhile.
fn overrun(ingest: &Ingest<'_>, source: &mut Feed) {
    ingest.process.signal(Signal::STOP);
    source.send(1500, Duration::ZERO);
    ingest.process.signal(Signal::CONT);
}

/// Room for some hundred datagrams: enough for any stall of a busy machine, not for an overrun.
const BUFFER: &str = "--receive-buffer-kb 512";

#[test]
fn the_network_and_the_kernel_lose_each_under_its_name() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let options = Options::new("eth0").channel(URL).with(BUFFER);
    let ingest = Ingest::start(&scene.node, &options);
    let mut source = Feed::rtp(&scene);
    let mut dropped = 0;
    source.send(SPARED, PAUSE);
    for _ in 0..2 {
        let loss = Loss::percent(&scene.source);
        source.send(1000, PAUSE);
        dropped += loss.end();
        source.send(SPARED, PAUSE);
        overrun(&ingest, &mut source);
        source.send(SPARED, PAUSE);
    }
    assert!(dropped > 3, "{dropped}: no loss to speak of");
    // What came behind the last overrun has been received when its loss is counted.
    wait_until("the last gap is counted", seconds(3), || {
        let lost = lost(&ingest, "kernel") + lost(&ingest, "network");
        received(&ingest) + lost == source.count as u64
    });
    let kernel = source.count as u64 - dropped - received(&ingest);
    assert!(kernel > 1000, "{kernel}: the socket was not full");
    lost_only(&ingest, &[("network", dropped), ("kernel", kernel)]);
}

#[test]
fn what_the_kernel_dropped_last_is_counted_though_nothing_follows() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    for rtp in [true, false] {
        let scene = Scene::new();
        let options = Options::new("eth0").channel(URL).with(BUFFER);
        let ingest = Ingest::start(&scene.node, &options);
        let mut source = if rtp {
            Feed::rtp(&scene)
        } else {
            Feed::new(&scene, Wrap::Plain)
        };
        let head = source.send(SPARED, PAUSE).len() / PACKET / 7;
        wait_received(&ingest, head as u64);
        overrun(&ingest, &mut source);
        let dropped = || source.count as u64 - received(&ingest);
        // Nothing is left in the socket once both make up all.
        wait_until("the loss is counted", seconds(3), || {
            received(&ingest) + lost(&ingest, "kernel") == source.count as u64
        });
        assert!(dropped() > 500, "{}: the socket was not full", dropped());
        lost_only(&ingest, &[("kernel", dropped())]);
        // The source goes on after all: that shows the gap, and it is not counted again.
        let before = received(&ingest);
        source.send(SPARED, PAUSE);
        wait_received(&ingest, before + SPARED as u64);
        let dropped = source.count as u64 - received(&ingest);
        lost_only(&ingest, &[("kernel", dropped)]);
    }
}
