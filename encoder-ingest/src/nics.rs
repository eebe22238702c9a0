//! Which NIC is meant: `--interface` and a channel's `interface`, resolved against those there are.
//!
//! Pure: it is given the list of links.

use std::fmt;
use std::str::FromStr;

use common::group::{InterfaceName, InterfaceNameError};
use common::net::interfaces::Link;
use ipnet::IpNet;

/// A NIC by its name, or by a network that one of its addresses lies in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum InterfaceSelector {
    Name(InterfaceName),
    Cidr(IpNet),
}

impl InterfaceSelector {
    #[must_use]
    pub fn matches(&self, link: &Link) -> bool {
        match self {
            Self::Name(name) => link.name == name.as_str(),
            Self::Cidr(network) => link
                .addresses
                .iter()
                .any(|address| network.contains(&address.address)),
        }
    }
}

/// The link that the first matching of `selectors` means.
#[must_use]
pub fn resolve<'a>(selectors: &[InterfaceSelector], links: &'a [Link]) -> Option<&'a Link> {
    selectors
        .iter()
        .find_map(|selector| links.iter().find(|link| selector.matches(link)))
}

impl FromStr for InterfaceSelector {
    type Err = InterfaceNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(network) => Ok(Self::Cidr(network)),
            Err(_) => text.parse().map(Self::Name),
        }
    }
}

impl fmt::Display for InterfaceSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Cidr(network) => network.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::net::interfaces::InterfaceAddress;

    fn link(index: u32, name: &str, address: &str) -> Link {
        let address = InterfaceAddress {
            address: address.parse().expect("ip"),
            prefix: 24,
        };
        Link {
            name: name.to_owned(),
            index,
            up: true,
            carrier: true,
            multicast: true,
            loopback: false,
            addresses: vec![address],
        }
    }

    #[test]
    fn the_first_that_exists_is_taken() {
        let links = [link(2, "eth0", "192.0.2.1"), link(3, "ens1", "10.9.0.7")];
        let select = |texts: &[&str]| {
            let selectors: Vec<InterfaceSelector> = texts
                .iter()
                .map(|text| text.parse().expect("selector"))
                .collect();
            resolve(&selectors, &links).map(|link| link.index)
        };
        assert_eq!(select(&["eth1", "ens1", "eth0"]), Some(3));
        assert_eq!(select(&["10.9.0.0/16"]), Some(3));
        assert_eq!(select(&["eth9", "10.8.0.0/16"]), None);
    }

    #[test]
    fn a_name_that_no_nic_can_have_is_refused() {
        assert!(
            "a-name-that-is-too-long"
                .parse::<InterfaceSelector>()
                .is_err()
        );
        assert!("10.9.0.0/33".parse::<InterfaceSelector>().is_err());
    }
}
