#![expect(
    clippy::cast_possible_truncation,
    reason = "bytes of packets made up here"
)]

use common::ts::crc::crc32;
use proptest::prelude::*;

use super::*;

const VIDEO: u16 = 0x101;
const AUDIO: u16 = 0x102;
const PMT: u16 = 0x100;

/// Writes packets with right continuity counters.
#[derive(Default)]
struct Muxer {
    counters: std::collections::HashMap<u16, u8>,
}

impl Muxer {
    fn packet(&mut self, pid: u16, pusi: bool, adaptation: &[u8], payload: &[u8]) -> Vec<u8> {
        let counter = self.counters.entry(pid).or_insert(15);
        *counter = (*counter + 1) & 15;
        let mut packet = vec![
            0x47,
            (pid >> 8) as u8 | u8::from(pusi) << 6,
            pid as u8,
            0x10 | *counter,
        ];
        let room = 184 - payload.len().min(184);
        if room > 0 || !adaptation.is_empty() {
            packet[3] |= 0x20;
            packet.push((room - 1) as u8);
            packet.extend_from_slice(adaptation);
            packet.resize(4 + room, 0xff);
            if adaptation.is_empty() && room > 1 {
                packet[5] = 0;
            }
        }
        packet.extend_from_slice(&payload[..payload.len().min(184)]);
        assert_eq!(packet.len(), 188);
        packet
    }

    /// A section in as many packets as it needs, the last filled up with 0xff.
    fn section(&mut self, pid: u16, section: &[u8]) -> Vec<u8> {
        let mut bytes = [&[0], section].concat();
        bytes.resize(bytes.len().next_multiple_of(184), 0xff);
        let pieces = bytes.chunks(184).enumerate();
        pieces
            .flat_map(|(index, piece)| self.packet(pid, index == 0, &[], piece))
            .collect()
    }
}

fn section(table_id: u8, extension: u16, version: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 9).expect("short") | 0xb000;
    let mut section = vec![table_id];
    section.extend_from_slice(&length.to_be_bytes());
    section.extend_from_slice(&extension.to_be_bytes());
    section.extend_from_slice(&[0xc1 | version << 1, 0, 0]);
    section.extend_from_slice(body);
    section.extend_from_slice(&crc32(&section).to_be_bytes());
    section
}

fn pat(version: u8, programs: &[(u16, u16)]) -> Vec<u8> {
    let body: Vec<u8> = programs
        .iter()
        .flat_map(|(number, pid)| [number.to_be_bytes(), (pid | 0xe000).to_be_bytes()].concat())
        .collect();
    section(0, 1, version, &body)
}

fn pmt(program: u16, version: u8, video_type: u8, padding: usize) -> Vec<u8> {
    let mut body = (VIDEO | 0xe000).to_be_bytes().to_vec();
    body.extend_from_slice(&(0xf000 | u16::try_from(padding).expect("short")).to_be_bytes());
    // Private descriptors, as long as wanted.
    let mut left = padding;
    while left >= 2 {
        let length = (left - 2).min(200);
        body.extend_from_slice(&[0x80, length as u8]);
        body.resize(body.len() + length, 0);
        left -= length + 2;
    }
    body.extend_from_slice(&[video_type, 0xe1, 0x01, 0xf0, 0]);
    body.extend_from_slice(&[0x0f, 0xe1, 0x02, 0xf0, 6, 10, 4, b'd', b'e', b'u', 0]);
    section(2, program, version, &body)
}

fn pes(stream: &[u8]) -> Vec<u8> {
    let mut payload = [
        &[0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1],
        stream,
    ]
    .concat();
    payload.resize(184, 0xff);
    payload
}

/// Scans everything at once; answers the offsets of random access points.
fn scan(signal: &mut Signal, packets: &[u8]) -> Vec<usize> {
    scan_at(signal, packets, 0)
}

/// Scans what came at `now_ms`; answers the offsets of random access points.
fn scan_at(signal: &mut Signal, packets: &[u8], now_ms: u64) -> Vec<usize> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < packets.len() {
        match signal.scan(&packets[at..], now_ms) {
            Scanned::All => break,
            Scanned::RandomAccess(offset) => {
                found.push(at + offset);
                at += offset + PACKET_BYTES;
            }
        }
    }
    signal.check(now_ms);
    found
}

fn continuity_errors(signal: &Signal) -> u64 {
    signal.counts().of(Indicator::ContinuityCountError)
}

/// A PAT has come: continuity is judged.
fn judging() -> Signal {
    let mut signal = Signal::new(None);
    let pat = Muxer::default().section(0, &pat(0, &[]));
    assert!(scan(&mut signal, &pat).is_empty());
    signal
}

#[test]
fn tables_are_read_and_repeated_as_they_were() {
    for padding in [0, 160, 600] {
        let (mut muxer, mut signal) = (Muxer::default(), Signal::new(None));
        let pat = muxer.section(0, &pat(3, &[(0, 0x10), (7, PMT)]));
        let pmt = muxer.section(PMT, &pmt(7, 1, 0x1b, padding));
        assert_eq!(
            scan(&mut signal, &[pat.clone(), pmt.clone()].concat()),
            Vec::<usize>::new()
        );
        assert_eq!(
            signal.prelude().bytes(),
            [pat, pmt].concat(),
            "padding {padding}"
        );
        let services = signal.services(1000);
        assert_eq!(services.len(), 1);
        assert_eq!(
            (
                services[0].service_id,
                services[0].pmt_pid,
                services[0].pcr_pid
            ),
            (7, PMT, VIDEO)
        );
        let kinds: Vec<(&str, u16)> = services[0]
            .streams
            .iter()
            .map(|one| (one.kind.as_str(), one.pid))
            .collect();
        assert_eq!(kinds, vec![("h264", VIDEO), ("aac", AUDIO)]);
        assert_eq!(services[0].streams[1].language.as_deref(), Some("deu"));
    }
}

#[test]
fn decoding_begins_where_the_picture_or_the_flag_says_so() {
    let h264: (u8, &[u8], &[u8]) = (
        0x1b,
        &[0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x67],
        &[0, 0, 0, 1, 9, 0xf0, 0, 0, 1, 0x41],
    );
    let hevc: (u8, &[u8], &[u8]) = (
        0x24,
        &[0, 0, 0, 1, 0x46, 1, 0, 0, 0, 1, 0x40, 1],
        &[0, 0, 1, 0x02, 1],
    );
    let mpeg2: (u8, &[u8], &[u8]) = (0x02, &[0, 0, 1, 0xb3], &[0, 0, 1, 0, 0]);
    for (video_type, key, other) in [h264, hevc, mpeg2] {
        let (mut muxer, mut signal) = (Muxer::default(), Signal::new(None));
        let mut packets = muxer.section(0, &pat(0, &[(1, PMT)]));
        packets.extend(muxer.section(PMT, &pmt(1, 0, video_type, 0)));
        packets.extend(muxer.packet(VIDEO, true, &[], &pes(other)));
        let key_at = packets.len();
        packets.extend(muxer.packet(VIDEO, true, &[], &pes(key)));
        packets.extend(muxer.packet(VIDEO, false, &[], &[0x55; 184]));
        packets.extend(muxer.packet(AUDIO, true, &[], &pes(key)));
        let flagged_at = packets.len();
        packets.extend(muxer.packet(VIDEO, true, &[0x40], &pes(other)[..100]));
        assert_eq!(
            scan(&mut signal, &packets),
            vec![key_at, flagged_at],
            "type {video_type:#x}"
        );
        assert_eq!(continuity_errors(&signal), 0);
    }
}

#[test]
fn the_program_asked_for_decides_where_to_begin() {
    for (program, begins) in [
        (None, true),
        (Some(1), true),
        (Some(2), false),
        (Some(99), true),
    ] {
        let (mut muxer, mut signal) = (Muxer::default(), Signal::new(program));
        let mut packets = muxer.section(0, &pat(0, &[(1, PMT), (2, 0x200)]));
        packets.extend(muxer.section(PMT, &pmt(1, 0, 0x1b, 0)));
        let audio_only = section(2, 2, 0, &[0xe3, 0x01, 0xf0, 0, 0x03, 0xe3, 0x01, 0xf0, 0]);
        packets.extend(muxer.section(0x200, &audio_only));
        packets.extend(muxer.packet(VIDEO, true, &[0x40], &[0x55; 100]));
        assert_eq!(
            !scan(&mut signal, &packets).is_empty(),
            begins,
            "program {program:?}"
        );
    }
}

#[test]
fn another_program_may_be_asked_for_while_it_runs() {
    let (mut muxer, mut signal) = (Muxer::default(), Signal::new(Some(2)));
    let mut packets = muxer.section(0, &pat(0, &[(1, PMT), (2, 0x200)]));
    packets.extend(muxer.section(PMT, &pmt(1, 0, 0x1b, 0)));
    let audio_only = section(2, 2, 0, &[0xe3, 0x01, 0xf0, 0, 0x03, 0xe3, 0x01, 0xf0, 0]);
    packets.extend(muxer.section(0x200, &audio_only));
    let mut key = || muxer.packet(VIDEO, true, &[0x40], &[0x55; 100]);
    packets.extend(key());
    assert!(scan(&mut signal, &packets).is_empty());
    signal.choose(Some(1));
    assert_eq!(scan(&mut signal, &key()), vec![0]);
    assert_eq!(continuity_errors(&signal), 0);
}

/// An encoder that begins anew often begins with the same version of its tables.
#[test]
fn tables_that_change_without_a_new_version_are_read() {
    let (mut muxer, mut signal) = (Muxer::default(), Signal::new(None));
    let mut packets = muxer.section(0, &pat(0, &[(1, PMT)]));
    packets.extend(muxer.section(PMT, &pmt(1, 0, 0x1b, 0)));
    packets.extend(muxer.section(PMT, &pmt(1, 0, 0x02, 0)));
    packets.extend(muxer.section(0, &pat(0, &[(1, PMT), (2, 0x200)])));
    packets.extend(muxer.section(0x200, &pmt(2, 0, 0x1b, 0)));
    scan(&mut signal, &packets);
    let services = signal.services(1000);
    assert_eq!(services.len(), 2);
    assert_eq!(services[0].streams[0].kind, "mpeg2video");
}

const PAYLOAD: u8 = 0x10;
const NO_PAYLOAD: u8 = 0x20;

/// A packet of PID 0x101 with this control field, counter and flags.
fn counted(control: u8, cc: u8, flags: u8, fill: u8) -> Vec<u8> {
    let mut packet = [fill; PACKET_BYTES];
    packet[..6].copy_from_slice(&[0x47, 1, 1, control | cc, 183, flags]);
    if control & NO_PAYLOAD == 0 {
        packet[4..6].copy_from_slice(&[fill, fill]);
    }
    packet.to_vec()
}

/// ISO/IEC 13818-1, 2.4.3.3: counters of packets in a row, and what must be missing.
#[test]
fn continuity_is_judged_by_the_rules() {
    let plain = |cc: u8| counted(PAYLOAD, cc, 0, cc);
    let cases: [(&str, Vec<Vec<u8>>, u64, u64); 9] = [
        (
            "in a row, over the wrap",
            (14..20).map(|cc| plain(cc & 15)).collect(),
            0,
            0,
        ),
        ("one is missing", vec![plain(1), plain(3)], 1, 1),
        (
            "fifteen are missing at most",
            vec![plain(1), plain(2), plain(2 + 15)],
            1,
            14,
        ),
        (
            "the same counter with other bytes",
            vec![plain(1), plain(2), counted(PAYLOAD, 2, 0, 9), plain(3)],
            1,
            15,
        ),
        (
            "one repetition is legal",
            vec![plain(1), plain(2), plain(2), plain(3)],
            0,
            0,
        ),
        (
            "a third is not",
            vec![plain(1), plain(2), plain(2), plain(2), plain(3)],
            1,
            15,
        ),
        (
            "without payload it stands still",
            vec![plain(1), counted(NO_PAYLOAD, 1, 0, 0), plain(2)],
            0,
            0,
        ),
        (
            "a discontinuity that is announced",
            vec![plain(1), counted(0x30, 9, 0x80, 0), plain(10)],
            0,
            0,
        ),
        (
            "reserved control is ignored",
            vec![plain(1), counted(0, 7, 0, 0), plain(2)],
            0,
            0,
        ),
    ];
    for (name, packets, errors, missing) in cases {
        let mut signal = judging();
        scan(&mut signal, &packets.concat());
        let counts = signal.counts();
        assert_eq!(
            (continuity_errors(&signal), counts.missing_plain),
            (errors, missing),
            "{name}"
        );
    }
}

#[test]
fn a_known_gap_explains_each_pid_once() {
    let (mut muxer, mut signal) = (Muxer::default(), judging());
    let mut packets: Vec<Vec<u8>> = (0..12)
        .map(|index| muxer.packet(0x100 + index % 2, false, &[], &[0x55; 184]))
        .collect();
    let (before, after) = (packets[..4].concat(), packets.split_off(6));
    scan(&mut signal, &before);
    signal.gap();
    scan(&mut signal, &after[..4].concat());
    assert_eq!(signal.counts().missing_plain, 0);
    assert_eq!(continuity_errors(&signal), 2);
    // What is missing later is not explained by it.
    let mut late = judging();
    scan(&mut late, &before);
    late.gap();
    let more = [&after[0][..], &after[1], &after[4]].concat();
    late.scan(&more, 0);
    assert_eq!(late.counts().missing_plain, 1);
}

#[test]
fn a_gap_is_still_explained_behind_packets_without_payload() {
    let (mut muxer, mut signal) = (Muxer::default(), judging());
    let packets: Vec<Vec<u8>> = (0..8)
        .map(|_| muxer.packet(0x100, false, &[], &[0x55; 184]))
        .collect();
    // A PCR alone: the counter stands still.
    let mut clock = packets[5].clone();
    clock[3] = 0x20 | (clock[3] & 0xf);
    clock[4..6].copy_from_slice(&[183, 0x10]);
    scan(&mut signal, &packets[..3].concat());
    signal.gap();
    scan(
        &mut signal,
        &[&clock[..], &packets[6], &packets[7]].concat(),
    );
    assert_eq!(signal.counts().missing_plain, 0);
    assert_eq!(continuity_errors(&signal), 1);
    // Nor is anything missing where a packet without payload is the first that is seen.
    let mut late = judging();
    scan(&mut late, &[&clock[..], &packets[7]].concat());
    assert_eq!(continuity_errors(&late), 0);
}

#[test]
fn services_bear_the_names_of_the_sdt() {
    let (mut muxer, mut signal) = (Muxer::default(), Signal::new(None));
    let mut packets = muxer.section(0, &pat(0, &[(1, PMT)]));
    packets.extend(muxer.section(PMT, &pmt(1, 0, 0x1b, 0)));
    let descriptor = [&[0x48, 12, 1, 4][..], b"Prov", &[5], b"News1"].concat();
    let body = [
        &[
            0,
            1,
            0xff,
            0,
            9,
            0xfc,
            0x80,
            0,
            0,
            1,
            0xfc,
            0x80,
            descriptor.len() as u8,
        ][..],
        &descriptor,
    ]
    .concat();
    packets.extend(muxer.section(0x11, &section(0x42, 1, 0, &body)));
    scan(&mut signal, &packets);
    let services = signal.services(1000);
    assert_eq!(
        (services[0].name.as_str(), services[0].provider.as_str()),
        ("News1", "Prov")
    );
}

/// Two programs, the second without PMT; then it goes, and comes again.
#[test]
fn programs_that_go_are_not_missed() {
    let (mut muxer, mut signal) = (Muxer::default(), Signal::new(None));
    let (both, one) = ([(1, PMT), (2, 0x200)], [(1, PMT)]);
    let mut errors = Vec::new();
    for at_ms in (0..9000).step_by(100) {
        let (version, programs) = match at_ms {
            0..3000 => (0, &both[..]),
            3000..6000 => (1, &one[..]),
            _ => (2, &both[..]),
        };
        let mut packets = muxer.section(0, &pat(version, programs));
        packets.extend(muxer.section(PMT, &section(2, 1, 0, &[0xff, 0xff, 0xf0, 0])));
        scan_at(&mut signal, &packets, at_ms);
        errors.push(signal.counts().of(Indicator::PmtError));
        assert_eq!(
            signal.counts().indicators.iter().sum::<u64>(),
            *errors.last().expect("just pushed")
        );
    }
    let at = |ms: usize| errors[ms / 100];
    assert_eq!((at(500), at(700)), (0, 1), "absent from the beginning");
    assert_eq!(
        (at(2900), at(5900)),
        (1, 1),
        "told once, then nobody wants it"
    );
    assert_eq!((at(6400), at(8900)), (1, 2), "wanted again");
}

/// A stream that is named and never comes, one that may be silent, and one that stops.
#[test]
fn what_a_pmt_names_must_come_but_for_what_is_sparse() {
    let (mut muxer, mut signal) = (Muxer::default(), Signal::new(None));
    let body = [
        0xff, 0xff, 0xf0, 0, 0x1b, 0xe1, 0x01, 0xf0, 0, 0x86, 0xe1, 0x05, 0xf0, 0, 0x0f, 0xe1,
        0x06, 0xf0, 0,
    ];
    for at_ms in (0..20_000).step_by(100) {
        let mut packets = muxer.section(0, &pat(0, &[(1, PMT)]));
        packets.extend(muxer.section(PMT, &section(2, 1, 0, &body)));
        if at_ms < 10_000 {
            packets.extend(muxer.packet(VIDEO, false, &[], &[0x55; 184]));
        }
        scan_at(&mut signal, &packets, at_ms);
        let errors = signal.counts().of(Indicator::PidError);
        let expected = u64::from(at_ms > 5000) + u64::from(at_ms > 14_900);
        assert_eq!(errors, expected, "{at_ms}");
        let awaited = u64::from(at_ms > 0) + u64::from(at_ms > 14_900);
        assert_eq!(signal.awaited_pids(), awaited, "{at_ms}");
    }
    let kinds: Vec<String> = signal.services(1000)[0]
        .streams
        .iter()
        .map(|one| one.kind.clone())
        .collect();
    assert_eq!(kinds, ["h264", "scte35", "aac"]);
    assert_eq!(signal.counts().indicators.iter().sum::<u64>(), 2);
}

/// A turn may scan in pieces: what comes with the last is not absent in the first.
#[test]
fn what_still_waits_to_be_scanned_is_not_absent() {
    let (mut muxer, mut signal) = (Muxer::default(), Signal::new(None));
    let clock = |muxer: &mut Muxer, ms: u64| {
        let [.., a, b, c, d] = (ms * 45).to_be_bytes();
        muxer.packet(VIDEO, false, &[0x10, a, b, c, d, 0, 0], &[0x55; 170])
    };
    let tables = [
        muxer.section(0, &pat(3, &[(7, PMT)])),
        muxer.section(PMT, &pmt(7, 1, 0x1b, 0)),
        clock(&mut muxer, 0),
    ];
    scan_at(&mut signal, &tables.concat(), 1000);
    let sound = |muxer: &mut Muxer| muxer.packet(AUDIO, false, &[], &[0x55; 184]);
    for now_ms in (1100..1500).step_by(100) {
        scan_at(&mut signal, &sound(&mut muxer), now_ms);
    }
    assert_eq!(signal.scan(&sound(&mut muxer), 1510), Scanned::All);
    scan_at(&mut signal, &clock(&mut muxer, 90), 1510);
    let errors = |signal: &Signal| signal.counts().of(Indicator::PcrRepetitionError);
    assert_eq!(errors(&signal), 0);
    // What does not come at all is.
    for now_ms in (1600..6000).step_by(100) {
        scan_at(&mut signal, &sound(&mut muxer), now_ms);
    }
    assert_eq!(errors(&signal), 1);
}

#[test]
fn tables_larger_than_the_limits_are_cut_and_counted() {
    let (mut muxer, mut signal) = (Muxer::default(), Signal::new(None));
    let programs: Vec<(u16, u16)> = (1..=200).map(|number| (number, 0x100 + number)).collect();
    let mut packets = muxer.section(0, &pat(0, &programs));
    let mut body = vec![0xff, 0xff, 0xf0, 0];
    for pid in 0..100_u8 {
        body.extend_from_slice(&[0x0f, 0xe4, pid, 0xf0, 0]);
    }
    packets.extend(muxer.section(0x101, &section(2, 1, 0, &body)));
    scan(&mut signal, &packets);
    assert_eq!(signal.counts().limits_reached, 2);
    let services = signal.services(1000);
    assert_eq!(
        services[0].streams.len(),
        crate::limits::PROGRAM_STREAMS_MAX
    );
    // The counter goes on with another source.
    signal.restart();
    assert_eq!(signal.counts().limits_reached, 2);
}

#[test]
fn joining_in_the_middle_is_no_loss() {
    let (mut muxer, mut signal) = (Muxer::default(), Signal::new(None));
    let mut packets: Vec<u8> = (0..5)
        .flat_map(|_| muxer.packet(VIDEO, false, &[], &[0x55; 184]))
        .collect();
    packets.extend(muxer.section(0, &pat(0, &[(1, PMT)])));
    packets.extend(muxer.section(PMT, &pmt(1, 0, 0x1b, 0)));
    packets.extend((0..5).flat_map(|_| muxer.packet(VIDEO, false, &[], &[0x55; 184])));
    scan(&mut signal, &packets);
    assert_eq!(continuity_errors(&signal), 0);
}

#[test]
fn null_packets_and_erroneous_ones_judge_nothing() {
    let mut signal = judging();
    let mut null = [0xff; PACKET_BYTES];
    null[..4].copy_from_slice(&[0x47, 0x1f, 0xff, 0x10]);
    let mut erroneous = null;
    erroneous[1..4].copy_from_slice(&[0x81, 0x01, 0x15]);
    let mut good = erroneous;
    good[1..4].copy_from_slice(&[0x01, 0x01, 0x13]);
    scan(&mut signal, &[null, null, good, erroneous, null].concat());
    let counts = signal.counts();
    assert_eq!(
        (
            counts.of(Indicator::TransportError),
            continuity_errors(&signal)
        ),
        (1, 0)
    );
}

proptest! {
    #[test]
    fn any_packets_are_scanned_without_panic(packets in proptest::collection::vec(
        (any::<bool>(), proptest::collection::vec(any::<u8>(), PACKET_BYTES)), 0..40,
    )) {
        let bytes: Vec<u8> = packets.into_iter().flat_map(|(table, mut packet)| {
            packet[0] = 0x47;
            if table {
                packet[1] &= 0xe0;
                packet[2] = 0;
            }
            packet
        }).collect();
        let mut signal = Signal::new(Some(1));
        for (index, packet) in bytes.chunks(PACKET_BYTES).enumerate() {
            scan_at(&mut signal, packet, index as u64 * u64::from(packet[187]));
            signal.bad_sync(&packet[1..]);
        }
        let _ = (signal.services(1000), signal.prelude());
        prop_assert_eq!(signal.counts().of(Indicator::SyncByteError), bytes.len() as u64 / 188);
    }

    /// A table of any content, with a right CRC, is read without panic too.
    #[test]
    fn any_sections_are_read_without_panic(body in proptest::collection::vec(any::<u8>(), 0..900), table_id in 0u8..3) {
        let (mut muxer, mut signal) = (Muxer::default(), Signal::new(None));
        let mut packets = muxer.section(0, &pat(0, &[(1, PMT)]));
        packets.extend(muxer.section(PMT, &section(table_id, 1, 0, &body)));
        packets.extend(muxer.section(0, &section(0, 1, 1, &body)));
        scan(&mut signal, &packets);
        let _ = (signal.services(1000), signal.prelude());
    }
}
