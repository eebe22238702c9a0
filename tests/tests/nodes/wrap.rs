//! Time stamps have 33 bits and wrap every 26.5 hours, soon after a job's start too.

use std::collections::BTreeSet;

use e2e::binaries::Profile;
use e2e::check::{packets, picture_time};
use e2e::clip;
use e2e::encoder_node;
use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::{Scene, URL};
use e2e::source;
use e2e::viewer::Viewer;
use e2e::wait::{seconds, wait_until};

/// Seconds of the clock where it wraps, and where the card's begins: a job starts before.
const WRAP_S: f64 = 95_443.718;
const START_S: f64 = 95_434.0;

/// The pictures' time stamps in ticks, as they stand in the packets.
fn stamps(viewer: &Viewer) -> Vec<i64> {
    let entries = "-correct_ts_overflow 0 -select_streams v:0 -show_entries packet=pts";
    let text = clip::probe(&viewer.body(), entries);
    let lines = text.lines().map(|line| line.trim_end_matches(','));
    lines.filter_map(|line| line.parse().ok()).collect()
}

#[test]
fn a_rendition_goes_on_where_the_time_stamps_wrap() {
    if !can_run(&[Need::Namespaces, Need::Ffmpeg]) {
        return;
    }
    let _alone = crate::alone();
    let scene = Scene::new();
    let ingest = Ingest::start(
        &scene.node,
        &Options::new("eth0").channels(&format!(
            "profiles:\n  mini: {{ video: h264, width: 160, height: 90, video_kbps: 150, audio: aac, audio_kbps: 64 }}\n\
             channels:\n  - {{ id: news, renditions: [mini], inputs: [{{ url: '{URL}' }}] }}\n"
        )),
    );
    let host = scene.viewer_host();
    let _node = encoder_node::start(&host, 0, 1, "http://10.0.2.2:9525");
    let streams = tempfile::NamedTempFile::new().expect("a file");
    let text =
        format!("streams: [{{ id: card, url: '{URL}', mbps: 3, clock_start_s: {START_S} }}]");
    std::fs::write(streams.path(), text).expect("the file is written");
    let arguments = format!("--streams {}", streams.path().display());
    let _source = source::start(&scene.source, Profile::Same, "eth0", &arguments);
    ingest.wait_receiving("news");
    let [sent, made] =
        ["/channels/news.ts", "/channels/news/mini.ts"].map(|path| ingest.watch(path));
    made.wait_bytes(20_000, seconds(10));
    let newest = |viewer: &Viewer| {
        let body = viewer.body();
        let whole = &body[..body.len() / 188 * 188];
        packets(whole).into_iter().rev().find_map(picture_time)
    };
    wait_until("time has wrapped", seconds(30), || {
        newest(&made).is_some_and(|ticks| (180_000..90_000_000).contains(&ticks))
    });
    assert_eq!(made.end(), None, "it stays connected");

    let made = stamps(&made);
    let sent = stamps(&sent);
    let first_s = i32::try_from(made[0] / 90_000).map_or(0.0, f64::from);
    assert!(
        (START_S..WRAP_S - 1.0).contains(&first_s),
        "it began at {first_s}"
    );
    // They are the source's, each of them, on both sides of the seam.
    let first = sent.iter().position(|stamp| *stamp == made[0]);
    let first = first.expect("a time stamp of the source");
    let known: BTreeSet<i64> = sent[first..].iter().copied().collect();
    let missing = made.iter().filter(|stamp| !known.contains(stamp)).count();
    let steps: BTreeSet<i64> = made
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).rem_euclid(1 << 33))
        .collect();
    assert_eq!(
        steps,
        BTreeSet::from([3600]),
        "25 pictures a second, no gap"
    );
    assert_eq!(missing, 0, "of {}", made.len());
}
