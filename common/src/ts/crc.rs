//! CRC-32 of PSI sections (ISO/IEC 13818-1, annex A): polynomial 0x04C11DB7, no reflection,
//! started at all ones. Over a whole section with its CRC it is 0.

const POLYNOMIAL: u32 = 0x04C1_1DB7;

const TABLE: [u32; 256] = table();

/// The CRC of `bytes`.
#[must_use]
pub fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (crc << 8) ^ TABLE[usize::from((crc >> 24) as u8 ^ byte)]
    })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "256 entries: the index fits any integer"
)]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000_0000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ POLYNOMIAL
            };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_catalogue_of_crcs() {
        // CRC-32/MPEG-2 of the check string, as the catalogues list it.
        assert_eq!(crc32(b"123456789"), 0x0376_E6E7);
    }

    #[test]
    fn a_section_with_its_crc_gives_zero() {
        let mut section = vec![
            0x00, 0xb0, 0x0d, 0x00, 0x01, 0xc1, 0x00, 0x00, 0x00, 0x01, 0xe1, 0x00,
        ];
        section.extend_from_slice(&crc32(&section).to_be_bytes());
        assert_eq!(crc32(&section), 0);
    }
}
