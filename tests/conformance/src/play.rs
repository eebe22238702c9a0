//! A stream through the analysis, as a worker does it: what came since the last turn, all with the
//! time of the turn.

use common::api::channel::Service;
use common::api::tr101290::{Indicator, Tr101290};
use common::ts::packet::{PACKET_BYTES, SYNC_BYTE};
use encoder_ingest::signal::{Scanned, Signal};

use crate::stream::Timed;

/// Time from one turn to the next.
pub const TURN_MS: u64 = 20;

/// The analysis, and what it has found when.
#[derive(Debug)]
pub struct Player {
    signal: Signal,
    turn: Vec<u8>,
    now_ms: u64,
    packets: u64,
    counts: [u64; Indicator::COUNT],
    found: Vec<(Indicator, u64)>,
}

impl Default for Player {
    fn default() -> Self {
        Self {
            signal: Signal::new(None),
            turn: Vec::new(),
            now_ms: TURN_MS,
            packets: 0,
            counts: [0; Indicator::COUNT],
            found: Vec::new(),
        }
    }
}

impl Player {
    /// Takes a packet that arrives at `at_ms`; packets come in the order of their arrival.
    pub fn packet(&mut self, packet: &[u8], at_ms: u64) {
        while at_ms >= self.now_ms {
            self.end_turn();
        }
        self.turn.extend_from_slice(packet);
        self.packets += 1;
    }

    /// The whole stream, each packet when it is due.
    pub fn all(mut self, stream: impl Iterator<Item = Timed>) -> Self {
        for timed in stream {
            self.packet(&timed.packet, timed.ms());
        }
        self.end_turn();
        self
    }

    /// Packets that came.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.packets
    }

    #[must_use]
    pub fn counts(&self) -> Tr101290 {
        Tr101290::from_counts(|indicator| self.counts[indicator.index()])
    }

    /// Each error with the time of the turn that found it.
    #[must_use]
    pub fn found(&self) -> &[(Indicator, u64)] {
        &self.found
    }

    #[must_use]
    pub fn signal(&self) -> &Signal {
        &self.signal
    }

    pub fn services(&mut self) -> Vec<Service> {
        self.signal.services(1000)
    }

    /// A known gap, as of lost RTP packets.
    pub fn gap(&mut self) {
        self.end_turn();
        self.signal.gap();
    }

    fn end_turn(&mut self) {
        let turn = std::mem::take(&mut self.turn);
        let mut rest = &turn[..];
        while !rest.is_empty() {
            let good = good_bytes(rest);
            let (packets, behind) = rest.split_at(good);
            self.scan(packets);
            rest = behind;
            if let Some((bad, behind)) = behind.split_at_checked(PACKET_BYTES) {
                self.signal.bad_sync(bad);
                rest = behind;
            }
        }
        if !turn.is_empty() {
            self.signal.check(self.now_ms);
        }
        let counts = self.signal.counts().indicators;
        for indicator in Indicator::ALL {
            for _ in self.counts[indicator.index()]..counts[indicator.index()] {
                self.found.push((indicator, self.now_ms));
            }
        }
        self.counts = counts;
        self.now_ms += TURN_MS;
    }

    fn scan(&mut self, packets: &[u8]) {
        let mut rest = packets;
        while !rest.is_empty() {
            match self.signal.scan(rest, self.now_ms) {
                Scanned::All => return,
                Scanned::RandomAccess(at) => rest = &rest[at + PACKET_BYTES..],
            }
        }
    }
}

/// Up to the first packet with a bad sync byte.
fn good_bytes(bytes: &[u8]) -> usize {
    let mut packets = bytes.chunks(PACKET_BYTES);
    let bad = packets.position(|packet| packet[0] != SYNC_BYTE);
    bad.map_or(bytes.len(), |index| index * PACKET_BYTES)
}
