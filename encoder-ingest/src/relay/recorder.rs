//! Where both receive paths end: TS goes into the history and through the signal analysis, in
//! order, once.

use super::block::BlockPool;
use super::history::{History, Room};
use crate::signal::{Scanned, Signal};

/// A channel's history and what is known of its signal.
#[derive(Debug)]
pub struct Recorder {
    history: History,
    signal: Signal,
    /// Everything before this offset has been analysed.
    scanned: u64,
    /// A random access point at least so often is remembered for channels without video.
    last_mark_ms: u64,
    analysed: bool,
}

/// Audio alone begins anywhere: one mark in this time is enough.
const MARK_INTERVAL_MS: u64 = 100;

impl Recorder {
    #[must_use]
    pub fn new(program: Option<u16>) -> Self {
        Self {
            history: History::default(),
            signal: Signal::new(program),
            scanned: 0,
            last_mark_ms: 0,
            analysed: true,
        }
    }

    /// Whether it looks at packets at all. One that does not is no part of the product, its viewers
    /// can only begin with the newest byte: the benchmark shows by it what the analysis costs.
    #[must_use]
    pub fn analysed(self, analysed: bool) -> Self {
        Self { analysed, ..self }
    }

    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    #[must_use]
    pub fn signal(&self) -> &Signal {
        &self.signal
    }

    pub fn signal_mut(&mut self) -> &mut Signal {
        &mut self.signal
    }

    /// Where the next receive may write.
    pub fn room(&mut self, pool: &mut BlockPool, now_ms: u64) -> Room<'_> {
        self.history.room(pool, now_ms)
    }

    /// Takes what a receive wrote into the [`Room`]: whole packets, each with its sync byte.
    pub fn commit(&mut self, first: usize, second: usize, now_ms: u64) {
        self.history.commit(first, second, now_ms);
        self.scan(now_ms);
    }

    /// Copies whole packets in: the rare path.
    pub fn append(&mut self, packets: &[u8], pool: &mut BlockPool, now_ms: u64) {
        self.history.append(packets, pool, now_ms);
        self.scan(now_ms);
    }

    /// Looks for what must have come by `now_ms`, when all that came until then is here.
    pub fn check(&mut self, now_ms: u64) {
        if self.analysed {
            self.signal.check(now_ms);
        }
    }

    /// Something is missing here, and counted elsewhere.
    pub fn gap(&mut self) {
        self.signal.gap();
    }

    /// A packet with a bad sync byte was dropped here.
    pub fn bad_sync(&mut self, packet: &[u8]) {
        self.signal.bad_sync(packet);
    }

    /// The source begins anew.
    pub fn restart(&mut self) {
        self.signal.restart();
    }

    /// Another input takes over: viewers may go on only from a mark behind this place.
    pub fn cut(&mut self, program: Option<u16>) -> u64 {
        self.signal.switch(program);
        // The marks of the other source are no use: the first of this one is not too soon.
        self.last_mark_ms = 0;
        self.history.cut()
    }

    /// The stream has stopped: nobody may begin in what is left of it.
    pub fn stopped(&mut self) {
        self.history.forget_marks();
    }

    pub fn evict_oldest(&mut self, pool: &mut BlockPool) {
        self.history.evict_oldest(pool);
    }

    pub fn clear(&mut self, pool: &mut BlockPool) {
        self.history.clear(pool);
    }

    fn scan(&mut self, now_ms: u64) {
        if !self.analysed {
            self.scanned = self.history.head();
        }
        while self.scanned < self.history.head() {
            let bytes = self.history.contiguous(self.scanned);
            match self.signal.scan(bytes, now_ms) {
                Scanned::All => self.scanned += bytes.len() as u64,
                Scanned::RandomAccess(at) => {
                    let position = self.scanned + at as u64;
                    self.scanned = position + common::ts::packet::PACKET_BYTES as u64;
                    if now_ms.saturating_sub(self.last_mark_ms) >= MARK_INTERVAL_MS
                        || self.last_mark_ms == 0
                    {
                        self.last_mark_ms = now_ms;
                        self.history.mark(position, now_ms, &self.signal.prelude());
                    }
                }
            }
        }
    }
}
