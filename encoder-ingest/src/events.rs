//! What happened: the last thousand events, for `/api/v1/events` and the log.
//!
//! Readers hold a position in the ring, not a queue each: one that is slow goes on at the oldest
//! event that is still kept. Ids are `{start}-{n}`; a reader that comes back with an id of another
//! start, or of an event long gone, gets all there are.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::api::event::{Event, EventDraft};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::limits::EVENTS_KEPT;

/// All events of this process.
#[derive(Debug)]
pub struct Events {
    /// Milliseconds since the epoch.
    start: i64,
    ring: Mutex<Ring>,
    /// Readers wait for it to change.
    news: watch::Sender<News>,
}

#[derive(Debug, Clone, Copy, Default)]
struct News {
    /// Number of the newest event.
    newest: u64,
    /// There will be no more.
    closed: bool,
}

#[derive(Debug, Default)]
struct Ring {
    /// Of the event that was published last; the first is 1.
    newest: u64,
    events: VecDeque<Arc<Event>>,
}

/// A reader's place: the events before it have been read.
#[derive(Debug)]
pub struct Reader {
    events: Arc<Events>,
    /// Number of the next event.
    next: u64,
    news: watch::Receiver<News>,
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}

impl Events {
    #[must_use]
    pub fn new() -> Self {
        Self {
            start: Timestamp::now().as_millisecond(),
            ring: Mutex::default(),
            news: watch::Sender::default(),
        }
    }

    /// Gives an event its id and time, keeps it and wakes the readers.
    pub fn publish(&self, draft: EventDraft) -> Arc<Event> {
        let mut ring = self.ring();
        ring.newest += 1;
        let event = Arc::new(Event {
            id: format!("{}-{}", self.start, ring.newest),
            // Taken under the lock: times rise with the ids.
            time: format!("{:.3}", Timestamp::now()),
            kind: draft.kind,
            channel: draft.channel,
            reason: draft.reason,
            params: draft.params,
            detail: draft.detail,
            actor: draft.actor,
            address: draft.address,
            difference: draft.difference,
        });
        if ring.events.len() >= EVENTS_KEPT {
            ring.events.pop_front();
        }
        ring.events.push_back(Arc::clone(&event));
        let newest = ring.newest;
        self.news.send_modify(|news| news.newest = newest);
        event
    }

    /// All that are kept, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Event>> {
        self.ring().events.iter().cloned().collect()
    }

    /// A reader that begins after the event `last`: none: with the next one; an unknown id: with
    /// the oldest that is kept.
    #[must_use]
    pub fn reader(self: &Arc<Self>, last: Option<&str>) -> Reader {
        let ring = self.ring();
        let next = match last {
            None => ring.newest + 1,
            Some(last) => self.after(last, &ring),
        };
        Reader {
            events: Arc::clone(self),
            next,
            news: self.news.subscribe(),
        }
    }

    /// Ends all readers: the process stops.
    pub fn close(&self) {
        self.news.send_modify(|news| news.closed = true);
    }

    fn after(&self, last: &str, ring: &Ring) -> u64 {
        let number = last
            .strip_prefix(&format!("{}-", self.start))
            .and_then(|number| number.parse::<u64>().ok())
            .filter(|number| (ring.oldest()..=ring.newest).contains(number));
        number.map_or_else(|| ring.oldest(), |number| number + 1)
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // The ring is whole between any two statements under the lock.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    /// Number of the oldest event that is kept.
    fn oldest(&self) -> u64 {
        self.newest + 1 - self.events.len() as u64
    }
}

impl Reader {
    /// The next event, once there is one; none when the process stops.
    pub async fn next(&mut self) -> Option<Arc<Event>> {
        loop {
            // In this order: what was published before the end is still read.
            let closed = self.news.borrow().closed;
            if let Some(event) = self.take() {
                return Some(event);
            }
            if closed {
                return None;
            }
            let next = self.next;
            let news = self
                .news
                .wait_for(|news| news.newest >= next || news.closed);
            drop(news.await.ok()?);
        }
    }

    fn take(&mut self) -> Option<Arc<Event>> {
        let ring = self.events.ring();
        let number = self.next.max(ring.oldest());
        let index = usize::try_from(number - ring.oldest()).ok()?;
        let event = Arc::clone(ring.events.get(index)?);
        self.next = number + 1;
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::api::event::EventKind;

    fn publish(events: &Events, count: usize) {
        for n in 0..count {
            events.publish(EventDraft::new(EventKind::Rejoined, format!("{n}")));
        }
    }

    async fn details(reader: &mut Reader, count: usize) -> Vec<String> {
        let mut details = Vec::new();
        for _ in 0..count {
            details.push(reader.next().await.expect("an event").detail.clone());
        }
        details
    }

    #[tokio::test]
    async fn a_reader_goes_on_after_the_last_it_has_seen() {
        let events = Arc::new(Events::new());
        publish(&events, 3);
        let ids: Vec<String> = events.list().iter().map(|one| one.id.clone()).collect();
        let mut after_first = events.reader(Some(&ids[0]));
        assert_eq!(details(&mut after_first, 2).await, ["1", "2"]);
        let mut unknown = events.reader(Some("123-1"));
        assert_eq!(details(&mut unknown, 3).await, ["0", "1", "2"]);
        let future = format!("{}-9", events.start);
        for odd in [future.as_str(), "", "x", "-", "1-2-3"] {
            assert_eq!(
                details(&mut events.reader(Some(odd)), 1).await,
                ["0"],
                "{odd:?}"
            );
        }
        let mut fresh = events.reader(None);
        let mut after_last = events.reader(Some(&ids[2]));
        publish(&events, 1);
        assert_eq!(details(&mut fresh, 1).await, ["0"]);
        assert_eq!(details(&mut after_last, 1).await, ["0"]);
    }

    #[tokio::test]
    async fn a_slow_reader_costs_nothing_and_goes_on_at_the_oldest_kept() {
        let events = Arc::new(Events::new());
        let mut slow = events.reader(None);
        publish(&events, EVENTS_KEPT + 5);
        assert_eq!(events.list().len(), EVENTS_KEPT);
        assert_eq!(details(&mut slow, 2).await, ["5", "6"]);
        let gone = format!("{}-2", events.start);
        assert_eq!(details(&mut events.reader(Some(&gone)), 1).await, ["5"]);
    }

    #[tokio::test]
    async fn readers_end_with_the_process() {
        let events = Arc::new(Events::new());
        let mut reader = events.reader(None);
        publish(&events, 1);
        events.close();
        assert!(reader.next().await.is_some(), "the last word is heard");
        assert!(reader.next().await.is_none());
        assert!(events.reader(None).next().await.is_none());
    }

    #[test]
    fn times_are_rfc_3339_in_utc() {
        let events = Events::new();
        let event = events.publish(EventDraft::new(EventKind::Started, "on"));
        assert!(
            event.time.ends_with('Z') && event.time.contains('.'),
            "{}",
            event.time
        );
        assert!(event.time.parse::<Timestamp>().is_ok());
        assert!(event.id.ends_with("-1"));
    }
}
