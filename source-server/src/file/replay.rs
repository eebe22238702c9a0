//! One stream's endless way through a file: clock, time stamps and counters go on over the seam.

use std::sync::Arc;

use common::ts::packet::{PACKET_BYTES, Pcr, Pid, SYNC_BYTE, TsPacket};

use super::TsFile;
use super::marks::Mark;
use super::survey::{read_time, time_places};
use crate::proof;
use crate::psi::{self, PacketBytes};
use crate::testcard::{NULL_PACKET, pcr_bytes};

/// While null packets fill the end of a loop, PCRs come as often as a multiplexer's.
const PADDING_PCR_EVERY: u64 = 20 * 27_000;

const PTS_WRAP: u64 = 1 << 33;

/// An endless file. [`Self::next`] gives one packet after the other.
#[derive(Debug)]
pub struct FileLoop {
    file: Arc<TsFile>,
    packet: usize,
    /// The mark in front of `packet`, and the one behind it.
    mark: usize,
    round: u64,
    counters: Box<[Counter; Pid::COUNT]>,
    padding_pcr_due: u64,
    /// Packets of a datagram, where the first is a proof: the others move back to make room.
    proof_every: Option<u64>,
    in_group: u64,
}

/// What is added to a PID's continuity counters, and the last one sent.
#[derive(Debug, Clone, Copy, Default)]
struct Counter {
    added: u8,
    last: u8,
    /// The round whose first packet has been seen, and one more; 0: none.
    round: u64,
}

impl FileLoop {
    /// Begins at the file's first packet. `proof_every`: each group of so many packets begins with
    /// one left to the caller ([`Self::skip`]).
    #[must_use]
    pub fn new(file: Arc<TsFile>, proof_every: Option<usize>) -> Self {
        Self {
            file,
            packet: 0,
            mark: 0,
            round: 0,
            counters: Box::new([Counter::default(); Pid::COUNT]),
            padding_pcr_due: 0,
            proof_every: proof_every.map(|packets| packets as u64),
            in_group: 0,
        }
    }

    /// When the next packet leaves, in ticks of 27 MHz since the stream began.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        let (from, to) = self.span();
        let (packets, ticks) = ((to.packet - from.packet) as u64, to.ticks - from.ticks);
        self.start() + from.ticks + (self.packet - from.packet) as u64 * ticks / packets.max(1)
    }

    /// A packet that is not the file's: the others of its group move back.
    pub fn skip(&mut self) {
        self.in_group = 0;
    }

    /// Writes the next packet.
    pub fn next(&mut self, packet: &mut PacketBytes) {
        let file = Arc::clone(&self.file);
        match file.packets.get(self.packet) {
            Some(bytes) => self.restamp(bytes, packet),
            None => self.pad(packet),
        }
        self.in_group += 1;
        self.packet += 1;
        self.step();
    }

    /// Keeps `mark` in front of `packet`, over the seam.
    fn step(&mut self) {
        let survey = &self.file.survey;
        if self.packet >= self.file.packets.len() + survey.padding {
            self.packet = 0;
            self.mark = 0;
            self.round += 1;
        }
        while survey
            .marks
            .get(self.mark + 1)
            .is_some_and(|next| next.packet <= self.packet)
        {
            self.mark += 1;
        }
    }

    /// Ticks at which this round began.
    fn start(&self) -> u64 {
        self.round * self.file.survey.loop_ticks
    }

    /// The marks around the next packet; behind the last mark lies the padding.
    fn span(&self) -> (Mark, Mark) {
        let survey = &self.file.survey;
        let from = survey.marks[self.mark];
        let end = Mark {
            packet: self.file.packets.len() + survey.padding,
            ticks: survey.loop_ticks,
            advance: 0,
        };
        (
            from,
            survey.marks.get(self.mark + 1).copied().unwrap_or(end),
        )
    }

    /// How much later than in the file the next packet leaves, because of the proof in its group:
    /// packet `i` of `n - 1` stands at place `i + 1` of `n` in the same time.
    fn proof_shift(&self) -> u64 {
        let Some(every) = self.proof_every else {
            return 0;
        };
        let (from, to) = self.span();
        let (packets, ticks) = ((to.packet - from.packet) as u64, to.ticks - from.ticks);
        ticks * (every - 1).saturating_sub(self.in_group) / (packets * every).max(1)
    }

    fn restamp(&mut self, bytes: &PacketBytes, packet: &mut PacketBytes) {
        *packet = *bytes;
        let Some(view) = TsPacket::new(bytes) else {
            return;
        };
        let pid = view.pid();
        if pid == Pid::NULL {
            return;
        }
        if self.proof_every.is_some() && view.pusi() && self.file.survey.pmt_pids.contains(&pid) {
            *packet = psi::pmt_with(bytes, &proof::ELEMENTARY).unwrap_or(*bytes);
        }
        self.count(view, packet);
        let shift = self.start();
        if let Some(Pcr(pcr)) = view.pcr() {
            // Less than a loop, which is less than the wrap.
            let advance = self.span().0.advance;
            let pcr = pcr + Pcr::WRAP + shift + self.proof_shift() - advance;
            packet[6..12].copy_from_slice(&pcr_bytes(pcr));
        }
        for at in time_places(view).into_iter().flatten() {
            let time = (read_time(&bytes[at..at + 5]) + shift / 300) % PTS_WRAP;
            write_time(&mut packet[at..at + 5], time);
        }
    }

    /// Continues the counter over the seam. Breaks inside the file stay what they are.
    fn count(&mut self, view: TsPacket<'_>, packet: &mut PacketBytes) {
        let counter = &mut self.counters[view.pid().index()];
        if counter.round != self.round + 1 {
            if counter.round != 0 {
                let wanted = counter.last + u8::from(view.has_payload());
                counter.added = wanted.wrapping_sub(view.cc()) & 0x0f;
            }
            counter.round = self.round + 1;
        }
        counter.last = (view.cc() + counter.added) & 0x0f;
        packet[3] = packet[3] & 0xf0 | counter.last;
    }

    fn pad(&mut self, packet: &mut PacketBytes) {
        let now = self.ticks();
        if now < self.padding_pcr_due {
            *packet = NULL_PACKET;
            return;
        }
        self.padding_pcr_due = now + PADDING_PCR_EVERY;
        let survey = &self.file.survey;
        let [high, low] = survey.pcr_pid.value().to_be_bytes();
        let cc = self.counters[survey.pcr_pid.index()].last;
        *packet = [0xff; PACKET_BYTES];
        packet[..6].copy_from_slice(&[SYNC_BYTE, high, low, 0x20 | cc, 183, 0x10]);
        packet[6..12].copy_from_slice(&pcr_bytes(survey.first_pcr.0 + now + self.proof_shift()));
    }
}

/// Writes the 33 bits of a time stamp and leaves the bits around them.
fn write_time(bytes: &mut [u8], time: u64) {
    let part = |shift: u32, bits: u64| u8::try_from(time >> shift & bits).unwrap_or(0);
    bytes[0] = bytes[0] & 0xf1 | part(30, 7) << 1;
    bytes[1] = part(22, 0xff);
    bytes[2] = part(15, 0x7f) << 1 | 1;
    bytes[3] = part(7, 0xff);
    bytes[4] = part(0, 0x7f) << 1 | 1;
}
