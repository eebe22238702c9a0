//! The roster as browsers see it: ingests known by name, and addresses that have none (yet).

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::{Endpoint, Ingest, IngestState, ListedChannel, Now, Roster, Target};
use crate::limits::AWAY_AFTER;

/// An ingest as browsers see it. Copies share what it said.
#[derive(Debug, Clone)]
pub struct IngestView {
    /// Its address, when it never answered.
    pub name: String,
    pub known: bool,
    pub state: IngestState,
    /// Of the state.
    pub since: Timestamp,
    pub address: String,
    /// An English sentence.
    pub error: Option<String>,
    /// When it said what is shown.
    pub seen: Option<Timestamp>,
    pub status: Option<Arc<RawValue>>,
    pub nodes: Option<Arc<RawValue>>,
    pub jobs: Option<Arc<RawValue>>,
    pub channels: Arc<Vec<ListedChannel>>,
}

impl Roster {
    /// All of them, those with a name first.
    #[must_use]
    pub fn view(&self, now: Now) -> Vec<IngestView> {
        let named = self.ingests.iter();
        let named = named.map(|(name, ingest)| self.view_of(name, ingest));
        let addresses = self.endpoints.iter();
        let addresses =
            addresses.filter_map(|(address, endpoint)| self.nameless(*address, endpoint, now));
        let targets = self.targets.iter().enumerate();
        let targets = targets.filter_map(|(index, target)| self.unfound(index, target));
        named.chain(addresses).chain(targets).collect()
    }

    fn view_of(&self, name: &str, ingest: &Ingest) -> IngestView {
        let address = ingest.address;
        let endpoint = self.endpoints.get(&address);
        let error = match ingest.state {
            IngestState::Removed => endpoint
                .and_then(|endpoint| endpoint.identity.as_ref())
                .map(|identity| format!("{address} answers as {} now", identity.name)),
            _ => endpoint
                .and_then(|endpoint| endpoint.error.clone())
                .or_else(|| self.rival_of(name, address)),
        };
        IngestView {
            name: name.to_owned(),
            known: true,
            state: ingest.state,
            since: ingest.since,
            address: format!("http://{address}"),
            error,
            seen: ingest.seen,
            status: ingest.answer.status.clone(),
            nodes: ingest.answer.nodes.clone(),
            jobs: ingest.answer.jobs.clone(),
            channels: Arc::clone(&ingest.answer.channels),
        }
    }

    /// Says that another ingest bears this name too.
    fn rival_of(&self, name: &str, address: SocketAddr) -> Option<String> {
        let holder = self.endpoints.get(&address)?;
        let mut others = self.endpoints.iter();
        let (rival, _) =
            others.find(|(_, other)| other.is_named(name) && holder.outlasts(other))?;
        Some(format!(
            "{rival} is another ingest with this name: give each a --node-name of its own"
        ))
    }

    /// An address that never told a name, or one that is taken.
    fn nameless(&self, address: SocketAddr, endpoint: &Endpoint, now: Now) -> Option<IngestView> {
        let (state, error) = match &endpoint.identity {
            None => (IngestState::Away, endpoint.error.clone()?),
            Some(identity) => {
                let ingest = self.ingests.get(&identity.name);
                let holder = ingest.map(|ingest| ingest.address);
                if holder == Some(address) {
                    return None;
                }
                let other = holder.and_then(|holder| self.endpoints.get(&holder));
                let taken = other.is_some_and(|other| other.outlasts(endpoint));
                let error = match holder.filter(|_| taken && endpoint.hears(now)) {
                    Some(holder) => format!(
                        "it calls itself {} as {holder} does: give each ingest a --node-name of its own",
                        identity.name
                    ),
                    // One more address of an ingest, or of one that has moved: nothing to say.
                    None if holder.is_some() => return None,
                    None => endpoint.error.clone()?,
                };
                (IngestState::Away, error)
            }
        };
        if self.is_spare_loopback(address, endpoint) {
            return None;
        }
        Some(IngestView::nameless(
            address.to_string(),
            format!("http://{address}"),
            state,
            endpoint.since,
            error,
        ))
    }

    /// `localhost` is 127.0.0.1 and `::1`, and a program may listen on one of them alone.
    fn is_spare_loopback(&self, address: SocketAddr, endpoint: &Endpoint) -> bool {
        let mut others = self.endpoints.iter();
        endpoint.identity.is_none()
            && address.ip().is_loopback()
            && others.any(|(other, found)| {
                let same = found.targets.keys().eq(endpoint.targets.keys());
                other.ip().is_loopback() && found.identity.is_some() && same
            })
    }

    /// A name on the command line that leads nowhere.
    fn unfound(&self, index: usize, target: &Target) -> Option<IngestView> {
        let mut endpoints = self.endpoints.values();
        let error = target.error.clone()?;
        if endpoints.any(|endpoint| endpoint.targets.contains_key(&index)) {
            return None;
        }
        let name = target.url.trim_start_matches("http://").to_owned();
        let state = IngestState::Away;
        Some(IngestView::nameless(
            name,
            target.url.clone(),
            state,
            target.since,
            error,
        ))
    }
}

impl Endpoint {
    /// It was heard well after `other` had claimed its name: they are two.
    fn outlasts(&self, other: &Self) -> bool {
        match (self.heard, other.rival_since) {
            (Some(heard), Some(since)) => heard.at.saturating_duration_since(since) > AWAY_AFTER,
            _ => false,
        }
    }
}

impl IngestView {
    fn nameless(
        name: String,
        address: String,
        state: IngestState,
        since: Timestamp,
        error: String,
    ) -> Self {
        Self {
            name,
            known: false,
            state,
            since,
            address,
            error: Some(error),
            seen: None,
            status: None,
            nodes: None,
            jobs: None,
            channels: Arc::default(),
        }
    }
}
