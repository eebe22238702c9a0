//! Places for connections. One that asks nothing at this moment keeps its place only while nobody
//! else wants it: so many idle connections hold up nobody.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::sync::Notify;

/// A bounded number of them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Seats {
    max: usize,
    table: Arc<Mutex<Table>>,
}

#[derive(Debug, Default)]
struct Table {
    taken: usize,
    /// Those that wait for a request, by when they began to; at most as many as are taken.
    waiting: BTreeMap<u64, Arc<Notify>>,
    waits: u64,
}

/// One connection's place; free again when it is dropped, unless it was given away.
#[derive(Debug)]
pub struct Seat {
    table: Arc<Mutex<Table>>,
    given_away: Arc<Notify>,
    /// Its number among those that wait; none: it is about a request.
    waits: Mutex<Option<u64>>,
}

/// A request under way.
#[derive(Debug)]
pub struct Turn(Arc<Seat>);

/// An answer, until its last byte was handed on: so long its request is under way.
struct Answering {
    body: Body,
    _turn: Turn,
}

impl Seats {
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            max,
            table: Arc::default(),
        }
    }

    /// When all are taken: that of the connection that has waited for a request the longest. None:
    /// all of them are about one.
    #[must_use]
    pub fn take(&self) -> Option<Arc<Seat>> {
        let mut table = lock(&self.table);
        if table.taken < self.max {
            table.taken += 1;
        } else {
            let (_, given_away) = table.waiting.pop_first()?;
            given_away.notify_one();
        }
        let given_away = Arc::default();
        let number = table.wait(&given_away);
        Some(Arc::new(Seat {
            table: Arc::clone(&self.table),
            given_away,
            waits: Mutex::new(Some(number)),
        }))
    }
}

impl Table {
    fn wait(&mut self, given_away: &Arc<Notify>) -> u64 {
        self.waits += 1;
        self.waiting.insert(self.waits, Arc::clone(given_away));
        self.waits
    }
}

impl Seat {
    /// Another has it now: the connection has to end.
    pub async fn given_away(&self) {
        self.given_away.notified().await;
    }

    /// A request has come.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> Turn {
        let mut waits = lock(&self.waits);
        // One that was given away stays so.
        if let Some(number) = *waits
            && lock(&self.table).waiting.remove(&number).is_some()
        {
            *waits = None;
        }
        Turn(Arc::clone(self))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut waits = lock(&self.0.waits);
        if waits.is_none() {
            *waits = Some(lock(&self.0.table).wait(&self.0.given_away));
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let waits = *lock(&self.waits);
        let mut table = lock(&self.table);
        if waits.is_none_or(|number| table.waiting.remove(&number).is_some()) {
            table.taken -= 1;
        }
    }
}

impl Turn {
    /// It is over with the answer.
    pub fn until_sent(self, body: Body) -> Body {
        Body::new(Answering { body, _turn: self })
    }
}

impl HttpBody for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Held for a look and a note, never over an await.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn is_given_away(seat: &Seat) -> bool {
        seat.given_away().now_or_never().is_some()
    }

    #[test]
    fn the_one_that_has_waited_longest_makes_room_and_one_with_a_request_does_not() {
        let seats = Seats::new(2);
        let first = seats.take().expect("a place");
        let second = seats.take().expect("a place");
        let turn = first.begin();
        let third = seats.take().expect("that of the second");
        assert!(is_given_away(&second) && !is_given_away(&first));
        let other = third.begin();
        assert!(seats.take().is_none(), "both are about a request");
        // Waiting again, the first longer than the third.
        drop(turn);
        drop(other);
        let fourth = seats.take().expect("that of the first");
        assert!(is_given_away(&first) && !is_given_away(&third));
        // A request that comes too late takes nothing back.
        drop(first.begin());
        drop((first, second));
        let fifth = seats.take().expect("that of the third");
        assert!(is_given_away(&third) && !is_given_away(&fourth));
        drop((third, fourth, fifth));
        let table = lock(&seats.table);
        assert_eq!(
            (table.taken, table.waiting.len()),
            (0, 0),
            "nothing is kept"
        );
    }
}
