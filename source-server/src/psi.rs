//! The tables that name a stream's parts: PAT, PMT (ISO/IEC 13818-1, 2.4.4) and SDT
//! (ETSI EN 300 468, 5.2.3), each as one TS packet.

use common::ts::crc::crc32;
use common::ts::packet::{PACKET_BYTES, Pid, SYNC_BYTE};

/// One packet's bytes.
pub type PacketBytes = [u8; PACKET_BYTES];

/// What a section may hold in one packet behind the header of 4 bytes and the pointer field.
pub const SECTION_BYTES_MAX: usize = PACKET_BYTES - 5;

/// Longest service name and provider; longer ones are cut at a character.
const NAME_BYTES_MAX: usize = 60;

/// One elementary stream as the PMT lists it.
#[derive(Debug, Clone, Copy)]
pub struct Elementary {
    pub stream_type: u8,
    pub pid: Pid,
    pub descriptors: &'static [u8],
}

/// The PAT of a stream with one program.
#[must_use]
pub fn pat(transport_stream_id: u16, program: u16, pmt_pid: Pid) -> PacketBytes {
    let mut body = table_head(transport_stream_id);
    body.extend(program.to_be_bytes());
    body.extend((0xe000 | pmt_pid.value()).to_be_bytes());
    packet(Pid::PAT, &section(0x00, 0xb0, body))
}

/// The PMT of a program.
#[must_use]
pub fn pmt(pmt_pid: Pid, program: u16, pcr_pid: Pid, streams: &[Elementary]) -> PacketBytes {
    let mut body = table_head(program);
    body.extend((0xe000 | pcr_pid.value()).to_be_bytes());
    body.extend([0xf0, 0]);
    for stream in streams {
        body.extend(entry(stream));
    }
    packet(pmt_pid, &section(0x02, 0xb0, body))
}

/// The SDT of the actual stream, with its one service: digital television, running, not scrambled.
#[must_use]
pub fn sdt(transport_stream_id: u16, service: u16, provider: &str, name: &str) -> PacketBytes {
    const ORIGINAL_NETWORK_ID: u16 = 0xff00; // private temporary use (ETSI TS 101 162)
    let (provider, name) = (dvb_text(provider), dvb_text(name));
    let mut descriptor = vec![0x48, 0, 0x01];
    for text in [provider, name] {
        descriptor.push(one_byte(text.len()));
        descriptor.extend(text);
    }
    descriptor[1] = one_byte(descriptor.len() - 2);
    let mut body = table_head(transport_stream_id);
    body.extend(ORIGINAL_NETWORK_ID.to_be_bytes());
    body.push(0xff);
    body.extend(service.to_be_bytes());
    body.push(0xfc);
    body.extend([0x80, one_byte(descriptor.len())]);
    body.extend(descriptor);
    packet(Pid::SDT, &section(0x42, 0xf0, body))
}

/// `packet`, which holds one whole PMT section, with `added` at the end of its list. None when it
/// holds none, or there is no room.
#[must_use]
pub fn pmt_with(packet: &PacketBytes, added: &Elementary) -> Option<PacketBytes> {
    let start = if packet[3] & 0x20 == 0 {
        4
    } else {
        5 + usize::from(packet[4])
    };
    let pointer = usize::from(*packet.get(start)?);
    let section = packet.get(start + 1 + pointer..)?;
    let length = section_length(section)?;
    let section = section.get(..length)?;
    if section[0] != 0x02 || crc32(section) != 0 {
        return None;
    }
    let mut body = section[3..length - 4].to_vec();
    body.extend(entry(added));
    let section = finished(0x02, 0xb0, &body);
    (section.len() <= SECTION_BYTES_MAX).then(|| {
        let mut made = self::packet(
            Pid::new(u16::from_be_bytes([packet[1], packet[2]])),
            &section,
        );
        made[3] |= packet[3] & 0x0f;
        made
    })
}

/// Length of a section with its first three bytes; none when these are not there.
#[must_use]
pub fn section_length(section: &[u8]) -> Option<usize> {
    let (high, low) = (*section.get(1)?, *section.get(2)?);
    let length = 3 + (usize::from(high & 0x0f) << 8 | usize::from(low));
    (length >= 12).then_some(length)
}

/// Identifier, version 0 and current, section 0 of 0.
fn table_head(identifier: u16) -> Vec<u8> {
    let mut head = identifier.to_be_bytes().to_vec();
    head.extend([0xc1, 0, 0]);
    head
}

fn entry(stream: &Elementary) -> Vec<u8> {
    let mut entry = vec![stream.stream_type];
    entry.extend((0xe000 | stream.pid.value()).to_be_bytes());
    entry.extend([0xf0, one_byte(stream.descriptors.len())]);
    entry.extend(stream.descriptors);
    entry
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "each body is made for this call"
)]
fn section(table: u8, flags: u8, body: Vec<u8>) -> Vec<u8> {
    finished(table, flags, &body)
}

fn finished(table: u8, flags: u8, body: &[u8]) -> Vec<u8> {
    let length = body.len() + 4;
    let mut section = vec![
        table,
        flags | one_byte(length >> 8),
        one_byte(length & 0xff),
    ];
    section.extend(body);
    section.extend(crc32(&section).to_be_bytes());
    section
}

/// A packet with `section`, which fits, and continuity counter 0.
fn packet(pid: Pid, section: &[u8]) -> PacketBytes {
    let mut packet = [0xff; PACKET_BYTES];
    let [high, low] = pid.value().to_be_bytes();
    packet[..5].copy_from_slice(&[SYNC_BYTE, 0x40 | high, low, 0x10, 0]);
    let room = section.len().min(SECTION_BYTES_MAX);
    packet[5..5 + room].copy_from_slice(&section[..room]);
    packet
}

/// Text as DVB writes it (EN 300 468, annex A): plain where it is ASCII, else marked as UTF-8.
fn dvb_text(text: &str) -> Vec<u8> {
    let mut end = text.len().min(NAME_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &text[..end];
    let mut bytes = if text.is_ascii() { vec![] } else { vec![0x15] };
    bytes.extend(text.bytes());
    bytes
}

/// Lengths here are bounded far below 256 by the packet.
fn one_byte(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(packet: &PacketBytes) -> &[u8] {
        let length = section_length(&packet[5..]).expect("section");
        &packet[5..5 + length]
    }

    #[test]
    fn tables_are_those_of_the_standard() {
        let made = pat(1, 1, Pid::new(0x100));
        // A PAT as every multiplexer writes it; its CRC is known from ffmpeg's for these ids.
        assert_eq!(
            sections(&made),
            [
                0x00, 0xb0, 0x0d, 0, 1, 0xc1, 0, 0, 0, 1, 0xe1, 0x00, 0xe8, 0xf9, 0x5e, 0x7d
            ]
        );
        for packet in [
            pmt(Pid::new(0x100), 1, Pid::new(0x101), &[]),
            sdt(1, 1, "provider", "a name"),
            sdt(1, 1, "Füße", &"ü".repeat(100)),
        ] {
            assert_eq!(crc32(sections(&packet)), 0);
        }
        let text = sdt(1, 1, "p", "Grün");
        assert!(text.windows(6).any(|bytes| bytes == b"\x15Gr\xc3\xbcn"));
    }

    #[test]
    fn a_pmt_takes_one_more_stream_while_there_is_room() {
        const DESCRIPTORS: &[u8] = &[0x0a, 4, b'e', b'n', b'g', 0];
        let stream = |pid| Elementary {
            stream_type: 0x0f,
            pid: Pid::new(pid),
            descriptors: DESCRIPTORS,
        };
        let whole = pmt(Pid::new(0x100), 1, Pid::new(0x101), &[stream(1), stream(2)]);
        let small = pmt(Pid::new(0x100), 1, Pid::new(0x101), &[stream(1)]);
        assert_eq!(pmt_with(&small, &stream(2)), Some(whole));
        let full = pmt(Pid::new(0x100), 1, Pid::new(0x101), &[stream(1); 15]);
        assert_eq!(pmt_with(&full, &stream(2)), None);
        let mut broken = small;
        broken[12] ^= 1;
        assert_eq!(pmt_with(&broken, &stream(2)), None);
    }
}
