//! The test source: makes channels, sends them as multicast, breaks them on demand, and reads a
//! relay back to prove what came through.
//!
//! In dependency order, a module uses only those above it:
//!
//! - [`limits`]: every bound, by name
//! - [`psi`]: the tables that name a stream's parts
//! - [`proof`]: the packet that says what its datagram held
//! - [`testcard`]: the built-in picture and tone as a transport stream
//! - [`file`]: a TS file, looped and restamped
//! - [`definition`]: what a stream should be
//! - [`content`]: card or file, packet by packet
//! - [`datagram`]: packets become datagrams, with proof and RTP
//! - [`faults`]: breaking a stream on demand, by a seed
//! - [`pacer`]: when the bytes of a stream are due
//! - [`sender`]: the threads that own streams
//! - [`document`]: streams and faults as people write them
//! - [`streams`]: the streams that run
//! - [`metrics`]: what Prometheus sees
//! - [`api`]: streams over HTTP
//! - [`verify`]: reads a relay back and judges it by the proofs
//! - [`config`]: the flags
//! - [`server`]: starts and stops all that sends
//!
//! [`file`]: mod@file

pub mod api;
pub mod config;
pub mod content;
pub mod datagram;
pub mod definition;
pub mod document;
pub mod faults;
pub mod file;
pub mod limits;
pub mod metrics;
pub mod pacer;
pub mod proof;
pub mod psi;
pub mod sender;
pub mod server;
pub mod streams;
pub mod testcard;
pub mod verify;
