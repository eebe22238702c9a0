//! Garbage, truncated and foreign datagrams: counted by cause, and not one byte forwarded.

use std::time::Duration;

use e2e::check;
use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::{GROUP, RATE_BPS, Scene, URL};
use e2e::send::{Broadcast, Sender};
use e2e::ts::{PACKET, TestStream};
use e2e::wait::{seconds, wait_until};
use e2e::wrap::{Rtp, Wrap};

const RECORD_BYTES: usize = 600_000;
const PAUSE: Duration = Duration::from_millis(5);

/// Sends `noise` amid the usual stream; answers what was recorded and what should have been.
fn amid_a_stream(wrap: Wrap, noise: &[Vec<u8>], then: impl FnOnce(&Ingest<'_>)) {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let broadcast: Broadcast = scene.broadcast(GROUP, wrap);
    ingest.wait_receiving("news");
    let viewer = ingest.watch("/channels/news.ts");
    viewer.wait_bytes(RECORD_BYTES / 2, seconds(10));
    Sender::new(&scene.source, "eth0", GROUP).send_all(noise, PAUSE);
    viewer.wait_more(RECORD_BYTES / 2, seconds(10));
    let body = viewer.body();
    check::one_piece_of(&body, &broadcast.sent());
    then(&ingest);
}

fn malformed(ingest: &Ingest<'_>) -> f64 {
    ingest.metric("malformed_datagrams_total", &[("channel", "news")])
}

/// Bytes without a plan, the same at every run.
fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(step).collect()
}

fn garbage() -> Vec<Vec<u8>> {
    let mut all: Vec<_> = (0..40).map(|seed| noise(1316, seed)).collect();
    for datagram in &mut all {
        // Neither TS (0x47) nor RTP (top bits 10).
        datagram[0] &= 0x3f;
        datagram[0] |= 0x08;
    }
    all.push(b"GET / HTTP/1.1\r\n\r\n".to_vec());
    all.push(vec![0]);
    all.push(vec![0; 1316]);
    all.push(vec![0xff; 1316]);
    all
}

#[test]
fn garbage_amid_a_plain_stream_is_counted_and_not_forwarded() {
    let garbage = garbage();
    let count = garbage.len() as f64;
    amid_a_stream(Wrap::Plain, &garbage, |ingest| {
        assert_eq!(malformed(ingest), count);
    });
}

#[test]
fn garbage_amid_an_rtp_stream_is_counted_and_not_forwarded() {
    let mut garbage = garbage();
    // An RTP header with something else behind it, a header cut short, one whose extension and
    // one whose padding is longer than the datagram.
    let head = Rtp::new(9, 9).wrap(&[]);
    garbage.push([head.as_slice(), &noise(1316, 5)].concat());
    garbage.push(head[..8].to_vec());
    garbage.push(vec![
        0x90, 33, 0, 9, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0xff, 0xff,
    ]);
    garbage.push(vec![0xa0, 33, 0, 9, 0, 0, 0, 0, 0, 0, 0, 9, 0x47, 200]);
    let count = garbage.len() as f64;
    amid_a_stream(Wrap::Rtp(Rtp::new(100, 7)), &garbage, |ingest| {
        assert_eq!(malformed(ingest), count);
        assert_eq!(ingest.metric("lost_total", &[]), 0.0);
    });
}

#[test]
fn truncated_datagrams_are_counted_and_not_forwarded() {
    let whole = TestStream::new(2, RATE_BPS).take_bytes(7);
    let cut: Vec<_> = [1, 100, PACKET - 1, PACKET + 1, 1000, 1315]
        .into_iter()
        .map(|length| whole[..length].to_vec())
        .collect();
    let count = cut.len() as f64;
    amid_a_stream(Wrap::Plain, &cut, |ingest| {
        let unaligned = ingest.metric("unaligned_datagrams_total", &[]);
        assert_eq!(malformed(ingest) + unaligned, count);
    });
}

#[test]
fn a_stray_datagram_of_another_kind_is_not_spliced_in() {
    let ts = TestStream::new(2, RATE_BPS).take_bytes(7);
    let stray = [Rtp::new(1, 1).wrap(&ts)];
    amid_a_stream(Wrap::Plain, &stray, |ingest| {
        assert_eq!(malformed(ingest), 1.0);
    });
    let stray = [ts];
    amid_a_stream(Wrap::Rtp(Rtp::new(1, 1)), &stray, |ingest| {
        assert_eq!(malformed(ingest), 1.0);
    });
}

#[test]
fn a_packet_with_a_bad_sync_byte_goes_alone_and_its_neighbours_stay() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let sender = Sender::new(&scene.source, "eth0", GROUP);
    let mut stream = TestStream::new(1, RATE_BPS);
    let mut datagrams: Vec<_> = (0..600).map(|_| stream.take_bytes(7)).collect();
    let mut expected = Vec::new();
    for (index, datagram) in datagrams.iter_mut().enumerate() {
        let broken = (index >= 300 && index % 40 == 0).then_some(3 * PACKET);
        match broken {
            Some(at) => {
                datagram[at] = 0x46;
                expected.extend_from_slice(&datagram[..at]);
                expected.extend_from_slice(&datagram[at + PACKET..]);
            }
            None => expected.extend_from_slice(datagram),
        }
    }
    sender.send_all(&datagrams[..200], Duration::from_millis(2));
    let viewer = ingest.watch("/channels/news.ts");
    sender.send_all(&datagrams[200..], Duration::from_millis(2));
    let last = &expected[expected.len() - PACKET..];
    wait_until("the last packet at the viewer", seconds(5), || {
        viewer.body().ends_with(last)
    });
    check::one_piece_of(&viewer.body(), &expected);
}

#[test]
fn what_is_no_transport_stream_is_said_to_be_none() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    scene.wait_joined(GROUP);
    let sender = Sender::new(&scene.source, "eth0", GROUP);
    let garbage = garbage();
    let viewer = ingest.watch("/channels/news.ts");
    sender.send_all(garbage.iter().cycle().take(600), PAUSE);
    ingest.wait_status("news", "waiting", "not_ts", seconds(1));
    wait_until("all are counted", seconds(2), || {
        malformed(&ingest) == 600.0
    });
    assert!(viewer.is_empty(), "{} bytes of garbage", viewer.len());
}
