//! The RTP header (RFC 3550, section 5.1) in front of TS packets (RFC 2250).
//!
//! Reads where the payload lies and writes the plain header of twelve bytes. It judges nothing
//! about order or loss: that is the receiver's.

use std::ops::Range;

/// The fixed part of the header, and the whole of it where there is no CSRC and no extension.
pub const HEADER_BYTES: usize = 12;

/// First byte of a header of exactly [`HEADER_BYTES`]: version 2, no padding, extension or CSRC.
pub const PLAIN_FIRST_BYTE: u8 = 0x80;

/// Payload type of MPEG-2 TS (RFC 3551, table 5). Usual, but not demanded of a sender.
pub const PAYLOAD_TYPE_MP2T: u8 = 33;

/// What a header says, and where the payload lies in the datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpHeader {
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload_type: u8,
    pub marker: bool,
    /// Behind CSRCs and extension, in front of the padding. Never empty.
    pub payload: Range<usize>,
}

/// Why a datagram holds no RTP payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RtpError {
    #[error("version is not 2")]
    Version,
    #[error("header is cut short")]
    Truncated,
    #[error("padding is longer than the payload")]
    Padding,
    #[error("payload is empty")]
    Empty,
}

impl RtpHeader {
    /// Reads the header of `datagram`.
    ///
    /// # Errors
    /// When it is no RTP of version 2, or its lengths contradict the datagram's.
    pub fn parse(datagram: &[u8]) -> Result<Self, RtpError> {
        let first = *datagram.first().ok_or(RtpError::Truncated)?;
        if first >> 6 != 2 {
            return Err(RtpError::Version);
        }
        let mut start = HEADER_BYTES + 4 * usize::from(first & 0x0f);
        if first & 0x10 != 0 {
            let length = datagram
                .get(start + 2..start + 4)
                .ok_or(RtpError::Truncated)?;
            start += 4 + 4 * usize::from(u16::from_be_bytes([length[0], length[1]]));
        }
        let mut end = datagram.len();
        if start > end {
            return Err(RtpError::Truncated);
        }
        if first & 0x20 != 0 {
            let padding = usize::from(datagram[end - 1]);
            if padding == 0 || padding > end - start {
                return Err(RtpError::Padding);
            }
            end -= padding;
        }
        if start == end {
            return Err(RtpError::Empty);
        }
        Ok(Self {
            sequence: sequence(datagram),
            timestamp: word(datagram, 4),
            ssrc: ssrc(datagram),
            payload_type: datagram[1] & 0x7f,
            marker: datagram[1] & 0x80 != 0,
            payload: start..end,
        })
    }
}

/// The sequence number of a header of at least [`HEADER_BYTES`].
#[inline]
#[must_use]
pub fn sequence(header: &[u8]) -> u16 {
    u16::from_be_bytes([header[2], header[3]])
}

/// The synchronisation source of a header of at least [`HEADER_BYTES`].
#[inline]
#[must_use]
pub fn ssrc(header: &[u8]) -> u32 {
    word(header, 8)
}

/// A plain header: version 2, payload type 33, nothing optional.
#[must_use]
pub fn plain_header(sequence: u16, timestamp: u32, ssrc: u32) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[0] = PLAIN_FIRST_BYTE;
    header[1] = PAYLOAD_TYPE_MP2T;
    header[2..4].copy_from_slice(&sequence.to_be_bytes());
    header[4..8].copy_from_slice(&timestamp.to_be_bytes());
    header[8..12].copy_from_slice(&ssrc.to_be_bytes());
    header
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with(first: u8, middle: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut datagram = plain_header(65_000, 7, 0xdead_beef).to_vec();
        datagram[0] = first;
        datagram.extend_from_slice(middle);
        datagram.extend_from_slice(payload);
        datagram
    }

    #[test]
    fn payload_lies_behind_csrc_and_extension_and_before_padding() {
        let payload = [0x47; 188];
        for (first, middle, padded) in [
            (0x80, vec![], payload.to_vec()),
            (0x82, vec![0; 8], payload.to_vec()),
            (
                0x90,
                vec![0xbe, 0xde, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8],
                payload.to_vec(),
            ),
            (
                0xb1,
                vec![9, 9, 9, 9, 0xbe, 0xde, 0, 0],
                [&payload[..], &[0, 0, 3]].concat(),
            ),
        ] {
            let datagram = with(first, &middle, &padded);
            let header = RtpHeader::parse(&datagram).expect("valid");
            assert_eq!(
                &datagram[header.payload.clone()],
                &payload,
                "first byte {first:#x}"
            );
            assert_eq!(
                (header.sequence, header.ssrc, header.payload_type),
                (65_000, 0xdead_beef, 33)
            );
        }
    }

    #[test]
    fn contradictions_are_refused_by_cause() {
        assert_eq!(RtpHeader::parse(&[]), Err(RtpError::Truncated));
        assert_eq!(RtpHeader::parse(&[0x47; 188]), Err(RtpError::Version));
        assert_eq!(RtpHeader::parse(&[0x80; 11]), Err(RtpError::Truncated));
        assert_eq!(
            RtpHeader::parse(&with(0x8f, &[], &[])),
            Err(RtpError::Truncated)
        );
        assert_eq!(
            RtpHeader::parse(&with(0x90, &[0, 0], &[])),
            Err(RtpError::Truncated)
        );
        assert_eq!(
            RtpHeader::parse(&with(0x90, &[0, 0, 0xff, 0xff], &[])),
            Err(RtpError::Truncated)
        );
        assert_eq!(
            RtpHeader::parse(&with(0x80, &[], &[])),
            Err(RtpError::Empty)
        );
        assert_eq!(
            RtpHeader::parse(&with(0xa0, &[], &[1, 2])),
            Err(RtpError::Empty)
        );
        assert_eq!(
            RtpHeader::parse(&with(0xa0, &[], &[1, 3])),
            Err(RtpError::Padding)
        );
        assert_eq!(
            RtpHeader::parse(&with(0xa0, &[], &[1, 0])),
            Err(RtpError::Padding)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_and_a_payload_lies_inside(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(header) = RtpHeader::parse(&bytes) {
                prop_assert!(header.payload.start < header.payload.end && header.payload.end <= bytes.len());
            }
        }
    }
}
