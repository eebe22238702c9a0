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

fn describe(link: Link, counters: &str, memberships: &[(u32, IpAddr)]) -> Interface {
    let [rx_bytes, rx_dropped, tx_bytes, tx_dropped] =
        counters_of(counters, &link.name).unwrap_or_default();
    // /sys shows the NICs of the namespace that it was mounted in, which need not be ours.
    let sys = |file: &str| fs::read_to_string(format!("/sys/class/net/{}/{file}", link.name)).ok();
    let ours = sys("ifindex").is_some_and(|index| index.trim().parse() == Ok(link.index));
    Interface {
        device: ours && fs::exists(format!("/sys/class/net/{}/device", link.name)).unwrap_or(false),
        speed_mbps: sys("speed")
            .filter(|_| ours)
            .and_then(|speed| speed.trim().parse().ok()),
        rp_filter: rp_filter(&link.name),
        memberships: memberships
            .iter()
            .filter(|(index, _)| *index == link.index)
            .map(|(_, ip)| *ip)
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

/// All (NIC index, group) that the host has joined.
fn memberships() -> Vec<(u32, IpAddr)> {
    let igmp = fs::read_to_string("/proc/self/net/igmp").unwrap_or_default();
    let igmp6 = fs::read_to_string("/proc/self/net/igmp6").unwrap_or_default();
    memberships_v4(&igmp)
        .into_iter()
        .chain(memberships_v6(&igmp6))
        .collect()
}

/// Lines "2 \t eth0 : ..." name a NIC; indented lines below it name its groups in host byte order.
fn memberships_v4(text: &str) -> Vec<(u32, IpAddr)> {
    let mut index = 0;
    let mut found = Vec::new();
    for line in text.lines().skip(1) {
        let Some(first) = line.split_whitespace().next() else {
            continue;
        };
        if !line.starts_with(char::is_whitespace) {
            index = first.parse().unwrap_or(0);
        } else if let Ok(group) = u32::from_str_radix(first, 16) {
            found.push((index, IpAddr::V4(group.to_ne_bytes().into())));
        }
    }
    found
}

/// Lines "2 eth0 ff02...: ...": index, name, 32 hexadecimal digits.
fn memberships_v6(text: &str) -> Vec<(u32, IpAddr)> {
    let one = |line: &str| {
        let mut words = line.split_whitespace();
        let index = words.next()?.parse().ok()?;
        let group = u128::from_str_radix(words.nth(1)?, 16).ok()?;
        Some((index, IpAddr::V6(group.into())))
    };
    text.lines().filter_map(one).collect()
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
        let igmp = "Idx\tDevice : Count\n1\tlo        :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n2\teth0 : 2 V2\n\t\t\t\t010101EF     1 0:0 0\n";
        assert_eq!(
            memberships_v4(igmp),
            vec![
                (1, "224.0.0.1".parse().expect("ip")),
                (2, "239.1.1.1".parse().expect("ip"))
            ]
        );
        let igmp6 = "4 eth1 ff3e0000000000000000000080000001     1 00000004 0\n";
        assert_eq!(
            memberships_v6(igmp6),
            vec![(4, "ff3e::8000:1".parse().expect("ip"))]
        );
    }
}
