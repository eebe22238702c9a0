//! One socket that receives one multicast group on one NIC, and nothing else.
//!
//! Bound to the group, joined by NIC index, deaf to the joins of other processes. Dropping it
//! leaves the group. It does not read: the data plane does, by [`super::sys::ReceiveCalls`].

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use socket2::{Domain, Protocol, Socket, Type};

use super::sys;
use crate::group::MulticastGroup;

/// Asked for when the user names no size; the kernel grants `net.core.rmem_max` at most.
const BUFFER_BYTES_WANTED: usize = 32 << 20;

/// A membership and the socket that it lives in.
#[derive(Debug)]
pub struct MulticastReceiver {
    socket: Socket,
    group: MulticastGroup,
    interface_index: u32,
    granted_bytes: usize,
    coalescing: bool,
}

/// Which step of opening failed. The message names the group; the caller knows the NIC's name.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    #[error("cannot open a socket for {group}: {source}")]
    Open {
        group: MulticastGroup,
        source: io::Error,
    },
    #[error("cannot bind to {group}: {source}")]
    Bind {
        group: MulticastGroup,
        source: io::Error,
    },
    #[error("cannot join {group}: {source}")]
    Join {
        group: MulticastGroup,
        source: io::Error,
    },
}

impl MulticastReceiver {
    /// Opens a socket for `group` on the NIC with `interface_index` and joins. `buffer_bytes` is
    /// what to ask of `SO_RCVBUF`; see [`Self::granted_bytes`] for what came of it.
    ///
    /// # Errors
    /// When a step fails, such as the NIC having gone.
    pub fn open(
        group: MulticastGroup,
        interface_index: u32,
        buffer_bytes: Option<usize>,
    ) -> Result<Self, ReceiveError> {
        let socket = open_socket(group, interface_index)
            .map_err(|source| ReceiveError::Open { group, source })?;
        // A refusal only leaves the default size, which is read back below.
        let _ = socket.set_recv_buffer_size(buffer_bytes.unwrap_or(BUFFER_BYTES_WANTED));
        socket
            .bind(&group.address().into())
            .map_err(|source| ReceiveError::Bind { group, source })?;
        sys::join(
            socket.as_fd(),
            interface_index,
            group.group(),
            group.source(),
        )
        .map_err(|source| ReceiveError::Join { group, source })?;
        let granted_bytes = socket
            .recv_buffer_size()
            .map_err(|source| ReceiveError::Open { group, source })?;
        Ok(Self {
            socket,
            group,
            interface_index,
            granted_bytes,
            coalescing: false,
        })
    }

    #[must_use]
    pub fn group(&self) -> MulticastGroup {
        self.group
    }

    #[must_use]
    pub fn interface_index(&self) -> u32 {
        self.interface_index
    }

    /// `SO_RCVBUF` as the kernel counts it: data and its own overhead, twice what was asked.
    #[must_use]
    pub fn granted_bytes(&self) -> usize {
        self.granted_bytes
    }

    /// Whether the kernel may glue datagrams of one size into one receive (`UDP_GRO`).
    #[must_use]
    pub fn coalescing(&self) -> bool {
        self.coalescing
    }

    /// Switches `UDP_GRO`. Runs that are already queued stay glued.
    ///
    /// # Errors
    /// Those of `setsockopt`.
    pub fn set_coalescing(&mut self, on: bool) -> io::Result<()> {
        sys::set_option(
            self.socket.as_fd(),
            libc::SOL_UDP,
            libc::UDP_GRO,
            i32::from(on),
        )?;
        self.coalescing = on;
        Ok(())
    }

    /// Leaves the group and joins it again, on the same socket: the network hears both.
    ///
    /// # Errors
    /// When the group can't be joined again, such as the NIC having gone.
    pub fn rejoin(&self) -> Result<(), ReceiveError> {
        self.leave();
        self.join()
    }

    /// Leaves the group; the socket stays, and nothing comes to it until [`Self::join`].
    pub fn leave(&self) {
        let (group, index) = (self.group, self.interface_index);
        // Without a membership there is nothing to leave.
        let _ = sys::leave(self.socket.as_fd(), index, group.group(), group.source());
    }

    /// Joins the group that was left.
    ///
    /// # Errors
    /// When it can't be joined, such as the NIC having gone.
    pub fn join(&self) -> Result<(), ReceiveError> {
        let (group, index) = (self.group, self.interface_index);
        sys::join(self.socket.as_fd(), index, group.group(), group.source())
            .map_err(|source| ReceiveError::Join { group, source })
    }

    /// Another handle to the same socket; the group is left when the last one goes.
    ///
    /// # Errors
    /// When the process has no file descriptor left.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            socket: self.socket.try_clone()?,
            ..*self
        })
    }

    /// Buffers that the kernel dropped here for want of room. Under GRO one buffer is up to 49
    /// datagrams.
    ///
    /// # Errors
    /// Those of `getsockopt`.
    pub fn dropped_buffers(&self) -> io::Result<u32> {
        sys::dropped_buffers(self.socket.as_fd())
    }
}

impl AsFd for MulticastReceiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn open_socket(group: MulticastGroup, interface_index: u32) -> io::Result<Socket> {
    let address = group.address();
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM.nonblocking(),
        Some(Protocol::UDP),
    )?;
    socket.set_reuse_address(true)?;
    let fd = socket.as_fd();
    // Without this, groups that other processes on the host joined on this port arrive here too.
    match address {
        SocketAddr::V4(_) => sys::set_option(fd, libc::IPPROTO_IP, libc::IP_MULTICAST_ALL, 0)?,
        SocketAddr::V6(_) => {
            sys::set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_ALL, 0)?;
            // IPv6 tells groups apart by that, but not NICs.
            let index = i32::try_from(interface_index).unwrap_or(i32::MAX);
            sys::set_option(fd, libc::SOL_SOCKET, libc::SO_BINDTOIFINDEX, index)?;
        }
    }
    sys::set_option(fd, libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 1)?;
    sys::set_option(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)?;
    Ok(socket)
}

/// Whether `address` can carry multicast on `lo` (IPv6 can't: there is no route for it).
#[must_use]
pub fn works_on_loopback(group: &MulticastGroup) -> bool {
    group.group().is_ipv4()
        && group
            .source()
            .is_none_or(|source| source == Ipv4Addr::LOCALHOST)
}
