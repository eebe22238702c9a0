//! Whether a run goes well, judged by what flows: pure, it is given the time.
//!
//! A channel that is silent is no fault of the job. Slowness is only the job's where ffmpeg leaves
//! its input waiting.

use std::time::Instant;

use common::api::node::JobReason;

use crate::job::Why;
use crate::limits::{
    FIRST_OUTPUT_WITHIN, INPUT_SILENT_AFTER, SLOW_ENDED_AFTER, SLOW_SAID_AFTER, SPEED_MIN,
    STALLED_AFTER,
};

/// Looks of which most must find ffmpeg's input full for it to be behind.
const LOOKS: u32 = 10;
const LOOKS_FULL: u32 = 8;

/// What is seen at one look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// ffmpeg does not take more input at this moment.
    pub input_full: bool,
    /// The ingest does not take more output at this moment.
    pub output_full: bool,
    pub speed: Option<f64>,
    /// Pictures a second, over some seconds; none where there are none in the profile.
    pub fps: Option<f64>,
}

/// What a look came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    Well,
    /// Said, while the run goes on.
    Trouble(Why),
    /// It must be started anew.
    End(Why),
}

/// What was seen so far.
#[derive(Debug)]
pub struct Health {
    input: (u64, Instant),
    output: (u64, Instant),
    /// Since when the input flows without a silence.
    flowing_since: Instant,
    started: Instant,
    full: u32,
    slow_since: Option<Instant>,
}

impl Health {
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self {
            input: (0, now),
            output: (0, now),
            flowing_since: now,
            started: now,
            full: 0,
            slow_since: None,
        }
    }

    pub fn look(&mut self, look: Look, now: Instant) -> Verdict {
        self.full = (self.full << 1 | u32::from(look.input_full)) & ((1 << LOOKS) - 1);
        let silence = now.duration_since(self.input.1);
        if look.bytes_in != self.input.0 {
            if silence >= INPUT_SILENT_AFTER {
                self.flowing_since = now;
            }
            self.input = (look.bytes_in, now);
        }
        if look.bytes_out != self.output.0 {
            self.output = (look.bytes_out, now);
        }
        let silence = now.duration_since(self.input.1);
        if silence >= INPUT_SILENT_AFTER && !look.input_full {
            self.slow_since = None;
            return Verdict::Trouble(silent(silence.as_secs()));
        }
        if let Some(end) = self.stalled(look, now).or_else(|| self.blind(look, now)) {
            return Verdict::End(end);
        }
        self.slow(look, now)
    }

    fn stalled(&self, look: Look, now: Instant) -> Option<Why> {
        let limit = if self.output.0 == 0 {
            FIRST_OUTPUT_WITHIN
        } else {
            STALLED_AFTER
        };
        let since = self.output.1.max(self.flowing_since);
        let quiet = now.duration_since(since);
        let seconds = quiet.as_secs();
        (quiet >= limit).then(|| {
            if look.output_full {
                let detail = format!("the ingest has not taken any output for {seconds} s");
                Why::new(JobReason::OutputRefused, detail).param("seconds", seconds.to_string())
            } else {
                let detail = format!("nothing came out of ffmpeg for {seconds} s of input");
                Why::new(JobReason::Stalled, detail).param("seconds", seconds.to_string())
            }
        })
    }

    /// Sound alone comes out: no picture was good for anything.
    fn blind(&self, look: Look, now: Instant) -> Option<Why> {
        let flowing = now.duration_since(self.flowing_since.max(self.started));
        let is_blind = look.fps.is_some_and(|fps| fps <= 0.0) && flowing >= FIRST_OUTPUT_WITHIN;
        is_blind.then(|| {
            let detail = "sound came out of ffmpeg, but no picture";
            Why::new(JobReason::Stalled, detail)
        })
    }

    fn slow(&mut self, look: Look, now: Instant) -> Verdict {
        let is_full = self.full.count_ones() >= LOOKS_FULL;
        let Some(speed) = look.speed.filter(|speed| is_full && *speed < SPEED_MIN) else {
            self.slow_since = None;
            return Verdict::Well;
        };
        let since = *self.slow_since.get_or_insert(now);
        let slow = now.duration_since(since);
        if slow < SLOW_SAID_AFTER {
            return Verdict::Well;
        }
        let detail = format!(
            "ffmpeg is slower than real time (speed {speed:.2}): the node has too little power for this job"
        );
        let why = Why::new(JobReason::TooSlow, detail).param("speed", format!("{speed:.2}"));
        if slow < SLOW_ENDED_AFTER {
            Verdict::Trouble(why)
        } else {
            Verdict::End(why)
        }
    }
}

fn silent(seconds: u64) -> Why {
    let detail = format!("the channel has sent no data for {seconds} s");
    Why::new(JobReason::WaitingForParent, detail).param("seconds", seconds.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Scene {
        health: Health,
        now: Instant,
        look: Look,
    }

    impl Scene {
        fn new() -> Self {
            let now = Instant::now();
            let health = Health::new(now);
            let look = Look::default();
            Self { health, now, look }
        }

        /// Looks ten times a second; each change says how the next look differs.
        fn run(&mut self, seconds: u32, mut change: impl FnMut(&mut Look)) -> Vec<Verdict> {
            let mut told = Vec::new();
            for _ in 0..seconds * 10 {
                self.now += Duration::from_millis(100);
                change(&mut self.look);
                told.push(self.health.look(self.look, self.now));
            }
            told.dedup_by_key(|verdict| reason(verdict));
            told
        }

        fn reasons(
            &mut self,
            seconds: u32,
            change: impl FnMut(&mut Look),
        ) -> Vec<Option<JobReason>> {
            self.run(seconds, change).iter().map(reason).collect()
        }
    }

    fn reason(verdict: &Verdict) -> Option<JobReason> {
        match verdict {
            Verdict::Well => None,
            Verdict::Trouble(why) | Verdict::End(why) => Some(why.reason),
        }
    }

    fn flow(look: &mut Look) {
        look.bytes_in += 100;
        look.bytes_out += 10;
        look.speed = Some(1.0);
    }

    #[test]
    fn what_flows_is_well() {
        assert_eq!(Scene::new().reasons(60, flow), [None]);
    }

    #[test]
    fn a_silent_channel_is_no_stall_and_its_return_no_late_one() {
        let mut scene = Scene::new();
        scene.run(10, flow);
        let waiting = Some(JobReason::WaitingForParent);
        assert_eq!(scene.reasons(120, |_| {}), [None, waiting]);
        // ffmpeg needs a moment until something comes out again.
        assert_eq!(scene.reasons(4, |look| look.bytes_in += 100), [None]);
        assert_eq!(scene.reasons(10, flow), [None]);
    }

    #[test]
    fn no_output_of_input_is_a_stall() {
        let mut scene = Scene::new();
        assert_eq!(scene.reasons(9, |look| look.bytes_in += 100), [None]);
        let told = scene.run(2, |look| look.bytes_in += 100);
        let [Verdict::Well, Verdict::End(why)] = &told[..] else {
            panic!("{told:?}");
        };
        assert_eq!(why.reason, JobReason::Stalled);
        let mut scene = Scene::new();
        scene.run(10, flow);
        // It does not even read any more.
        let told = scene.reasons(6, |look| look.input_full = true);
        assert_eq!(told, [None, Some(JobReason::Stalled)]);
    }

    #[test]
    fn sound_without_pictures_is_a_stall_where_there_were_to_be_some() {
        let mut scene = Scene::new();
        let with = |fps| {
            move |look: &mut Look| {
                flow(look);
                look.fps = fps;
            }
        };
        assert_eq!(scene.reasons(60, with(None)), [None]);
        assert_eq!(scene.reasons(60, with(Some(25.0))), [None]);
        let told = scene.reasons(1, with(Some(0.0)));
        assert_eq!(told, [Some(JobReason::Stalled)]);
        assert_eq!(
            Scene::new().reasons(9, with(Some(0.0))),
            [None],
            "it may come yet"
        );
    }

    #[test]
    fn an_ingest_that_takes_nothing_is_told_apart() {
        let mut scene = Scene::new();
        scene.run(10, flow);
        let told = scene.reasons(6, |look| {
            look.input_full = true;
            look.output_full = true;
        });
        assert_eq!(told, [None, Some(JobReason::OutputRefused)]);
    }

    #[test]
    fn slowness_is_said_then_ended() {
        let mut scene = Scene::new();
        let slow = |look: &mut Look| {
            flow(look);
            look.input_full = true;
            look.speed = Some(0.8);
        };
        let told = scene.run(40, slow);
        let [Verdict::Well, Verdict::Trouble(why)] = &told[..] else {
            panic!("{told:?}");
        };
        assert_eq!(why.reason, JobReason::TooSlow);
        assert!(matches!(scene.run(1, slow)[..], [Verdict::End(_)]));
        // Slow because the channel itself is: its clock runs slow, or it pauses.
        let mut scene = Scene::new();
        let told = scene.reasons(60, |look| {
            flow(look);
            look.speed = Some(0.8);
        });
        assert_eq!(told, [None]);
    }
}
