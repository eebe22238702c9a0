//! A limit of the node's kernel, kept at least so high: `net.core.rmem_max`, which caps the sockets'
//! buffers and which a pod may not set for itself.
//!
//! The file is one of /proc/sys; root may write it without any capability. It is looked at again from
//! time to time, since a node's own configuration may be applied anew.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use common::shutdown::Signals;
use common::telemetry::{Log, LogError, LogFormat, LogOptions};

/// How long a value that something else set lower stays.
const INTERVAL: Duration = Duration::from_secs(60);

/// A file with one number, and the least that it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuning {
    pub file: PathBuf,
    pub at_least: u64,
}

/// Why the node is not as it shall be.
#[derive(Debug, thiserror::Error)]
pub enum TuneError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("cannot wait for signals")]
    Wait(#[source] io::Error),
    #[error("cannot read {}", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("{} holds {found:?}, which is no number", file.display())]
    NoNumber { file: PathBuf, found: String },
    #[error("cannot write {wanted} to {}: run as root, on the node's network", file.display())]
    Write {
        file: PathBuf,
        wanted: u64,
        source: io::Error,
    },
}

impl Tuning {
    /// Until SIGTERM or SIGINT.
    ///
    /// # Errors
    /// With the first look that fails.
    pub fn run(self) -> Result<(), TuneError> {
        let _log = Log::start(&LogOptions {
            program: "encoder-ingest",
            format: LogFormat::default(),
            dir: None,
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(TuneError::Wait)?;
        runtime.block_on(self.keep())
    }

    async fn keep(self) -> Result<(), TuneError> {
        let signals = Signals::listen().map_err(TuneError::Wait)?;
        let mut shutdown = signals.shutdown();
        let mut looks = tokio::time::interval(INTERVAL);
        loop {
            tokio::select! {
                () = shutdown.requested() => return Ok(()),
                _ = looks.tick() => self.raise()?,
            }
        }
    }

    fn raise(&self) -> Result<(), TuneError> {
        let Self { file, at_least } = self;
        let before = self.read()?;
        if before >= *at_least {
            tracing::debug!(file = %file.display(), before, at_least, "high enough");
            return Ok(());
        }
        std::fs::write(file, at_least.to_string()).map_err(|source| TuneError::Write {
            file: file.clone(),
            wanted: *at_least,
            source,
        })?;
        let now = self.read()?;
        tracing::info!(file = %file.display(), before, now, "raised");
        Ok(())
    }

    fn read(&self) -> Result<u64, TuneError> {
        let file = || self.file.clone();
        let text = std::fs::read_to_string(&self.file).map_err(|source| TuneError::Read {
            file: file(),
            source,
        })?;
        let found = text.trim();
        found.parse().map_err(|_| TuneError::NoNumber {
            file: file(),
            found: found.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuned(holds: &str, at_least: u64) -> Result<String, TuneError> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), holds).expect("it is written");
        let tuning = Tuning {
            file: file.path().to_owned(),
            at_least,
        };
        tuning.raise()?;
        Ok(std::fs::read_to_string(file.path()).expect("it is there"))
    }

    #[test]
    fn a_lower_value_is_raised_and_a_higher_one_left() {
        assert_eq!(tuned("212992\n", 33_554_432).expect("raised"), "33554432");
        assert_eq!(tuned("67108864\n", 33_554_432).expect("left"), "67108864\n");
    }

    #[test]
    fn what_is_no_number_is_never_overwritten() {
        let told = tuned("4096 87380 6291456\n", 1).expect_err("three numbers");
        assert!(told.to_string().ends_with("which is no number"), "{told}");
    }
}
