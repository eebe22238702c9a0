//! The process: exit codes and messages.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output};
use std::time::Duration;

use encoder_ui::limits::{CONNECTIONS_MAX, CONNECTIONS_SPARE};

/// Of the password `a`.
const HASH: &str = "$argon2id$v=19$m=16,t=1,p=1$MTIzNDU2Nzg$3mpPKnSJ3fCa8ylqQuYJ2Q";

/// How long a probe of Kubernetes waits for an answer (k8s/base/encoder-ui.yaml).
const PROBE_WAITS: Duration = Duration::from_secs(5);

/// It is ended with the test.
struct Running {
    child: Child,
    address: SocketAddr,
    _users: tempfile::NamedTempFile,
}

impl Running {
    fn start() -> Self {
        let users = tempfile::NamedTempFile::new().expect("file");
        let text = format!("users: [{{name: ann, role: admin, password: {HASH:?}}}]");
        std::fs::write(users.path(), text).expect("write");
        let address = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr());
        let address = address.expect("a port that is free");
        let child = Command::new(env!("CARGO_BIN_EXE_encoder-ui"))
            .args(["--listen", &address.to_string(), "--users"])
            .arg(users.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("starts");
        let mut running = Self {
            child,
            address,
            _users: users,
        };
        while TcpStream::connect(address).is_err() {
            let ended = running.child.try_wait().expect("a state");
            assert!(ended.is_none(), "it ended: {ended:?}");
        }
        running
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).expect("a connection")
    }

    /// The whole answer, on a connection of its own.
    fn get(&self, path: &str) -> String {
        let mut connection = self.connect();
        let waits = connection.set_read_timeout(Some(PROBE_WAITS));
        waits.expect("a timeout");
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        let read = connection.read_to_string(&mut answer);
        assert!(read.is_ok(), "{path}: {read:?} after {answer:?}");
        answer
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_encoder-ui"))
        .args(arguments)
        .output()
        .expect("starts")
}

#[test]
fn wrong_usage_ends_with_2_and_every_mistake() {
    let output = run(&["--listen", "0.0.0.0:8080", "--ingest", "n1:9525"]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        message.contains("--no-auth") && message.contains("\"n1:9525\""),
        "{message}"
    );
    assert_eq!(run(&["--nonsense"]).status.code(), Some(2));
}

#[test]
fn a_port_in_use_ends_with_1_and_its_holder() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("port");
    let address = holder.local_addr().expect("address").to_string();
    let output = run(&["--listen", &address]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr);
    let pid = format!("pid {}", std::process::id());
    assert!(
        message.contains(&address) && message.contains(&pid),
        "{message}"
    );
}

#[test]
fn idle_connections_hold_up_nobody() {
    let ui = Running::start();
    let idle: Vec<TcpStream> = (0..CONNECTIONS_MAX + CONNECTIONS_SPARE + 8)
        .map(|_| ui.connect())
        .collect();
    for path in ["/live", "/"] {
        let answer = ui.get(path);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
    }
    drop(idle);
}

/// Whoever can fill the port still has the others told so, and the pod is not restarted.
#[test]
fn past_the_bound_health_is_answered_and_all_else_is_told_to_come_later() {
    let ui = Running::start();
    let head = "POST /api/login HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n";
    let mut busy = Vec::new();
    // One whose head was not read yet makes room for the next, so it takes some more than there are.
    let told = loop {
        assert!(busy.len() < 2 * CONNECTIONS_MAX, "nobody is refused");
        let mut connection = ui.connect();
        connection.write_all(head.as_bytes()).expect("sent");
        busy.push(connection);
        let answer = (busy.len() >= CONNECTIONS_MAX).then(|| ui.get("/api/me"));
        if let Some(told) = answer.filter(|answer| answer.starts_with("HTTP/1.1 503 ")) {
            break told;
        }
    };
    let _idle: Vec<TcpStream> = (0..CONNECTIONS_SPARE + 8).map(|_| ui.connect()).collect();
    let told = told.to_lowercase();
    for part in ["too_many_connections", "retry-after: ", "problem+json"] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
    for path in ["/live", "/ready", "/metrics"] {
        let answer = ui.get(path);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
    }
    drop(busy);
    while !ui.get("/api/me").starts_with("HTTP/1.1 401 ") {}
}
