//! What a running ffmpeg says of itself: figures by its `-progress`, complaints by its stderr. Kept
//! for a job over all of its processes, bounded.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use common::api::node::Progress;

use crate::limits::{COMPLAINT_BYTES_MAX, COMPLAINT_LINES_MAX, SPEED_JUMP, SPEED_WINDOW};

/// How one job fares: written by its run, read by heartbeats and metrics.
#[derive(Debug, Default)]
pub struct JobStats {
    /// From the channel.
    pub bytes_in: AtomicU64,
    /// To the ingest.
    pub bytes_out: AtomicU64,
    /// Snapshots that the ingest took.
    pub pictures: AtomicU64,
    /// Held for the time of a copy, never over an await.
    figures: Mutex<Figures>,
}

#[derive(Debug, Default)]
struct Figures {
    fps: Option<f64>,
    speed: Option<f64>,
    frames_dropped: u64,
    cpu_percent: f64,
    complaints: u64,
    tail: VecDeque<String>,
}

impl JobStats {
    pub fn received(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub fn sent(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn change<T>(&self, how: impl FnOnce(&mut Figures) -> T) -> T {
        how(&mut self.figures.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn set_cpu_percent(&self, percent: f64) {
        self.change(|figures| figures.cpu_percent = percent);
    }

    /// `dropped`: since the report before.
    pub fn report(&self, fps: Option<f64>, speed: Option<f64>, dropped: u64) {
        self.change(|figures| {
            figures.fps = fps;
            figures.speed = speed;
            figures.frames_dropped += dropped;
        });
    }

    /// Nothing runs: there is no speed and no load.
    pub fn rest(&self) {
        self.report(None, None, 0);
        self.set_cpu_percent(0.0);
    }

    /// A line of ffmpeg, whatever bytes are in it. An empty one is none.
    pub fn complain(&self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        let text = cut(text.trim(), COMPLAINT_BYTES_MAX);
        if text.is_empty() {
            return;
        }
        self.change(|figures| {
            figures.complaints += 1;
            if figures.tail.len() >= COMPLAINT_LINES_MAX {
                figures.tail.pop_front();
            }
            figures.tail.push_back(text.to_owned());
        });
    }

    /// Of the source's time in real time.
    #[must_use]
    pub fn speed(&self) -> Option<f64> {
        self.change(|figures| figures.speed)
    }

    /// Pictures a second.
    #[must_use]
    pub fn fps(&self) -> Option<f64> {
        self.change(|figures| figures.fps)
    }

    /// The newest complaint.
    #[must_use]
    pub fn last_complaint(&self) -> Option<String> {
        self.change(|figures| figures.tail.back().cloned())
    }

    /// As a heartbeat tells it.
    #[must_use]
    pub fn progress(&self, restarts: u64) -> Progress {
        self.change(|figures| Progress {
            fps: figures.fps,
            speed: figures.speed,
            frames_dropped: figures.frames_dropped,
            cpu_percent: figures.cpu_percent,
            complaints: figures.complaints,
            restarts,
            stderr_tail: figures.tail.iter().cloned().collect(),
        })
    }
}

/// At most `bytes` of `text`, whole characters.
fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Lines of `-progress`, `key=value`, grouped by a closing `progress=`.
#[derive(Debug, Default)]
pub struct ProgressReader {
    fps: Option<f64>,
    out_time_us: Option<i64>,
    dropped: u64,
    dropped_before: u64,
    frames: Option<u64>,
    /// When so much of the source's time was done: the window that speed is measured over.
    window: VecDeque<(Instant, i64, u64)>,
}

/// One group of lines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProgressReport {
    /// Pictures a second over the window.
    pub fps: Option<f64>,
    /// Of the source's time in real time, over the window.
    pub speed: Option<f64>,
    /// Pictures dropped since the group before.
    pub dropped: u64,
}

impl ProgressReader {
    /// Takes a line; answers at the end of a group.
    pub fn line(&mut self, line: &str, now: Instant) -> Option<ProgressReport> {
        let (key, value) = line.trim().split_once('=')?;
        let value = value.trim();
        match key {
            "fps" => self.fps = value.parse().ok(),
            "frame" => self.frames = value.parse().ok(),
            // 0 stands there until something came out: the time of output is a turn further on.
            "out_time_us" => self.out_time_us = value.parse().ok().filter(|time| *time > 0),
            "drop_frames" => self.dropped = value.parse().unwrap_or(self.dropped),
            "progress" => return Some(self.group(now)),
            _ => {}
        }
        None
    }

    fn group(&mut self, now: Instant) -> ProgressReport {
        let dropped = self.dropped.saturating_sub(self.dropped_before);
        self.dropped_before = self.dropped;
        let (mut fps, mut speed) = (self.fps.filter(|fps| *fps > 0.0), None);
        if let Some(out_time_us) = self.out_time_us {
            let frames = self.frames.unwrap_or(0);
            if self.jumped(out_time_us, now) {
                self.window.clear();
            }
            self.window.push_back((now, out_time_us, frames));
            while self.window.len() > 2 && now.duration_since(self.window[1].0) >= SPEED_WINDOW {
                self.window.pop_front();
            }
            let (since, from_us, from_frames) = self.window[0];
            let seconds = now.duration_since(since).as_secs_f64();
            if seconds >= 1.0 {
                let micros = out_time_us.saturating_sub(from_us).max(0).unsigned_abs();
                let done = Duration::from_micros(micros).as_secs_f64();
                speed = Some(hundredths(done / seconds));
                let made = u32::try_from(frames.saturating_sub(from_frames)).unwrap_or(u32::MAX);
                fps = self.frames.map(|_| hundredths(f64::from(made) / seconds));
            }
        }
        ProgressReport {
            fps,
            speed,
            dropped,
        }
    }

    /// The source's clock went elsewhere since the group before, whatever ffmpeg did.
    fn jumped(&self, out_time_us: i64, now: Instant) -> bool {
        self.window.back().is_some_and(|(at, before_us, _)| {
            let done = u64::try_from(out_time_us.saturating_sub(*before_us));
            let most = now.duration_since(*at) + SPEED_JUMP;
            done.map_or(true, |done| Duration::from_micros(done) > most)
        })
    }
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// Processor time of `/proc/PID/stat` (proc_pid_stat(5), fields 14 and 15).
#[must_use]
pub fn processor_time(stat: &str) -> Option<Duration> {
    /// `USER_HZ`: fixed at 100 for programs, whatever the kernel ticks at (asm-generic/param.h).
    const TICK: Duration = Duration::from_millis(10);
    // The name stands in parentheses and may hold both spaces and parentheses.
    let fields = &stat[stat.rfind(')')? + 1..];
    let mut fields = fields.split_whitespace().skip(11);
    let (user, system): (u32, u32) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    TICK.checked_mul(user.checked_add(system)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(reader: &mut ProgressReader, text: &str, now: Instant) -> Vec<ProgressReport> {
        text.lines()
            .filter_map(|line| reader.line(line, now))
            .collect()
    }

    fn group(frame: u64, out_time_us: i64, dropped: u64) -> String {
        format!(
            "frame={frame}\nfps=25.10\nbitrate=N/A\nout_time_us={out_time_us}\ndrop_frames={dropped}\nspeed=1.2x\nprogress=continue\n"
        )
    }

    #[test]
    fn speed_is_that_of_the_last_seconds() {
        let mut reader = ProgressReader::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        // With `-copyts` the time is the source's, from whatever it begins at.
        let first = feed(&mut reader, &group(0, 95_443_000_000, 0), start);
        assert_eq!(first[0].speed, None);
        for second in 1..=20_u32 {
            let time = 95_443_000_000 + i64::from(second) * 1_000_000;
            let told = feed(
                &mut reader,
                &group(u64::from(second) * 25, time, 0),
                at(second.into()),
            );
            assert_eq!((told[0].speed, told[0].fps), (Some(1.0), Some(25.0)));
        }
        let mut last = None;
        for second in 21..=26_u32 {
            let time = 95_463_000_000 + i64::from(second - 20) * 500_000;
            let frames = 500 + u64::from(second - 20) * 12;
            last = feed(&mut reader, &group(frames, time, 0), at(second.into())).pop();
        }
        assert_eq!(last.expect("a report").speed, Some(0.5));
        assert!(reader.window.len() <= 8);
    }

    #[test]
    fn what_stands_before_the_first_output_and_jumps_are_no_speed() {
        let mut reader = ProgressReader::default();
        let start = Instant::now();
        let mut told = Vec::new();
        for half in 0..40_u32 {
            let time = match half {
                0..4 => 0,
                4..20 => 95_443_717_689 + i64::from(half) * 500_000,
                // Forward by an hour, then back by one.
                20..30 => 99_043_717_689 + i64::from(half) * 500_000,
                _ => 95_443_717_689 + i64::from(half) * 500_000,
            };
            let frames = u64::from(half.saturating_sub(4)) * 12;
            let now = start + Duration::from_millis(500) * half;
            told.extend(feed(&mut reader, &group(frames, time, 0), now));
        }
        let speeds: Vec<f64> = told.iter().filter_map(|report| report.speed).collect();
        assert!(speeds.iter().all(|speed| *speed == 1.0), "{speeds:?}");
        // Not known before the first output, and for a second from each beginning.
        assert_eq!(speeds.len(), 40 - 4 - 3 * 2);
    }

    #[test]
    fn dropped_pictures_are_told_as_differences() {
        let mut reader = ProgressReader::default();
        let now = Instant::now();
        let told: Vec<u64> = [0, 3, 3, 7]
            .into_iter()
            .flat_map(|dropped| feed(&mut reader, &group(1, 1, dropped), now))
            .map(|report| report.dropped)
            .collect();
        assert_eq!(told, [0, 3, 0, 4]);
        // Before the first picture there is nothing to say.
        let text = "out_time_us=N/A\nfps=0.00\nnonsense\n=\nprogress=continue\n";
        let told = feed(&mut ProgressReader::default(), text, now);
        let nothing = ProgressReport {
            fps: None,
            speed: None,
            dropped: 0,
        };
        assert_eq!(told, [nothing]);
    }

    #[test]
    fn complaints_are_counted_and_the_last_kept() {
        let stats = JobStats::default();
        for number in 0..50 {
            stats.complain(format!("line {number}\r").as_bytes());
        }
        stats.complain(b"  \r");
        stats.complain(&[0xff; 400]);
        stats.complain("\u{1b}[31mä".repeat(200).as_bytes());
        let progress = stats.progress(2);
        assert_eq!((progress.complaints, progress.restarts), (52, 2));
        assert_eq!(progress.stderr_tail.len(), COMPLAINT_LINES_MAX);
        assert_eq!(progress.stderr_tail[17], "line 49");
        let longest = progress.stderr_tail.iter().map(String::len).max();
        assert!(longest <= Some(COMPLAINT_BYTES_MAX));
        assert!(!progress.stderr_tail.concat().contains('\u{1b}'));
    }

    #[test]
    fn processor_time_is_read_behind_any_name() {
        let stat = "42 (ff) m (peg) S 1 42 42 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 3 0 100 1 2";
        assert_eq!(processor_time(stat), Some(Duration::from_secs(2)));
        assert_eq!(processor_time("42 (ffmpeg"), None);
    }
}
