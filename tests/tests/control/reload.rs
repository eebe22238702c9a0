//! The channels file: read again by difference, and a wrong one changes nothing.

use std::path::Path;

use e2e::check;
use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::{GROUP, Scene};
use e2e::wait::{seconds, wait_until};
use e2e::wrap::Wrap;
use rustix::process::Signal;

const NEWS: &str = "- {id: news, name: News, inputs: [{url: 'udp://239.1.1.1:5000'}]}\n";
const SPORT: &str = "- {id: sport, name: Sport, inputs: [{url: 'udp://239.1.1.2:5000'}]}\n";
const FILM: &str = "- {id: film, name: Film, inputs: [{url: 'udp://239.1.1.3:5000'}]}\n";

fn file(channels: &[&str]) -> String {
    format!("channels:\n{}", channels.concat())
}

/// As an editor does it: a new file takes the old one's name.
fn replace(path: &Path, text: &str) {
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, text).expect("written");
    std::fs::rename(&fresh, path).expect("renamed");
}

fn wait_ids(ingest: &Ingest<'_>, ids: &[&str]) {
    wait_until(&format!("the channels are {ids:?}"), seconds(10), || {
        ingest.channel_ids() == ids
    });
}

#[test]
fn a_change_is_applied_as_a_difference_and_the_untouched_notice_nothing() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let options = Options::new("eth0").channels(&file(&[NEWS, SPORT]));
    let ingest = Ingest::start(&scene.node, &options);
    let broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let viewer = ingest.watch("/channels/news.ts");
    viewer.wait_bytes(300_000, seconds(10));
    replace(&ingest.channels_file(), &file(&[FILM, NEWS]));
    wait_ids(&ingest, &["film", "news"]);
    viewer.wait_more(500_000, seconds(10));
    assert_eq!(viewer.end(), None);
    check::one_piece_of(&viewer.body(), &broadcast.sent());
    let events = ingest.http().get("/api/v1/events.json").text();
    for kind in ["channel_added", "channel_removed"] {
        assert!(events.contains(kind), "no {kind} in {events}");
    }
    assert_eq!(ingest.metric("config_ok", &[]), 1.0);
}

#[test]
fn a_channel_that_changes_its_input_keeps_its_viewers() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let options = Options::new("eth0").channels(&file(&[NEWS]));
    let ingest = Ingest::start(&scene.node, &options);
    let first = scene.broadcast(GROUP, Wrap::Plain);
    let second = scene.broadcast_mark("239.1.1.2:5000", Wrap::Plain, 2);
    ingest.wait_receiving("news");
    let viewer = ingest.watch("/channels/news.ts");
    viewer.wait_bytes(300_000, seconds(10));
    let moved = NEWS.replace("239.1.1.1", "239.1.1.2");
    replace(&ingest.channels_file(), &file(&[&moved]));
    wait_until("the viewer gets the new input", seconds(10), || {
        e2e::http::find(&viewer.body(), b"<0002:").is_some()
    });
    viewer.wait_more(300_000, seconds(10));
    assert_eq!(viewer.end(), None);
    let body = viewer.body();
    // One piece of the first, then PAT, PMT and a random access point of the second.
    let old = first.sent();
    let packets: Vec<_> = body.chunks_exact(e2e::ts::PACKET).collect();
    let new = packets
        .iter()
        .position(|packet| e2e::http::find(packet, b"<0002:").is_some());
    let switch = (new.expect("a packet of the second") - 2) * e2e::ts::PACKET;
    check::one_piece_of(&body[..switch], &old);
    check::one_piece_of(&body[switch..], &second.sent());
}

#[test]
fn a_wrong_file_changes_nothing_and_is_told() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let options = Options::new("eth0").channels(&file(&[NEWS, SPORT]));
    let ingest = Ingest::start(&scene.node, &options);
    let wrong = file(&[NEWS, "- {id: film, colour: red}\n"]);
    replace(&ingest.channels_file(), &wrong);
    wait_until("the mistake is shown", seconds(10), || {
        ingest.metric("config_ok", &[]) == 0.0
    });
    assert_eq!(ingest.channel_ids(), ["news", "sport"]);
    wait_until("it is logged", seconds(1), || {
        ingest.process.log().contains("colour")
    });
    wait_until("it is told", seconds(1), || {
        let events = ingest.http().get("/api/v1/events.json").text();
        events.contains("config_refused") && events.contains("colour")
    });
    replace(&ingest.channels_file(), &file(&[NEWS]));
    wait_ids(&ingest, &["news"]);
    wait_until("all is well again", seconds(2), || {
        ingest.metric("config_ok", &[]) == 1.0
    });
}

#[test]
fn a_config_maps_swap_of_symbolic_links_is_seen() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    // As kubelet lays it: channels.yaml -> ..data/channels.yaml, ..data -> ..TIME
    let folder = tempfile::tempdir().expect("a folder");
    let lay = |name: &str, text: &str| {
        let data = folder.path().join(name);
        std::fs::create_dir(&data).expect("a folder");
        std::fs::write(data.join("channels.yaml"), text).expect("written");
        let fresh = folder.path().join("..data_tmp");
        std::os::unix::fs::symlink(name, &fresh).expect("a link");
        std::fs::rename(&fresh, folder.path().join("..data")).expect("renamed");
    };
    lay("..2026_01", &file(&[NEWS]));
    let path = folder.path().join("channels.yaml");
    std::os::unix::fs::symlink("..data/channels.yaml", &path).expect("a link");
    let options = Options::new("eth0").with(&format!("--channels {}", path.display()));
    let ingest = Ingest::start(&scene.node, &options);
    wait_ids(&ingest, &["news"]);
    lay("..2026_02", &file(&[NEWS, SPORT]));
    wait_ids(&ingest, &["news", "sport"]);
    lay("..2026_03", &file(&[FILM]));
    wait_ids(&ingest, &["film"]);
}

#[test]
fn sighup_reads_the_file_again() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let options = Options::new("eth0").channels(&file(&[NEWS]));
    let mut ingest = Ingest::start(&scene.node, &options);
    wait_ids(&ingest, &["news"]);
    std::fs::write(ingest.channels_file(), file(&[NEWS, FILM])).expect("written");
    ingest.process.signal(Signal::HUP);
    wait_ids(&ingest, &["film", "news"]);
    assert!(ingest.process.runs());
}

#[test]
fn a_start_with_a_wrong_file_takes_the_last_good_copy() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let state = tempfile::tempdir().expect("a folder");
    let with_state = format!("--state-dir {}", state.path().display());
    let good = Options::new("eth0")
        .channels(&file(&[NEWS]))
        .with(&with_state);
    let mut first = Ingest::start(&scene.node, &good);
    wait_ids(&first, &["news"]);
    assert_eq!(first.terminate(), 0);
    let wrong = Options::new("eth0")
        .channels("channels: {nonsense: true}\n")
        .with(&with_state);
    let second = Ingest::start(&scene.node, &wrong);
    wait_ids(&second, &["news"]);
    assert_eq!(second.metric("config_ok", &[]), 0.0);
}
