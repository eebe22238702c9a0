//! PAT and PMT (ISO/IEC 13818-1, 2.4.4.3 and 2.4.4.8): which programs there are, what they consist
//! of, and the packets that said so last.

use common::api::channel::{ElementaryStream, Service};
use common::ts::packet::{Pid, TsPacket};
use mpeg2ts_reader::StreamType;
use mpeg2ts_reader::descriptor::CoreDescriptors;
use mpeg2ts_reader::psi::pat::{PatSection, ProgramDescriptor};
use mpeg2ts_reader::psi::pmt::{PmtSection, StreamInfo};

use super::access::VideoKind;
use super::names::Names;
use super::pids::{PidTable, Role};
use super::prelude::Prelude;
use super::section::{Read, Section, SectionReader};
use crate::limits::{PROGRAM_STREAMS_MAX, PROGRAMS_MAX};

const PAT_TABLE_ID: u8 = 0x00;
const PMT_TABLE_ID: u8 = 0x02;

/// The tables of one channel.
#[derive(Debug, Default)]
pub struct Tables {
    pat: SectionReader,
    pat_packets: Vec<u8>,
    /// Of the section that was read last.
    pat_crc: Option<u32>,
    programs: Vec<Program>,
}

#[derive(Debug)]
struct Program {
    number: u16,
    pmt_pid: Pid,
    reader: SectionReader,
    packets: Vec<u8>,
    /// Of the section that was read last; none: not known yet.
    crc: Option<u32>,
    pcr_pid: Pid,
    streams: Vec<Elementary>,
}

/// An elementary stream that a PMT lists.
#[derive(Debug)]
struct Elementary {
    pid: Pid,
    coding: Coding,
    language: Option<String>,
}

/// What a stream is, by its `stream_type` and descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Video(VideoKind, &'static str),
    Audio(&'static str),
    Data(&'static str),
}

impl Tables {
    /// Takes a packet of a table's PID. Answers whether programs or their streams changed.
    pub fn packet(&mut self, role: Role, packet: TsPacket<'_>, crc_errors: &mut u64) -> bool {
        match role {
            Role::Pat => match self.pat.packet(packet) {
                Read::Whole(section) if is_pat(&section) => {
                    keep(&mut self.pat_packets, section.packets);
                    if self.pat_crc.replace(section.crc) == Some(section.crc) {
                        return false;
                    }
                    let programs = programs_of(section.body);
                    self.replace_programs(&programs);
                    true
                }
                Read::CrcError => {
                    *crc_errors += 1;
                    false
                }
                Read::Whole(_) | Read::Nothing => false,
            },
            Role::Pmt(first) => self.pmt_packet(first, packet, crc_errors),
            Role::Other | Role::Sdt | Role::Video(_) | Role::Audio => false,
        }
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
            Role::Other | Role::Sdt | Role::Video(_) | Role::Audio => {}
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
                    Coding::Audio(_) | Coding::Data(_) => None,
                });
            let audio = || {
                let is_audio = |stream: &&Elementary| matches!(stream.coding, Coding::Audio(_));
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

    pub fn services(&self, pids: &mut PidTable, names: &Names, elapsed_ms: u64) -> Vec<Service> {
        let stream = |stream: &Elementary, pids: &mut PidTable| {
            let rate = pids.rate(stream.pid);
            let bits = rate.packets * common::ts::packet::PACKET_BYTES as u64 * 8;
            ElementaryStream {
                pid: stream.pid.value(),
                kind: stream.coding.name().to_owned(),
                detail: String::new(),
                language: stream.language.clone(),
                bitrate_bps: bits * 1000 / elapsed_ms.max(1),
                scrambled: rate.scrambled,
            }
        };
        let known = self.programs.iter().filter(|program| program.crc.is_some());
        known
            .map(|program| Service {
                service_id: program.number,
                name: names
                    .of(program.number)
                    .map(|one| one.name.clone())
                    .unwrap_or_default(),
                provider: names
                    .of(program.number)
                    .map(|one| one.provider.clone())
                    .unwrap_or_default(),
                pmt_pid: program.pmt_pid.value(),
                pcr_pid: program.pcr_pid.value(),
                streams: program
                    .streams
                    .iter()
                    .map(|one| stream(one, pids))
                    .collect(),
            })
            .collect()
    }

    fn pmt_packet(&mut self, first: u8, packet: TsPacket<'_>, crc_errors: &mut u64) -> bool {
        let Some(program) = self.programs.get_mut(usize::from(first)) else {
            return false;
        };
        let mut reader = std::mem::take(&mut program.reader);
        let changed = match reader.packet(packet) {
            Read::Whole(section) if section.table_id == PMT_TABLE_ID && section.current => {
                self.pmt_section(packet.pid(), section)
            }
            Read::CrcError => {
                *crc_errors += 1;
                false
            }
            Read::Whole(_) | Read::Nothing => false,
        };
        if let Some(program) = self.programs.get_mut(usize::from(first)) {
            program.reader = reader;
        }
        changed
    }

    /// A PMT section: programs may share the PID, the section's number tells whose it is.
    fn pmt_section(&mut self, pid: Pid, section: Section<'_>) -> bool {
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
        program.streams = pmt
            .streams()
            .take(PROGRAM_STREAMS_MAX)
            .map(|info| stream_of(&info))
            .collect();
        true
    }

    fn replace_programs(&mut self, programs: &[(u16, Pid)]) {
        let mut old = std::mem::take(&mut self.programs);
        for (number, pmt_pid) in programs {
            let same = old
                .iter()
                .position(|program| program.number == *number && program.pmt_pid == *pmt_pid);
            self.programs.push(match same {
                Some(index) => old.swap_remove(index),
                None => Program::new(*number, *pmt_pid),
            });
        }
    }
}

impl Program {
    fn new(number: u16, pmt_pid: Pid) -> Self {
        Self {
            number,
            pmt_pid,
            reader: SectionReader::default(),
            packets: Vec::new(),
            crc: None,
            pcr_pid: Pid::NULL,
            streams: Vec::new(),
        }
    }
}

impl Coding {
    fn name(self) -> &'static str {
        match self {
            Self::Video(_, name) | Self::Audio(name) | Self::Data(name) => name,
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
        .take(PROGRAMS_MAX)
        .collect()
}

fn stream_of(info: &StreamInfo<'_>) -> Elementary {
    let (mut language, mut tags) = (None, Vec::new());
    for descriptor in info.descriptors::<CoreDescriptors<'_>>().flatten() {
        match descriptor {
            CoreDescriptors::ISO639Language(languages) => {
                let first = languages.languages().flatten().next();
                language = first.map(|one| one.code().into_owned());
            }
            CoreDescriptors::UserPrivate(descriptor) => tags.push(descriptor.tag),
            _ => {}
        }
    }
    let coding = coding_of(info.stream_type(), &tags);
    Elementary {
        pid: Pid::new(info.elementary_pid().into()),
        coding,
        language,
    }
}

/// ISO/IEC 13818-1, table 2-34; ETSI TS 101 154 and EN 300 468, annex D, for private data.
fn coding_of(kind: StreamType, private_tags: &[u8]) -> Coding {
    /// Descriptor tags of EN 300 468, table 12.
    const AC3: u8 = 0x6a;
    const EAC3: u8 = 0x7a;
    const DTS: u8 = 0x7b;
    const SUBTITLING: u8 = 0x59;
    const TELETEXT: u8 = 0x56;
    match u8::from(kind) {
        0x01 => Coding::Video(VideoKind::Mpeg2, "mpeg1video"),
        0x02 => Coding::Video(VideoKind::Mpeg2, "mpeg2video"),
        0x1b => Coding::Video(VideoKind::H264, "h264"),
        0x24 => Coding::Video(VideoKind::Hevc, "hevc"),
        0x33 => Coding::Video(VideoKind::Flagged, "vvc"),
        0x42 => Coding::Video(VideoKind::Flagged, "avs"),
        0xd2 => Coding::Video(VideoKind::Flagged, "avs2"),
        0xd4 => Coding::Video(VideoKind::Flagged, "avs3"),
        0xea => Coding::Video(VideoKind::Flagged, "vc1"),
        0x03 | 0x04 => Coding::Audio("mp2"),
        0x0f => Coding::Audio("aac"),
        0x11 => Coding::Audio("aac_latm"),
        0x81 => Coding::Audio("ac3"),
        0x87 => Coding::Audio("eac3"),
        0x86 => Coding::Data("scte35"),
        0x05 => Coding::Data("private_sections"),
        0x06 if private_tags.contains(&AC3) => Coding::Audio("ac3"),
        0x06 if private_tags.contains(&EAC3) => Coding::Audio("eac3"),
        0x06 if private_tags.contains(&DTS) => Coding::Audio("dts"),
        0x06 if private_tags.contains(&SUBTITLING) => Coding::Data("dvb_subtitle"),
        0x06 if private_tags.contains(&TELETEXT) => Coding::Data("dvb_teletext"),
        0x06 => Coding::Data("private_data"),
        _ => Coding::Data("unknown"),
    }
}
