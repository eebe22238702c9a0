//! What becomes of each TS packet, before its proof is made: a relay must pass it as it is.

use common::ts::packet::{Pcr, Pid, TsPacket};

use super::chance::Chooser;
use super::datagrams::Ending;
use super::{FaultKind, FaultPlan, PacketFault, PcrJump};
use crate::psi::PacketBytes;
use crate::testcard::{NULL_PACKET, pcr_bytes};

const TICKS_PER_MS: u64 = 27_000;

/// PIDs up to here carry tables (EN 300 468, table 1).
const TABLE_PID_MAX: u16 = 0x1f;

/// Alters packet after packet.
#[derive(Debug)]
pub struct PacketFaults {
    /// What is added to the counters of each PID. Outlives a plan: else its end would be a break.
    added: Box<[u8; Pid::COUNT]>,
    /// There is no plan, and none has moved a counter.
    idle: bool,
    pmt_pids: Vec<Pid>,
    cc_break: Option<(Chooser, PacketFault)>,
    pcr_jump: Option<Jumps>,
    pat_gap: Option<Ending>,
    scrambled: Option<Option<Pid>>,
}

#[derive(Debug)]
struct Jumps {
    plan: PcrJump,
    first: Option<u64>,
    done: u64,
}

impl PacketFaults {
    /// Breaks nothing until a plan is set. `pmt_pids` carry tables and are never scrambled.
    #[must_use]
    pub fn new(pmt_pids: &[Pid]) -> Self {
        Self {
            added: Box::new([0; Pid::COUNT]),
            idle: true,
            pmt_pids: pmt_pids.to_vec(),
            cc_break: None,
            pcr_jump: None,
            pat_gap: None,
            scrambled: None,
        }
    }

    pub fn set(&mut self, plan: &FaultPlan) {
        self.cc_break = plan.cc_break.map(|fault| {
            (
                Chooser::new(fault.when, plan.seed, FaultKind::CcBreak),
                fault,
            )
        });
        self.pcr_jump = plan.pcr_jump.map(|plan| Jumps {
            plan,
            first: None,
            done: 0,
        });
        self.pat_gap = plan.pat_gap_ms.map(|ms| Ending::new(Some(ms)));
        self.scrambled = plan.scrambled;
        let still = self.cc_break.is_none() && self.pcr_jump.is_none();
        self.idle = still
            && self.pat_gap.is_none()
            && self.scrambled.is_none()
            && self.added.iter().all(|added| added & 0x0f == 0);
    }

    /// No packet would be altered.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.idle
    }

    /// Alters the next packet, due at `ticks`; `count` is told each fault.
    pub fn alter(
        &mut self,
        packet: &mut PacketBytes,
        ticks: u64,
        mut count: impl FnMut(FaultKind),
    ) {
        let copy = *packet;
        let Some(view) = TsPacket::new(&copy) else {
            return;
        };
        let pid = view.pid();
        if pid == Pid::NULL {
            return;
        }
        if pid == Pid::PAT && self.pat_gap.as_mut().is_some_and(|gap| gap.holds(ticks)) {
            *packet = NULL_PACKET;
            // Its counter is not used up: the gap is no continuity error.
            self.added[pid.index()] = self.added[pid.index()].wrapping_sub(1);
            count(FaultKind::PatGap);
            return;
        }
        if let Some((chooser, fault)) = &mut self.cc_break {
            let meant = fault.pid.is_none_or(|meant| meant == pid);
            if meant && view.has_payload() && chooser.now() {
                // 1 to 14 values are skipped: never a duplicate, never a whole turn.
                let skipped = 1 + u8::try_from(chooser.chance.below(14)).unwrap_or(0);
                self.added[pid.index()] = self.added[pid.index()].wrapping_add(skipped);
                count(FaultKind::CcBreak);
            }
        }
        let cc = view.cc().wrapping_add(self.added[pid.index()]) & 0x0f;
        packet[3] = packet[3] & 0xf0 | cc;
        if let (Some(jumps), Some(pcr)) = (&mut self.pcr_jump, view.pcr()) {
            let (by, jumped) = jumps.next(ticks);
            packet[6..12].copy_from_slice(&pcr_bytes(pcr.0 + by));
            (0..jumped).for_each(|_| count(FaultKind::PcrJump));
        }
        if view.has_payload() && self.scrambles(pid) {
            packet[3] |= 0x80;
            count(FaultKind::Scrambled);
        }
    }

    fn scrambles(&self, pid: Pid) -> bool {
        match self.scrambled {
            None => false,
            Some(Some(meant)) => pid == meant,
            Some(None) => pid.value() > TABLE_PID_MAX && !self.pmt_pids.contains(&pid),
        }
    }
}

impl Jumps {
    /// What is added to the PCR at `ticks`, over the wrap, and how many jumps are new.
    fn next(&mut self, ticks: u64) -> (u64, u64) {
        let ran = ticks.saturating_sub(*self.first.get_or_insert(ticks));
        let jumps = 1 + self
            .plan
            .every_ms
            .map_or(0, |every| ran / (every.max(1) * TICKS_PER_MS));
        let new = jumps - self.done;
        self.done = jumps;
        let by = i128::from(self.plan.ms) * i128::from(TICKS_PER_MS) * i128::from(jumps);
        (
            u64::try_from(by.rem_euclid(i128::from(Pcr::WRAP))).unwrap_or(0),
            new,
        )
    }
}
