//! Which address speaks for which ingest, and for how long its orders hold: pure.
//!
//! One ingest may be had under several addresses (IPv4 and IPv6, two names): its orders are the
//! same, and one of the addresses is enough. Another takes over when it falls silent. Two ingests
//! that were given one name look alike, but for the revisions of their orders, which stay apart.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::limits::{LEASE, REMIND_PERIOD};

/// Silent for so long, with heartbeats that failed, an ingest was away: twice the time between
/// heartbeats.
const AWAY_AFTER: Duration = Duration::from_secs(2);

/// Silent for so long, an address gives its place to another: answers of one that is there are
/// less apart, however much news there is.
const GIVES_PLACE_AFTER: Duration = Duration::from_secs(3);

/// One ingest says the same under all of its addresses before so long.
const APART_MAX: Duration = LEASE;

/// An answer with orders.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    pub ingest: &'a str,
    pub address: SocketAddr,
    /// Of its orders.
    pub revision: u64,
    /// The heartbeat before failed.
    pub after_failure: bool,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The orders hold.
    Speaker,
    /// The orders hold, and the ingest was away before.
    Returned,
    /// Another address speaks for this ingest.
    Other,
    /// The same, but it is of another ingest of that name: said once in a while.
    Namesake { speaker: SocketAddr },
}

/// By the ingest's name.
#[derive(Debug, Default)]
pub struct Claims(BTreeMap<String, Claim>);

#[derive(Debug)]
struct Claim {
    address: SocketAddr,
    heard: Instant,
    revision: u64,
    /// Addresses that answer by the same name. There are as many as addresses at most.
    others: BTreeMap<SocketAddr, Other>,
}

#[derive(Debug)]
struct Other {
    heard: Instant,
    revision: u64,
    /// Since when its revisions were not the speaker's.
    apart_since: Option<Instant>,
    said: Option<Instant>,
}

impl Claims {
    pub fn heard(&mut self, answer: Answer<'_>, now: Instant) -> Heard {
        let Some(claim) = self.0.get_mut(answer.ingest) else {
            let claim = Claim::new(answer, now);
            self.0.insert(answer.ingest.to_owned(), claim);
            return Heard::Returned;
        };
        let silence = now.duration_since(claim.heard);
        if claim.address == answer.address {
            claim.speaks(answer.revision, now);
            // Slow answers, by much news, are no absence.
            return if answer.after_failure && silence >= AWAY_AFTER {
                Heard::Returned
            } else {
                Heard::Speaker
            };
        }
        if silence >= GIVES_PLACE_AFTER {
            *claim = Claim::new(answer, now);
            return Heard::Returned;
        }
        claim.other(answer, now)
    }

    /// The ingests whose orders hold no longer; each is told once.
    pub fn expired(&mut self, now: Instant) -> Vec<String> {
        let late = |claim: &Claim| now.duration_since(claim.heard) >= LEASE;
        let names = self.0.iter().filter(|(_, claim)| late(claim));
        let names: Vec<String> = names.map(|(name, _)| name.clone()).collect();
        self.0.retain(|_, claim| !late(claim));
        names
    }
}

impl Claim {
    const fn new(answer: Answer<'_>, now: Instant) -> Self {
        Self {
            address: answer.address,
            heard: now,
            revision: answer.revision,
            others: BTreeMap::new(),
        }
    }

    fn speaks(&mut self, revision: u64, now: Instant) {
        self.heard = now;
        self.revision = revision;
        // Another address may have told of a change first.
        for other in self.others.values_mut() {
            if other.revision == revision {
                other.apart_since = None;
            }
        }
    }

    fn other(&mut self, answer: Answer<'_>, now: Instant) -> Heard {
        let other = self.others.entry(answer.address).or_insert(Other {
            heard: now,
            revision: answer.revision,
            apart_since: None,
            said: None,
        });
        let was_away = now.duration_since(other.heard) >= GIVES_PLACE_AFTER;
        (other.heard, other.revision) = (now, answer.revision);
        if was_away || answer.revision == self.revision {
            other.apart_since = None;
        }
        if answer.revision == self.revision {
            return Heard::Other;
        }
        let since = *other.apart_since.get_or_insert(now);
        let is_due = |said: Instant| now.duration_since(said) >= REMIND_PERIOD;
        if now.duration_since(since) < APART_MAX || !other.said.is_none_or(is_due) {
            return Heard::Other;
        }
        other.said = Some(now);
        Heard::Namesake {
            speaker: self.address,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claims, and a clock that is told.
    struct Scene {
        claims: Claims,
        start: Instant,
        after_failure: bool,
    }

    fn address(host: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, host], 9525))
    }

    impl Scene {
        fn new() -> Self {
            Self {
                claims: Claims::default(),
                start: Instant::now(),
                after_failure: false,
            }
        }

        fn at(&self, milliseconds: u64) -> Instant {
            self.start + Duration::from_millis(milliseconds)
        }

        fn heard(&mut self, ingest: &str, host: u8, revision: u64, milliseconds: u64) -> Heard {
            let answer = Answer {
                ingest,
                address: address(host),
                revision,
                after_failure: self.after_failure,
            };
            let now = self.at(milliseconds);
            self.claims.heard(answer, now)
        }

        fn expired(&mut self, milliseconds: u64) -> Vec<String> {
            let now = self.at(milliseconds);
            self.claims.expired(now)
        }
    }

    #[test]
    fn one_address_speaks_and_another_takes_over() {
        let mut scene = Scene::new();
        assert_eq!(scene.heard("n1", 1, 1, 0), Heard::Returned);
        assert_eq!(scene.heard("n1", 2, 1, 100), Heard::Other);
        assert_eq!(scene.heard("n2", 2, 1, 100), Heard::Returned);
        assert_eq!(scene.heard("n1", 1, 1, 1000), Heard::Speaker);
        assert_eq!(scene.heard("n1", 2, 1, 3900), Heard::Other);
        assert_eq!(scene.heard("n1", 2, 1, 4100), Heard::Returned);
        assert_eq!(scene.heard("n1", 1, 1, 4200), Heard::Other);
        assert_eq!(scene.expired(5000), Vec::<String>::new());
        assert_eq!(scene.expired(5200), ["n2"]);
        assert_eq!(scene.expired(9200), ["n1"]);
        assert_eq!(scene.expired(9200), Vec::<String>::new());
    }

    #[test]
    fn only_failed_heartbeats_make_an_absence() {
        let mut scene = Scene::new();
        assert_eq!(scene.heard("n1", 1, 1, 0), Heard::Returned);
        assert_eq!(scene.heard("n1", 1, 1, 2900), Heard::Speaker);
        scene.after_failure = true;
        assert_eq!(scene.heard("n1", 1, 1, 4800), Heard::Speaker);
        assert_eq!(scene.heard("n1", 1, 1, 6800), Heard::Returned);
    }

    #[test]
    fn a_second_ingest_of_a_name_is_told_once_a_minute() {
        let mut scene = Scene::new();
        let mut told = Vec::new();
        for second in 0..100 {
            // The same ingest may tell of a change under either address first.
            let mut beat = |host, revision, offset| {
                let heard = scene.heard("n1", host, revision, second * 1000 + offset);
                if let Heard::Namesake { speaker } = heard {
                    told.push((second, host, speaker));
                }
            };
            beat(2, second, 10);
            beat(1, second, 20);
            beat(2, second + 1, 30);
            beat(3, 7000 + second, 40);
        }
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(told[0], (5, 3, address(2)));
        assert_eq!(told[1].0, 65);
    }
}
