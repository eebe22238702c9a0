//! The relay: the life of a packet, from the socket to the viewers.
//!
//! In dependency order, a module uses only those above it:
//!
//! - [`block`], [`history`]: what is kept, and where a viewer may begin
//! - [`rtp_order`], [`datagram`], [`joiner`]: what a datagram is, and its place (pure)
//! - [`recorder`]: into the history and through the signal analysis
//! - [`ingress`]: the careful path of a datagram
//! - [`mode`], [`receive`], [`input`]: receiving in place
//! - [`upload`]: what a processing node sends instead
//! - [`pace`]: when a socket is drained next (pure)
//! - [`viewer`]: a cursor and a socket
//! - [`channel`]: one turn of a channel

pub mod block;
pub mod channel;
pub mod datagram;
pub mod history;
pub mod ingress;
pub mod input;
pub mod joiner;
pub mod mode;
pub mod pace;
pub mod receive;
pub mod recorder;
pub mod rtp_order;
pub mod upload;
pub mod viewer;
