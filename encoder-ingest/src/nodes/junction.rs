//! The junction before a rendition: several uploads may arrive, one goes through.
//!
//! Pure. An upload begins with its first random access point, PAT and PMT in front; from then on
//! the one before is over. So a rendition is never two of them at once, and is cut between packets.

use common::ts::packet::{PACKET_BYTES, SYNC_BYTE};

use super::splice::Seam;
use crate::limits::UPLOAD_ACCESS_WAIT_MS;
use crate::signal::{Scanned, Signal};

/// What goes through, and what has.
#[derive(Debug, Default)]
pub struct Junction {
    legs: u64,
    through: Option<Place>,
}

/// The order of uploads: by epoch, then as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    epoch: u64,
    leg: u64,
}

/// One upload.
#[derive(Debug)]
pub struct Leg {
    place: Place,
    /// The beginning of a packet.
    rest: Vec<u8>,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// It is looked at until it has a random access point.
    Opening {
        signal: Box<Signal>,
        since_ms: Option<u64>,
    },
    Through(Seam),
}

/// What goes on to the viewers: whole packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    pub bytes: Vec<u8>,
    /// This upload takes over with them.
    pub first: bool,
}

/// Why an upload is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LegEnded {
    #[error("another upload has taken over")]
    Superseded,
    #[error("this is no transport stream: a packet does not begin with 0x47")]
    NotTs,
}

impl Junction {
    /// A further upload.
    #[must_use]
    pub fn leg(&mut self, epoch: u64) -> Leg {
        self.legs += 1;
        Leg {
            place: Place {
                epoch,
                leg: self.legs,
            },
            rest: Vec::with_capacity(PACKET_BYTES),
            way: Way::Opening {
                signal: Box::new(Signal::new(None)),
                since_ms: None,
            },
        }
    }

    /// Takes what has come of an upload.
    ///
    /// # Errors
    /// When another has taken over, or these are no packets.
    pub fn push(
        &mut self,
        leg: &mut Leg,
        bytes: &[u8],
        now_ms: u64,
    ) -> Result<Option<Passed>, LegEnded> {
        if self.through.is_some_and(|through| through > leg.place) {
            return Err(LegEnded::Superseded);
        }
        let packets = leg.whole_packets(bytes)?;
        if packets.is_empty() {
            return Ok(None);
        }
        let mut out = Vec::with_capacity(packets.len() + 16 * PACKET_BYTES);
        if let Way::Through(seam) = &mut leg.way {
            seam.packets(&packets, false, &mut out);
            return Ok(Some(Passed {
                bytes: out,
                first: false,
            }));
        }
        let mut seam = Seam::new(self.through.is_some());
        if !leg.open(&packets, now_ms, &mut seam, &mut out) {
            return Ok(None);
        }
        leg.way = Way::Through(seam);
        self.through = Some(leg.place);
        Ok(Some(Passed {
            bytes: out,
            first: true,
        }))
    }
}

impl Leg {
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.place.epoch
    }

    fn whole_packets(&mut self, bytes: &[u8]) -> Result<Vec<u8>, LegEnded> {
        let mut packets = std::mem::take(&mut self.rest);
        packets.extend_from_slice(bytes);
        let whole = packets.len() / PACKET_BYTES * PACKET_BYTES;
        self.rest = packets.split_off(whole);
        let begins = |packet: &[u8]| packet[0] == SYNC_BYTE;
        let rest = self.rest.first().is_none_or(|first| *first == SYNC_BYTE);
        if rest && packets.chunks_exact(PACKET_BYTES).all(begins) {
            Ok(packets)
        } else {
            Err(LegEnded::NotTs)
        }
    }

    /// Looks for the place to begin; what is from there on goes to `out`, behind the tables.
    fn open(&mut self, packets: &[u8], now_ms: u64, seam: &mut Seam, out: &mut Vec<u8>) -> bool {
        let Way::Opening { signal, since_ms } = &mut self.way else {
            return false;
        };
        let first_ms = *since_ms.get_or_insert(now_ms);
        let at = match signal.scan(packets, now_ms) {
            Scanned::RandomAccess(at) => at,
            // A coding whose random access points nobody can tell.
            Scanned::All
                if signal.has_tables()
                    && now_ms.saturating_sub(first_ms) >= UPLOAD_ACCESS_WAIT_MS =>
            {
                0
            }
            Scanned::All => return false,
        };
        seam.tables(signal.prelude().bytes(), out);
        seam.packets(&packets[at..], true, out);
        true
    }
}

#[cfg(test)]
mod tests;
