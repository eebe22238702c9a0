//! A transport stream in which every packet is known: PAT, PMT, SDT, one H.264 stream with a PCR
//! every 20 ms and a random access point every half second, null packets up to a constant rate
//! (ISO/IEC 13818-1). Each video packet says which stream it is of and its number.

use std::collections::VecDeque;
use std::time::Duration;

pub const PACKET: usize = 188;
pub const PID_PAT: u16 = 0;
pub const PID_SDT: u16 = 0x11;
pub const PID_PMT: u16 = 0x100;
pub const PID_VIDEO: u16 = 0x101;
pub const PID_NULL: u16 = 0x1fff;

pub type Packet = [u8; PACKET];

const TICKS: u64 = 27_000_000;
const FRAMES_PER_SECOND: u64 = 25;
/// A random access point every 480 ms.
const FRAMES_PER_GROUP: u64 = 12;
const TABLE_PERIOD: u64 = TICKS / 12;
const SDT_PERIOD: u64 = TICKS / 2;
const PCR_PERIOD: u64 = TICKS / 50;
/// The share of the rate that pictures take; the rest is tables and null packets.
const VIDEO_PERCENT: u64 = 85;
/// Between a picture's first byte and its presentation, in 90 kHz.
const PRESENTATION_DELAY: u64 = 45_000;

/// The stream, packet after packet.
#[derive(Debug)]
pub struct TestStream {
    mark: u16,
    rate_bps: u64,
    packets: u64,
    numbered: u64,
    frames: u64,
    continuity: [u8; 4],
    next_table: u64,
    next_sdt: u64,
    next_pcr: u64,
    queue: VecDeque<Packet>,
    picture: VecDeque<Packet>,
}

impl TestStream {
    /// A stream at `rate_bps` whose packets carry `mark`.
    #[must_use]
    pub fn new(mark: u16, rate_bps: u64) -> Self {
        Self {
            mark,
            rate_bps,
            packets: 0,
            numbered: 0,
            frames: 0,
            continuity: [0; 4],
            next_table: 0,
            next_sdt: 0,
            next_pcr: 0,
            queue: VecDeque::new(),
            picture: VecDeque::new(),
        }
    }

    /// When the next packet is due, from the stream's beginning.
    #[must_use]
    pub fn due(&self) -> Duration {
        let bits = u128::from(self.packets) * PACKET as u128 * 8 * 1_000_000_000;
        let nanos = bits / u128::from(self.rate_bps);
        Duration::from_nanos(u64::try_from(nanos).expect("less than 500 years"))
    }

    /// The next `count` packets, one after another.
    pub fn take_bytes(&mut self, count: usize) -> Vec<u8> {
        self.by_ref().take(count).flatten().collect()
    }

    /// The next packet's place in time, in ticks of 27 MHz.
    fn now(&self) -> u64 {
        let ticks = u128::from(self.packets) * PACKET as u128 * 8 * u128::from(TICKS);
        u64::try_from(ticks / u128::from(self.rate_bps)).expect("less than 20,000 years")
    }

    fn count(&mut self, which: usize) -> u8 {
        let value = self.continuity[which];
        self.continuity[which] = (value + 1) & 15;
        value
    }

    fn tables(&mut self) {
        let pat = [0, 1, 0xc1, 0, 0, 0, 1, 0xe0 | 1, 0];
        let counter = self.count(0);
        self.queue
            .push_back(section(PID_PAT, counter, &table(0, &pat)));
        let pmt = [
            0, 1, 0xc1, 0, 0, 0xe1, 0x01, 0xf0, 0, 0x1b, 0xe1, 0x01, 0xf0, 0,
        ];
        let counter = self.count(1);
        self.queue
            .push_back(section(PID_PMT, counter, &table(2, &pmt)));
    }

    fn description(&mut self) {
        let name = format!("Test {:04x}", self.mark);
        let provider = b"e2e";
        let mut descriptor = vec![0x01, byte(provider.len())];
        descriptor.extend_from_slice(provider);
        descriptor.push(byte(name.len()));
        descriptor.extend_from_slice(name.as_bytes());
        let mut sdt = vec![0, 1, 0xc1, 0, 0, 0, 1, 0xff, 0, 1, 0xfc, 0x80];
        sdt.push(byte(descriptor.len() + 2));
        sdt.extend_from_slice(&[0x48, byte(descriptor.len())]);
        sdt.extend_from_slice(&descriptor);
        let counter = self.count(2);
        let mut section_bytes = table(0x42, &sdt);
        section_bytes[1] |= 0x40;
        seal(&mut section_bytes);
        self.queue
            .push_back(section(PID_SDT, counter, &section_bytes));
    }

    /// Cuts the next picture into packets; those with a PCR are stamped when they leave.
    fn draw(&mut self) {
        let key = self.frames.is_multiple_of(FRAMES_PER_GROUP);
        let bits = self.rate_bps * VIDEO_PERCENT / 100 / FRAMES_PER_SECOND;
        let packets = (bits / 8 / PACKET as u64).max(2);
        let pts = PRESENTATION_DELAY + self.frames * 90_000 / FRAMES_PER_SECOND;
        for index in 0..packets {
            let mut packet = [0xff; PACKET];
            packet[0] = 0x47;
            packet[1..3].copy_from_slice(&PID_VIDEO.to_be_bytes());
            // The counter is set when the packet leaves: others of its PID come between.
            packet[3] = 0x10;
            let mut at = 4;
            if index == 0 {
                packet[1] |= 0x40;
                packet[3] |= 0x20;
                packet[4] = 7;
                packet[5] = 0x10 | if key { 0x40 } else { 0 };
                at = 12;
                at += fill(&mut packet[at..], &access_unit(pts, key));
            }
            let text = format!("<{:04x}:{:08x}>", self.mark, self.numbered);
            self.numbered += 1;
            while at < PACKET {
                at += fill(&mut packet[at..], text.as_bytes());
            }
            self.picture.push_back(packet);
        }
        self.frames += 1;
    }

    fn clock_packet(&self, now: u64) -> Packet {
        let mut packet = [0xff; PACKET];
        packet[0] = 0x47;
        packet[1..3].copy_from_slice(&PID_VIDEO.to_be_bytes());
        // No payload: the counter keeps the value of the packet before.
        packet[3] = 0x20 | (self.continuity[3].wrapping_sub(1) & 15);
        packet[4] = 183;
        packet[5] = 0x10;
        stamp(&mut packet, now);
        packet
    }

    fn next_packet(&mut self) -> Packet {
        let now = self.now();
        if let Some(packet) = self.queue.pop_front() {
            return packet;
        }
        if now >= self.next_table {
            self.next_table += TABLE_PERIOD;
            self.tables();
        }
        if now >= self.next_sdt {
            self.next_sdt += SDT_PERIOD;
            self.description();
        }
        if let Some(packet) = self.queue.pop_front() {
            return packet;
        }
        if self.picture.is_empty() && now >= self.frames * TICKS / FRAMES_PER_SECOND {
            self.draw();
        }
        let clocked = |packet: &Packet| packet[3] & 0x20 != 0;
        let first = self.picture.front().is_some_and(clocked);
        if now >= self.next_pcr && !first && self.frames > 0 {
            self.next_pcr = now + PCR_PERIOD;
            return self.clock_packet(now);
        }
        let Some(mut packet) = self.picture.pop_front() else {
            return null();
        };
        packet[3] |= self.count(3);
        if first {
            stamp(&mut packet, now);
            self.next_pcr = now + PCR_PERIOD;
        }
        packet
    }
}

impl Iterator for TestStream {
    type Item = Packet;

    fn next(&mut self) -> Option<Packet> {
        let packet = self.next_packet();
        self.packets += 1;
        Some(packet)
    }
}

/// A null packet.
#[must_use]
pub fn null() -> Packet {
    let mut packet = [0xff; PACKET];
    packet[..4].copy_from_slice(&[0x47, 0x1f, 0xff, 0x10]);
    packet
}

fn byte(length: usize) -> u8 {
    u8::try_from(length).expect("a short length")
}

fn fill(to: &mut [u8], from: &[u8]) -> usize {
    let length = to.len().min(from.len());
    to[..length].copy_from_slice(&from[..length]);
    length
}

/// PES header with PTS (2.4.3.6), then the access unit's first NAL units: delimiter, and for a
/// random access point SPS, PPS and an IDR slice (ITU-T H.264, 7.3.1; 1280x720, baseline).
fn access_unit(pts: u64, key: bool) -> Vec<u8> {
    let part = |shift: u32, bits: u64| byte(usize::try_from((pts >> shift) & bits).expect("bits"));
    let mut bytes = vec![0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5];
    bytes.push(0x21 | part(30, 7) << 1);
    bytes.extend_from_slice(&[part(22, 0xff), 1 | part(15, 0x7f) << 1]);
    bytes.extend_from_slice(&[part(7, 0xff), 1 | part(0, 0x7f) << 1]);
    bytes.extend_from_slice(&[0, 0, 0, 1, 9, 0xf0]);
    if key {
        bytes.extend_from_slice(&[
            0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0xda, 1, 0x40, 0x16, 0xe4,
        ]);
        bytes.extend_from_slice(&[0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80]);
        bytes.extend_from_slice(&[0, 0, 0, 1, 0x65, 0x88]);
    } else {
        bytes.extend_from_slice(&[0, 0, 0, 1, 0x41, 0x9a]);
    }
    bytes
}

fn stamp(packet: &mut Packet, ticks: u64) {
    let (base, extension) = (ticks / 300, ticks % 300);
    let field = base << 15 | 0x7e00 | extension;
    packet[6..12].copy_from_slice(&field.to_be_bytes()[2..]);
}

/// A section with table_id `id`, its length and CRC.
fn table(id: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![id, 0xb0, byte(body.len() + 4)];
    bytes.extend_from_slice(body);
    bytes.extend_from_slice(&[0; 4]);
    seal(&mut bytes);
    bytes
}

fn seal(section: &mut [u8]) {
    let at = section.len() - 4;
    let crc = crc32(&section[..at]);
    section[at..].copy_from_slice(&crc.to_be_bytes());
}

fn section(pid: u16, counter: u8, section: &[u8]) -> Packet {
    let mut packet = [0xff; PACKET];
    packet[0] = 0x47;
    packet[1..3].copy_from_slice(&(0x4000 | pid).to_be_bytes());
    packet[3] = 0x10 | counter;
    packet[4] = 0;
    packet[5..5 + section.len()].copy_from_slice(section);
    packet
}

/// Annex A, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte) << 24;
        for _ in 0..8 {
            let carry = crc & 0x8000_0000 != 0;
            crc = (crc << 1) ^ if carry { 0x04c1_1db7 } else { 0 };
        }
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;

    #[test]
    fn a_stream_is_whole_and_a_missing_packet_is_found() {
        let mut bytes = TestStream::new(7, 4_000_000).take_bytes(8000);
        assert_eq!(check::continuity_breaks(&bytes), Vec::<String>::new());
        check::only_mark(&bytes, 7);
        let video = bytes.chunks(PACKET).rposition(|p| {
            check::pid(p) == PID_VIDEO && p[3] & 0x10 != 0 && !check::random_access(p)
        });
        let at = video.expect("a video packet") * PACKET;
        let last = bytes.split_off(at).split_off(PACKET);
        bytes.extend_from_slice(&last);
        bytes.extend_from_slice(&TestStream::new(7, 4_000_000).take_bytes(20));
        assert!(!check::continuity_breaks(&bytes).is_empty());
    }

    #[test]
    fn sections_have_a_valid_crc() {
        let bytes = TestStream::new(1, 1_000_000).take_bytes(3);
        for packet in bytes.chunks(PACKET) {
            let length = 3 + usize::from(packet[7]);
            assert_eq!(crc32(&packet[5..5 + length]), 0);
        }
    }
}
