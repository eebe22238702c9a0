//! RTP's sequence: put right what can be, count exactly what is missing, and know a restart.

use std::time::Duration;

use e2e::check;
use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::{GROUP, RATE_BPS, Scene};
use e2e::send::Sender;
use e2e::ts::{PACKET, TestStream};
use e2e::wait::{seconds, wait_until};
use e2e::wrap::Rtp;

const URL: &str = "rtp://239.1.1.1:5000";
/// The rate of the test's stream: 7 packets every 2.6 ms.
const PAUSE: Duration = Duration::from_micros(2632);

/// Datagrams with a sequence that begins at `first`, and the TS that each holds.
fn sequence(first: u16, count: usize) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut stream = TestStream::new(1, RATE_BPS);
    let mut rtp = Rtp::new(first, 7);
    let ts: Vec<_> = (0..count).map(|_| stream.take_bytes(7)).collect();
    let datagrams = ts.iter().map(|ts| rtp.wrap(ts)).collect();
    (datagrams, ts)
}

/// Sends `datagrams` to a channel with a viewer from the 300th on; waits until the viewer has the
/// last packet of `expected`, of which the recording must be one piece.
fn relayed(datagrams: &[Vec<u8>], expected: &[u8], then: impl FnOnce(&Ingest<'_>)) {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let sender = Sender::new(&scene.source, "eth0", GROUP);
    sender.send_all(&datagrams[..300], PAUSE);
    let viewer = ingest.watch("/channels/news.ts");
    sender.send_all(&datagrams[300..], PAUSE);
    let last = &expected[expected.len() - PACKET..];
    wait_until("the last packet at the viewer", seconds(5), || {
        viewer.body().ends_with(last)
    });
    let body = viewer.body();
    let piece = check::one_piece_of(&body, expected).len();
    let sent_later = (datagrams.len() - 320) * 7 * PACKET;
    assert!(piece > sent_later * 3 / 4, "{piece} of {sent_later} bytes");
    then(&ingest);
}

fn lost(ingest: &Ingest<'_>, cause: &str) -> f64 {
    ingest.metric("lost_total", &[("channel", "news"), ("cause", cause)])
}

fn nothing_lost(ingest: &Ingest<'_>) {
    for cause in ["network", "kernel", "upstream", "unattributed"] {
        assert_eq!(lost(ingest, cause), 0.0, "{cause}");
    }
}

#[test]
fn swapped_packets_are_put_in_order() {
    let (mut datagrams, ts) = sequence(65_300, 900);
    for at in (320..860).step_by(20) {
        datagrams.swap(at, at + 1);
        datagrams.swap(at + 7, at + 9);
    }
    relayed(&datagrams, &ts.concat(), |ingest| {
        assert_eq!(lost(ingest, "network"), 0.0);
        let labels = [("channel", "news"), ("kind", "reordered")];
        let reordered = ingest.metric("repaired_packets_total", &labels);
        assert!(reordered >= 54.0, "{reordered} reordered");
    });
}

#[test]
fn duplicates_are_dropped_and_counted() {
    let (datagrams, ts) = sequence(65_300, 900);
    let mut sent = Vec::new();
    let mut duplicates = 0;
    for (index, datagram) in datagrams.iter().enumerate() {
        sent.push(datagram.clone());
        if index >= 320 && index % 11 == 0 {
            sent.push(datagram.clone());
            duplicates += 1;
        }
    }
    relayed(&sent, &ts.concat(), |ingest| {
        assert_eq!(lost(ingest, "network"), 0.0);
        let labels = [("channel", "news"), ("kind", "duplicates")];
        let repaired = ingest.channel("news")["status"]["repaired"].take();
        assert_eq!(repaired["duplicates"], duplicates);
        let counted = ingest.metric("repaired_packets_total", &labels);
        assert_eq!(counted, f64::from(duplicates));
    });
}

/// The sequence begins at 65,300 and so wraps at the 236th; the packets before and after the wrap
/// are among the lost.
#[test]
fn loss_is_counted_exactly_over_the_wrap() {
    let (datagrams, ts) = sequence(65_100, 900);
    let lost_one = |index: usize| {
        let single = index >= 320 && index.is_multiple_of(17);
        let burst = (500..530).contains(&index);
        let wrap = (434..438).contains(&index);
        single || burst || wrap
    };
    let kept = |all: &[Vec<u8>]| -> Vec<Vec<u8>> {
        let numbered = all.iter().enumerate();
        let kept = numbered.filter(|(index, _)| !lost_one(*index));
        kept.map(|(_, bytes)| bytes.clone()).collect()
    };
    let missing = (0..900).filter(|index| lost_one(*index)).count();
    relayed(&kept(&datagrams), &kept(&ts).concat(), |ingest| {
        let missing = missing as f64;
        wait_until("the loss is counted", seconds(2), || {
            lost(ingest, "network") >= missing
        });
        assert_eq!(lost(ingest, "network"), missing);
        for cause in ["kernel", "upstream", "unattributed"] {
            assert_eq!(lost(ingest, cause), 0.0, "{cause}: one cause a loss");
        }
        let labels = [("channel", "news"), ("cause", "network"), ("unit", "rtp")];
        assert_eq!(ingest.metric("lost_total", &labels), missing);
    });
}

#[test]
fn a_new_ssrc_is_a_restart_without_loss() {
    let (mut datagrams, ts) = sequence(500, 900);
    let mut rtp = Rtp::new(40_000, 8);
    for index in 600..900 {
        datagrams[index] = rtp.wrap(&ts[index]);
    }
    relayed(&datagrams, &ts.concat(), |ingest| {
        assert_eq!(ingest.metric("source_restarts_total", &[]), 1.0);
        nothing_lost(ingest);
        let events = ingest.http().get("/api/v1/events.json").text();
        assert!(events.contains("source_restarted"), "{events}");
    });
}

#[test]
fn another_senders_packets_among_ours_are_dropped_and_told() {
    let (datagrams, ts) = sequence(500, 900);
    let mut other = Rtp::new(40_000, 8);
    let mut stream = TestStream::new(2, RATE_BPS);
    let mut sent = datagrams.clone();
    for at in (400..800).step_by(10) {
        sent.insert(at, other.wrap(&stream.take_bytes(7)));
    }
    relayed(&sent, &ts.concat(), |ingest| {
        assert_eq!(ingest.metric("source_restarts_total", &[]), 0.0);
        assert_eq!(ingest.metric("malformed_datagrams_total", &[]), 40.0);
        nothing_lost(ingest);
        let events = ingest.http().get("/api/v1/events.json").text();
        assert!(events.contains("second_sender"), "{events}");
    });
}

/// Further behind than any order can be put right, but a single packet: it is not spliced in.
#[test]
fn a_packet_from_long_ago_is_dropped_and_no_restart() {
    let (datagrams, ts) = sequence(65_300, 900);
    let mut sent = datagrams.clone();
    for at in [600, 700, 800] {
        sent.insert(at, datagrams[at - 250].clone());
    }
    relayed(&sent, &ts.concat(), |ingest| {
        assert_eq!(ingest.metric("source_restarts_total", &[]), 0.0);
        nothing_lost(ingest);
    });
}

/// The same SSRC begins at a lower number: no byte of it is missing.
#[test]
fn a_sequence_that_begins_anew_behind_itself_is_a_restart_without_loss() {
    let (mut datagrams, ts) = sequence(5000, 900);
    let mut rtp = Rtp::new(100, 7);
    for index in 600..900 {
        datagrams[index] = rtp.wrap(&ts[index]);
    }
    relayed(&datagrams, &ts.concat(), |ingest| {
        assert_eq!(ingest.metric("source_restarts_total", &[]), 1.0);
        nothing_lost(ingest);
    });
}
