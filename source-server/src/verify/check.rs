//! Judges a body by the proofs in it. Pure: it is given bytes and the time.
//!
//! A relay's body begins with tables from its memory and may begin inside a datagram: what stands
//! in front of the first proof is the prelude, not judged. What stands behind the last proof when
//! reading stops is the tail, judged only when it is whole.

use std::collections::VecDeque;

use common::ts::packet::{PACKET_BYTES, SYNC_BYTE, TsPacket};

use super::delay::Delays;
use crate::limits::SEQUENCES_REMEMBERED;
use crate::proof::{self, Proof};
use crate::psi::PacketBytes;

/// Packets that may stand in front of the first proof: tables from memory and the rest of a
/// datagram. More are not covered by any proof.
const PRELUDE_PACKETS_MAX: u64 = 16;

/// What was found. All but `datagrams` to `tail_packets` are failures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Datagrams whose proof and packets came whole, once.
    pub datagrams: u64,
    /// TS packets of all kinds.
    pub packets: u64,
    pub bytes: u64,
    pub prelude_packets: u64,
    pub tail_packets: u64,
    /// Datagrams of which no proof came.
    pub lost: u64,
    /// Datagrams that came again.
    pub repeated: u64,
    /// Datagrams of another channel than the first.
    pub foreign: u64,
    /// Datagrams with changed or missing packets, and packets that are none.
    pub damaged: u64,
    /// Packets that no proof covers.
    pub uncovered: u64,
    /// Datagrams behind others that were sent later.
    pub late: u64,
}

/// Reads one body.
#[derive(Debug)]
pub struct Checker {
    /// When the viewer began. What was sent before is backlog, and its age is no delay.
    begin_ns: u64,
    backlog_ns: Option<u64>,
    findings: Findings,
    delays: Delays,
    /// The begin of a packet whose rest is still to come.
    cut: Vec<u8>,
    group: Option<Group>,
    channel: Option<u64>,
    sequences: Sequences,
}

/// A proof and what has followed it.
#[derive(Debug)]
struct Group {
    proof: Proof,
    seen: u8,
    crc: crc32fast::Hasher,
}

/// Which of the last sequence numbers have come.
#[derive(Debug, Default)]
struct Sequences {
    next: Option<u64>,
    /// The last of these is `next - 1`.
    came: VecDeque<bool>,
}

#[derive(Debug, PartialEq, Eq)]
enum Order {
    /// As it should be, with so many missing in front of it.
    New {
        missing: u64,
    },
    Repeated,
    /// It was missing, and now it is there. `counted`: it had been counted as lost.
    Late {
        counted: bool,
    },
}

impl Findings {
    /// Whether anything is not as it was sent.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.failures() > 0
    }

    fn failures(&self) -> u64 {
        self.lost + self.repeated + self.foreign + self.damaged + self.uncovered + self.late
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.datagrams += other.datagrams;
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.prelude_packets += other.prelude_packets;
        self.tail_packets += other.tail_packets;
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.foreign += other.foreign;
        self.damaged += other.damaged;
        self.uncovered += other.uncovered;
        self.late += other.late;
    }
}

/// What a body was found to be.
#[derive(Debug)]
pub struct Checked {
    pub findings: Findings,
    /// Of datagrams that were sent after the viewer began.
    pub delays: Delays,
    /// How long before the viewer began the first datagram was sent; none came, none.
    pub backlog_ns: Option<u64>,
}

impl Checker {
    /// For a viewer that began at `begin_ns` since 1970.
    #[must_use]
    pub fn new(begin_ns: u64) -> Self {
        Self {
            begin_ns,
            backlog_ns: None,
            findings: Findings::default(),
            delays: Delays::default(),
            cut: Vec::with_capacity(PACKET_BYTES),
            group: None,
            channel: None,
            sequences: Sequences::default(),
        }
    }

    /// The next bytes of the body, read at `now_ns` since 1970.
    pub fn read(&mut self, mut bytes: &[u8], now_ns: u64) {
        self.findings.bytes += bytes.len() as u64;
        if !self.cut.is_empty() {
            let missing = (PACKET_BYTES - self.cut.len()).min(bytes.len());
            self.cut.extend_from_slice(&bytes[..missing]);
            bytes = &bytes[missing..];
            let whole = self.cut.first_chunk::<PACKET_BYTES>().copied();
            let Some(packet) = whole else { return };
            self.cut.clear();
            self.packet(&packet, now_ns);
        }
        let (packets, rest) = bytes.as_chunks::<PACKET_BYTES>();
        for packet in packets {
            self.packet(packet, now_ns);
        }
        self.cut.extend_from_slice(rest);
    }

    /// The body has ended, or reading stops.
    #[must_use]
    pub fn finish(mut self) -> Checked {
        if let Some(group) = self.group.take() {
            if group.seen < group.proof.packets {
                self.findings.tail_packets += u64::from(group.seen) + 1;
            } else {
                self.judge(group);
            }
        }
        Checked {
            findings: self.findings,
            delays: self.delays,
            backlog_ns: self.backlog_ns,
        }
    }

    fn packet(&mut self, packet: &PacketBytes, now_ns: u64) {
        self.findings.packets += 1;
        if packet[0] != SYNC_BYTE {
            self.findings.damaged += 1;
            return;
        }
        if TsPacket::new(packet).is_some_and(|view| view.pid() == proof::PID) {
            match Proof::read(packet) {
                Ok(proof) => self.proof(proof, now_ns),
                Err(proof::Damaged) => self.findings.damaged += 1,
            }
            return;
        }
        match &mut self.group {
            None if self.findings.prelude_packets < PRELUDE_PACKETS_MAX => {
                self.findings.prelude_packets += 1;
            }
            Some(group) if group.seen < group.proof.packets => {
                group.seen += 1;
                group.crc.update(packet);
            }
            _ => self.findings.uncovered += 1,
        }
    }

    fn proof(&mut self, proof: Proof, now_ns: u64) {
        let next = Group {
            proof,
            seen: 0,
            crc: crc32fast::Hasher::new(),
        };
        if let Some(group) = self.group.replace(next) {
            self.judge(group);
        }
        self.backlog_ns
            .get_or_insert(self.begin_ns.saturating_sub(proof.sent_ns));
        if proof.sent_ns >= self.begin_ns {
            self.delays.add(now_ns.saturating_sub(proof.sent_ns));
        }
    }

    /// A datagram of which nothing more comes.
    fn judge(&mut self, group: Group) {
        let proof = group.proof;
        if proof.channel != *self.channel.get_or_insert(proof.channel) {
            self.findings.foreign += 1;
            return;
        }
        let whole = group.seen == proof.packets && group.crc.finalize() == proof.crc;
        match self.sequences.came(proof.sequence) {
            Order::New { missing } => self.findings.lost += missing,
            Order::Repeated => {
                self.findings.repeated += 1;
                return;
            }
            Order::Late { counted } => {
                self.findings.lost -= u64::from(counted);
                self.findings.late += 1;
            }
        }
        if whole {
            self.findings.datagrams += 1;
        } else {
            self.findings.damaged += 1;
        }
    }
}

impl Sequences {
    fn came(&mut self, sequence: u64) -> Order {
        let next = *self.next.get_or_insert(sequence);
        if sequence >= next {
            let missing = sequence - next;
            let room = usize::try_from(missing.min(SEQUENCES_REMEMBERED)).unwrap_or(0);
            self.came.extend(std::iter::repeat_n(false, room));
            self.came.push_back(true);
            let over = self.came.len().saturating_sub(REMEMBERED);
            self.came.drain(..over);
            self.next = Some(sequence + 1);
            return Order::New { missing };
        }
        let back = usize::try_from(next - sequence).unwrap_or(usize::MAX);
        let Some(at) = self.came.len().checked_sub(back) else {
            // From before what is remembered, or before the first.
            return Order::Late { counted: false };
        };
        if std::mem::replace(&mut self.came[at], true) {
            Order::Repeated
        } else {
            Order::Late { counted: true }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a small constant")]
const REMEMBERED: usize = SEQUENCES_REMEMBERED as usize;

#[cfg(test)]
mod tests;
