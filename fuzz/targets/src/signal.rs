//! The signal analysis under a script: packets, tables with right CRCs, PES packets, PCRs, damage
//! and time, as the bytes say. What plain packets would hardly ever make, a right CRC, is made here.

use common::api::tr101290::Indicator;
use common::ts::crc::crc32;
use common::ts::packet::{PACKET_BYTES, SYNC_BYTE};
use encoder_ingest::limits::{PROGRAM_STREAMS_MAX, PROGRAMS_MAX};
use encoder_ingest::signal::{Scanned, Signal};

/// PIDs that a script's packets are on: tables, three streams, and one that nobody names.
const PIDS: [u16; 12] = [
    0, 1, 0x10, 0x11, 0x12, 0x14, 0x100, 0x101, 0x102, 0x103, 0x1ff, 0x1fff,
];
const PMT_AT: u8 = 6;

struct Script<'a> {
    rest: &'a [u8],
    signal: Signal,
    counters: [u8; 256],
    now_ms: u64,
    counts: [u64; Indicator::COUNT],
}

/// Steps one behind the other: what to do, with what, and how many bytes of it follow.
pub fn signal(bytes: &[u8]) {
    let mut script = Script {
        rest: bytes,
        signal: Signal::new(None),
        counters: [0; 256],
        now_ms: 0,
        counts: [0; Indicator::COUNT],
    };
    while let Some((&[what, which, length], rest)) = script.rest.split_first_chunk() {
        let (content, rest) = rest.split_at(usize::from(length).min(rest.len()));
        script.rest = rest;
        script.step(what, which, content);
        script.check();
    }
    let services = script.signal.services(1000);
    assert!(services.len() <= PROGRAMS_MAX);
    let streams = services.iter().map(|service| service.streams.len());
    assert!(streams.max().unwrap_or(0) <= PROGRAM_STREAMS_MAX);
    let prelude = script.signal.prelude();
    assert!(prelude.bytes().len().is_multiple_of(PACKET_BYTES));
    let _ = script.signal.take_arrival_jitter_us();
}

impl Script<'_> {
    fn step(&mut self, what: u8, which: u8, content: &[u8]) {
        match what % 8 {
            0 => self.packet(which, what, content),
            1 => self.section(which, what >> 3, content),
            2 => self.section(PMT_AT, 2, content),
            3 => self.pes(which, content),
            4 => self.clock(which, content),
            5 => self.now_ms += u64::from(which) * if what & 8 == 0 { 1 } else { 40 },
            6 => self.damage(which, content),
            _ => {
                let _ = self.signal.services(u64::from(which));
                let ticks = self.signal.stream_ticks();
                self.signal.arrived(ticks, self.now_ms * 1_000_000);
            }
        }
    }

    /// A packet with these bytes behind its header; bits of `flags` set those of the header.
    fn packet(&mut self, which: u8, flags: u8, payload: &[u8]) {
        let pid = PIDS[usize::from(which) % PIDS.len()];
        let [high, low] = pid.to_be_bytes();
        let counter = &mut self.counters[usize::from(low)];
        *counter = counter.wrapping_add(1) & 0xf;
        let mut packet = [0xff; PACKET_BYTES];
        let start = u8::from(flags & 8 != 0) << 6;
        let scrambled = if flags & 0x10 == 0 { 0 } else { 0x80 };
        let control = if flags & 0x20 == 0 { 0x10 } else { 0x30 };
        packet[..4].copy_from_slice(&[
            SYNC_BYTE,
            high | start,
            low,
            scrambled | control | *counter,
        ]);
        let length = payload.len().min(PACKET_BYTES - 4);
        packet[4..4 + length].copy_from_slice(&payload[..length]);
        self.scan(&packet);
    }

    fn section(&mut self, which: u8, table_id: u8, body: &[u8]) {
        let length = u16::try_from(body.len() + 9).unwrap_or(0) | 0xb000;
        let [high, low] = length.to_be_bytes();
        let mut section = vec![0, table_id, high, low, 0, 1, 0xc1, 0, 0];
        section.extend_from_slice(body);
        section.extend_from_slice(&crc32(&section[1..]).to_be_bytes());
        for (index, piece) in section.chunks(PACKET_BYTES - 4).enumerate() {
            self.packet(which, u8::from(index == 0) << 3, piece);
        }
    }

    fn pes(&mut self, which: u8, content: &[u8]) {
        let head = [0, 0, 1, 0xe0, 0, 0, 0x80, 0xc0, 10];
        self.packet(which, 8, &[&head[..], content].concat());
    }

    /// An adaptation field with a PCR.
    fn clock(&mut self, which: u8, content: &[u8]) {
        let flags = content.first().copied().unwrap_or(0) | 0x10;
        let content = content.get(1..).unwrap_or_default();
        self.packet(which, 0x20, &[&[50, flags][..], content].concat());
    }

    fn damage(&mut self, which: u8, content: &[u8]) {
        match which % 8 {
            0 => self.signal.gap(),
            1 => self.signal.restart(),
            2 => self.signal.choose(Some(u16::from(which))),
            3 => self.signal.switch(None),
            4 => self.signal.set_numbered(which & 8 == 0),
            5 => {
                let [high, low] = PIDS[usize::from(which >> 3) % PIDS.len()].to_be_bytes();
                let counter = &mut self.counters[usize::from(low)];
                *counter = counter.wrapping_add(which >> 3) & 0xf;
                self.signal.bad_sync(&[0, high, low, 0x10 | *counter]);
            }
            _ => self.signal.bad_sync(content),
        }
    }

    fn scan(&mut self, packet: &[u8]) {
        let scanned = self.signal.scan(packet, self.now_ms);
        self.signal.check(self.now_ms);
        assert!(matches!(scanned, Scanned::All | Scanned::RandomAccess(0)));
    }

    /// What was counted is never taken back.
    fn check(&mut self) {
        let counts = self.signal.counts().indicators;
        let before = self.counts.iter().zip(&counts);
        assert!(before.clone().all(|(before, now)| before <= now));
        self.counts = counts;
    }
}
