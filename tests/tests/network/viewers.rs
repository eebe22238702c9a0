//! Viewers that come late, read slowly, or vanish.

use e2e::check;
use e2e::gate::{Need, can_run};
use e2e::host::Host;
use e2e::http::Http;
use e2e::ingest::{Ingest, Options, PORT};
use e2e::scene::{GROUP, RATE_BPS, Scene, URL};
use e2e::send::Sender;
use e2e::ts::TestStream;
use e2e::viewer::{End, Viewer};
use e2e::wait::{seconds, wait_until};
use e2e::wrap::Wrap;

/// A viewer's receive buffer that is soon full.
const SMALL_BYTES: usize = 16 << 10;
/// The rate at which a slow viewer is overtaken within seconds.
const FAST_BPS: u64 = 4 * RATE_BPS;

/// The history (1 s), the send buffer (4 MB, `net.ipv4.tcp_wmem`) and as much again.
const OVERTAKEN_BYTES: usize = 12_000_000;

/// Half a second at the usual rate.
const HALF_SECOND_BYTES: usize = 250_000;

#[test]
fn a_late_viewer_begins_with_tables_and_a_random_access_point_from_memory() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    wait_until("two seconds were sent", seconds(10), || {
        broadcast.sent().len() > 4 * HALF_SECOND_BYTES
    });
    // Nothing more is sent: what comes now comes from memory.
    let sent = broadcast.stop();
    let viewer = ingest.watch("/channels/news.ts");
    viewer.wait_bytes(20_000, seconds(2));
    let last = &sent[sent.len() - e2e::ts::PACKET..];
    wait_until("all that there is", seconds(2), || {
        viewer.body().ends_with(last)
    });
    check::one_piece_of(&viewer.body(), &sent);
}

#[test]
fn a_viewer_who_wants_it_live_begins_with_the_newest_byte() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let before = broadcast.sent().len();
    let viewer = ingest.watch("/channels/news.ts?start=live");
    viewer.wait_bytes(HALF_SECOND_BYTES, seconds(10));
    let sent = broadcast.sent();
    let body = viewer.body();
    check::any_piece_of(&body, &sent);
    let first = check::packets(&body);
    let known = first.iter().find(|packet| check::pid(packet) == 0x101);
    let known = known.expect("a video packet");
    let mut all = sent.chunks_exact(e2e::ts::PACKET);
    let at = all.position(|packet| packet == *known).expect("sent") * e2e::ts::PACKET;
    // 100 ms of leeway for what was on its way.
    assert!(at + 50_000 > before, "it began {} bytes ago", before - at);
}

struct Slow {
    scene: Scene,
    options: Options,
}

fn slow(policy: &str) -> Slow {
    let text = format!(
        "channels:\n- {{id: news, name: News, inputs: [{{url: '{URL}'}}], slow_viewer: {policy}}}\n"
    );
    let scene = Scene::new();
    // A segment fits the small window: it opens when it is read, not when a timer of TCP says so.
    scene.node.ip("link set lo mtu 1500");
    Slow {
        scene,
        options: Options::new("eth0")
            .channels(&text)
            .with("--history-ms 1000"),
    }
}

#[test]
fn a_slow_viewer_stays_and_goes_on_at_a_random_access_point() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let slow = slow("skip");
    let ingest = Ingest::start(&slow.scene.node, &slow.options);
    let broadcast = Sender::new(&slow.scene.source, "eth0", GROUP)
        .broadcast(TestStream::new(1, FAST_BPS), Wrap::Plain);
    ingest.wait_receiving("news");
    let quick = ingest.watch("/channels/news.ts");
    let viewer = Viewer::with_buffer(&ingest.http(), "/channels/news.ts", Some(SMALL_BYTES));
    viewer.wait_bytes(HALF_SECOND_BYTES, seconds(10));
    viewer.pause();
    let labels = [("channel", "news")];
    // More than history and the kernel's buffers hold: it is overtaken.
    let paused = broadcast.sent().len();
    wait_until("it is overtaken", seconds(25), || {
        broadcast.sent().len() > paused + OVERTAKEN_BYTES
    });
    viewer.resume();
    wait_until("bytes are skipped and counted", seconds(10), || {
        ingest.metric("viewer_skipped_bytes_total", &labels) > 0.0
    });
    viewer.wait_more(4 * HALF_SECOND_BYTES, seconds(20));
    assert_eq!(viewer.end(), None, "it stays connected");
    let (body, skipped) = (
        viewer.body(),
        ingest.metric("viewer_skipped_bytes_total", &labels),
    );
    let all = quick.body();
    let sent = broadcast.sent();
    let pieces = check::pieces_of(&body, &sent);
    assert!(pieces >= 2, "{pieces} pieces: it was not overtaken");
    assert!(skipped > 0.0);
    check::one_piece_of(&all, &sent);
    let list = ingest.http().get("/api/v1/channels/news/viewers").json();
    let text = list.to_string();
    let named = text.matches("skipped_bytes").count();
    assert_eq!(named, 2, "{text}");
}

#[test]
fn a_slow_viewer_is_closed_where_the_channel_says_so() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let slow = slow("disconnect");
    let ingest = Ingest::start(&slow.scene.node, &slow.options);
    let broadcast = Sender::new(&slow.scene.source, "eth0", GROUP)
        .broadcast(TestStream::new(1, FAST_BPS), Wrap::Plain);
    ingest.wait_receiving("news");
    let viewer = Viewer::with_buffer(&ingest.http(), "/channels/news.ts", Some(SMALL_BYTES));
    viewer.wait_bytes(HALF_SECOND_BYTES, seconds(10));
    viewer.pause();
    wait_until("it is closed", seconds(25), || {
        ingest.metric("viewers", &[("channel", "news")]) == 0.0
    });
    let closed = ingest.metric("viewers_closed_total", &[("reason", "slow")]);
    assert_eq!(closed, 1.0);
    viewer.resume();
    viewer.wait_end(seconds(5));
    check::one_piece_of(&viewer.body(), &broadcast.sent());
}

#[test]
fn a_viewer_that_vanishes_is_forgotten_and_the_others_are_unharmed() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let far: Host = scene.viewer_host();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let address = ([10, 0, 2, 2], PORT).into();
    let vanishing = Viewer::open(&Http::new(&far, address), "/channels/news.ts");
    let other = ingest.watch("/channels/news.ts");
    vanishing.wait_bytes(HALF_SECOND_BYTES, seconds(10));
    wait_until("both are counted", seconds(5), || {
        ingest.metric("viewers", &[("channel", "news")]) == 2.0
    });
    // No FIN, no RST: as a power cut.
    far.ip("link set eth0 down");
    wait_until("one is left", seconds(45), || {
        ingest.metric("viewers", &[("channel", "news")]) == 1.0
    });
    assert_eq!(other.end(), None);
    check::one_piece_of(&other.body(), &broadcast.sent());
}

#[test]
fn a_viewer_stays_over_a_silence_and_loses_nothing() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let viewer = ingest.watch("/channels/news.ts");
    viewer.wait_bytes(HALF_SECOND_BYTES, seconds(10));
    broadcast.fall_silent();
    ingest.wait_status("news", "stopped", "stopped", seconds(5));
    broadcast.go_on();
    viewer.wait_more(2 * HALF_SECOND_BYTES, seconds(10));
    assert_eq!(viewer.end(), None);
    check::one_piece_of(&viewer.body(), &broadcast.sent());
}

#[test]
fn a_viewer_without_data_is_closed_in_the_end() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let options = Options::new("eth0").channel(URL).with("--viewer-idle-s 2");
    let ingest = Ingest::start(&scene.node, &options);
    let broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let viewer = ingest.watch("/channels/news.ts");
    viewer.wait_bytes(HALF_SECOND_BYTES, seconds(10));
    broadcast.fall_silent();
    assert_eq!(viewer.wait_end(seconds(6)), End::Fin);
}
