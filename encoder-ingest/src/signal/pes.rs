//! The header of a PES packet (ISO/IEC 13818-1, 2.4.3.6): time stamps, and where its content
//! begins.

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PesHeader<'a> {
    pub stamps: Option<Stamps>,
    /// What follows the header in the same packet.
    pub content: &'a [u8],
}

/// Time stamps in ticks of 90 kHz, 33 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamps {
    pub pts: u64,
    /// The PTS where there is no other.
    pub dts: u64,
}

impl Stamps {
    /// Where a stamp begins again.
    pub const WRAP: u64 = 1 << 33;
}

const START_CODE: [u8; 3] = [0, 0, 1];

/// Where flags, the length of what is optional, and that itself begin.
const FLAGS_AT: usize = 7;
const LENGTH_AT: usize = 8;
const OPTIONAL_AT: usize = 9;
const STAMP_BYTES: usize = 5;

/// The header at the beginning of `payload`; none where there is none with the optional part.
#[must_use]
pub fn header(payload: &[u8]) -> Option<PesHeader<'_>> {
    if payload.get(..3)? != START_CODE || !has_optional_part(*payload.get(3)?) {
        return None;
    }
    // '10' in front of the flags.
    if payload.get(6)? & 0xc0 != 0x80 {
        return None;
    }
    let flags = *payload.get(FLAGS_AT)?;
    let optional = usize::from(*payload.get(LENGTH_AT)?);
    let content = payload.get(OPTIONAL_AT + optional..)?;
    let stamp_at = |at: usize| {
        let bytes = payload.get(OPTIONAL_AT + at..OPTIONAL_AT + at + STAMP_BYTES)?;
        (at + STAMP_BYTES <= optional)
            .then(|| stamp(bytes))
            .flatten()
    };
    let pts = if flags & 0x80 != 0 { stamp_at(0) } else { None };
    let dts = if flags & 0x40 != 0 {
        stamp_at(STAMP_BYTES)
    } else {
        None
    };
    let stamps = pts.map(|pts| Stamps {
        pts,
        dts: dts.unwrap_or(pts),
    });
    Some(PesHeader { stamps, content })
}

/// All stream ids but those of maps, padding, private stream 2, ECM, EMM, DSM-CC, H.222.1 type E
/// and directories (table 2-21).
fn has_optional_part(stream_id: u8) -> bool {
    !matches!(
        stream_id,
        0xbc | 0xbe | 0xbf | 0xf0 | 0xf1 | 0xf2 | 0xf8 | 0xff
    )
}

/// 33 bits in three pieces, each with a marker behind it.
fn stamp(bytes: &[u8]) -> Option<u64> {
    let [first, rest @ ..] = *bytes.first_chunk::<STAMP_BYTES>()?;
    let pair = |at: usize| u64::from(u16::from_be_bytes([rest[at], rest[at + 1]]) >> 1);
    Some(u64::from(first >> 1 & 7) << 30 | pair(0) << 15 | pair(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_lie_where_the_standard_puts_them() {
        // PTS 0x1_2345_6789 and DTS 0x1_2345_6780, markers set.
        let mut payload = vec![0, 0, 1, 0xe0, 0, 0, 0x80, 0xc0, 10];
        for (head, value) in [(3_u8, 0x1_2345_6789_u64), (1, 0x1_2345_6780)] {
            let piece = |shift: u32| u16::try_from(value >> shift & 0x7fff).expect("15 bits");
            payload.push(head << 4 | u8::try_from(value >> 30 << 1 | 1).expect("small"));
            payload.extend_from_slice(&(piece(15) << 1 | 1).to_be_bytes());
            payload.extend_from_slice(&(piece(0) << 1 | 1).to_be_bytes());
        }
        payload.extend_from_slice(&[7, 8]);
        let header = header(&payload).expect("a header");
        let expected = Stamps {
            pts: 0x1_2345_6789,
            dts: 0x1_2345_6780,
        };
        assert_eq!(header.stamps, Some(expected));
        assert_eq!(header.content, [7, 8]);
    }

    #[test]
    fn what_is_no_header_or_cut_short_gives_nothing() {
        let whole = [0, 0, 1, 0xc0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1];
        assert!(header(&whole).is_some_and(|header| header.stamps.is_some()));
        for end in 0..whole.len() {
            assert_eq!(header(&whole[..end]), None, "{end}");
        }
        let mut other = whole;
        other[3] = 0xbe;
        assert_eq!(header(&other), None);
        let mut short = whole;
        short[8] = 0;
        assert_eq!(header(&short).expect("a header").stamps, None);
    }
}
