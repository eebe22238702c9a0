//! Which ingests there are: what look-ups of their names, and their answers, say together. Pure: it
//! is given `now`, and does no I/O.
//!
//! An address is what DNS gives; an ingest is known by the name that it tells. It may move to
//! another address, have two, share its name with another by mistake, fall silent, and go.

mod facts;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use jiff::Timestamp;

use crate::limits::{ADDRESSES_MAX, AWAY_AFTER, GONE_LOOKUPS, NAMES_MAX, REMOVED_KEPT};

pub use facts::{Answer, Dismissal, Identity, IngestState, ListedChannel, Moves, Now, Standing};
pub use view::IngestView;

/// All of it.
#[derive(Debug, Default)]
pub struct Roster {
    /// Names given on the command line.
    targets: Vec<Target>,
    endpoints: BTreeMap<SocketAddr, Endpoint>,
    ingests: BTreeMap<String, Ingest>,
}

#[derive(Debug)]
struct Target {
    url: String,
    since: Timestamp,
    /// A look-up has ended, well or not.
    looked_up: bool,
    /// Why the last look-up failed.
    error: Option<String>,
}

#[derive(Debug)]
struct Endpoint {
    /// Indexes of the targets that lead here, and look-ups in a row that did not.
    targets: BTreeMap<usize, u32>,
    since: Timestamp,
    identity: Option<Identity>,
    heard: Option<Now>,
    error: Option<String>,
    /// Since when its name is another's too.
    rival_since: Option<Instant>,
}

#[derive(Debug)]
struct Ingest {
    address: SocketAddr,
    state: IngestState,
    since: Timestamp,
    /// Of the state `removed`.
    removed_at: Option<Instant>,
    answer: Answer,
    seen: Option<Timestamp>,
}

impl Roster {
    /// `urls`: what was given on the command line.
    #[must_use]
    pub fn new(urls: impl IntoIterator<Item = String>, now: Now) -> Self {
        let target = |url| Target {
            url,
            since: now.time,
            looked_up: false,
            error: None,
        };
        Self {
            targets: urls.into_iter().map(target).collect(),
            ..Self::default()
        }
    }

    /// A look-up has found these addresses; none: the name has no address (any more).
    pub fn resolved(&mut self, target: usize, found: &[SocketAddr], now: Now) -> Moves {
        let mut moves = Moves::default();
        if let Some(target) = self.targets.get_mut(target) {
            let none = found
                .is_empty()
                .then(|| "no address has this name".to_owned());
            target.error = none;
            target.looked_up = true;
        }
        for address in found {
            if !self.endpoints.contains_key(address) {
                if self.endpoints.len() >= ADDRESSES_MAX {
                    moves.passed_over += 1;
                    continue;
                }
                self.endpoints.insert(*address, Endpoint::new(now));
                moves.begin.push(*address);
            }
            if let Some(endpoint) = self.endpoints.get_mut(address) {
                endpoint.targets.insert(target, 0);
            }
        }
        for (address, endpoint) in &mut self.endpoints {
            if let Some(missed) = endpoint.targets.get_mut(&target)
                && !found.contains(address)
            {
                *missed += 1;
            }
            endpoint.targets.retain(|_, missed| *missed < GONE_LOOKUPS);
            if endpoint.targets.is_empty() {
                moves.end.push(*address);
            }
        }
        for address in &moves.end {
            self.endpoints.remove(address);
            self.leave(*address, now);
        }
        moves
    }

    /// A look-up gave no answer: what was found before holds.
    pub fn unresolved(&mut self, target: usize, error: String) {
        if let Some(target) = self.targets.get_mut(target) {
            target.error = Some(error);
            target.looked_up = true;
        }
    }

    /// What was given on the command line and never looked up yet: nothing can be said of it.
    pub fn not_looked_up(&self) -> impl Iterator<Item = &str> {
        let targets = self.targets.iter().filter(|target| !target.looked_up);
        targets.map(|target| target.url.as_str())
    }

    /// No name leads to `address` any more: its ingest has another one, or is removed.
    fn leave(&mut self, address: SocketAddr, now: Now) {
        let homeless = |(_, ingest): &(&String, &mut Ingest)| ingest.address == address;
        let Some((name, ingest)) = self.ingests.iter_mut().find(homeless) else {
            return;
        };
        let mut others = self.endpoints.iter();
        let other = others.find(|(_, endpoint)| endpoint.is_named(name) && endpoint.hears(now));
        match other {
            Some((address, _)) => ingest.address = *address,
            None => ingest.remove(now),
        }
    }

    /// The ingest at `address` told who it is.
    pub fn introduced(&mut self, address: SocketAddr, identity: &Identity, now: Now) -> Standing {
        let Some(endpoint) = self.endpoints.get_mut(&address) else {
            return Standing::Spare;
        };
        endpoint.heard = Some(now);
        let name = identity.name.clone();
        let before = endpoint.identity.replace(identity.clone());
        if let Some(before) = before.filter(|before| before.name != name) {
            endpoint.rival_since = None;
            self.renamed(address, &before.name, now);
        }
        let standing = match self.ingests.get(&name).map(|ingest| ingest.address) {
            None => self.register(address, name, now),
            Some(own) if own == address => Standing::Primary,
            Some(other) => self.contend(address, identity, other, now),
        };
        if standing == Standing::Primary {
            if let Some(endpoint) = self.endpoints.get_mut(&address) {
                endpoint.rival_since = None;
            }
            // What else it is asked for may fail as before: an error stays until all was answered.
            self.is_here(&identity.name, now);
        }
        standing
    }

    /// At an ingest's address there is one with another name now.
    fn renamed(&mut self, address: SocketAddr, before: &str, now: Now) {
        if let Some(ingest) = self.ingests.get_mut(before)
            && ingest.address == address
        {
            ingest.remove(now);
        }
    }

    fn register(&mut self, address: SocketAddr, name: String, now: Now) -> Standing {
        if self.ingests.len() >= NAMES_MAX {
            let removed = self
                .ingests
                .iter()
                .filter_map(|(name, ingest)| ingest.removed_at.map(|at| (at, name.clone())));
            let Some((_, oldest)) = removed.min() else {
                self.failed(
                    address,
                    format!("{NAMES_MAX} ingests are known: there is no place for {name}"),
                );
                return Standing::Spare;
            };
            self.ingests.remove(&oldest);
        }
        let ingest = Ingest {
            address,
            state: IngestState::Here,
            since: now.time,
            removed_at: None,
            answer: Answer::default(),
            seen: None,
        };
        self.ingests.insert(name, ingest);
        Standing::Primary
    }

    /// An address tells a name that is known by another address.
    fn contend(
        &mut self,
        address: SocketAddr,
        identity: &Identity,
        other: SocketAddr,
        now: Now,
    ) -> Standing {
        let holder = self.endpoints.get(&other);
        let holder = holder.filter(|holder| holder.is_named(&identity.name) && holder.hears(now));
        let Some(holder) = holder else {
            // It has moved.
            if let Some(ingest) = self.ingests.get_mut(&identity.name) {
                ingest.address = address;
            }
            return Standing::Primary;
        };
        let same = holder.identity.as_ref() == Some(identity);
        if let Some(endpoint) = self.endpoints.get_mut(&address) {
            endpoint.error = None;
            endpoint.rival_since = match endpoint.rival_since {
                _ if same => None,
                None => Some(now.at),
                since => since,
            };
        }
        Standing::Spare
    }

    fn is_here(&mut self, name: &str, now: Now) {
        if let Some(ingest) = self.ingests.get_mut(name)
            && ingest.state != IngestState::Here
        {
            ingest.state = IngestState::Here;
            ingest.since = now.time;
            ingest.removed_at = None;
        }
    }

    /// Something came from `address`, if only a comment.
    pub fn heard(&mut self, address: SocketAddr, now: Now) {
        let Some(endpoint) = self.endpoints.get_mut(&address) else {
            return;
        };
        endpoint.heard = Some(now);
        if let Some(name) = self.name_of(address).map(str::to_owned) {
            self.is_here(&name, now);
        }
    }

    /// What the ingest at `address` said; `lack`: why something of it is missing.
    pub fn answered(
        &mut self,
        address: SocketAddr,
        answer: Answer,
        lack: Option<String>,
        now: Now,
    ) {
        let Some(name) = self.name_of(address).map(str::to_owned) else {
            return;
        };
        if let Some(endpoint) = self.endpoints.get_mut(&address) {
            endpoint.error = lack;
        }
        if let Some(ingest) = self.ingests.get_mut(&name) {
            ingest.answer = answer;
            ingest.seen = Some(now.time);
        }
        self.heard(address, now);
    }

    /// A question to `address` failed.
    pub fn failed(&mut self, address: SocketAddr, error: String) {
        if let Some(endpoint) = self.endpoints.get_mut(&address) {
            endpoint.error = Some(error);
        }
    }

    /// The ingest that is asked at `address`.
    #[must_use]
    pub fn name_of(&self, address: SocketAddr) -> Option<&str> {
        let name = &self.endpoints.get(&address)?.identity.as_ref()?.name;
        let ingest = self.ingests.get(name)?;
        (ingest.address == address).then_some(name)
    }

    /// What it said last.
    #[must_use]
    pub fn answer_of(&self, address: SocketAddr) -> Option<&Answer> {
        let name = self.name_of(address)?;
        self.ingests.get(name).map(|ingest| &ingest.answer)
    }

    /// Where an ingest is asked, and whether it is here.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<(SocketAddr, IngestState)> {
        let ingest = self.ingests.get(name)?;
        Some((ingest.address, ingest.state))
    }

    /// A channel of an ingest, as it said last.
    #[must_use]
    pub fn channel(&self, ingest: &str, id: &str) -> Option<&ListedChannel> {
        let mut channels = self.ingests.get(ingest)?.answer.channels.iter();
        channels.find(|channel| channel.id == id)
    }

    /// Who is silent is away, who was removed long ago is forgotten.
    pub fn tick(&mut self, now: Now) {
        for ingest in self.ingests.values_mut() {
            let endpoint = self.endpoints.get(&ingest.address);
            let heard = endpoint.and_then(|endpoint| endpoint.heard);
            let silent = heard.is_none_or(|heard| now.at.duration_since(heard.at) > AWAY_AFTER);
            if ingest.state == IngestState::Here && silent {
                ingest.state = IngestState::Away;
                ingest.since = heard.map_or(now.time, |heard| heard.time);
            }
        }
        self.ingests.retain(|_, ingest| {
            let removed = ingest.removed_at;
            removed.is_none_or(|at| now.at.duration_since(at) < REMOVED_KEPT)
        });
    }

    /// Forgets a removed ingest.
    ///
    /// # Errors
    /// When there is none of that name, or it is not removed.
    pub fn dismiss(&mut self, name: &str) -> Result<(), Dismissal> {
        let ingest = self.ingests.get(name).ok_or(Dismissal::Unknown)?;
        if ingest.state != IngestState::Removed {
            return Err(Dismissal::NotRemoved);
        }
        self.ingests.remove(name);
        Ok(())
    }
}

impl Endpoint {
    const fn new(now: Now) -> Self {
        Self {
            targets: BTreeMap::new(),
            since: now.time,
            identity: None,
            heard: None,
            error: None,
            rival_since: None,
        }
    }

    fn is_named(&self, name: &str) -> bool {
        let identity = self.identity.as_ref();
        identity.is_some_and(|identity| identity.name == name)
    }

    fn hears(&self, now: Now) -> bool {
        let heard = self.heard;
        heard.is_some_and(|heard| now.at.duration_since(heard.at) <= AWAY_AFTER)
    }
}

impl Ingest {
    fn remove(&mut self, now: Now) {
        if self.state != IngestState::Removed {
            self.state = IngestState::Removed;
            self.since = now.time;
            self.removed_at = Some(now.at);
        }
    }
}
