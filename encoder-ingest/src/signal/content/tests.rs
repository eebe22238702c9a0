use super::*;
use crate::signal::coding::AudioKind;

fn sound(kind: AudioKind, bytes: &[u8]) -> String {
    let mut content = Content::new(Coding::Audio(kind, ""));
    assert!(!content.begin(bytes));
    content.text().to_owned()
}

#[test]
fn sound_is_told_by_its_first_header() {
    let cases: [(AudioKind, &[u8], &str); 9] = [
        (
            AudioKind::Mpeg,
            &[0xff, 0xfd, 0xa4, 0x04],
            "MP2 48 kHz stereo",
        ),
        (
            AudioKind::Mpeg,
            &[0xff, 0xfb, 0x90, 0xc4],
            "MP3 44.1 kHz mono",
        ),
        (
            AudioKind::Mpeg,
            &[0xff, 0xf5, 0x84, 0x84],
            "MP2 24 kHz dual mono",
        ),
        (
            AudioKind::Adts,
            &[0xff, 0xf1, 0x4c, 0x80],
            "AAC 48 kHz stereo",
        ),
        (
            AudioKind::Adts,
            &[0xff, 0xf9, 0x51, 0x80],
            "AAC 44.1 kHz 5.1",
        ),
        (
            AudioKind::Ac3,
            &[0x0b, 0x77, 0, 0, 0x1c, 0x40, 0xeb, 0],
            "AC-3 48 kHz 5.1",
        ),
        (
            AudioKind::Ac3,
            &[0x0b, 0x77, 0, 0, 0x1c, 0x40, 0x40, 0],
            "AC-3 48 kHz stereo",
        ),
        (
            AudioKind::Ac3,
            &[0x0b, 0x77, 0, 0xff, 0x3f, 0x80, 0],
            "E-AC-3 48 kHz 5.1",
        ),
        (AudioKind::Adts, &[0x12, 0x34, 0x56, 0x78], ""),
    ];
    for (kind, bytes, expected) in cases {
        assert_eq!(sound(kind, bytes), expected, "{bytes:x?}");
    }
}
