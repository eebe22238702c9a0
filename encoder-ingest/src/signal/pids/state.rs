//! One PID: what it carries, and how each packet follows the one before it.

use common::ts::packet::{PACKET_BYTES, Pid, SYNC_BYTE, TsPacket};

use crate::signal::access::VideoKind;

/// What a PID carries, as far as the scan cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    #[default]
    Other,
    Pat,
    /// PMT, by its place in the list of programs.
    Pmt(u8),
    Cat,
    /// SDT, BAT and ST of DVB share a PID.
    Sdt,
    Nit,
    Eit,
    /// TDT and TOT.
    Tot,
    /// Video of the chosen program.
    Video(VideoKind),
    /// Audio of a chosen program without video.
    Audio,
}

/// How a packet follows the one before it on its PID (ISO/IEC 13818-1, 2.4.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    Continues,
    /// The one repetition that is legal.
    Duplicate,
    /// At least so many packets are missing; a known gap may lie between.
    Gap {
        missing: u8,
        known: Option<Known>,
    },
}

/// What is known to be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Datagrams, counted as lost elsewhere.
    Lost,
    /// Packets without a good sync byte, counted as such.
    OutOfSync,
}

/// A packet that a PID's state was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub role: Role,
    pub arrival: Arrival,
    /// Place of what watches the PID's time stamps and content.
    pub watch: Option<u8>,
    /// The packet before it on this PID was not scrambled, and it is.
    pub scrambled_now: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct PidState {
    pub(super) pid: Pid,
    pub(super) role: Role,
    /// Header of the packet that would continue this PID: no flag set, payload only, scrambled as
    /// the one before, counter one up. In the order of the bytes on the wire, read as a big-endian number. 0: none would.
    pub(super) next_header: u32,
    pub(super) started: bool,
    pub(super) cc: u8,
    pub(super) repeated: bool,
    pub(super) scrambled: bool,
    /// Something is known to be missing since the last packet that had a counter to judge.
    pub(super) interrupted: Option<Known>,
    /// Place in the list of watches, plus one; 0: none.
    pub(super) watch: u8,
    /// Looks at [`super::PidTable::age`] in a row that found no packet.
    pub(super) silent: u8,
    pub(super) packets: u64,
    pub(super) packets_reported: u64,
    pub(super) packets_aged: u64,
    /// Up to here it is known how many were scrambled.
    pub(super) packets_sorted: u64,
}

/// `adaptation_field_control` 01, payload only.
const PAYLOAD_ONLY: u8 = 0x10;

/// `transport_scrambling_control`.
const SCRAMBLING: u8 = 0xc0;

impl PidState {
    pub(super) fn new(pid: Pid) -> Self {
        Self {
            pid,
            role: default_role(pid),
            next_header: 0,
            started: false,
            cc: 0,
            repeated: false,
            scrambled: false,
            interrupted: None,
            watch: 0,
            silent: 0,
            packets: 0,
            packets_reported: 0,
            packets_aged: 0,
            packets_sorted: 0,
        }
    }

    /// It only has its place because its packets came.
    pub(super) fn is_forgettable(&self) -> bool {
        self.role == Role::Other && self.watch == 0 && self.pid != Pid::NULL
    }

    /// Scrambled packets since this was last asked; all that the fast path took are as the last one
    /// that it did not.
    pub(super) fn take_scrambled(&mut self) -> u64 {
        let fresh = self.packets - std::mem::replace(&mut self.packets_sorted, self.packets);
        if self.scrambled { fresh } else { 0 }
    }

    /// The next packet is not passed by [`super::PidTable::expected`].
    pub(super) fn look_closely(&mut self) {
        self.cc = self.last_cc();
        self.next_header = 0;
    }

    /// The counter of the last packet, also where the fast path moved on.
    fn last_cc(&self) -> u8 {
        if self.next_header == 0 {
            self.cc
        } else {
            (self.next_header.wrapping_sub(1) & 0xf) as u8
        }
    }

    pub(super) fn judge(&mut self, packet: TsPacket<'_>, before: &[u8]) -> Arrival {
        let last = self.last_cc();
        // A packet without payload stands still and tells nothing, but for a discontinuity.
        if !packet.has_payload() && !packet.discontinuity() {
            return Arrival::Continues;
        }
        let started = std::mem::replace(&mut self.started, true);
        if packet.discontinuity() || !started {
            self.interrupted = None;
            self.repeated = false;
            return Arrival::Continues;
        }
        let known = self.interrupted.take();
        match packet.cc().wrapping_sub(last) & 0xf {
            1 => {
                self.repeated = false;
                Arrival::Continues
            }
            0 if known.is_none() && !self.repeated && is_repeated(packet, before) => {
                self.repeated = true;
                Arrival::Duplicate
            }
            ahead => Arrival::Gap {
                missing: ahead.wrapping_sub(1) & 0xf,
                known,
            },
        }
    }

    /// As [`super::PidTable::pass_over`], by the fourth byte of a packet.
    pub(super) fn pass_over(&mut self, control: u8) -> bool {
        self.look_closely();
        let has_payload = control & PAYLOAD_ONLY != 0;
        let next = self.cc.wrapping_add(u8::from(has_payload)) & 0xf;
        let continues = self.started && control & 0xf == next;
        if continues {
            self.cc = next;
            self.repeated = false;
            self.packets += 1;
        }
        continues
    }

    pub(super) fn expect_after(&mut self, packet: TsPacket<'_>) {
        // Without payload the counter keeps its value (2.4.3.3); what it showed is not to be
        // believed but after a discontinuity.
        if packet.has_payload() || packet.discontinuity() {
            self.cc = packet.cc();
        } else {
            self.cc = self.last_cc();
        }
        self.scrambled = packet.scrambled();
        let each =
            self.role.is_table() || self.repeated || self.interrupted.is_some() || !self.started;
        self.next_header = if each {
            0
        } else {
            let [high, low] = self.pid.value().to_be_bytes();
            let next = self.cc.wrapping_add(1) & 0xf;
            let scrambling = packet.bytes()[3] & SCRAMBLING;
            u32::from_be_bytes([SYNC_BYTE, high, low, scrambling | PAYLOAD_ONLY | next])
        };
    }
}

impl Role {
    /// Each packet is looked at.
    fn is_table(self) -> bool {
        !matches!(self, Self::Other | Self::Video(_) | Self::Audio)
    }
}

/// What PIDs carry by themselves (ISO/IEC 13818-1, table 2-3; EN 300 468, table 1).
pub(super) fn default_role(pid: Pid) -> Role {
    match pid.value() {
        0x00 => Role::Pat,
        0x01 => Role::Cat,
        0x10 => Role::Nit,
        0x11 => Role::Sdt,
        0x12 => Role::Eit,
        0x14 => Role::Tot,
        _ => Role::Other,
    }
}

/// The same packet again: the same bytes but for a PCR (2.4.3.3). What came too long ago to be
/// compared is taken to be the same.
fn is_repeated(packet: TsPacket<'_>, before: &[u8]) -> bool {
    let mut earlier = before.rchunks_exact(PACKET_BYTES);
    let Some(last) =
        earlier.find_map(|bytes| TsPacket::new(bytes).filter(|other| other.pid() == packet.pid()))
    else {
        return true;
    };
    // Behind header, length and flags of the adaptation field.
    let pcr = if packet.pcr().is_some() && last.pcr().is_some() {
        6..12
    } else {
        0..0
    };
    let (one, other) = (packet.bytes(), last.bytes());
    one[..pcr.start] == other[..pcr.start] && one[pcr.end..] == other[pcr.end..]
}
