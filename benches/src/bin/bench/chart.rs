//! A chart: a frame with a measured axis, series with a legend, goals. What the axes mean is said
//! in words with units.

use crate::svg::{Anchor, COLOURS, Svg};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = WIDTH - 24.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = HEIGHT - 58.0;

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
    columns: Vec<String>,
}

impl Chart {
    /// From 0 to `max`, or a little more.
    pub(crate) fn linear(title: &str, unit: &str, max: f64, columns: Vec<String>) -> Self {
        let step = step(max);
        let max = (max * 1.06 / step).ceil() * step;
        let mut chart = Self::framed(title, unit, Measure::Linear { max }, columns);
        let mut value = 0.0;
        while value <= max + step / 2.0 {
            chart.tick(value);
            value += step;
        }
        chart
    }

    /// In decades around `min` and `max`.
    pub(crate) fn decades(
        title: &str,
        unit: &str,
        (min, max): (f64, f64),
        columns: Vec<String>,
    ) -> Self {
        let (lowest, highest) = (min.log10().floor(), max.log10().ceil());
        let (min, max) = (10_f64.powf(lowest), 10_f64.powf(highest));
        let mut chart = Self::framed(title, unit, Measure::Decades { min, max }, columns);
        let mut decade = min;
        while decade <= max * 1.01 {
            for part in [1.0, 2.0, 5.0] {
                if decade * part <= max * 1.01 {
                    chart.tick(decade * part);
                }
            }
            decade *= 10.0;
        }
        chart
    }

    fn framed(title: &str, unit: &str, measure: Measure, columns: Vec<String>) -> Self {
        let mut svg = Svg::new(WIDTH, HEIGHT, title);
        svg.text((16.0, TOP - 14.0), Anchor::Start, "soft small", unit);
        let mut chart = Self {
            svg,
            measure,
            columns,
        };
        for (index, name) in chart.columns.clone().iter().enumerate() {
            let x = chart.middle(index);
            for (line, part) in name.split('\n').enumerate() {
                let class = if line == 0 { "" } else { "soft small" };
                let y = BOTTOM + 18.0 + 15.0 * number(line);
                chart.svg.text((x, y), Anchor::Middle, class, part);
            }
        }
        chart
    }

    fn tick(&mut self, value: f64) {
        let y = self.height(value);
        self.svg.line((LEFT, y), (RIGHT, y), "grid");
        let text = shortest(value);
        self.svg
            .text((LEFT - 8.0, y + 4.0), Anchor::End, "soft small", &text);
    }

    fn height(&self, value: f64) -> f64 {
        let share = match self.measure {
            Measure::Linear { max } => value / max,
            Measure::Decades { min, max } => (value.max(min) / min).log10() / (max / min).log10(),
        };
        BOTTOM - share.clamp(0.0, 1.0) * (BOTTOM - TOP)
    }

    fn column_width(&self) -> f64 {
        (RIGHT - LEFT) / number(self.columns.len().max(1))
    }

    fn middle(&self, column: usize) -> f64 {
        LEFT + (number(column) + 0.5) * self.column_width()
    }

    /// Where the `index`-th of `count` things side by side in a column has its middle, and how wide
    /// it may be.
    fn slot(&self, column: usize, index: usize, count: usize) -> (f64, f64) {
        let width = (self.column_width() * 0.72 / number(count)).min(46.0);
        let left = self.middle(column) - width * number(count) / 2.0;
        (left + (number(index) + 0.5) * width, width)
    }

    /// Bars side by side in a column, each with its value above (none: nothing was measured), and
    /// what is to be reached.
    pub(crate) fn bars(&mut self, column: usize, values: &[Option<f64>], goal: Option<f64>) {
        let mut labels = Vec::new();
        for (series, value) in values.iter().enumerate() {
            let Some(value) = *value else { continue };
            let (x, width) = self.slot(column, series, values.len());
            let (y, wide) = (self.height(value), width - 3.0);
            let corner = (x - wide / 2.0, y);
            self.svg.bar(corner, wide, BOTTOM - y, series % COLOURS);
            labels.push(((x, y - 4.0), shortest(value)));
        }
        if let Some(goal) = goal {
            let (x, half) = (self.middle(column), self.column_width() * 0.42);
            let y = self.height(goal);
            self.svg.line((x - half, y), (x + half, y), "goal");
        }
        for (place, text) in labels {
            self.svg.text(place, Anchor::Middle, "value", &text);
        }
    }

    /// A mark for p50, one for p99, and one for the maximum, on a line; of the `series`-th of
    /// `count` series.
    pub(crate) fn range(
        &mut self,
        column: usize,
        (series, count): (usize, usize),
        marks: [f64; 3],
    ) {
        let (x, _) = self.slot(column, series, count);
        let points = marks.map(|mark| (x, self.height(mark)));
        let [p50, p99, max] = points;
        let series = series % COLOURS;
        self.svg.path(&[p50, max], series);
        self.svg.dot(p50, series, false);
        self.svg.dot(p99, series, true);
        self.svg.path(&[(x - 5.0, max.1), (x + 5.0, max.1)], series);
    }

    /// A line through a value for each column, each with its value above; none: a gap.
    pub(crate) fn curve(&mut self, series: usize, values: &[Option<f64>]) {
        let points: Vec<_> = values
            .iter()
            .enumerate()
            .filter_map(|(column, value)| Some((self.middle(column), (*value)?)))
            .collect();
        let places: Vec<_> = points
            .iter()
            .map(|(x, value)| (*x, self.height(*value)))
            .collect();
        self.svg.path(&places, series % COLOURS);
        for ((x, y), (_, value)) in places.iter().zip(&points) {
            self.svg.dot((*x, *y), series % COLOURS, false);
            // Above one series and below the other, so that close ones stay readable.
            let below = if series == 0 { 20.0 } else { -10.0 };
            let text = shortest(*value);
            self.svg
                .text((*x, y + below), Anchor::Middle, "small", &text);
        }
    }

    /// What is to be reached in all columns.
    pub(crate) fn goal_line(&mut self, value: f64) {
        let y = self.height(value);
        self.svg.line((LEFT, y), (RIGHT, y), "goal");
    }

    /// Names of the series, and of the goal where there is one.
    pub(crate) fn legend(&mut self, series: &[(usize, &str)], goal: Option<&str>) {
        let mut x = 16.0;
        let y = 48.0;
        for (index, name) in series {
            self.svg.bar((x, y - 9.0), 12.0, 12.0, index % COLOURS);
            self.svg.text((x + 18.0, y + 1.0), Anchor::Start, "", name);
            x += 44.0 + 6.8 * number(name.chars().count());
        }
        if let Some(goal) = goal {
            self.svg.line((x, y - 3.0), (x + 22.0, y - 3.0), "goal");
            self.svg
                .text((x + 28.0, y + 1.0), Anchor::Start, "goal-text", goal);
        }
    }

    pub(crate) fn finish(self) -> String {
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
        let columns = vec!["one".to_owned()];
        for chart in [
            Chart::linear("t", "u", 10.0, columns.clone()),
            Chart::decades("t", "u", (0.5, 40.0), columns),
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
