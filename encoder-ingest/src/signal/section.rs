//! Sections out of the packets of one PID (ISO/IEC 13818-1, 2.4.4), with the packets themselves:
//! a viewer's start repeats them as they were.

use common::ts::crc::crc32;
use common::ts::packet::{PACKET_BYTES, TsPacket};

use crate::limits::{PRELUDE_PACKETS_MAX, SECTION_BYTES_MAX};

/// Collects one section at a time.
#[derive(Debug, Default)]
pub struct SectionReader {
    section: Vec<u8>,
    packets: Vec<u8>,
    reading: bool,
}

/// A whole section whose CRC is right, and the packets that brought it.
#[derive(Debug, Clone, Copy)]
pub struct Section<'a> {
    pub table_id: u8,
    /// `table_id_extension`: `transport_stream_id`, `program_number`.
    pub extension: u16,
    /// `section_number`.
    pub number: u8,
    /// Tells one content from another, also where an encoder leaves the version as it was.
    pub crc: u32,
    pub current: bool,
    /// Behind the eight bytes of header, before the CRC.
    pub body: &'a [u8],
    /// Whole TS packets; empty when there were more than a prelude holds.
    pub packets: &'a [u8],
}

/// What a packet completed.
#[derive(Debug)]
pub enum Read<'a> {
    Nothing,
    Whole(Section<'a>),
    CrcError,
}

/// Header of a section with syntax: `table_id` to `last_section_number`.
const HEADER_BYTES: usize = 8;
const CRC_BYTES: usize = 4;

impl SectionReader {
    /// Takes the next packet of the PID; answers the first section that is whole with it. Further
    /// sections that begin in the same packet are read when they are repeated in one of their own.
    pub fn packet(&mut self, packet: TsPacket<'_>) -> Read<'_> {
        let payload = packet.payload();
        let mut fresh = payload;
        if packet.pusi() {
            let Some((pointer, rest)) = payload.split_first() else {
                return Read::Nothing;
            };
            let Some((tail, begin)) = rest.split_at_checked(usize::from(*pointer)) else {
                self.interrupt();
                return Read::Nothing;
            };
            if self.reading && !tail.is_empty() {
                self.take(packet, tail);
                if self.is_whole() {
                    return self.finish();
                }
            }
            self.interrupt();
            self.reading = true;
            fresh = begin;
        }
        if !self.reading {
            return Read::Nothing;
        }
        self.take(packet, fresh);
        if self.is_whole() {
            self.finish()
        } else {
            Read::Nothing
        }
    }

    /// A packet is missing: what was read so far is worthless.
    pub fn interrupt(&mut self) {
        self.reading = false;
        self.section.clear();
        self.packets.clear();
    }

    fn take(&mut self, packet: TsPacket<'_>, bytes: &[u8]) {
        let room = SECTION_BYTES_MAX.saturating_sub(self.section.len());
        self.section
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        if self.packets.len() <= PRELUDE_PACKETS_MAX * PACKET_BYTES {
            self.packets.extend_from_slice(packet.bytes());
        }
    }

    fn length(&self) -> Option<usize> {
        let [_, high, low, ..] = *self.section.as_slice() else {
            return None;
        };
        Some(3 + usize::from(u16::from_be_bytes([high & 0x0f, low])))
    }

    fn is_whole(&self) -> bool {
        self.length()
            .is_some_and(|length| self.section.len() >= length.min(SECTION_BYTES_MAX))
    }

    fn finish(&mut self) -> Read<'_> {
        self.reading = false;
        let length = self.length().unwrap_or(0);
        let section = self.section.get(..length).unwrap_or_default();
        let has_syntax = section.get(1).is_some_and(|byte| byte & 0x80 != 0);
        if section.len() < HEADER_BYTES + CRC_BYTES || !has_syntax {
            return Read::Nothing;
        }
        if crc32(section) != 0 {
            return Read::CrcError;
        }
        let crc = &section[length - CRC_BYTES..];
        let fits = self.packets.len() <= PRELUDE_PACKETS_MAX * PACKET_BYTES;
        Read::Whole(Section {
            table_id: section[0],
            extension: u16::from_be_bytes([section[3], section[4]]),
            number: section[6],
            crc: u32::from_be_bytes([crc[0], crc[1], crc[2], crc[3]]),
            current: section[5] & 1 != 0,
            body: &section[HEADER_BYTES..length - CRC_BYTES],
            packets: if fits { &self.packets } else { &[] },
        })
    }
}
