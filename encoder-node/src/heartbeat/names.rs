//! Looks the ingests' names up again and again, and keeps one link for each address.
//!
//! A lookup that fails leaves what is known. An address that left its name is called for as long as
//! it answers: a name server that forgets for a moment must not end jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::lookup_host;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::link::{Caller, call};
use crate::client::Credentials;
use crate::config::IngestName;
use crate::limits::{ADDRESSES_MAX, LOOKUP_PERIOD};

/// What the lookups brought.
#[derive(Debug, Default)]
struct Found {
    /// By the place of the name.
    addresses: BTreeMap<usize, BTreeSet<SocketAddr>>,
    /// What was logged of a name.
    errors: BTreeMap<usize, String>,
}

/// Calls every address of every name, for ever. Dropping it ends all calls.
pub async fn follow(names: Vec<IngestName>, caller: Caller) {
    let mut found = Found::default();
    let mut links: BTreeMap<SocketAddr, AbortHandle> = BTreeMap::new();
    let mut calls = JoinSet::new();
    let mut turn = interval(LOOKUP_PERIOD);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turn.tick().await;
        // A token may have been replaced.
        refresh(&caller.credentials).await;
        for (place, name) in names.iter().enumerate() {
            found.look_up(place, name).await;
        }
        let known = links.keys().copied().collect();
        let (new, gone) = found.changes(&known, |address| caller.links.is_up(address));
        for address in gone {
            tracing::info!(%address, "ingest is gone from its name");
            if let Some(link) = links.remove(&address) {
                link.abort();
            }
            caller.links.remove(address);
        }
        for address in new {
            caller.links.add(address);
            links.insert(address, calls.spawn(call(caller.clone(), address)));
        }
        while calls.try_join_next().is_some() {}
    }
}

async fn refresh(credentials: &Arc<Credentials>) {
    let credentials = Arc::clone(credentials);
    // A volume that hangs must not hold a thread of the runtime.
    let _ = tokio::task::spawn_blocking(move || credentials.refresh()).await;
}

impl Found {
    async fn look_up(&mut self, place: usize, name: &IngestName) {
        let looked = timeout(LOOKUP_PERIOD, lookup_host((name.host.as_str(), name.port))).await;
        let error = match looked {
            Ok(Ok(addresses)) => {
                self.addresses.insert(place, addresses.collect());
                self.errors.remove(&place);
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", LOOKUP_PERIOD.as_secs()),
        };
        if self.errors.get(&place) != Some(&error) {
            tracing::warn!("cannot look up {name}: {error}");
            self.errors.insert(place, error);
        }
    }

    /// Addresses to call from now on, and those to call no longer.
    fn changes(
        &self,
        known: &BTreeSet<SocketAddr>,
        answers: impl Fn(SocketAddr) -> bool,
    ) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
        let named: BTreeSet<SocketAddr> = self.addresses.values().flatten().copied().collect();
        let gone: Vec<SocketAddr> = known
            .difference(&named)
            .copied()
            .filter(|address| !answers(*address))
            .collect();
        let room = ADDRESSES_MAX.saturating_sub(known.len() - gone.len());
        let new: Vec<SocketAddr> = named.difference(known).copied().collect();
        if new.len() > room {
            tracing::warn!("more than {ADDRESSES_MAX} addresses: the rest is passed over");
        }
        (new.into_iter().take(room).collect(), gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: u16) -> SocketAddr {
        let [high, low] = host.to_be_bytes();
        SocketAddr::from(([10, 0, high, low], 9525))
    }

    fn found(hosts: impl IntoIterator<Item = u16>) -> Found {
        let addresses = hosts.into_iter().map(address).collect();
        Found {
            addresses: BTreeMap::from([(0, addresses)]),
            errors: BTreeMap::new(),
        }
    }

    #[test]
    fn an_address_that_left_its_name_is_called_while_it_answers() {
        let known = [1, 2, 3].map(address).into();
        let (new, gone) =
            found([1, 4]).changes(&known, |address| address.to_string().contains(".2:"));
        assert_eq!(new, [address(4)]);
        assert_eq!(gone, [address(3)]);
    }

    #[test]
    fn addresses_are_bounded() {
        let (new, _) = found(0..300).changes(&BTreeSet::new(), |_| false);
        assert_eq!(new.len(), ADDRESSES_MAX);
        let known = new.into_iter().collect();
        assert_eq!(found(0..300).changes(&known, |_| true), (vec![], vec![]));
    }

    #[tokio::test]
    async fn a_failed_lookup_leaves_what_is_known() {
        let mut found = found([1]);
        let name = "http://no-such-host.invalid:9525".parse().expect("name");
        found.look_up(0, &name).await;
        assert_eq!((found.addresses[&0].len(), found.errors.len()), (1, 1));
        let name = "http://127.0.0.1:9525".parse().expect("name");
        found.look_up(0, &name).await;
        assert_eq!(
            found.addresses[&0],
            [SocketAddr::from(([127, 0, 0, 1], 9525))].into()
        );
        assert!(found.errors.is_empty());
    }
}
