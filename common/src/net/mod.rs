//! The network as Linux gives it: receiving and sending multicast datagrams, and the NICs.
//!
//! - [`control`]: what the kernel says beside a datagram
//! - [`sys`]: the system calls that no library wraps safely; the only room with `unsafe`
//! - [`receive`]: one socket for one group on one NIC
//! - [`send`]: one socket that sends to one group through one NIC
//! - [`memberships`]: which groups this host has joined
//! - [`interfaces`]: which NICs there are, and how they fare

pub mod control;
pub mod interfaces;
pub mod memberships;
pub mod receive;
pub mod send;
pub mod sys;
