//! What only real things show: the process, a real ffmpeg, and an ingest that is told what to say.

mod ending;
mod ingest;
mod jobs;
mod media;
mod node;
mod refusing;

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Whether ffmpeg and ffprobe are here; else the test's name is printed past the capture of its
/// output. With `CI=true` it fails instead.
fn can_run() -> bool {
    let is_here = |program: &str| {
        let mut command = Command::new(program);
        let quiet = command
            .arg("-version")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    };
    if is_here("ffmpeg") && is_here("ffprobe") {
        return true;
    }
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a test");
    let message = format!("NOT RUN: {name}: it needs ffmpeg with libx264");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{message}");
    let _ = writeln!(std::io::stderr(), "{message}");
    false
}

/// Waits until `condition` answers something.
#[track_caller]
fn wait_for<T>(what: &str, seconds: u64, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(
            started.elapsed() < Duration::from_secs(seconds),
            "{what}: not within {seconds} s"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn wait_until(what: &str, seconds: u64, mut condition: impl FnMut() -> bool) {
    wait_for(what, seconds, || condition().then_some(()));
}
