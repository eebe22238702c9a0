//! The usual scene: a source and a node, joined by a cable.

use crate::host::Host;
use crate::send::{Broadcast, Sender};
use crate::ts::TestStream;
use crate::wait::{seconds, wait_until};
use crate::wrap::Wrap;

/// The group of the usual channel.
pub const GROUP: &str = "239.1.1.1:5000";
/// Its URL.
pub const URL: &str = "udp://239.1.1.1:5000";
/// The usual rate: enough for a picture, little for a machine.
pub const RATE_BPS: u64 = 4_000_000;

/// A source (10.0.0.1, fd00::1) and a node (10.0.0.2, fd00::2), both with the NIC eth0.
#[derive(Debug)]
pub struct Scene {
    pub source: Host,
    pub node: Host,
}

impl Scene {
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it makes namespaces")]
    pub fn new() -> Self {
        let (source, node) = (Host::new("source"), Host::new("node"));
        let scene = Self { source, node };
        scene.cable();
        scene
    }

    /// Lays the cable, again when a test cut it.
    pub fn cable(&self) {
        let there = ["10.0.0.2/24", "fd00::2/64"];
        let here = ["10.0.0.1/24", "fd00::1/64"];
        self.source.link("eth0", &here, &self.node, "eth0", &there);
    }

    /// A second cable: eth1 at both ends, 10.0.1.1 and 10.0.1.2, fd01::1 and fd01::2.
    pub fn second_cable(&self) {
        let there = ["10.0.1.2/24", "fd01::2/64"];
        let here = ["10.0.1.1/24", "fd01::1/64"];
        self.source.link("eth1", &here, &self.node, "eth1", &there);
    }

    /// A third host, on a cable to the node: 10.0.2.1 there, 10.0.2.2 at the node's `lan0`.
    #[must_use]
    pub fn viewer_host(&self) -> Host {
        let host = Host::new("viewer");
        let (here, there) = (["10.0.2.1/24"], ["10.0.2.2/24"]);
        host.link("eth0", &here, &self.node, "lan0", &there);
        host
    }

    /// Waits until the node is in `group` (`ADDRESS:PORT`): an ingest may be live before it joined.
    ///
    /// # Panics
    /// When it is not within 10 s.
    #[track_caller]
    pub fn wait_joined(&self, group: &str) {
        let address = group.split(':').next();
        wait_until("the group is joined", seconds(10), || {
            let list = self.node.ip("maddr show dev eth0");
            list.split_whitespace().any(|word| Some(word) == address)
        });
    }

    /// The usual stream (mark 1) to `group`, wrapped.
    #[must_use]
    pub fn broadcast(&self, group: &str, wrap: Wrap) -> Broadcast {
        self.broadcast_mark(group, wrap, 1)
    }

    /// A stream with another mark.
    #[must_use]
    pub fn broadcast_mark(&self, group: &str, wrap: Wrap, mark: u16) -> Broadcast {
        let stream = TestStream::new(mark, RATE_BPS);
        Sender::new(&self.source, "eth0", group).broadcast(stream, wrap)
    }
}
