//! Processing nodes: who has which job, and what becomes of what they send.

mod heartbeat;
mod kinds;
mod output;
mod programs;
mod real;
mod shared;
mod snapshot;
mod wrap;

use std::sync::{Mutex, MutexGuard, PoisonError};

use e2e::ingest::{Ingest, Options};
use e2e::scene::URL;
use serde_json::Value;

/// The job of the usual channel's preview.
const JOB: &str = "news.preview";

/// The usual channel, with these renditions.
fn options(renditions: &str) -> Options {
    Options::new("eth0").channels(&format!(
        "channels:\n  - id: news\n    name: News\n    renditions: [{renditions}]\n    inputs:\n      - url: {URL}\n"
    ))
}

/// Held by a test that runs real encoders, which fill two cores: one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The ingest's `jobs` or `nodes`.
fn list(ingest: &Ingest<'_>, what: &str) -> Vec<Value> {
    let list = ingest.http().get(&format!("/api/v1/{what}")).json();
    list[what].as_array().cloned().expect(what)
}

fn running(ingest: &Ingest<'_>) -> usize {
    let jobs = list(ingest, "jobs");
    jobs.iter().filter(|job| job["state"] == "running").count()
}
