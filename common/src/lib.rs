//! What more than one program of the encoder needs; it knows no program.
//!
//! In dependency order, a module uses only those above it:
//!
//! - [`arguments`]: the command line, with every mistake in it
//! - [`mistakes`]: everything that is wrong with a configuration, told at once
//! - [`id`]: what the ids of channels and streams look like
//! - [`limits`]: every bound that crosses programs, by name
//! - [`document`]: files and bodies that people write, with every mistake in them
//! - [`group`]: multicast groups and channel URLs, parsed once
//! - [`rtp`]: the RTP header (RFC 3550)
//! - [`ts`]: the TS packet and the CRC of its sections (ISO/IEC 13818-1)
//! - [`net`]: the system calls: receiving and sending datagrams, the NICs
//! - [`api`]: the JSON that crosses programs
//! - [`shutdown`]: SIGTERM and SIGINT become one token
//! - [`telemetry`]: the log
//! - [`problem`]: errors over HTTP (RFC 9457)
//! - [`tokens`]: the token file and its roles
//! - [`access`]: who asks, over HTTP
//! - [`listen`]: the one TCP port, and who holds it when it is taken
//! - [`ops`]: `/live`, `/ready` and `/metrics`

pub mod access;
pub mod api;
pub mod arguments;
pub mod document;
pub mod group;
pub mod id;
pub mod limits;
pub mod listen;
pub mod mistakes;
pub mod net;
pub mod ops;
pub mod problem;
pub mod rtp;
pub mod shutdown;
pub mod telemetry;
pub mod tokens;
pub mod ts;

/// An error and what caused it, in one line. A cause that is told already is not repeated.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.contains(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        cause = error.source();
    }
    text
}
