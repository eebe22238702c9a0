//! What a datagram holds: whole TS packets, the same behind an RTP header, or neither.
//!
//! The two never collide: 0x47 has top bits 01, RTP of version 2 has 10. Pure.

use common::rtp::RtpHeader;
use common::ts::packet::{PACKET_BYTES, PACKET_RS_BYTES, SYNC_BYTE};

/// Kinds of datagrams that a source may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// TS packets alone, `stride` bytes apart: 188, or 204 with Reed-Solomon bytes behind each.
    Ts { stride: usize },
    /// The same behind an RTP header.
    Rtp { stride: usize },
    /// TS without regard to datagrams: packets go over from one to the next.
    Unaligned,
}

/// A datagram that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classified {
    pub kind: Kind,
    pub rtp: Option<RtpHeader>,
}

/// Says what `datagram` is, when every one of its packets begins with a sync byte.
#[must_use]
pub fn classify(datagram: &[u8]) -> Option<Classified> {
    if datagram.first() == Some(&SYNC_BYTE) {
        return stride_of(datagram).map(|stride| Classified {
            kind: Kind::Ts { stride },
            rtp: None,
        });
    }
    let header = RtpHeader::parse(datagram).ok()?;
    let stride = stride_of(&datagram[header.payload.clone()])?;
    Some(Classified {
        kind: Kind::Rtp { stride },
        rtp: Some(header),
    })
}

/// The distance of the packets in `payload`, when it holds whole ones only.
fn stride_of(payload: &[u8]) -> Option<usize> {
    let fits = |stride: &usize| {
        !payload.is_empty()
            && payload.len().is_multiple_of(*stride)
            && payload
                .iter()
                .step_by(*stride)
                .all(|byte| *byte == SYNC_BYTE)
    };
    [PACKET_BYTES, PACKET_RS_BYTES].into_iter().find(fits)
}

/// How many packets a payload of whole ones holds, and how many of them begin with a sync byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Syncs {
    pub packets: usize,
    pub good: usize,
}

/// Looks at `payload` as packets that are `stride` apart; none when they are not whole.
#[must_use]
pub fn syncs(payload: &[u8], stride: usize) -> Option<Syncs> {
    if payload.is_empty() || !payload.len().is_multiple_of(stride) {
        return None;
    }
    let begin = payload.iter().step_by(stride);
    Some(Syncs {
        packets: payload.len() / stride,
        good: begin.filter(|byte| **byte == SYNC_BYTE).count(),
    })
}

impl Syncs {
    /// Most are in sync: the others are damaged. Else it may be something else than TS.
    #[must_use]
    pub fn most(self) -> bool {
        self.good * 2 > self.packets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packets(count: usize, stride: usize) -> Vec<u8> {
        (0..count * stride)
            .map(|at| if at % stride == 0 { SYNC_BYTE } else { 0x11 })
            .collect()
    }

    fn kind_of(datagram: &[u8]) -> Option<Kind> {
        classify(datagram).map(|classified| classified.kind)
    }

    #[test]
    fn each_kind_is_told_by_what_arrives() {
        assert_eq!(kind_of(&packets(7, 188)), Some(Kind::Ts { stride: 188 }));
        assert_eq!(kind_of(&packets(1, 188)), Some(Kind::Ts { stride: 188 }));
        assert_eq!(kind_of(&packets(7, 204)), Some(Kind::Ts { stride: 204 }));
        let rtp = [&common::rtp::plain_header(1, 2, 3)[..], &packets(7, 188)].concat();
        assert_eq!(kind_of(&rtp), Some(Kind::Rtp { stride: 188 }));
        let rtp = [&common::rtp::plain_header(1, 2, 3)[..], &packets(3, 204)].concat();
        assert_eq!(kind_of(&rtp), Some(Kind::Rtp { stride: 204 }));
    }

    #[test]
    fn whatever_holds_no_whole_packets_is_neither() {
        assert_eq!(kind_of(&[]), None);
        assert_eq!(kind_of(b"hello"), None);
        assert_eq!(kind_of(&packets(8, 188)[..1472]), None);
        assert_eq!(kind_of(&[SYNC_BYTE; 100]), None);
        let mut damaged = packets(7, 188);
        damaged[188 * 3] = 0;
        assert_eq!(kind_of(&damaged), None);
        let six = Syncs {
            packets: 7,
            good: 6,
        };
        assert_eq!(syncs(&damaged, 188), Some(six));
        assert!(six.most());
        assert!(!syncs(&[0; 1316], 188).expect("whole").most());
        assert_eq!(syncs(&[0; 1315], 188), None);
        assert_eq!(syncs(&[], 188), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..1600), first in 0u8..4) {
            let mut bytes = bytes;
            if let Some(byte) = bytes.first_mut() {
                *byte = [SYNC_BYTE, 0x80, 0xb2, *byte][usize::from(first)];
            }
            if let Some(classified) = classify(&bytes) {
                let payload = classified.rtp.map_or(0..bytes.len(), |rtp| rtp.payload);
                prop_assert_eq!(bytes[payload.start], SYNC_BYTE);
            }
        }
    }
}
