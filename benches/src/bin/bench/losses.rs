//! Where packets get lost between sender and reader, and what was counted there. A run that lost
//! any says it, so that the cause can be found.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::read_to_string;
use std::net::{IpAddr, SocketAddr};

use e2e::http::Http;
use e2e::metrics::Metrics;
use serde::{Deserialize, Serialize};

use crate::lab::{Lab, NIC, RELAY, RELAY_PORT};

/// What the kernel has counted so far, on the way from the sender to the relay.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Drops {
    /// By the NICs at both ends of the cable.
    cable: u64,
    /// By the kernel's own queue between NIC and sockets; of the whole machine.
    backlog: u64,
    /// At full sockets; many datagrams that are glued count once.
    sockets: u64,
}

/// What was counted during one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Losses {
    pub(crate) cable: u64,
    pub(crate) backlog: u64,
    pub(crate) sockets: u64,
    /// Of those at sockets, the ones before the steady state.
    pub(crate) sockets_at_start: u64,
    /// What encoder-ingest says itself; none: another relay, or it did not answer.
    pub(crate) relay: Option<RelayAccount>,
}

/// What encoder-ingest counts itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RelayAccount {
    /// By cause.
    pub(crate) lost: BTreeMap<String, f64>,
    /// What viewers missed that it found too slow.
    pub(crate) skipped_bytes: f64,
}

impl Drops {
    pub(crate) fn now(lab: &Lab) -> Self {
        let read = |path: &str| read_to_string(path).unwrap_or_default();
        let nic = |path: &str| nic_drops(&read(path), NIC);
        Self {
            cable: lab.source().enter(|| nic("/proc/thread-self/net/dev"))
                + lab.node().enter(|| nic("/proc/thread-self/net/dev")),
            backlog: backlog_drops(&read("/proc/net/softnet_stat")),
            sockets: lab
                .node()
                .enter(|| socket_drops(&read("/proc/thread-self/net/snmp"))),
        }
    }
}

impl Losses {
    /// `begin`: before the relay; `steady`: as the measurement began; `end`: after it.
    pub(crate) fn between(
        (begin, steady, end): (Drops, Drops, Drops),
        relay: Option<RelayAccount>,
    ) -> Self {
        Self {
            cable: end.cable.saturating_sub(begin.cable),
            backlog: end.backlog.saturating_sub(begin.backlog),
            sockets: end.sockets.saturating_sub(begin.sockets),
            sockets_at_start: steady.sockets.saturating_sub(begin.sockets),
            relay,
        }
    }

    /// The first place on a packet's way where anything is counted.
    fn place(&self) -> &'static str {
        let skipped = self.relay.as_ref().map_or(0.0, |own| own.skipped_bytes);
        if self.cable > 0 {
            "lost on the cable"
        } else if self.backlog > 0 {
            "lost in the kernel's queue before the relay's sockets"
        } else if self.sockets > 0 {
            "lost at the relay's full sockets: they were not drained in time"
        } else if skipped > 0.0 {
            "skipped by the relay for viewers that were too slow"
        } else {
            "nothing before the relay counts a loss: within it, or at the reader"
        }
    }
}

impl RelayAccount {
    /// Asks encoder-ingest.
    pub(crate) fn ask(lab: &Lab) -> Option<Self> {
        let address = SocketAddr::new(IpAddr::V4(RELAY), RELAY_PORT);
        let answer = Http::new(&lab.client, address).try_request("GET", "/metrics", &[], b"");
        let metrics = Metrics::parse(&answer.ok()?.text());
        let lost = "encoder_ingest_lost_total";
        let causes = metrics.label_values("cause").into_iter();
        let counted = causes.map(|cause| {
            let count = metrics.value(lost, &[("cause", cause)]);
            (cause.to_owned(), count)
        });
        Some(Self {
            lost: counted.filter(|(_, count)| *count > 0.0).collect(),
            skipped_bytes: metrics.value("encoder_ingest_viewer_skipped_bytes_total", &[]),
        })
    }

    pub(crate) fn lost(&self) -> f64 {
        self.lost.values().sum()
    }
}

impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cable,
            backlog,
            sockets,
            sockets_at_start,
            relay,
        } = self;
        write!(
            f,
            "{} (dropped on the cable {cable}, in the kernel's queue {backlog}, at full sockets {sockets}, \
             {sockets_at_start} of them before the steady state",
            self.place()
        )?;
        if let Some(relay) = relay {
            write!(f, "; encoder-ingest counts")?;
            for (cause, count) in &relay.lost {
                write!(f, " {cause} {count},")?;
            }
            write!(f, " skipped {} bytes", relay.skipped_bytes)?;
        }
        write!(f, ")")
    }
}

/// Both directions, out of /proc/net/dev: bytes, packets, errors, drops, .. eight a direction.
fn nic_drops(text: &str, nic: &str) -> u64 {
    let own = text.lines().find_map(|line| {
        let (name, numbers) = line.split_once(':')?;
        (name.trim() == nic).then_some(numbers)
    });
    let numbers: Vec<u64> = own
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|number| number.parse().ok())
        .collect();
    [3, 11].iter().filter_map(|at| numbers.get(*at)).sum()
}

/// The second column, in hexadecimal, one line a core.
fn backlog_drops(text: &str) -> u64 {
    let columns = text.lines().filter_map(|line| line.split(' ').nth(1));
    columns
        .filter_map(|number| u64::from_str_radix(number, 16).ok())
        .sum()
}

/// `RcvbufErrors` of the lines that begin with "Udp:": names, then values.
fn socket_drops(text: &str) -> u64 {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (Some(names), Some(values)) = (lines.next(), lines.next()) else {
        return 0;
    };
    let at = names.split(' ').position(|name| name == "RcvbufErrors");
    at.and_then(|at| values.split(' ').nth(at)?.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_read_where_the_kernel_shows_them() {
        let dev = "Inter-| Receive | Transmit\n face |bytes packets errs drop fifo\n\
                   lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n\
                   eth0: 1 2 0 7 0 0 0 0 9 10 0 5 0 0 0 0\n";
        assert_eq!(nic_drops(dev, "eth0"), 12);
        assert_eq!(nic_drops(dev, "eth1"), 0);
        assert_eq!(backlog_drops("0001 0000000a 00\n0002 00000010 00\n"), 26);
        let snmp = "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors\nUdp: 1 2 3 4 55\n";
        assert_eq!(socket_drops(snmp), 55);
    }

    #[test]
    fn the_first_place_on_the_way_is_blamed() {
        let own = RelayAccount {
            lost: [("kernel".to_owned(), 12.0)].into(),
            skipped_bytes: 188.0,
        };
        let mut losses = Losses {
            sockets: 3,
            sockets_at_start: 1,
            relay: Some(own),
            ..Losses::default()
        };
        assert_eq!(
            losses.to_string(),
            "lost at the relay's full sockets: they were not drained in time (dropped on the cable 0, \
             in the kernel's queue 0, at full sockets 3, 1 of them before the steady state; \
             encoder-ingest counts kernel 12, skipped 188 bytes)"
        );
        losses.sockets = 0;
        assert!(losses.place().contains("too slow"), "{losses}");
        losses.cable = 1;
        assert!(losses.place().contains("cable"), "{losses}");
    }
}
