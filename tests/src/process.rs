//! A program that runs inside a host, with its log. Dropping it kills it, by its pid; a test that
//! fails shows the log's end.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::host::Host;
use crate::wait::wait_for;

/// What is shown of a failed test's processes.
const LOG_SHOWN_BYTES: usize = 6000;

/// A program to start.
#[derive(Debug)]
pub struct Program {
    command: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    name: String,
}

/// A program that was started.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    log: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
    status: Option<ExitStatus>,
}

impl Program {
    /// `program` inside `host`.
    #[must_use]
    pub fn new(host: &Host, program: impl AsRef<Path>) -> Self {
        let program = program.as_ref();
        let name = program.file_name().unwrap_or(program.as_os_str());
        let words = ["ip", "netns", "exec", host.namespace()];
        let mut command: Vec<OsString> = words.iter().map(OsString::from).collect();
        command.push(program.into());
        Self {
            name: name.to_string_lossy().into_owned(),
            command,
            environment: Vec::new(),
        }
    }

    /// The same as another user, without any privilege.
    #[must_use]
    pub fn as_user(mut self, uid: u32) -> Self {
        let words = [
            "setpriv".to_owned(),
            format!("--reuid={uid}"),
            format!("--regid={uid}"),
            "--clear-groups".to_owned(),
        ];
        let at = self.command.len() - 1;
        self.command.splice(at..at, words.map(OsString::from));
        self
    }

    /// The same, killed by the kernel when the thread that starts it ends, however that comes.
    #[must_use]
    pub fn dies_with_parent(mut self) -> Self {
        let words = ["setpriv", "--pdeathsig", "KILL"];
        let at = self.command.len() - 1;
        self.command.splice(at..at, words.map(OsString::from));
        self
    }

    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        let arguments = arguments.into_iter();
        self.command
            .extend(arguments.map(|argument| argument.as_ref().to_owned()));
        self
    }

    #[must_use]
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.environment.push((key.into(), value.into()));
        self
    }

    /// # Panics
    /// When it can't be started.
    #[must_use]
    pub fn start(self) -> Process {
        let mut child = Command::new(&self.command[0])
            .args(&self.command[1..])
            .envs(self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {:?}: {error}", self.command));
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut readers = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            readers.push(collect(stdout, Arc::clone(&log)));
        }
        if let Some(stderr) = child.stderr.take() {
            readers.push(collect(stderr, Arc::clone(&log)));
        }
        Process {
            child,
            name: self.name,
            log,
            readers,
            status: None,
        }
    }
}

impl Process {
    /// The program's own pid: `ip netns exec` and `setpriv` become it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it printed so far, both outputs.
    #[must_use]
    pub fn log(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&log).into_owned()
    }

    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }

    /// The status with which it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    #[must_use]
    pub fn runs(&mut self) -> bool {
        self.ended().is_none()
    }

    /// Waits for its end and for the last of its log; answers the exit code.
    ///
    /// # Panics
    /// When it does not end within `timeout`, or ends by a signal.
    #[track_caller]
    pub fn exit_code(&mut self, timeout: Duration) -> i32 {
        let what = format!("{} ends", self.name);
        let status = wait_for(&what, timeout, || self.ended());
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        status
            .code()
            .unwrap_or_else(|| panic!("{} ended by signal {:?}", self.name, status.signal()))
    }

    /// Kills it at once, as a power cut would, and waits until it is gone.
    pub fn kill(&mut self) {
        if self.ended().is_none() {
            self.signal(Signal::KILL);
            self.status = self.child.wait().ok();
        }
    }

    /// Memory of its own that is in use: neither its files' pages nor the kernel's buffers.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    #[track_caller]
    pub fn memory_bytes(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let text = text.expect("it runs");
        let mut lines = text.lines();
        let kilobytes = lines.find_map(|line| line.strip_prefix("RssAnon:"));
        let number = kilobytes.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
        number.expect("RssAnon in kB") * 1024
    }

    /// Processor time of all its threads.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid()));
        let of_task = |task: std::fs::DirEntry| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        };
        let nanos = tasks.into_iter().flatten().flatten().filter_map(of_task);
        Duration::from_nanos(nanos.sum())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let mut start = log.len().saturating_sub(LOG_SHOWN_BYTES);
            while !log.is_char_boundary(start) {
                start += 1;
            }
            eprintln!("--- log of {} ---\n{}", self.name, &log[start..]);
        }
    }
}

fn collect(mut from: impl Read + Send + 'static, log: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut piece) {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.extend_from_slice(&piece[..read]);
        }
    })
}
