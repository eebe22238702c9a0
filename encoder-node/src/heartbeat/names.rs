//! Looks the ingests' names up again and again, and keeps one link for each address.
//!
//! A lookup that fails leaves what is known. An address that left its name is called for as long as
//! it answers: a name server that forgets for a moment must not end jobs. While no ingest answers,
//! lookups follow each other sooner.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::link::{Caller, call};
use super::links::Links;
use crate::client::Credentials;
use crate::config::IngestName;
use crate::limits::{ADDRESSES_MAX, LOOKUP_IDLE_PERIOD, LOOKUP_PERIOD, LOOKUP_WITHIN};

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
    loop {
        // A token may have been replaced.
        refresh(&caller.credentials).await;
        found.look_up(&names).await;
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
        sleep(until_next(&caller.links)).await;
    }
}

/// From the end of a look at the names to the next.
fn until_next(links: &Links) -> Duration {
    if links.any_is_up() {
        LOOKUP_PERIOD
    } else {
        LOOKUP_IDLE_PERIOD
    }
}

async fn refresh(credentials: &Arc<Credentials>) {
    let credentials = Arc::clone(credentials);
    // A volume that hangs must not hold a thread of the runtime.
    let _ = tokio::task::spawn_blocking(move || credentials.refresh()).await;
}

async fn addresses(host: (String, u16)) -> io::Result<BTreeSet<SocketAddr>> {
    let Ok(found) = timeout(LOOKUP_WITHIN, lookup_host(host)).await else {
        let text = format!("no answer within {} s", LOOKUP_WITHIN.as_secs());
        return Err(io::Error::new(io::ErrorKind::TimedOut, text));
    };
    Ok(found?.collect())
}

impl Found {
    /// All at once: a slow name server holds up its own names only.
    async fn look_up(&mut self, names: &[IngestName]) {
        let mut lookups: JoinSet<_> = names
            .iter()
            .enumerate()
            .map(|(place, name)| {
                let host = (name.host.clone(), name.port);
                async move { (place, addresses(host).await) }
            })
            .collect();
        // A lookup is not cancelled, and a panic ends the process elsewhere.
        while let Some(Ok((place, addresses))) = lookups.join_next().await {
            self.note(place, &names[place], addresses);
        }
    }

    fn note(&mut self, place: usize, name: &IngestName, found: io::Result<BTreeSet<SocketAddr>>) {
        match found {
            Ok(addresses) => {
                self.addresses.insert(place, addresses);
                self.errors.remove(&place);
            }
            Err(error) => {
                let error = error.to_string();
                if self.errors.get(&place) != Some(&error) {
                    tracing::warn!("cannot look up {name}: {error}");
                    self.errors.insert(place, error);
                }
            }
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
        let mut look_up = async |name: &str| {
            found.look_up(&[name.parse().expect("name")]).await;
            (found.addresses[&0].clone(), found.errors.len())
        };
        let known = BTreeSet::from([address(1)]);
        assert_eq!(
            look_up("http://no-such-host.invalid:9525").await,
            (known, 1)
        );
        let loopback = BTreeSet::from([SocketAddr::from(([127, 0, 0, 1], 9525))]);
        assert_eq!(look_up("http://127.0.0.1:9525").await, (loopback, 0));
    }

    #[test]
    fn names_are_looked_up_sooner_while_no_ingest_answers() {
        let links = Links::default();
        assert_eq!(until_next(&links), LOOKUP_IDLE_PERIOD);
        links.answered(address(1), false);
        assert_eq!(until_next(&links), LOOKUP_PERIOD);
        links.failed(address(1));
        assert_eq!(until_next(&links), LOOKUP_IDLE_PERIOD);
    }
}
