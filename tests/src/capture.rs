//! What tcpdump sees on a NIC, as text.

use std::time::Duration;

use crate::host::Host;
use crate::process::{Process, Program};
use crate::wait::{seconds, wait_until};

/// tcpdump that runs on a host's NIC.
#[derive(Debug)]
pub struct Capture {
    process: Process,
}

impl Capture {
    /// Captures what matches `filter`; answers when tcpdump listens.
    ///
    /// # Panics
    /// When tcpdump does not start.
    #[must_use]
    pub fn start(host: &Host, nic: &str, filter: &str) -> Self {
        let arguments = ["-i", nic, "-n", "-v", "-l", "--immediate-mode", filter];
        let process = Program::new(host, "tcpdump").args(arguments).start();
        wait_until("tcpdump listens", seconds(5), || {
            process.log().contains("listening on")
        });
        Self { process }
    }

    /// Waits until a line has all of `parts`.
    ///
    /// # Panics
    /// When none comes within `timeout`.
    #[track_caller]
    pub fn wait_line(&self, parts: &[&str], timeout: Duration) {
        wait_until(&format!("{parts:?} on the wire"), timeout, || {
            self.has_line(parts)
        });
    }

    /// Whether a line has all of `parts`.
    #[must_use]
    pub fn has_line(&self, parts: &[&str]) -> bool {
        let log = self.process.log();
        log.lines()
            .any(|line| parts.iter().all(|part| line.contains(part)))
    }
}
