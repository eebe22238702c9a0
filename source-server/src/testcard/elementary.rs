//! The committed elementary streams, cut into frames.

static VIDEO: &[u8] = include_bytes!("../../testcard/card.h264");
static AUDIO: &[u8] = include_bytes!("../../testcard/card.aac");

/// One picture (H.264 access unit) with its delimiter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Picture {
    pub(super) bytes: &'static [u8],
    pub(super) key: bool,
}

/// NAL unit types (ISO/IEC 14496-10, table 7-1).
const NAL_IDR: u8 = 5;
const NAL_DELIMITER: u8 = 9;

/// The pictures in order. Each begins with an access unit delimiter, as 13818-1 (2.14.1) demands
/// of H.264 in a transport stream.
pub(super) fn pictures() -> Vec<Picture> {
    let units = nal_units(VIDEO);
    let starts: Vec<usize> = units
        .iter()
        .filter(|(_, kind)| *kind == NAL_DELIMITER)
        .map(|(at, _)| *at)
        .collect();
    let ends = starts.iter().skip(1).copied().chain([VIDEO.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(start, end)| Picture {
            bytes: &VIDEO[*start..end],
            key: units
                .iter()
                .any(|(at, kind)| (*start..end).contains(at) && *kind == NAL_IDR),
        })
        .collect()
}

/// Where each NAL unit's start code of four bytes begins, and the unit's type.
fn nal_units(stream: &[u8]) -> Vec<(usize, u8)> {
    let mut units = Vec::new();
    let mut at = 0;
    while let Some(found) = stream
        .get(at..)
        .and_then(|rest| rest.windows(4).position(|bytes| bytes[..3] == [0, 0, 1]))
    {
        let code = at + found;
        let long = code > 0 && stream[code - 1] == 0;
        units.push((code - usize::from(long), stream[code + 3] & 0x1f));
        at = code + 4;
    }
    units
}

/// The AAC frames in order, each with its ADTS header (ISO/IEC 13818-7, 6.2).
pub(super) fn sounds() -> Vec<&'static [u8]> {
    let mut frames = Vec::new();
    let mut rest = AUDIO;
    while let [0xff, _, _, a, b, c, ..] = *rest {
        let length = usize::from(a & 3) << 11 | usize::from(b) << 3 | usize::from(c >> 5);
        let (frame, after) = rest.split_at(length.clamp(1, rest.len()));
        frames.push(frame);
        rest = after;
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_is_whole_and_loops() {
        let pictures = pictures();
        assert_eq!(pictures.len(), 240);
        for (index, picture) in pictures.iter().enumerate() {
            assert_eq!(picture.key, index % 24 == 0, "picture {index}");
            assert_eq!(
                picture.bytes[..5],
                [0, 0, 0, 1, NAL_DELIMITER],
                "picture {index}"
            );
        }
        assert_eq!(
            pictures.iter().map(|p| p.bytes.len()).sum::<usize>(),
            VIDEO.len()
        );
        let sounds = sounds();
        assert_eq!(sounds.len(), 450);
        assert_eq!(sounds.iter().map(|s| s.len()).sum::<usize>(), AUDIO.len());
    }
}
