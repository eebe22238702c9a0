//! In whatever form a stream comes, what is recorded is PAT and PMT, then one piece of what was
//! sent.

use e2e::check;
use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::{GROUP, Scene, URL};
use e2e::wait::seconds;
use e2e::wrap::{Rtp, Wrap};

const RECORD_BYTES: usize = 1_000_000;

/// Receives the usual stream in one form; answers the ingest's say for further questions.
fn recorded_whole(wrap: Wrap, then: impl FnOnce(&Ingest<'_>)) {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let broadcast = scene.broadcast(GROUP, wrap);
    ingest.wait_receiving("news");
    let viewer = ingest.watch("/channels/news.ts");
    viewer.wait_bytes(RECORD_BYTES, seconds(10));
    let body = viewer.body();
    check::one_piece_of(&body, &broadcast.sent());
    assert_eq!(check::continuity_breaks(&body), Vec::<String>::new());
    assert_eq!(ingest.metric("malformed_datagrams_total", &[]), 0.0);
    assert_eq!(ingest.metric("lost_total", &[]), 0.0);
    then(&ingest);
}

fn aligned(ingest: &Ingest<'_>) {
    assert_eq!(ingest.metric("unaligned_datagrams_total", &[]), 0.0);
}

#[test]
fn plain_packets_of_188_bytes() {
    recorded_whole(Wrap::Plain, aligned);
}

#[test]
fn packets_of_204_bytes_lose_their_last_16() {
    recorded_whole(Wrap::ReedSolomon, aligned);
}

#[test]
fn rtp_headers_are_taken_off() {
    recorded_whole(Wrap::Rtp(Rtp::new(65_000, 7)), aligned);
}

#[test]
fn rtp_with_another_payload_type_is_known_by_its_payload() {
    let mut rtp = Rtp::new(1, 7);
    rtp.payload_type = 96;
    recorded_whole(Wrap::Rtp(rtp), aligned);
}

#[test]
fn rtp_with_an_extension() {
    let mut rtp = Rtp::new(1, 7);
    rtp.extension_words = Some(3);
    recorded_whole(Wrap::Rtp(rtp), aligned);
}

#[test]
fn rtp_with_padding() {
    let mut rtp = Rtp::new(1, 7);
    rtp.padding_bytes = 12;
    recorded_whole(Wrap::Rtp(rtp), aligned);
}

#[test]
fn rtp_with_contributing_sources() {
    let mut rtp = Rtp::new(1, 7);
    rtp.contributors = 3;
    recorded_whole(Wrap::Rtp(rtp), aligned);
}

#[test]
fn rtp_with_all_of_them() {
    let mut rtp = Rtp::new(65_400, 7);
    rtp.contributors = 15;
    rtp.extension_words = Some(0);
    rtp.padding_bytes = 1;
    recorded_whole(Wrap::Rtp(rtp), aligned);
}

/// What ffmpeg sends without `pkt_size=1316`.
#[test]
fn datagrams_that_hold_no_whole_packets_are_joined_and_counted() {
    recorded_whole(Wrap::cut(1472), |ingest| {
        let joined = ingest.metric("unaligned_datagrams_total", &[("channel", "news")]);
        assert!(joined > 500.0, "{joined} unaligned datagrams");
        let status = ingest.channel("news")["status"].take();
        let detail = status["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("pkt_size=1316"), "{status}");
    });
}
