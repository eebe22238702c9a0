//! What wakes a worker, and what it shows of itself.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use rustix::event::{EventfdFlags, eventfd};

use crate::limits::DELAY_BUCKETS_SECONDS;

/// What a worker shows control.
#[derive(Debug, Default)]
pub(crate) struct WorkerGauges {
    pub(crate) channels: AtomicU64,
    /// Nanoseconds that the thread was not asleep, since it began.
    pub(crate) busy_ns: AtomicU64,
    /// Milliseconds of the process's clock when it last turned.
    pub(crate) turned_ms: AtomicU64,
    /// Turns whose oldest byte waited up to each bound of [`DELAY_BUCKETS_SECONDS`], and longer.
    pub(crate) delays: [AtomicU64; DELAY_BUCKETS_SECONDS.len() + 1],
    pub(crate) delay_sum_ns: AtomicU64,
}

/// Wakes a worker that sleeps.
#[derive(Debug)]
pub(crate) struct Waker(OwnedFd);

impl Waker {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self(eventfd(
            0,
            EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC,
        )?))
    }

    pub(crate) fn wake(&self) {
        // A full counter means that it will wake anyway.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    pub(crate) fn clear(&self) {
        let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl WorkerGauges {
    /// How long the oldest byte of a turn has waited between its arrival and the write to the viewers.
    pub(crate) fn note_delay(&self, first_stamp_ns: u64) {
        let Ok(unix) = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) else {
            return;
        };
        let unix_ns = u64::try_from(unix.as_nanos()).unwrap_or(u64::MAX);
        let delay = Duration::from_nanos(unix_ns.saturating_sub(first_stamp_ns));
        let within = |bound: &f64| delay.as_secs_f64() <= *bound;
        let bucket = DELAY_BUCKETS_SECONDS
            .iter()
            .position(within)
            .unwrap_or(DELAY_BUCKETS_SECONDS.len());
        bump(&self.delays[bucket], 1);
        bump(
            &self.delay_sum_ns,
            u64::try_from(delay.as_nanos()).unwrap_or(0),
        );
    }
}

/// Only the worker writes: no atomic read-modify-write is needed.
fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(by), Relaxed);
}
