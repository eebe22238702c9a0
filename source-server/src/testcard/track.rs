//! One elementary stream as TS packets for one loop, and when each is to leave.
//!
//! A track leaves at its own constant rate: packet `i` of `n` is due `i / n` of the loop after the
//! loop began. How long before its decoding each frame is then there, and how much of it waits in
//! the receiver, follows from the frame sizes: [`Track::lead_ticks`].

use common::ts::packet::{PACKET_BYTES, Pid, SYNC_BYTE};

use super::LOOP_TICKS;
use super::elementary::{pictures, sounds};
use crate::psi::PacketBytes;

pub const VIDEO_PID: Pid = Pid::new(0x101);
pub(super) const AUDIO_PID: Pid = Pid::new(0x102);

/// A frame's last byte is in the receiver so long before the frame is decoded.
const MARGIN_TICKS: u64 = 100 * 27_000;

/// AAC frames in one PES packet: 107 ms, well within 700 ms (TR 101 290, 2.5).
const SOUNDS_IN_PES: usize = 5;

/// 300 ticks of 27 MHz are one of 90 kHz.
const TICKS_PER_90KHZ: u64 = 300;

/// A packet with continuity counter 0 and PTS 0.
#[derive(Debug, Clone)]
pub(super) struct TrackPacket {
    pub(super) bytes: PacketBytes,
    /// Where a PES packet begins: its PTS since the loop began (90 kHz), and its place.
    pub(super) pts: Option<(u64, usize)>,
    /// A random access point begins here.
    pub(super) key: bool,
}

#[derive(Debug)]
pub(super) struct Track {
    pub(super) packets: Vec<TrackPacket>,
    /// From the due time of the loop's first packet to the decoding of its first frame.
    pub(super) lead_ticks: u64,
}

/// What one PES packet is made of.
struct Pes<'a> {
    pid: Pid,
    stream_id: u8,
    bytes: &'a [u8],
    pts: u64,
    key: bool,
}

impl Track {
    pub(super) fn video() -> Self {
        let pictures = pictures();
        let count = pictures.len() as u64;
        Self::new(pictures.iter().enumerate().map(|(index, picture)| Pes {
            pid: VIDEO_PID,
            stream_id: 0xe0,
            bytes: picture.bytes,
            pts: LOOP_TICKS / TICKS_PER_90KHZ * index as u64 / count,
            key: picture.key,
        }))
    }

    pub(super) fn audio() -> Self {
        let sounds = sounds();
        let count = sounds.len() as u64;
        let groups: Vec<Vec<u8>> = sounds
            .chunks(SOUNDS_IN_PES)
            .map(<[&[u8]]>::concat)
            .collect();
        Self::new(groups.iter().enumerate().map(|(index, group)| Pes {
            pid: AUDIO_PID,
            stream_id: 0xc0,
            bytes: group,
            pts: LOOP_TICKS / TICKS_PER_90KHZ * (index * SOUNDS_IN_PES) as u64 / count,
            key: false,
        }))
    }

    fn new<'a>(all: impl Iterator<Item = Pes<'a>>) -> Self {
        let mut packets = Vec::new();
        // For each PES packet: its PTS, and the number of packets when it is complete.
        let mut complete = Vec::new();
        for pes in all {
            packetise(&pes, &mut packets);
            complete.push((pes.pts * TICKS_PER_90KHZ, packets.len() as u64));
        }
        let total = packets.len() as u64;
        let lead_ticks = complete
            .iter()
            .map(|(ticks, count)| {
                (count * LOOP_TICKS / total + MARGIN_TICKS).saturating_sub(*ticks)
            })
            .max()
            .unwrap_or(0)
            // PTS and PCR share the grid of 90 kHz, so a PTS is exact.
            .next_multiple_of(TICKS_PER_90KHZ);
        Self {
            packets,
            lead_ticks,
        }
    }

    /// When packet `index` leaves, since the track began.
    pub(super) fn due_ticks(&self, round: u64, index: usize) -> u64 {
        round * LOOP_TICKS + index as u64 * LOOP_TICKS / self.packets.len() as u64
    }
}

fn packetise(pes: &Pes<'_>, packets: &mut Vec<TrackPacket>) {
    // Video may leave the length open (2.4.3.7); audio may not.
    let length = match pes.stream_id {
        0xe0 => 0,
        _ => u16::try_from(pes.bytes.len() + 8).unwrap_or(0),
    };
    let [high, low] = length.to_be_bytes();
    // Data alignment; a PTS and nothing else, for no picture is decoded out of order.
    let head = [0, 0, 1, pes.stream_id, high, low, 0x84, 0x80, 5];
    let data = [&head[..], &pts_bytes(0), pes.bytes].concat();
    let mut rest = &data[..];
    let mut first = true;
    while !rest.is_empty() {
        let random_access = first && pes.key;
        let field = adaptation_field(rest.len(), random_access);
        let start = 4 + field.len();
        let taken = rest.len().min(PACKET_BYTES - start);
        let [high, low] = pes.pid.value().to_be_bytes();
        let mut bytes = [0xff; PACKET_BYTES];
        let control = if field.is_empty() { 0x10 } else { 0x30 };
        bytes[..4].copy_from_slice(&[SYNC_BYTE, u8::from(first) << 6 | high, low, control]);
        bytes[4..start].copy_from_slice(&field);
        bytes[start..].copy_from_slice(&rest[..taken]);
        packets.push(TrackPacket {
            bytes,
            pts: first.then_some((pes.pts, start + head.len())),
            key: random_access,
        });
        rest = &rest[taken..];
        first = false;
    }
}

/// The adaptation field in front of `left` bytes: stuffing where they don't fill a packet, and the
/// random access indicator.
fn adaptation_field(left: usize, random_access: bool) -> Vec<u8> {
    let room = PACKET_BYTES - 4;
    let least = if random_access { 2 } else { 0 };
    let total = room.saturating_sub(left).max(least);
    if total == 0 {
        return Vec::new();
    }
    let mut field = vec![0xff; total];
    field[0] = u8::try_from(total - 1).unwrap_or(0);
    if total > 1 {
        field[1] = if random_access { 0x40 } else { 0 };
    }
    field
}

/// A PTS alone, as a PES header holds it (2.4.3.6).
pub(super) fn pts_bytes(pts: u64) -> [u8; 5] {
    let part = |shift: u32, bits: u64| u8::try_from(pts >> shift & bits).unwrap_or(0);
    [
        0x21 | part(30, 7) << 1,
        part(22, 0xff),
        part(15, 0x7f) << 1 | 1,
        part(7, 0xff),
        part(0, 0x7f) << 1 | 1,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_there_in_time_and_not_too_early() {
        for (name, track, lead_ms_max) in [
            ("video", Track::video(), 700),
            ("audio", Track::audio(), 350),
        ] {
            assert!(
                track.lead_ticks <= lead_ms_max * 27_000,
                "{name}: {} ms",
                track.lead_ticks / 27_000
            );
            let mut starts: Vec<usize> = (0..track.packets.len())
                .filter(|i| track.packets[*i].pts.is_some())
                .collect();
            starts.push(track.packets.len());
            for pair in starts.windows(2) {
                let (pts, _) = track.packets[pair[0]].pts.expect("start");
                let decoded = track.lead_ticks + pts * TICKS_PER_90KHZ;
                let margin = decoded - track.due_ticks(0, pair[1] - 1);
                assert!(margin >= MARGIN_TICKS, "{name}: {} ms", margin / 27_000);
                let early = decoded - track.due_ticks(0, pair[0]);
                // What waits in the receiver is bounded by the time that it waits: 13818-1 allows 1 s.
                assert!(early < 27_000_000, "{name}: {} ms early", early / 27_000);
            }
        }
    }
}
