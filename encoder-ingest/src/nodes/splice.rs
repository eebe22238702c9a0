//! The seam where another stream takes over: each PID says once that its counter, and its clock,
//! begin anew (ISO/IEC 13818-1, 2.4.3.5, `discontinuity_indicator`). Pure.

use common::ts::packet::{PACKET_BYTES, Pid, TsPacket};

/// Puts the indicator into the first packet of each PID behind a seam.
#[derive(Debug, Default)]
pub struct Seam {
    /// One bit a PID: it has said so.
    said: Vec<u64>,
}

const DISCONTINUITY: u8 = 0x80;
const RANDOM_ACCESS: u8 = 0x40;

/// Bits of `adaptation_field_control`: adaptation field; payload.
const ADAPTATION: u8 = 0x20;
const PAYLOAD: u8 = 0x10;

/// Stuffing (2.4.3.5, 2.4.4).
const STUFFING: u8 = 0xff;

impl Seam {
    /// What lies behind a seam; without one, packets pass as they are.
    #[must_use]
    pub fn new(between_streams: bool) -> Self {
        let words = Pid::COUNT.div_ceil(64);
        Self {
            said: if between_streams {
                vec![0; words]
            } else {
                Vec::new()
            },
        }
    }

    /// Appends tables from memory: packets with stuffing at their end.
    pub fn tables(&mut self, packets: &[u8], out: &mut Vec<u8>) {
        for packet in packets.chunks_exact(PACKET_BYTES) {
            match TsPacket::new(packet).filter(|packet| self.first(packet.pid())) {
                Some(packet) => table(packet, out),
                None => out.extend_from_slice(packet),
            }
        }
    }

    /// Appends packets; the first of each PID with the indicator, or behind a packet that has it.
    /// `access`: a viewer can begin with the first of them.
    pub fn packets(&mut self, packets: &[u8], access: bool, out: &mut Vec<u8>) {
        if self.said.is_empty() {
            out.extend_from_slice(packets);
            return;
        }
        for (index, packet) in packets.chunks_exact(PACKET_BYTES).enumerate() {
            match TsPacket::new(packet).filter(|packet| self.first(packet.pid())) {
                Some(packet) => flagged(packet, access && index == 0, out),
                None => out.extend_from_slice(packet),
            }
        }
    }

    fn first(&mut self, pid: Pid) -> bool {
        let (word, bit) = (pid.index() / 64, 1_u64 << (pid.index() % 64));
        let Some(word) = self.said.get_mut(word).filter(|_| pid != Pid::NULL) else {
            return false;
        };
        let first = *word & bit == 0;
        *word |= bit;
        first
    }
}

/// A table's packet makes room for an adaptation field of two bytes out of its stuffing.
fn table(packet: TsPacket<'_>, out: &mut Vec<u8>) {
    let bytes = packet.bytes();
    let stuffed = bytes.ends_with(&[STUFFING, STUFFING]) && packet.has_payload();
    if packet.has_adaptation_field() || !stuffed {
        flagged(packet, false, out);
        return;
    }
    out.extend_from_slice(&bytes[..3]);
    out.extend_from_slice(&[bytes[3] | ADAPTATION, 1, DISCONTINUITY]);
    out.extend_from_slice(&bytes[4..PACKET_BYTES - 2]);
}

fn flagged(packet: TsPacket<'_>, access: bool, out: &mut Vec<u8>) {
    let bytes = packet.bytes();
    if packet.adaptation_field().is_empty() {
        alone(packet, access, out);
        out.extend_from_slice(bytes);
        return;
    }
    let at = out.len();
    out.extend_from_slice(bytes);
    out[at + 5] |= DISCONTINUITY;
}

/// A packet without payload in front, whose counter is the one before.
fn alone(packet: TsPacket<'_>, access: bool, out: &mut Vec<u8>) {
    let bytes = packet.bytes();
    let before = if bytes[3] & PAYLOAD == 0 {
        packet.cc()
    } else {
        packet.cc().wrapping_sub(1) & 0x0f
    };
    let flags = if access {
        DISCONTINUITY | RANDOM_ACCESS
    } else {
        DISCONTINUITY
    };
    let end = out.len() + PACKET_BYTES;
    let length = u8::try_from(PACKET_BYTES - 5).unwrap_or(u8::MAX);
    // Neither an error nor the start of a unit: the high bits of the PID alone.
    out.extend_from_slice(&[bytes[0], bytes[1] & 0x1f, bytes[2], ADAPTATION | before]);
    out.extend_from_slice(&[length, flags]);
    out.resize(end, STUFFING);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(pid: u16, cc: u8, control: u8, rest: &[u8]) -> Vec<u8> {
        let [high, low] = pid.to_be_bytes();
        let mut packet = vec![0x47, 0x40 | high, low, control | cc];
        packet.extend_from_slice(rest);
        packet.resize(PACKET_BYTES, 0xaa);
        packet
    }

    fn spliced(packets: &[Vec<u8>], access: bool) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        Seam::new(true).packets(&packets.concat(), access, &mut out);
        out.chunks_exact(PACKET_BYTES).map(<[u8]>::to_vec).collect()
    }

    fn view(packet: &[u8]) -> TsPacket<'_> {
        TsPacket::new(packet).expect("a packet")
    }

    #[test]
    fn an_adaptation_field_takes_the_flag() {
        let first = packet(256, 3, 0x30, &[7, 0x50, 1, 2, 3, 4, 5, 6]);
        let second = packet(256, 4, 0x30, &[7, 0x10, 1, 2, 3, 4, 5, 6]);
        let out = spliced(&[first.clone(), second.clone()], true);
        assert_eq!(out.len(), 2);
        assert!(view(&out[0]).discontinuity() && view(&out[0]).random_access());
        assert_eq!(view(&out[0]).pcr(), view(&first).pcr());
        assert_eq!(view(&out[0]).payload(), view(&first).payload());
        assert_eq!(out[1], second);
    }

    #[test]
    fn without_one_a_packet_in_front_takes_it() {
        let plain = packet(257, 0, 0x10, &[0, 0, 1]);
        let empty = packet(258, 5, 0x30, &[0]);
        let out = spliced(&[plain.clone(), empty.clone(), plain.clone()], true);
        assert_eq!(out.len(), 5);
        let front = view(&out[0]);
        assert!(front.discontinuity() && front.random_access() && !front.has_payload());
        assert!(!front.pusi());
        assert_eq!((front.pid(), front.cc()), (Pid::new(257), 15));
        assert_eq!(out[1], plain);
        let front = view(&out[2]);
        assert!(front.discontinuity() && !front.random_access());
        assert_eq!(front.cc(), 4);
        assert_eq!((&out[3], &out[4]), (&empty, &plain));
    }

    #[test]
    fn a_table_keeps_its_section() {
        let mut pat = packet(0, 9, 0x10, &[0, 0, 0xb0, 13]);
        pat[20..].fill(STUFFING);
        let mut out = Vec::new();
        let mut seam = Seam::new(true);
        seam.tables(&[pat.clone(), pat.clone()].concat(), &mut out);
        assert_eq!(out.len(), 2 * PACKET_BYTES);
        let first = view(&out);
        assert!(first.discontinuity() && first.pusi());
        assert_eq!(first.cc(), 9);
        assert_eq!(first.payload(), &pat[4..PACKET_BYTES - 2]);
        assert_eq!(out[PACKET_BYTES..], pat);
    }

    #[test]
    fn the_very_first_stream_passes_as_it_is() {
        let packets = [packet(256, 3, 0x30, &[7, 0x50]), packet(0, 0, 0x10, &[])].concat();
        let mut out = Vec::new();
        let mut seam = Seam::new(false);
        seam.tables(&packets, &mut out);
        seam.packets(&packets, true, &mut out);
        assert_eq!(out, [packets.clone(), packets].concat());
    }
}
