//! Channels with several inputs: failover by each criterion, the return, the pin; viewers stay.

use std::time::{Duration, Instant};

use e2e::check;
use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::{RATE_BPS, Scene};
use e2e::send::{Broadcast, Sender};
use e2e::ts::{PACKET, TestStream};
use e2e::viewer::Viewer;
use e2e::wait::{seconds, wait_until};
use e2e::wrap::Wrap;
use serde_json::{Value, json};

const FIRST: &str = "239.1.1.1:5000";
const SECOND: &str = "239.1.1.2:5000";
const CHANNELS: &str = "channels:
- id: news
  inputs: [{url: 'udp://239.1.1.1:5000'}, {url: 'udp://239.1.1.2:5000'}]
";
/// A second of silence, then a backup that is proven.
const FAILOVER: Duration = seconds(4);
/// Ten seconds of health, and some for the switch.
const RETURN: Duration = seconds(14);

fn wait_active(ingest: &Ingest<'_>, input: u64, timeout: Duration) {
    wait_until(&format!("input {input} is in use"), timeout, || {
        ingest.channel("news")["status"]["active_input"] == input
    });
}

fn switches(ingest: &Ingest<'_>) -> Vec<Value> {
    let list = ingest.http().get("/api/v1/events.json").json();
    let list = list["events"].as_array().cloned().unwrap_or_default();
    let switched = |event: &Value| event["kind"] == "input_switched";
    list.into_iter().filter(switched).collect()
}

fn joined(ingest: &Ingest<'_>, group: &str) -> bool {
    let list = ingest.http().get("/api/v1/interfaces").text();
    list.contains(&format!("\"{group}\""))
}

/// The marks of a recording's pieces, in order; each piece begins with PAT, PMT and a random access
/// point, and no packet of a piece is missing.
fn pieces(viewer: &Viewer, broadcasts: &[(u16, &Broadcast)]) -> Vec<u16> {
    let body = viewer.body();
    let packets = check::packets(&body);
    let starts: Vec<usize> = (0..packets.len().saturating_sub(2))
        .filter(|at| check::pid(packets[*at]) == 0 && check::pid(packets[at + 1]) == 0x100)
        .filter(|at| check::pid(packets[at + 2]) == 0x101 && check::random_access(packets[at + 2]))
        .collect();
    let mut marks: Vec<u16> = Vec::new();
    let mut from = 0;
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(packets.len());
        let piece = packets[*start..end].concat();
        let text = String::from_utf8_lossy(&piece);
        let has = |mark: u16| text.contains(&format!("<{mark:04x}:"));
        let own = broadcasts.iter().find(|(mark, _)| has(*mark));
        let (mark, _) = own.expect("a mark");
        if marks.last() != Some(mark) {
            if let Some(before) = marks.last() {
                let whole = packets[from..*start].concat();
                let (_, broadcast) = broadcasts
                    .iter()
                    .find(|(known, _)| known == before)
                    .expect("known");
                check::one_piece_of(&whole, &broadcast.sent());
            }
            marks.push(*mark);
            from = *start;
        }
    }
    marks
}

#[test]
fn a_silent_input_is_left_for_a_backup_and_gone_back_to() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channels(CHANNELS));
    let first = scene.broadcast_mark(FIRST, Wrap::Plain, 1);
    let second = scene.broadcast_mark(SECOND, Wrap::Plain, 2);
    ingest.wait_receiving("news");
    let viewer = ingest.watch("/channels/news.ts");
    viewer.wait_bytes(300_000, seconds(10));
    let status = ingest.channel("news")["status"].take();
    assert_eq!(status["active_input"], 0, "{status}");
    assert_eq!(status["inputs"][0]["condition"], "ok", "{status}");
    assert_eq!(status["inputs"][1]["joined"], false, "{status}");
    assert!(!joined(&ingest, "239.1.1.2"), "a backup that nobody needs");
    first.fall_silent();
    wait_active(&ingest, 1, FAILOVER);
    let told = || ingest.channel("news")["status"].take();
    wait_until(
        "it is well, and was never said to have stopped",
        FAILOVER,
        || {
            let status = told();
            let detail = status["detail"].as_str().unwrap_or_default();
            assert!(!detail.contains("239.1.1.2"), "it flows: {status}");
            status["reason"] == "ok"
        },
    );
    viewer.wait_more(500_000, seconds(5));
    let status = told();
    assert_eq!(status["reason"], "ok", "{status}");
    assert_eq!(status["inputs"][0]["condition"], "silence", "{status}");
    first.go_on();
    wait_active(&ingest, 0, RETURN);
    viewer.wait_more(500_000, seconds(5));
    assert_eq!(viewer.end(), None, "the viewer stays");
    wait_until("the backup is left", seconds(3), || {
        !joined(&ingest, "239.1.1.2")
    });
    assert_eq!(pieces(&viewer, &[(1, &first), (2, &second)]), [1, 2, 1]);
    let events = switches(&ingest);
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(events[0]["reason"], "silence", "{events:?}");
    assert_eq!(events[0]["params"]["to"], "1", "{events:?}");
    assert_eq!(events[1]["reason"], "preferred_well", "{events:?}");
}

#[test]
fn a_pin_holds_an_input_until_it_is_taken_away() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channels(CHANNELS));
    let first = scene.broadcast_mark(FIRST, Wrap::Plain, 1);
    let second = scene.broadcast_mark(SECOND, Wrap::Plain, 2);
    ingest.wait_receiving("news");
    let viewer = ingest.watch("/channels/news.ts");
    viewer.wait_bytes(300_000, seconds(10));
    let path = "/api/v1/channels/news/pin";
    let http = ingest.http();
    let pin = http.request("POST", &format!("{path}?input=1"), &[], b"");
    assert_eq!(pin.status(), 204, "{}", pin.text());
    wait_active(&ingest, 1, seconds(2));
    assert_eq!(ingest.channel("news")["status"]["pinned_input"], 1);
    viewer.wait_more(300_000, seconds(5));
    second.fall_silent();
    ingest.wait_status("news", "stopped", "stopped", seconds(3));
    assert!(!joined(&ingest, "239.1.1.1"), "what is not chosen from");
    let unpin = http.request("DELETE", path, &[], b"");
    assert_eq!(unpin.status(), 204, "{}", unpin.text());
    wait_active(&ingest, 0, FAILOVER);
    ingest.wait_receiving("news");
    viewer.wait_more(300_000, seconds(5));
    assert_eq!(viewer.end(), None);
    assert_eq!(pieces(&viewer, &[(1, &first), (2, &second)]), [1, 2, 1]);
    let list = http.get("/api/v1/events.json").json();
    let list = list["events"].as_array().cloned().unwrap_or_default();
    let pins = list.iter().filter(|event| event["kind"] == "input_pinned");
    let pins: Vec<_> = pins
        .map(|event| (&event["reason"], &event["actor"]))
        .collect();
    let (pinned, unpinned, actor) = (json!("pinned"), json!("unpinned"), json!("open"));
    assert_eq!(pins, [(&pinned, &actor), (&unpinned, &actor)]);
}

#[test]
fn one_group_on_two_nics_is_one_channel() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    scene.second_cable();
    let channels = "channels:\n- {id: news, inputs: [{url: 'udp://239.1.1.1:5000'}, {url: 'udp://239.1.1.1:5000', interface: eth1}]}\n";
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channels(channels));
    let first = scene.broadcast_mark(FIRST, Wrap::Plain, 1);
    let sender = Sender::new(&scene.source, "eth1", FIRST);
    let second = sender.broadcast(TestStream::new(2, RATE_BPS), Wrap::Plain);
    ingest.wait_receiving("news");
    let viewer = ingest.watch("/channels/news.ts");
    viewer.wait_bytes(300_000, seconds(10));
    scene.node.ip("link set eth0 down");
    wait_active(&ingest, 1, FAILOVER);
    ingest.wait_receiving("news");
    viewer.wait_more(500_000, seconds(5));
    assert_eq!(pieces(&viewer, &[(1, &first), (2, &second)]), [1, 2]);
    assert_eq!(switches(&ingest)[0]["reason"], "interface");
}

/// Sends damaged packets to the preferred group: `damage` changes each datagram.
fn damaged(reason: &str, damage: impl Fn(usize, &mut Vec<u8>) -> bool) {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channels(CHANNELS));
    let second = scene.broadcast_mark(SECOND, Wrap::Plain, 2);
    let sender = Sender::new(&scene.source, "eth0", FIRST);
    let mut stream = TestStream::new(1, RATE_BPS);
    let pause = Duration::from_micros(2632);
    let mut send = |from: usize, count: usize, damage: &dyn Fn(usize, &mut Vec<u8>) -> bool| {
        let mut datagrams = Vec::new();
        for index in from..from + count {
            let mut datagram = stream.take_bytes(7);
            if damage(index, &mut datagram) {
                datagrams.push(datagram);
            }
        }
        sender.send_all(&datagrams, pause);
    };
    send(0, 400, &|_, _| true);
    let viewer = ingest.watch("/channels/news.ts");
    // Longer than any criterion holds, but for the missing PID, which takes 5 s to be seen.
    for round in 0..24 {
        send(round * 380, 380, &damage);
        if ingest.channel("news")["status"]["active_input"] == 1 {
            break;
        }
    }
    wait_active(&ingest, 1, seconds(1));
    wait_until("the switch is told", seconds(1), || {
        !switches(&ingest).is_empty()
    });
    assert_eq!(switches(&ingest)[0]["reason"], reason);
    viewer.wait_more(300_000, seconds(5));
    assert_eq!(viewer.end(), None);
    ingest.wait_receiving("news");
    drop(second);
}

#[test]
fn an_input_without_ts_is_left() {
    damaged("sync_loss", |_, datagram| {
        datagram.fill(b'x');
        true
    });
}

#[test]
fn an_input_that_loses_packets_all_the_time_is_left() {
    damaged("continuity", |index, _| index % 20 > 0);
}

#[test]
fn a_scrambled_input_is_left() {
    damaged("scrambled", |_, datagram| {
        for packet in datagram.chunks_mut(PACKET) {
            if check::pid(packet) == 0x101 {
                packet[3] |= 0x80;
            }
        }
        true
    });
}

#[test]
fn an_input_that_lost_a_pid_is_left() {
    damaged("missing_pid", |_, datagram| {
        for packet in datagram.chunks_mut(PACKET) {
            if check::pid(packet) == 0x101 {
                packet.copy_from_slice(&e2e::ts::null());
            }
        }
        true
    });
}

/// What is at fault is no better than what it would take over from.
#[test]
fn an_input_is_not_left_for_one_that_lacks_the_same_pid() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channels(CHANNELS));
    let mut streams = [FIRST, SECOND].map(|group| {
        let sender = Sender::new(&scene.source, "eth0", group);
        (sender, TestStream::new(1, RATE_BPS))
    });
    let without_video = |stream: &mut TestStream| {
        let mut datagram = stream.take_bytes(7);
        for packet in datagram.chunks_mut(PACKET) {
            if check::pid(packet) == 0x101 {
                packet.copy_from_slice(&e2e::ts::null());
            }
        }
        datagram
    };
    let since = Instant::now();
    let mut faulty = None;
    // Twice as long as a PID must be absent: the second was told, had it been taken.
    while faulty.is_none_or(|at: Instant| at.elapsed() < seconds(2)) {
        assert!(since.elapsed() < seconds(15), "the PID is not missed");
        for _ in 0..20 {
            for (sender, stream) in &mut streams {
                let datagrams = [without_video(stream)];
                sender.send_all(&datagrams, Duration::from_micros(1316));
            }
        }
        let inputs = ingest.channel("news")["status"]["inputs"].clone();
        if faulty.is_none() && inputs[0]["condition"] == "missing_pid" {
            faulty = Some(Instant::now());
        }
    }
    let status = &ingest.channel("news")["status"];
    assert_eq!(status["active_input"], 0, "{status}");
    assert_eq!(status["inputs"][1]["joined"], true, "{status}");
    assert_eq!(switches(&ingest), Vec::<Value>::new());
}

#[test]
fn an_edited_interface_is_another_stream() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    scene.second_cable();
    let first = scene.broadcast_mark(FIRST, Wrap::Plain, 1);
    let second = Sender::new(&scene.source, "eth1", FIRST)
        .broadcast(TestStream::new(2, RATE_BPS), Wrap::Plain);
    let ingest = Ingest::start(&scene.node, &Options::new("eth0"));
    let body = |nic: &str| {
        let input = json!({"url": format!("udp://{FIRST}"), "interface": nic});
        json!({"id": "news", "name": "News", "inputs": [input]})
    };
    let http = ingest.http();
    let made = http.send_json("POST", "/api/v1/channels", &body("eth0"));
    assert_eq!(made.status(), 201, "{}", made.text());
    ingest.wait_receiving("news");
    let viewer = ingest.watch("/channels/news.ts");
    viewer.wait_bytes(300_000, seconds(10));
    let put = http.send_json("PUT", "/api/v1/channels/news", &body("eth1"));
    assert_eq!(put.status(), 200, "{}", put.text());
    viewer.wait_more(1_500_000, seconds(10));
    assert_eq!(pieces(&viewer, &[(1, &first), (2, &second)]), [1, 2]);
}

#[test]
fn another_definition_keeps_the_input_in_use() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0"));
    let _second = scene.broadcast_mark(SECOND, Wrap::Plain, 2);
    let (one, two) = (
        json!({"url": "udp://239.1.1.1:5000"}),
        json!({"url": "udp://239.1.1.2:5000"}),
    );
    let body = json!({"id": "news", "name": "News", "inputs": [one, two]});
    let made = ingest.http().send_json("POST", "/api/v1/channels", &body);
    assert_eq!(made.status(), 201, "{}", made.text());
    // The preferred one has never sent.
    wait_active(&ingest, 1, FAILOVER);
    ingest.wait_receiving("news");
    let viewer = ingest.watch("/channels/news.ts");
    viewer.wait_bytes(300_000, seconds(10));
    let body = json!({"id": "news", "name": "News", "inputs": [two, one]});
    let put = ingest
        .http()
        .send_json("PUT", "/api/v1/channels/news", &body);
    assert_eq!(put.status(), 200, "{}", put.text());
    wait_active(&ingest, 0, seconds(2));
    viewer.wait_more(300_000, seconds(5));
    // Nor does one that is held.
    let pin = "/api/v1/channels/news/pin?input=0";
    let pin = ingest.http().request("POST", pin, &[], b"");
    assert_eq!(pin.status(), 204, "{}", pin.text());
    let body = json!({"id": "news", "name": "News", "inputs": [one, two]});
    let put = ingest
        .http()
        .send_json("PUT", "/api/v1/channels/news", &body);
    assert_eq!(put.status(), 200, "{}", put.text());
    wait_active(&ingest, 1, seconds(2));
    wait_until("the input is held where it is now", seconds(2), || {
        ingest.channel("news")["status"]["pinned_input"] == 1
    });
    viewer.wait_more(300_000, seconds(5));
    check::only_mark(&viewer.body(), 2);
    assert_eq!(ingest.channel("news")["status"]["reason"], "ok");
    assert_eq!(switches(&ingest).len(), 1, "it has not been left");
    assert_eq!(
        check::continuity_breaks(&viewer.body()),
        Vec::<String>::new()
    );
}
