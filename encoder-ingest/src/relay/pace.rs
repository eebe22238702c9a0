//! When a channel's socket is drained next: about when a block's worth should have gathered, but
//! not sooner than a wake is worth.
//!
//! Pure. The bounds are the latency that the operator allows and a quarter of what the socket's
//! buffer can hold at twice the highest rate of late. A stream that begins is looked at often, and
//! then more and more seldom: its rate is not known before it has been measured.

use crate::limits::{
    DATAGRAM_TRUESIZE_BYTES, TURN_BYTES_WANTED, TURN_GATHER_MIN, TURN_INTERVAL_MIN,
};

/// The rate of a channel, and when it is due.
#[derive(Debug)]
pub struct Pace {
    bytes_per_second: f64,
    /// Rises at once and falls as the mean does: what a small buffer must be ready for.
    bytes_per_second_peak: f64,
    last_ns: u64,
    due_ns: u64,
    interval_ns: u64,
    latency_ns: u64,
    buffer_bytes: usize,
    idle: bool,
}

/// Weight of the newest turn in the measured rate.
const NEWEST: f64 = 0.1;

/// Without data for so long, a channel is not polled any more: its socket wakes the worker.
const IDLE_NS: u64 = 200_000_000;

#[expect(clippy::cast_possible_truncation, reason = "half a millisecond")]
const TURN_INTERVAL_MIN_NS: u64 = TURN_INTERVAL_MIN.as_nanos() as u64;

/// A channel that is due within this part of its interval goes with those that are due now.
const SOON_PART: u64 = 4;

impl Pace {
    #[must_use]
    pub fn new(latency_ns: u64, buffer_bytes: usize, now_ns: u64) -> Self {
        Self {
            bytes_per_second: 0.0,
            bytes_per_second_peak: 0.0,
            last_ns: now_ns,
            due_ns: now_ns,
            interval_ns: 0,
            latency_ns,
            buffer_bytes,
            idle: false,
        }
    }

    #[must_use]
    pub fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// The moment from which on it may be drained together with others.
    #[must_use]
    pub fn soon_ns(&self) -> u64 {
        self.due_ns.saturating_sub(self.interval_ns / SOON_PART)
    }

    /// Nothing came for a while: the socket, not the clock, says when it is due.
    #[must_use]
    pub fn idle(&self) -> bool {
        self.idle
    }

    /// Its socket has data: due at once.
    pub fn wake(&mut self, now_ns: u64) {
        if self.idle {
            self.last_ns = now_ns;
            self.interval_ns = 0;
        }
        self.idle = false;
        self.due_ns = now_ns;
    }

    /// A turn has brought `bytes` in `datagrams`; `more` may be there.
    pub fn turned(&mut self, now_ns: u64, bytes: u64, datagrams: u64, more: bool) {
        let elapsed_ns = now_ns.saturating_sub(self.last_ns).max(100_000);
        if bytes > 0 {
            self.measure(bytes, elapsed_ns);
            self.last_ns = now_ns;
        } else if elapsed_ns >= self.latency_ns {
            self.bytes_per_second *= 1.0 - NEWEST;
            self.bytes_per_second_peak *= 1.0 - NEWEST;
        }
        // At most twice the last one: a rate measured over a short time says little of a longer.
        let unknown_ns = (2 * self.interval_ns).max(TURN_INTERVAL_MIN_NS);
        let wanted_ns = self.wanted_ns(bytes.checked_div(datagrams));
        self.interval_ns = wanted_ns.min(unknown_ns).min(self.latency_ns);
        self.idle = bytes == 0 && elapsed_ns >= IDLE_NS;
        self.due_ns = if self.idle {
            u64::MAX
        } else if more {
            now_ns
        } else {
            now_ns + self.interval_ns
        };
    }

    fn measure(&mut self, bytes: u64, elapsed_ns: u64) {
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let rate = bytes as f64 * 1e9 / elapsed_ns as f64;
        let before = self.bytes_per_second;
        let weight = if before > 0.0 { NEWEST } else { 1.0 };
        self.bytes_per_second += weight * (rate - before);
        let fallen = self.bytes_per_second_peak * (1.0 - NEWEST) + rate * NEWEST;
        self.bytes_per_second_peak = rate.max(fallen);
    }

    /// How long to sleep when rates and size of datagrams (none: there were none) stay what they are.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a time within the latency"
    )]
    fn wanted_ns(&self, datagram_bytes: Option<u64>) -> u64 {
        let rate = self.bytes_per_second.max(1.0);
        let gathered = (f64::from(TURN_BYTES_WANTED) / rate).max(TURN_GATHER_MIN.as_secs_f64());
        let buffered = datagram_bytes.map_or(f64::INFINITY, |bytes| {
            let held = (self.buffer_bytes / 4 / DATAGRAM_TRUESIZE_BYTES.max(bytes as usize)).max(1);
            held as f64 * bytes as f64 / (2.0 * self.bytes_per_second_peak.max(1.0))
        });
        let wanted_ns = (gathered.min(buffered) * 1e9) as u64;
        wanted_ns.max(TURN_INTERVAL_MIN_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Interval that a steady stream settles at.
    fn settled(megabits: u64, buffer_bytes: usize) -> u64 {
        let mut pace = Pace::new(20 * MS, buffer_bytes, 0);
        let (mut now, mut last) = (0, 0);
        for _ in 0..300 {
            now = pace.due_ns().max(last + 1);
            let bytes = (now - last) * megabits / 8000;
            pace.turned(now, bytes.max(1316), bytes.div_ceil(1316), false);
            last = now;
        }
        pace.due_ns() - now
    }

    #[test]
    fn fast_streams_wake_per_block_and_slow_ones_per_latency() {
        assert_eq!(settled(8, 16 << 20), 20 * MS);
        let at_40 = settled(40, 16 << 20);
        assert!((11 * MS..14 * MS).contains(&at_40), "{at_40}");
        let at_400 = settled(400, 16 << 20);
        assert_eq!(at_400, 2500 * MS / 1000);
        assert_eq!(settled(2000, 32 << 20), 2500 * MS / 1000);
    }

    #[test]
    fn a_small_buffer_is_drained_before_a_quarter_of_it_is_full_at_twice_the_rate() {
        // 45 datagrams of 2304 bytes fill a quarter of 416 KiB: at 2 x 400 Mbit/s in 0.6 ms.
        let at_400 = settled(400, 416 << 10);
        assert!((MS / 2..MS * 65 / 100).contains(&at_400), "{at_400}");
        // Without the bound it would be the latency.
        assert!(settled(20, 64 << 10) < 5 * MS);
    }

    /// Most datagrams that wait in the socket over the first second of a stream that comes in
    /// bursts, each of what gathered in `burst_us`.
    fn queued_max(megabits: u64, buffer_bytes: usize, burst_us: u64) -> u64 {
        let mut pace = Pace::new(20 * MS, buffer_bytes, 0);
        let mut begin = 0;
        while !pace.idle() {
            begin = pace.due_ns();
            pace.turned(begin, 0, 0, false);
        }
        let burst = megabits * burst_us / 8 / 1316;
        let sent_at = |now: u64| burst * (1 + (now - begin) / (burst_us * 1000));
        let (mut received, mut most) = (0, 0);
        pace.wake(begin);
        while pace.due_ns() < begin + 1000 * MS {
            let now = pace.due_ns();
            let queued = sent_at(now) - received;
            most = most.max(queued);
            received += queued;
            pace.turned(now, queued * 1316, queued, false);
        }
        most
    }

    #[test]
    fn a_small_buffer_is_never_half_full_from_the_first_datagram_on() {
        let half = (416 << 10) / 2 / DATAGRAM_TRUESIZE_BYTES as u64;
        for burst_us in [50, 100, 250, 490, 510, 700, 1000] {
            let most = queued_max(400, 416 << 10, burst_us);
            assert!(most <= half, "{most} of {half}, {burst_us} us");
        }
    }

    #[test]
    fn a_silent_channel_waits_for_its_socket() {
        let mut pace = Pace::new(20 * MS, 1 << 20, 0);
        let mut now = 0;
        while !pace.idle() {
            now = pace.due_ns();
            pace.turned(now, 0, 0, false);
            assert!(now <= 300 * MS);
        }
        assert_eq!(pace.due_ns(), u64::MAX);
        pace.wake(now + 5);
        assert_eq!(pace.due_ns(), now + 5);
    }
}
