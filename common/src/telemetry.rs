//! What the process says about itself while it runs: log lines on stdout and, with `--log-dir`, in
//! rotated files beside it.
//!
//! Each program declares the flags (their environment names differ) and passes the result here.

use std::io;
use std::path::PathBuf;

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{InitError, RollingFileAppender, Rotation};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// Files that `--log-dir` keeps, one a day; the oldest is removed.
const FILES_MAX: usize = 7;

/// Lines that wait for a slow disk or a blocked stdout. More are dropped: the process never waits
/// for its log.
const LINES_WAITING_MAX: usize = 8192;

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Where and how to log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// The files are `PROGRAM.YYYY-MM-DD.log`.
    pub program: &'static str,
    pub format: LogFormat,
    pub dir: Option<PathBuf>,
}

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("RUST_LOG is not understood: {0}")]
    Filter(#[from] tracing_subscriber::filter::FromEnvError),
    #[error("cannot write log files in {dir:?}")]
    Files { dir: PathBuf, source: InitError },
    #[error("cannot make the folder for log files {dir:?}")]
    Dir { dir: PathBuf, source: io::Error },
    #[error("the log is set up already")]
    Twice(#[from] TryInitError),
}

/// The log. Dropped last of all: it writes out what is still waiting.
#[derive(Debug)]
#[must_use = "lines that wait are written when it is dropped"]
pub struct Log {
    _writers: Vec<WorkerGuard>,
}

impl Log {
    /// Sets the process's log up. `RUST_LOG` says what is logged; without it all from `info` on.
    ///
    /// # Errors
    /// When `RUST_LOG` is wrong, or the directory can't be written.
    pub fn start(options: &LogOptions) -> Result<Self, LogError> {
        let filter = EnvFilter::builder()
            .with_default_directive(LevelFilter::INFO.into())
            .from_env()?;
        let (stdout, guard) = waiting("log-stdout", io::stdout());
        let mut writers = vec![guard];
        let mut layers = vec![layer(options.format, stdout)];
        if let Some(dir) = &options.dir {
            let (file, guard) = waiting("log-file", files(options.program, dir)?);
            writers.push(guard);
            layers.push(layer(options.format, file));
        }
        tracing_subscriber::registry()
            .with(layers.with_filter(filter))
            .try_init()?;
        Ok(Self { _writers: writers })
    }
}

fn files(program: &str, dir: &PathBuf) -> Result<RollingFileAppender, LogError> {
    // The appender would complain on stderr of a folder that is not there yet.
    std::fs::create_dir_all(dir).map_err(|source| LogError::Dir {
        dir: dir.clone(),
        source,
    })?;
    RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(program)
        .filename_suffix("log")
        .max_log_files(FILES_MAX)
        .build(dir)
        .map_err(|source| LogError::Files {
            dir: dir.clone(),
            source,
        })
}

fn waiting<W: io::Write + Send + 'static>(thread: &str, writer: W) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .buffered_lines_limit(LINES_WAITING_MAX)
        .lossy(true)
        .thread_name(thread)
        .finish(writer)
}

fn layer(format: LogFormat, writer: NonBlocking) -> Box<dyn Layer<Registry> + Send + Sync> {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(false);
    match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_reach_the_file_once_the_log_is_dropped() {
        let dir = tempfile::tempdir().expect("dir");
        let options = LogOptions {
            program: "a-program",
            format: LogFormat::Json,
            dir: Some(dir.path().to_owned()),
        };
        let log = Log::start(&options).expect("log");
        tracing::info!(channel = "news", "a line");
        drop(log);
        let names: Vec<_> = std::fs::read_dir(dir.path())
            .expect("dir")
            .map(|entry| entry.expect("entry").path())
            .collect();
        assert_eq!(names.len(), 1);
        let text = std::fs::read_to_string(&names[0]).expect("text");
        assert!(text.contains(r#""channel":"news""#), "{text}");
        assert!(matches!(Log::start(&options), Err(LogError::Twice(_))));
    }

    #[test]
    fn a_directory_that_is_missing_and_cannot_be_made_is_an_error() {
        let file = tempfile::NamedTempFile::new().expect("file");
        let options = LogOptions {
            program: "a-program",
            format: LogFormat::Text,
            dir: Some(file.path().join("below-a-file")),
        };
        assert!(matches!(Log::start(&options), Err(LogError::Dir { .. })));
    }
}
