//! What a stream tells about itself while it runs: written by its thread, read by anyone.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::faults::FaultKind;

#[derive(Debug, Default)]
pub struct StreamCounters {
    datagrams: AtomicU64,
    bytes: AtomicU64,
    not_sent: AtomicU64,
    held_too_many: AtomicU64,
    slipped_ns: AtomicU64,
    faults: [AtomicU64; FaultKind::ALL.len()],
    error: Mutex<Option<String>>,
}

/// The counters at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CounterValues {
    /// Datagrams and bytes (UDP payload) that left, duplicates and garbage too.
    pub datagrams: u64,
    pub bytes: u64,
    /// Datagrams that the kernel did not take.
    pub not_sent: u64,
    /// Datagrams that left before their time because too many were held back.
    pub held_too_many: u64,
    /// How much the stream's clock was shifted because the sender was late.
    pub slipped_ms: u64,
    pub faults: [u64; FaultKind::ALL.len()],
    /// Why nothing leaves at the moment.
    pub error: Option<String>,
}

impl StreamCounters {
    pub(super) fn sent(&self, datagrams: u64, bytes: u64) {
        self.datagrams.fetch_add(datagrams, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn not_sent(&self, datagrams: u64) {
        self.not_sent.fetch_add(datagrams, Relaxed);
    }

    pub(super) fn held_too_many(&self, datagrams: u64) {
        self.held_too_many.fetch_add(datagrams, Relaxed);
    }

    pub(super) fn slipped(&self, ns: u64) {
        self.slipped_ns.fetch_add(ns, Relaxed);
    }

    pub(super) fn fault(&self, kind: FaultKind, count: u64) {
        self.faults[kind.index()].fetch_add(count, Relaxed);
    }

    /// Only told when it changes, so no packet waits for this lock.
    pub(super) fn set_error(&self, error: Option<String>) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    #[must_use]
    pub fn values(&self) -> CounterValues {
        CounterValues {
            datagrams: self.datagrams.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            not_sent: self.not_sent.load(Relaxed),
            held_too_many: self.held_too_many.load(Relaxed),
            slipped_ms: self.slipped_ns.load(Relaxed) / 1_000_000,
            faults: FaultKind::ALL.map(|kind| self.faults[kind.index()].load(Relaxed)),
            error: self
                .error
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }
}
