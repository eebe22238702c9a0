//! The NICs of the host as the keeper last saw them, and what has changed since.

use std::os::fd::{AsFd, BorrowedFd};

use common::net::interfaces::{Link, Watch, links};

/// The NICs as last seen, and what tells that they have changed.
#[derive(Debug)]
pub(super) struct Links {
    watch: Option<Watch>,
    links: Vec<Link>,
    seen_ms: u64,
}

/// NICs are looked at so often even when nothing tells of a change.
const LINKS_MS: u64 = 2000;

impl Links {
    pub(super) fn new() -> Self {
        Self {
            watch: Watch::open().ok(),
            links: links().unwrap_or_default(),
            seen_ms: 0,
        }
    }

    pub(super) fn links(&self) -> &[Link] {
        &self.links
    }

    /// Readable when something has changed.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().map(AsFd::as_fd)
    }

    /// Looks again when something has changed; answers what the NICs were before.
    pub(super) fn refresh(&mut self, changed: bool, now_ms: u64) -> Option<Vec<Link>> {
        if !changed && now_ms < self.seen_ms + LINKS_MS {
            return None;
        }
        if let Some(watch) = &self.watch {
            watch.clear();
        }
        self.seen_ms = now_ms;
        let fresh = links().ok()?;
        (fresh != self.links).then(|| std::mem::replace(&mut self.links, fresh))
    }
}

/// What a person is told about the change from `before` to `now`.
pub(super) fn news(before: &[Link], now: &[Link]) -> Vec<String> {
    let mut news = Vec::new();
    for link in now {
        match before.iter().find(|old| old.name == link.name) {
            None => news.push(format!("NIC {} has come (index {})", link.name, link.index)),
            Some(old) if old.index != link.index => {
                news.push(format!(
                    "NIC {} was made anew (index {})",
                    link.name, link.index
                ));
            }
            Some(old) if (old.up, old.carrier) != (link.up, link.carrier) => {
                let is = match (link.up, link.carrier) {
                    (false, _) => "down",
                    (true, true) => "up",
                    (true, false) => "up without carrier",
                };
                news.push(format!("NIC {} is {is}", link.name));
            }
            Some(_) => {}
        }
    }
    let gone = before
        .iter()
        .filter(|old| now.iter().all(|link| link.name != old.name));
    news.extend(gone.map(|old| format!("NIC {} has gone", old.name)));
    news
}
