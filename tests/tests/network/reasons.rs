//! What goes wrong with a stream that comes, made for real: said within three seconds, with what to
//! do, and `ok` within three seconds after the mend. What goes wrong with one that does not come is
//! in `nics`, `silence` and `probe`.

use std::time::Duration;

use e2e::check;
use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options, VERDICT};
use e2e::loss::Loss;
use e2e::scene::{GROUP, RATE_BPS, Scene, URL};
use e2e::send::{Broadcast, Damage, Sender};
use e2e::ts::{PACKET, PID_VIDEO, TestStream, null};
use e2e::wait::{seconds, wait_until};
use e2e::wrap::{Rtp, Wrap};

/// A verdict is said with its sentence, as an event, and as a metric.
#[track_caller]
fn said(ingest: &Ingest<'_>, state: &str, reason: &str, sentence: &str) {
    let status = ingest.wait_status("news", state, reason, VERDICT);
    let detail = status["detail"].as_str().unwrap_or_default();
    assert!(detail.contains(sentence), "what to do: {status}");
    assert_eq!(status["params"]["interface"], "eth0", "{status}");
    let labels = [("channel", "news"), ("reason", reason)];
    assert_eq!(ingest.metric("channel_reason", &labels), 1.0);
    told(ingest, reason);
}

/// The event follows the status.
#[track_caller]
fn told(ingest: &Ingest<'_>, reason: &str) {
    let event = format!("\"kind\":\"channel_state\",\"channel\":\"news\",\"reason\":\"{reason}\"");
    wait_until(&event, seconds(1), || events(ingest).contains(&event));
}

fn events(ingest: &Ingest<'_>) -> String {
    ingest.http().get("/api/v1/events.json").text()
}

#[track_caller]
fn well_again(ingest: &Ingest<'_>) {
    ingest.wait_status("news", "receiving", "ok", VERDICT);
    told(ingest, "ok");
}

fn rtp() -> Wrap {
    Wrap::Rtp(Rtp::new(65_000, 7))
}

/// Sends a stream that is well, then damaged, then well again.
fn damaged(wrap: Wrap, damage: Damage, state: &str, reason: &str, sentence: &str) {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let sender = Sender::new(&scene.source, "eth0", GROUP);
    let broadcast = sender.broadcast_damaged(TestStream::new(1, RATE_BPS), wrap, damage);
    broadcast.mend();
    ingest.wait_receiving("news");
    broadcast.damage();
    said(&ingest, state, reason, sentence);
    broadcast.mend();
    well_again(&ingest);
}

/// An encoder that loses a packet of its picture now and then.
fn lose_packets(number: usize, ts: &mut [u8]) {
    let picture = |packet: &&mut [u8]| check::pid(packet) == PID_VIDEO && packet[3] & 0x30 == 0x10;
    if number.is_multiple_of(10)
        && let Some(packet) = ts.chunks_exact_mut(PACKET).find(picture)
    {
        packet.copy_from_slice(&null());
    }
}

#[test]
fn a_source_that_damages_its_own_continuity_is_told_from_the_network() {
    damaged(
        rtp(),
        lose_packets,
        "degraded",
        "upstream_errors",
        "the source itself loses them",
    );
}

#[test]
fn without_sequence_numbers_the_encoder_is_not_blamed() {
    damaged(
        Wrap::Plain,
        lose_packets,
        "degraded",
        "loss_before_nic",
        "RTP would tell which",
    );
}

#[test]
fn a_stream_of_which_all_packets_are_scrambled_is_said_to_be() {
    damaged(
        Wrap::Plain,
        |_, ts| {
            for packet in ts.chunks_exact_mut(PACKET) {
                packet[3] |= 0x80;
            }
        },
        "degraded",
        "scrambled",
        "players need the key",
    );
}

/// On plain TS too: what came in a datagram was not changed by the network.
#[test]
fn a_stream_that_is_damaged_with_nothing_lost_is_the_sources_fault() {
    damaged(
        Wrap::Plain,
        |number, ts| {
            let picture = |packet: &&mut [u8]| check::pid(packet) == PID_VIDEO;
            if number.is_multiple_of(10)
                && let Some(packet) = ts.chunks_exact_mut(PACKET).find(picture)
            {
                // transport_error_indicator
                packet[1] |= 0x80;
            }
        },
        "degraded",
        "upstream_errors",
        "the stream itself is damaged (transport_error)",
    );
}

/// One packet in a hundred is lost on the path.
fn lossy_path(wrap: Wrap, reason: &str, sentence: &str) {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let _broadcast: Broadcast = scene.broadcast(GROUP, wrap);
    ingest.wait_receiving("news");
    let loss = Loss::percent(&scene.source);
    said(&ingest, "degraded", reason, sentence);
    assert!(loss.end() > 0);
    well_again(&ingest);
    let blamed = ingest.channel("news")["status"]["lost"].take();
    assert_eq!(blamed["upstream"], 0, "{blamed}");
    assert_eq!(blamed["kernel"], 0, "{blamed}");
    assert!(!events(&ingest).contains("upstream_errors"));
}

#[test]
fn a_path_that_loses_rtp_is_told() {
    lossy_path(rtp(), "network_loss", "switches and cables on the way");
}

#[test]
fn a_path_that_loses_plain_ts_is_not_told_from_the_encoder() {
    lossy_path(Wrap::Plain, "loss_before_nic", "RTP would tell which");
}

#[test]
fn a_burst_for_which_the_buffer_is_too_small_is_told_with_the_setting_to_raise() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    for mut wrap in [Wrap::Plain, rtp()] {
        let scene = Scene::new();
        let small = Options::new("eth0").with("--receive-buffer-kb 64");
        let ingest = Ingest::start(&scene.node, &small.channel(URL));
        let sender = Sender::new(&scene.source, "eth0", GROUP);
        // Slow, so that the small buffer does for all but the burst.
        let mut stream = TestStream::new(1, 1_000_000);
        let mut next = |count: usize| -> Vec<Vec<u8>> {
            (0..count).map(|_| wrap.next(&mut stream).0).collect()
        };
        sender.send_all(&next(100), Duration::from_millis(5));
        ingest.wait_receiving("news");
        sender.send_all(&next(2000), Duration::ZERO);
        let _broadcast = sender.broadcast(stream, wrap);
        said(&ingest, "degraded", "kernel_drops", "net.core.rmem_max");
        let params = ingest.channel("news")["status"]["params"].take();
        assert_eq!(params["granted_kib"], "128", "{params}");
        well_again(&ingest);
        let blamed = ingest.channel("news")["status"]["lost"].take();
        // How many depends on how fast this machine sends; in plain TS several may count as one.
        assert!(blamed["kernel"].as_u64() > Some(0), "{blamed}");
        for other in ["network", "upstream", "unattributed"] {
            assert_eq!(blamed[other], 0, "{other}: {blamed}");
        }
    }
}

#[test]
fn a_text_file_sent_as_datagrams_is_no_ts_and_fills_no_log() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let sender = Sender::new(&scene.source, "eth0", GROUP);
    let stream = TestStream::new(1, RATE_BPS);
    let text: Damage = |number, bytes| {
        let line = format!("{number}: It was a dark and stormy night.\n");
        let text = line.bytes().cycle();
        bytes.iter_mut().zip(text).for_each(|(to, from)| *to = from);
    };
    ingest.wait_status("news", "waiting", "never_received", VERDICT);
    let broadcast = sender.broadcast_damaged(stream, Wrap::Plain, text);
    said(
        &ingest,
        "waiting",
        "not_ts",
        "look at what the source sends",
    );
    let labels = [("channel", "news")];
    wait_until("hundreds have come", VERDICT, || {
        ingest.metric("malformed_datagrams_total", &labels) > 500.0
    });
    let lines = ingest.process.log().lines().count();
    assert!(lines < 30, "{}", ingest.process.log());
    broadcast.mend();
    well_again(&ingest);
}
