use super::*;
use common::ts::crc::crc32;
use common::ts::packet::{Pid, TsPacket};
use proptest::prelude::*;

const VIDEO: u16 = 0x101;
const AUDIO: u16 = 0x102;
const PMT: u16 = 0x100;

/// A stream whose packets say which they are: its mark, and a count.
struct Made {
    mark: u8,
    counters: std::collections::HashMap<u16, u8>,
}

impl Made {
    fn new(mark: u8) -> Self {
        Self {
            mark,
            counters: std::collections::HashMap::new(),
        }
    }

    fn packet(&mut self, pid: u16, pusi: bool, field: &[u8], payload: &[u8]) -> Vec<u8> {
        let counter = self.counters.entry(pid).or_insert(self.mark & 15);
        *counter = (*counter + 1) & 15;
        let [high, low] = pid.to_be_bytes();
        let start = if pusi { 0x40 } else { 0 };
        let mut packet = vec![0x47, high | start, low, 0x10 | *counter];
        if !field.is_empty() {
            packet[3] |= 0x20;
            packet.push(u8::try_from(field.len()).expect("short"));
            packet.extend_from_slice(field);
        }
        packet.extend_from_slice(payload);
        packet.resize(PACKET_BYTES, if pid < VIDEO { 0xff } else { self.mark });
        packet
    }

    fn table(&mut self, pid: u16, table: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len() + 9).expect("short") | 0xb000;
        let mut section = vec![table];
        section.extend_from_slice(&length.to_be_bytes());
        section.extend_from_slice(&[0, 1, 0xc1, 0, 0]);
        section.extend_from_slice(body);
        section.extend_from_slice(&crc32(&section).to_be_bytes());
        self.packet(pid, true, &[], &[&[0], section.as_slice()].concat())
    }

    fn tables(&mut self) -> Vec<u8> {
        let pat = self.table(0, 0, &[0, 1, 0xe1, 0]);
        let streams = [
            0xe1, 1, 0xf0, 0, 0x1b, 0xe1, 1, 0xf0, 0, 0x0f, 0xe1, 2, 0xf0, 0,
        ];
        [pat, self.table(PMT, 2, &streams)].concat()
    }

    /// A random access point that says its time.
    fn picture_at(&mut self, pts: u64) -> Vec<u8> {
        let byte = |bits: u64| u8::try_from(bits & 0xff).expect("a byte");
        let stamp = [
            0x21 | byte(pts >> 30 & 7) << 1,
            byte(pts >> 22),
            1 | byte(pts >> 15 & 0x7f) << 1,
            byte(pts >> 7),
            1 | byte(pts & 0x7f) << 1,
        ];
        let header = [&[0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5], &stamp[..]].concat();
        self.packet(VIDEO, true, &[0x40], &header)
    }

    fn picture(&mut self, access: bool) -> Vec<u8> {
        let field = if access { vec![0x40] } else { Vec::new() };
        let start = self.packet(VIDEO, true, &field, &[0, 0, 1, 0xe0, 0, 0, 0x80, 0, 0]);
        let rest = self.packet(VIDEO, false, &[], &[]);
        let sound = self.packet(AUDIO, true, &[], &[0, 0, 1, 0xc0, 0, 0, 0x80, 0, 0]);
        [start, rest, sound].concat()
    }
}

fn push(junction: &mut Junction, leg: &mut Leg, bytes: &[u8]) -> Option<Passed> {
    junction.push(leg, bytes, 0).expect("it is taken")
}

fn views(bytes: &[u8]) -> Vec<TsPacket<'_>> {
    let packets = bytes.chunks_exact(PACKET_BYTES);
    packets
        .map(|one| TsPacket::new(one).expect("a packet"))
        .collect()
}

#[test]
fn an_upload_begins_with_tables_and_a_random_access_point() {
    let (mut junction, mut made) = (Junction::default(), Made::new(1));
    let mut leg = junction.leg(5);
    let before = [made.picture(false), made.tables(), made.picture(false)].concat();
    assert_eq!(push(&mut junction, &mut leg, &before), None);
    let begin = made.picture(true);
    let passed = push(&mut junction, &mut leg, &begin).expect("it begins");
    assert!(passed.first);
    let pids: Vec<_> = views(&passed.bytes).iter().map(|one| one.pid()).collect();
    assert_eq!(pids, [0, PMT, VIDEO, VIDEO, AUDIO].map(Pid::new));
    // Nothing was before it: no seam.
    assert_eq!(passed.bytes[2 * PACKET_BYTES..], begin);
    let more = made.picture(false);
    let passed = push(&mut junction, &mut leg, &more).expect("it goes on");
    assert_eq!((passed.bytes, passed.first), (more, false));
}

#[test]
fn the_next_takes_over_at_its_random_access_point_and_says_so() {
    let mut junction = Junction::default();
    let (mut one, mut two) = (Made::new(1), Made::new(2));
    let (mut old, mut young) = (junction.leg(5), junction.leg(6));
    let start = [one.tables(), one.picture(true)].concat();
    push(&mut junction, &mut old, &start).expect("it begins");
    assert_eq!(push(&mut junction, &mut young, &two.tables()), None);
    let (bytes, half) = (one.picture(false), PACKET_BYTES + 40);
    let passed = push(&mut junction, &mut old, &bytes[..half]).expect("the old one goes on");
    assert_eq!(passed.bytes, bytes[..PACKET_BYTES]);
    let begin = two.picture(true);
    let passed = push(&mut junction, &mut young, &begin).expect("it takes over");
    assert!(passed.first);
    let mut said = std::collections::BTreeSet::new();
    for packet in views(&passed.bytes) {
        if said.insert(packet.pid()) {
            assert!(packet.discontinuity(), "{packet:?}");
        }
    }
    assert_eq!(said.len(), 4);
    let late = junction.push(&mut old, &bytes[half..], 0);
    assert_eq!(late, Err(LegEnded::Superseded));
    let mut late = junction.leg(5);
    let late = junction.push(&mut late, &start, 0);
    assert_eq!(late, Err(LegEnded::Superseded));
}

#[test]
fn time_does_not_go_back() {
    const SECOND: u64 = 90_000;
    let wrap = (1 << 33) - SECOND;
    for (shown, young, passes) in [
        (20 * SECOND, 19 * SECOND, false),
        (20 * SECOND, 20 * SECOND, false),
        (20 * SECOND, 21 * SECOND, true),
        // Over the wrap.
        (SECOND, wrap, false),
        (wrap, SECOND, true),
        // Another clock.
        (20 * SECOND, 5 * SECOND, true),
    ] {
        let mut junction = Junction::default();
        let (mut one, mut two) = (Made::new(1), Made::new(2));
        let (mut old, mut new) = (junction.leg(5), junction.leg(6));
        let start = [one.tables(), one.picture_at(shown - 1)].concat();
        push(&mut junction, &mut old, &start).expect("it begins");
        let more = one.picture_at(shown);
        push(&mut junction, &mut old, &more).expect("it goes on");
        let start = [two.tables(), two.picture_at(young)].concat();
        let passed = push(&mut junction, &mut new, &start);
        assert_eq!(passed.is_some(), passes, "{young} after {shown}");
        let late = two.picture_at(young + 1);
        let late = junction.push(&mut new, &late, UPLOAD_ACCESS_WAIT_MS);
        assert!(late.expect("it is taken").is_some(), "it waits no longer");
    }
}

#[test]
fn a_second_upload_of_one_epoch_takes_over_as_well() {
    let (mut junction, mut made) = (Junction::default(), Made::new(1));
    let start = [made.tables(), made.picture(true)].concat();
    let mut first = junction.leg(5);
    push(&mut junction, &mut first, &start).expect("it begins");
    let mut second = junction.leg(5);
    assert!(
        push(&mut junction, &mut second, &start)
            .expect("it takes over")
            .first
    );
    let late = junction.push(&mut first, &start, 0);
    assert_eq!(late, Err(LegEnded::Superseded));
}

#[test]
fn what_is_no_transport_stream_is_refused() {
    let mut junction = Junction::default();
    let mut leg = junction.leg(1);
    assert_eq!(
        junction.push(&mut leg, b"HTTP/1.1 200 OK", 0),
        Err(LegEnded::NotTs)
    );
    let mut leg = junction.leg(1);
    let mut made = Made::new(1);
    let broken = [made.tables(), vec![0; PACKET_BYTES]].concat();
    assert_eq!(junction.push(&mut leg, &broken, 0), Err(LegEnded::NotTs));
}

#[test]
fn a_coding_without_random_access_points_begins_after_a_while() {
    let (mut junction, mut made) = (Junction::default(), Made::new(1));
    let mut leg = junction.leg(1);
    assert_eq!(push(&mut junction, &mut leg, &made.tables()), None);
    let bytes = made.picture(false);
    let early = junction.push(&mut leg, &bytes, UPLOAD_ACCESS_WAIT_MS - 1);
    assert_eq!(early, Ok(None));
    let passed = junction.push(&mut leg, &bytes, UPLOAD_ACCESS_WAIT_MS);
    assert!(passed.expect("taken").expect("it begins").first);
}

proptest! {
    /// However two uploads arrive, in whatever pieces: packets stay whole, the first stream comes
    /// before the second, and never again.
    #[test]
    fn two_uploads_are_never_interleaved(
        turns in proptest::collection::vec((any::<bool>(), 1..2000_usize), 1..60),
    ) {
        let mut junction = Junction::default();
        let mut legs = [junction.leg(1), junction.leg(2)];
        let mut streams = [Vec::new(), Vec::new()];
        for (index, stream) in streams.iter_mut().enumerate() {
            let mut made = Made::new(if index == 0 { 3 } else { 9 });
            for _ in 0..20 {
                stream.extend(made.tables());
                stream.extend(made.picture(true));
                stream.extend(made.picture(false));
            }
        }
        let (mut at, mut out) = ([0, 0], Vec::new());
        for (second, length) in turns {
            let index = usize::from(second);
            let end = (at[index] + length).min(streams[index].len());
            let piece = &streams[index][at[index]..end];
            at[index] = end;
            match junction.push(&mut legs[index], piece, 0) {
                Ok(passed) => out.extend(passed.map(|one| one.bytes).unwrap_or_default()),
                Err(error) => prop_assert!(index == 0 && error == LegEnded::Superseded),
            }
        }
        prop_assert_eq!(out.len() % PACKET_BYTES, 0);
        let marks = out.chunks_exact(PACKET_BYTES).filter_map(|packet| {
            let packet = TsPacket::new(packet)?;
            (packet.pid() == Pid::new(VIDEO) && packet.has_payload()).then(|| packet.bytes()[187])
        });
        let marks: Vec<u8> = marks.collect();
        prop_assert!(marks.is_sorted(), "{:?}", marks);
    }
}
