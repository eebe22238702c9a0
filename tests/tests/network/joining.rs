//! A stream that already runs when it is joined: nothing of it counts as lost.

use e2e::check;
use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::{GROUP, RATE_BPS, Scene, URL};
use e2e::send::Sender;
use e2e::ts::TestStream;
use e2e::wait::{seconds, wait_until};
use e2e::wrap::Wrap;

use crate::multicast::nothing_lost;

const RECORD_BYTES: usize = 1_000_000;

#[test]
fn a_stream_that_is_joined_in_its_midst_has_lost_nothing() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let broadcast = scene.broadcast(GROUP, Wrap::Plain);
    wait_until("it runs", seconds(5), || {
        broadcast.sent().len() > RECORD_BYTES / 5
    });
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let viewer = ingest.watch("/channels/news.ts");
    viewer.wait_bytes(RECORD_BYTES, seconds(10));
    check::one_piece_of(&viewer.body(), &broadcast.sent());
    nothing_lost(&ingest);
}

/// ISO/IEC 13818-1, 2.4.3.3: a first packet only tells where its counter stands.
#[test]
fn a_stream_that_is_joined_at_a_packet_without_payload_has_lost_nothing() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    scene.wait_joined(GROUP);
    let mut stream = TestStream::new(1, RATE_BPS);
    let datagrams: Vec<_> = (0..800).map(|_| stream.take_bytes(7)).collect();
    let clock_alone = |datagram: &Vec<u8>| {
        let packets = check::packets(datagram);
        let first = packets
            .into_iter()
            .find(|packet| check::pid(packet) == 0x101);
        first.is_some_and(|packet| (0x23..0x2e).contains(&packet[3]))
    };
    let start = datagrams.iter().position(clock_alone);
    let start = start.expect("a packet with a PCR alone, its counter not near 0");
    let sender = Sender::new(&scene.source, "eth0", GROUP);
    sender.send_all(&datagrams[start..], std::time::Duration::from_micros(2632));
    wait_until("all is counted", seconds(3), || {
        ingest.metric("received_datagrams_total", &[]) == (800 - start) as f64
    });
    nothing_lost(&ingest);
}
