//! What the benches and the allocation test work on.
//!
//! - [`stream`]: made-up transport streams, and the plainest of them
//! - [`broadcast`]: one as broadcasters send it
//! - [`loopback`]: datagrams of it, sent and received on `lo`
//! - [`audience`]: players on `lo`
//! - [`turning`]: a channel of the relay, turned by hand

pub mod audience;
pub mod broadcast;
pub mod loopback;
pub mod stream;
pub mod turning;
