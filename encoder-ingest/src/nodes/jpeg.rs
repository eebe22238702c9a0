//! Whether bytes are a JPEG picture (ITU-T T.81, annex B): its markers, from start to end. Pure.

/// Why bytes are no JPEG picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotJpeg {
    #[error("it does not begin with the marker of a JPEG picture")]
    Start,
    #[error("its marker segments are damaged")]
    Segments,
    #[error("it has no picture in it")]
    Empty,
    #[error("it was cut off: the end marker is missing")]
    End,
}

/// SOI and EOI, the first and the last marker.
const START: [u8; 2] = [0xff, 0xd8];
const END: [u8; 2] = [0xff, 0xd9];

/// SOS: entropy-coded data follow.
const SCAN: u8 = 0xda;

/// Width and height.
///
/// # Errors
/// When it is none, or not a whole one.
pub fn check(bytes: &[u8]) -> Result<(u16, u16), NotJpeg> {
    let mut rest = bytes.strip_prefix(&START).ok_or(NotJpeg::Start)?;
    let mut size = None;
    loop {
        let (marker, segment, behind) = segment(rest).ok_or(NotJpeg::Segments)?;
        if is_frame(marker) {
            size = frame_size(segment);
        }
        if marker == SCAN {
            let size = size.ok_or(NotJpeg::Empty)?;
            let whole = behind.len() > END.len() && behind.ends_with(&END);
            return whole.then_some(size).ok_or(NotJpeg::End);
        }
        rest = behind;
    }
}

/// A marker, what its segment holds, and what is behind it.
fn segment(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[0xff, marker, high, low], _) = bytes.split_first_chunk()? else {
        return None;
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let segment = bytes.get(4..2 + length)?;
    Some((marker, segment, &bytes[2 + length..]))
}

/// SOF0 to SOF15, without DHT, JPG and DAC in between (table B.1).
fn is_frame(marker: u8) -> bool {
    (0xc0..=0xcf).contains(&marker) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

fn frame_size(segment: &[u8]) -> Option<(u16, u16)> {
    let (&[_, high, low, wide, narrow], _) = segment.split_first_chunk()?;
    let (height, width) = (
        u16::from_be_bytes([high, low]),
        u16::from_be_bytes([wide, narrow]),
    );
    (width > 0 && height > 0).then_some((width, height))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The markers of a picture of that size, with next to nothing in it.
    pub(in crate::nodes) fn picture(width: u16, height: u16) -> Vec<u8> {
        let mut bytes = START.to_vec();
        bytes.extend_from_slice(&[0xff, 0xe0, 0, 4, 1, 2]);
        bytes.extend_from_slice(&[0xff, 0xc0, 0, 8, 8]);
        bytes.extend_from_slice(&height.to_be_bytes());
        bytes.extend_from_slice(&width.to_be_bytes());
        bytes.push(3);
        bytes.extend_from_slice(&[0xff, SCAN, 0, 3, 1, 0x55, 0x55]);
        bytes.extend_from_slice(&END);
        bytes
    }

    #[test]
    fn a_whole_picture_has_a_size() {
        let whole = picture(640, 360);
        assert_eq!(check(&whole), Ok((640, 360)));
        assert_eq!(check(&whole[..whole.len() - 1]), Err(NotJpeg::End));
        assert_eq!(check(&whole[..12]), Err(NotJpeg::Segments));
        assert_eq!(check(b"GIF89a"), Err(NotJpeg::Start));
        assert_eq!(check(b""), Err(NotJpeg::Start));
        assert_eq!(check(&picture(0, 360)), Err(NotJpeg::Empty));
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = check(&bytes);
            let _ = check(&[START.as_slice(), &bytes].concat());
        }
    }
}
