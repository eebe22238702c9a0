//! The piece of a stream that holds one key frame, for a snapshot: pure.
//!
//! An ingest begins a viewer's stream with PAT, PMT and a random access point, so the first picture
//! is the one. It is whole when later ones have begun. Three more: a picture may come as two
//! fields, each in a PES packet of its own.

use crate::limits::SNAPSHOT_INPUT_BYTES_MAX;

const PACKET_BYTES: usize = 188;
const SYNC_BYTE: u8 = 0x47;

/// Beginnings of pictures behind the first one, after which that one is whole.
const PICTURES_BEHIND: u32 = 3;

/// Gathers the stream's bytes until a picture is whole.
#[derive(Debug, Default)]
pub struct Gatherer {
    bytes: Vec<u8>,
    /// Up to where packets were looked at.
    looked: usize,
    video_pid: Option<u16>,
    begun: u32,
}

impl Gatherer {
    /// Takes what came; true: it is enough.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        let room = SNAPSHOT_INPUT_BYTES_MAX - self.bytes.len();
        self.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        while let Some(packet) = self.bytes.get(self.looked..self.looked + PACKET_BYTES) {
            if let Some(pid) = picture_begins(packet)
                && *self.video_pid.get_or_insert(pid) == pid
            {
                self.begun += 1;
                if self.begun > PICTURES_BEHIND {
                    self.bytes.truncate(self.looked);
                    return true;
                }
            }
            self.looked += PACKET_BYTES;
        }
        bytes.len() >= room
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The PID of a packet in which a PES packet of video begins (ISO/IEC 13818-1, 2.4.3.2 and table
/// 2-22: stream ids 0xE0 to 0xEF).
fn picture_begins(packet: &[u8]) -> Option<u16> {
    let begins = packet[0] == SYNC_BYTE && packet[1] & 0x40 != 0 && packet[3] & 0x10 != 0;
    let adaptation = match packet[3] & 0x20 {
        0 => 0,
        _ => usize::from(packet[4]) + 1,
    };
    let head = packet.get(4 + adaptation..8 + adaptation)?;
    let is_video = head[..3] == [0, 0, 1] && head[3] & 0xf0 == 0xe0;
    (begins && is_video).then(|| u16::from_be_bytes([packet[1], packet[2]]) & 0x1fff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(pid: u16, begins: bool, stream_id: u8, adaptation: Option<u8>) -> Vec<u8> {
        let [high, low] = pid.to_be_bytes();
        let mut packet = vec![SYNC_BYTE, u8::from(begins) << 6 | high, low];
        match adaptation {
            Some(length) => {
                packet.extend_from_slice(&[0x30, length]);
                packet.extend(std::iter::repeat_n(0, length.into()));
            }
            None => packet.push(0x10),
        }
        packet.extend_from_slice(&[0, 0, 1, stream_id]);
        packet.resize(PACKET_BYTES, 0xff);
        packet
    }

    /// Tables, then five pictures of two packets with sound between them.
    fn stream() -> Vec<u8> {
        let mut bytes = [packet(0, true, 0, None), packet(0x100, true, 0, None)].concat();
        for picture in 0..5 {
            bytes.extend(packet(0x101, true, 0xe0, (picture == 0).then_some(7)));
            bytes.extend(packet(0x102, true, 0xc0, None));
            bytes.extend(packet(0x103, true, 0xe1, None));
            bytes.extend(packet(0x101, false, 0, None));
        }
        bytes
    }

    #[test]
    fn the_piece_ends_where_the_fourth_picture_begins() {
        for step in [1, 100, 188, 1000, 10_000] {
            let mut gatherer = Gatherer::default();
            let stream = stream();
            let mut pieces = stream.chunks(step);
            assert!(pieces.any(|piece| gatherer.push(piece)), "step {step}");
            assert_eq!(
                gatherer.into_bytes().len(),
                (2 + 3 * 4) * PACKET_BYTES,
                "step {step}"
            );
        }
    }

    #[test]
    fn what_never_ends_is_bounded() {
        let mut gatherer = Gatherer::default();
        let garbage = vec![0x47; 1 << 20];
        let pushes = (0..100).position(|_| gatherer.push(&garbage));
        assert_eq!(pushes, Some(3));
        assert_eq!(gatherer.into_bytes().len(), SNAPSHOT_INPUT_BYTES_MAX);
        let mut gatherer = Gatherer::default();
        // An adaptation field longer than its packet.
        let mut wrong = packet(0x101, true, 0xe0, Some(7));
        wrong[4] = 255;
        assert!(!gatherer.push(&wrong) && !gatherer.is_empty());
    }
}
