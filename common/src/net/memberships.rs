//! Which groups this host has joined on which NIC, as the kernel lists them for all processes.

use std::fs;
use std::net::IpAddr;

/// A group that some process of this host has joined on a NIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostMembership {
    pub interface_index: u32,
    pub group: IpAddr,
    /// Sockets that have joined it; the network hears the first join and the last leave alone.
    pub users: u32,
}

/// All memberships of this network namespace.
#[must_use]
pub fn memberships() -> Vec<HostMembership> {
    let igmp6 = fs::read_to_string("/proc/self/net/igmp6").unwrap_or_default();
    let mut found = groups_v4(&igmp());
    found.extend(groups_v6(&igmp6));
    found
}

/// The version of IGMP that is spoken on a NIC, such as `V3`: the newest, or that of an older
/// querier that was heard (RFC 3376, 7.2.1).
#[must_use]
pub fn igmp_version(interface_index: u32) -> Option<String> {
    version(&igmp(), interface_index)
}

fn igmp() -> String {
    fs::read_to_string("/proc/self/net/igmp").unwrap_or_default()
}

/// Lines "2 \t eth0 : 3 V3" name a NIC; indented lines below it name its groups in host byte order,
/// and how many have joined each.
fn groups_v4(text: &str) -> Vec<HostMembership> {
    let mut interface_index = 0;
    let mut found = Vec::new();
    for line in text.lines().skip(1) {
        let mut words = line.split_whitespace();
        let Some(first) = words.next() else {
            continue;
        };
        if !line.starts_with(char::is_whitespace) {
            interface_index = first.parse().unwrap_or(0);
        } else if let Ok(group) = u32::from_str_radix(first, 16) {
            found.push(HostMembership {
                interface_index,
                group: IpAddr::V4(group.to_ne_bytes().into()),
                users: words
                    .next()
                    .and_then(|users| users.parse().ok())
                    .unwrap_or(0),
            });
        }
    }
    found
}

/// Lines "2 eth0 ff02... 1 ...": index, name, 32 hexadecimal digits, how many.
fn groups_v6(text: &str) -> Vec<HostMembership> {
    let one = |line: &str| {
        let mut words = line.split_whitespace();
        let interface_index = words.next()?.parse().ok()?;
        let group = u128::from_str_radix(words.nth(1)?, 16).ok()?;
        Some(HostMembership {
            interface_index,
            group: IpAddr::V6(group.into()),
            users: words
                .next()
                .and_then(|users| users.parse().ok())
                .unwrap_or(0),
        })
    };
    text.lines().filter_map(one).collect()
}

fn version(text: &str, interface_index: u32) -> Option<String> {
    let is_meant = |line: &&str| {
        let first = line.split_whitespace().next();
        !line.starts_with(char::is_whitespace)
            && first.and_then(|first| first.parse().ok()) == Some(interface_index)
    };
    let line = text.lines().skip(1).find(is_meant)?;
    line.split_whitespace().last().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IGMP: &str = "Idx\tDevice : Count\n1\tlo        :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n2\teth0 : 2 V2\n\t\t\t\t010101EF     2 0:0 0\n";

    fn membership(interface_index: u32, group: &str, users: u32) -> HostMembership {
        HostMembership {
            interface_index,
            group: group.parse().expect("ip"),
            users,
        }
    }

    #[test]
    fn groups_are_read_as_the_kernel_writes_them() {
        assert_eq!(
            groups_v4(IGMP),
            [membership(1, "224.0.0.1", 1), membership(2, "239.1.1.1", 2)]
        );
        let igmp6 = "4 eth1 ff3e0000000000000000000080000001     1 00000004 0\n";
        assert_eq!(groups_v6(igmp6), [membership(4, "ff3e::8000:1", 1)]);
    }

    #[test]
    fn the_version_is_that_of_the_nic() {
        assert_eq!(version(IGMP, 1).as_deref(), Some("V3"));
        assert_eq!(version(IGMP, 2).as_deref(), Some("V2"));
        assert_eq!(version(IGMP, 3), None);
    }
}
