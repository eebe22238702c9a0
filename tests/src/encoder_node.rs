//! encoder-node as a tool of the tests: processing nodes beside each other on one host.

use std::net::SocketAddr;

use crate::binaries::{Profile, binary};
use crate::host::Host;
use crate::http::Http;
use crate::process::{Process, Program};
use crate::wait::{seconds, wait_until};

/// The first port that nodes listen on; each further one has the next.
const PORT: u16 = 9529;

/// Starts the `index`th encoder-node in `host`, named by it (`n0`, `n1`), with `slots`, for the
/// ingests at `addresses` (separated by commas), and waits until it is ready.
///
/// # Panics
/// When it is not ready within 20 s: it tries its encoders first.
#[must_use]
#[track_caller]
pub fn start(host: &Host, index: u16, slots: u32, addresses: &str) -> Process {
    start_with(host, index, &slots.to_string(), addresses)
}

/// The same with any number of slots.
///
/// # Panics
/// When it is not ready within 20 s.
#[must_use]
#[track_caller]
pub fn start_with(host: &Host, index: u16, slots: &str, addresses: &str) -> Process {
    let port = PORT + index;
    let mut process = Program::new(host, binary("encoder-node", Profile::Same))
        .args(["--ingest", addresses, "--slots", slots])
        .args(["--name", &format!("n{index}")])
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .start();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    wait_until("encoder-node is ready", seconds(20), || {
        let log = process.log();
        assert!(process.runs(), "encoder-node ended: {log}");
        let answer = Http::new(host, address).try_request("GET", "/ready", &[], b"");
        answer.is_ok_and(|answer| answer.status() == 200)
    });
    process
}
