//! A small writer of SVG: lines, boxes and words, in colours that follow the reader's light or dark
//! setting. Fonts are the reader's.

use std::fmt::{Display, Write};

/// Classes: `soft` and `small` text, `value` with a halo over lines, `grid`, `goal`, and `s0` to `s5` for series.
const STYLE: &str = "
svg { --ground: #ffffff; --ink: #1f2328; --soft: #59636e; --grid: #d8dee4; --goal: #cf222e;
  --s0: #8c959f; --s1: #0969da; --s2: #bc4c00; --s3: #1a7f37; --s4: #8250df; --s5: #bf3989; }
@media (prefers-color-scheme: dark) {
  svg { --ground: #0d1117; --ink: #f0f6fc; --soft: #9198a1; --grid: #30363d; --goal: #ff7b72;
    --s0: #9ea7b3; --s1: #58a6ff; --s2: #f0883e; --s3: #56d364; --s4: #bc8cff; --s5: #f778ba; }
}
text { font: 12px system-ui, sans-serif; fill: var(--ink); }
.value { font-size: 11px; paint-order: stroke; stroke: var(--ground); stroke-width: 3px; }
.title { font-size: 15px; font-weight: 600; }
.soft { fill: var(--soft); }
.small { font-size: 11px; }
.ground { fill: var(--ground); }
.grid { stroke: var(--grid); stroke-width: 1; }
.goal { stroke: var(--goal); stroke-width: 2; stroke-dasharray: 5 3; fill: none; }
.goal-text { fill: var(--goal); }
.line { fill: none; stroke-width: 2; }
";

/// How many series have a colour of their own.
pub(crate) const COLOURS: usize = 6;

#[derive(Debug)]
pub(crate) struct Svg {
    width: f64,
    height: f64,
    body: String,
}

/// Where a word stands from its point.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    pub(crate) fn new(width: f64, height: f64, title: &str) -> Self {
        let mut svg = Self {
            width,
            height,
            body: String::new(),
        };
        svg.add(format_args!("<title>{}</title>", escaped(title)));
        svg.add(format_args!(
            r#"<rect class="ground" width="{width}" height="{height}"/>"#
        ));
        svg.text((16.0, 26.0), Anchor::Start, "title", title);
        svg
    }

    fn add(&mut self, element: impl Display) {
        let _ = writeln!(self.body, "{element}");
    }

    pub(crate) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        self.add(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" class="{class}">{text}</text>"#
        ));
    }

    pub(crate) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), class: &str) {
        self.add(format_args!(
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" class="{class}"/>"#
        ));
    }

    /// A box in the colour of a series.
    pub(crate) fn bar(&mut self, (x, y): (f64, f64), width: f64, height: f64, series: usize) {
        self.add(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="1.5" style="fill: var(--s{series})"/>"#
        ));
    }

    /// A dot in the colour of a series; hollow where it says so.
    pub(crate) fn dot(&mut self, (x, y): (f64, f64), series: usize, hollow: bool) {
        let fill = if hollow {
            "var(--ground)".to_owned()
        } else {
            format!("var(--s{series})")
        };
        self.add(format_args!(
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="4" style="fill: {fill}; stroke: var(--s{series}); stroke-width: 2"/>"#
        ));
    }

    /// A line through points, in the colour of a series.
    pub(crate) fn path(&mut self, points: &[(f64, f64)], series: usize) {
        let points: Vec<_> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let points = points.join(" ");
        self.add(format_args!(
            r#"<polyline points="{points}" class="line" style="stroke: var(--s{series})"/>"#
        ));
    }

    pub(crate) fn finish(self) -> String {
        let Self {
            width,
            height,
            body,
        } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n<style>{STYLE}</style>\n{body}</svg>\n"
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
