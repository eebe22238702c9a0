//! Which address speaks for which ingest, and for how long its orders hold: pure.
//!
//! One ingest may be had under several addresses (IPv4 and IPv6, two names): its orders are the
//! same, and one of the addresses is enough. Another takes over when it falls silent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::limits::LEASE;

/// An address that was silent for so long was away: twice the time between heartbeats.
const AWAY_AFTER: Duration = Duration::from_secs(2);

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The orders hold.
    Speaker,
    /// The orders hold, and the ingest was away before.
    Returned,
    /// Another address speaks for this ingest.
    Other,
}

/// By the ingest's name.
#[derive(Debug, Default)]
pub struct Claims(BTreeMap<String, Claim>);

#[derive(Debug)]
struct Claim {
    address: SocketAddr,
    heard: Instant,
}

impl Claims {
    /// `address` answered as `ingest`.
    pub fn heard(&mut self, ingest: &str, address: SocketAddr, now: Instant) -> Heard {
        let Some(claim) = self.0.get_mut(ingest) else {
            let heard = now;
            self.0.insert(ingest.to_owned(), Claim { address, heard });
            return Heard::Returned;
        };
        let was_away = now.duration_since(claim.heard) >= AWAY_AFTER;
        if claim.address != address && !was_away {
            return Heard::Other;
        }
        *claim = Claim {
            address,
            heard: now,
        };
        if was_away {
            Heard::Returned
        } else {
            Heard::Speaker
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_speaks_and_another_takes_over() {
        let [first, second] = [1, 2].map(|host| SocketAddr::from(([10, 0, 0, host], 9525)));
        let mut claims = Claims::default();
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        assert_eq!(claims.heard("n1", first, at(0)), Heard::Returned);
        assert_eq!(claims.heard("n1", second, at(100)), Heard::Other);
        assert_eq!(claims.heard("n2", second, at(100)), Heard::Returned);
        assert_eq!(claims.heard("n1", first, at(1000)), Heard::Speaker);
        assert_eq!(claims.heard("n1", second, at(3100)), Heard::Returned);
        assert_eq!(claims.heard("n1", first, at(3200)), Heard::Other);
        assert_eq!(claims.expired(at(5000)), Vec::<String>::new());
        assert_eq!(claims.expired(at(5200)), ["n2"]);
        assert_eq!(claims.expired(at(9000)), ["n1"]);
        assert_eq!(claims.expired(at(9000)), Vec::<String>::new());
    }
}
