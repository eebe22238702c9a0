//! The one port as a whole, on loopback: what it answers, that no place leaks, and how it ends.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::shutdown::{Trigger, channel};
use encoder_ingest::channels::load::Loaded;
use encoder_ingest::config::{Task, registry_options};
use encoder_ingest::ingest::Ingest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

/// A group that nobody sends to.
const WATCHED: &str = "/udp/239.255.77.77:5077";

fn viewers(count: usize) -> String {
    format!("viewers{{channel=\"udp.239.255.77.77.5077.lo\"}} {count}\n")
}

struct Running {
    address: SocketAddr,
    stop: Trigger,
    ended: JoinHandle<()>,
}

fn start(flags: &str) -> Running {
    start_at("127.0.0.1:0", flags)
}

fn start_at(listen: &str, flags: &str) -> Running {
    let words = format!("encoder-ingest --interface lo --listen {listen} --workers 1 {flags}");
    let Ok(Task::Relay(config)) =
        Task::from_arguments(words.split_whitespace().map(OsString::from))
    else {
        panic!("{words} does not relay");
    };
    let loaded = Loaded::read(registry_options(&config)).expect("nothing to load");
    let (stop, shutdown) = channel();
    let ingest = Ingest::start(*config, loaded, shutdown).expect("started");
    let address = ingest.address();
    #[expect(clippy::disallowed_methods, reason = "the handle is kept")]
    let ended = tokio::spawn(ingest.run());
    Running {
        address,
        stop,
        ended,
    }
}

impl Running {
    async fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("connect");
        let bytes = request.as_bytes();
        stream.write_all(bytes).await.expect("write");
        stream
    }

    /// The whole answer, up to the connection's end.
    async fn ask(&self, line: &str) -> String {
        let request = format!("{line} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut stream = self.send(&request).await;
        let mut answer = String::new();
        let reading = stream.read_to_string(&mut answer);
        let read = timeout(PATIENCE, reading).await.expect("an answer in time");
        read.expect("a whole answer");
        answer
    }

    async fn wait_for(&self, line: &str, wanted: &str) {
        let begun = Instant::now();
        while !self.ask(line).await.contains(wanted) {
            assert!(begun.elapsed() < PATIENCE, "{line}: no {wanted}");
            tokio::task::yield_now().await;
        }
    }

    /// One more viewer on demand, which makes `count`. One that is refused, since a connection
    /// that has just been closed still has its place, tries again.
    async fn watch(&self, count: usize) -> TcpStream {
        loop {
            let viewer = format!("GET {WATCHED} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let stream = self.send(&viewer).await;
            let counted = viewers(count);
            tokio::select! {
                () = self.wait_for("GET /metrics", &counted) => return stream,
                _ = stream.readable() => {}
            }
        }
    }

    async fn end(self) -> Duration {
        let begun = Instant::now();
        self.stop.fire();
        timeout(PATIENCE, self.ended)
            .await
            .expect("ended in time")
            .expect("no panic");
        begun.elapsed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_request_goes_its_way() {
    let running = start("--on-demand 239.0.0.0/8");
    running.wait_for("GET /ready", "200 OK").await;
    for (line, status) in [
        ("GET /live", "200 OK"),
        ("GET /metrics", "200 OK"),
        ("GET /playlist.m3u", "200 OK"),
        ("GET /api/v1/channels", "200 OK"),
        ("GET /api/v1/openapi.json", "200 OK"),
        ("HEAD /udp/239.1.1.1:5000", "200 OK"),
        ("GET /nothing", "404 Not Found"),
        ("DELETE /live", "405 Method Not Allowed"),
        ("GET /channels/none.ts", "404 Not Found"),
        ("PUT /channels/none.ts", "405 Method Not Allowed"),
        ("GET /udp/224.0.0.1:5000", "403 Forbidden"),
        ("GET /udp/10.0.0.1:5000", "400 Bad Request"),
        (
            "GET /udp/239.1.1.1:5000?interface=none0",
            "503 Service Unavailable",
        ),
    ] {
        let answer = running.ask(line).await;
        let first = answer.lines().next().unwrap_or_default();
        assert_eq!(first, format!("HTTP/1.1 {status}"), "{line}");
        if !status.starts_with("200") {
            assert!(
                answer.contains("content-type: application/problem+json"),
                "{line}: {answer}"
            );
        }
    }
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_place_comes_back() {
    let running = start("--max-connections 4 --on-demand 239.0.0.0/8");
    for _ in 0..10 {
        // Two viewers, who will go before there is data, and clients within their heads.
        let watching = [running.watch(1).await, running.watch(2).await];
        let mut idle = Vec::new();
        while !running.ask("GET /live").await.contains(" 503 ") {
            assert!(idle.len() < 100, "there are places without end");
            idle.push(running.send("GET /li").await);
        }
        drop((watching, idle));
        running.wait_for("GET /metrics", &viewers(0)).await;
    }
    let closed = "viewers_closed_total{reason=\"gone\"} 20\n";
    running.wait_for("GET /metrics", closed).await;
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_while_events_are_followed_and_heads_are_waited_for() {
    let running = start("");
    let request = "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut events = running.send(request).await;
    let mut idle = running.send("GET /").await;
    let mut first = [0; 12];
    events.read_exact(&mut first).await.expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 200");
    let took = running.end().await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    let mut rest = Vec::new();
    for stream in [&mut events, &mut idle] {
        let ended = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        ended.expect("the connection is closed").ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ipv4_viewer_of_an_ipv6_socket_is_shown_as_ipv4() {
    let mut running = start_at("[::]:0", "--no-auth --on-demand 239.255.0.0/16");
    running.address.set_ip([127, 0, 0, 1].into());
    let viewer = running.watch(1).await;
    let own = viewer.local_addr().expect("own address");
    let shown = running
        .ask("GET /api/v1/channels/udp.239.255.77.77.5077.lo/viewers")
        .await;
    assert!(shown.contains(&format!("\"address\":\"{own}\"")), "{shown}");
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_channel_is_no_unknown_one() {
    let file = tempfile::NamedTempFile::new().expect("file");
    let text = "channels: [{id: off, enabled: false, inputs: [{url: 'udp://239.255.77.77:5077'}]}]";
    std::fs::write(file.path(), text).expect("write");
    let running = start(&format!("--channels {}", file.path().display()));
    let off = running.ask("GET /channels/off.ts").await;
    assert!(off.starts_with("HTTP/1.1 404 "), "{off}");
    assert!(off.contains("\"reason\":\"channel_disabled\""), "{off}");
    assert!(off.contains("set enabled to true"), "{off}");
    let events = running.ask("GET /api/v1/events.json").await;
    assert!(events.contains("\"reason\":\"started\""), "{events}");
    let address = format!("\"address\":\"{}\"", running.address);
    assert!(events.contains(&address), "{events}");
    let none = running.ask("GET /channels/none.ts").await;
    assert!(none.contains("\"reason\":\"unknown_channel\""), "{none}");
    assert!(none.contains("\"params\":{\"channel\":\"none\"}"), "{none}");
    running.end().await;
}
