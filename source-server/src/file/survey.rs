//! One look through a file: its clock, its programs, and how long a loop must be so that neither
//! the clock nor pictures and sound break.

use std::collections::BTreeMap;
use std::path::Path;

use common::ts::packet::{Pcr, Pid, TsPacket};

use super::FileError;
use super::marks::{Mark, tighten};
use crate::proof;
use crate::psi::{self, PacketBytes};

const TICKS_PER_90KHZ: u64 = 300;
const PTS_WRAP: u64 = 1 << 33;

/// Sound or picture may last so much longer than the bytes, and be waited for with null packets:
/// what a multiplexer sends ahead.
const PADDING_TICKS_MAX: u64 = 3 * Pcr::TICKS_PER_SECOND;

#[derive(Debug)]
pub(super) struct Survey {
    pub(super) pcr_pid: Pid,
    /// From packet 0 to the one behind the last, in order; between two, time runs evenly.
    pub(super) marks: Vec<Mark>,
    /// PCR that packet 0 would have.
    pub(super) first_pcr: Pcr,
    /// Null packets behind the last, until the next loop begins.
    pub(super) padding: usize,
    pub(super) loop_ticks: u64,
    pub(super) pmt_pids: Vec<Pid>,
    pub(super) room_for_proof: bool,
}

/// Decoding times of one elementary stream of pictures or sound.
struct Times {
    video: bool,
    first: u64,
    last: u64,
    /// PES packets, and the TS packets of all but the last of them, and of the last.
    count: u64,
    packets: u64,
    packets_last: u64,
}

impl Survey {
    pub(super) fn of(path: &Path, packets: &mut Vec<PacketBytes>) -> Result<Self, FileError> {
        let views: Vec<TsPacket<'_>> = packets
            .iter()
            .filter_map(|bytes| TsPacket::new(bytes))
            .collect();
        let (pmt_pids, named_pcr_pid, room_for_proof) = programs(packets);
        let first_with_pcr = views
            .iter()
            .find(|packet| packet.pcr().is_some())
            .map(|p| p.pid());
        let pcr_pid = named_pcr_pid
            .filter(|pid| {
                views
                    .iter()
                    .any(|packet| packet.pid() == *pid && packet.pcr().is_some())
            })
            .or(first_with_pcr)
            .ok_or_else(|| FileError::NoClock(path.to_owned()))?;
        let (mut marks, first_pcr) = time_line(path, &views, pcr_pid)?;
        let media_ticks = media_ticks(&views);
        let end = |marks: &[Mark]| marks.last().map_or(0, |mark| mark.ticks);
        let excess = end(&marks).saturating_sub(media_ticks);
        if media_ticks > 0 && excess <= PADDING_TICKS_MAX {
            tighten(packets, &mut marks, excess);
        }
        let (packets_all, bytes_ticks) = (packets.len() as u64, end(&marks));
        let missing = media_ticks.saturating_sub(bytes_ticks);
        let missing = if missing > PADDING_TICKS_MAX {
            0
        } else {
            missing
        };
        // Padding runs at the file's mean rate.
        let padding = (missing * packets_all).div_ceil(bytes_ticks.max(1));
        Ok(Self {
            pcr_pid,
            first_pcr,
            loop_ticks: bytes_ticks + padding * bytes_ticks / packets_all.max(1),
            padding: usize::try_from(padding).unwrap_or(0),
            marks,
            pmt_pids,
            room_for_proof,
        })
    }
}

/// The time of each PCR, and of both ends by the mean rate.
fn time_line(
    path: &Path,
    packets: &[TsPacket<'_>],
    pid: Pid,
) -> Result<(Vec<Mark>, Pcr), FileError> {
    let mut marks: Vec<Mark> = Vec::new();
    let mut last: Option<Pcr> = None;
    let mut first = Pcr(0);
    for (index, packet) in packets
        .iter()
        .enumerate()
        .filter(|(_, packet)| packet.pid() == pid)
    {
        let Some(pcr) = packet.pcr() else { continue };
        let ticks = match (last, marks.last()) {
            (Some(before), Some(mark)) => {
                let step = pcr.since(before);
                if step == 0 || step > Pcr::TICKS_PER_SECOND {
                    return Err(FileError::ClockBreaks {
                        path: path.to_owned(),
                        packet: index,
                    });
                }
                mark.ticks + step
            }
            _ => {
                first = pcr;
                0
            }
        };
        marks.push(Mark {
            packet: index,
            ticks,
            advance: 0,
        });
        last = Some(pcr);
    }
    let (Some(begin), Some(end)) = (marks.first().copied(), marks.last().copied()) else {
        return Err(FileError::NoClock(path.to_owned()));
    };
    let (span, ticks) = ((end.packet - begin.packet) as u64, end.ticks);
    if span == 0 {
        return Err(FileError::NoClock(path.to_owned()));
    }
    // Packets in front of the first PCR and behind the last: at the mean rate.
    let before = begin.packet as u64 * ticks / span;
    let after = (packets.len() - end.packet) as u64 * ticks / span;
    for mark in &mut marks {
        mark.ticks += before;
    }
    if begin.packet > 0 {
        marks.insert(
            0,
            Mark {
                packet: 0,
                ticks: 0,
                advance: 0,
            },
        );
    }
    marks.push(Mark {
        packet: packets.len(),
        ticks: before + ticks + after,
        advance: 0,
    });
    Ok((
        marks,
        Pcr((first.0 + Pcr::WRAP - before % Pcr::WRAP) % Pcr::WRAP),
    ))
}

/// PIDs of PMTs, the first program's PCR PID, and whether a PMT takes the proof.
fn programs(packets: &[PacketBytes]) -> (Vec<Pid>, Option<Pid>, bool) {
    let section = |packet: &PacketBytes, table: u8| -> Option<Vec<u8>> {
        let payload = TsPacket::new(packet)
            .filter(|packet| packet.pusi())?
            .payload();
        let section = payload.get(1 + usize::from(*payload.first()?)..)?;
        let section = section.get(..psi::section_length(section)?)?;
        (section[0] == table).then(|| section.to_vec())
    };
    let pid_at = |bytes: &[u8]| Pid::new(u16::from_be_bytes([bytes[0], bytes[1]]));
    let of_pid = |pid: Pid| {
        packets
            .iter()
            .filter(move |packet| TsPacket::new(*packet).is_some_and(|view| view.pid() == pid))
    };
    let pat = of_pid(Pid::PAT).find_map(|packet| section(packet, 0x00));
    let pmt_pids: Vec<Pid> = pat.map_or_else(Vec::new, |pat| {
        let entries = &pat[8..pat.len() - 4];
        // Program 0 names the network PID.
        entries
            .chunks_exact(4)
            .filter(|entry| entry[..2] != [0, 0])
            .map(|entry| pid_at(&entry[2..]))
            .collect()
    });
    let first = pmt_pids.first().copied();
    let pcr_pid = first
        .and_then(|pid| of_pid(pid).find_map(|packet| section(packet, 0x02)))
        .map(|pmt| pid_at(&pmt[8..10]));
    let room = first.is_some_and(|pid| {
        of_pid(pid).any(|packet| psi::pmt_with(packet, &proof::ELEMENTARY).is_some())
    });
    (pmt_pids, pcr_pid, room)
}

/// How long the longest elementary stream lasts, its last frame included.
fn media_ticks(packets: &[TsPacket<'_>]) -> u64 {
    let mut streams: BTreeMap<Pid, Times> = BTreeMap::new();
    for packet in packets {
        let begins = is_media(*packet).then(|| decoding_time(*packet)).flatten();
        let Some(time) = begins else {
            if let Some(times) = streams.get_mut(&packet.pid()) {
                times.packets_last += u64::from(packet.has_payload());
            }
            continue;
        };
        let times = streams
            .entry(packet.pid())
            .or_insert_with(|| Times::new(*packet, time));
        // Pictures out of order never lie far apart; what seems to is behind, not ahead.
        if (time + PTS_WRAP - times.last) % PTS_WRAP < PTS_WRAP / 2 {
            times.last = time;
        }
        times.count += 1;
        times.packets += times.packets_last;
        times.packets_last = 1;
    }
    let longest = streams.values().map(Times::lasts).max().unwrap_or(0);
    longest * TICKS_PER_90KHZ
}

impl Times {
    fn new(packet: TsPacket<'_>, time: u64) -> Self {
        Self {
            video: packet.payload().get(3).is_some_and(|id| id & 0xf0 == 0xe0),
            first: time,
            last: time,
            count: 0,
            packets: 0,
            packets_last: 0,
        }
    }

    /// Pictures follow evenly, one in each PES packet; of sound there are some frames in one, and
    /// the last is as long as its share of the packets.
    fn lasts(&self) -> u64 {
        let span = (self.last + PTS_WRAP - self.first) % PTS_WRAP;
        let last = match self.count {
            0 | 1 => 0,
            count if self.video => span / (count - 1),
            _ => span * self.packets_last / self.packets.max(1),
        };
        span + last
    }
}

/// A PES packet of video, MPEG audio or private stream 1 (AC-3 and the like) begins here
/// (ISO/IEC 13818-1, table 2-22).
fn is_media(packet: TsPacket<'_>) -> bool {
    packet
        .payload()
        .get(3)
        .is_some_and(|id| matches!(id, 0xbd | 0xc0..=0xef))
}

/// The DTS, or else the PTS, of the PES packet that begins in `packet`.
fn decoding_time(packet: TsPacket<'_>) -> Option<u64> {
    let places = time_places(packet);
    let at = places[1].or(places[0])?;
    Some(read_time(&packet.bytes()[at..at + 5]))
}

/// Places of PTS and DTS in a packet that begins a PES packet (ISO/IEC 13818-1, 2.4.3.6).
pub(super) fn time_places(packet: TsPacket<'_>) -> [Option<usize>; 2] {
    if !packet.pusi() || packet.scrambled() {
        return [None; 2];
    }
    let payload = packet.payload();
    let start = packet.bytes().len() - payload.len();
    let (Some(&[0, 0, 1, stream]), Some(&flags)) = (payload.first_chunk::<4>(), payload.get(7))
    else {
        return [None; 2];
    };
    // Those that have no such header: program map, private 2, ECM, EMM, directory, DSM-CC, H.222.1 E.
    let bare = matches!(
        stream,
        0xbc | 0xbf | 0xf0 | 0xf1 | 0xff | 0xf2 | 0xf8 | 0xbe
    );
    if bare || payload[6] & 0xc0 != 0x80 {
        return [None; 2];
    }
    let place = |offset: usize, bit: u8| {
        (flags & bit == bit && payload.len() >= offset + 5).then_some(start + offset)
    };
    [place(9, 0x80), place(14, 0xc0)]
}

pub(super) fn read_time(bytes: &[u8]) -> u64 {
    let part = |index: usize| u64::from(bytes[index]);
    (part(0) >> 1 & 7) << 30 | part(1) << 22 | (part(2) >> 1) << 15 | part(3) << 7 | part(4) >> 1
}
