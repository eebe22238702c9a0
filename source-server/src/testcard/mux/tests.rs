//! What a receiver may rely on, judged packet by packet over several loops.

use std::collections::HashMap;

use common::ts::crc::crc32;
use common::ts::packet::TsPacket;
use proptest::prelude::*;

use super::super::LOOP_TICKS;
use super::*;

fn mux(bps: u64, start: u64) -> Mux {
    Mux::new(&MuxOptions {
        bps,
        name: "a".to_owned(),
        proof: false,
        clock_start: Pcr(start),
    })
}

fn packets_in(bps: u64, ticks: u64) -> u64 {
    u64::try_from(u128::from(ticks) * u128::from(bps) / (1504 * 27_000_000)).expect("fits")
}

fn pts_of(packet: TsPacket<'_>) -> Option<u64> {
    let payload = packet.payload();
    if !packet.pusi() || payload.get(..3) != Some(&[0, 0, 1]) {
        return None;
    }
    let b: Vec<u64> = payload[9..14].iter().map(|byte| u64::from(*byte)).collect();
    Some((b[0] >> 1 & 7) << 30 | b[1] << 22 | (b[2] >> 1) << 15 | b[3] << 7 | b[4] >> 1)
}

/// What was last, by PID.
#[derive(Default)]
struct Examiner {
    bps: u64,
    start: u64,
    counters: HashMap<u16, u8>,
    pcr: Option<u64>,
    pts: HashMap<u16, u64>,
    tables: HashMap<u16, u64>,
    before: [u16; 2],
}

/// Runs `loops` loops and checks all that must hold at any time.
fn examine(bps: u64, start: u64, loops: u64) {
    let mut mux = mux(bps, start);
    let mut examiner = Examiner {
        bps,
        start,
        ..Examiner::default()
    };
    let mut bytes = [0; PACKET_BYTES];
    for position in 0..packets_in(bps, loops * LOOP_TICKS) {
        mux.next(&mut bytes);
        examiner.see(position, &bytes);
    }
    assert_eq!(examiner.pts.len(), 2);
    assert!(examiner.tables.len() == 3 && examiner.pcr.is_some());
}

impl Examiner {
    fn ticks_at(&self, byte: u64) -> u64 {
        let ticks = u128::from(byte) * 8 * 27_000_000 / u128::from(self.bps);
        u64::try_from(ticks).expect("fits")
    }

    fn see(&mut self, position: u64, bytes: &PacketBytes) {
        let packet = TsPacket::new(bytes).expect("sync byte");
        let pid = packet.pid().value();
        assert!(!packet.discontinuity() && !packet.scrambled() && !packet.tei());
        if pid != Pid::NULL.value() {
            let step = u8::from(packet.has_payload());
            if let Some(last) = self.counters.insert(pid, packet.cc()) {
                let wanted = (last + step) & 15;
                assert_eq!(packet.cc(), wanted, "counter of {pid:#x} at {position}");
            }
        }
        self.see_clocks(position, packet);
        if matches!(pid, 0 | 0x100 | 0x11) {
            self.see_table(position, bytes, pid);
        }
        if packet.random_access() {
            assert_eq!(self.before, [0, 0x100], "key frame at {position}");
        }
        self.before = [self.before[1], pid];
    }

    fn see_clocks(&mut self, position: u64, packet: TsPacket<'_>) {
        let now = self.ticks_at(position * 188);
        if let Some(Pcr(pcr)) = packet.pcr() {
            let exact = self.start / 300 * 300 + self.ticks_at(position * 188 + 10);
            assert_eq!(pcr, exact % Pcr::WRAP, "PCR at packet {position}");
            if let Some(last) = self.pcr.replace(pcr) {
                assert!(Pcr(pcr).since(Pcr(last)) <= 25 * MS);
            }
        }
        let pid = packet.pid().value();
        let Some(pts) = pts_of(packet) else { return };
        let video = packet.pid() == VIDEO_PID;
        let step = if video { 3600 } else { 5 * 1920 };
        if let Some(last) = self.pts.insert(pid, pts) {
            assert_eq!(
                pts,
                (last + step) % (1 << 33),
                "PTS of {pid:#x} at {position}"
            );
        }
        let wait = (pts + (1 << 33) - (self.start / 300 + now / 300) % (1 << 33)) % (1 << 33);
        assert!(
            (9_000..90_000).contains(&wait),
            "PTS of {pid:#x} {} ms ahead",
            wait / 90
        );
    }

    fn see_table(&mut self, position: u64, bytes: &PacketBytes, pid: u16) {
        let now = self.ticks_at(position * 188);
        let end = 5 + psi::section_length(&bytes[5..]).expect("section");
        assert_eq!(crc32(&bytes[5..end]), 0);
        let limit = if pid == 0x11 { 500 * MS } else { 100 * MS };
        if let Some(last) = self.tables.insert(pid, now) {
            assert!(
                now - last <= limit,
                "{pid:#x} after {} ms",
                (now - last) / MS
            );
        }
    }
}

#[test]
fn nothing_breaks_over_the_loop() {
    examine(3_000_000, 0, 3);
    examine(8_000_000, 0, 3);
    examine(100_000_001, 0, 1);
}

#[test]
fn nothing_breaks_over_the_wrap_of_the_clock() {
    examine(4_000_000, Pcr::WRAP - LOOP_TICKS / 2, 2);
}

#[test]
fn every_picture_and_sound_is_there_byte_for_byte() {
    let mut mux = mux(8_000_000, 0);
    let mut bytes = [0; PACKET_BYTES];
    let mut video = Vec::new();
    for _ in 0..packets_in(8_000_000, 2 * LOOP_TICKS + 27_000_000) {
        mux.next(&mut bytes);
        let packet = TsPacket::new(&bytes).expect("sync byte");
        if packet.pid() == VIDEO_PID {
            let payload = packet.payload();
            video.extend_from_slice(if packet.pusi() {
                &payload[14..]
            } else {
                payload
            });
        }
    }
    let once: &[u8] = include_bytes!("../../../testcard/card.h264");
    let twice = [once, once].concat();
    assert!(video.len() >= twice.len(), "{} bytes", video.len());
    assert!(video[..twice.len()] == twice[..]);
}

#[test]
fn at_the_least_rate_proofs_leave_room_enough() {
    // A proof in every second packet halves what is left for the card.
    let mut mux = mux(crate::limits::STREAM_BPS_MIN, 0);
    let mut bytes = [0; PACKET_BYTES];
    let mut nulls = 0;
    for _ in 0..packets_in(crate::limits::STREAM_BPS_MIN, LOOP_TICKS) / 2 {
        mux.next(&mut bytes);
        nulls += u32::from(bytes[1..3] == [0x1f, 0xff]);
        mux.skip();
    }
    assert!(nulls > 100, "{nulls} null packets left");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn any_rate_and_any_start_are_right(bps in 3_000_000_u64..60_000_000, start in 0..Pcr::WRAP) {
        examine(bps, start, 1);
    }
}
