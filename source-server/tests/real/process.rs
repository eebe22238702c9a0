//! The process: what it says and how it ends.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_source-server");

fn run(arguments: &str) -> Output {
    Command::new(PROGRAM)
        .args(arguments.split_whitespace())
        .output()
        .expect("source-server")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("port");
    listener.local_addr().expect("address")
}

fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut socket = TcpStream::connect(address).ok()?;
    write!(
        socket,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn ready(child: &mut Child, address: SocketAddr) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !get(address, "/ready").is_some_and(|answer| answer.starts_with("HTTP/1.1 200 ")) {
        assert!(child.try_wait().expect("child").is_none(), "it has ended");
        assert!(Instant::now() < deadline, "not ready");
        std::thread::yield_now();
    }
}

#[test]
fn a_start_that_fails_says_why() {
    let usage = run("--mbps x");
    assert_eq!(usage.status.code(), Some(2));
    assert!(
        stderr(&usage).contains("--interface") && stderr(&usage).contains("--mbps"),
        "{}",
        stderr(&usage)
    );
    let nic = run(&format!(
        "--interface nosuchnic0 --channels 9 --listen {}",
        free_port()
    ));
    assert_eq!(nic.status.code(), Some(1));
    let text = stderr(&nic);
    assert!(
        text.contains("there is no network interface nosuchnic0: there are lo"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
    let source = run(&format!(
        "--interface lo --source 203.0.113.99 --listen {}",
        free_port()
    ));
    assert_eq!(source.status.code(), Some(1));
    assert!(
        stderr(&source).contains("203.0.113.99"),
        "{}",
        stderr(&source)
    );
    let holder = TcpListener::bind("127.0.0.1:0").expect("port");
    let port = run(&format!(
        "--interface lo --ttl 0 --listen {}",
        holder.local_addr().expect("address")
    ));
    assert_eq!(port.status.code(), Some(1));
    assert!(
        stderr(&port).contains("is in use: held by"),
        "{}",
        stderr(&port)
    );
}

#[test]
fn verify_takes_no_harm_from_the_variables_of_sending() {
    let output = Command::new(PROGRAM)
        .args(["verify", "http://127.0.0.1:1/", "--seconds", "1"])
        .env("SOURCE_SERVER_INTERFACE", "lo")
        .env("SOURCE_SERVER_PROOF", "true")
        .output()
        .expect("source-server");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
}

#[test]
fn a_signal_ends_it_well() {
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let address = free_port();
        let mut child = Command::new(PROGRAM)
            .args(
                "--interface lo --ttl 0 --group 239.255.86.1 --port 5086 --channels 3 --listen"
                    .split_whitespace(),
            )
            .arg(address.to_string())
            .stdout(Stdio::null())
            .spawn()
            .expect("source-server");
        ready(&mut child, address);
        let streams = get(address, "/api/v1/streams").expect("answer");
        assert!(streams.contains("\"c003\""), "{streams}");
        let metrics = get(address, "/metrics").expect("answer");
        assert!(metrics.contains("source_server_streams 3"), "{metrics}");
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, signal).expect("signal");
        assert_eq!(child.wait().expect("end").code(), Some(0), "{signal:?}");
    }
}
