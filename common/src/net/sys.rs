//! System calls that no library wraps safely: `recvmmsg` into given slices, `sendmmsg` with GSO,
//! source-specific joins by NIC index, socket options without a name in socket2, children that end
//! with their parent.
//!
//! The only file with `unsafe`. Every function here is safe to call with any arguments: slices
//! bound what the kernel may write, and no pointer outlives the call that it is made for.
#![expect(
    unsafe_code,
    reason = "the one room for it; each block says why it is sound"
)]

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::{MaybeUninit, size_of, zeroed};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr::{from_mut, from_ref, null_mut};

use super::control::{self, Received};
use crate::limits::BATCH_DATAGRAMS_MAX;

/// Room for the control messages that we ask for: a time stamp (32 bytes), the drop counter (24)
/// and the segment size (24), each with its header and alignment.
const CONTROL_BYTES: usize = 96;

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL_BYTES]);

/// The fixed structures of receive calls, made once and used for every call of a thread.
pub struct ReceiveCalls {
    messages: Box<[libc::mmsghdr; BATCH_DATAGRAMS_MAX]>,
    control: Box<[Control; BATCH_DATAGRAMS_MAX]>,
}

// SAFETY: the raw pointers inside are written anew before each system call and never read between
// calls; nothing they pointed to is shared with another thread.
unsafe impl Send for ReceiveCalls {}

/// For sending on a stream socket: never wait, and no SIGPIPE for a peer that has gone.
pub const SEND_FLAGS: i32 = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

impl std::fmt::Debug for ReceiveCalls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceiveCalls").finish_non_exhaustive()
    }
}

impl Default for ReceiveCalls {
    fn default() -> Self {
        Self::new()
    }
}

impl ReceiveCalls {
    #[must_use]
    pub fn new() -> Self {
        // SAFETY: all-zero is a valid mmsghdr: null pointers with zero lengths.
        let messages = Box::new([unsafe { zeroed::<libc::mmsghdr>() }; BATCH_DATAGRAMS_MAX]);
        Self {
            messages,
            control: Box::new([Control([0; CONTROL_BYTES]); BATCH_DATAGRAMS_MAX]),
        }
    }

    /// Receives datagrams without waiting, the i-th into the slices of `slots[i]` one after
    /// another. Answers how many came; [`Self::received`] tells about each.
    ///
    /// # Errors
    /// Those of `recvmmsg`; `WouldBlock` when nothing is there.
    pub fn receive<const SLICES: usize>(
        &mut self,
        socket: BorrowedFd<'_>,
        slots: &mut [[IoSliceMut<'_>; SLICES]],
    ) -> io::Result<usize> {
        let count = slots.len().min(BATCH_DATAGRAMS_MAX);
        for (index, slot) in slots[..count].iter_mut().enumerate() {
            self.prepare(index, slot);
        }
        let vlen = u32::try_from(count).unwrap_or(0);
        // SAFETY: `messages[..count]` point to `slots` and `control`, both borrowed mutably for the
        // whole call; IoSliceMut has the layout of iovec (documented by std).
        let got = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.messages.as_mut_ptr(),
                vlen,
                libc::MSG_DONTWAIT,
                null_mut(),
            )
        };
        usize::try_from(got).map_err(|_| io::Error::last_os_error())
    }

    /// Receives one datagram, or one run glued by GRO, without waiting, into `slices` one after
    /// another. [`Self::received`] of index 0 tells about it.
    ///
    /// # Errors
    /// Those of `recvmsg`; `WouldBlock` when nothing is there.
    pub fn receive_one(
        &mut self,
        socket: BorrowedFd<'_>,
        slices: &mut [IoSliceMut<'_>],
    ) -> io::Result<()> {
        self.prepare(0, slices);
        let message = &mut self.messages[0];
        // SAFETY: the message points to `slices` and `control[0]`, both borrowed mutably for the call.
        let got = unsafe {
            libc::recvmsg(
                socket.as_raw_fd(),
                &raw mut message.msg_hdr,
                libc::MSG_DONTWAIT,
            )
        };
        // A datagram is at most 65,507 bytes: the length always fits.
        message.msg_len = u32::try_from(got).map_err(|_| io::Error::last_os_error())?;
        Ok(())
    }

    /// What the last call told of message `index`.
    #[must_use]
    pub fn received(&self, index: usize) -> Received {
        let message = &self.messages[index];
        let control = &self.control[index].0[..message.msg_hdr.msg_controllen.min(CONTROL_BYTES)];
        let mut received = Received {
            bytes: message.msg_len as usize,
            truncated: message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
            ..Received::default()
        };
        control::read(control, &mut received);
        received
    }

    /// The length of message `index` alone, without a look at its control data.
    #[inline]
    #[must_use]
    pub fn received_bytes(&self, index: usize) -> usize {
        self.messages[index].msg_len as usize
    }

    fn prepare(&mut self, index: usize, slices: &mut [IoSliceMut<'_>]) {
        let header = &mut self.messages[index].msg_hdr;
        header.msg_name = null_mut();
        // recvmmsg does not restore the lengths between calls: without this, control data vanishes.
        header.msg_namelen = 0;
        header.msg_iov = slices.as_mut_ptr().cast();
        header.msg_iovlen = slices.len();
        header.msg_control = from_mut(&mut self.control[index]).cast();
        header.msg_controllen = CONTROL_BYTES;
        header.msg_flags = 0;
    }
}

/// Sends each of `messages` on a connected datagram socket. With `segment_bytes` the kernel cuts
/// each into datagrams of that size (GSO). Answers how many messages went out whole.
///
/// # Errors
/// Those of `sendmmsg` for the first message; an error of a later one shows at the next call.
pub fn send_messages(
    socket: BorrowedFd<'_>,
    messages: &[IoSlice<'_>],
    segment_bytes: Option<u16>,
) -> io::Result<usize> {
    let count = messages.len().min(BATCH_DATAGRAMS_MAX);
    let mut buffer = Control([0; CONTROL_BYTES]);
    let mut control_bytes = 0;
    if let Some(segment) = segment_bytes {
        let length = control::HEADER_BYTES + size_of::<u16>();
        buffer.0[..8].copy_from_slice(&length.to_ne_bytes());
        buffer.0[8..12].copy_from_slice(&libc::SOL_UDP.to_ne_bytes());
        buffer.0[12..16].copy_from_slice(&libc::UDP_SEGMENT.to_ne_bytes());
        buffer.0[16..18].copy_from_slice(&segment.to_ne_bytes());
        control_bytes = length.next_multiple_of(control::ALIGNMENT);
    }
    // SAFETY: all-zero is a valid mmsghdr: null pointers with zero lengths.
    let mut headers: [libc::mmsghdr; BATCH_DATAGRAMS_MAX] = unsafe { zeroed() };
    for (header, message) in headers.iter_mut().zip(messages) {
        // IoSlice has the layout of iovec (documented by std); sendmmsg only reads through it.
        header.msg_hdr.msg_iov = from_ref(message).cast_mut().cast();
        header.msg_hdr.msg_iovlen = 1;
        if control_bytes > 0 {
            header.msg_hdr.msg_control = from_mut(&mut buffer).cast();
            header.msg_hdr.msg_controllen = control_bytes;
        }
    }
    let vlen = u32::try_from(count).unwrap_or(0);
    // SAFETY: `headers[..count]` point to `messages` and `buffer`, all alive for the whole call.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            vlen,
            libc::MSG_NOSIGNAL,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Sets an integer socket option.
///
/// # Errors
/// Those of `setsockopt`.
pub fn set_option(socket: BorrowedFd<'_>, level: i32, name: i32, value: i32) -> io::Result<()> {
    set_bytes(socket, level, name, &value)
}

/// Reads an integer socket option.
///
/// # Errors
/// Those of `getsockopt`.
pub fn option(socket: BorrowedFd<'_>, level: i32, name: i32) -> io::Result<i32> {
    let mut value: i32 = 0;
    let mut length = length_of::<i32>();
    // SAFETY: `value` has room for the `length` bytes that the kernel may write.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            from_mut(&mut value).cast(),
            &raw mut length,
        )
    };
    check(result).map(|()| value)
}

/// Buffers that the kernel dropped at this socket since it was opened (`SO_MEMINFO`).
///
/// # Errors
/// Those of `getsockopt`.
pub fn dropped_buffers(socket: BorrowedFd<'_>) -> io::Result<u32> {
    /// Index of `SK_MEMINFO_DROPS` in the answer, and the number of values (linux/sock_diag.h).
    const DROPS: usize = 8;
    const VALUES: usize = 9;
    let mut values = [0_u32; VALUES];
    let mut length = length_of::<[u32; VALUES]>();
    // SAFETY: `values` has room for the `length` bytes that the kernel may write.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            values.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    check(result).map(|()| values[DROPS])
}

/// Joins `group` on the NIC with `index`, from `source` alone where one is given (both families;
/// RFC 3678, 5.1 and 5.2). The membership lives as long as the socket.
///
/// # Errors
/// Those of `setsockopt`, such as `ENODEV` when the NIC is gone.
pub fn join(
    socket: BorrowedFd<'_>,
    index: u32,
    group: IpAddr,
    source: Option<IpAddr>,
) -> io::Result<()> {
    let names = (libc::MCAST_JOIN_GROUP, libc::MCAST_JOIN_SOURCE_GROUP);
    change_membership(socket, names, index, group, source)
}

/// Leaves what [`join`] joined, so that it can be joined anew on the same socket.
///
/// # Errors
/// Those of `setsockopt`, such as `EADDRNOTAVAIL` when the NIC took the membership with it.
pub fn leave(
    socket: BorrowedFd<'_>,
    index: u32,
    group: IpAddr,
    source: Option<IpAddr>,
) -> io::Result<()> {
    let names = (libc::MCAST_LEAVE_GROUP, libc::MCAST_LEAVE_SOURCE_GROUP);
    change_membership(socket, names, index, group, source)
}

/// `names`: the options for any source and for one.
fn change_membership(
    socket: BorrowedFd<'_>,
    names: (i32, i32),
    interface: u32,
    group: IpAddr,
    source: Option<IpAddr>,
) -> io::Result<()> {
    let level = if group.is_ipv4() {
        libc::IPPROTO_IP
    } else {
        libc::IPPROTO_IPV6
    };
    let group = storage(group);
    match source {
        None => set_bytes(socket, level, names.0, &GroupRequest { interface, group }),
        Some(source) => {
            let request = GroupSourceRequest {
                interface,
                group,
                source: storage(source),
            };
            set_bytes(socket, level, names.1, &request)
        }
    }
}

/// Bounds what the kernel keeps of a TCP connection without having sent it (`TCP_NOTSENT_LOWAT`).
///
/// # Errors
/// Those of `setsockopt`.
pub fn set_unsent_limit(socket: BorrowedFd<'_>, bytes: i32) -> io::Result<()> {
    set_option(socket, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, bytes)
}

/// Multicast of this IPv4 socket leaves through the NIC with `index`, also one without an address.
///
/// # Errors
/// Those of `setsockopt`.
pub fn set_multicast_interface_v4(socket: BorrowedFd<'_>, index: u32) -> io::Result<()> {
    let request = libc::ip_mreqn {
        imr_multiaddr: libc::in_addr { s_addr: 0 },
        imr_address: libc::in_addr { s_addr: 0 },
        imr_ifindex: i32::try_from(index).unwrap_or(i32::MAX),
    };
    set_bytes(socket, libc::IPPROTO_IP, libc::IP_MULTICAST_IF, &request)
}

/// What `command` starts is killed when the thread that starts it ends, however that comes, and
/// keeps `inherited` open under its number. The parent's copy lives as long as `command`.
pub fn bind_to_parent(command: &mut Command, inherited: OwnedFd) {
    let parent = rustix::process::getpid();
    let prepare = move || {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        if rustix::process::getppid() != Some(parent) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(rustix::io::fcntl_setfd(
            &inherited,
            rustix::io::FdFlags::empty(),
        )?)
    };
    // SAFETY: between fork and exec it makes three system calls; it neither allocates nor locks.
    unsafe { command.pre_exec(prepare) };
}

/// `struct group_req` (RFC 3678, 5.1.1).
#[repr(C)]
struct GroupRequest {
    interface: u32,
    group: libc::sockaddr_storage,
}

/// `struct group_source_req` (RFC 3678, 5.1.2).
#[repr(C)]
struct GroupSourceRequest {
    interface: u32,
    group: libc::sockaddr_storage,
    source: libc::sockaddr_storage,
}

fn storage(address: IpAddr) -> libc::sockaddr_storage {
    let address = socket2::SockAddr::from(SocketAddr::new(address, 0));
    let mut storage = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    // SAFETY: a SockAddr holds `len()` valid bytes of a sockaddr, never more than a
    // sockaddr_storage, and all-zero is a valid sockaddr_storage for the rest.
    unsafe {
        std::ptr::copy_nonoverlapping(
            address.as_ptr().cast::<u8>(),
            storage.as_mut_ptr().cast::<u8>(),
            address.len() as usize,
        );
        storage.assume_init()
    }
}

fn set_bytes<T>(socket: BorrowedFd<'_>, level: i32, name: i32, value: &T) -> io::Result<()> {
    // SAFETY: `value` is alive and `length_of::<T>()` bytes long; the kernel only reads it.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            from_ref(value).cast(),
            length_of::<T>(),
        )
    };
    check(result)
}

fn length_of<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).unwrap_or(libc::socklen_t::MAX)
}

fn check(result: i32) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
