//! What a recording must be: whole packets, in order, and one piece of what was sent.

use std::collections::HashMap;
use std::ops::Range;

use crate::ts::{PACKET, PID_NULL, PID_PAT, PID_PMT, PID_VIDEO};

/// PID of a packet.
#[must_use]
pub fn pid(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[1], packet[2]]) & 0x1fff
}

/// `random_access_indicator` of a packet.
#[must_use]
pub fn random_access(packet: &[u8]) -> bool {
    packet[3] & 0x20 != 0 && packet[4] > 0 && packet[5] & 0x40 != 0
}

/// The time stamp of a PES packet of video that begins here (ISO/IEC 13818-1, 2.4.3.7), in ticks.
#[must_use]
pub fn picture_time(packet: &[u8]) -> Option<u64> {
    let adaptation = if packet[3] & 0x20 == 0 {
        0
    } else {
        usize::from(packet[4]) + 1
    };
    let head = packet.get(4 + adaptation..18 + adaptation)?;
    let begins = packet[1] & 0x40 != 0 && head[..3] == [0, 0, 1] && head[3] & 0xf0 == 0xe0;
    let byte = |at: usize| u64::from(head[at]);
    let ticks = (byte(9) >> 1 & 7) << 30
        | byte(10) << 22
        | (byte(11) >> 1) << 15
        | byte(12) << 7
        | byte(13) >> 1;
    (begins && head[7] & 0x80 != 0).then_some(ticks)
}

/// The whole packets of a recording; each must begin with the sync byte.
///
/// # Panics
/// When one does not.
#[must_use]
#[track_caller]
pub fn packets(recording: &[u8]) -> Vec<&[u8]> {
    let packets: Vec<_> = recording.chunks_exact(PACKET).collect();
    for (index, packet) in packets.iter().enumerate() {
        assert_eq!(packet[0], 0x47, "packet {index} has no sync byte");
    }
    packets
}

/// Breaks of the continuity counter (2.4.3.3), as sentences; null packets don't count, one
/// repetition is allowed, a packet without payload keeps the value.
#[must_use]
#[track_caller]
pub fn continuity_breaks(recording: &[u8]) -> Vec<String> {
    let mut last: HashMap<u16, &[u8]> = HashMap::new();
    let mut breaks = Vec::new();
    for (index, packet) in packets(recording).into_iter().enumerate() {
        let pid = pid(packet);
        if pid == PID_NULL {
            continue;
        }
        let step = u8::from(packet[3] & 0x10 != 0);
        let announced = packet[3] & 0x20 != 0 && packet[4] > 0 && packet[5] & 0x80 != 0;
        let Some(before) = last.insert(pid, packet) else {
            continue;
        };
        let (was, is) = (before[3] & 15, packet[3] & 15);
        let repeated = before == packet;
        if is != (was + step) & 15 && !repeated && !announced {
            breaks.push(format!("packet {index}, PID {pid:#x}: {is} after {was}"));
        }
    }
    breaks
}

/// A recording must be PAT, PMT and then one contiguous piece of `sent`, which begins at a random
/// access point; PAT and PMT are the last that were sent before it. Answers where in `sent` it lies.
///
/// # Panics
/// When it is anything else.
#[track_caller]
pub fn one_piece_of(recording: &[u8], sent: &[u8]) -> Range<usize> {
    let got = packets(recording);
    assert!(got.len() > 3, "only {} packets were recorded", got.len());
    assert_eq!(
        [pid(got[0]), pid(got[1])],
        [PID_PAT, PID_PMT],
        "a recording begins with PAT and PMT"
    );
    assert_eq!(pid(got[2]), PID_VIDEO);
    assert!(random_access(got[2]), "third: a random access point");
    let all: Vec<_> = sent.chunks_exact(PACKET).collect();
    let start = all.iter().position(|packet| *packet == got[2]);
    let start = start.expect("the random access point was sent");
    for (index, wanted) in [(0, PID_PAT), (1, PID_PMT)] {
        let last = all[..start].iter().rev().find(|p| pid(p) == wanted);
        assert_eq!(Some(&got[index]), last, "the last table of {wanted:#x}");
    }
    contiguous(&got[2..], &all[start..]);
    start * PACKET..(start + got.len() - 2) * PACKET
}

/// A recording must be one contiguous piece of `sent`, wherever it begins (`?start=live`).
///
/// # Panics
/// When it is anything else.
#[track_caller]
pub fn any_piece_of(recording: &[u8], sent: &[u8]) {
    let got = packets(recording);
    let all: Vec<_> = sent.chunks_exact(PACKET).collect();
    let known = got.iter().position(|packet| pid(packet) == PID_VIDEO);
    let known = known.expect("a video packet was recorded");
    let found = all.iter().position(|packet| *packet == got[known]);
    let start = found.expect("the first video packet was sent");
    let start = start.checked_sub(known).expect("nothing before the start");
    contiguous(&got, &all[start..]);
}

#[track_caller]
fn contiguous(got: &[&[u8]], sent: &[&[u8]]) {
    assert!(got.len() <= sent.len(), "more was recorded than was sent");
    let differs = got.iter().zip(sent).position(|(got, sent)| got != sent);
    if let Some(at) = differs {
        let elsewhere = sent.iter().position(|packet| *packet == got[at]);
        panic!(
            "packet {at} of the piece is {:02x?}.. but {:02x?}.. was sent; it stands at {elsewhere:?} of what was sent",
            &got[at][..16],
            &sent[at][..16]
        );
    }
}

/// Pieces that a recording with skips falls into: each must begin with PAT, PMT and a random
/// access point, and be contiguous in `sent`, later than the piece before. Answers how many.
///
/// # Panics
/// When a piece is anything else.
#[track_caller]
pub fn pieces_of(recording: &[u8], sent: &[u8]) -> usize {
    let got = packets(recording);
    let all: Vec<_> = sent.chunks_exact(PACKET).collect();
    let (mut at, mut from, mut pieces) = (0, 0, 0);
    while at < got.len() {
        // The recording's end may fall among a piece's first packets.
        if got.len() - at < 3 {
            break;
        }
        assert_eq!([pid(got[at]), pid(got[at + 1])], [PID_PAT, PID_PMT]);
        assert!(random_access(got[at + 2]), "at packet {at}");
        let found = all[from..].iter().position(|p| *p == got[at + 2]);
        let start = from + found.expect("a random access point that was sent, and later");
        let same = got[at + 2..].iter().zip(&all[start..]);
        let length = same.take_while(|(got, sent)| got == sent).count();
        at += 2 + length;
        from = start + length;
        pieces += 1;
    }
    pieces
}

/// No packet of a recording may carry another mark than `mark`.
///
/// # Panics
/// When one does.
#[track_caller]
pub fn only_mark(recording: &[u8], mark: u16) {
    let own = format!("<{mark:04x}:");
    let mut seen = 0;
    for packet in packets(recording) {
        if pid(packet) != PID_VIDEO || packet[3] & 0x10 == 0 {
            continue;
        }
        let text = String::from_utf8_lossy(packet);
        // The first text of a packet may be cut at its front only where a PES header stands.
        assert!(text.contains(&own), "a foreign packet: {text}");
        seen += 1;
    }
    assert!(seen > 0, "no packet with a mark");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ts::TestStream;

    /// What a viewer gets that begins at the `skip`-th random access point.
    fn recording(sent: &[u8], skip: usize, packets: usize) -> Vec<u8> {
        let all: Vec<_> = sent.chunks(PACKET).collect();
        let mut points = (0..all.len()).filter(|at| random_access(all[*at]));
        let start = points.nth(skip).expect("so many random access points");
        let table = |wanted| all[..start].iter().rfind(|p| pid(p) == wanted);
        let mut bytes = table(PID_PAT).expect("PAT").to_vec();
        bytes.extend_from_slice(table(PID_PMT).expect("PMT"));
        bytes.extend_from_slice(&all[start..start + packets].concat());
        bytes
    }

    #[test]
    fn a_good_recording_passes() {
        let sent = TestStream::new(1, 2_000_000).take_bytes(4000);
        let got = recording(&sent, 1, 500);
        assert_eq!(one_piece_of(&got, &sent).len(), 500 * PACKET);
        any_piece_of(&got[2 * PACKET..], &sent);
        let twice = [got, recording(&sent, 3, 100)].concat();
        assert_eq!(pieces_of(&twice, &sent), 2);
    }

    #[test]
    #[should_panic(expected = "packet 40 of the piece")]
    fn a_recording_with_a_hole_fails() {
        let sent = TestStream::new(1, 2_000_000).take_bytes(4000);
        let mut got = recording(&sent, 1, 500);
        got.drain(42 * PACKET..43 * PACKET);
        one_piece_of(&got, &sent);
    }

    #[test]
    #[should_panic(expected = "a foreign packet")]
    fn a_foreign_packet_is_found() {
        let mut got = TestStream::new(1, 2_000_000).take_bytes(100);
        got.extend_from_slice(&TestStream::new(2, 2_000_000).take_bytes(100));
        only_mark(&got, 1);
    }
}
