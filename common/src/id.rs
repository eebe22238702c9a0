//! What the ids of channels and streams look like: they stand in paths, file names and metrics.

/// Bytes of an id, as of a DNS label (RFC 1035, 2.3.4).
const ID_BYTES_MAX: usize = 63;

/// `[a-z0-9][a-z0-9_-]{0,62}`.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut bytes = text.bytes();
    text.len() <= ID_BYTES_MAX
        && bytes.next().is_some_and(plain)
        && bytes.all(|byte| plain(byte) || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain_and_short() {
        for right in ["a", "0", "news-hd_2", &"a".repeat(63)] {
            assert!(is_id(right), "{right}");
        }
        let long = "a".repeat(64);
        for wrong in ["", "-a", "_a", "A", "a.b", "a b", "\u{e4}", "a/", &long] {
            assert!(!is_id(wrong), "{wrong}");
        }
    }
}
