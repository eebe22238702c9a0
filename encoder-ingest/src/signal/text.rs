//! Names as DVB writes them (ETSI EN 300 468, annex A): a first byte may choose the character
//! table; without one it is ISO/IEC 6937.

use encoding_rs::{
    BIG5, EUC_KR, Encoding, GB18030, ISO_8859_2, ISO_8859_3, ISO_8859_4, ISO_8859_5, ISO_8859_6,
    ISO_8859_7, ISO_8859_8, ISO_8859_10, ISO_8859_13, ISO_8859_14, ISO_8859_15, UTF_8, UTF_16BE,
    WINDOWS_874, WINDOWS_1252, WINDOWS_1254,
};

/// Reads a name. What can't be read becomes U+FFFD; control codes (emphasis, line breaks) go.
#[must_use]
pub fn decode(bytes: &[u8]) -> String {
    let text = match *bytes {
        [] => String::new(),
        [0x10, 0, table, ref text @ ..] => with(iso_8859(table), text),
        [0x11, ref text @ ..] => with(Some(UTF_16BE), text),
        [0x12, ref text @ ..] => with(Some(EUC_KR), text),
        [0x13, ref text @ ..] => with(Some(GB18030), text),
        [0x14, ref text @ ..] => with(Some(BIG5), text),
        [0x15, ref text @ ..] => with(Some(UTF_8), text),
        // Table A.3: 0x01 is ISO/IEC 8859-5 and so on to 0x0B, 8859-15.
        [table @ 0x01..=0x0b, ref text @ ..] => with(iso_8859(table + 4), text),
        [0x00..=0x1f, ref text @ ..] => with(None, text),
        _ => iso_6937(bytes),
    };
    text.chars()
        .filter(|char| !char.is_control() && !('\u{e080}'..='\u{e09f}').contains(char))
        .collect()
}

fn with(encoding: Option<&'static Encoding>, bytes: &[u8]) -> String {
    encoding
        .unwrap_or(UTF_8)
        .decode_without_bom_handling(bytes)
        .0
        .into_owned()
}

fn iso_8859(part: u8) -> Option<&'static Encoding> {
    // The web's names for parts 1, 9 and 11 are supersets of them.
    Some(match part {
        1 => WINDOWS_1252,
        2 => ISO_8859_2,
        3 => ISO_8859_3,
        4 => ISO_8859_4,
        5 => ISO_8859_5,
        6 => ISO_8859_6,
        7 => ISO_8859_7,
        8 => ISO_8859_8,
        9 => WINDOWS_1254,
        10 => ISO_8859_10,
        11 => WINDOWS_874,
        13 => ISO_8859_13,
        14 => ISO_8859_14,
        15 => ISO_8859_15,
        _ => return None,
    })
}

/// ISO/IEC 6937 with the euro sign (figure A.1): a diacritic stands before its letter.
fn iso_6937(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut diacritic = None;
    for byte in bytes {
        match byte {
            0xc1..=0xcf => diacritic = COMBINING[usize::from(byte - 0xc0)],
            _ => {
                text.push(character(*byte));
                text.extend(diacritic.take());
            }
        }
    }
    text
}

/// Combining marks of 0xC0 to 0xCF.
const COMBINING: [Option<char>; 16] = [
    None,
    Some('\u{300}'),
    Some('\u{301}'),
    Some('\u{302}'),
    Some('\u{303}'),
    Some('\u{304}'),
    Some('\u{306}'),
    Some('\u{307}'),
    Some('\u{308}'),
    None,
    Some('\u{30a}'),
    Some('\u{327}'),
    None,
    Some('\u{30b}'),
    Some('\u{328}'),
    Some('\u{30c}'),
];

/// 0xA0 to 0xBF, then 0xD0 to 0xFF; U+FFFD where nothing is defined.
const UPPER: [char; 32] = [
    '\u{a0}', '¡', '¢', '£', '€', '¥', '\u{fffd}', '§', '¤', '\u{2018}', '\u{201c}', '«', '←', '↑',
    '→', '↓', '°', '±', '²', '³', '×', 'µ', '¶', '·', '÷', '\u{2019}', '\u{201d}', '»', '¼', '½',
    '¾', '¿',
];
const UPPERMOST: [char; 48] = [
    '\u{2015}', '¹', '®', '©', '™', '♪', '¬', '¦', '\u{fffd}', '\u{fffd}', '\u{fffd}', '\u{fffd}',
    '⅛', '⅜', '⅝', '⅞', 'Ω', 'Æ', 'Đ', 'ª', 'Ħ', '\u{fffd}', 'Ĳ', 'Ŀ', 'Ł', 'Ø', 'Œ', 'º', 'Þ',
    'Ŧ', 'Ŋ', 'ŉ', 'ĸ', 'æ', 'đ', 'ð', 'ħ', 'ı', 'ĳ', 'ŀ', 'ł', 'ø', 'œ', 'ß', 'þ', 'ŧ', 'ŋ',
    '\u{ad}',
];

fn character(byte: u8) -> char {
    match byte {
        0x00..=0x7f => char::from(byte),
        0xa0..=0xbf => UPPER[usize::from(byte - 0xa0)],
        0xd0..=0xff => UPPERMOST[usize::from(byte - 0xd0)],
        // Control codes: 0x8A is a line break, 0x86 and 0x87 are emphasis.
        _ => '\u{80}',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_read_in_the_table_that_they_choose() {
        let gb = [&[0x13][..], &[0xd6, 0xd0, 0xd1, 0xeb]].concat();
        for (bytes, name) in [
            (&b"BBC ONE"[..], "BBC ONE"),
            (b"", ""),
            (b"\x15\xe4\xb8\xad\xe5\xa4\xae", "中央"),
            (&gb, "中央"),
            (b"\x11\x4e\x2d", "中"),
            (b"\x01\xb0\xb1", "АБ"),
            (b"\x10\x00\x02\xb1", "ą"),
            (b"Caf\xc2e \xa4", "Cafe\u{301} €"),
            (b"\xc8Osterreich", "O\u{308}sterreich"),
            (b"\x86BOLD\x87\x8a!", "BOLD!"),
        ] {
            assert_eq!(decode(bytes), name, "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_text_without_controls(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            prop_assert!(decode(&bytes).chars().all(|char| !char.is_control()));
        }
    }
}
