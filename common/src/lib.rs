//! What more than one program of the encoder needs; it knows no program.
//!
//! In dependency order, a module uses only those above it:
//!
//! - [`limits`]: every bound that crosses programs, by name
//! - [`document`]: files and bodies that people write, with every mistake in them
//! - [`group`]: multicast groups and channel URLs, parsed once
//! - [`rtp`]: the RTP header (RFC 3550)
//! - [`ts`]: the TS packet and the CRC of its sections (ISO/IEC 13818-1)
//! - [`net`]: the system calls: receiving and sending datagrams, the NICs
//! - [`api`]: the JSON that crosses programs

pub mod api;
pub mod document;
pub mod group;
pub mod limits;
pub mod net;
pub mod rtp;
pub mod ts;
