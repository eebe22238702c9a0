//! How a socket is received from: datagrams one by one in batches, or runs that the kernel glues.
//!
//! Pure. Glueing (GRO) pays when the network batches, and costs when it does not; only trying tells.

/// Runs shorter than this on average are not worth the glue.
const RUN_DATAGRAMS_WANTED: u64 = 3;

/// Receives that a judgement is made from.
const WINDOW_RECEIVES: u64 = 32;

/// Time between two tries: the network may have changed.
const TRY_INTERVAL_MS: u64 = 10_000;

/// The mode of one socket, and what it is judged by.
#[derive(Debug, Default)]
pub struct Mode {
    coalesced: bool,
    just_switched: bool,
    receives: u64,
    datagrams: u64,
    next_try_ms: u64,
}

impl Mode {
    /// Of a socket that glues already, or not.
    #[must_use]
    pub fn of(coalesced: bool) -> Self {
        Self {
            coalesced,
            ..Self::default()
        }
    }

    #[must_use]
    pub fn coalesced(&self) -> bool {
        self.coalesced
    }

    /// Since the last switch no turn has emptied the socket: what was queued before may still be
    /// glued, or single.
    #[must_use]
    pub fn just_switched(&self) -> bool {
        self.just_switched
    }

    pub fn received(&mut self, receives: u64, datagrams: u64) {
        self.receives += receives;
        self.datagrams += datagrams;
    }

    /// To be asked when a turn has emptied the socket: which mode to switch to, if any.
    pub fn after_turn(&mut self, now_ms: u64) -> Option<bool> {
        self.just_switched = false;
        if self.receives < WINDOW_RECEIVES {
            return None;
        }
        let glued = self.datagrams >= RUN_DATAGRAMS_WANTED * self.receives;
        self.receives = 0;
        self.datagrams = 0;
        if !self.coalesced {
            return (now_ms >= self.next_try_ms).then_some(true);
        }
        (!glued).then_some(false)
    }

    /// The socket has been switched, or, for a kernel that can't, has not.
    pub fn switched(&mut self, coalesced: bool, now_ms: u64) {
        self.just_switched = self.coalesced != coalesced;
        self.coalesced = coalesced;
        self.next_try_ms = now_ms + TRY_INTERVAL_MS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_datagrams_are_tried_glued_now_and_then() {
        let mut mode = Mode::default();
        mode.received(40, 40);
        assert_eq!(mode.after_turn(0), Some(true));
        mode.switched(true, 0);
        assert!(mode.coalesced() && mode.just_switched());
        mode.received(31, 31);
        assert_eq!(mode.after_turn(1), None);
        mode.received(1, 1);
        assert_eq!(mode.after_turn(2), Some(false));
        mode.switched(false, 2);
        mode.received(1000, 1000);
        assert_eq!(mode.after_turn(10_001), None);
        mode.received(32, 32);
        assert_eq!(mode.after_turn(10_002), Some(true));
    }

    #[test]
    fn a_network_that_batches_stays_glued() {
        let mut mode = Mode::default();
        mode.switched(true, 0);
        mode.received(32, 32 * 40);
        assert_eq!(mode.after_turn(1), None);
        assert!(mode.coalesced());
    }

    #[test]
    fn a_kernel_without_gro_is_not_asked_all_the_time() {
        let mut mode = Mode::default();
        mode.received(40, 40);
        assert_eq!(mode.after_turn(5), Some(true));
        mode.switched(false, 5);
        mode.received(40, 40);
        assert_eq!(mode.after_turn(6), None);
    }
}
