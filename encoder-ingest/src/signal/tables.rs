//! PAT and PMT (ISO/IEC 13818-1, 2.4.4.3 and 2.4.4.8): which programs there are, what they consist
//! of, and the packets that said so last.

use common::api::tr101290::Indicator;
use common::ts::packet::{Pid, TsPacket};
use mpeg2ts_reader::descriptor::CoreDescriptors;
use mpeg2ts_reader::psi::pat::{PatSection, ProgramDescriptor};
use mpeg2ts_reader::psi::pmt::PmtSection;
use mpeg2ts_reader::smptera::FormatIdentifier;

use super::coding::{Coding, Elementary, stream_of};
use super::judge::{Absence, Judge};
use super::pids::{PidTable, Role};
use super::prelude::Prelude;
use super::section::{Read, Section, SectionReader};
use super::time::Moment;
use crate::limits::{PROGRAM_STREAMS_MAX, PROGRAMS_MAX};

const PAT_TABLE_ID: u8 = 0x00;
const PMT_TABLE_ID: u8 = 0x02;

/// The tables of one channel.
#[derive(Debug, Default)]
pub struct Tables {
    pat: SectionReader,
    pat_packets: Vec<u8>,
    pat_absence: Absence,
    /// Of the section that was read last.
    pat_crc: Option<u32>,
    programs: Vec<Program>,
}

/// A program that the PAT lists.
#[derive(Debug)]
pub struct Program {
    pub number: u16,
    pub pmt_pid: Pid,
    pub pcr_pid: Pid,
    pub streams: Vec<Elementary>,
    reader: SectionReader,
    packets: Vec<u8>,
    /// Of the section that was read last; none: not known yet.
    crc: Option<u32>,
    /// Of its PMT.
    absence: Absence,
    /// A program before it has the same PMT PID.
    shared: bool,
}

/// A PAT must come so often, and a PMT on each PID that it names (1.3.a, 1.5.a).
const TABLE_LIMIT_MS: u64 = 500;

impl Tables {
    /// Takes a packet of a table's PID. Answers whether programs or their streams changed.
    pub fn packet(
        &mut self,
        role: Role,
        packet: TsPacket<'_>,
        now: Moment,
        judge: &mut Judge,
    ) -> bool {
        match role {
            Role::Pat => self.pat_packet(packet, now, judge),
            Role::Pmt(first) => self.pmt_packet(first, packet, now, judge),
            _ => false,
        }
    }

    /// A packet of this PID is scrambled, which tables must not be: told once.
    pub fn scrambled(&mut self, role: Role, judge: &mut Judge) {
        let (absence, indicator) = match role {
            Role::Pat => (Some(&mut self.pat_absence), Indicator::PatError),
            Role::Pmt(first) => {
                let program = self.programs.get_mut(usize::from(first));
                let absence = program.map(|program| &mut program.absence);
                (absence, Indicator::PmtError)
            }
            _ => return,
        };
        if absence.is_some_and(Absence::tell) {
            judge.raise(indicator);
        }
    }

    /// Tables that must come and do not.
    pub fn check(&mut self, now: Moment, judge: &mut Judge) {
        if self.pat_absence.overdue(now, TABLE_LIMIT_MS) {
            judge.raise(Indicator::PatError);
        }
        for program in self.programs.iter_mut().filter(|program| !program.shared) {
            if program.absence.overdue(now, TABLE_LIMIT_MS) {
                judge.raise(Indicator::PmtError);
            }
        }
    }

    /// Time begins anew for all tables.
    pub fn restart_time(&mut self, now: Moment) {
        self.pat_absence.seen(now);
        for program in &mut self.programs {
            program.absence.seen(now);
        }
    }

    /// Every stream that a PMT lists.
    pub fn streams(&self) -> impl Iterator<Item = &Elementary> {
        self.programs.iter().flat_map(|program| &program.streams)
    }

    /// PIDs that carry PCRs, as far as PMTs are known.
    pub fn pcr_pids(&self) -> impl Iterator<Item = Pid> {
        let known = self.known_programs();
        known
            .map(|program| program.pcr_pid)
            .filter(|pid| *pid != Pid::NULL)
    }

    /// Programs whose PMT has come.
    pub fn known_programs(&self) -> impl Iterator<Item = &Program> {
        self.programs.iter().filter(|program| program.crc.is_some())
    }

    /// A packet of this PID is missing.
    pub fn interrupted(&mut self, role: Role) {
        match role {
            Role::Pat => self.pat.interrupt(),
            Role::Pmt(first) => {
                if let Some(program) = self.programs.get_mut(usize::from(first)) {
                    program.reader.interrupt();
                }
            }
            _ => {}
        }
    }

    /// Tells the scan which PIDs matter.
    pub fn assign_roles(&self, program: Option<u16>, pids: &mut PidTable) {
        pids.clear_roles();
        if let Some(chosen) = self.chosen(program) {
            let video = chosen
                .streams
                .iter()
                .find_map(|stream| match stream.coding {
                    Coding::Video(kind, _) => Some((stream.pid, Role::Video(kind))),
                    _ => None,
                });
            let audio = || {
                let is_audio = |stream: &&Elementary| matches!(stream.coding, Coding::Audio(..));
                chosen
                    .streams
                    .iter()
                    .find(is_audio)
                    .map(|stream| (stream.pid, Role::Audio))
            };
            if let Some((pid, role)) = video.or_else(audio) {
                pids.set_role(pid, role);
            }
        }
        // Last, and from the last to the first: a PID that several programs share is its first's.
        for (place, program) in self.programs.iter().enumerate().rev() {
            if let Ok(place) = u8::try_from(place) {
                pids.set_role(program.pmt_pid, Role::Pmt(place));
            }
        }
        pids.set_role(Pid::PAT, Role::Pat);
    }

    /// The program that a viewer's start is looked for in: the one asked for, else the first.
    fn chosen_index(&self, program: Option<u16>) -> Option<usize> {
        let known = |candidate: &Program| candidate.crc.is_some();
        let asked = self
            .programs
            .iter()
            .position(|one| known(one) && Some(one.number) == program);
        asked.or_else(|| self.programs.iter().position(known))
    }

    fn chosen(&self, program: Option<u16>) -> Option<&Program> {
        self.programs.get(self.chosen_index(program)?)
    }

    /// PAT and the PMT of the chosen program are known.
    pub fn are_known(&self, program: Option<u16>) -> bool {
        self.chosen(program).is_some()
    }

    pub fn prelude(&self, program: Option<u16>) -> Prelude {
        let mut prelude = Prelude::default();
        let chosen = self.chosen_index(program);
        if self.pat_packets.is_empty() || !prelude.push(&self.pat_packets) {
            return prelude;
        }
        let mut sent: Vec<Pid> = Vec::with_capacity(0);
        if let Some(chosen) = chosen.and_then(|index| self.programs.get(index))
            && prelude.push(&chosen.packets)
            && self.programs.len() > 1
        {
            sent.push(chosen.pmt_pid);
        }
        for (index, other) in self.programs.iter().enumerate() {
            if Some(index) != chosen
                && !sent.contains(&other.pmt_pid)
                && prelude.push(&other.packets)
            {
                sent.push(other.pmt_pid);
            }
        }
        prelude
    }

    fn pat_packet(&mut self, packet: TsPacket<'_>, now: Moment, judge: &mut Judge) -> bool {
        let mut reader = std::mem::take(&mut self.pat);
        let mut changed = false;
        reader.packet(packet, |read| match read {
            Read::Whole(section) if section.table_id == PAT_TABLE_ID => {
                judge.set_has_pat(true);
                self.pat_absence.seen(now);
                changed |= is_pat(&section) && self.pat_section(section, now, judge);
            }
            Read::CrcError(_) => judge.raise(Indicator::CrcError),
            Read::Whole(_) | Read::Short(_) => judge.raise(Indicator::PatError),
            Read::TooLong => judge.limit(),
        });
        self.pat = reader;
        changed
    }

    fn pat_section(&mut self, section: Section<'_>, now: Moment, judge: &mut Judge) -> bool {
        keep(&mut self.pat_packets, section.packets);
        if self.pat_crc.replace(section.crc) == Some(section.crc) {
            return false;
        }
        let mut programs = programs_of(section.body);
        if programs.len() > PROGRAMS_MAX {
            programs.truncate(PROGRAMS_MAX);
            judge.limit();
        }
        self.replace_programs(&programs, now);
        true
    }

    fn pmt_packet(
        &mut self,
        first: u8,
        packet: TsPacket<'_>,
        now: Moment,
        judge: &mut Judge,
    ) -> bool {
        let first = usize::from(first);
        let Some(program) = self.programs.get_mut(first) else {
            return false;
        };
        let mut reader = std::mem::take(&mut program.reader);
        let mut changed = false;
        reader.packet(packet, |read| match read {
            Read::Whole(section) if section.table_id == PMT_TABLE_ID => {
                if let Some(program) = self.programs.get_mut(first) {
                    program.absence.seen(now);
                }
                changed |= section.current && self.pmt_section(packet.pid(), section, judge);
            }
            Read::CrcError(_) => judge.raise(Indicator::CrcError),
            Read::TooLong => judge.limit(),
            Read::Whole(_) | Read::Short(_) => {}
        });
        if let Some(program) = self.programs.get_mut(first) {
            program.reader = reader;
        }
        changed
    }

    /// A PMT section: programs may share the PID, the section's number tells whose it is.
    fn pmt_section(&mut self, pid: Pid, section: Section<'_>, judge: &mut Judge) -> bool {
        let of =
            |program: &&mut Program| program.pmt_pid == pid && program.number == section.extension;
        let Some(program) = self.programs.iter_mut().find(of) else {
            return false;
        };
        keep(&mut program.packets, section.packets);
        if program.crc == Some(section.crc) {
            return false;
        }
        let Ok(pmt) = PmtSection::from_bytes(section.body) else {
            return false;
        };
        program.crc = Some(section.crc);
        program.pcr_pid = Pid::new(pmt.pcr_pid().into());
        let registration = registration(&pmt);
        let streams = pmt.streams().map(|info| stream_of(&info, registration));
        program.streams = streams.take(PROGRAM_STREAMS_MAX + 1).collect();
        if program.streams.len() > PROGRAM_STREAMS_MAX {
            program.streams.truncate(PROGRAM_STREAMS_MAX);
            judge.limit();
        }
        true
    }

    fn replace_programs(&mut self, programs: &[(u16, Pid)], now: Moment) {
        let mut old = std::mem::take(&mut self.programs);
        for (index, (number, pmt_pid)) in programs.iter().enumerate() {
            let same = old
                .iter()
                .position(|program| program.number == *number && program.pmt_pid == *pmt_pid);
            let mut program = match same {
                Some(index) => old.swap_remove(index),
                None => Program::new(*number, *pmt_pid, now),
            };
            let mut before = programs[..index].iter();
            program.shared = before.any(|(_, other)| other == pmt_pid);
            self.programs.push(program);
        }
    }
}

impl Program {
    fn new(number: u16, pmt_pid: Pid, now: Moment) -> Self {
        Self {
            number,
            pmt_pid,
            reader: SectionReader::default(),
            packets: Vec::new(),
            crc: None,
            pcr_pid: Pid::NULL,
            streams: Vec::new(),
            absence: Absence::from(now),
            shared: false,
        }
    }
}

/// A PAT in force. It has one section but with more programs than are read anyway: the first.
fn is_pat(section: &Section<'_>) -> bool {
    section.table_id == PAT_TABLE_ID && section.current && section.number == 0
}

/// The packets of the newest section, in a buffer that grows once.
fn keep(kept: &mut Vec<u8>, packets: &[u8]) {
    kept.clear();
    kept.extend_from_slice(packets);
}

fn programs_of(body: &[u8]) -> Vec<(u16, Pid)> {
    let whole = &body[..body.len() / 4 * 4];
    let program = |entry: ProgramDescriptor| match entry {
        ProgramDescriptor::Program {
            program_number,
            pid,
        } => Some((program_number, Pid::new(pid.into()))),
        ProgramDescriptor::Network { .. } => None,
    };
    PatSection::new(whole)
        .programs()
        .filter_map(program)
        .take(PROGRAMS_MAX + 1)
        .collect()
}

/// The program's `registration_descriptor`.
fn registration(pmt: &PmtSection<'_>) -> Option<FormatIdentifier> {
    let mut descriptors = pmt.descriptors::<CoreDescriptors<'_>>().flatten();
    descriptors.find_map(|descriptor| match descriptor {
        CoreDescriptors::Registration(registration) => Some(registration.format_identifier()),
        _ => None,
    })
}
