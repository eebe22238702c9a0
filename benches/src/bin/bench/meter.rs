//! Processor time and memory of a process with its children, and of the machine.

use std::collections::HashMap;
use std::fs::{read_dir, read_to_string};

use serde::{Deserialize, Serialize};

/// Processor time of a process and its descendants. What a thread had spent when it was last seen
/// stays counted when it ends.
#[derive(Debug)]
pub(crate) struct CpuMeter {
    root: u32,
    /// Nanoseconds, by process and thread.
    spent: HashMap<(u32, u32), u64>,
}

/// In megabytes (10^6), summed over the processes.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) rss_mb: f64,
    /// Resident, pages shared with others counted in part.
    pub(crate) pss_mb: f64,
    /// The most that was ever resident.
    pub(crate) peak_mb: f64,
}

/// Time of all processors since the start, in ticks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MachineTime {
    busy: u64,
    stolen: u64,
    all: u64,
}

/// Shares of all processors' time.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct MachineShare {
    pub(crate) busy_percent: f64,
    /// Taken by other guests of the same host.
    pub(crate) stolen_percent: f64,
}

impl CpuMeter {
    pub(crate) fn new(root: u32) -> Self {
        Self {
            root,
            spent: HashMap::new(),
        }
    }

    /// Looks at every thread; answers the nanoseconds spent by all so far.
    pub(crate) fn sample(&mut self) -> u64 {
        for pid in family(self.root) {
            for tid in threads(pid) {
                let text = read_to_string(format!("/proc/{pid}/task/{tid}/schedstat"));
                let spent = text.ok().and_then(|text| first_number(&text));
                if let Some(spent) = spent {
                    self.spent.insert((pid, tid), spent);
                }
            }
        }
        self.spent.values().sum()
    }
}

impl Memory {
    pub(crate) fn of(root: u32) -> Self {
        let mut sum = Self::default();
        for pid in family(root) {
            let status = read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let rollup = read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
            sum.rss_mb += field_mb(&status, "VmRSS:");
            sum.peak_mb += field_mb(&status, "VmHWM:");
            sum.pss_mb += field_mb(&rollup, "Pss:");
        }
        sum
    }
}

impl MachineTime {
    pub(crate) fn now() -> Self {
        let text = read_to_string("/proc/stat").unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        // user nice system idle iowait irq softirq steal; guest time is in user already.
        let ticks = line.split_whitespace().skip(1).take(8);
        let ticks: Vec<u64> = ticks.filter_map(|word| word.parse().ok()).collect();
        let [user, nice, system, idle, iowait, irq, softirq, stolen] = ticks[..] else {
            return Self::default();
        };
        let busy = user + nice + system + irq + softirq;
        Self {
            busy,
            stolen,
            all: busy + stolen + idle + iowait,
        }
    }

    pub(crate) fn share_since(self, before: Self) -> MachineShare {
        let all = (self.all - before.all).max(1) as f64;
        MachineShare {
            busy_percent: 100.0 * (self.busy - before.busy) as f64 / all,
            stolen_percent: 100.0 * (self.stolen - before.stolen) as f64 / all,
        }
    }
}

/// A process and all that descend from it.
fn family(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut at = 0;
    while let Some(&pid) = found.get(at) {
        at += 1;
        for tid in threads(pid) {
            let text = read_to_string(format!("/proc/{pid}/task/{tid}/children"));
            let text = text.unwrap_or_default();
            found.extend(
                text.split_whitespace()
                    .filter_map(|word| word.parse::<u32>().ok()),
            );
        }
    }
    found
}

fn threads(pid: u32) -> Vec<u32> {
    let entries = read_dir(format!("/proc/{pid}/task")).into_iter();
    let names = entries.flatten().flatten().map(|entry| entry.file_name());
    names
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect()
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// The value of a line such as "VmRSS:  1234 kB".
fn field_mb(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(first_number).unwrap_or(0);
    kib as f64 * 1024.0 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use std::time::{Duration, Instant};

    /// Samples until so many nanoseconds more were spent.
    fn until(meter: &mut CpuMeter, nanos: u64) -> u64 {
        let (begin, before) = (Instant::now(), meter.sample());
        loop {
            let spent = meter.sample();
            if spent - before > nanos {
                return spent;
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "{spent}");
        }
    }

    #[test]
    fn children_and_what_has_ended_are_counted() {
        let mut child = Command::new("sh")
            .args(["-c", "while :; do :; done"])
            .spawn()
            .expect("sh");
        let mut meter = CpuMeter::new(child.id());
        let of_child = until(&mut meter, 20_000_000);
        let mut of_both = CpuMeter::new(std::process::id());
        until(&mut of_both, 20_000_000);
        assert!(of_both.spent.keys().any(|(pid, _)| *pid == child.id()));
        child.kill().expect("a child that runs");
        child.wait().expect("a child");
        assert!(meter.sample() >= of_child);
    }

    #[test]
    fn a_field_in_kib_is_megabytes() {
        assert_eq!(field_mb("Name: x\nVmRSS:\t  2000 kB\n", "VmRSS:"), 2.048);
        assert!(Memory::of(std::process::id()).rss_mb > 1.0);
    }
}
