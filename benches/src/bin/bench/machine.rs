//! On what it was measured, and what.

use std::fs::read_to_string;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use e2e::tree::root;
use serde::{Deserialize, Serialize};

use crate::meter::MachineTime;

/// The machine and the code.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) date: String,
    /// Of the repository; "+" behind it: with changes.
    pub(crate) commit: String,
    pub(crate) version: String,
    pub(crate) rust: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gb: f64,
    pub(crate) kernel: String,
    /// `net.core.rmem_max`: the most of a socket buffer that the kernel grants.
    pub(crate) receive_buffer_max_bytes: u64,
    /// What its processors did before there was anything to measure.
    #[serde(default)]
    pub(crate) busy_before_percent: f64,
}

/// The processors are watched for so long before the first run.
const LOOK: Duration = Duration::from_secs(1);

/// With more than this somebody else uses the machine: runs will be slow, and some lose packets.
const BUSY_PERCENT_MAX: f64 = 10.0;

impl Machine {
    pub(crate) fn here() -> Self {
        let before = MachineTime::now();
        sleep(LOOK);
        let busy = MachineTime::now().share_since(before).busy_percent;
        let uname = rustix::system::uname();
        let changed = !said("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty();
        let commit = said("git", &["rev-parse", "--short=12", "HEAD"]);
        let receive_buffer = read_to_string("/proc/sys/net/core/rmem_max").unwrap_or_default();
        let kib: f64 = field("/proc/meminfo", "MemTotal")
            .split_whitespace()
            .next()
            .and_then(|kib| kib.parse().ok())
            .unwrap_or_default();
        Self {
            date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
            commit: format!("{commit}{}", if changed { "+" } else { "" }),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            rust: said("rustc", &["--version"]),
            processor: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gb: (kib * 1024.0 / 1e9).round(),
            kernel: format!(
                "{} {}",
                uname.sysname().to_string_lossy(),
                uname.release().to_string_lossy()
            ),
            receive_buffer_max_bytes: receive_buffer.trim().parse().unwrap_or(0),
            busy_before_percent: busy.round(),
        }
    }

    /// What the user should know before a long measurement.
    pub(crate) fn warning(&self) -> Option<String> {
        let busy = self.busy_before_percent;
        (busy > BUSY_PERCENT_MAX).then(|| {
            format!("this machine is busy with something else ({busy:.0} %): figures will be off")
        })
    }
}

/// The first value of a "name : value" file.
fn field(path: &str, name: &str) -> String {
    let text = read_to_string(path).unwrap_or_default();
    let value = text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    });
    value.unwrap_or_default()
}

/// What a command prints, in the repository; empty when it can't be run.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).trim().to_owned()
}
