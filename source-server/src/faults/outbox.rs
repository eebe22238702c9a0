//! Datagrams that wait: for others to overtake them, or for their time.

use std::collections::VecDeque;

use super::Fate;
use crate::limits::HELD_DATAGRAMS_MAX;

/// Holds datagrams back and gives them on in the order of their fates.
#[derive(Debug, Default)]
pub struct Outbox {
    overtaken: VecDeque<Overtaken>,
    late: VecDeque<Late>,
}

#[derive(Debug)]
struct Overtaken {
    others: u32,
    twice: bool,
    delay_ns: u64,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Late {
    release_ns: u64,
    bytes: Vec<u8>,
}

impl Outbox {
    /// Takes a datagram with its fate at `now_ns`. `send` gets what leaves at once. Answers how
    /// many left early because too many wait.
    pub fn pass(
        &mut self,
        datagram: &[u8],
        fate: &Fate,
        now_ns: u64,
        send: &mut impl FnMut(&[u8]),
    ) -> u64 {
        if let Some(garbage) = &fate.garbage {
            self.line_up(garbage, fate.delay_ns, now_ns, send);
        }
        if fate.lost.is_none() {
            if let Some(others) = fate.after {
                self.overtaken.push_back(Overtaken {
                    // Counted down below, by itself first.
                    others: others + 1,
                    twice: fate.twice,
                    delay_ns: fate.delay_ns,
                    bytes: datagram.to_vec(),
                });
            } else {
                for _ in 0..=u8::from(fate.twice) {
                    self.line_up(datagram, fate.delay_ns, now_ns, send);
                }
            }
        }
        self.count_down(now_ns, send);
        self.shorten(send)
    }

    /// Sends what is due at `now_ns`.
    pub fn release(&mut self, now_ns: u64, send: &mut impl FnMut(&[u8])) {
        while let Some(late) = self.late.pop_front_if(|late| late.release_ns <= now_ns) {
            send(&late.bytes);
        }
    }

    /// Sends all: the plan has changed.
    pub fn flush(&mut self, send: &mut impl FnMut(&[u8])) {
        self.release(u64::MAX, send);
        for overtaken in self.overtaken.drain(..) {
            send(&overtaken.bytes);
        }
    }

    /// When something is due.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<u64> {
        self.late.front().map(|late| late.release_ns)
    }

    /// One more datagram has gone by: those that waited for it follow.
    fn count_down(&mut self, now_ns: u64, send: &mut impl FnMut(&[u8])) {
        for overtaken in &mut self.overtaken {
            overtaken.others -= 1;
        }
        while let Some(at) = self
            .overtaken
            .iter()
            .position(|overtaken| overtaken.others == 0)
        {
            let Some(due) = self.overtaken.remove(at) else {
                return;
            };
            for _ in 0..=u8::from(due.twice) {
                self.line_up(&due.bytes, due.delay_ns, now_ns, send);
            }
        }
    }

    /// Behind what waits already: being late does not change the order.
    fn line_up(&mut self, bytes: &[u8], delay_ns: u64, now_ns: u64, send: &mut impl FnMut(&[u8])) {
        let before = self.late.back().map_or(0, |late| late.release_ns);
        let release_ns = before.max(now_ns + delay_ns);
        if release_ns <= now_ns {
            send(bytes);
        } else {
            self.late.push_back(Late {
                release_ns,
                bytes: bytes.to_vec(),
            });
        }
    }

    fn shorten(&mut self, send: &mut impl FnMut(&[u8])) -> u64 {
        let mut early = 0;
        while self.late.len() + self.overtaken.len() > HELD_DATAGRAMS_MAX {
            let oldest = self.late.pop_front().map(|late| late.bytes);
            let oldest = oldest.or_else(|| self.overtaken.pop_front().map(|o| o.bytes));
            if let Some(bytes) = oldest {
                send(&bytes);
                early += 1;
            }
        }
        early
    }
}
