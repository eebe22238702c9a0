//! What must come within its time: looked for once a turn, when all that came has been scanned.

use super::Signal;
use super::time::Moment;

/// What must come is looked for so often.
const CHECK_MS: u64 = 20;

/// PIDs that do not speak any more are looked for so often.
const AGE_MS: u64 = 1000;

impl Signal {
    /// Looks for what must have come by `now_ms`, when all that came until then has been scanned:
    /// what still waits to be would seem absent.
    pub fn check(&mut self, now_ms: u64) {
        if now_ms.saturating_sub(self.checked_ms) < CHECK_MS {
            return;
        }
        self.checked_ms = now_ms;
        let now = Moment {
            arrival_ms: now_ms,
            ..self.times.at(0)
        };
        if self.count_scrambled() {
            self.si.scrambled(now);
        }
        if !self.judge.in_sync() {
            return;
        }
        self.tables.check(now, &mut self.judge);
        self.si.check(now, &mut self.judge);
        self.watches.check(&self.pids, now, &mut self.judge);
        if now_ms.saturating_sub(self.aged_ms) >= AGE_MS {
            self.aged_ms = now_ms;
            self.pids.age();
        }
    }

    /// Nothing came for long, or nothing in sync: all that must come has its whole time again.
    pub(super) fn restart_time(&mut self) {
        let now = self.times.at(0);
        self.tables.restart_time(now);
        self.si.restart_time(now);
        self.watches.restart_time(now);
        self.jitter.forget();
    }

    /// Answers whether scrambled packets have come since the last call.
    pub(super) fn count_scrambled(&mut self) -> bool {
        let scrambled = self.scrambled_before + self.pids.count_scrambled();
        std::mem::replace(&mut self.counts.scrambled, scrambled) != scrambled
    }
}
