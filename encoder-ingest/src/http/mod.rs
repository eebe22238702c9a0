//! Everything that comes over the one port.

pub mod api;
pub mod auth;

use std::net::{IpAddr, SocketAddr};

/// The client at the other end of a connection, in every request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(SocketAddr);

impl Peer {
    /// An IPv4 client of an IPv6 socket counts as the IPv4 client that it is.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }

    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.0.ip()
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0
    }
}
