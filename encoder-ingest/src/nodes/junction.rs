//! The junction before a rendition: several uploads may arrive, one goes through.
//!
//! Pure. An upload begins with its first random access point, PAT and PMT in front; from then on
//! the one before is over. So a rendition is never two of them at once, and is cut between packets.
//! An upload that begins with the past, as one does that catches up, waits until it is ahead of what
//! has been shown, so that time does not go back.

use common::ts::packet::{PACKET_BYTES, Pid, SYNC_BYTE, TsPacket};

use super::splice::Seam;
use crate::limits::UPLOAD_ACCESS_WAIT_MS;
use crate::signal::pes::{Stamps, header};
use crate::signal::{Scanned, Signal};

/// What goes through, and what has.
#[derive(Debug, Default)]
pub struct Junction {
    legs: u64,
    through: Option<Through>,
}

/// The upload that goes through.
#[derive(Debug, Clone, Copy)]
struct Through {
    place: Place,
    /// Whose random access points count.
    pid: Pid,
    /// The newest time stamp there.
    pts: Option<u64>,
}

/// How far behind what was shown an upload may begin and be waited for, in ticks of 90 kHz: 10 s.
/// One further behind has another clock.
const PAST_TICKS: u64 = 900_000;

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
        if self
            .through
            .is_some_and(|through| through.place > leg.place)
        {
            return Err(LegEnded::Superseded);
        }
        let packets = leg.whole_packets(bytes)?;
        if packets.is_empty() {
            return Ok(None);
        }
        let mut out = Vec::with_capacity(packets.len() + 16 * PACKET_BYTES);
        if let Way::Through(seam) = &mut leg.way {
            seam.packets(&packets, false, &mut out);
            if let Some(through) = &mut self.through {
                through.pass(&packets);
            }
            return Ok(Some(Passed {
                bytes: out,
                first: false,
            }));
        }
        let mut seam = Seam::new(self.through.is_some());
        let shown = self.through.and_then(|through| through.pts);
        let Some(pid) = leg.open(&packets, now_ms, shown, &mut seam, &mut out) else {
            return Ok(None);
        };
        leg.way = Way::Through(seam);
        let mut through = Through {
            place: leg.place,
            pid,
            pts: None,
        };
        through.pass(&out);
        self.through = Some(through);
        Ok(Some(Passed {
            bytes: out,
            first: true,
        }))
    }
}

impl Leg {
    /// Counts the uploads of its rendition, from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.place.leg
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

    /// Looks for the place to begin, not before `shown`; what is from there on goes to `out`, behind
    /// the tables. Answers the PID that begins.
    fn open(
        &mut self,
        packets: &[u8],
        now_ms: u64,
        shown: Option<u64>,
        seam: &mut Seam,
        out: &mut Vec<u8>,
    ) -> Option<Pid> {
        let Way::Opening { signal, since_ms } = &mut self.way else {
            return None;
        };
        let waited_ms = now_ms.saturating_sub(*since_ms.get_or_insert(now_ms));
        let waited = waited_ms >= UPLOAD_ACCESS_WAIT_MS;
        let mut from = 0;
        let at = loop {
            match signal.scan(&packets[from..], now_ms) {
                Scanned::RandomAccess(at) if waited || !is_past(&packets[from + at..], shown) => {
                    break from + at;
                }
                Scanned::RandomAccess(at) => from += at + PACKET_BYTES,
                // A coding whose random access points nobody can tell.
                Scanned::All if signal.has_tables() && waited => break 0,
                Scanned::All => return None,
            }
        };
        seam.tables(signal.prelude().bytes(), out);
        seam.packets(&packets[at..], true, out);
        TsPacket::new(&packets[at..]).map(TsPacket::pid)
    }
}

impl Through {
    fn pass(&mut self, packets: &[u8]) {
        let newest = packets
            .chunks_exact(PACKET_BYTES)
            .rev()
            .filter_map(TsPacket::new)
            .filter(|packet| packet.pid() == self.pid)
            .find_map(pts);
        self.pts = newest.or(self.pts);
    }
}

/// What begins here was shown already.
fn is_past(packets: &[u8], shown: Option<u64>) -> bool {
    let begins = TsPacket::new(packets).and_then(pts);
    let behind = |(begins, shown): (u64, u64)| {
        let ticks = (shown + Stamps::WRAP - begins) % Stamps::WRAP;
        ticks < PAST_TICKS
    };
    begins.zip(shown).is_some_and(behind)
}

fn pts(packet: TsPacket<'_>) -> Option<u64> {
    let begins = packet.pusi() && !packet.scrambled();
    let stamps = begins.then(|| header(packet.payload())).flatten()?.stamps;
    stamps.map(|stamps| stamps.pts)
}

#[cfg(test)]
mod tests;
