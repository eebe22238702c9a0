//! One socket that sends datagrams to one multicast group through one NIC.
//!
//! It does not pace: who calls it decides when.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, Socket, Type};

use super::sys;
use crate::group::MulticastGroup;

/// Asked for; the kernel grants `net.core.wmem_max` at most.
const BUFFER_BYTES_WANTED: usize = 8 << 20;

/// How the datagrams leave.
#[derive(Debug, Clone, Copy)]
pub struct SendOptions {
    /// Index of the NIC that they leave through.
    pub interface_index: u32,
    /// Local address to send from; none: the kernel chooses the NIC's.
    pub source: Option<IpAddr>,
    /// Time to live (IPv6: hop limit).
    pub ttl: u8,
    /// Whether receivers on this host get them too.
    pub loopback: bool,
}

/// A connected socket towards one group.
#[derive(Debug)]
pub struct MulticastSender {
    socket: Socket,
}

/// Why a group can't be sent to.
#[derive(Debug, thiserror::Error)]
#[error("cannot send to {group} through NIC {interface_index}: {source}")]
pub struct SendError {
    group: MulticastGroup,
    interface_index: u32,
    source: io::Error,
}

impl MulticastSender {
    /// Opens a socket that sends to `group`.
    ///
    /// # Errors
    /// When the NIC is gone, the source address is not local, or no route leads to the group.
    pub fn open(group: MulticastGroup, options: SendOptions) -> Result<Self, SendError> {
        let fail = |source| SendError {
            group,
            interface_index: options.interface_index,
            source,
        };
        Self::connect(group, options).map_err(fail)
    }

    fn connect(group: MulticastGroup, options: SendOptions) -> io::Result<Self> {
        let address = group.address();
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        let _ = socket.set_send_buffer_size(BUFFER_BYTES_WANTED);
        if let Some(source) = options.source {
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        match address {
            SocketAddr::V4(_) => {
                socket.set_multicast_ttl_v4(u32::from(options.ttl))?;
                socket.set_multicast_loop_v4(options.loopback)?;
                sys::set_multicast_interface_v4(socket.as_fd(), options.interface_index)?;
                socket.connect(&address.into())?;
            }
            SocketAddr::V6(v6) => {
                socket.set_multicast_hops_v6(u32::from(options.ttl))?;
                socket.set_multicast_loop_v6(options.loopback)?;
                socket.set_multicast_if_v6(options.interface_index)?;
                let scoped = SocketAddrV6::new(*v6.ip(), v6.port(), 0, options.interface_index);
                socket.connect(&SocketAddr::V6(scoped).into())?;
            }
        }
        Ok(Self { socket })
    }

    /// Sends each of `datagrams`; with `segment_bytes` each is cut into datagrams of that size by
    /// the kernel (GSO). Answers how many of the slices went out.
    ///
    /// # Errors
    /// Those of `sendmmsg`.
    pub fn send(&self, datagrams: &[IoSlice<'_>], segment_bytes: Option<u16>) -> io::Result<usize> {
        sys::send_messages(self.socket.as_fd(), datagrams, segment_bytes)
    }
}
