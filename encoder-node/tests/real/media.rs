//! Streams made by ffmpeg, once for all tests, and what ffprobe says of results.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A channel's stream.
#[derive(Debug, Clone)]
pub(super) struct Media {
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) bytes_a_second: usize,
}

impl Media {
    /// Bytes that a viewer has after so long: a second more than that, in whole packets.
    pub(super) fn due(&self, elapsed: Duration) -> usize {
        let time_ms = usize::try_from(elapsed.as_millis()).expect("a short test") + 1000;
        let due = time_ms * self.bytes_a_second / 1000;
        due.min(self.bytes.len()) / 188 * 188
    }
}

/// 640x360, 25 pictures a second, H.264 and AAC, a key frame a second.
pub(super) fn h264() -> Media {
    static MEDIA: OnceLock<Media> = OnceLock::new();
    let arguments = "-f lavfi -i testsrc2=size=640x360:rate=25 \
        -f lavfi -i sine=frequency=1000:sample_rate=48000 -t 30 -c:v libx264 -preset ultrafast \
        -tune zerolatency -pix_fmt yuv420p -g 25 -b:v 1500k -maxrate 1500k -bufsize 750k -c:a aac";
    MEDIA.get_or_init(|| make(arguments)).clone()
}

/// 720x576 in fields, 4:3, MPEG-2 and MPEG-1 layer II.
pub(super) fn mpeg2() -> Media {
    static MEDIA: OnceLock<Media> = OnceLock::new();
    let arguments = "-f lavfi -i testsrc2=size=720x576:rate=50 \
        -f lavfi -i sine=frequency=1000:sample_rate=48000 -t 15 \
        -vf tinterlace=interleave_top,setfield=tff,setsar=16/15 -c:v mpeg2video -flags +ilme+ildct \
        -pix_fmt yuv420p -g 12 -b:v 1500k -maxrate 1700k -bufsize 1M -c:a mp2";
    MEDIA.get_or_init(|| make(arguments)).clone()
}

/// For tests in which no channel is read.
pub(super) fn nothing() -> Media {
    Media {
        bytes: Arc::default(),
        bytes_a_second: 1,
    }
}

/// Null packets: a channel for a job that does not read it.
pub(super) fn empty() -> Media {
    let mut packet = [0xff; 188];
    packet[..4].copy_from_slice(&[0x47, 0x1f, 0xff, 0x10]);
    Media {
        bytes: Arc::new(packet.repeat(10_000)),
        bytes_a_second: 188 * 100,
    }
}

/// At a constant 2 Mbit/s, so that bytes tell the time.
fn make(arguments: &str) -> Media {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error"])
        .args(arguments.split_whitespace())
        .args("-f mpegts -muxrate 2200k -pcr_period 20 -pat_period 0.1 pipe:1".split(' '))
        .stderr(Stdio::inherit())
        .output()
        .expect("ffmpeg runs");
    assert!(output.status.success() && output.stdout.len() > 1_000_000);
    Media {
        bytes: Arc::new(output.stdout),
        bytes_a_second: 2_200_000 / 8,
    }
}

/// What ffprobe shows of a file, a line each.
#[track_caller]
pub(super) fn probe(file: &Path, arguments: &str) -> Vec<String> {
    let output = Command::new("ffprobe")
        .args(["-v", "error"])
        .args(arguments.split_whitespace())
        .args(["-of", "csv=p=0"])
        .arg(file)
        .output()
        .expect("ffprobe runs");
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text
        .lines()
        .map(|line| line.trim_end_matches(',').to_owned());
    let mut lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    // What lies in a program is listed under that too.
    if arguments.contains("stream=") && file.extension().is_some_and(|end| end == "ts") {
        lines.truncate(lines.len() / 2);
    }
    lines
}

/// Time stamps of the video packets, in ticks of 90 kHz, and whether each is a key frame.
#[track_caller]
pub(super) fn pictures(file: &Path) -> Vec<(i64, bool)> {
    let lines = probe(file, "-select_streams v:0 -show_entries packet=pts,flags");
    let picture = |line: &String| {
        let (pts, flags) = line.split_once(',').expect("two values");
        (pts.parse().expect("a time stamp"), flags.starts_with('K'))
    };
    lines.iter().map(picture).collect()
}

/// A file for ffprobe.
pub(super) fn file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("write");
    path
}
