//! An encoder-ui that runs in a host, and the questions that tests ask it.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binaries::{Profile, binary};
use crate::host::Host;
use crate::http::{Http, Response, read_head};
use crate::process::{Process, Program};
use crate::wait::{seconds, wait_for};

/// The port of the contract.
pub const PORT: u16 = 8080;

/// An encoder-ui that runs.
#[derive(Debug)]
pub struct Ui<'a> {
    pub process: Process,
    host: &'a Host,
    folder: TempDir,
}

impl<'a> Ui<'a> {
    /// Starts it in `host`, on loopback, with arguments separated by spaces.
    ///
    /// # Panics
    /// When it is not live within 10 s.
    #[must_use]
    #[track_caller]
    pub fn start(host: &'a Host, arguments: &str) -> Self {
        Self::start_with(host, arguments, None)
    }

    /// The same with users: name, password and role of each.
    ///
    /// # Panics
    /// When it is not live within 10 s.
    #[must_use]
    #[track_caller]
    pub fn with_users(host: &'a Host, arguments: &str, users: &[(&str, &str, &str)]) -> Self {
        Self::start_with(host, arguments, Some(users))
    }

    #[track_caller]
    fn start_with(host: &'a Host, arguments: &str, users: Option<&[(&str, &str, &str)]>) -> Self {
        let folder = tempfile::tempdir().expect("a folder for files");
        let mut program = Program::new(host, binary("encoder-ui", Profile::Same))
            .args(arguments.split_whitespace());
        if let Some(users) = users {
            let file = folder.path().join("users.yaml");
            std::fs::write(&file, users_file(users)).expect("the users file is written");
            program = program.args(["--users".as_ref(), file.as_os_str()]);
        }
        let mut ui = Self {
            process: program.start(),
            host,
            folder,
        };
        wait_for("encoder-ui is live", seconds(10), || {
            let log = ui.process.log();
            assert!(ui.process.runs(), "encoder-ui ended: {log}");
            let answer = ui.http().try_request("GET", "/live", &[], b"").ok()?;
            (answer.status() == 200).then_some(())
        });
        ui
    }

    /// Writes other users.
    ///
    /// # Panics
    /// When the file can't be written.
    pub fn set_users(&self, users: &[(&str, &str, &str)]) {
        let file = self.folder.path().join("users.yaml");
        std::fs::write(file, users_file(users)).expect("the users file is written");
    }

    /// Requests from its own host, by loopback.
    #[must_use]
    pub const fn http(&self) -> Http<'a> {
        let address = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), PORT);
        Http::new(self.host, address)
    }

    /// The cookie of a session, or the answer that refused it.
    ///
    /// # Errors
    /// When it is refused.
    #[track_caller]
    pub fn log_in(&self, name: &str, password: &str) -> Result<String, Response> {
        let body = json!({"name": name, "password": password});
        let answer = self.http().send_json("POST", "/api/login", &body);
        if answer.status() != 204 {
            return Err(answer);
        }
        let cookie = answer.header("set-cookie").unwrap_or_default();
        Ok(cookie.split(';').next().unwrap_or_default().to_owned())
    }

    /// All ingests, as a session sees them; an empty cookie: where there is no login.
    #[must_use]
    #[track_caller]
    pub fn ingests(&self, cookie: &str) -> Vec<Value> {
        let answer = self
            .http()
            .request("GET", "/api/ingests", &[("Cookie", cookie)], b"");
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let list = answer.json();
        list["ingests"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until an ingest is in `state`; answers it.
    ///
    /// # Panics
    /// When it is not within `timeout`.
    #[track_caller]
    pub fn wait_state(&self, cookie: &str, name: &str, state: &str, timeout: Duration) -> Value {
        wait_for(&format!("{name} is {state}"), timeout, || {
            let mut ingests = self.ingests(cookie).into_iter();
            ingests.find(|ingest| ingest["name"] == name && ingest["state"] == state)
        })
    }

    /// Reads `bytes` of a preview, over a WebSocket.
    ///
    /// # Panics
    /// When it is refused, or ends before.
    #[must_use]
    #[track_caller]
    pub fn preview(&self, ingest: &str, id: &str, cookie: &str, bytes: usize) -> Vec<u8> {
        let mut stream = self.http().connect().expect("a connection");
        let request = format!(
            "GET /api/ingests/{ingest}/preview/{id} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\n\
             Origin: http://127.0.0.1:{PORT}\r\nCookie: {cookie}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("it is taken");
        let (head, rest) = read_head(&mut stream).expect("an answer");
        assert_eq!(head.status, 101, "{head:?}");
        let mut frames = std::io::Read::chain(rest.as_slice(), stream);
        let mut body = Vec::new();
        while body.len() < bytes {
            body.extend_from_slice(&binary_frame(&mut frames));
        }
        body
    }
}

/// 16 bytes in base64 (RFC 6455, 4.1); any will do.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The next binary message (RFC 6455, 5.2); the server's are neither masked nor cut.
#[track_caller]
fn binary_frame(from: &mut impl std::io::Read) -> Vec<u8> {
    let mut head = [0; 2];
    from.read_exact(&mut head).expect("a frame");
    let mut length = u64::from(head[1]);
    if length == 126 {
        let mut wide = [0; 2];
        from.read_exact(&mut wide).expect("a length");
        length = u64::from(u16::from_be_bytes(wide));
    } else if length == 127 {
        let mut wide = [0; 8];
        from.read_exact(&mut wide).expect("a length");
        length = u64::from_be_bytes(wide);
    }
    let mut payload = vec![0; usize::try_from(length).expect("a length")];
    from.read_exact(&mut payload).expect("a payload");
    let text = String::from_utf8_lossy(&payload);
    assert_eq!(head[0], 0x82, "no whole binary message: {text}");
    payload
}

/// The users file; its hashes are made by the program itself.
fn users_file(users: &[(&str, &str, &str)]) -> String {
    let mut text = "users:\n".to_owned();
    for (name, password, role) in users {
        let hash = hash(password);
        text.push_str(&format!(
            "  - {{name: {name}, role: {role}, password: {hash:?}}}\n"
        ));
    }
    text
}

/// `encoder-ui hash-password`, with the password on its stdin.
fn hash(password: &str) -> String {
    let mut child = std::process::Command::new(binary("encoder-ui", Profile::Same))
        .arg("hash-password")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("encoder-ui starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(password.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
