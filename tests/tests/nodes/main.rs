//! Processing nodes: who has which job, and what becomes of what they send.

mod heartbeat;
mod kinds;
mod output;
mod programs;
mod real;
mod shared;
mod snapshot;
mod wrap;

use e2e::ingest::Options;
use e2e::scene::URL;

/// The job of the usual channel's preview.
const JOB: &str = "news.preview";

/// The usual channel, with these renditions.
fn options(renditions: &str) -> Options {
    Options::new("eth0").channels(&format!(
        "channels:\n  - id: news\n    name: News\n    renditions: [{renditions}]\n    inputs:\n      - url: {URL}\n"
    ))
}
