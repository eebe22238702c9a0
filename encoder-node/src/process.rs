//! One ffmpeg child. It never outlives the node: the kernel kills it with the thread that started
//! it, and dropping it kills it too. Its stderr and its progress are read for as long as it lives,
//! so that it never waits for them.

use std::io::{self, PipeReader};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::net::sys::bind_to_parent;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::limits::{COMPLAINT_BYTES_MAX, PROGRESS_LINE_BYTES_MAX};
use crate::progress::{JobStats, ProgressReader, processor_time};

/// After its end the last lines of a child are read for so long.
const LAST_LINES_WITHIN: Duration = Duration::from_millis(500);

/// An ffmpeg that runs.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Read stderr and progress; they end with it.
    readers: JoinSet<()>,
    started: Instant,
}

/// How much of a core a child uses, from `/proc`.
#[derive(Debug)]
pub struct LoadMeter {
    pid: Option<u32>,
    before: (Instant, Duration),
}

/// What it reads and writes.
#[derive(Debug)]
pub struct Pipes {
    pub stdin: ChildStdin,
    pub stdout: ChildStdout,
}

impl Process {
    /// Starts it. Must be called on a thread that lives as long as the runtime: the child dies with
    /// it.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(
        program: &Path,
        arguments: &[String],
        stats: &Arc<JobStats>,
    ) -> io::Result<(Self, Pipes)> {
        let (progress, writer) = io::pipe()?;
        let mut command = std::process::Command::new(program);
        command
            .args(["-progress", &format!("pipe:{}", writer.as_raw_fd())])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal is for the node, which ends its jobs in order.
            .process_group(0);
        bind_to_parent(&mut command, OwnedFd::from(writer));
        let mut command = Command::from(command);
        let mut child = command.kill_on_drop(true).spawn()?;
        // With it goes the parent's end of the progress pipe.
        drop(command);
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let mut readers = JoinSet::new();
        readers.spawn(complaints(stderr, Arc::clone(stats)));
        readers.spawn(figures(receiver(progress)?, Arc::clone(stats)));
        let process = Self {
            child,
            readers,
            started: Instant::now(),
        };
        Ok((process, Pipes { stdin, stdout }))
    }

    /// Waits for its end and for the last of what it says.
    ///
    /// # Errors
    /// Those of waiting for a child.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        let rest = async { while self.readers.join_next().await.is_some() {} };
        // A grandchild could hold the pipes open; ffmpeg has none.
        let _ = timeout(LAST_LINES_WITHIN, rest).await;
        Ok(status)
    }

    /// Kills it and waits until it is gone.
    pub async fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill().await;
    }

    /// Looks at its load; of no use once it is gone.
    #[must_use]
    pub fn meter(&self) -> LoadMeter {
        LoadMeter {
            pid: self.child.id(),
            before: (self.started, Duration::ZERO),
        }
    }
}

impl LoadMeter {
    /// Processor time so far.
    #[must_use]
    pub fn processor_time(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid?)).ok()?;
        processor_time(&stat)
    }

    /// Load since the last call, in percent of one core.
    pub fn percent(&mut self, now: Instant) -> Option<f64> {
        let time = self.processor_time()?;
        let (before, spent) = self.before;
        self.before = (now, time);
        let used = time.saturating_sub(spent);
        Some(percent(used, now.duration_since(before)))
    }
}

/// `used` of `wall`, in percent, to a tenth.
#[must_use]
pub fn percent(used: Duration, wall: Duration) -> f64 {
    (used.as_secs_f64() / wall.as_secs_f64().max(0.001) * 1000.0).round() / 10.0
}

fn receiver(reader: PipeReader) -> io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(OwnedFd::from(reader))
}

async fn complaints(stderr: ChildStderr, stats: Arc<JobStats>) {
    each_line(stderr, COMPLAINT_BYTES_MAX, |line| stats.complain(line)).await;
}

async fn figures(progress: pipe::Receiver, stats: Arc<JobStats>) {
    let mut reader = ProgressReader::default();
    each_line(progress, PROGRESS_LINE_BYTES_MAX, |line| {
        let line = String::from_utf8_lossy(line);
        if let Some(report) = reader.line(&line, Instant::now()) {
            stats.report(report.fps, report.speed, report.dropped);
        }
    })
    .await;
}

/// Every line until the end, the first `bytes_max` of each.
async fn each_line(from: impl AsyncRead + Unpin, bytes_max: usize, mut take: impl FnMut(&[u8])) {
    let mut from = BufReader::new(from);
    let mut line: Vec<u8> = Vec::new();
    // A pipe that breaks is at its end.
    while let Ok(bytes @ [_, ..]) = from.fill_buf().await {
        let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let part = &bytes[..end.unwrap_or(bytes.len())];
        let room = bytes_max.saturating_sub(line.len());
        line.extend_from_slice(&part[..part.len().min(room)]);
        let used = part.len() + usize::from(end.is_some());
        if end.is_some() {
            take(&line);
            line.clear();
        }
        from.consume(used);
    }
    if !line.is_empty() {
        take(&line);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A script in ffmpeg's place; `$2` names the progress pipe.
    fn start(script: &str, stats: &Arc<JobStats>) -> (Process, Pipes) {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program");
        Process::start(Path::new(program), &[script.to_owned()], stats).expect("it starts")
    }

    #[tokio::test]
    async fn what_it_says_is_read_to_the_end() {
        let stats = Arc::new(JobStats::default());
        let script = "fd=${2#pipe:}\n\
            printf 'frame=1\\ndrop_frames=4\\nprogress=end\\n' > /proc/self/fd/$fd\n\
            echo one >&2; printf 'two' >&2; cat; exit 3";
        let (mut process, mut pipes) = start(script, &stats);
        pipes.stdin.write_all(b"through").await.expect("write");
        drop(pipes.stdin);
        let mut text = String::new();
        pipes.stdout.read_to_string(&mut text).await.expect("read");
        let status = process.ended().await.expect("status");
        assert_eq!((text.as_str(), status.code()), ("through", Some(3)));
        let progress = stats.progress(0);
        assert_eq!(progress.stderr_tail, ["one", "two"]);
        assert_eq!(progress.frames_dropped, 4);
    }

    #[tokio::test]
    async fn a_flood_of_complaints_is_counted_and_bounded() {
        let stats = Arc::new(JobStats::default());
        let script = "yes | head -n 20000 >&2; head -c 100000 /dev/zero | tr '\\0' x >&2";
        let (mut process, _pipes) = start(script, &stats);
        process.ended().await.expect("status");
        assert_eq!(stats.progress(0).complaints, 20_001);
    }

    #[tokio::test]
    async fn dropping_it_kills_it() {
        let stats = Arc::new(JobStats::default());
        let (process, mut pipes) = start("exec sleep 100", &stats);
        drop(process);
        // Only the child held the other end.
        let read = pipes.stdout.read(&mut [0; 1]).await;
        assert_eq!(read.expect("the end"), 0);
    }
}
