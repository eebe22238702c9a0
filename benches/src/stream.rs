//! Made-up transport streams: what all have, and the plainest of them.

use common::ts::crc::crc32;
use common::ts::packet::{PACKET_BYTES, SYNC_BYTE};

const PMT_PID: u16 = 0x100;
const VIDEO_PID: u16 = 0x101;

/// One packet in so many begins a picture that can be decoded alone.
const PICTURE_PACKETS: u64 = 20_000;

/// A stream that goes on for ever.
pub trait Packets {
    /// The next packet.
    fn packet(&mut self) -> [u8; PACKET_BYTES];

    /// Writes the next packets over `bytes`, whole ones.
    fn fill(&mut self, bytes: &mut [u8]) {
        for packet in bytes.as_chunks_mut::<PACKET_BYTES>().0 {
            *packet = self.packet();
        }
    }

    /// The next `count` packets.
    fn packets(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count * PACKET_BYTES];
        self.fill(&mut bytes);
        bytes
    }
}

/// PAT and PMT, then video packets, right in their continuity.
#[derive(Debug, Default)]
pub struct TestStream {
    packets: u64,
    counters: [u8; 3],
}

impl Packets for TestStream {
    fn packet(&mut self) -> [u8; PACKET_BYTES] {
        let at = self.packets % PICTURE_PACKETS;
        self.packets += 1;
        match at {
            0 => section(&mut self.header(0, 0, true), &[0x00, 0x01, 0xe1, 0x00], 0),
            1 => section(
                &mut self.header(1, PMT_PID, true),
                &[0xe1, 0x01, 0xf0, 0x00, 0x1b, 0xe1, 0x01, 0xf0, 0x00],
                2,
            ),
            2 => self.video(&[7, 0x50, 0, 0, 0, 0, 0x7e, 0], true),
            _ => self.video(&[], false),
        }
    }
}

impl TestStream {
    fn header(&mut self, counter: usize, pid: u16, start: bool) -> [u8; PACKET_BYTES] {
        let mut packet = [0xff; PACKET_BYTES];
        let [high, low] = pid.to_be_bytes();
        let cc = &mut self.counters[counter];
        packet[0] = SYNC_BYTE;
        packet[1] = high | u8::from(start) << 6;
        packet[2] = low;
        packet[3] = 0x10 | *cc;
        *cc = (*cc + 1) & 0x0f;
        packet
    }

    fn video(&mut self, adaptation_field: &[u8], start: bool) -> [u8; PACKET_BYTES] {
        let mut packet = self.header(2, VIDEO_PID, start);
        if !adaptation_field.is_empty() {
            packet[3] |= 0x20;
            packet[4..4 + adaptation_field.len()].copy_from_slice(adaptation_field);
        }
        packet
    }
}

/// `packet` with a PSI section of the program or transport stream 1 (ISO/IEC 13818-1, 2.4.4).
pub(crate) fn section(
    packet: &mut [u8; PACKET_BYTES],
    body: &[u8],
    table_id: u8,
) -> [u8; PACKET_BYTES] {
    const BEGIN: usize = 5;
    const FRONT_BYTES: usize = 8;
    let length = u8::try_from(body.len() + 9).unwrap_or(u8::MAX);
    let (at, end) = (BEGIN + FRONT_BYTES, BEGIN + FRONT_BYTES + body.len());
    packet[4..].fill(0xff);
    packet[4] = 0;
    packet[BEGIN..at].copy_from_slice(&[table_id, 0xb0, length, 0, 1, 0xc1, 0, 0]);
    packet[at..end].copy_from_slice(body);
    let crc = crc32(&packet[BEGIN..end]);
    packet[end..end + 4].copy_from_slice(&crc.to_be_bytes());
    *packet
}
