//! The NICs of this network namespace: who they are, whether they carry, and what Linux thinks of
//! multicast on them.
//!
//! Everything is read when asked; nothing is kept. [`Watch`] wakes its owner when a NIC, or an
//! address of one, comes, goes or changes.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sys::socket::{SockaddrLike, SockaddrStorage};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::memberships::{HostMembership, memberships};

/// A NIC as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Interface {
    pub name: String,
    pub index: u32,
    /// Administratively up (`ip link set up`).
    pub up: bool,
    /// A cable with a partner on the other end.
    pub carrier: bool,
    pub multicast: bool,
    pub loopback: bool,
    /// A device stands behind it (a physical or virtual card), in contrast to bridges and tunnels.
    pub device: bool,
    /// Megabits per second, where the driver says so.
    pub speed_mbps: Option<u32>,
    pub addresses: Vec<InterfaceAddress>,
    /// What reverse path filtering is in force for IPv4: the larger of `conf/all` and `conf/NIC`
    /// (Linux ip-sysctl, `rp_filter`): 0 off, 1 strict, 2 loose.
    pub rp_filter: Option<u8>,
    /// Groups that any process of the host has joined here.
    #[schema(value_type = Vec<String>)]
    pub memberships: Vec<IpAddr>,
    pub rx_bytes: u64,
    pub rx_dropped: u64,
    pub tx_bytes: u64,
    pub tx_dropped: u64,
}

/// An address with the length of its network prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InterfaceAddress {
    #[schema(value_type = String)]
    pub address: IpAddr,
    pub prefix: u8,
}

/// The short view that decides where channels join: made often, so without counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub name: String,
    pub index: u32,
    pub up: bool,
    pub carrier: bool,
    pub multicast: bool,
    pub loopback: bool,
    pub addresses: Vec<InterfaceAddress>,
}

impl Interface {
    /// The short view of it.
    #[must_use]
    pub fn link(&self) -> Link {
        Link {
            name: self.name.clone(),
            index: self.index,
            up: self.up,
            carrier: self.carrier,
            multicast: self.multicast,
            loopback: self.loopback,
            addresses: self.addresses.clone(),
        }
    }
}

/// All NICs of this network namespace, in order of their index.
///
/// # Errors
/// When the kernel does not list them.
pub fn links() -> io::Result<Vec<Link>> {
    let mut links: BTreeMap<String, Link> = BTreeMap::new();
    for entry in getifaddrs()? {
        let link = links
            .entry(entry.interface_name)
            .or_insert_with_key(|name| Link {
                name: name.clone(),
                index: 0,
                up: entry.flags.contains(InterfaceFlags::IFF_UP),
                carrier: entry.flags.contains(InterfaceFlags::IFF_RUNNING),
                multicast: entry.flags.contains(InterfaceFlags::IFF_MULTICAST),
                loopback: entry.flags.contains(InterfaceFlags::IFF_LOOPBACK),
                addresses: Vec::new(),
            });
        let Some(address) = entry.address else {
            continue;
        };
        if let Some(index) = address
            .as_link_addr()
            .map(nix::sys::socket::LinkAddr::ifindex)
        {
            link.index = u32::try_from(index).unwrap_or(0);
        }
        if let Some(address) = ip_of(&address) {
            let prefix = entry.netmask.as_ref().and_then(ip_of).map_or(0, prefix_of);
            link.addresses.push(InterfaceAddress { address, prefix });
        }
    }
    let mut links: Vec<Link> = links.into_values().collect();
    for link in links.iter_mut().filter(|link| link.index == 0) {
        link.index = if_nametoindex(link.name.as_str()).unwrap_or(0);
    }
    // A NIC that went away between the two looks has no index any more.
    links.retain(|link| link.index != 0);
    links.sort_by_key(|link| link.index);
    Ok(links)
}

/// All NICs with everything that is known of them.
///
/// # Errors
/// When the kernel does not list them.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let counters = fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
    let memberships = memberships();
    Ok(links()?
        .into_iter()
        .map(|link| describe(link, &counters, &memberships))
        .collect())
}

/// What reverse path filtering is in force on a NIC; none where it can't be read.
#[must_use]
pub fn rp_filter(interface: &str) -> Option<u8> {
    let read = |name: &str| -> Option<u8> {
        fs::read_to_string(format!("/proc/sys/net/ipv4/conf/{name}/rp_filter"))
            .ok()?
            .trim()
            .parse()
            .ok()
    };
    Some(read(interface)?.max(read("all")?))
}

/// Packets that reverse path filtering dropped on this host (TcpExt `IPReversePathFilter`).
#[must_use]
pub fn reverse_path_filter_drops() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/net/netstat").ok()?;
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let at = names
        .split_whitespace()
        .position(|name| name == "IPReversePathFilter")?;
    values.split_whitespace().nth(at)?.parse().ok()
}

fn describe(link: Link, counters: &str, memberships: &[HostMembership]) -> Interface {
    let [rx_bytes, rx_dropped, tx_bytes, tx_dropped] =
        counters_of(counters, &link.name).unwrap_or_default();
    Interface {
        device: has_device(&link),
        speed_mbps: sys(&link, "speed").and_then(|speed| speed.trim().parse().ok()),
        rp_filter: rp_filter(&link.name),
        memberships: memberships
            .iter()
            .filter(|one| one.interface_index == link.index)
            .map(|one| one.group)
            .collect(),
        rx_bytes,
        rx_dropped,
        tx_bytes,
        tx_dropped,
        name: link.name,
        index: link.index,
        up: link.up,
        carrier: link.carrier,
        multicast: link.multicast,
        loopback: link.loopback,
        addresses: link.addresses,
    }
}

/// A device stands behind the NIC (a physical or virtual card), in contrast to bridges, tunnels and
/// `lo`.
#[must_use]
pub fn has_device(link: &Link) -> bool {
    let device = format!("/sys/class/net/{}/device", link.name);
    sys(link, "ifindex").is_some() && fs::exists(device).unwrap_or(false)
}

/// What /sys says of a NIC. It shows the NICs of the namespace that it was mounted in, which need
/// not be ours.
fn sys(link: &Link, file: &str) -> Option<String> {
    let read = |file: &str| fs::read_to_string(format!("/sys/class/net/{}/{file}", link.name)).ok();
    let ours = read("ifindex")?.trim().parse() == Ok(link.index);
    ours.then(|| read(file)).flatten()
}

/// Received bytes and drops, sent bytes and drops of one line of /proc/net/dev.
fn counters_of(text: &str, name: &str) -> Option<[u64; 4]> {
    let line = text
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(name)?.strip_prefix(':'))?;
    let values: Vec<u64> = line
        .split_whitespace()
        .map_while(|value| value.parse().ok())
        .collect();
    Some([
        *values.first()?,
        *values.get(3)?,
        *values.get(8)?,
        *values.get(11)?,
    ])
}

fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    if address.len() == 0 {
        return None;
    }
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

fn prefix_of(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(mask) => u32::from(mask).leading_ones(),
        IpAddr::V6(mask) => u128::from(mask).leading_ones(),
    };
    u8::try_from(ones).unwrap_or(128)
}

/// A socket that becomes readable when links or addresses of this namespace change.
#[derive(Debug)]
pub struct Watch {
    socket: OwnedFd,
}

/// Multicast groups of rtnetlink (linux/rtnetlink.h): links, IPv4 addresses, IPv6 addresses.
const RTMGRP_LINK: u32 = 0x1;
const RTMGRP_IPV4_IFADDR: u32 = 0x10;
const RTMGRP_IPV6_IFADDR: u32 = 0x100;

impl Watch {
    /// Begins to listen for changes.
    ///
    /// # Errors
    /// When the kernel refuses a netlink socket.
    pub fn open() -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket =
            rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        let groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, groups))?;
        Ok(Self { socket })
    }

    /// Forgets what is queued; what changed is to be read from [`links`]. An overrun queue (ENOBUFS)
    /// means the same: look again.
    pub fn clear(&self) {
        let mut buffer = [0_u8; 8192];
        loop {
            match rustix::net::recv(&self.socket, &mut buffer[..], RecvFlags::DONTWAIT) {
                Ok(_) | Err(rustix::io::Errno::NOBUFS | rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_there_with_its_address() {
        let links = links().expect("links");
        let lo = links.iter().find(|link| link.name == "lo").expect("lo");
        assert!(lo.loopback && lo.index == 1);
        let all = interfaces().expect("interfaces");
        assert!(all.iter().any(|nic| nic.name == "lo" && !nic.device));
    }

    #[test]
    fn proc_files_are_read_as_the_kernel_writes_them() {
        let dev = "Inter-| Receive\n face |bytes\n    lo:   10 1 0 2 0 0 0 0   30 1 0 4 0 0 0 0\n eth0:7 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n";
        assert_eq!(counters_of(dev, "lo"), Some([10, 2, 30, 4]));
        assert_eq!(counters_of(dev, "eth0"), Some([7, 0, 9, 0]));
        assert_eq!(counters_of(dev, "eth"), None);
    }
}
