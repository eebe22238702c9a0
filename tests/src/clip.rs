//! Short streams that ffmpeg makes for a test, and what ffmpeg and ffprobe see in a recording.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::{NamedTempFile, TempDir};

use crate::binaries::Profile;
use crate::host::Host;
use crate::process::Process;
use crate::source;

/// Channels that are sent over and over, each from a TS file.
#[derive(Debug)]
pub struct Clips {
    folder: TempDir,
    streams: String,
    count: u16,
}

impl Default for Clips {
    fn default() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            streams: "streams:\n".to_owned(),
            count: 0,
        }
    }
}

impl Clips {
    /// Makes a clip by ffmpeg's `arguments` (separated by spaces), without input and output.
    /// Answers the URL that it is sent to.
    ///
    /// # Panics
    /// When ffmpeg does not make it.
    #[track_caller]
    pub fn add(&mut self, id: &str, arguments: &str) -> String {
        let file = self.path(&format!("{id}.ts"));
        let status = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error"])
            .args(arguments.split_whitespace())
            .args(["-f", "mpegts", "-pat_period", "0.1"])
            .arg(&file)
            .status()
            .expect("ffmpeg runs");
        assert!(status.success(), "clip {id}: {arguments}");
        self.count += 1;
        let url = format!("udp://239.1.2.{}:5000", self.count);
        let line = format!("  - {{ id: {id}, url: '{url}', file: {} }}", file.display());
        writeln!(self.streams, "{line}").expect("a text takes all");
        url
    }

    /// Sends all of them from `host`, by source-server.
    #[must_use]
    #[track_caller]
    pub fn send(&self, host: &Host) -> Process {
        let file = self.path("streams.yaml");
        std::fs::write(&file, &self.streams).expect("the file is written");
        let arguments = format!("--streams {}", file.display());
        source::start(host, Profile::Same, "eth0", &arguments)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// What ffprobe shows of a recording, as lines of values.
///
/// # Panics
/// When ffprobe does not run.
#[must_use]
pub fn probe(recording: &[u8], arguments: &str) -> String {
    let output = with_file(recording, |file| {
        Command::new("ffprobe")
            .args(["-v", "error", "-of", "csv=p=0"])
            .args(arguments.split_whitespace())
            .arg(file)
            .output()
    });
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The elementary streams of a recording, a line each.
#[must_use]
pub fn streams(recording: &[u8], entries: &str) -> Vec<String> {
    let text = probe(recording, &format!("-show_entries stream=index,{entries}"));
    let lines = text.lines().filter_map(|line| line.split_once(','));
    // What lies in a program is listed under that too.
    let mut seen = std::collections::BTreeMap::new();
    for (index, values) in lines {
        let _ = seen.insert(index.to_owned(), values.trim_end_matches(',').to_owned());
    }
    seen.into_values().collect()
}

/// What a filter of ffmpeg prints about the recording's pictures.
///
/// # Panics
/// When ffmpeg does not run.
#[must_use]
pub fn filtered(recording: &[u8], filter: &str) -> String {
    let output = with_file(recording, |file| {
        Command::new("ffmpeg")
            .args(["-nostdin", "-hide_banner", "-i"])
            .arg(file)
            .args(["-an", "-vf", filter, "-f", "null", "-"])
            .output()
    });
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Red, green and blue of the last picture, on average.
///
/// # Panics
/// When there is none.
#[must_use]
#[track_caller]
pub fn colour(recording: &[u8]) -> [u8; 3] {
    let output = with_file(recording, |file| {
        Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-i"])
            .arg(file)
            .args("-an -vf scale=1:1 -pix_fmt rgb24 -f rawvideo -".split(' '))
            .stderr(Stdio::null())
            .output()
    });
    let last = output.stdout.last_chunk().copied();
    last.expect("a picture")
}

fn with_file(
    recording: &[u8],
    run: impl FnOnce(&Path) -> std::io::Result<std::process::Output>,
) -> std::process::Output {
    let file = NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), recording).expect("the recording is written");
    run(file.path()).expect("it runs")
}
