//! source-server as a tool of the tests: proven streams, and `verify` to read them back.

use std::time::Duration;

use crate::binaries::{Profile, binary};
use crate::host::Host;
use crate::process::{Process, Program};
use crate::wait::{seconds, wait_until};

/// Starts source-server in `host` on `nic` with further arguments (separated by spaces) and waits
/// until it is live.
///
/// # Panics
/// When it is not live within 10 s.
#[must_use]
#[track_caller]
pub fn start(host: &Host, profile: Profile, nic: &str, arguments: &str) -> Process {
    let mut process = Program::new(host, binary("source-server", profile))
        .args(["--interface", nic])
        .args(arguments.split_whitespace())
        .start();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 9537));
    wait_until("source-server is live", seconds(10), || {
        let log = process.log();
        assert!(process.runs(), "source-server ended: {log}");
        let http = crate::http::Http::new(host, address);
        let answer = http.try_request("GET", "/live", &[], b"");
        answer.is_ok_and(|answer| answer.status() == 200)
    });
    process
}

/// Starts `source-server verify URL --seconds N` in `host`.
#[must_use]
pub fn verify(host: &Host, profile: Profile, url: &str, duration: Duration) -> Process {
    let seconds = duration.as_secs().to_string();
    Program::new(host, binary("source-server", profile))
        .args(["verify", url, "--seconds", &seconds])
        .start()
}

/// The same by so many viewers; its log is one line of JSON when it ends well.
#[must_use]
pub fn verify_as(
    host: &Host,
    profile: Profile,
    url: &str,
    duration: Duration,
    viewers: usize,
) -> Process {
    let (seconds, viewers) = (duration.as_secs().to_string(), viewers.to_string());
    Program::new(host, binary("source-server", profile))
        .args(["verify", url, "--seconds", &seconds])
        .args(["--viewers", &viewers, "--json"])
        .start()
}
