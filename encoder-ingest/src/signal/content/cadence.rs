//! How often pictures come, by their time stamps: for streams that do not say it themselves.

use super::picture::Rate;
use crate::signal::pes::Stamps;

/// Decoding time stamps of the last pictures.
#[derive(Debug, Default)]
pub struct Cadence {
    last: Option<u64>,
    run: Run,
    /// Ticks and pictures of a run that was long enough.
    found: Option<(u64, u64)>,
}

/// Pictures in a row that came equally far apart.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    pictures: u64,
    ticks: u64,
    shortest: u64,
    longest: u64,
}

/// Pictures that must come equally far apart, but for rounding.
const PICTURES: u64 = 24;
const ROUNDING_TICKS: u64 = 2;

/// Ticks a second.
const CLOCK: u64 = 90_000;

/// Rates that are meant where one is near, as in 59.94 of which 90 kHz are no multiple.
const USUAL: [(u64, u64); 8] = [
    (24_000, 1001),
    (24, 1),
    (25, 1),
    (30_000, 1001),
    (30, 1),
    (50, 1),
    (60_000, 1001),
    (60, 1),
];

impl Cadence {
    /// Takes a decoding time stamp. Answers whether the rate is known now, or another.
    pub fn stamp(&mut self, dts: u64) -> bool {
        let Some(last) = self.last.replace(dts) else {
            return false;
        };
        let ticks = (dts + Stamps::WRAP - last) % Stamps::WRAP;
        let run = &mut self.run;
        let (shortest, longest) = (run.shortest.min(ticks), run.longest.max(ticks));
        if run.pictures == 0 || longest - shortest > ROUNDING_TICKS || ticks == 0 {
            *run = Run {
                pictures: u64::from(ticks > 0 && ticks < CLOCK),
                ticks,
                shortest: ticks,
                longest: ticks,
            };
            return false;
        }
        *run = Run {
            pictures: run.pictures + 1,
            ticks: run.ticks + ticks,
            shortest,
            longest,
        };
        if run.pictures < PICTURES {
            return false;
        }
        let found = (run.ticks, run.pictures);
        *run = Run::default();
        let before = self.found.replace(found);
        before.map(rate_of) != Some(rate_of(found))
    }

    /// Frames a second. Interlaced pictures may come as fields.
    #[must_use]
    pub fn rate(&self, interlaced: bool) -> Option<Rate> {
        let rate = rate_of(self.found?)?;
        let fields = interlaced && rate.frames > rate.seconds * 40;
        Rate::new(rate.frames, rate.seconds * if fields { 2 } else { 1 })
    }
}

fn rate_of((ticks, pictures): (u64, u64)) -> Option<Rate> {
    let (frames, seconds) = (pictures * CLOCK, ticks);
    // Within a thousandth and a half of a thousandth lie 24 and 23.976 apart.
    let near = |(usual, per): &(u64, u64)| {
        (frames * per).abs_diff(usual * seconds) * 2500 < usual * seconds
    };
    let (frames, seconds) = USUAL.into_iter().find(near).unwrap_or((frames, seconds));
    Rate::new(frames, seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(steps: &[u64], interlaced: bool) -> String {
        let mut cadence = Cadence::default();
        let mut dts = Stamps::WRAP - 5000;
        for step in steps.iter().cycle().take(60) {
            cadence.stamp(dts % Stamps::WRAP);
            dts += step;
        }
        let rate = cadence.rate(interlaced);
        rate.map(|rate| rate.to_string()).unwrap_or_default()
    }

    #[test]
    fn rates_are_told_by_the_stamps() {
        assert_eq!(rate(&[3600], false), "25");
        assert_eq!(rate(&[3003], false), "29.97");
        assert_eq!(rate(&[1501, 1502], false), "59.94");
        assert_eq!(rate(&[3750], false), "24");
        assert_eq!(rate(&[3753, 3754, 3754, 3754], false), "23.976");
        assert_eq!(rate(&[1800], true), "25");
        assert_eq!(rate(&[6000], false), "15");
    }

    #[test]
    fn uneven_stamps_tell_no_rate() {
        assert_eq!(rate(&[3600, 7200, 3600], false), "");
        assert_eq!(rate(&[0], false), "");
    }
}
