//! A stream as broadcasters send it, 8 Mbit/s: PAT and PMT each 100 ms, a PCR each 20 ms, 25
//! pictures and 47 frames of sound a second, each in a PES packet with time stamps, and some null
//! packets. Made once and repeated: its tables, counters and clocks go on over the seam.

use common::ts::packet::{PACKET_BYTES, Pcr, SYNC_BYTE};

use crate::stream::{Packets, section};

const PMT_PID: u16 = 0x100;
const VIDEO_PID: u16 = 0x101;
const AUDIO_PID: u16 = 0x102;
const NULL_PID: u16 = 0x1fff;

/// Ticks of 27 MHz that a packet takes.
const PACKET_TICKS: u64 = (PACKET_BYTES as u64 * 8 * 27) / 8;

/// Packets from one to the next.
const TABLES: u64 = 532;
const CLOCK: u64 = 106;
const PICTURE: u64 = 212;
const KEY_PICTURES: u64 = 25;
const SOUND: u64 = 113;
const NULL: u64 = 16;

/// Packets that a frame of sound takes.
const SOUND_PACKETS: u64 = 3;

/// What stands in front of a key picture, and of any other.
const KEY: &[u8] = &[
    0, 0, 0, 1, 0x09, 0xf0, 0, 0, 0, 1, 0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb,
    0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x83, 0x19, 0x60,
    0, 0, 0, 1, 0x68, 0xeb, 0xe3, 0xcb, 0, 0, 1, 0x65,
];
const OTHER: &[u8] = &[0, 0, 0, 1, 0x09, 0xf0, 0, 0, 1, 0x41];
const SOUND_HEADER: &[u8] = &[0xff, 0xf1, 0x4c, 0x80, 0x2e, 0x7f, 0xfc];

/// Goes on for ever.
#[derive(Debug, Default)]
pub struct BroadcastStream {
    packets: u64,
    counters: [u8; 4],
    pictures: u64,
}

impl Packets for BroadcastStream {
    fn packet(&mut self) -> [u8; PACKET_BYTES] {
        let at = self.packets;
        let ticks = at * PACKET_TICKS;
        self.packets += 1;
        if at.is_multiple_of(TABLES) {
            return self.section(0, 0, &[0, 1, 0xe1, 0], 0);
        }
        if at % TABLES == 1 {
            let streams = [
                0xe1, 0x01, 0xf0, 0, 0x1b, 0xe1, 0x01, 0xf0, 0, 0x0f, 0xe1, 0x02, 0xf0, 0,
            ];
            return self.section(1, PMT_PID, &streams, 2);
        }
        if at % CLOCK == 2 {
            return self.clock(ticks);
        }
        if at % PICTURE == 3 {
            self.pictures += 1;
            let key = self.pictures % KEY_PICTURES == 1;
            let content = if key { KEY } else { OTHER };
            return self.begin(2, VIDEO_PID, 0xe0, ticks / 300, content);
        }
        match at % SOUND {
            4 => self.begin(3, AUDIO_PID, 0xc0, ticks / 300, SOUND_HEADER),
            more if more > 4 && more < 4 + SOUND_PACKETS - 1 => self.header(3, AUDIO_PID, false),
            last if last == 4 + SOUND_PACKETS => self.stuffed(3, AUDIO_PID),
            _ if at.is_multiple_of(NULL) => {
                let mut null = self.header(0, NULL_PID, false);
                self.counters[0] = self.counters[0].wrapping_sub(1) & 0xf;
                null[3] = 0x10;
                null
            }
            _ => self.header(2, VIDEO_PID, false),
        }
    }
}

impl BroadcastStream {
    /// Milliseconds since the stream began.
    #[must_use]
    pub fn ms(&self) -> u64 {
        self.packets * PACKET_TICKS / 27_000
    }

    fn header(&mut self, counter: usize, pid: u16, start: bool) -> [u8; PACKET_BYTES] {
        let mut packet = [0x55; PACKET_BYTES];
        let [high, low] = pid.to_be_bytes();
        let cc = &mut self.counters[counter];
        packet[0] = SYNC_BYTE;
        packet[1] = high | u8::from(start) << 6;
        packet[2] = low;
        packet[3] = 0x10 | *cc;
        *cc = (*cc + 1) & 0x0f;
        packet
    }

    fn begin(
        &mut self,
        counter: usize,
        pid: u16,
        stream_id: u8,
        pts: u64,
        content: &[u8],
    ) -> [u8; PACKET_BYTES] {
        let mut packet = self.header(counter, pid, true);
        packet[4..13].copy_from_slice(&[0, 0, 1, stream_id, 0, 0, 0x80, 0x80, 5]);
        let byte = |value: u64| u8::try_from(value & 0xff).unwrap_or(0);
        packet[13..18].copy_from_slice(&[
            0x21 | byte(pts >> 29 & 0x0e),
            byte(pts >> 22),
            byte(pts >> 14) | 1,
            byte(pts >> 7),
            byte(pts << 1) | 1,
        ]);
        packet[18..18 + content.len()].copy_from_slice(content);
        packet
    }

    /// Video with a PCR in front.
    fn clock(&mut self, ticks: u64) -> [u8; PACKET_BYTES] {
        let mut packet = self.header(2, VIDEO_PID, false);
        let ticks = ticks % Pcr::WRAP;
        let bits = ((ticks / 300) << 15) | 0x7e00 | (ticks % 300);
        packet[3] |= 0x20;
        packet[4..6].copy_from_slice(&[7, 0x10]);
        packet[6..12].copy_from_slice(&bits.to_be_bytes()[2..]);
        packet
    }

    /// The end of a frame, which does not fill its packet.
    fn stuffed(&mut self, counter: usize, pid: u16) -> [u8; PACKET_BYTES] {
        let mut packet = self.header(counter, pid, false);
        packet[3] |= 0x20;
        packet[4..6].copy_from_slice(&[99, 0]);
        packet[6..104].fill(0xff);
        packet
    }

    fn section(
        &mut self,
        counter: usize,
        pid: u16,
        body: &[u8],
        table_id: u8,
    ) -> [u8; PACKET_BYTES] {
        section(&mut self.header(counter, pid, true), body, table_id)
    }
}
