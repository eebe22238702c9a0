//! A chart: a frame with measured axes, series with a legend, goals. What the axes mean is said in
//! words with units.

use crate::svg::{Anchor, Svg};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = WIDTH - 24.0;
const TOP: f64 = 86.0;
const BOTTOM: f64 = HEIGHT - 78.0;

/// Where the legend stands, and about how wide a letter of it is.
const LEGEND_Y: f64 = 56.0;
const LETTER: f64 = 6.7;

/// A value's label, in letters of 11 pixels: so high, and so wide a letter.
const LABEL_HEIGHT: f64 = 13.0;

/// What the chart and its axes say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words<'a> {
    pub(crate) title: &'a str,
    pub(crate) across: &'a str,
    pub(crate) up: &'a str,
}

/// What the legend shows in front of a name.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Symbol {
    Series(usize),
    Dot,
    Ring,
    Cap,
    Goal,
    Reference,
}

/// How values become heights.
#[derive(Debug, Clone, Copy)]
enum Measure {
    /// From 0.
    Linear { max: f64 },
    /// Each decade as high as the others.
    Decades { min: f64, max: f64 },
}

#[derive(Debug)]
pub(crate) struct Chart {
    svg: Svg,
    measure: Measure,
    columns: usize,
    /// Values in words, drawn last: no line may cross them.
    values: Vec<((f64, f64), String)>,
}

impl Chart {
    /// From 0 to `max`, or a little more. A column's name may have two lines.
    pub(crate) fn linear(words: Words<'_>, max: f64, columns: &[String]) -> Self {
        let step = step(max);
        let max = (max * 1.06 / step).ceil() * step;
        let mut chart = Self::framed(words, Measure::Linear { max }, columns);
        let mut value = 0.0;
        while value <= max + step / 2.0 {
            chart.tick(value);
            value += step;
        }
        chart.finish_frame(words, columns)
    }

    /// Around `min` and `max`, from 1, 2 or 5 of a decade to another.
    pub(crate) fn decades(words: Words<'_>, (min, max): (f64, f64), columns: &[String]) -> Self {
        let ticks = (-3..=5).flat_map(|decade| [1.0, 2.0, 5.0].map(|n| n * 10_f64.powi(decade)));
        let ticks: Vec<f64> = ticks.collect();
        let least = ticks.iter().copied().filter(|tick| *tick <= min);
        let least = least.fold(0.0, f64::max);
        let most = ticks.iter().copied().filter(|tick| *tick >= max);
        let most = most.fold(f64::MAX, f64::min);
        let measure = Measure::Decades {
            min: least,
            max: most,
        };
        let mut chart = Self::framed(words, measure, columns);
        for tick in ticks.iter().filter(|tick| (least..=most).contains(*tick)) {
            chart.tick(*tick);
        }
        chart.finish_frame(words, columns)
    }

    fn framed(words: Words<'_>, measure: Measure, columns: &[String]) -> Self {
        Self {
            svg: Svg::new(WIDTH, HEIGHT, words.title),
            measure,
            columns: columns.len().max(1),
            values: Vec::new(),
        }
    }

    fn finish_frame(mut self, words: Words<'_>, columns: &[String]) -> Self {
        let middle = f64::midpoint(TOP, BOTTOM);
        self.svg.upright((20.0, middle), "axis", words.up);
        let middle = (f64::midpoint(LEFT, RIGHT), HEIGHT - 14.0);
        self.svg.text(middle, Anchor::Middle, "axis", words.across);
        self.svg.line((LEFT, BOTTOM), (RIGHT, BOTTOM), "base");
        for (index, name) in columns.iter().enumerate() {
            let x = self.middle(index);
            for (line, part) in name.split('\n').enumerate() {
                let class = if line == 0 { "" } else { "tick" };
                let y = BOTTOM + 18.0 + 15.0 * number(line);
                self.svg.text((x, y), Anchor::Middle, class, part);
            }
        }
        self
    }

    fn tick(&mut self, value: f64) {
        let y = self.height(value);
        self.svg.line((LEFT, y), (RIGHT, y), "grid");
        let place = (LEFT - 8.0, y + 4.0);
        self.svg.text(place, Anchor::End, "tick", &shortest(value));
    }

    fn height(&self, value: f64) -> f64 {
        let share = match self.measure {
            Measure::Linear { max } => value / max,
            Measure::Decades { min, max } => (value.max(min) / min).log10() / (max / min).log10(),
        };
        BOTTOM - share.clamp(0.0, 1.0) * (BOTTOM - TOP)
    }

    fn column_width(&self) -> f64 {
        (RIGHT - LEFT) / number(self.columns)
    }

    fn middle(&self, column: usize) -> f64 {
        LEFT + (number(column) + 0.5) * self.column_width()
    }

    /// Where the `index`-th of `count` things side by side in a column has its middle, and how wide
    /// it may be.
    fn slot(&self, column: usize, index: usize, count: usize) -> (f64, f64) {
        let width = (self.column_width() * 0.8 / number(count)).min(46.0);
        let left = self.middle(column) - width * number(count) / 2.0;
        (left + (number(index) + 0.5) * width, width)
    }

    /// Bars side by side in a column, each of a series and with its value above; none: nothing was
    /// measured.
    pub(crate) fn bars(&mut self, column: usize, values: &[(usize, Option<f64>)]) {
        for (index, (series, value)) in values.iter().enumerate() {
            let Some(value) = *value else { continue };
            let (x, width) = self.slot(column, index, values.len());
            let (y, wide) = (self.height(value), width - 3.0);
            self.svg.bar((x - wide / 2.0, y), wide, BOTTOM - y, *series);
            self.values.push(((x, y - 4.0), shortest(value)));
        }
    }

    /// What is to be reached in one column.
    pub(crate) fn goal(&mut self, column: usize, goal: Option<f64>) {
        if let Some(goal) = goal {
            let (x, half) = (self.middle(column), self.column_width() * 0.45);
            let y = self.height(goal);
            self.svg.line((x - half, y), (x + half, y), "goal");
        }
    }

    /// A line over all columns: what is to be reached, or what all is held against.
    pub(crate) fn across(&mut self, value: f64, symbol: Symbol) {
        let y = self.height(value);
        let class = match symbol {
            Symbol::Goal => "goal",
            _ => "reference",
        };
        self.svg.line((LEFT, y), (RIGHT, y), class);
    }

    /// A dot for p50, a ring for p99, and a cap for the maximum, on a line; of the `index`-th of
    /// `count` things in the column.
    pub(crate) fn range(
        &mut self,
        column: usize,
        (index, count): (usize, usize),
        series: usize,
        marks: [f64; 3],
    ) {
        let (x, _) = self.slot(column, index, count);
        let points = marks.map(|mark| (x, self.height(mark)));
        let [p50, p99, max] = points;
        self.svg.path(&[p50, max], series);
        self.svg.dot(p50, series, false);
        self.svg.dot(p99, series, true);
        self.cap(max, series);
    }

    fn cap(&mut self, (x, y): (f64, f64), series: usize) {
        self.svg.path(&[(x - 6.0, y), (x + 6.0, y)], series);
    }

    /// Lines through values, one a column and series, each with its value above or below; none: a
    /// gap.
    pub(crate) fn curves(&mut self, curves: &[(usize, &[Option<f64>])]) {
        for (series, values) in curves {
            let points = values.iter().enumerate();
            let points = points
                .filter_map(|(column, value)| Some((self.middle(column), self.height((*value)?))));
            let points: Vec<_> = points.collect();
            self.svg.path(&points, *series);
            for point in points {
                self.svg.dot(point, *series, false);
            }
        }
        for column in 0..self.columns {
            self.labels(column, curves);
        }
    }

    /// The lowest value's label stands below its dot, the others above theirs, apart from each
    /// other.
    fn labels(&mut self, column: usize, curves: &[(usize, &[Option<f64>])]) {
        let values = curves.iter().filter_map(|(_, values)| values[column]);
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let x = self.middle(column);
        let mut free = f64::MAX;
        for (index, value) in values.iter().enumerate() {
            let y = self.height(*value);
            let lowest = index == 0 && values.len() > 1 && y + 22.0 < BOTTOM;
            let wanted = if lowest { y + 20.0 } else { y - 10.0 };
            let place = wanted.min(free);
            free = free.min(place - LABEL_HEIGHT);
            self.values.push(((x, place), shortest(*value)));
        }
    }

    /// Names of what is shown.
    pub(crate) fn legend(&mut self, entries: &[(Symbol, &str)]) {
        let mut x = 16.0;
        let y = LEGEND_Y - 4.0;
        // Marks stand for every series: they are shown in the colour of none.
        let series = 0;
        for (symbol, name) in entries {
            let (left, middle, right) = ((x, y), (x + 9.0, y), (x + 18.0, y));
            match symbol {
                Symbol::Series(series) => {
                    self.svg.bar((x + 3.0, y - 6.0), 12.0, 12.0, *series);
                }
                Symbol::Dot => self.svg.dot(middle, series, false),
                Symbol::Ring => self.svg.dot(middle, series, true),
                Symbol::Cap => self.cap(middle, series),
                Symbol::Goal => self.svg.line(left, right, "goal"),
                Symbol::Reference => self.svg.line(left, right, "reference"),
            }
            self.svg.text((x + 24.0, LEGEND_Y), Anchor::Start, "", name);
            x += 46.0 + LETTER * number(name.chars().count());
        }
    }

    pub(crate) fn finish(mut self) -> String {
        for (place, text) in self.values {
            self.svg.text(place, Anchor::Middle, "value", &text);
        }
        self.svg.finish()
    }
}

/// The distance of ticks: 1, 2 or 5 of a decade, four to nine of them.
fn step(max: f64) -> f64 {
    let max = max.max(1e-9);
    let decade = 10_f64.powf((max / 4.0).log10().floor());
    let fits = [5.0, 2.0]
        .into_iter()
        .find(|part| max / (decade * part) >= 4.0);
    decade * fits.unwrap_or(1.0)
}

/// Three digits at most.
fn shortest(value: f64) -> String {
    let text = match value {
        0.0 => return "0".to_owned(),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value >= 0.1 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    };
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        for (max, wanted) in [
            (1.6, 0.2),
            (9.0, 2.0),
            (178.0, 20.0),
            (0.05, 0.01),
            (4.0, 1.0),
        ] {
            let got = step(max);
            assert!((got - wanted).abs() < wanted / 1e6, "{max}: {got}");
        }
    }

    #[test]
    fn a_higher_value_stands_higher_within_the_frame() {
        let words = Words {
            title: "t",
            across: "a",
            up: "u",
        };
        let columns = ["one".to_owned()];
        for chart in [
            Chart::linear(words, 10.0, &columns),
            Chart::decades(words, (0.5, 40.0), &columns),
        ] {
            let heights: Vec<_> = [0.0, 0.5, 5.0, 10.0, 1e9]
                .iter()
                .map(|value| chart.height(*value))
                .collect();
            assert!(heights.is_sorted_by(|a, b| a >= b), "{heights:?}");
            assert!(heights.iter().all(|y| (TOP..=BOTTOM).contains(y)));
            assert!(heights[1] > heights[3]);
        }
    }

    #[test]
    fn numbers_are_short() {
        let texts = [0.0, 1.25, 20.0, 178.2, 12.34, 0.046].map(shortest);
        assert_eq!(texts, ["0", "1.25", "20", "178", "12.3", "0.046"]);
    }
}
