//! How often a password may be tried: by address, and by name. Pure: it is given `now`.
//!
//! Each attempt takes a token from two buckets, which fill again with time; a right password gives
//! its tokens back. The tables are of fixed size: what falls on one place shares its bucket.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::limits::{LOGIN_ATTEMPT_PERIOD, LOGIN_ATTEMPTS_MAX, LOGIN_PLACES};

/// Attempts so far.
#[derive(Debug)]
pub(super) struct Attempts {
    /// Keyed anew in each process: nobody can choose what falls on one place.
    hasher: RandomState,
    addresses: Vec<Bucket>,
    names: Vec<Bucket>,
}

/// When its tokens will all be back: none: they are. One number says all.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket(Option<Instant>);

/// Where an attempt took its tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    address: usize,
    name: usize,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            addresses: vec![Bucket::default(); LOGIN_PLACES],
            names: vec![Bucket::default(); LOGIN_PLACES],
        }
    }
}

impl Attempts {
    /// Before a password is looked at.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub(super) fn take(
        &mut self,
        address: IpAddr,
        name: &str,
        now: Instant,
    ) -> Result<Taken, Duration> {
        let taken = Taken {
            address: self.place(&network(address)),
            name: self.place(&name),
        };
        let waits = [
            self.addresses[taken.address].wait(now),
            self.names[taken.name].wait(now),
        ];
        if let Some(wait) = waits.into_iter().flatten().max() {
            return Err(wait);
        }
        self.addresses[taken.address].take(now);
        self.names[taken.name].take(now);
        Ok(taken)
    }

    /// The password was right.
    pub(super) fn give_back(&mut self, taken: Taken) {
        self.addresses[taken.address].give_back();
        self.names[taken.name].give_back();
    }

    fn place(&self, key: &impl std::hash::Hash) -> usize {
        let hash = self.hasher.hash_one(key);
        let places = u64::try_from(LOGIN_PLACES).unwrap_or(u64::MAX);
        usize::try_from(hash % places).unwrap_or(0)
    }
}

impl Bucket {
    /// How long until there is a token.
    fn wait(self, now: Instant) -> Option<Duration> {
        let missing = self.0?.checked_duration_since(now)?;
        let most = LOGIN_ATTEMPT_PERIOD * (LOGIN_ATTEMPTS_MAX - 1);
        missing.checked_sub(most).filter(|wait| !wait.is_zero())
    }

    fn take(&mut self, now: Instant) {
        let full = self.0.map_or(now, |full| full.max(now));
        self.0 = Some(full + LOGIN_ATTEMPT_PERIOD);
    }

    fn give_back(&mut self) {
        self.0 = self
            .0
            .and_then(|full| full.checked_sub(LOGIN_ATTEMPT_PERIOD));
    }
}

/// One who has an IPv6 address has a whole /64 of them (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn an_address_that_guesses_has_to_wait_whatever_name_it_tries() {
        let mut attempts = Attempts::default();
        let now = Instant::now();
        for number in 0..LOGIN_ATTEMPTS_MAX {
            assert!(
                attempts
                    .take(address(1), &format!("user{number}"), now)
                    .is_ok()
            );
        }
        let wait = attempts
            .take(address(1), "another", now)
            .expect_err("too many");
        assert_eq!(wait, LOGIN_ATTEMPT_PERIOD);
        let place = |last| attempts.place(&network(address(last)));
        let other = (2..).find(|last| place(*last) != place(1)).expect("one");
        assert!(
            attempts.take(address(other), "yet another", now).is_ok(),
            "others need not"
        );
        let later = now + LOGIN_ATTEMPT_PERIOD;
        assert!(attempts.take(address(1), "another", later).is_ok());
        assert!(
            attempts.take(address(1), "another", later).is_err(),
            "one came back"
        );
    }

    #[test]
    fn a_name_that_is_guessed_at_from_everywhere_has_to_wait() {
        let mut attempts = Attempts::default();
        let now = Instant::now();
        let mut refused = 0;
        for last in 0..30 {
            refused += usize::from(attempts.take(address(last), "ann", now).is_err());
        }
        assert_eq!(
            refused,
            30 - usize::try_from(LOGIN_ATTEMPTS_MAX).expect("few")
        );
        let all_back = now + LOGIN_ATTEMPT_PERIOD * LOGIN_ATTEMPTS_MAX;
        for last in 0..10 {
            assert!(
                attempts.take(address(last), "ann", all_back).is_ok(),
                "{last}"
            );
        }
    }

    #[test]
    fn who_knows_the_password_is_never_stopped() {
        let mut attempts = Attempts::default();
        let now = Instant::now();
        for _ in 0..100 {
            let taken = attempts.take(address(1), "ann", now).expect("a token");
            attempts.give_back(taken);
        }
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one() {
        let of = |text: &str| network(text.parse().expect("address"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), address(1));
    }
}
