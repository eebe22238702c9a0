//! Under load, with the release build: no packet lost, repeated or foreign, by `source-server
//! verify`. 8 s each; `E2E_LOAD_SECONDS` makes it longer.

mod stalled;

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use e2e::binaries::Profile;
use e2e::gate::{Need, can_run};
use e2e::http::Http;
use e2e::ingest::{Ingest, Options};
use e2e::metrics::Metrics;
use e2e::process::Process;
use e2e::scene::Scene;
use e2e::source;
use e2e::wait::seconds;

/// One test at a time: each wants the whole machine.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn duration() -> Duration {
    let text = std::env::var("E2E_LOAD_SECONDS").unwrap_or_default();
    seconds(text.parse().unwrap_or(8))
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// `channels` at `mbps` each, one viewer each; all must come whole.
fn relayed_whole(channels: u16, mbps: u32) {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let _alone = alone();
    let scene = Scene::new();
    let arguments =
        format!("--channels {channels} --group 239.255.0.1 --port 5000 --mbps {mbps} --proof");
    let _source = source::start(&scene.source, Profile::Release, "eth0", &arguments);
    let mut text = "channels:\n".to_owned();
    for channel in 1..=channels {
        let url = format!("udp://239.255.0.{channel}:5000");
        text += &format!("- {{id: c{channel}, name: C, inputs: [{{url: '{url}'}}]}}\n");
    }
    let options = Options::new("eth0").channels(&text).release();
    let mut ingest = Ingest::start(&scene.node, &options);
    for channel in 1..=channels {
        ingest.wait_receiving(&format!("c{channel}"));
    }
    assert_eq!(ingest.metric("lost_total", &[]), 0.0, "before any viewer");
    let (cpu, started) = (ingest.process.cpu(), Instant::now());
    let verify = |channel| {
        let url = format!("http://127.0.0.1:9525/channels/c{channel}.ts");
        source::verify(&scene.node, Profile::Release, &url, duration())
    };
    let mut readers: Vec<Process> = (1..=channels).map(verify).collect();
    let codes = readers
        .iter_mut()
        .map(|r| r.exit_code(duration() + seconds(20)));
    let codes: Vec<_> = codes.collect();
    let spent = (ingest.process.cpu() - cpu).as_secs_f64();
    let percent = 100.0 * spent / started.elapsed().as_secs_f64();
    say(&format!(
        "{channels} x {mbps} Mbit/s to {channels} viewers: encoder-ingest took {percent:.1} % of a core"
    ));
    for (reader, code) in readers.iter().zip(codes) {
        say(reader.log().trim_end());
        assert_eq!(code, 0, "{}", reader.log());
    }
    let sender = Http::new(&scene.source, ([127, 0, 0, 1], 9537).into());
    let sent = Metrics::parse(&sender.get("/metrics").text());
    let held_back = sent.value("source_server_not_sent_datagrams_total", &[]);
    assert_eq!(held_back, 0.0, "the source itself did not send all");
    for channel in 1..=channels {
        let id = format!("c{channel}");
        let channel = [("channel", id.as_str())];
        let shown = ingest.channel(&id);
        assert_eq!(ingest.metric("lost_total", &channel), 0.0, "{shown}");
        assert_eq!(ingest.metric("viewer_skipped_bytes_total", &channel), 0.0);
        let sent = ingest.metric("sent_bytes_total", &channel);
        // A second of leeway: right after the start there is no history to begin with.
        let whole = duration().saturating_sub(seconds(1)).as_secs_f64();
        let least = f64::from(mbps) * 1e6 / 8.0 * whole;
        assert!(sent > least, "only {sent} bytes of {least}");
        assert_eq!(ingest.metric("malformed_datagrams_total", &channel), 0.0);
    }
    assert!(ingest.process.runs());
}

#[test]
fn eight_channels_of_40_mbit_to_eight_viewers() {
    relayed_whole(8, 40);
}

#[test]
fn one_channel_of_400_mbit_to_one_viewer() {
    relayed_whole(1, 400);
}

/// The proof can fail: with faults at the source, `verify` must say so.
#[test]
fn a_lossy_source_is_found_by_verify() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let _alone = alone();
    let scene = Scene::new();
    let arguments = "--channels 1 --group 239.255.0.1 --port 5000 --mbps 8 --proof";
    let _source = source::start(&scene.source, Profile::Release, "eth0", arguments);
    scene.node.drop_multicast(500);
    let options = Options::new("eth0")
        .channel("udp://239.255.0.1:5000")
        .release();
    let ingest = Ingest::start(&scene.node, &options);
    let url = "http://127.0.0.1:9525/channels/news.ts";
    let mut reader = source::verify(&scene.node, Profile::Release, url, seconds(4));
    assert_eq!(reader.exit_code(seconds(30)), 1, "{}", reader.log());
    let status = ingest.channel("news")["status"].take();
    assert!(
        status["lost"]["unattributed"].as_u64() > Some(0),
        "{status}"
    );
}
