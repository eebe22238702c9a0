//! The proof: one packet in every datagram that says which channel it is of, its number, when it
//! was sent, and the CRC of the other packets, so that a reader behind any relay can tell what was
//! lost, repeated, damaged, or is not of this channel.
//!
//! It is the first packet of its datagram, on a PID of its own, and holds a PES packet of
//! `private_stream_2` (ISO/IEC 13818-1, 2.4.3.7), which players pass over:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | TS header: PID 0x1F0, unit start, continuity counter |
//! | 6 | PES header: 00 00 01 BF, length 178 |
//! | 4 | "PROF" |
//! | 1, 1, 2 | version 1; packets that it covers, following it; reserved 0 |
//! | 8 | channel: FNV-1a (64 bit) of the stream's id |
//! | 8 | sequence, from 0 |
//! | 8 | time of sending, nanoseconds since 1970 |
//! | 4 | CRC-32 (IEEE 802.3) of the covered packets, 188 bytes each |
//! | 4 | CRC-32 of the 36 bytes in front of it |
//! | 138 | FF |

use common::ts::packet::{PACKET_BYTES, Pid, SYNC_BYTE};

use crate::psi::{Elementary, PacketBytes};

/// Where proofs travel. No PID that a table of DVB or an encoder commonly uses.
pub const PID: Pid = Pid::new(0x1f0);

/// As the PMT lists it: PES packets with private data, registered to nobody but us.
pub const ELEMENTARY: Elementary = Elementary {
    stream_type: 0x06,
    pid: PID,
    descriptors: &[0x05, 4, b'P', b'R', b'O', b'F'],
};

const PES_HEAD: [u8; 6] = [0, 0, 1, 0xbf, 0, 178];
const MAGIC: [u8; 4] = *b"PROF";
const VERSION: u8 = 1;
const BODY: usize = 4 + PES_HEAD.len();
const BODY_CRC: usize = BODY + 36;

/// What one proof says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    pub channel: u64,
    pub sequence: u64,
    pub sent_ns: u64,
    /// Packets behind it that it covers.
    pub packets: u8,
    pub crc: u32,
}

/// A packet on the proof's PID that holds no valid proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proof is damaged")]
pub struct Damaged;

/// The number that stands for a stream's id: FNV-1a, 64 bit.
#[must_use]
pub fn channel_of(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Proof {
    /// Writes it as a whole packet.
    pub fn write(&self, cc: u8, packet: &mut PacketBytes) {
        let [high, low] = PID.value().to_be_bytes();
        *packet = [0xff; PACKET_BYTES];
        packet[..4].copy_from_slice(&[SYNC_BYTE, 0x40 | high, low, 0x10 | cc & 0x0f]);
        packet[4..BODY].copy_from_slice(&PES_HEAD);
        let body = &mut packet[BODY..BODY_CRC + 4];
        body[..4].copy_from_slice(&MAGIC);
        body[4..8].copy_from_slice(&[VERSION, self.packets, 0, 0]);
        body[8..16].copy_from_slice(&self.channel.to_be_bytes());
        body[16..24].copy_from_slice(&self.sequence.to_be_bytes());
        body[24..32].copy_from_slice(&self.sent_ns.to_be_bytes());
        body[32..36].copy_from_slice(&self.crc.to_be_bytes());
        let crc = crc32fast::hash(&body[..36]);
        body[36..].copy_from_slice(&crc.to_be_bytes());
    }

    /// Reads a packet on [`PID`].
    ///
    /// # Errors
    /// When it holds no proof, or one that was changed on the way.
    pub fn read(packet: &PacketBytes) -> Result<Self, Damaged> {
        let body = &packet[BODY..BODY_CRC];
        let whole = packet[4..BODY] == PES_HEAD
            && body[..5] == [MAGIC[0], MAGIC[1], MAGIC[2], MAGIC[3], VERSION]
            && crc32fast::hash(body).to_be_bytes() == packet[BODY_CRC..BODY_CRC + 4];
        if !whole {
            return Err(Damaged);
        }
        let number = |at: usize| {
            body[at..at + 8]
                .iter()
                .fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
        };
        Ok(Self {
            channel: number(8),
            sequence: number(16),
            sent_ns: number(24),
            packets: body[5],
            crc: u32::from_be_bytes([body[32], body[33], body[34], body[35]]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PROOF: Proof = Proof {
        channel: 0x0102_0304_0506_0708,
        sequence: u64::MAX,
        sent_ns: 1_700_000_000_000_000_000,
        packets: 6,
        crc: 0xdead_beef,
    };

    #[test]
    fn what_was_written_is_read() {
        let mut packet = [0; PACKET_BYTES];
        PROOF.write(17, &mut packet);
        assert_eq!(packet[..4], [0x47, 0x41, 0xf0, 0x11]);
        assert_eq!(Proof::read(&packet), Ok(PROOF));
    }

    #[test]
    fn channels_are_told_apart() {
        // The offset basis and a value of the reference tables of FNV.
        assert_eq!(channel_of(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(channel_of("a"), 0xaf63_dc4c_8601_ec8c);
    }

    proptest! {
        #[test]
        fn one_changed_bit_is_seen(bit in 4 * 8..(BODY_CRC + 4) * 8) {
            let mut packet = [0; PACKET_BYTES];
            PROOF.write(0, &mut packet);
            packet[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Proof::read(&packet), Err(Damaged));
        }
    }
}
