//! The state of each PID, kept so that a packet which only continues its PID costs one lookup and
//! one comparison.

use common::ts::packet::{PACKET_BYTES, Pid, SYNC_BYTE, TsPacket};

use super::access::VideoKind;
use crate::limits::PIDS_MAX;

/// What a PID carries, as far as the scan cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    #[default]
    Other,
    Pat,
    /// PMT, by its place in the list of programs.
    Pmt(u8),
    /// SDT, BAT and ST of DVB share a PID.
    Sdt,
    /// Video of the chosen program.
    Video(VideoKind),
    /// Audio of a chosen program without video.
    Audio,
}

/// How a packet follows the one before it on its PID (ISO/IEC 13818-1, 2.4.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    Continues,
    /// The one repetition that is legal, or a further one.
    Duplicate,
    /// At least so many packets are missing; `explained`: a known gap lies between.
    Gap {
        missing: u8,
        explained: bool,
    },
}

/// All PIDs of a channel: a table of one byte a PID, and the state of those that came.
pub struct PidTable {
    /// 0: not seen; else the place in `states`, plus one.
    places: Box<[u8; Pid::COUNT]>,
    states: Vec<PidState>,
}

#[derive(Debug, Clone, Copy)]
struct PidState {
    pid: Pid,
    role: Role,
    /// Header of the packet that would continue this PID: no flag set, payload only, counter one
    /// up. In the order of the bytes on the wire, read as a big-endian number. 0: none would.
    next_header: u32,
    started: bool,
    cc: u8,
    repeated: bool,
    scrambled: bool,
    /// Something is known to be missing since the last packet that had a counter to judge.
    interrupted: bool,
    packets: u64,
    packets_reported: u64,
}

/// What a PID did since it was last asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PidRate {
    pub packets: u64,
    pub scrambled: bool,
}

/// `adaptation_field_control` 01, payload only.
const PAYLOAD_ONLY: u8 = 0x10;

impl Default for PidTable {
    fn default() -> Self {
        Self {
            places: Box::new([0; Pid::COUNT]),
            states: Vec::new(),
        }
    }
}

impl std::fmt::Debug for PidTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PidTable")
            .field("states", &self.states)
            .finish_non_exhaustive()
    }
}

impl PidTable {
    /// The packet continues its PID and has nothing else to say: counted, done. Null packets too.
    #[inline]
    pub fn expected(&mut self, bytes: &[u8]) -> bool {
        let header = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let pid = Pid::new(u16::from_be_bytes([bytes[1], bytes[2]]));
        let place = usize::from(self.places[pid.index()]);
        let Some(state) = self.states.get_mut(place.wrapping_sub(1)) else {
            return pid == Pid::NULL;
        };
        if state.next_header != header {
            return false;
        }
        // The counter is the low four bits: count it up without touching the rest.
        state.next_header = (header & !0xf) | (header.wrapping_add(1) & 0xf);
        state.packets += 1;
        true
    }

    /// Judges a packet that [`Self::expected`] did not take. None: of no interest (null packets,
    /// reserved `adaptation_field_control`, more PIDs than are followed).
    pub fn arrive(&mut self, packet: TsPacket<'_>) -> Option<(Role, Arrival)> {
        let state = self.state(packet.pid())?;
        state.packets += 1;
        if !packet.has_payload() && !packet.has_adaptation_field() {
            return None;
        }
        let arrival = state.judge(packet);
        state.expect_after(packet);
        Some((state.role, arrival))
    }

    /// Something is missing here: each PID may once go on with any counter.
    pub fn gap(&mut self) {
        for state in &mut self.states {
            state.look_closely();
            state.interrupted = true;
        }
    }

    pub fn set_role(&mut self, pid: Pid, role: Role) {
        if let Some(state) = self.state(pid) {
            state.role = role;
            state.look_closely();
        }
    }

    pub fn clear_roles(&mut self) {
        for state in self
            .states
            .iter_mut()
            .filter(|state| !matches!(state.role, Role::Pat | Role::Sdt))
        {
            state.role = Role::Other;
        }
    }

    /// What `pid` did since this was last asked.
    pub fn rate(&mut self, pid: Pid) -> PidRate {
        let place = usize::from(self.places[pid.index()]);
        let Some(state) = self.states.get_mut(place.wrapping_sub(1)) else {
            return PidRate::default();
        };
        let packets = state.packets - state.packets_reported;
        state.packets_reported = state.packets;
        PidRate {
            packets,
            scrambled: state.scrambled,
        }
    }

    fn state(&mut self, pid: Pid) -> Option<&mut PidState> {
        if pid == Pid::NULL {
            return None;
        }
        let place = &mut self.places[pid.index()];
        if *place == 0 {
            if self.states.len() == PIDS_MAX {
                return None;
            }
            self.states.push(PidState::new(pid));
            *place = u8::try_from(self.states.len()).unwrap_or(0);
        }
        self.states.get_mut(usize::from(*place).wrapping_sub(1))
    }
}

impl PidState {
    fn new(pid: Pid) -> Self {
        Self {
            pid,
            role: Role::Other,
            next_header: 0,
            started: false,
            cc: 0,
            repeated: false,
            scrambled: false,
            interrupted: false,
            packets: 0,
            packets_reported: 0,
        }
    }

    /// The next packet is not passed by [`PidTable::expected`].
    fn look_closely(&mut self) {
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

    fn judge(&mut self, packet: TsPacket<'_>) -> Arrival {
        let last = self.last_cc();
        // A packet without payload stands still and tells nothing, but for a discontinuity.
        if !packet.has_payload() && !packet.discontinuity() {
            return Arrival::Continues;
        }
        let started = std::mem::replace(&mut self.started, true);
        if packet.discontinuity() || !started {
            self.interrupted = false;
            self.repeated = false;
            return Arrival::Continues;
        }
        let explained = std::mem::take(&mut self.interrupted);
        match packet.cc().wrapping_sub(last) & 0xf {
            1 => {
                self.repeated = false;
                Arrival::Continues
            }
            0 if !explained && !std::mem::replace(&mut self.repeated, true) => Arrival::Duplicate,
            ahead => Arrival::Gap {
                missing: ahead.wrapping_sub(1) & 0xf,
                explained,
            },
        }
    }

    fn expect_after(&mut self, packet: TsPacket<'_>) {
        // Without payload the counter keeps its value (2.4.3.3); what it showed is not to be
        // believed but after a discontinuity.
        if packet.has_payload() || packet.discontinuity() {
            self.cc = packet.cc();
        } else {
            self.cc = self.last_cc();
        }
        self.scrambled = packet.scrambled();
        let table = matches!(self.role, Role::Pat | Role::Pmt(_) | Role::Sdt);
        let each =
            table || packet.scrambled() || self.repeated || self.interrupted || !self.started;
        self.next_header = if each {
            0
        } else {
            let [high, low] = self.pid.value().to_be_bytes();
            let next = self.cc.wrapping_add(1) & 0xf;
            u32::from_be_bytes([SYNC_BYTE, high, low, PAYLOAD_ONLY | next])
        };
    }
}

/// Whether every packet of `bytes` begins with the sync byte.
#[inline]
#[must_use]
pub fn in_sync(bytes: &[u8]) -> bool {
    bytes
        .chunks_exact(PACKET_BYTES)
        .all(|packet| packet[0] == SYNC_BYTE)
}
