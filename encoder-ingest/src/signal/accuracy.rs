//! Whether PCRs are right to 500 ns, by their place in a stream of constant rate (TR 101 290, 2.4).
//!
//! Arrival can't show it: networks and this process are late by far more. So only a stream whose
//! last PCRs all lie on one line, of ticks over packets, is judged at all. Then a PCR off the line
//! is wrong, where the line goes on behind it: as it was, or, after a step that is no whole number
//! of lost packets, beside it. Where no line goes on, the rate is not constant any more, and
//! nothing is counted.

use crate::limits::ACCURACY_POINTS;

/// The line that the last PCRs lie on.
#[derive(Debug, Default)]
pub struct Accuracy {
    points: Vec<Point>,
    /// Over all points, kept as they come and go: a PCR costs the same however many there are.
    sums: Sums,
    /// Where the next point replaces the oldest.
    oldest: usize,
    constant: bool,
    /// The newest PCR and place, on the line or not.
    newest: Point,
    /// How far off the line the PCRs are that wait for a verdict, the newest last.
    off: i64,
    waiting: u64,
    /// Packets are missing: the next PCR lies on a line beside.
    moved: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Point {
    packets: u64,
    ticks: u64,
}

/// 500 ns in ticks of 27 MHz, and half a tick of rounding on each side.
const TOLERANCE_TICKS: i64 = 14;

/// So many PCRs in a row off the line, and no two of them alike: there is no line.
const WAITING_MAX: u64 = 8;

/// What a line of least squares is made of: packets (x) and ticks (y) of the points, squared and
/// multiplied. Whole numbers: adding and taking away leaves no error behind.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    x: i128,
    y: i128,
    xx: i128,
    xy: i128,
}

/// Ticks over packets: sums of the points, and the slope as a fraction.
#[derive(Debug, Clone, Copy)]
struct Line {
    count: i128,
    x: i128,
    y: i128,
    rise: i128,
    run: i128,
}

impl Sums {
    /// A point comes (`times` 1) or goes (-1).
    fn change(&mut self, point: Point, times: i128) {
        let (x, y) = (i128::from(point.packets), i128::from(point.ticks));
        self.x += times * x;
        self.y += times * y;
        self.xx += times * x * x;
        self.xy += times * x * y;
    }
}

impl Line {
    fn off(self, point: Point) -> i64 {
        let (packets, ticks) = (i128::from(point.packets), i128::from(point.ticks));
        // Through the middle of all points, by the slope.
        let above = self.count * ticks - self.y;
        let expected = ((self.count * packets - self.x) * self.rise).div_euclid(self.run);
        let off = (above - expected).div_euclid(self.count);
        i64::try_from(off).unwrap_or(i64::MAX)
    }
}

impl Accuracy {
    /// A PCR so many ticks and packets behind the one before. Answers how many are found wrong.
    pub fn arrives(&mut self, ticks: u64, packets: u64) -> u64 {
        self.newest.ticks += ticks;
        self.newest.packets += packets;
        if !self.constant {
            self.learn();
            return 0;
        }
        let off = self.off_line(self.newest);
        if off.abs() <= TOLERANCE_TICKS {
            self.keep(self.newest);
            self.moved = false;
            return std::mem::take(&mut self.waiting);
        }
        let moved = std::mem::take(&mut self.moved);
        let alike = self.waiting > 0 && off.abs_diff(self.off) <= TOLERANCE_TICKS.unsigned_abs();
        if moved || alike || self.is_packets(off) {
            // The line goes on beside the old one. Where packets are missing, that is why; else the
            // step is one error.
            self.move_by(off);
            self.keep(self.newest);
            let wrong = std::mem::take(&mut self.waiting);
            return if alike && !moved { wrong } else { 0 };
        }
        self.off = off;
        self.waiting += 1;
        if self.waiting > WAITING_MAX {
            self.forget();
        }
        0
    }

    /// What is known of the line is no use any more.
    pub fn forget(&mut self) {
        self.points.clear();
        self.sums = Sums::default();
        self.moved = false;
        self.oldest = 0;
        self.constant = false;
        self.waiting = 0;
        self.newest = Point::default();
    }

    /// Packets are missing: the line goes on, but beside. What waits for a verdict may be off for
    /// that reason.
    pub fn forget_place(&mut self) {
        if self.constant {
            self.moved = true;
            self.waiting = 0;
        } else {
            self.forget();
        }
    }

    #[must_use]
    pub fn is_constant(&self) -> bool {
        self.constant
    }

    fn learn(&mut self) {
        self.keep(self.newest);
        if self.points.len() == ACCURACY_POINTS {
            let line = self.line();
            let on_line =
                |point: &Point| line.is_some_and(|line| line.off(*point).abs() <= TOLERANCE_TICKS);
            self.constant = self.points.iter().all(on_line);
            if !self.constant {
                self.forget();
            }
        }
    }

    fn keep(&mut self, point: Point) {
        self.sums.change(point, 1);
        if self.points.len() < ACCURACY_POINTS {
            self.points.push(point);
        } else {
            let gone = std::mem::replace(&mut self.points[self.oldest], point);
            self.sums.change(gone, -1);
            self.oldest = (self.oldest + 1) % ACCURACY_POINTS;
        }
    }

    /// The line through the points with the least squares; none while they tell none.
    fn line(&self) -> Option<Line> {
        let Sums { x, y, xx, xy } = self.sums;
        let count = i128::try_from(self.points.len()).ok()?;
        let line = Line {
            count,
            x,
            y,
            rise: count * xy - x * y,
            run: count * xx - x * x,
        };
        (line.run > 0).then_some(line)
    }

    /// Ticks of `point` above the line.
    fn off_line(&self, point: Point) -> i64 {
        self.line().map_or(0, |line| line.off(point))
    }

    /// Whether `off` ticks are what a whole number of lost packets makes: null packets have no
    /// counter that would tell. From some 700 Mbit/s on a packet takes no longer than the tolerance,
    /// so that no PCR ahead of its time is found.
    fn is_packets(&self, off: i64) -> bool {
        let Some(line) = self.line().filter(|line| line.rise > 0) else {
            return false;
        };
        let off = i128::from(off);
        let lost = (off * line.run + line.rise / 2).div_euclid(line.rise);
        let rest = off - (lost * line.rise).div_euclid(line.run);
        lost > 0 && rest.abs() <= i128::from(TOLERANCE_TICKS)
    }

    fn move_by(&mut self, ticks: i64) {
        for point in &mut self.points {
            self.sums.change(*point, -1);
            point.ticks = point.ticks.saturating_add_signed(ticks);
            self.sums.change(*point, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 20 ms and 133 packets, as in a stream of 10 Mbit/s.
    const STEP: (u64, u64) = (540_000, 133);

    fn constant() -> Accuracy {
        let mut accuracy = Accuracy::default();
        for _ in 0..ACCURACY_POINTS + 5 {
            assert_eq!(accuracy.arrives(STEP.0, STEP.1), 0);
        }
        assert!(accuracy.is_constant());
        accuracy
    }

    /// PCRs that are off by so many ticks, then 20 right ones; how many are found wrong.
    fn wrong(accuracy: &mut Accuracy, off: &[i64]) -> u64 {
        let mut before = 0;
        let all = off.iter().chain([0; 20].iter());
        all.map(|off| {
            let ticks = STEP.0.saturating_add_signed(off - before);
            before = *off;
            accuracy.arrives(ticks, STEP.1)
        })
        .sum()
    }

    #[test]
    fn each_wrong_pcr_counts_once() {
        assert_eq!(wrong(&mut constant(), &[13, -13, 0]), 0);
        assert_eq!(wrong(&mut constant(), &[40]), 1);
        assert_eq!(wrong(&mut constant(), &[0, -40, 0, 90, 30, 0]), 3);
        let mut accuracy = constant();
        assert_eq!(wrong(&mut accuracy, &[27_000; 100][..1]), 1);
        assert!(accuracy.is_constant());
    }

    #[test]
    fn a_step_counts_once_and_lost_packets_do_not() {
        let mut accuracy = constant();
        assert_eq!(accuracy.arrives(STEP.0 + 5000, STEP.1), 0);
        let counts: u64 = (0..20).map(|_| accuracy.arrives(STEP.0, STEP.1)).sum();
        assert_eq!(counts, 1);
        // Three packets are missing, which no counter tells: null packets.
        assert_eq!(accuracy.arrives(STEP.0, STEP.1 - 3), 0);
        let counts: u64 = (0..20).map(|_| accuracy.arrives(STEP.0, STEP.1)).sum();
        assert_eq!(counts, 0);
        assert!(accuracy.is_constant());
        // Packets are known to be missing: where the PCR lies now says nothing, nor does the one
        // that waited.
        assert_eq!(accuracy.arrives(STEP.0 - 5000, STEP.1), 0);
        accuracy.forget_place();
        let counts: u64 = (0..20).map(|_| accuracy.arrives(STEP.0, STEP.1)).sum();
        assert_eq!(counts, 0);
        assert!(accuracy.is_constant());
    }

    #[test]
    fn the_sums_are_those_of_the_points_whatever_came() {
        let mut accuracy = constant();
        for index in 0..300_u64 {
            // Wrong ones, steps and gaps now and then.
            let ticks =
                STEP.0 + 5000 * u64::from(index % 41 == 0) + 90 * u64::from(index % 17 == 0);
            accuracy.arrives(ticks, STEP.1 - index % 29 / 28);
            let mut sums = Sums::default();
            let points = accuracy.points.iter();
            points.for_each(|point| sums.change(*point, 1));
            let Sums { x, y, xx, xy } = accuracy.sums;
            assert_eq!((x, y, xx, xy), (sums.x, sums.y, sums.xx, sums.xy));
        }
        accuracy.forget();
        assert_eq!(accuracy.sums.xy, 0);
    }

    #[test]
    fn a_stream_of_variable_rate_is_not_judged() {
        let mut accuracy = Accuracy::default();
        for index in 0..500_u64 {
            assert_eq!(accuracy.arrives(STEP.0, 100 + index * 7919 % 60), 0);
        }
        assert!(!accuracy.is_constant());
        // Nor one that was of constant rate before.
        let mut accuracy = constant();
        let counts: u64 = (0..500_u64)
            .map(|index| accuracy.arrives(STEP.0, 100 + index * 7919 % 60))
            .sum();
        assert!(!accuracy.is_constant());
        assert!(counts <= 1, "{counts}");
    }
}
