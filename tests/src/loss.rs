//! Loss on the path: a packet filter's rule in the sender's host drops and counts.

use crate::host::Host;

const TABLE: &str = "e2e-loss";

/// A rule that drops multicast which leaves a host; dropping it ends the loss.
#[derive(Debug)]
pub struct Loss<'a> {
    host: &'a Host,
}

impl<'a> Loss<'a> {
    /// Each datagram with a chance of one in a hundred.
    #[must_use]
    pub fn percent(host: &'a Host) -> Self {
        Self::matching(host, "numgen random mod 100 < 1")
    }

    /// The next `count`, and none behind them.
    #[must_use]
    pub fn burst(host: &'a Host, count: u16) -> Self {
        Self::matching(host, &format!("numgen inc mod 1000000 < {count}"))
    }

    fn matching(host: &'a Host, which: &str) -> Self {
        let rule = format!("ip daddr 239.0.0.0/8 ip protocol udp {which} counter drop");
        let chain = format!("chain out {{\n type filter hook output priority 0;\n {rule}\n }}");
        host.nft("-f -", &format!("table ip {TABLE} {{\n {chain}\n}}\n"));
        Self { host }
    }

    /// How many have been dropped.
    ///
    /// # Panics
    /// When `nft` does not show the rule's counter.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        let text = self.host.nft(&format!("list table ip {TABLE}"), "");
        let count = text.split_once("counter packets ");
        let count = count.and_then(|(_, rest)| rest.split_whitespace().next());
        let count = count.and_then(|count| count.parse().ok());
        count.unwrap_or_else(|| panic!("no counter in {text}"))
    }

    /// Ends the loss; answers how many were dropped.
    #[must_use]
    pub fn end(self) -> u64 {
        self.dropped()
    }
}

impl Drop for Loss<'_> {
    fn drop(&mut self) {
        // After a failure the host goes anyway, and a second panic would hide the first.
        if !std::thread::panicking() {
            self.host.nft(&format!("delete table ip {TABLE}"), "");
        }
    }
}
