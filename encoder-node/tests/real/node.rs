//! A node that runs, and what its host shows of it.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::ingest::FakeIngest;
use crate::{wait_for, wait_until};

pub(super) struct Node {
    child: Child,
    address: SocketAddr,
    pub(super) folder: TempDir,
    status: Option<ExitStatus>,
}

impl Node {
    /// For `ingests`, with more arguments (separated by spaces).
    pub(super) fn start(ingests: &[&FakeIngest], arguments: &str) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        // Free a moment ago; nothing else of this test takes it.
        let address = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let address = address.expect("a port");
        let log = File::create(folder.path().join("log")).expect("log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_encoder-node"));
        for ingest in ingests {
            command
                .arg("--ingest")
                .arg(format!("http://{}", ingest.address));
        }
        let child = command
            .args(["--listen", &address.to_string(), "--name", "node-1"])
            .args(arguments.split_whitespace())
            .stdin(Stdio::null())
            .stderr(log.try_clone().expect("log"))
            .stdout(log)
            .spawn()
            .expect("it starts");
        let node = Self {
            child,
            address,
            folder,
            status: None,
        };
        wait_until("the node is live", 10, || node.get("/live").0 == 200);
        node
    }

    /// Status and body; status 0 when there is no answer.
    pub(super) fn get(&self, path: &str) -> (u16, String) {
        let asked = || {
            let mut socket = TcpStream::connect(self.address).ok()?;
            write!(
                socket,
                "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            .ok()?;
            let mut answer = String::new();
            socket.read_to_string(&mut answer).ok()?;
            let (head, body) = answer.split_once("\r\n\r\n")?;
            let status = head.split(' ').nth(1)?.parse().ok()?;
            Some((status, body.to_owned()))
        };
        asked().unwrap_or_default()
    }

    /// The value of the one sample whose line begins so.
    #[track_caller]
    pub(super) fn metric(&self, begin: &str) -> f64 {
        let (_, text) = self.get("/metrics");
        let line = text.lines().find(|line| line.starts_with(begin));
        let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
        value.unwrap_or_else(|| panic!("no {begin} in {text}"))
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its children, by pid.
    pub(super) fn children(&self) -> Vec<u32> {
        let own = self.child.id();
        let parent = |pid: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace();
            let is_alive = fields.next()? != "Z";
            fields.next()?.parse::<u32>().ok().filter(|_| is_alive)
        };
        let entries = std::fs::read_dir("/proc").expect("proc").flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| parent(*pid) == Some(own)).collect()
    }

    /// Waits for its one child.
    #[track_caller]
    pub(super) fn child(&self) -> u32 {
        wait_for("one ffmpeg", 15, || match self.children()[..] {
            [pid] => Some(pid),
            _ => None,
        })
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill(self.child.id(), signal);
    }

    /// Waits for its end; answers the exit code, -1 after a signal.
    #[track_caller]
    pub(super) fn exit_code(&mut self, seconds: u64) -> i32 {
        let status = wait_for("the node ends", seconds, || {
            self.child.try_wait().expect("wait")
        });
        self.status = Some(status);
        status.code().unwrap_or(-1)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.status.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- log of the node ---\n{}", self.log());
        }
    }
}

pub(super) fn kill(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .expect("a pid");
    kill_process(pid, signal).expect("it runs");
}

pub(super) fn is_gone(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |stat| stat.contains(") Z "))
}
