//! What is on the wire: a multicast group, its port, source and NIC, and the URLs that name it.
//!
//! Parsed once, here: a [`MulticastGroup`] can't hold a unicast address or the port 0. It knows no
//! socket and no NIC that exists.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::document::{Explained, MistakeCode};
use crate::limits::INTERFACE_NAME_BYTES_MAX;

/// The name of a network interface (NIC), as `ip link` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InterfaceName(String);

/// A multicast group on a port, with the one source that it is asked from (SSM, RFC 4607), if any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MulticastGroup {
    group: IpAddr,
    port: u16,
    source: Option<IpAddr>,
}

/// How a channel URL says that the TS travels. A hint only: what arrives decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// `udp://`: TS packets alone in the datagram.
    Udp,
    /// `rtp://`: TS packets behind an RTP header (RFC 2250).
    Rtp,
}

/// `udp://[source@]group:port` or `rtp://...`; IPv6 addresses stand in brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelUrl {
    pub scheme: Scheme,
    pub group: MulticastGroup,
}

/// Why a text names no multicast group. The message is the user's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    #[error("{0:?} has no scheme: write udp://GROUP:PORT or rtp://GROUP:PORT")]
    NoScheme(String),
    #[error("scheme {0:?} is not known: use udp:// or rtp://")]
    UnknownScheme(String),
    #[error("{0:?} names no port: write GROUP:PORT, for IPv6 [GROUP]:PORT")]
    NoPort(String),
    #[error("{0:?} is no port: use 1 to 65535")]
    Port(String),
    #[error("{0:?} is no IP address")]
    Address(String),
    #[error("{0} is not a multicast address: use 224.0.0.0/4 or ff00::/8")]
    NotMulticast(IpAddr),
    #[error("{0} can't be the source of a group: use a unicast address")]
    SourceNotUnicast(IpAddr),
    #[error("source {from} and group {group} are of different IP versions")]
    MixedVersions { from: IpAddr, group: IpAddr },
    #[error("{0:?} after the port is not understood: nothing may follow GROUP:PORT")]
    Trailing(String),
}

/// Why a text can't be the name of a NIC.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} can't be the name of a network interface: use 1 to {INTERFACE_NAME_BYTES_MAX} characters without space and \"/\""
)]
pub struct InterfaceNameError(String);

impl Explained for GroupError {
    fn code(&self) -> MistakeCode {
        match self {
            Self::NoScheme(_) | Self::UnknownScheme(_) | Self::Trailing(_) => MistakeCode::BadUrl,
            Self::NoPort(_) | Self::Port(_) => MistakeCode::BadPort,
            Self::Address(_) => MistakeCode::BadAddress,
            Self::NotMulticast(_) => MistakeCode::NotMulticast,
            Self::SourceNotUnicast(_) | Self::MixedVersions { .. } => MistakeCode::BadSource,
        }
    }

    fn params(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NoScheme(_) | Self::NoPort(_) => Vec::new(),
            Self::UnknownScheme(scheme) => vec![("scheme", scheme.clone())],
            Self::Trailing(rest) => vec![("trailing", rest.clone())],
            Self::Port(port) => vec![("port", port.clone())],
            Self::Address(address) => vec![("address", address.clone())],
            Self::NotMulticast(address) => vec![("address", address.to_string())],
            Self::SourceNotUnicast(source) => vec![("source", source.to_string())],
            Self::MixedVersions { from, group } => {
                vec![("source", from.to_string()), ("group", group.to_string())]
            }
        }
    }
}

impl Explained for InterfaceNameError {
    fn code(&self) -> MistakeCode {
        MistakeCode::BadInterface
    }
}

impl InterfaceName {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InterfaceName {
    type Err = InterfaceNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The kernel's dev_valid_name(): no slash, no white space, no ":", not "." or "..".
        let fits = (1..=INTERFACE_NAME_BYTES_MAX).contains(&text.len());
        let clean = text
            .chars()
            .all(|c| c != '/' && c != ':' && !c.is_whitespace() && !c.is_control());
        if !fits || !clean || text == "." || text == ".." {
            return Err(InterfaceNameError(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for InterfaceName {
    type Error = InterfaceNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<InterfaceName> for String {
    fn from(name: InterfaceName) -> Self {
        name.0
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl MulticastGroup {
    /// A group with its port and, for source-specific multicast, its one source.
    ///
    /// # Errors
    /// When `group` is no multicast address, `port` is 0, or `source` is none that could send to it.
    pub fn new(group: IpAddr, port: u16, source: Option<IpAddr>) -> Result<Self, GroupError> {
        if !group.is_multicast() {
            return Err(GroupError::NotMulticast(group));
        }
        if port == 0 {
            return Err(GroupError::Port("0".to_owned()));
        }
        if let Some(source) = source {
            if source.is_ipv4() != group.is_ipv4() {
                return Err(GroupError::MixedVersions {
                    from: source,
                    group,
                });
            }
            if source.is_multicast()
                || source.is_unspecified()
                || source == IpAddr::V4(Ipv4Addr::BROADCAST)
            {
                return Err(GroupError::SourceNotUnicast(source));
            }
        }
        Ok(Self {
            group,
            port,
            source,
        })
    }

    #[must_use]
    pub fn group(&self) -> IpAddr {
        self.group
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    #[must_use]
    pub fn source(&self) -> Option<IpAddr> {
        self.source
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.group, self.port)
    }
}

impl fmt::Display for MulticastGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            Some(IpAddr::V6(source)) => write!(f, "[{source}]@")?,
            Some(source) => write!(f, "{source}@")?,
            None => {}
        }
        write!(f, "{}", self.address())
    }
}

/// `[source@]group:port`, the form of udpxy's paths and of what follows `udp://`.
impl FromStr for MulticastGroup {
    type Err = GroupError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (source, rest) = match text.split_once('@') {
            // "udp://@239.1.1.1:5000" is how VLC writes "listen to"; it names no source.
            Some(("", rest)) => (None, rest),
            Some((source, rest)) => (Some(address(source)?), rest),
            None => (None, text),
        };
        let colon = rest
            .rfind(':')
            .filter(|colon| !rest[*colon..].contains(']'));
        let colon = colon.ok_or_else(|| GroupError::NoPort(text.to_owned()))?;
        let (group, port) = (&rest[..colon], &rest[colon + 1..]);
        if let Some(end) = port.find(['/', '?', '#']) {
            if &port[end..] != "/" {
                return Err(GroupError::Trailing(port[end..].to_owned()));
            }
            return Self::new(address(group)?, number(&port[..end])?, source);
        }
        Self::new(address(group)?, number(port)?, source)
    }
}

impl Scheme {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Rtp => "rtp",
        }
    }
}

impl fmt::Display for ChannelUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.group)
    }
}

impl FromStr for ChannelUrl {
    type Err = GroupError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| GroupError::NoScheme(text.to_owned()))?;
        let scheme = match scheme {
            "udp" => Scheme::Udp,
            "rtp" => Scheme::Rtp,
            other => return Err(GroupError::UnknownScheme(other.to_owned())),
        };
        Ok(Self {
            scheme,
            group: rest.parse()?,
        })
    }
}

fn address(text: &str) -> Result<IpAddr, GroupError> {
    let wrong = || GroupError::Address(text.to_owned());
    match text.strip_prefix('[') {
        Some(inner) => {
            let inner = inner.strip_suffix(']').ok_or_else(wrong)?;
            inner
                .parse::<Ipv6Addr>()
                .map(IpAddr::V6)
                .map_err(|_| wrong())
        }
        None => text
            .parse::<Ipv4Addr>()
            .map(IpAddr::V4)
            .map_err(|_| wrong()),
    }
}

fn number(text: &str) -> Result<u16, GroupError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|port| digits && *port != 0)
        .ok_or_else(|| GroupError::Port(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn urls_are_read_and_written_alike() {
        for text in [
            "udp://239.1.1.1:5000",
            "rtp://239.1.1.1:5000",
            "udp://192.0.2.7@232.1.1.1:5000",
            "udp://[ff3e::8000:1]:5000",
            "rtp://[2001:db8::7]@[ff3e::8000:1]:1",
        ] {
            assert_eq!(text.parse::<ChannelUrl>().expect(text).to_string(), text);
        }
        let vlc: ChannelUrl = "udp://@239.1.1.1:5000/".parse().expect("VLC's form");
        assert_eq!(vlc.to_string(), "udp://239.1.1.1:5000");
    }

    #[test]
    fn mistakes_name_the_thing() {
        for (text, message) in [
            ("239.1.1.1:5000", "has no scheme"),
            ("http://239.1.1.1:5000", "scheme \"http\" is not known"),
            ("udp://239.1.1.1", "names no port"),
            ("udp://[ff3e::1]", "names no port"),
            ("udp://239.1.1.1:0", "\"0\" is no port"),
            ("udp://239.1.1.1:65536", "\"65536\" is no port"),
            ("udp://239.1.1.1:+5", "\"+5\" is no port"),
            ("udp://239.1.1:5000", "\"239.1.1\" is no IP address"),
            ("udp://ff3e::1:5000", "\"ff3e::1\" is no IP address"),
            ("udp://10.0.0.1:5000", "10.0.0.1 is not a multicast address"),
            (
                "udp://239.1.1.9@232.1.1.1:5000",
                "239.1.1.9 can't be the source",
            ),
            ("udp://10.0.0.1@[ff3e::1]:5000", "different IP versions"),
            ("udp://239.1.1.1:5000?ttl=4", "\"?ttl=4\" after the port"),
        ] {
            let error = text.parse::<ChannelUrl>().expect_err(text).to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    #[test]
    fn interface_names_are_those_that_the_kernel_takes() {
        for name in ["eth0", "enp3s0f1np1", "br-lan.100", "eth0@if5"] {
            assert!(name.parse::<InterfaceName>().is_ok(), "{name}");
        }
        for name in ["", "averyverylongname", "a/b", "a b", "..", "a:1"] {
            assert!(name.parse::<InterfaceName>().is_err(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered_without_panic(text in ".{0,60}") {
            let _ = text.parse::<ChannelUrl>();
            let _ = text.parse::<MulticastGroup>();
        }

        #[test]
        fn every_group_survives_its_text(group in 0u32..0x1000_0000, port in 1u16.., source in proptest::option::of(0x0a00_0000u32..0x0b00_0000)) {
            let group = IpAddr::V4((0xe000_0000 | group).into());
            let group = MulticastGroup::new(group, port, source.map(|s| IpAddr::V4(s.into()))).expect("valid");
            prop_assert_eq!(group.to_string().parse::<MulticastGroup>().expect("own text"), group);
        }
    }
}
