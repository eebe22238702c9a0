//! A TS file in memory, and what must be known of it to loop it without a break.
//!
//! [`TsFile`] is read once and shared by all streams of it; [`replay::FileLoop`] is one stream's
//! place in it. Both know no clock of this machine.

mod marks;
mod replay;
mod survey;

pub use replay::FileLoop;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use common::ts::packet::{PACKET_BYTES, PACKET_RS_BYTES, Pid, SYNC_BYTE};

use crate::limits::FILE_BYTES_MAX;
use crate::psi::PacketBytes;
use survey::Survey;

/// A file as a run of whole packets, with its time line.
#[derive(Debug)]
pub struct TsFile {
    path: PathBuf,
    packets: Vec<PacketBytes>,
    survey: Survey,
}

/// Why a file can't be sent. The message names it.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot read {path:?}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{0:?} has more than {FILE_BYTES_MAX} bytes, which is the most that is held in memory")]
    TooLarge(PathBuf),
    #[error("{0:?} is no TS file: no run of packets of 188 or 204 bytes that begin with 0x47")]
    NotTs(PathBuf),
    #[error("{path:?} loses its packets at byte {at}: no 0x47 there")]
    SyncLost { path: PathBuf, at: usize },
    #[error("{0:?} has no two PCRs, so nobody knows its rate")]
    NoClock(PathBuf),
    #[error(
        "{path:?} has a PCR at packet {packet} that does not follow within 1 s of the one before: such a break can't be sent evenly"
    )]
    ClockBreaks { path: PathBuf, packet: usize },
    #[error(
        "{0:?} has no PMT that could name the proof: none in one packet with room for 11 bytes"
    )]
    NoRoomForProof(PathBuf),
}

impl TsFile {
    /// Reads a file of packets of 188 or 204 bytes.
    ///
    /// # Errors
    /// When it can't be read, is too large, or can't be looped.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let fail = |source| FileError::Read {
            path: path.to_owned(),
            source,
        };
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
            .map_err(fail)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(FileError::TooLarge(path.to_owned()));
        }
        Self::from_bytes(path, &bytes)
    }

    /// A file of these bytes; `path` is for messages.
    ///
    /// # Errors
    /// When they can't be looped.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, FileError> {
        let mut packets = packets_of(path, bytes)?;
        let survey = Survey::of(path, &mut packets)?;
        Ok(Self {
            path: path.to_owned(),
            packets,
            survey,
        })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its PMT has room to name the proof's PID.
    #[must_use]
    pub fn has_room_for_proof(&self) -> bool {
        self.survey.room_for_proof
    }

    /// PIDs of the programs' PMTs.
    #[must_use]
    pub fn pmt_pids(&self) -> &[Pid] {
        &self.survey.pmt_pids
    }

    /// How long one loop is, in ticks of 27 MHz.
    #[must_use]
    pub fn loop_ticks(&self) -> u64 {
        self.survey.loop_ticks
    }
}

/// Whole packets; bytes in front of the first and a cut one at the end are left out.
fn packets_of(path: &Path, bytes: &[u8]) -> Result<Vec<PacketBytes>, FileError> {
    /// So many sync bytes in a row tell packets from chance (TR 101 290, 1.1).
    const GOOD: usize = 5;
    let begins = |start: usize, stride: usize| {
        (0..GOOD).all(|n| bytes.get(start + n * stride) == Some(&SYNC_BYTE))
    };
    let found = [PACKET_BYTES, PACKET_RS_BYTES]
        .into_iter()
        .find_map(|stride| {
            (0..stride)
                .find(|start| begins(*start, stride))
                .map(|start| (start, stride))
        });
    let (start, stride) = found.ok_or_else(|| FileError::NotTs(path.to_owned()))?;
    let mut packets = Vec::with_capacity(bytes.len() / stride);
    for (index, place) in bytes[start..].chunks_exact(stride).enumerate() {
        if place[0] != SYNC_BYTE {
            return Err(FileError::SyncLost {
                path: path.to_owned(),
                at: start + index * stride,
            });
        }
        let mut packet = [0; PACKET_BYTES];
        packet.copy_from_slice(&place[..PACKET_BYTES]);
        packets.push(packet);
    }
    Ok(packets)
}

#[cfg(test)]
mod tests;
