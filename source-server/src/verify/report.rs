//! All viewers together: lines for people, JSON for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::delay::{Delays, Percentiles};
use super::viewer::Outcome;
use super::{Findings, VerifyOptions};

/// Failures that are printed word by word; more are counted.
const FAILURES_SHOWN_MAX: usize = 10;

/// What all viewers found.
#[derive(Debug)]
pub struct Report {
    url: String,
    viewers: usize,
    /// Viewers that failed, by why.
    failures: BTreeMap<String, u64>,
    findings: Findings,
    delays: Delays,
    first_byte: Delays,
    backlog: Delays,
    pause_max: Duration,
    /// Bytes over time, of all viewers.
    bits_per_second: f64,
}

/// The form of `--json`.
#[derive(Debug, Serialize)]
struct Document<'a> {
    url: &'a str,
    ok: bool,
    viewers: usize,
    failed_viewers: u64,
    failures: &'a BTreeMap<String, u64>,
    datagrams: u64,
    packets: u64,
    bytes: u64,
    lost: u64,
    repeated: u64,
    foreign: u64,
    damaged: u64,
    uncovered: u64,
    late: u64,
    prelude_packets: u64,
    tail_packets: u64,
    bitrate_bps: f64,
    pause_max_ms: f64,
    delay_ms: Option<Percentiles>,
    first_byte_ms: Option<Percentiles>,
    backlog_ms: Option<Percentiles>,
}

impl Report {
    pub(super) fn new(options: &VerifyOptions) -> Self {
        Self {
            url: options.url.to_string(),
            viewers: options.viewers,
            failures: BTreeMap::new(),
            findings: Findings::default(),
            delays: Delays::default(),
            first_byte: Delays::default(),
            backlog: Delays::default(),
            pause_max: Duration::ZERO,
            bits_per_second: 0.0,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "for people")]
    pub(super) fn add(&mut self, outcome: Outcome) {
        if let Some(why) = outcome.failure {
            *self.failures.entry(why).or_default() += 1;
        }
        self.findings.add(&outcome.findings);
        self.delays.merge(&outcome.delays);
        for (all, one) in [
            (&mut self.first_byte, outcome.first_byte),
            (&mut self.backlog, outcome.backlog),
        ] {
            if let Some(one) = one {
                all.add(u64::try_from(one.as_nanos()).unwrap_or(u64::MAX));
            }
        }
        self.pause_max = self.pause_max.max(outcome.pause_max);
        let seconds = outcome.watched.as_secs_f64();
        if seconds > 0.0 {
            self.bits_per_second += outcome.findings.bytes as f64 * 8.0 / seconds;
        }
    }

    /// Everything came as it was sent, to every viewer.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.failures.is_empty() && !self.findings.failed()
    }

    #[must_use]
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// One object.
    ///
    /// # Errors
    /// Never, for these types; it is the serializer's signature.
    pub fn json(&self) -> serde_json::Result<String> {
        let findings = &self.findings;
        serde_json::to_string(&Document {
            url: &self.url,
            ok: self.is_ok(),
            viewers: self.viewers,
            failed_viewers: self.failures.values().sum(),
            failures: &self.failures,
            datagrams: findings.datagrams,
            packets: findings.packets,
            bytes: findings.bytes,
            lost: findings.lost,
            repeated: findings.repeated,
            foreign: findings.foreign,
            damaged: findings.damaged,
            uncovered: findings.uncovered,
            late: findings.late,
            prelude_packets: findings.prelude_packets,
            tail_packets: findings.tail_packets,
            bitrate_bps: self.bits_per_second.round(),
            pause_max_ms: self.pause_max.as_secs_f64() * 1000.0,
            delay_ms: self.delays.percentiles(),
            first_byte_ms: self.first_byte.percentiles(),
            backlog_ms: self.backlog.percentiles(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let findings = &self.findings;
        writeln!(f, "verify {} by {} viewer(s)", self.url, self.viewers)?;
        writeln!(
            f,
            "received   {} datagrams, {} packets, {} bytes, {:.1} Mbit/s",
            findings.datagrams,
            findings.packets,
            findings.bytes,
            self.bits_per_second / 1e6
        )?;
        for (name, count, what) in [
            ("lost", findings.lost, "datagrams that never came"),
            ("repeated", findings.repeated, "datagrams that came again"),
            ("foreign", findings.foreign, "datagrams of another channel"),
            (
                "damaged",
                findings.damaged,
                "datagrams or packets that were changed or cut",
            ),
            (
                "uncovered",
                findings.uncovered,
                "packets that no proof covers",
            ),
            ("late", findings.late, "datagrams out of order"),
        ] {
            writeln!(f, "{name:<10} {count} {what}")?;
        }
        writeln!(
            f,
            "ends       {} packets before the first proof, {} of an unfinished last datagram",
            findings.prelude_packets, findings.tail_packets
        )?;
        for (name, percentiles) in [
            ("delay", self.delays.percentiles()),
            ("first byte", self.first_byte.percentiles()),
            ("backlog", self.backlog.percentiles()),
        ] {
            if let Some(Percentiles { p50, p90, p99, max }) = percentiles {
                writeln!(
                    f,
                    "{name:<10} p50 {p50:.3} p90 {p90:.3} p99 {p99:.3} max {max:.3} ms"
                )?;
            }
        }
        writeln!(
            f,
            "pause      {:.1} ms the longest without a byte",
            self.pause_max.as_secs_f64() * 1000.0
        )?;
        for (why, count) in self.failures.iter().take(FAILURES_SHOWN_MAX) {
            writeln!(f, "failed     {count} viewer(s): {why}")?;
        }
        let hidden = self.failures.len().saturating_sub(FAILURES_SHOWN_MAX);
        if hidden > 0 {
            writeln!(f, "failed     and for {hidden} more reasons")?;
        }
        write!(
            f,
            "result     {}",
            if self.is_ok() { "ok" } else { "FAILED" }
        )
    }
}
