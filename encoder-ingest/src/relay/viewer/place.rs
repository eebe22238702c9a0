//! Where a viewer is in its channel's stream: where it begins, where it goes on after a skip or a
//! switch, and what it missed.

use std::time::Duration;

use common::api::channel::SlowViewer;
use common::ts::packet::PACKET_BYTES;

use super::{Start, View, Viewer};
use crate::limits::RANDOM_ACCESS_WAIT;
use crate::live::ViewerEnd;
use crate::relay::history::{History, Mark};

/// Where the viewer is in the channel's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing has been sent: waits for data, then for a random access point. `from` is where the
    /// stream was when it came.
    Starting {
        start: Start,
        from: u64,
        since_ms: u64,
        data_since_ms: Option<u64>,
    },
    At(u64),
    /// Waits for a random access point at or behind `from`; what lies from `missed_from` to it is
    /// skipped.
    Resuming {
        from: u64,
        missed_from: u64,
        since_ms: u64,
    },
}

impl Viewer {
    /// The history ends here for now and goes on with another source.
    pub fn cut(&mut self, position: u64, now_ms: u64) {
        match self.place {
            // Of two cuts ahead the first counts: what lies between is of another source too.
            Place::At(at) if at < position => {
                self.barrier.get_or_insert(position);
            }
            Place::At(_) => {
                self.place = Place::Resuming {
                    from: position,
                    missed_from: position,
                    since_ms: now_ms,
                };
            }
            Place::Resuming {
                missed_from,
                since_ms,
                ..
            } => {
                self.place = Place::Resuming {
                    from: position,
                    missed_from,
                    since_ms,
                };
            }
            Place::Starting { .. } => self.arrives(position),
        }
    }

    /// The block that ends at `end` is about to go. Answers how the viewer ends, if it does.
    pub fn overtaken(
        &mut self,
        end: u64,
        policy: SlowViewer,
        history: &History,
        now_ms: u64,
    ) -> Option<ViewerEnd> {
        let Place::At(position) = self.place else {
            return None;
        };
        if position >= end {
            return None;
        }
        if policy == SlowViewer::Disconnect {
            return Some(ViewerEnd::Slow);
        }
        self.place = Place::Resuming {
            from: self.barrier.take().unwrap_or(0),
            missed_from: self.keep_rest(position, history),
            since_ms: now_ms,
        };
        None
    }

    /// The connection is about to end, and the history may go before it does.
    pub fn finish_packet(&mut self, history: &History) {
        if let Place::At(position) = self.place {
            self.place = Place::At(self.keep_rest(position, history));
        }
    }

    /// Takes over what is left of the packet that has been begun; answers where it ends.
    fn keep_rest(&mut self, position: u64, history: &History) -> u64 {
        let mut rest = [0; PACKET_BYTES];
        let rest_bytes = history.packet_rest(position, &mut rest);
        self.pending.extend_from_slice(&rest[..rest_bytes]);
        position + rest_bytes as u64
    }

    /// Finds the place to begin or to go on, once there is one.
    pub(super) fn settle(&mut self, view: View<'_>) {
        match self.place {
            Place::At(position) if self.barrier == Some(position) => {
                self.barrier = None;
                self.place = Place::Resuming {
                    from: position,
                    missed_from: position,
                    since_ms: view.now_ms,
                };
                self.resume(position, position, view.now_ms, view);
            }
            Place::At(_) => {}
            Place::Starting { .. } if view.flowing => self.begin(view),
            Place::Starting { .. } => {}
            Place::Resuming {
                from,
                missed_from,
                since_ms,
            } => self.resume(from, missed_from, since_ms, view),
        }
    }

    /// Leaves [`Place::Starting`], when there is data and a place to begin.
    fn begin(&mut self, view: View<'_>) {
        let Place::Starting {
            start,
            from,
            since_ms,
            data_since_ms,
        } = self.place
        else {
            return;
        };
        let here = from.max(view.history.tail());
        let backlog = match start {
            Start::Live => {
                self.place = Place::At(here);
                return;
            }
            Start::RandomAccess { backlog } => {
                u64::try_from(backlog.as_millis()).unwrap_or(u64::MAX)
            }
        };
        let first_ms = data_since_ms.unwrap_or(view.now_ms);
        if let Some(mark) = view.history.start(view.now_ms, backlog) {
            self.go_to(mark);
        } else if waited_for_access(first_ms, view.now_ms) {
            self.place = Place::At(here);
        } else {
            self.place = Place::Starting {
                start,
                from,
                since_ms,
                data_since_ms: Some(first_ms),
            };
        }
    }

    fn resume(&mut self, from: u64, missed_from: u64, since_ms: u64, view: View<'_>) {
        let head = view.history.head();
        if let Some(mark) = view.history.newest_mark_from(from.max(missed_from)) {
            self.skipped_bytes += mark.position - missed_from;
            self.go_to(mark);
        } else if head <= from || !view.flowing {
            // The wait for a random access point begins with the data.
            self.place = Place::Resuming {
                from,
                missed_from,
                since_ms: view.now_ms,
            };
        } else if waited_for_access(since_ms, view.now_ms) {
            self.skipped_bytes += head.saturating_sub(missed_from);
            self.place = Place::At(head);
        }
    }

    fn go_to(&mut self, mark: &Mark) {
        self.pending.extend_from_slice(mark.prelude.bytes());
        self.place = Place::At(mark.position);
    }
}

fn waited_for_access(since_ms: u64, now_ms: u64) -> bool {
    Duration::from_millis(now_ms.saturating_sub(since_ms)) >= RANDOM_ACCESS_WAIT
}
