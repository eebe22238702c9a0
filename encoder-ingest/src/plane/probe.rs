//! A probe: one NIC is joined and listened to for a silent group, for half a second at most.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};

use common::group::MulticastGroup;
use common::net::interfaces::{Link, has_device};
use common::net::receive::MulticastReceiver;
use rustix::net::RecvFlags;

use super::options::{PlaneOptions, ProbeInterfaces, ProbeOutcome, Probed};
use super::silence::{Elsewhere, Silence, since};
use crate::limits::{PROBE, PROBE_BUFFER_BYTES};

/// A NIC that is listened to.
#[derive(Debug)]
pub(super) struct Probe {
    receiver: MulticastReceiver,
    interface: String,
    since_ms: u64,
}

/// A group that this ingest is a member of, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ours {
    pub(super) group: MulticastGroup,
    pub(super) interface_index: u32,
    /// Datagrams come.
    pub(super) flows: bool,
}

impl Probe {
    /// Joins on `link`.
    pub(super) fn open(silence: &Silence, link: &Link, now_ms: u64) -> Result<Self, Probed> {
        let buffer = Some(PROBE_BUFFER_BYTES);
        match MulticastReceiver::open(silence.group, link.index, buffer) {
            Ok(receiver) => Ok(Self {
                receiver,
                interface: link.name.clone(),
                since_ms: now_ms,
            }),
            Err(error) => Err(Probed {
                interface: link.name.clone(),
                outcome: ProbeOutcome::Failed(error.to_string()),
            }),
        }
    }

    /// What came of it, when it is over. Dropping it leaves the group.
    pub(super) fn outcome(&self, now_ms: u64) -> Option<Probed> {
        let over = since(self.since_ms, now_ms) >= PROBE;
        let outcome = match self.came() {
            Some(elsewhere) => ProbeOutcome::Came(elsewhere),
            None if over => ProbeOutcome::Nothing,
            None => return None,
        };
        Some(Probed {
            interface: self.interface.clone(),
            outcome,
        })
    }

    fn came(&self) -> Option<Elsewhere> {
        let mut datagram = [0_u8; 2048];
        let flags = RecvFlags::DONTWAIT;
        let (_, _, from) = rustix::net::recvfrom(&self.receiver, &mut datagram[..], flags).ok()?;
        let from = from.and_then(|from| std::net::SocketAddr::try_from(from).ok());
        Some(Elsewhere {
            interface: self.interface.clone(),
            source: from.map(|from| from.ip().to_string()),
        })
    }
}

impl AsFd for Probe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.receiver.as_fd()
    }
}

/// The NICs on which a silent group may be looked for: those allowed that could bring it, but for
/// its own, and those where we are in the group already: leaving might disturb that.
pub(super) fn candidates(
    options: &PlaneOptions,
    links: &[Link],
    silence: &Silence,
    ours: &[Ours],
) -> VecDeque<Link> {
    let allowed = |link: &&Link| match &options.probe {
        ProbeInterfaces::Off => false,
        ProbeInterfaces::Devices => !link.loopback && has_device(link),
        ProbeInterfaces::Named(selectors) => {
            selectors.iter().any(|selector| selector.matches(link))
        }
    };
    let other = |link: &&Link| {
        link.index != silence.interface_index && link.up && link.carrier && link.multicast
    };
    let free = |link: &&Link| {
        !ours
            .iter()
            .any(|one| one.group.group() == silence.group.group() && one.is_on(link))
    };
    let found = links.iter().filter(other).filter(free).filter(allowed);
    found.cloned().collect()
}

/// Another NIC where what a silent group would bring comes for us already: no probe is needed.
pub(super) fn known(links: &[Link], silence: &Silence, ours: &[Ours]) -> Option<Probed> {
    let source = silence.group.source();
    let same = |one: &&Ours| {
        let group = one.group;
        one.flows
            && (group.group(), group.port()) == (silence.group.group(), silence.group.port())
            && (source.is_none() || source == group.source())
    };
    let other = |link: &&Link| link.index != silence.interface_index;
    let (link, one) = links.iter().filter(other).find_map(|link| {
        let one = ours.iter().filter(same).find(|one| one.is_on(link))?;
        Some((link, one))
    })?;
    Some(Probed {
        interface: link.name.clone(),
        outcome: ProbeOutcome::Came(Elsewhere {
            interface: link.name.clone(),
            source: one.group.source().map(|source| source.to_string()),
        }),
    })
}

impl Ours {
    fn is_on(&self, link: &Link) -> bool {
        self.interface_index == link.index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(index: u32, name: &str) -> Link {
        Link {
            name: name.to_owned(),
            index,
            up: true,
            carrier: true,
            multicast: true,
            loopback: false,
            addresses: Vec::new(),
        }
    }

    fn ours(group: &str, interface_index: u32, flows: bool) -> Ours {
        Ours {
            group: group.parse().expect("group"),
            interface_index,
            flows,
        }
    }

    fn found(silent: &str, ours: &[Ours]) -> Option<String> {
        let silence = Silence {
            group: silent.parse().expect("group"),
            interface: "eth0".to_owned(),
            interface_index: 2,
            since_ms: 0,
            never: true,
        };
        let links = [link(2, "eth0"), link(3, "eth1")];
        known(&links, &silence, ours).map(|probed| probed.interface)
    }

    #[test]
    fn what_comes_for_another_channel_is_known() {
        let any = "239.1.1.1:5000";
        let one = "192.0.2.7@239.1.1.1:5000";
        let eth1 = Some("eth1".to_owned());
        assert_eq!(found(any, &[ours(any, 3, true)]), eth1);
        assert_eq!(found(any, &[ours(any, 3, false)]), None, "silent there too");
        assert_eq!(found(any, &[ours(any, 2, true)]), None, "on the same NIC");
        assert_eq!(found(any, &[ours("239.1.1.1:5001", 3, true)]), None);
        assert_eq!(found(any, &[ours("239.1.1.2:5000", 3, true)]), None);
        assert_eq!(found(any, &[ours(one, 3, true)]), eth1);
        assert_eq!(found(one, &[ours(one, 3, true)]), eth1);
        assert_eq!(found(one, &[ours(any, 3, true)]), None, "of any source");
    }
}
