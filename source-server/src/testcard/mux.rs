//! The transport stream of the test card, packet by packet: constant rate, PCR exact by byte
//! position, tables in time and right in front of each key frame, no break over the loop.

use std::sync::Arc;

use common::ts::packet::{PACKET_BYTES, Pcr, Pid, SYNC_BYTE};

use super::clock::ByteClock;
use super::track::{AUDIO_PID, Track, TrackPacket, VIDEO_PID, pts_bytes};
use super::{Card, card};
use crate::proof;
use crate::psi::{self, Elementary, PacketBytes};

pub const PMT_PID: Pid = Pid::new(0x100);

const PROGRAM: u16 = 1;
const TRANSPORT_STREAM_ID: u16 = 1;
const PROVIDER: &str = "source-server";

const MS: u64 = 27_000;
/// Half of the 40 ms that DVB recommends (ETSI TS 101 154), a fifth of what 13818-1 allows.
const PCR_EVERY: u64 = 20 * MS;
/// PAT and PMT: five times in what TR 101 290 (1.3, 1.5) allows.
const TABLES_EVERY: u64 = 90 * MS;
/// SDT: four times in what TR 101 290 (3.5) allows.
const SDT_EVERY: u64 = 450 * MS;

pub(crate) const NULL_PACKET: PacketBytes = {
    let mut packet = [0xff; PACKET_BYTES];
    packet[0] = SYNC_BYTE;
    packet[1] = 0x1f;
    packet[3] = 0x10;
    packet
};

/// What tells one test card from another.
#[derive(Debug, Clone)]
pub struct MuxOptions {
    pub bps: u64,
    /// Service name in the SDT.
    pub name: String,
    /// The PMT names the proof's PID.
    pub proof: bool,
    /// PCR of the stream's first byte, in ticks of 27 MHz.
    pub clock_start: Pcr,
}

/// An endless test card. [`Self::next`] gives one packet after the other.
#[derive(Debug)]
pub struct Mux {
    card: Arc<Card>,
    clock: ByteClock,
    start: u64,
    /// From a track's first packet of video to the presentation of the first frame.
    lead: u64,
    video: Play,
    audio: Play,
    tables: [Table; 3],
    pcr_due: u64,
    /// What must follow at once, the last first.
    pending: Vec<Slot>,
    /// Tables stand in front of the key frame that is next.
    announced: bool,
}

/// Where a track is.
#[derive(Debug)]
struct Play {
    index: usize,
    round: u64,
    /// When its first loop begins.
    offset: u64,
    due: u64,
    cc: u8,
}

#[derive(Debug)]
struct Table {
    packet: PacketBytes,
    cc: u8,
    due: u64,
    every: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Pcr,
    Table(usize),
    Audio,
    Video,
    Null,
}

const PAT: usize = 0;
const PMT: usize = 1;
const SDT: usize = 2;

impl Mux {
    #[must_use]
    pub fn new(options: &MuxOptions) -> Self {
        let card = card();
        let lead = card.video.lead_ticks.max(card.audio.lead_ticks);
        // Each track begins so late that its frames wait in the receiver no longer than needed.
        let play = |track: &Track| {
            let offset = lead - track.lead_ticks;
            Play {
                index: 0,
                round: 0,
                offset,
                due: offset,
                cc: 15,
            }
        };
        let table = |packet, every| Table {
            packet,
            cc: 15,
            due: 0,
            every,
        };
        Self {
            clock: ByteClock::new(options.bps),
            // PTS are exact where the start lies on their grid.
            start: options.clock_start.0 / 300 * 300,
            lead,
            video: play(&card.video),
            audio: play(&card.audio),
            tables: [
                table(
                    psi::pat(TRANSPORT_STREAM_ID, PROGRAM, PMT_PID),
                    TABLES_EVERY,
                ),
                table(pmt(options.proof), TABLES_EVERY),
                table(
                    psi::sdt(TRANSPORT_STREAM_ID, PROGRAM, PROVIDER, &options.name),
                    SDT_EVERY,
                ),
            ],
            pcr_due: 0,
            pending: Vec::with_capacity(2),
            announced: false,
            card,
        }
    }

    /// When the next packet's first byte leaves, in ticks of 27 MHz since the stream began.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        self.clock.ticks()
    }

    /// Writes the next packet.
    pub fn next(&mut self, packet: &mut PacketBytes) {
        match self.choose() {
            Slot::Null => *packet = NULL_PACKET,
            Slot::Pcr => self.write_pcr(packet),
            Slot::Table(index) => self.write_table(index, packet),
            Slot::Audio => self
                .audio
                .write(&self.card.audio, self.start + self.lead, packet),
            Slot::Video => {
                self.video
                    .write(&self.card.video, self.start + self.lead, packet);
                self.announced = false;
            }
        }
        self.clock.advance();
    }

    /// Leaves one packet to the caller.
    pub fn skip(&mut self) {
        self.clock.advance();
    }

    fn choose(&mut self) -> Slot {
        if let Some(slot) = self.pending.pop() {
            return slot;
        }
        let now = self.clock.ticks();
        if self.pcr_due <= now {
            return Slot::Pcr;
        }
        let video_due = self.video.due <= now;
        if video_due && self.video.packet(&self.card.video).key && !self.announced {
            self.announced = true;
            self.pending.extend([Slot::Video, Slot::Table(PMT)]);
            return Slot::Table(PAT);
        }
        if self.tables[PAT].due <= now {
            self.pending.push(Slot::Table(PMT));
            return Slot::Table(PAT);
        }
        if self.tables[SDT].due <= now {
            return Slot::Table(SDT);
        }
        if self.audio.due <= now {
            return Slot::Audio;
        }
        if video_due { Slot::Video } else { Slot::Null }
    }

    /// A packet that holds nothing but a PCR: no payload, so the counter stands (2.4.3.3).
    fn write_pcr(&mut self, packet: &mut PacketBytes) {
        let [high, low] = VIDEO_PID.value().to_be_bytes();
        *packet = [0xff; PACKET_BYTES];
        packet[..6].copy_from_slice(&[SYNC_BYTE, high, low, 0x20 | self.video.cc, 183, 0x10]);
        packet[6..12].copy_from_slice(&pcr_bytes(self.start + self.clock.pcr_ticks()));
        self.pcr_due += PCR_EVERY;
    }

    fn write_table(&mut self, index: usize, packet: &mut PacketBytes) {
        let now = self.clock.ticks();
        let table = &mut self.tables[index];
        table.cc = (table.cc + 1) & 0x0f;
        table.due = now + table.every;
        *packet = table.packet;
        packet[3] |= table.cc;
    }
}

impl Play {
    fn packet<'a>(&self, track: &'a Track) -> &'a TrackPacket {
        &track.packets[self.index]
    }

    /// Writes the track's next packet; frame 0 of round 0 is presented at `origin`.
    fn write(&mut self, track: &Track, origin: u64, packet: &mut PacketBytes) {
        let next = self.packet(track);
        *packet = next.bytes;
        self.cc = (self.cc + 1) & 0x0f;
        packet[3] |= self.cc;
        if let Some((pts, at)) = next.pts {
            let pts = (origin + self.round * super::LOOP_TICKS) / 300 + pts;
            packet[at..at + 5].copy_from_slice(&pts_bytes(pts % (1 << 33)));
        }
        self.index += 1;
        if self.index == track.packets.len() {
            self.index = 0;
            self.round += 1;
        }
        self.due = self.offset + track.due_ticks(self.round, self.index);
    }
}

/// A PCR as an adaptation field holds it (2.4.3.4), over the wrap.
pub(crate) fn pcr_bytes(ticks: u64) -> [u8; 6] {
    let ticks = ticks % Pcr::WRAP;
    let (base, extension) = (ticks / 300, ticks % 300);
    let bits = base << 15 | 0x3f << 9 | extension;
    let [_, _, bytes @ ..] = bits.to_be_bytes();
    bytes
}

fn pmt(with_proof: bool) -> PacketBytes {
    let mut streams = vec![
        Elementary {
            stream_type: 0x1b,
            pid: VIDEO_PID,
            descriptors: &[],
        },
        // ISO 639 language descriptor: undetermined (2.6.18).
        Elementary {
            stream_type: 0x0f,
            pid: AUDIO_PID,
            descriptors: &[0x0a, 4, b'u', b'n', b'd', 0],
        },
    ];
    if with_proof {
        streams.push(proof::ELEMENTARY);
    }
    psi::pmt(PMT_PID, PROGRAM, VIDEO_PID, &streams)
}

#[cfg(test)]
mod tests;
