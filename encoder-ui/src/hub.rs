//! One stream of changes for all browsers. Each change is made into JSON once, and browsers get the
//! same bytes; one that is too slow for them gets a fresh snapshot instead of a queue.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use common::shutdown::Shutdown;
use jiff::Timestamp;
use tokio::sync::broadcast;
use tokio::time::{MissedTickBehavior, interval};

use crate::changes::{self, IngestEvent};
use crate::limits::{EVENTS_PENDING_MAX, UPDATE_PERIOD, UPDATES_BEHIND_MAX};
use crate::metrics::{Counters, Snapshot};
use crate::roster::{IngestView, Now, Roster};
use crate::sse;

/// What is known of all ingests, and who is told. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    roster: Mutex<Roster>,
    published: Mutex<Published>,
    /// Events that go with the next update.
    pending: Mutex<VecDeque<IngestEvent>>,
    updates: broadcast::Sender<Bytes>,
    counters: Arc<Counters>,
    started: Instant,
    /// Of the last update, in milliseconds since the start.
    turned_ms: AtomicU64,
}

/// What browsers know that took every change so far.
#[derive(Debug)]
struct Published {
    views: Vec<IngestView>,
    time: Timestamp,
    /// The same as a message, once somebody asked for it.
    snapshot: Option<Bytes>,
}

/// A browser's place in the stream.
#[derive(Debug)]
pub struct Reader {
    hub: Hub,
    updates: broadcast::Receiver<Bytes>,
    /// To be sent before the next update.
    snapshot: Option<Bytes>,
}

/// This moment.
#[must_use]
pub fn now() -> Now {
    Now {
        at: Instant::now(),
        time: Timestamp::now(),
    }
}

impl Hub {
    /// `urls`: of the ingests, as given.
    #[must_use]
    pub fn new(urls: impl IntoIterator<Item = String>, counters: Arc<Counters>) -> Self {
        Self::begun(urls, counters, now())
    }

    /// One whose time runs since `now`.
    #[must_use]
    pub fn begun(
        urls: impl IntoIterator<Item = String>,
        counters: Arc<Counters>,
        now: Now,
    ) -> Self {
        let (updates, _) = broadcast::channel(UPDATES_BEHIND_MAX);
        let published = Published {
            views: Vec::new(),
            time: now.time,
            snapshot: None,
        };
        Self(Arc::new(Inner {
            roster: Mutex::new(Roster::new(urls, now)),
            published: Mutex::new(published),
            pending: Mutex::default(),
            updates,
            counters,
            started: now.at,
            turned_ms: AtomicU64::new(0),
        }))
    }

    /// Held for as long as a look or a note takes, never over an await.
    pub fn roster(&self) -> MutexGuard<'_, Roster> {
        let roster = self.0.roster.lock();
        roster.unwrap_or_else(PoisonError::into_inner)
    }

    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// An event of an ingest, for the next update.
    pub fn event(&self, event: IngestEvent) {
        let pending = self.0.pending.lock();
        let mut pending = pending.unwrap_or_else(PoisonError::into_inner);
        if pending.len() >= EVENTS_PENDING_MAX {
            pending.pop_front();
            Counters::add(&self.0.counters.events_left_out, 1);
        }
        pending.push_back(event);
    }

    /// Makes updates until the end.
    pub async fn run(self, mut shutdown: Shutdown) {
        let mut turn = interval(UPDATE_PERIOD);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = turn.tick() => self.update(now()),
                () = shutdown.requested() => return,
            }
        }
    }

    /// Tells browsers what is new.
    pub fn update(&self, now: Now) {
        let views = {
            let mut roster = self.roster();
            roster.tick(now);
            roster.view(now)
        };
        let mut published = self.published();
        if let Some(json) = changes::between(&published.views, &views, now.time) {
            *published = Published {
                views,
                time: now.time,
                snapshot: None,
            };
            self.send(sse::message("change", &json));
        }
        let pending = std::mem::take(
            &mut *self
                .0
                .pending
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        if !pending.is_empty() {
            let json = changes::events(&Vec::from(pending));
            self.send(sse::message("events", &json));
        }
        drop(published);
        let passed = now.at.duration_since(self.0.started).as_millis();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        self.0.turned_ms.store(passed, Ordering::Relaxed);
    }

    /// Under the lock of what is published, so that a new reader's snapshot and its first change fit.
    fn send(&self, message: Bytes) {
        let counters = &self.0.counters;
        Counters::add(&counters.updates, 1);
        Counters::add(&counters.update_bytes, message.len());
        // Nobody listens: an error, and none.
        let _ = self.0.updates.send(message);
    }

    /// A place in the stream; it begins with a snapshot.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.0.counters.snapshot(Snapshot::Connected);
        let mut published = self.published();
        Reader {
            hub: self.clone(),
            snapshot: Some(published.snapshot()),
            updates: self.0.updates.subscribe(),
        }
    }

    /// All ingests, as JSON.
    #[must_use]
    pub fn list(&self) -> String {
        changes::list(&self.views())
    }

    #[must_use]
    pub fn views(&self) -> Vec<IngestView> {
        let now = now();
        let mut roster = self.roster();
        roster.tick(now);
        roster.view(now)
    }

    /// Milliseconds since the last update.
    #[must_use]
    pub fn idle_ms(&self) -> u64 {
        let passed = self.0.started.elapsed().as_millis();
        let turned = self.0.turned_ms.load(Ordering::Relaxed);
        u64::try_from(passed)
            .unwrap_or(u64::MAX)
            .saturating_sub(turned)
    }

    fn published(&self) -> MutexGuard<'_, Published> {
        let published = self.0.published.lock();
        published.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Published {
    /// However many browsers ask between two changes, it is made once.
    fn snapshot(&mut self) -> Bytes {
        let (views, time) = (&self.views, self.time);
        let made = || sse::message("snapshot", &changes::snapshot(views, time));
        self.snapshot.get_or_insert_with(made).clone()
    }
}

impl Reader {
    /// The next message, or none at the end. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Bytes> {
        if let Some(snapshot) = self.snapshot.take() {
            return Some(snapshot);
        }
        match self.updates.recv().await {
            Ok(message) => Some(message),
            Err(broadcast::error::RecvError::Lagged(_)) => {
                self.hub.0.counters.snapshot(Snapshot::Slow);
                let mut published = self.hub.published();
                self.updates = self.updates.resubscribe();
                Some(published.snapshot())
            }
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::roster::Identity;

    fn hub() -> Hub {
        Hub::new(["http://n:1".to_owned()], Arc::default())
    }

    fn later(now: Now, by: u64) -> Now {
        let by = Duration::from_secs(by);
        Now {
            at: now.at + by,
            time: now.time + by,
        }
    }

    /// A change each turn: the ingest is heard by another name.
    fn change(hub: &Hub, turn: u64) {
        let at = later(now(), turn);
        let address = "10.0.0.1:9525".parse().expect("address");
        let identity = Identity {
            name: format!("n{turn}"),
            started: "a".to_owned(),
        };
        hub.roster().resolved(0, &[address], at);
        hub.roster().introduced(address, &identity, at);
        hub.update(at);
    }

    async fn text(reader: &mut Reader) -> String {
        let bytes = reader.next().await.expect("a message");
        String::from_utf8(bytes.to_vec()).expect("utf-8")
    }

    #[tokio::test]
    async fn all_readers_get_the_same_bytes_after_a_snapshot() {
        let hub = hub();
        change(&hub, 1);
        let (mut one, mut two) = (hub.reader(), hub.reader());
        assert!(text(&mut one).await.starts_with("event: snapshot\n"));
        assert!(text(&mut two).await.contains("\"name\":\"n1\""));
        change(&hub, 2);
        let (one, two) = (
            one.next().await.expect("one"),
            two.next().await.expect("two"),
        );
        assert_eq!(one.as_ptr(), two.as_ptr(), "made once");
        assert!(one.starts_with(b"event: change\n"));
    }

    #[tokio::test]
    async fn a_slow_reader_gets_a_snapshot_and_goes_on_from_there() {
        let hub = hub();
        let mut reader = hub.reader();
        let turns = u64::try_from(UPDATES_BEHIND_MAX).expect("few") + 5;
        for turn in 1..=turns {
            change(&hub, turn);
        }
        assert!(
            text(&mut reader).await.starts_with("event: snapshot\n"),
            "the first one"
        );
        let second = text(&mut reader).await;
        assert!(second.starts_with("event: snapshot\n"), "{second}");
        assert!(
            second.contains(&format!("\"name\":\"n{turns}\"")),
            "{second}"
        );
        change(&hub, turns + 1);
        assert!(text(&mut reader).await.starts_with("event: change\n"));
    }

    #[tokio::test]
    async fn nothing_new_is_nothing_sent_and_events_are_gathered() {
        let hub = hub();
        let mut reader = hub.reader();
        text(&mut reader).await;
        hub.update(now());
        for number in 0..EVENTS_PENDING_MAX + 1 {
            let event = serde_json::value::RawValue::from_string(number.to_string());
            hub.event(IngestEvent {
                ingest: "n1".to_owned(),
                event: event.expect("json"),
            });
        }
        hub.update(now());
        let told = text(&mut reader).await;
        assert!(
            told.starts_with("event: events\ndata: [{\"ingest\":\"n1\",\"event\":1},"),
            "{told}"
        );
        assert_eq!(hub.counters().events_left_out.load(Ordering::Relaxed), 1);
    }
}
