//! Sessions that were logged out before their time. Their cookies are signed and would still be
//! taken, so each is remembered until it would have expired. Pure: it is given `now`.
//!
//! Kept in memory alone: another replica, and the process after a restart with the same key, know
//! nothing of it.

use std::collections::HashMap;

use super::session::UserSession;

/// The sessions that have ended, by user. Times are seconds since the epoch.
#[derive(Debug)]
pub(super) struct EndedSessions {
    /// How many sessions are remembered one by one.
    max: usize,
    users: HashMap<String, OfUser>,
}

#[derive(Debug, Default)]
struct OfUser {
    /// Ids of sessions, and when each would have expired.
    sessions: HashMap<String, u64>,
    /// All sessions that expire until then have ended, which is all that began until some moment:
    /// they hold equally long.
    until: u64,
}

impl EndedSessions {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            users: HashMap::new(),
        }
    }

    /// From here on the session has ended.
    pub(super) fn end(&mut self, session: &UserSession, now: u64) {
        let user = self.users.entry(session.name.clone()).or_default();
        user.sessions.insert(session.id.clone(), session.expires);
        if self.count() > self.max {
            self.forget(now);
        }
        if self.count() > self.max {
            self.fold();
        }
    }

    pub(super) fn holds(&self, session: &UserSession) -> bool {
        let user = self.users.get(&session.name);
        user.is_some_and(|user| {
            session.expires <= user.until || user.sessions.contains_key(&session.id)
        })
    }

    fn count(&self) -> usize {
        self.users.values().map(|user| user.sessions.len()).sum()
    }

    /// What has expired needs no memory.
    fn forget(&mut self, now: u64) {
        for user in self.users.values_mut() {
            user.sessions.retain(|_, expires| now < *expires);
        }
        self.users
            .retain(|_, user| now < user.until || !user.sessions.is_empty());
    }

    /// One moment instead of the many sessions of the user who has the most: an ended session never
    /// holds again, and who fills the table pays for it.
    fn fold(&mut self) {
        let most = self
            .users
            .values_mut()
            .max_by_key(|user| user.sessions.len());
        if let Some(user) = most {
            let last = user.sessions.drain().map(|(_, expires)| expires).max();
            user.until = user.until.max(last.unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn session(name: &str, id: &str, expires: u64) -> UserSession {
        UserSession {
            name: name.to_owned(),
            expires,
            id: id.to_owned(),
            fingerprint: String::new(),
        }
    }

    #[test]
    fn one_session_ends_and_no_other() {
        let mut ended = EndedSessions::new(10);
        let gone = session("ann", "a", NOW + 100);
        ended.end(&gone, NOW);
        assert!(ended.holds(&gone));
        assert!(!ended.holds(&session("ann", "b", NOW + 100)));
        assert!(!ended.holds(&session("vic", "a", NOW + 100)));
    }

    #[test]
    fn what_has_expired_leaves_its_place() {
        let mut ended = EndedSessions::new(2);
        ended.end(&session("ann", "a", NOW + 10), NOW);
        ended.end(&session("vic", "b", NOW + 20), NOW);
        ended.end(&session("ann", "c", NOW + 30), NOW + 15);
        assert_eq!(ended.count(), 2);
        assert!(ended.holds(&session("vic", "b", NOW + 20)));
        assert!(
            !ended.holds(&session("vic", "d", NOW + 20)),
            "no one else's"
        );
    }

    #[test]
    fn who_fills_the_table_loses_all_sessions_and_none_holds_again() {
        let mut ended = EndedSessions::new(3);
        let vics = session("vic", "v", NOW + 5);
        ended.end(&vics, NOW);
        let anns = ["a", "b", "c"].map(|id| session("ann", id, NOW + 50));
        for session in &anns {
            ended.end(session, NOW);
        }
        assert!(ended.count() <= 3);
        for session in anns.iter().chain([&vics]) {
            assert!(ended.holds(session), "{session:?}");
        }
        assert!(ended.holds(&session("ann", "other", NOW + 49)));
        assert!(!ended.holds(&session("ann", "later", NOW + 51)));
        assert!(!ended.holds(&session("vic", "other", NOW + 5)));
    }
}
