//! A real player: ffmpeg decodes what the relay gives, and complains of nothing. Its own streams
//! (constant rate, as an encoder sends them) cross too: plain, RTP, and with its default datagram
//! size, which holds no whole packets.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use e2e::binaries::Profile;
use e2e::gate::{Need, can_run};
use e2e::host::Host;
use e2e::ingest::{Ingest, Options};
use e2e::process::{Process, Program};
use e2e::scene::{Scene, URL};
use e2e::source;
use e2e::wait::seconds;

/// Words of a player's complaint.
const COMPLAINTS: [&str; 8] = [
    "error",
    "discontinu",
    "corrupt",
    "invalid",
    "missing",
    "non-existing",
    "concealing",
    "non-monoton",
];

/// The stream of an encoder at a constant rate, a PCR each 20 ms; its options before the output.
const ENCODER: &str = "-hide_banner -nostdin -v warning -re -f lavfi -i testsrc2=size=1280x720:rate=25 \
    -f lavfi -i sine=frequency=1000:sample_rate=48000 -map 0:v -map 1:a \
    -c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g 25 \
    -b:v 5M -minrate 5M -maxrate 5M -bufsize 2.5M -x264-params nal-hrd=cbr:force-cfr=1 \
    -c:a aac -b:a 128k -muxrate 8M -pcr_period 20 -pat_period 0.1 -sdt_period 0.5";

/// One at a time: an encoder and a decoder fill two cores.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ffmpeg(host: &Host, arguments: &str) -> Process {
    let words = arguments.split_whitespace();
    Program::new(host, "ffmpeg").args(words).start()
}

/// Plays ten seconds; ffmpeg must decode them all and say nothing against them.
fn plays(scene: &Scene, url: &str) {
    let arguments = format!("-hide_banner -nostdin -v warning -stats -i {url} -t 10 -f null -");
    let mut player = ffmpeg(&scene.node, &arguments);
    let code = player.exit_code(Duration::from_secs(40));
    let log = player.log();
    assert_eq!(code, 0, "{log}");
    let complaint = log.lines().find(|line| {
        let line = line.to_lowercase();
        COMPLAINTS.iter().any(|word| line.contains(word))
    });
    assert_eq!(complaint, None, "{log}");
    let frames = log.rsplit("frame=").next().unwrap_or_default();
    let frames = frames.split_whitespace().next().unwrap_or_default();
    let frames: u32 = frames.parse().unwrap_or_default();
    assert!((245..=255).contains(&frames), "{frames} pictures: {log}");
}

fn plays_ffmpegs(output: &str, then: impl FnOnce(&Ingest<'_>)) {
    if !can_run(&[Need::Namespaces, Need::Ffmpeg]) {
        return;
    }
    let _alone = alone();
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let _encoder = ffmpeg(&scene.source, &format!("{ENCODER} {output}"));
    ingest.wait_receiving("news");
    plays(&scene, "http://127.0.0.1:9525/channels/news.ts");
    assert_eq!(ingest.metric("lost_total", &[]), 0.0);
    then(&ingest);
}

#[test]
fn the_test_card_plays_without_a_complaint() {
    if !can_run(&[Need::Namespaces, Need::Ffmpeg]) {
        return;
    }
    let _alone = alone();
    let scene = Scene::new();
    let arguments = "--channels 1 --group 239.255.0.1 --port 5000";
    let _source = source::start(&scene.source, Profile::Same, "eth0", arguments);
    let text = "channels:
- {id: testcard, name: Test card, inputs: [{url: 'udp://239.255.0.1:5000'}]}
";
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channels(text));
    ingest.wait_receiving("testcard");
    plays(&scene, "http://127.0.0.1:9525/channels/testcard.ts");
    let status = ingest.channel("testcard")["status"].take();
    let kinds = status["services"][0]["streams"].to_string();
    assert!(kinds.contains("h264") && kinds.contains("aac"), "{status}");
}

#[test]
fn ffmpegs_plain_stream_plays() {
    let output = "-f mpegts udp://239.1.1.1:5000?pkt_size=1316&ttl=4&localaddr=10.0.0.1&bitrate=8000000&burst_bits=10528";
    plays_ffmpegs(output, |_| ());
}

#[test]
fn ffmpegs_rtp_stream_plays() {
    let output = "-f rtp_mpegts rtp://239.1.1.1:5000?ttl=4&pkt_size=1328&localaddr=10.0.0.1";
    plays_ffmpegs(output, |_| ());
}

#[test]
fn ffmpegs_default_datagrams_play_and_are_counted() {
    let output =
        "-f mpegts udp://239.1.1.1:5000?ttl=4&localaddr=10.0.0.1&bitrate=8000000&burst_bits=11776";
    plays_ffmpegs(output, |ingest| {
        let joined = ingest.metric("unaligned_datagrams_total", &[("channel", "news")]);
        assert!(joined > 1000.0, "{joined} unaligned datagrams");
    });
}

/// The test can fail: with one datagram in 200 dropped ffmpeg complains.
#[test]
fn a_lossy_stream_is_complained_of() {
    if !can_run(&[Need::Namespaces, Need::Ffmpeg]) {
        return;
    }
    let _alone = alone();
    let scene = Scene::new();
    scene.node.drop_multicast(200);
    let arguments = "--channels 1 --group 239.1.1.1 --port 5000";
    let _source = source::start(&scene.source, Profile::Same, "eth0", arguments);
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    ingest.wait_status("news", "degraded", "loss_before_nic", seconds(10));
    let url = "http://127.0.0.1:9525/channels/news.ts";
    let arguments = format!("-hide_banner -nostdin -v warning -i {url} -t 3 -f null -");
    let mut player = ffmpeg(&scene.node, &arguments);
    let _ = player.exit_code(seconds(30));
    let log = player.log().to_lowercase();
    assert!(COMPLAINTS.iter().any(|word| log.contains(word)), "{log}");
}
