//! Awaiting a condition: asked again until it holds or the time is up.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until `condition` answers something.
///
/// # Panics
/// After `timeout`, naming `what`.
#[track_caller]
pub fn wait_for<T>(what: &str, timeout: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(
            started.elapsed() < timeout,
            "{what}: not within {timeout:?}"
        );
        sleep(PAUSE);
    }
}

/// Waits until `condition` is true.
///
/// # Panics
/// After `timeout`, naming `what`.
#[track_caller]
pub fn wait_until(what: &str, timeout: Duration, mut condition: impl FnMut() -> bool) {
    wait_for(what, timeout, || condition().then_some(()));
}

/// Seconds, shorter to write in tests.
#[must_use]
pub const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
