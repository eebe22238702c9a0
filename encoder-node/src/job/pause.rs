//! How long to wait before the next attempt.

use std::time::Duration;

use crate::limits::{RETRY_PAUSE, RETRY_PAUSE_MAX};

/// Doubles with each failure in a row, up to a bound.
#[must_use]
pub(super) fn pause(failures: u32) -> Duration {
    let factor = 1_u32
        .checked_shl(failures.saturating_sub(1))
        .unwrap_or(u32::MAX);
    RETRY_PAUSE.saturating_mul(factor).min(RETRY_PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_its_bound() {
        let found = [1, 2, 3, 5, 6, 40, u32::MAX].map(|failures| pause(failures).as_millis());
        assert_eq!(found, [300, 600, 1200, 4800, 5000, 5000, 5000]);
    }
}
