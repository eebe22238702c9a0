//! What is known of each address of an ingest, for metrics and for who decides whether to keep it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Every address that heartbeats go to.
#[derive(Debug, Clone, Default)]
pub struct Links(Arc<Mutex<BTreeMap<SocketAddr, LinkState>>>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkState {
    /// The last heartbeat was answered by orders.
    pub is_up: bool,
    pub answered: u64,
    pub failed: u64,
    /// It was told that the node drains.
    pub knows_of_draining: bool,
}

impl Links {
    /// Held for the time of a change or a copy, never over an await.
    fn with<T>(&self, how: impl FnOnce(&mut BTreeMap<SocketAddr, LinkState>) -> T) -> T {
        how(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn add(&self, address: SocketAddr) {
        self.with(|links| links.entry(address).or_default().is_up = false);
    }

    pub fn remove(&self, address: SocketAddr) {
        self.with(|links| links.remove(&address));
    }

    pub fn answered(&self, address: SocketAddr, draining: bool) {
        self.with(|links| {
            let link = links.entry(address).or_default();
            link.is_up = true;
            link.answered += 1;
            link.knows_of_draining = draining;
        });
    }

    pub fn failed(&self, address: SocketAddr) {
        self.with(|links| {
            let link = links.entry(address).or_default();
            link.is_up = false;
            link.failed += 1;
        });
    }

    #[must_use]
    pub fn is_up(&self, address: SocketAddr) -> bool {
        self.with(|links| links.get(&address).is_some_and(|link| link.is_up))
    }

    #[must_use]
    pub fn any_is_up(&self) -> bool {
        self.with(|links| links.values().any(|link| link.is_up))
    }

    #[must_use]
    pub fn list(&self) -> Vec<(SocketAddr, LinkState)> {
        self.with(|links| {
            links
                .iter()
                .map(|(address, link)| (*address, link.clone()))
                .collect()
        })
    }

    /// Whether each one that answers was told that the node drains.
    #[must_use]
    pub fn all_know_of_draining(&self) -> bool {
        self.with(|links| {
            let mut up = links.values().filter(|link| link.is_up);
            up.all(|link| link.knows_of_draining)
        })
    }
}
