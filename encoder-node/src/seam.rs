//! Where a channel's clock jumps back: its source was started anew, or another one took over. An
//! ffmpeg that goes on over such a seam drops every picture until the old time is reached again.
//! Pure.

const PACKET_BYTES: usize = 188;
const SYNC_BYTE: u8 = 0x47;

/// PIDs with time stamps that are followed. Those of more are not looked at.
const PIDS_MAX: usize = 64;

/// Pictures may be coded in another order than they are shown, by less than this.
const BACK_TICKS_MIN: u64 = 2 * 90_000;

/// Time stamps have 33 bits (ISO/IEC 13818-1, 2.4.3.7).
const WRAP: u64 = 1 << 33;

/// Follows the time stamps of a stream that comes in pieces of any size.
#[derive(Debug, Default)]
pub struct SeamFinder {
    /// A packet that has begun.
    rest: Vec<u8>,
    last: Vec<(u16, u64)>,
}

impl SeamFinder {
    /// Whether a clock jumps back within these bytes.
    pub fn look(&mut self, mut bytes: &[u8]) -> bool {
        let mut found = false;
        if !self.rest.is_empty() {
            let missing = (PACKET_BYTES - self.rest.len()).min(bytes.len());
            self.rest.extend_from_slice(&bytes[..missing]);
            bytes = &bytes[missing..];
            if self.rest.len() == PACKET_BYTES {
                let packet = std::mem::take(&mut self.rest);
                found |= self.packet(&packet);
            }
        }
        let packets = bytes.chunks_exact(PACKET_BYTES);
        self.rest.extend_from_slice(packets.remainder());
        for packet in packets {
            found |= self.packet(packet);
        }
        found
    }

    fn packet(&mut self, packet: &[u8]) -> bool {
        let Some((pid, time)) = time_stamp(packet) else {
            return false;
        };
        if let Some((_, last)) = self.last.iter_mut().find(|(known, _)| *known == pid) {
            let back = last.wrapping_sub(time) % WRAP;
            *last = time;
            return (BACK_TICKS_MIN..WRAP / 2).contains(&back);
        }
        if self.last.len() < PIDS_MAX {
            self.last.push((pid, time));
        }
        false
    }
}

/// The PTS of a PES packet of video or sound that begins here (2.4.3.6 and 2.4.3.7).
fn time_stamp(packet: &[u8]) -> Option<(u16, u64)> {
    let begins = packet[0] == SYNC_BYTE && packet[1] & 0x40 != 0 && packet[3] & 0x10 != 0;
    let adaptation = match packet[3] & 0x20 {
        0 => 0,
        _ => usize::from(packet[4]) + 1,
    };
    let head = packet.get(4 + adaptation..18 + adaptation)?;
    let is_medium = head[..3] == [0, 0, 1] && matches!(head[3], 0xc0..=0xef);
    // Not scrambled, and a PTS is there.
    if !begins || packet[3] & 0xc0 != 0 || !is_medium || head[7] & 0x80 == 0 {
        return None;
    }
    let byte = |at: usize| u64::from(head[at]);
    let time = (byte(9) >> 1 & 7) << 30
        | byte(10) << 22
        | (byte(11) >> 1) << 15
        | byte(12) << 7
        | byte(13) >> 1;
    let pid = u16::from_be_bytes([packet[1], packet[2]]) & 0x1fff;
    Some((pid, time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(pid: u16, time: u64) -> Vec<u8> {
        let time = time % WRAP;
        let bits = |shift: u32, mask: u64| u8::try_from(time >> shift & mask).expect("a byte");
        let [high, low] = pid.to_be_bytes();
        let mut packet = vec![SYNC_BYTE, 0x40 | high, low, 0x30, 1, 0];
        packet.extend_from_slice(&[0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5]);
        packet.extend_from_slice(&[
            0x21 | bits(30, 7) << 1,
            bits(22, 0xff),
            bits(15, 0x7f) << 1 | 1,
            bits(7, 0xff),
            bits(0, 0x7f) << 1 | 1,
        ]);
        packet.resize(PACKET_BYTES, 0xff);
        packet
    }

    /// Whether a seam is found in packets with these times, in seconds; the pieces have any size.
    fn found(times: &[f64]) -> bool {
        let stream: Vec<u8> = times
            .iter()
            .flat_map(|seconds| {
                let ticks = std::time::Duration::from_secs_f64(*seconds).as_micros() * 9 / 100;
                let other = packet(0x102, 7);
                [packet(0x101, u64::try_from(ticks).expect("ticks")), other].concat()
            })
            .collect();
        let by_size = [1, 100, 188, 1000, 1 << 20].map(|size| {
            let mut finder = SeamFinder::default();
            stream
                .chunks(size)
                .filter(|piece| finder.look(piece))
                .count()
        });
        assert!(
            by_size.iter().all(|count| *count == by_size[0]),
            "{by_size:?}"
        );
        by_size[0] > 0
    }

    #[test]
    fn only_a_jump_back_is_a_seam() {
        assert!(!found(&[10.0, 10.04, 10.08, 10.12]));
        assert!(
            !found(&[10.0, 10.16, 10.08, 9.5, 10.24]),
            "coded in another order"
        );
        assert!(!found(&[10.0, 70_000.0 - 30_000.0]), "ahead");
        assert!(found(&[10.0, 10.04, 7.0, 7.04]));
        assert!(found(&[5000.0, 1.0]));
        let wrap = 8_589_934_592.0 / 90_000.0;
        assert!(
            !found(&[wrap - 0.04, wrap, wrap + 0.04]),
            "it wraps every 26.5 hours"
        );
        assert!(!found(&[wrap - 0.04, wrap + 0.08, wrap + 0.04]));
    }

    #[test]
    fn garbage_is_looked_at_in_vain() {
        let mut finder = SeamFinder::default();
        let mut wrong = packet(0x101, 0);
        wrong[4] = 255;
        assert!(!finder.look(&wrong));
        for byte in 0..=255_u8 {
            finder.look(&[byte; 1000]);
        }
        for pid in 0..500 {
            finder.look(&packet(pid, 0));
        }
        assert!(finder.last.len() <= PIDS_MAX && finder.rest.len() < PACKET_BYTES);
    }
}
