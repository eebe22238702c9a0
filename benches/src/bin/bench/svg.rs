//! A small writer of SVG: lines, boxes and words, dark on white. Fonts are the reader's; colours
//! stand in the file as they are, since not every program that shows SVG knows variables.

use std::fmt::{Display, Write};

const STYLE: &str = "
text { font: 12px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #1f2328; }
.title { font-size: 16px; font-weight: 600; }
.axis { fill: #424a53; }
.tick { font-size: 11px; fill: #59636e; }
.value { font-size: 11px; paint-order: stroke; stroke: #ffffff; stroke-width: 3px; stroke-linejoin: round; }
.ground { fill: #ffffff; }
.grid { stroke: #d8dee4; stroke-width: 1; }
.base { stroke: #59636e; stroke-width: 1; }
.reference { stroke: #59636e; stroke-width: 2; }
.goal { stroke: #cf222e; stroke-width: 2; stroke-dasharray: 6 3; }
";

/// One a series: told apart in print and by most who see few colours.
const COLOURS: [&str; 6] = [
    "#8c959f", "#0969da", "#bc4c00", "#1a7f37", "#8250df", "#bf3989",
];

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

/// The colour of a series; there are six.
fn colour(series: usize) -> &'static str {
    COLOURS[series % COLOURS.len()]
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
        svg.text((16.0, 28.0), Anchor::Start, "title", title);
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

    /// Upwards, with its middle there.
    pub(crate) fn upright(&mut self, (x, y): (f64, f64), class: &str, text: &str) {
        let text = escaped(text);
        self.add(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" transform="rotate(-90 {x:.1} {y:.1})" text-anchor="middle" class="{class}">{text}</text>"#
        ));
    }

    pub(crate) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), class: &str) {
        self.add(format_args!(
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" class="{class}"/>"#
        ));
    }

    /// A box in the colour of a series.
    pub(crate) fn bar(&mut self, (x, y): (f64, f64), width: f64, height: f64, series: usize) {
        let colour = colour(series);
        self.add(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{colour}"/>"#
        ));
    }

    /// A dot in the colour of a series; hollow where it says so.
    pub(crate) fn dot(&mut self, (x, y): (f64, f64), series: usize, hollow: bool) {
        let colour = colour(series);
        let fill = if hollow { "#ffffff" } else { colour };
        self.add(format_args!(
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="4" fill="{fill}" stroke="{colour}" stroke-width="2"/>"#
        ));
    }

    /// A line through points, in the colour of a series.
    pub(crate) fn path(&mut self, points: &[(f64, f64)], series: usize) {
        let colour = colour(series);
        let points: Vec<_> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let points = points.join(" ");
        self.add(format_args!(
            r#"<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>"#
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
