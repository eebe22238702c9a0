//! Who of the nodes lives: a lease that each heartbeat renews.
//!
//! Pure: `now` is given. A node that is silent has lost its lease, and with it its jobs.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use common::api::node::{Heartbeat, NodeState};

use super::slots::Slots;
use crate::limits::{NODE_KEPT, NODE_SILENCE, NODE_SUSPECT_SILENCE, NODES_MAX};

/// The moment of a turn, read once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Of a clock that never goes back.
    pub ms: u64,
    /// Since the epoch.
    pub unix_ms: u64,
}

/// The nodes that were heard of, by name.
#[derive(Debug, Default)]
pub struct Leases {
    nodes: BTreeMap<String, Lease>,
}

/// A node as it was heard last.
#[derive(Debug, Clone, PartialEq)]
pub struct Lease {
    pub address: IpAddr,
    pub heartbeat: Heartbeat,
    pub slots: Slots,
    /// As the node said: other ingests may use it too.
    pub free: Slots,
    pub heard: Moment,
    /// An upload of it ended by reset since.
    suspect: bool,
}

/// Why a heartbeat is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeaseRefused {
    #[error(
        "another instance of node {name} is alive: it was heard {silent_ms} ms ago from {address}"
    )]
    OtherInstance {
        name: String,
        address: IpAddr,
        silent_ms: u64,
    },
    #[error("{NODES_MAX} nodes are known, and there may be no more")]
    TooMany,
    #[error("{name} is {value}, which is no number of slots")]
    Slots { name: &'static str, value: String },
}

impl Lease {
    #[must_use]
    pub fn state(&self, now_ms: u64) -> NodeState {
        let silence = Duration::from_millis(now_ms.saturating_sub(self.heard.ms));
        let overdue = self.suspect && silence >= NODE_SUSPECT_SILENCE;
        if silence >= NODE_SILENCE || overdue {
            NodeState::Silent
        } else if self.suspect {
            NodeState::Suspect
        } else {
            NodeState::Alive
        }
    }
}

impl Leases {
    /// Renews a node's lease.
    ///
    /// # Errors
    /// While another instance of that name lives, when there are too many, and when its slots are
    /// no numbers.
    pub fn heard(
        &mut self,
        name: &str,
        address: IpAddr,
        heartbeat: Heartbeat,
        now: Moment,
    ) -> Result<(), LeaseRefused> {
        let slots = slots("slots", heartbeat.slots)?;
        let free = slots_or_less(heartbeat.free_slots, slots)?;
        match self.nodes.get(name) {
            Some(known) if known.heartbeat.instance != heartbeat.instance => {
                // Told by the silence alone: a reset upload is no proof that the process ended.
                let silent_ms = now.ms.saturating_sub(known.heard.ms);
                if Duration::from_millis(silent_ms) < NODE_SILENCE {
                    return Err(LeaseRefused::OtherInstance {
                        name: name.to_owned(),
                        address: known.address,
                        silent_ms,
                    });
                }
            }
            None if self.nodes.len() >= NODES_MAX => return Err(LeaseRefused::TooMany),
            _ => {}
        }
        let lease = Lease {
            address,
            heartbeat,
            slots,
            free,
            heard: now,
            suspect: false,
        };
        self.nodes.insert(name.to_owned(), lease);
        Ok(())
    }

    /// A connection of the node ended by reset: it may have died.
    pub fn suspect(&mut self, name: &str, instance: &str) {
        if let Some(lease) = self.nodes.get_mut(name)
            && lease.heartbeat.instance == instance
        {
            lease.suspect = true;
        }
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Lease> {
        self.nodes.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &Lease)> {
        self.nodes.iter()
    }

    /// The node has this instance, and is not silent.
    #[must_use]
    pub fn holds(&self, name: &str, instance: &str, now_ms: u64) -> bool {
        self.nodes.get(name).is_some_and(|lease| {
            lease.heartbeat.instance == instance && lease.state(now_ms) != NodeState::Silent
        })
    }

    /// Forgets nodes that were not heard of for long; answers their names.
    pub fn forget(&mut self, now_ms: u64) -> Vec<String> {
        let long = |lease: &Lease| {
            Duration::from_millis(now_ms.saturating_sub(lease.heard.ms)) >= NODE_KEPT
        };
        self.nodes
            .extract_if(.., |_, lease| long(lease))
            .map(|(name, _)| name)
            .collect()
    }
}

fn slots(name: &'static str, value: f64) -> Result<Slots, LeaseRefused> {
    Slots::parse(value).ok_or_else(|| LeaseRefused::Slots {
        name,
        value: value.to_string(),
    })
}

fn slots_or_less(value: f64, most: Slots) -> Result<Slots, LeaseRefused> {
    slots("free_slots", value).map(|free| free.min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment {
            ms,
            unix_ms: 1_700_000_000_000 + ms,
        }
    }

    fn heartbeat(instance: &str) -> Heartbeat {
        Heartbeat {
            version: "1".to_owned(),
            instance: instance.to_owned(),
            slots: 4.0,
            free_slots: 4.0,
            encoders: Vec::new(),
            ffmpeg: String::new(),
            draining: false,
            jobs: Vec::new(),
            revision: 0,
        }
    }

    fn hear(leases: &mut Leases, name: &str, instance: &str, ms: u64) -> Result<(), LeaseRefused> {
        let address = IpAddr::from([10, 0, 0, 1]);
        leases.heard(name, address, heartbeat(instance), at(ms))
    }

    #[test]
    fn a_lease_ends_by_silence_and_sooner_when_the_node_is_suspect() {
        let mut leases = Leases::default();
        hear(&mut leases, "n1", "a", 0).expect("heard");
        let state = |leases: &Leases, ms| leases.get("n1").expect("known").state(ms);
        assert_eq!(state(&leases, 2999), NodeState::Alive);
        assert_eq!(state(&leases, 3000), NodeState::Silent);
        leases.suspect("n1", "other");
        assert_eq!(state(&leases, 2000), NodeState::Alive);
        leases.suspect("n1", "a");
        assert_eq!(state(&leases, 1999), NodeState::Suspect);
        assert_eq!(state(&leases, 2000), NodeState::Silent);
        hear(&mut leases, "n1", "a", 2500).expect("heard");
        assert_eq!(state(&leases, 4600), NodeState::Alive);
    }

    #[test]
    fn a_second_instance_waits_until_the_first_is_silent() {
        let mut leases = Leases::default();
        hear(&mut leases, "n1", "a", 0).expect("heard");
        leases.suspect("n1", "a");
        let refused = hear(&mut leases, "n1", "b", 2999).expect_err("the first lives");
        assert!(matches!(
            refused,
            LeaseRefused::OtherInstance {
                silent_ms: 2999,
                ..
            }
        ));
        hear(&mut leases, "n1", "b", 3000).expect("the first is silent");
        assert!(leases.holds("n1", "b", 3000) && !leases.holds("n1", "a", 3000));
        hear(&mut leases, "n1", "a", 3001).expect_err("the second lives");
    }

    #[test]
    fn there_are_bounds() {
        let mut leases = Leases::default();
        for index in 0..NODES_MAX {
            hear(&mut leases, &format!("n{index}"), "a", 0).expect("heard");
        }
        assert_eq!(
            hear(&mut leases, "more", "a", 0),
            Err(LeaseRefused::TooMany)
        );
        let long = u64::try_from(NODE_KEPT.as_millis()).expect("small");
        hear(&mut leases, "n7", "a", long - 1).expect("heard");
        assert_eq!(leases.forget(long).len(), NODES_MAX - 1);
        assert_eq!(leases.iter().count(), 1);
        let wrong = Heartbeat {
            free_slots: -1.0,
            ..heartbeat("a")
        };
        let address = IpAddr::from([10, 0, 0, 1]);
        assert!(leases.heard("n1", address, wrong, at(0)).is_err());
    }
}
