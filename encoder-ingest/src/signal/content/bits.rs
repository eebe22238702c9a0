//! Fields that begin at any bit, as the standards of codings write them.

/// Reads from the first bit on; nothing is read behind the end.
#[derive(Debug, Clone)]
pub struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// `u(count)`, 32 bits at most.
    pub fn number(&mut self, count: usize) -> Option<u32> {
        let end = self.at.checked_add(count.min(32))?;
        if end > self.bytes.len() * 8 {
            return None;
        }
        let mut value = 0;
        for at in self.at..end {
            let bit = self.bytes[at / 8] >> (7 - at % 8) & 1;
            value = value << 1 | u32::from(bit);
        }
        self.at = end;
        Some(value)
    }

    /// `u(1)`.
    pub fn flag(&mut self) -> Option<bool> {
        Some(self.number(1)? == 1)
    }

    pub fn skip(&mut self, count: usize) -> Option<()> {
        self.at = self.at.checked_add(count)?;
        (self.at <= self.bytes.len() * 8).then_some(())
    }

    /// `ue(v)` (ISO/IEC 14496-10, 9.1).
    pub fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.number(zeros)?;
        Some((1_u32 << zeros) - 1 + rest)
    }

    /// `se(v)`.
    pub fn signed(&mut self) -> Option<i64> {
        let code = i64::from(self.unsigned()?);
        Some(if code % 2 == 0 {
            -(code / 2)
        } else {
            code / 2 + 1
        })
    }
}

/// A NAL unit without the bytes that keep start codes out of it (14496-10, 7.3.1), as far as
/// `room` goes.
pub fn unescape<'a>(unit: &[u8], room: &'a mut [u8]) -> &'a [u8] {
    let (mut zeros, mut length) = (0, 0);
    for byte in unit {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        let Some(place) = room.get_mut(length) else {
            break;
        };
        *place = *byte;
        length += 1;
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
    }
    &room[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_the_standard_lists_them() {
        // Table 9-2: 1, 010, 011, 00100, 00101; and 9-3 for signed.
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let read: Vec<u32> = std::iter::from_fn(|| bits.unsigned()).take(5).collect();
        assert_eq!(read, [0, 1, 2, 3, 4]);
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let read: Vec<i64> = std::iter::from_fn(|| bits.signed()).take(5).collect();
        assert_eq!(read, [0, 1, -1, 2, -2]);
        assert_eq!(Bits::new(&[0xff]).number(9), None);
        assert_eq!(Bits::new(&[0; 9]).unsigned(), None);
    }

    #[test]
    fn escapes_are_taken_out() {
        let mut room = [0; 8];
        assert_eq!(
            unescape(&[1, 0, 0, 3, 1, 0, 0, 3], &mut room),
            [1, 0, 0, 1, 0, 0]
        );
        assert_eq!(unescape(&[9; 20], &mut room), [9; 8]);
    }
}
