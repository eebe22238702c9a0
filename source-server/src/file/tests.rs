//! Files made by the test card's own multiplexer, so that every byte is known.

use std::collections::HashMap;
use std::sync::Arc;

use common::ts::packet::{Pcr, TsPacket};

use super::*;
use crate::testcard::{Mux, MuxOptions, NULL_PACKET};

const BPS: u64 = 4_000_000;

/// `seconds` of the card, as a file.
fn card(seconds: u64) -> Vec<u8> {
    let options = MuxOptions {
        bps: BPS,
        name: "card".to_owned(),
        proof: false,
        clock_start: Pcr(Pcr::WRAP - 27_000_000),
    };
    let mut mux = Mux::new(&options);
    let mut bytes = Vec::new();
    let mut packet = [0; PACKET_BYTES];
    for _ in 0..seconds * BPS / 1504 {
        mux.next(&mut packet);
        bytes.extend_from_slice(&packet);
    }
    bytes
}

fn file(bytes: &[u8]) -> Result<TsFile, FileError> {
    TsFile::from_bytes(Path::new("x.ts"), bytes)
}

fn ticks_of_byte(byte: u64) -> u64 {
    u64::try_from(u128::from(byte) * 8 * 27_000_000 / u128::from(BPS)).expect("fits")
}

#[test]
fn clock_and_counters_go_on_over_the_seam() {
    let bytes = card(4);
    let file = Arc::new(file(&bytes).expect("file"));
    let mut replay = FileLoop::new(Arc::clone(&file), None);
    let mut counters: HashMap<u16, u8> = HashMap::new();
    let mut first: Option<(u64, Pcr)> = None;
    let mut packet = [0; PACKET_BYTES];
    for position in 0..12 * BPS / 1504 {
        let ticks = replay.ticks();
        assert!(
            ticks.abs_diff(ticks_of_byte(position * 188)) <= 3 * 27,
            "packet {position}"
        );
        replay.next(&mut packet);
        let view = TsPacket::new(&packet).expect("sync byte");
        if view.pid() == Pid::NULL {
            continue;
        }
        let step = u8::from(view.has_payload());
        if let Some(last) = counters.insert(view.pid().value(), view.cc()) {
            assert_eq!(
                view.cc(),
                (last + step) & 15,
                "{:?} at {position}",
                view.pid()
            );
        }
        if let Some(pcr) = view.pcr() {
            let (at, begin) = *first.get_or_insert((position, pcr));
            let wanted = ticks_of_byte((position - at) * 188);
            // Right to 500 ns over all seams (TR 101 290, 2.4): the rounding of three loops.
            assert!(
                pcr.since(begin).abs_diff(wanted) <= 13,
                "PCR at {position}: {} off",
                pcr.since(begin).abs_diff(wanted)
            );
        }
    }
}

#[test]
fn pictures_and_sound_never_overlap_at_the_seam() {
    let file = Arc::new(file(&card(3)).expect("file"));
    let mut replay = FileLoop::new(Arc::clone(&file), None);
    let mut packet = [0; PACKET_BYTES];
    let mut last: HashMap<u16, u64> = HashMap::new();
    while replay.ticks() < 4 * file.loop_ticks() {
        replay.next(&mut packet);
        let view = TsPacket::new(&packet).expect("sync byte");
        if let Some(at) = survey::time_places(view)[0] {
            let pts = survey::read_time(&packet[at..at + 5]);
            if let Some(before) = last.insert(view.pid().value(), pts) {
                let step = (pts + (1 << 33) - before) % (1 << 33);
                // The seam is a frame wide, give or take a few packets; never do frames of two loops
                // overlap.
                let video = view.pid() == crate::testcard::VIDEO_PID;
                let range = if video { 3600..=4500 } else { 9600..=30_000 };
                assert!(range.contains(&step), "{:?}: step {step}", view.pid());
            }
        }
    }
    assert_eq!(last.len(), 2);
}

#[test]
fn with_proofs_the_clock_fits_the_new_places() {
    let file = Arc::new(file(&card(3)).expect("file"));
    assert!(file.has_room_for_proof());
    let mut replay = FileLoop::new(Arc::clone(&file), Some(7));
    let mut packet = [0; PACKET_BYTES];
    let mut first: Option<(u64, Pcr)> = None;
    let mut named = false;
    for position in 0..7 * BPS / 1504 {
        if position % 7 == 0 {
            replay.skip();
            continue;
        }
        replay.next(&mut packet);
        let view = TsPacket::new(&packet).expect("sync byte");
        named |=
            view.pid() == file.pmt_pids()[0] && packet.windows(4).any(|bytes| bytes == b"PROF");
        if let Some(pcr) = view.pcr() {
            let (at, begin) = *first.get_or_insert((position, pcr));
            // Six packets of the file take the time of seven.
            let wanted = ticks_of_byte((position - at) * 188) * 6 / 7;
            assert!(
                pcr.since(begin).abs_diff(wanted) <= 13,
                "PCR at {position}: {} off",
                pcr.since(begin).abs_diff(wanted)
            );
        }
    }
    assert!(named, "the PMT does not name the proof");
}

#[test]
fn packets_of_204_and_cut_ends_are_read_and_others_refused() {
    let bytes = card(1);
    let packets = file(&bytes).expect("file").packets;
    let long: Vec<u8> = bytes
        .chunks(188)
        .flat_map(|packet| [packet, &[0xee; 16]].concat())
        .collect();
    assert!(file(&long).expect("204").packets == packets);
    let cut = [&[1, 2, 3], &bytes[..], &[0x47; 50]].concat();
    assert!(file(&cut).expect("cut").packets == packets);
    assert!(matches!(file(&[0x11; 5000]), Err(FileError::NotTs(_))));
    assert!(matches!(file(&[]), Err(FileError::NotTs(_))));
    assert!(matches!(
        file(&NULL_PACKET.repeat(9)),
        Err(FileError::NoClock(_))
    ));
    let mut broken = bytes.clone();
    broken[188 * 40] = 0;
    assert!(matches!(
        file(&broken),
        Err(FileError::SyncLost { at: 7520, .. })
    ));
    let jump = [&bytes[..], &bytes[..]].concat();
    assert!(matches!(file(&jump), Err(FileError::ClockBreaks { .. })));
    let missing = TsFile::read(Path::new("no-such.ts")).expect_err("none");
    assert!(missing.to_string().contains("\"no-such.ts\""), "{missing}");
}
