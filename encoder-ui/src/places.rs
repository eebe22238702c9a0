//! Places for what stays long (event streams, previews): so many in all, and so many for one
//! session, so that one with many tabs does not take them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use common::problem::Problem;

use crate::limits::{EVENT_STREAMS_MAX, EVENT_STREAMS_OF_ONE_MAX};

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Places(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    all: usize,
    of_one: usize,
    /// Taken places by who has them; at most `all`.
    taken: Mutex<HashMap<String, usize>>,
}

/// A place; free again when it is dropped.
#[derive(Debug)]
pub struct Taken {
    places: Places,
    who: String,
}

impl Places {
    #[must_use]
    pub fn new(all: usize, of_one: usize) -> Self {
        Self(Arc::new(Inner {
            all,
            of_one,
            taken: Mutex::default(),
        }))
    }

    /// None: there is none left, or none for this one.
    #[must_use]
    pub fn take(&self, who: &str) -> Option<Taken> {
        let mut taken = self.taken();
        let own = taken.get(who).copied().unwrap_or(0);
        if own >= self.0.of_one || taken.values().sum::<usize>() >= self.0.all {
            return None;
        }
        taken.insert(who.to_owned(), own + 1);
        Some(Taken {
            places: self.clone(),
            who: who.to_owned(),
        })
    }

    /// Taken at this moment.
    #[must_use]
    pub fn count(&self) -> usize {
        self.taken().values().sum()
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        match taken.get_mut(&self.who) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(taken.remove(&self.who)),
        }
    }
}

/// 503: of those for event streams.
#[must_use]
pub fn no_event_stream() -> Problem {
    let detail = format!(
        "{EVENT_STREAMS_OF_ONE_MAX} event streams of one session, or {EVENT_STREAMS_MAX} of all, are open"
    );
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        .reason("too_many_streams")
        .param("max", EVENT_STREAMS_MAX)
        .retry_after(5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_does_not_take_all_and_what_is_left_is_free_again() {
        let places = Places::new(3, 2);
        let first = places.take("a").expect("a place");
        let second = places.take("a").expect("a place");
        assert!(places.take("a").is_none(), "two for each");
        let third = places.take("b").expect("a place");
        assert!(places.take("c").is_none(), "three in all");
        drop(first);
        assert!(places.take("c").is_some());
        assert!(places.take("a").is_some());
        drop((second, third));
        assert!(places.taken().is_empty(), "nothing is kept");
    }
}
