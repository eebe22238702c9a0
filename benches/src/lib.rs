//! What the benches work on: a made-up transport stream of one program, right in its continuity.

use common::ts::crc::crc32;
use common::ts::packet::{PACKET_BYTES, SYNC_BYTE};

const PMT_PID: u16 = 0x100;
const VIDEO_PID: u16 = 0x101;

pub mod broadcast;

/// One packet in so many begins a picture that can be decoded alone.
const PICTURE_PACKETS: u64 = 20_000;

/// A stream that goes on for ever: PAT and PMT, then video packets.
#[derive(Debug, Default)]
pub struct TestStream {
    packets: u64,
    counters: [u8; 3],
}

impl TestStream {
    /// The next `count` packets.
    pub fn packets(&mut self, count: usize) -> Vec<u8> {
        (0..count).flat_map(|_| self.packet()).collect()
    }

    fn packet(&mut self) -> [u8; PACKET_BYTES] {
        let at = self.packets % PICTURE_PACKETS;
        self.packets += 1;
        match at {
            0 => self.section(0, 0, &[0x00, 0x01, 0xe1, 0x00], 0),
            1 => self.section(
                1,
                PMT_PID,
                &[0xe1, 0x01, 0xf0, 0x00, 0x1b, 0xe1, 0x01, 0xf0, 0x00],
                2,
            ),
            2 => self.video(&[7, 0x50, 0, 0, 0, 0, 0x7e, 0], true),
            _ => self.video(&[], false),
        }
    }

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

    /// A PSI section with the program or transport stream 1 (ISO/IEC 13818-1, 2.4.4).
    fn section(
        &mut self,
        counter: usize,
        pid: u16,
        body: &[u8],
        table_id: u8,
    ) -> [u8; PACKET_BYTES] {
        let length = u8::try_from(body.len() + 9).unwrap_or(u8::MAX);
        let mut section = vec![table_id, 0xb0, length, 0, 1, 0xc1, 0, 0];
        section.extend_from_slice(body);
        section.extend_from_slice(&crc32(&section).to_be_bytes());
        let mut packet = self.header(counter, pid, true);
        packet[4] = 0;
        packet[5..5 + section.len()].copy_from_slice(&section);
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
