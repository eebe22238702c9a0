//! `source-server verify URL`: reads a relay as viewers do and judges what came by the proofs.
//!
//! - [`check`]: pure: what a body proves
//! - [`delay`]: how long datagrams were on their way
//! - [`viewer`]: one connection
//! - [`report`]: all viewers together, for people and programs
//!
//! It knows no multicast and no sending.

mod check;
mod delay;
mod report;
mod url;
mod viewer;

pub use check::{Checked, Checker, Findings};
pub use delay::{Delays, Percentiles};
pub use report::Report;
pub use url::{HttpUrl, UrlError};

use std::time::Duration;

use tokio::task::JoinSet;

use viewer::Outcome;

/// What to read, by how many, and for how long.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    pub url: HttpUrl,
    /// Each viewer reads so long from when it connects; none: until the relay closes.
    pub duration: Option<Duration>,
    pub viewers: usize,
    /// Each viewer begins so much later than the one before.
    pub stagger: Duration,
    /// Sent as `Authorization: Bearer`.
    pub token: Option<String>,
}

/// Runs all viewers to their end.
pub async fn run(options: &VerifyOptions) -> Report {
    let mut viewers = JoinSet::new();
    for index in 0..options.viewers {
        let options = options.clone();
        let wait = options.stagger * u32::try_from(index).unwrap_or(u32::MAX);
        viewers.spawn(async move {
            tokio::time::sleep(wait).await;
            viewer::watch(&options).await
        });
    }
    let mut report = Report::new(options);
    while let Some(outcome) = viewers.join_next().await {
        report.add(outcome.unwrap_or_else(|error| Outcome::failed(error.to_string())));
    }
    report
}
