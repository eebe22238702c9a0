//! A probe: one NIC is joined and listened to for a silent group, for half a second at most.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

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
    pub(super) group: IpAddr,
    pub(super) interface_index: u32,
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
            .any(|one| one.group == silence.group.group() && one.interface_index == link.index)
    };
    let found = links.iter().filter(other).filter(free).filter(allowed);
    found.cloned().collect()
}
