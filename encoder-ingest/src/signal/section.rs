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
#[derive(Debug, Clone, Copy)]
pub enum Read<'a> {
    Whole(Section<'a>),
    /// A section without the long header, of this `table_id`; its content is not looked at.
    Short(u8),
    /// The CRC of a section of this `table_id` is wrong.
    CrcError(u8),
    /// Longer than [`SECTION_BYTES_MAX`].
    TooLong,
}

/// Header of a section with syntax: `table_id` to `last_section_number`.
const HEADER_BYTES: usize = 8;
const CRC_BYTES: usize = 4;

/// `table_id` and `section_length`, which counts what follows.
const LENGTH_BYTES: usize = 3;

/// Where a section would begin: no more of them in this packet (2.4.4).
const STUFFING: u8 = 0xff;

/// The `time_offset_section` has a CRC although it has no long header (EN 300 468, 5.2.6).
const TOT_TABLE_ID: u8 = 0x73;

impl SectionReader {
    /// Takes the next packet of the PID; tells `each` section that is whole with it.
    pub fn packet(&mut self, packet: TsPacket<'_>, mut each: impl FnMut(Read<'_>)) {
        let payload = packet.payload();
        let mut fresh = payload;
        if packet.pusi() {
            let Some((pointer, rest)) = payload.split_first() else {
                return;
            };
            let Some((tail, begin)) = rest.split_at_checked(usize::from(*pointer)) else {
                self.interrupt();
                return;
            };
            if self.reading && !tail.is_empty() {
                self.take(packet, tail);
                if self.is_whole() {
                    each(self.finish());
                }
            }
            self.begin();
            fresh = begin;
        }
        while self.reading {
            fresh = self.take(packet, fresh);
            if !self.is_whole() {
                return;
            }
            let too_long = self.section.len() >= SECTION_BYTES_MAX;
            each(self.finish());
            let another = fresh.first().is_some_and(|byte| *byte != STUFFING);
            if another && !too_long {
                self.begin();
            } else {
                self.interrupt();
            }
        }
    }

    fn begin(&mut self) {
        self.interrupt();
        self.reading = true;
    }

    /// A packet is missing: what was read so far is worthless.
    pub fn interrupt(&mut self) {
        self.reading = false;
        self.section.clear();
        self.packets.clear();
    }

    /// Takes what belongs to the section; answers the rest.
    fn take<'a>(&mut self, packet: TsPacket<'_>, bytes: &'a [u8]) -> &'a [u8] {
        if self.packets.len() <= PRELUDE_PACKETS_MAX * PACKET_BYTES {
            self.packets.extend_from_slice(packet.bytes());
        }
        let mut rest = bytes;
        // Its length is in its first three bytes.
        for _ in 0..2 {
            let wanted = self.length().unwrap_or(LENGTH_BYTES).min(SECTION_BYTES_MAX);
            let missing = wanted.saturating_sub(self.section.len()).min(rest.len());
            let (taken, left) = rest.split_at(missing);
            self.section.extend_from_slice(taken);
            rest = left;
        }
        rest
    }

    fn length(&self) -> Option<usize> {
        let [_, high, low, ..] = *self.section.as_slice() else {
            return None;
        };
        Some(LENGTH_BYTES + usize::from(u16::from_be_bytes([high & 0x0f, low])))
    }

    fn is_whole(&self) -> bool {
        self.length()
            .is_some_and(|length| self.section.len() >= length.min(SECTION_BYTES_MAX))
    }

    fn finish(&mut self) -> Read<'_> {
        self.reading = false;
        let length = self.length().unwrap_or(0);
        let Some(section) = self.section.get(..length) else {
            return Read::TooLong;
        };
        let [table_id, flags, ..] = *section else {
            return Read::TooLong;
        };
        let has_syntax = flags & 0x80 != 0;
        if (has_syntax || table_id == TOT_TABLE_ID) && crc32(section) != 0 {
            return Read::CrcError(table_id);
        }
        if section.len() < HEADER_BYTES + CRC_BYTES || !has_syntax {
            return Read::Short(table_id);
        }
        let crc = &section[length - CRC_BYTES..];
        let fits = self.packets.len() <= PRELUDE_PACKETS_MAX * PACKET_BYTES;
        Read::Whole(Section {
            table_id,
            extension: u16::from_be_bytes([section[3], section[4]]),
            number: section[6],
            crc: u32::from_be_bytes([crc[0], crc[1], crc[2], crc[3]]),
            current: section[5] & 1 != 0,
            body: &section[HEADER_BYTES..length - CRC_BYTES],
            packets: if fits { &self.packets } else { &[] },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(start: bool, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x47, u8::from(start) << 6 | 1, 0, 0x10];
        packet.extend_from_slice(payload);
        packet.resize(PACKET_BYTES, 0xff);
        packet
    }

    fn section(extension: u8, length: usize) -> Vec<u8> {
        let mut section = vec![0x4e, 0xb0, 0, 0, extension, 0xc1, 0, 0];
        section.resize(length - CRC_BYTES, extension);
        let [high, low] = u16::try_from(length - LENGTH_BYTES)
            .expect("short")
            .to_be_bytes();
        section[1] |= high;
        section[2] = low;
        section.extend_from_slice(&crc32(&section).to_be_bytes());
        section
    }

    /// What each of the packets completes: the extension of a section, or what is wrong.
    fn read(packets: &[Vec<u8>]) -> Vec<String> {
        let (mut reader, mut all) = (SectionReader::default(), Vec::new());
        for bytes in packets {
            let packet = TsPacket::new(bytes).expect("sync");
            reader.packet(packet, |read| {
                all.push(match read {
                    Read::Whole(section) => section.extension.to_string(),
                    Read::Short(id) => format!("short {id}"),
                    Read::CrcError(id) => format!("crc {id}"),
                    Read::TooLong => "too long".to_owned(),
                });
            });
        }
        all
    }

    #[test]
    fn sections_stand_back_to_back_over_packets() {
        let all: Vec<u8> = [
            section(1, 20),
            section(2, 300),
            section(3, 12),
            section(4, 16),
        ]
        .concat();
        // The first packet begins with the first; the second says where the third begins.
        let first = [&[0], &all[..183]].concat();
        let rest = &all[183..];
        let pointer = u8::try_from(20 + 300 - 183).expect("small");
        let second = [&[pointer], rest].concat();
        assert_eq!(
            read(&[packet(true, &first), packet(true, &second)]),
            ["1", "2", "3", "4"]
        );
        // Without the first packet the second begins with the third.
        assert_eq!(read(&[packet(true, &second)]), ["3", "4"]);
    }

    #[test]
    fn headers_may_be_cut_anywhere() {
        let (one, other) = (section(1, 182), section(2, 40));
        let all = [&one[..], &other].concat();
        let first = [&[0], &all[..183]].concat();
        let second = [&[39], &all[183..]].concat();
        assert_eq!(
            read(&[packet(true, &first), packet(true, &second)]),
            ["1", "2"]
        );
    }

    #[test]
    fn what_is_wrong_is_told() {
        let mut damaged = section(1, 30);
        damaged[12] ^= 1;
        let damaged = [&[0], &damaged[..], &section(2, 30)].concat();
        assert_eq!(read(&[packet(true, &damaged)]), ["crc 78", "2"]);
        let short = [0, 0x70, 0x70, 5, 1, 2, 3, 4, 5];
        assert_eq!(read(&[packet(true, &short)]), ["short 112"]);
        let long = [0, 0x4e, 0xbf, 0xff];
        let mut packets = vec![packet(true, &long)];
        packets.resize(30, packet(false, &[]));
        assert_eq!(read(&packets), ["too long"]);
    }
}
