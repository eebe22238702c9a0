//! Slow heads, huge heads, thousands of idle connections, too many viewers and channels: bounded,
//! and a live viewer is unharmed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use e2e::check;
use e2e::gate::{Need, can_run};
use e2e::http::{Response, read_response};
use e2e::ingest::{Ingest, Options};
use e2e::scene::{GROUP, Scene, URL};
use e2e::wait::{seconds, wait_until};
use e2e::wrap::Wrap;

/// The bound on a request head's time is the program's; longer than this is none.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

#[track_caller]
fn refused(answer: &Response) {
    let _ = answer.problem(503);
    let after = answer.header("retry-after").unwrap_or_default();
    assert!(after.parse::<u32>().is_ok(), "Retry-After: {after:?}");
}

#[test]
fn a_head_that_comes_byte_by_byte_is_cut_off() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let mut stream = ingest.http().connect().expect("a connection");
    let pause = Duration::from_millis(200);
    stream.set_read_timeout(Some(pause)).expect("a timeout");
    let mut ended = false;
    wait_until("a slow head is cut off", HEAD_TIMEOUT, || {
        // A byte each 200 ms: an idle timeout would never see it.
        let wrote = stream.write_all(b"G");
        let mut piece = [0; 1024];
        ended = ended || wrote.is_err();
        match stream.read(&mut piece) {
            Ok(0) => ended = true,
            Ok(read) => {
                let text = String::from_utf8_lossy(&piece[..read]).into_owned();
                assert!(text.starts_with("HTTP/1.1 408"), "{text}");
                ended = true;
            }
            Err(error) => ended = ended || error.kind() != std::io::ErrorKind::WouldBlock,
        }
        ended
    });
    assert_eq!(ingest.http().get("/live").status(), 200);
}

#[test]
fn a_huge_head_is_refused() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let long = "x".repeat(1 << 20);
    let request = format!("GET /channels/news.ts HTTP/1.1\r\nHost: localhost\r\nX-Long: {long}");
    let mut stream = ingest.http().connect().expect("a connection");
    // It may be closed before all is written.
    let _ = stream.write_all(request.as_bytes());
    if let Ok(answer) = read_response(&mut stream, false) {
        assert_eq!(answer.status(), 431);
    }
    let line = format!(
        "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "a".repeat(100_000)
    );
    if let Ok(answer) = ingest.http().raw(line.as_bytes(), false) {
        assert!([414, 431].contains(&answer.status()), "{}", answer.status());
    }
    assert_eq!(ingest.http().get("/live").status(), 200);
}

#[test]
fn what_is_no_http_is_refused() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".as_slice(),
        b"NONSENSE\r\n\r\n",
        b"GET /channels/news.ts HTTP/1.1\r\nBad Header : x\r\n\r\n",
        b"GET  /two-spaces HTTP/9.9\r\n\r\n",
    ] {
        if let Ok(answer) = ingest.http().raw(bytes, false) {
            assert!((400..506).contains(&answer.status()), "{}", answer.text());
        }
    }
    assert_eq!(ingest.http().get("/live").status(), 200);
}

#[test]
fn thousands_of_idle_connections_are_bounded_and_a_live_viewer_is_unharmed() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let options = Options::new("eth0")
        .channel(URL)
        .with("--max-connections 500");
    let ingest = Ingest::start(&scene.node, &options);
    let broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let viewer = ingest.watch("/channels/news.ts");
    viewer.wait_bytes(100_000, seconds(10));
    let address = ingest.http().address();
    let open = || {
        let connect = || TcpStream::connect_timeout(&address, seconds(5));
        (0..2500).map(|_| connect()).collect::<Vec<_>>()
    };
    let idle = scene.node.enter(open);
    let made = idle.iter().filter(|stream| stream.is_ok()).count();
    assert!(made >= 500, "only {made} connections");
    let descriptors = || {
        let folder = format!("/proc/{}/fd", ingest.process.pid());
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    };
    wait_until("its descriptors are bounded", seconds(5), || {
        descriptors() < 700
    });
    viewer.wait_more(1_000_000, seconds(10));
    check::one_piece_of(&viewer.body(), &broadcast.sent());
    drop(idle);
    wait_until("it answers again", HEAD_TIMEOUT, || {
        let answer = ingest.http().try_request("GET", "/live", &[], b"");
        answer.is_ok_and(|answer| answer.status() == 200)
    });
    assert_eq!(viewer.end(), None);
}

#[test]
fn one_viewer_too_many_is_told_to_come_later() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let options = Options::new("eth0").channel(URL).with("--max-viewers 2");
    let ingest = Ingest::start(&scene.node, &options);
    let _broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let mut viewers: Vec<_> = (0..2).map(|_| ingest.watch("/channels/news.ts")).collect();
    for viewer in &viewers {
        viewer.wait_bytes(1000, seconds(5));
    }
    refused(&ingest.http().get("/channels/news.ts"));
    let refusals = ingest.metric("requests_refused_total", &[]);
    assert!(refusals >= 1.0, "{refusals} refusals counted");
    viewers.pop();
    wait_until("the place is free", seconds(5), || {
        ingest.metric("viewers", &[("channel", "news")]) == 1.0
    });
    ingest
        .watch("/channels/news.ts")
        .wait_bytes(1000, seconds(5));
}

#[test]
fn one_channel_too_many_is_refused() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let options = Options::new("eth0").channel(URL).with("--max-channels 2");
    let ingest = Ingest::start(&scene.node, &options);
    let make = |id: &str| {
        let url = "udp://239.1.1.9:5000";
        let channel = serde_json::json!({"id": id, "name": id, "inputs": [{"url": url}]});
        let http = ingest.http();
        http.send_json("POST", "/api/v1/channels", &channel)
    };
    assert_eq!(make("second").status(), 201);
    refused(&make("third"));
    assert_eq!(ingest.channel_ids(), ["news", "second"]);
}

#[test]
fn one_connection_too_many_is_told_to_come_later() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let options = Options::new("eth0")
        .channel(URL)
        .with("--max-connections 3");
    let ingest = Ingest::start(&scene.node, &options);
    let _broadcast = scene.broadcast(GROUP, Wrap::Plain);
    let viewers: Vec<_> = (0..3).map(|_| ingest.watch("/channels/news.ts")).collect();
    for viewer in &viewers {
        viewer.wait_bytes(1000, seconds(12));
    }
    refused(&ingest.http().get("/api/v1/status"));
}
