//! An encoder-ingest that runs in a host, with its files and the questions that tests ask it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::binaries::{Profile, binary};
use crate::host::Host;
use crate::http::Http;
use crate::metrics::Metrics;
use crate::process::{Process, Program};
use crate::viewer::Viewer;
use crate::wait::{seconds, wait_for};

/// The port of the contract.
pub const PORT: u16 = 9525;

/// The bound of a verdict on what has gone wrong, and of `ok` after the mend.
pub const VERDICT: Duration = seconds(3);

/// How an ingest is started.
#[derive(Debug)]
pub struct Options {
    pub arguments: Vec<String>,
    /// Text of the channels file; none: no file.
    pub channels: Option<String>,
    /// Listen on every address, open to all, instead of on loopback.
    pub open: bool,
    pub profile: Profile,
}

/// An encoder-ingest that runs.
#[derive(Debug)]
pub struct Ingest<'a> {
    pub process: Process,
    host: &'a Host,
    address: SocketAddr,
    folder: TempDir,
}

impl Options {
    /// Joins on `interface`, listens on every address without tokens.
    #[must_use]
    pub fn new(interface: &str) -> Self {
        Self {
            arguments: vec!["--interface".to_owned(), interface.to_owned()],
            channels: None,
            open: true,
            profile: Profile::Same,
        }
    }

    /// With a channels file.
    #[must_use]
    pub fn channels(mut self, text: &str) -> Self {
        self.channels = Some(text.to_owned());
        self
    }

    /// With one declared channel, `news`.
    #[must_use]
    pub fn channel(self, url: &str) -> Self {
        self.channels(&format!(
            "channels:\n  - id: news\n    name: News\n    inputs:\n      - url: {url}\n"
        ))
    }

    /// With more arguments (separated by spaces).
    #[must_use]
    pub fn with(mut self, arguments: &str) -> Self {
        let words = arguments.split_whitespace().map(str::to_owned);
        self.arguments.extend(words);
        self
    }

    #[must_use]
    pub const fn release(mut self) -> Self {
        self.profile = Profile::Release;
        self
    }

    /// On loopback only.
    #[must_use]
    pub const fn loopback(mut self) -> Self {
        self.open = false;
        self
    }
}

impl<'a> Ingest<'a> {
    /// Starts it in `host` and waits until it is live.
    ///
    /// # Panics
    /// When it is not live within 10 s.
    #[must_use]
    #[track_caller]
    pub fn start(host: &'a Host, options: &Options) -> Self {
        let folder = tempfile::tempdir().expect("a folder for files");
        Self::start_in(host, options, folder)
    }

    /// The same with the files of one that ran before.
    ///
    /// # Panics
    /// When it is not live within 10 s.
    #[must_use]
    #[track_caller]
    pub fn start_in(host: &'a Host, options: &Options, folder: TempDir) -> Self {
        let mut program = Program::new(host, binary("encoder-ingest", options.profile));
        if let Some(text) = &options.channels {
            let file = folder.path().join("channels.yaml");
            std::fs::write(&file, text).expect("the channels file is written");
            program = program.args(["--channels".as_ref(), file.as_os_str()]);
        }
        if options.open {
            program = program.args(["--listen", "[::]:9525", "--no-auth"]);
        }
        let mut ingest = Self {
            process: program.args(&options.arguments).start(),
            host,
            address: SocketAddr::from(([127, 0, 0, 1], PORT)),
            folder,
        };
        ingest.wait_live();
        ingest
    }

    #[track_caller]
    fn wait_live(&mut self) {
        wait_for("encoder-ingest is live", seconds(10), || {
            let log = self.process.log();
            assert!(self.process.runs(), "encoder-ingest ended: {log}");
            let answer = self.http().try_request("GET", "/live", &[], b"").ok()?;
            (answer.status() == 200).then_some(())
        });
    }

    /// Requests from its own host, by loopback.
    #[must_use]
    pub const fn http(&self) -> Http<'a> {
        Http::new(self.host, self.address)
    }

    /// Where its files lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    #[must_use]
    pub fn channels_file(&self) -> PathBuf {
        self.folder().join("channels.yaml")
    }

    /// Kills it at once; answers its files.
    #[must_use]
    pub fn kill(mut self) -> TempDir {
        self.process.kill();
        self.folder
    }

    /// A viewer on its own host.
    #[must_use]
    #[track_caller]
    pub fn watch(&self, path: &str) -> Viewer {
        Viewer::open(&self.http(), path)
    }

    #[must_use]
    #[track_caller]
    pub fn metrics(&self) -> Metrics {
        Metrics::parse(&self.http().get("/metrics").text())
    }

    /// One of its metrics; 0 when it is not there. The prefix is added.
    #[must_use]
    #[track_caller]
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let name = format!("encoder_ingest_{name}");
        self.metrics().value(&name, labels)
    }

    /// A channel as the API shows it.
    #[must_use]
    #[track_caller]
    pub fn channel(&self, id: &str) -> Value {
        let answer = self.http().get(&format!("/api/v1/channels/{id}"));
        assert_eq!(answer.status(), 200, "{}", answer.text());
        answer.json()
    }

    /// The ids of all channels, sorted.
    #[must_use]
    #[track_caller]
    pub fn channel_ids(&self) -> Vec<String> {
        let list = self.http().get("/api/v1/channels").json();
        let channels = list["channels"].as_array().cloned().unwrap_or_default();
        let id = |channel: &Value| channel["id"].as_str().unwrap_or_default().to_owned();
        let mut ids: Vec<_> = channels.iter().map(id).collect();
        ids.sort();
        ids
    }

    /// Waits until a channel's state and reason are these; answers its status.
    ///
    /// # Panics
    /// When they are not within `timeout`, showing what they are.
    #[track_caller]
    pub fn wait_status(&self, id: &str, state: &str, reason: &str, timeout: Duration) -> Value {
        let mut last = Value::Null;
        let started = std::time::Instant::now();
        while started.elapsed() < timeout {
            last = self.channel(id)["status"].take();
            if last["state"] == state && last["reason"] == reason {
                return last;
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        panic!("{id} is not {state}, {reason} within {timeout:?} but {last}");
    }

    /// Waits until it receives a channel without complaint.
    ///
    /// # Panics
    /// When it does not within 10 s.
    #[track_caller]
    pub fn wait_receiving(&self, id: &str) -> Value {
        self.wait_status(id, "receiving", "ok", seconds(10))
    }

    /// Asks it to end; answers the exit code.
    ///
    /// # Panics
    /// When it does not end within 10 s, the bound of the contract.
    #[track_caller]
    pub fn terminate(&mut self) -> i32 {
        self.process.signal(Signal::TERM);
        self.process.exit_code(seconds(10))
    }
}
