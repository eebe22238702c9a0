//! Finds ingests: each name given is looked up again and again, and every address that it has is
//! asked for as long as it has it.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use common::shutdown::Shutdown;
use tokio::net::lookup_host;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

use crate::client::{IngestClient, IngestUrl};
use crate::hub::{Hub, now};
use crate::limits::{ADDRESSES_MAX, LOOKUP_FAILED_PERIOD, LOOKUP_PERIOD};
use crate::metrics::Counters;
use crate::poll;

/// A look-up that has ended: of which URL, and what it found.
type Found = (usize, io::Result<Vec<SocketAddr>>);

struct Discovery {
    hub: Hub,
    client: IngestClient,
    urls: Vec<IngestUrl>,
    /// One a name: a slow name server holds up its own name only, with one thread.
    lookups: JoinSet<Found>,
    pollers: JoinSet<()>,
    handles: HashMap<SocketAddr, AbortHandle>,
}

/// Follows `urls` until the end.
pub async fn run(hub: Hub, client: IngestClient, urls: Vec<IngestUrl>, mut shutdown: Shutdown) {
    let mut discovery = Discovery {
        hub,
        client,
        urls,
        lookups: JoinSet::new(),
        pollers: JoinSet::new(),
        handles: HashMap::new(),
    };
    for index in 0..discovery.urls.len() {
        match discovery.urls[index].address() {
            Some(address) => discovery.note(index, &[address]),
            None => discovery.look_up(index, Duration::ZERO),
        }
    }
    loop {
        tokio::select! {
            () = shutdown.requested() => break,
            Some(found) = discovery.lookups.join_next() => {
                // A look-up is not cancelled, and a panic ends the process elsewhere.
                if let Ok((index, found)) = found {
                    discovery.found(index, found);
                }
            }
            Some(_) = discovery.pollers.join_next() => {}
        }
    }
    discovery.pollers.shutdown().await;
}

impl Discovery {
    fn look_up(&mut self, index: usize, after: Duration) {
        let url = &self.urls[index];
        let (host, port) = (url.host().to_owned(), url.port);
        self.lookups.spawn(async move {
            sleep(after).await;
            let found = lookup_host((host, port)).await;
            (index, found.map(Iterator::collect))
        });
    }

    fn found(&mut self, index: usize, found: io::Result<Vec<SocketAddr>>) {
        let mut period = LOOKUP_PERIOD;
        match found {
            Ok(addresses) => self.note(index, &addresses),
            Err(error) if has_no_address(&error) => self.note(index, &[]),
            Err(error) => {
                period = LOOKUP_FAILED_PERIOD;
                Counters::add(&self.hub.counters().lookups_failed, 1);
                let error = format!("the name can't be looked up: {error}");
                tracing::debug!(ingest = %self.urls[index], "{error}");
                self.hub.roster().unresolved(index, error);
            }
        }
        self.look_up(index, period);
    }

    fn note(&mut self, index: usize, addresses: &[SocketAddr]) {
        // `localhost` may be in /etc/hosts more than once.
        let mut addresses = addresses.to_vec();
        addresses.sort();
        addresses.dedup();
        let moves = self.hub.roster().resolved(index, &addresses, now());
        for address in moves.end {
            tracing::info!(ingest = %address, "its address is gone from DNS");
            if let Some(poller) = self.handles.remove(&address) {
                poller.abort();
            }
        }
        for address in moves.begin {
            tracing::info!(ingest = %address, url = %self.urls[index], "found");
            let follow = poll::follow(self.hub.clone(), self.client.clone(), address);
            self.handles.insert(address, self.pollers.spawn(follow));
        }
        if moves.passed_over > 0 {
            let url = &self.urls[index];
            let count = moves.passed_over;
            tracing::warn!(%url, count, "more than {ADDRESSES_MAX} addresses: the rest is passed over");
        }
    }
}

/// DNS has answered, and there is no address: other than a name server that does not answer, or
/// fails, this tells that ingests have gone. Rust keeps the code of getaddrinfo(3) (`EAI_NONAME`,
/// `EAI_NODATA`) in the text alone.
fn has_no_address(error: &io::Error) -> bool {
    let text = error.to_string();
    [
        "Name or service not known",
        "No address associated with hostname",
        "Name does not resolve",
    ]
    .iter()
    .any(|told| text.contains(told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_server_that_fails_is_no_answer() {
        let error =
            |text: &str| io::Error::other(format!("failed to lookup address information: {text}"));
        assert!(has_no_address(&error("Name or service not known")));
        assert!(has_no_address(&error(
            "No address associated with hostname"
        )));
        assert!(!has_no_address(&error(
            "Temporary failure in name resolution"
        )));
        assert!(!has_no_address(&error(
            "Non-recoverable failure in name resolution"
        )));
        assert!(!has_no_address(&io::Error::from(io::ErrorKind::TimedOut)));
    }
}
