//! The state of each PID, kept so that a packet which only continues its PID costs one lookup and
//! one comparison.

mod state;

use common::ts::packet::{PACKET_BYTES, Pid, SYNC_BYTE, TsPacket};

pub use state::{Arrival, Known, Role, Seen};
use state::{PidState, default_role};

use crate::limits::PIDS_MAX;

/// A PID is forgotten after so many looks, one a second, that found no packet of it.
const PID_SILENT_LOOKS: u8 = 30;

/// All PIDs of a channel: a table of one byte a PID, and the state of those that came.
pub struct PidTable {
    /// 0: not seen; else the place in `states`, plus one.
    places: Box<[u8; Pid::COUNT]>,
    states: Vec<PidState>,
    /// Places in `states` whose PID was forgotten.
    free: Vec<u8>,
    /// Packets of PIDs that found no place.
    unfollowed: u64,
    /// Scrambled packets.
    scrambled: u64,
    /// A PID is scrambled, or was when this was last looked at.
    some_scrambled: bool,
}

/// What a PID did since it was last asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PidRate {
    pub packets: u64,
    pub scrambled: bool,
}

impl Default for PidTable {
    fn default() -> Self {
        Self {
            places: Box::new([0; Pid::COUNT]),
            states: Vec::new(),
            free: Vec::new(),
            unfollowed: 0,
            scrambled: 0,
            some_scrambled: false,
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

    /// Judges a packet that [`Self::expected`] did not take; `before` is what came before it, as
    /// far as it is at hand. None: of no interest (null packets, reserved
    /// `adaptation_field_control`, more PIDs than are followed).
    pub fn arrive(&mut self, packet: TsPacket<'_>, before: &[u8]) -> Option<Seen> {
        let pid = packet.pid();
        if pid == Pid::NULL {
            return None;
        }
        let Some(state) = self.state(pid) else {
            self.unfollowed += 1;
            return None;
        };
        let scrambled_before = state.take_scrambled();
        state.packets += 1;
        if !packet.has_payload() && !packet.has_adaptation_field() {
            return None;
        }
        let scrambled_now = packet.scrambled() && !state.scrambled;
        let arrival = state.judge(packet, before);
        state.expect_after(packet);
        let seen = Seen {
            role: state.role,
            arrival,
            watch: state.watch.checked_sub(1),
            scrambled_now,
        };
        self.scrambled += scrambled_before;
        self.some_scrambled |= packet.scrambled();
        Some(seen)
    }

    /// A packet that must not be believed: when it continues its PID it is taken to be that packet,
    /// so that nothing seems to be missing. Answers whether it did.
    pub fn pass_over(&mut self, bytes: &[u8]) -> bool {
        let [_, high, low, control, ..] = *bytes else {
            return false;
        };
        let pid = Pid::new(u16::from_be_bytes([high, low]));
        let place = usize::from(self.places[pid.index()]);
        let Some(state) = self.states.get_mut(place.wrapping_sub(1)) else {
            return pid == Pid::NULL;
        };
        state.pass_over(control)
    }

    /// Whether its PID has spoken, and its header is one that a packet may have. Null packets too.
    #[must_use]
    pub fn knows(&self, bytes: &[u8]) -> bool {
        let [_, high, low, control, ..] = *bytes else {
            return false;
        };
        let pid = Pid::new(u16::from_be_bytes([high, low]));
        if pid == Pid::NULL {
            // Not scrambled, payload only (ISO/IEC 13818-1, 2.4.3.3).
            return control & 0xf0 == 0x10;
        }
        let place = usize::from(self.places[pid.index()]);
        let started = |state: &PidState| state.started;
        let spoke = self.states.get(place.wrapping_sub(1)).is_some_and(started);
        spoke && control & 0x30 != 0
    }

    /// Something is missing here: each PID may once go on with any counter.
    pub fn gap(&mut self, known: Known) {
        for state in &mut self.states {
            state.look_closely();
            // Lost datagrams are the graver cause.
            if state.interrupted != Some(Known::Lost) {
                state.interrupted = Some(known);
            }
        }
    }

    /// The PID matters: it gets a place, if need be that of one that does not.
    pub fn set_role(&mut self, pid: Pid, role: Role) {
        if let Some(state) = self.state_for_sure(pid) {
            state.role = role;
            state.look_closely();
        }
    }

    /// As [`Self::set_role`], for what watches the PID. False: there is no place.
    pub fn set_watch(&mut self, pid: Pid, watch: u8) -> bool {
        let state = self.state_for_sure(pid);
        state
            .map(|state| state.watch = watch.saturating_add(1))
            .is_some()
    }

    /// Place of what watches the PID.
    #[must_use]
    pub fn watch(&self, pid: Pid) -> Option<u8> {
        let place = usize::from(self.places[pid.index()]);
        let state = self.states.get(place.wrapping_sub(1))?;
        state.watch.checked_sub(1)
    }

    /// The next packets of the PID are to be seen until it is told otherwise.
    pub fn look_closely(&mut self, pid: Pid) {
        let place = usize::from(self.places[pid.index()]);
        if let Some(state) = self.states.get_mut(place.wrapping_sub(1)) {
            state.look_closely();
        }
    }

    pub fn clear_roles(&mut self) {
        for state in &mut self.states {
            state.role = default_role(state.pid);
        }
    }

    pub fn clear_watches(&mut self) {
        for state in &mut self.states {
            state.watch = 0;
        }
    }

    /// Packets of `pid` so far.
    #[must_use]
    pub fn packets(&self, pid: Pid) -> u64 {
        let place = usize::from(self.places[pid.index()]);
        let state = self.states.get(place.wrapping_sub(1));
        state.map_or(0, |state| state.packets)
    }

    /// Scrambled packets so far; those that the fast path took lately are looked for.
    pub fn count_scrambled(&mut self) -> u64 {
        if self.some_scrambled {
            let states = self.states.iter_mut();
            self.scrambled += states.map(PidState::take_scrambled).sum::<u64>();
            self.some_scrambled = self.states.iter().any(|state| state.scrambled);
        }
        self.scrambled
    }

    /// Packets that were not analysed for want of a place.
    #[must_use]
    pub fn unfollowed(&self) -> u64 {
        self.unfollowed
    }

    /// Forgets PIDs that nobody asked for and that have been silent for [`PID_SILENT_LOOKS`] calls.
    pub fn age(&mut self) {
        for (place, state) in self.states.iter_mut().enumerate() {
            let silent = state.packets == state.packets_aged;
            state.packets_aged = state.packets;
            state.silent = if silent {
                state.silent.saturating_add(1)
            } else {
                0
            };
            if state.silent >= PID_SILENT_LOOKS
                && state.is_forgettable()
                && let Ok(place) = u8::try_from(place)
            {
                self.places[state.pid.index()] = 0;
                *state = PidState::new(Pid::NULL);
                self.free.push(place);
            }
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

    /// The state of `pid`, which gets a place if one is free.
    fn state(&mut self, pid: Pid) -> Option<&mut PidState> {
        let mut place = self.places[pid.index()];
        if place == 0 {
            place = self.new_place()?;
            self.place(pid, place);
        }
        self.states.get_mut(usize::from(place).wrapping_sub(1))
    }

    /// The state of `pid`, which gets the place of one that matters less if none is free.
    fn state_for_sure(&mut self, pid: Pid) -> Option<&mut PidState> {
        if self.places[pid.index()] == 0 && pid != Pid::NULL {
            let place = self.new_place().or_else(|| self.least())?;
            self.place(pid, place);
        }
        self.state(pid)
    }

    fn new_place(&mut self) -> Option<u8> {
        if let Some(place) = self.free.pop() {
            return place.checked_add(1);
        }
        if self.states.len() == PIDS_MAX {
            return None;
        }
        self.states.push(PidState::new(Pid::NULL));
        u8::try_from(self.states.len()).ok()
    }

    /// The place of the longest silent PID that nobody asked for; it loses it.
    fn least(&mut self) -> Option<u8> {
        let all = self.states.iter().enumerate();
        let forgettable = all.filter(|(_, state)| state.is_forgettable());
        let (place, state) = forgettable.max_by_key(|(_, state)| state.silent)?;
        self.places[state.pid.index()] = 0;
        u8::try_from(place + 1).ok()
    }

    fn place(&mut self, pid: Pid, place: u8) {
        if let Some(state) = self.states.get_mut(usize::from(place).wrapping_sub(1)) {
            *state = PidState::new(pid);
            self.places[pid.index()] = place;
        }
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

#[cfg(test)]
mod tests;
