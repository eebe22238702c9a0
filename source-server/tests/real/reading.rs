//! `verify` against relays of a few lines, as a library and as a process.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{bytes, definition};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nConnection: close\r\n\r\n";

/// Answers `count` requests with `answer` and closes.
fn relay(count: usize, answer: Vec<u8>) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    let address = listener.local_addr().expect("address");
    let thread = std::thread::spawn(move || {
        let one = |_| {
            let (mut socket, _) = listener.accept().expect("viewer");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                socket.read_exact(&mut byte).expect("request");
                head.push(byte[0]);
            }
            // A viewer that has judged may close before the end.
            let _ = socket.write_all(&answer);
            String::from_utf8(head).expect("text")
        };
        (0..count).map(one).collect()
    });
    (address, thread)
}

fn verify(address: SocketAddr, arguments: &str) -> Output {
    let url = format!("http://{address}/channels/a.ts");
    Command::new(env!("CARGO_BIN_EXE_source-server"))
        .args(["verify", &url])
        .args(arguments.split_whitespace())
        .output()
        .expect("source-server")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("time");
    u64::try_from(now.as_nanos()).expect("time")
}

/// Sent five seconds ago.
fn body() -> Vec<u8> {
    bytes(
        &definition("a", "udp://239.255.85.1:5085"),
        2,
        now_ns() - 5_000_000_000,
    )
}

#[test]
fn a_whole_body_is_ok_for_every_viewer() {
    let body = body();
    let (address, relay) = relay(3, [OK, &body].concat());
    let output = verify(address, "--seconds 0 --viewers 3 --json --token abc");
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let datagrams = 3 * body.len() / 1316;
    assert_eq!(report["ok"], true);
    assert_eq!(report["datagrams"], datagrams);
    assert_eq!(report["bytes"], 3 * body.len());
    for failure in [
        "lost",
        "repeated",
        "foreign",
        "damaged",
        "uncovered",
        "late",
        "failed_viewers",
    ] {
        assert_eq!(report[failure], 0, "{failure}");
    }
    // All of it was sent before: backlog, which is no delay.
    assert!(report["delay_ms"].is_null());
    let backlog_ms = report["backlog_ms"]["p50"].as_f64().expect("backlog");
    assert!((5000.0..60_000.0).contains(&backlog_ms), "{backlog_ms}");
    for request in relay.join().expect("relay") {
        assert!(
            request.starts_with("GET /channels/a.ts HTTP/1.1\r\n"),
            "{request}"
        );
        assert!(
            request.contains("\r\nAuthorization: Bearer abc\r\n"),
            "{request}"
        );
    }
}

#[test]
fn what_is_missing_is_printed_and_fails() {
    let mut body = body();
    body.drain(1316 * 10..1316 * 12);
    let (address, relay) = relay(1, [OK, &body].concat());
    let output = verify(address, "--seconds 0");
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(
        text.contains("lost       2 ") && text.ends_with("result     FAILED\n"),
        "{text}"
    );
    relay.join().expect("relay");
}

#[test]
fn a_viewer_that_cannot_watch_to_the_end_fails_with_the_reason() {
    let plain = {
        let mut bare = definition("a", "udp://239.255.85.1:5085");
        bare.proof = false;
        bytes(&bare, 1, 0)
    };
    let problem =
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 16\r\n\r\n{\"reason\":\"max\"}";
    for (answer, arguments, reason) in [
        (problem.to_vec(), "", "status 503: {\"reason\":\"max\"}"),
        (
            [OK, &body()].concat(),
            "--seconds 100",
            "the relay closed after",
        ),
        (
            [OK, &plain].concat(),
            "--seconds 0",
            "was it sent with --proof?",
        ),
        (OK.to_vec(), "--seconds 0", "no data came"),
        (b"nonsense\r\n\r\n".to_vec(), "", "the answer is no HTTP"),
        (Vec::new(), "", "closed without an answer"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
            "",
            "transfer coding (chunked)",
        ),
    ] {
        let (address, relay) = relay(1, answer);
        let output = verify(address, arguments);
        let text = stdout(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(reason), "no {reason:?} in {text}");
        relay.join().expect("relay");
    }
    let closed = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("port");
    let output = verify(closed, "");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output).contains("cannot connect to 127.0.0.1"),
        "{}",
        stdout(&output)
    );
}
