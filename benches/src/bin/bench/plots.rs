//! The five plots, each left out when nothing of it was measured.

use crate::chart::{Chart, Symbol, Words};
use crate::outcome::{Medians, Outcome};
use crate::relay::Role;
use crate::verdict::{VIEWER_GROWTH_MAX, delay_goal_ms, memory_goal_mb};

/// A file, and what it shows.
#[derive(Debug)]
pub(crate) struct Plot {
    pub(crate) file: &'static str,
    pub(crate) title: &'static str,
    pub(crate) svg: String,
}

/// The colours of all plots; those of foreign relays follow.
const FLOOR: usize = 0;
const INGEST: usize = 1;

const FLOOR_NAME: &str = "floor (the better mode)";
const INGEST_NAME: &str = "encoder-ingest";
const LOAD: &str = "case, and its load: channels x viewers in all x Mbit/s a channel";

pub(crate) fn plots(outcomes: &[Outcome]) -> Vec<Plot> {
    let cases: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome.scenario.ratio_max.is_some())
        .collect();
    [
        cpu(&cases),
        delay(&cases),
        viewers(outcomes),
        channels(outcomes),
        memory(outcomes),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// encoder-ingest, then foreign relays, each with its colour.
fn relays(outcome: &Outcome) -> impl Iterator<Item = (usize, Option<Medians>)> {
    let foreign = outcome.relays.iter().filter(|r| r.role == Role::Foreign);
    let medians = std::iter::once(outcome.ingest_median()).chain(foreign.map(|own| own.median));
    medians
        .enumerate()
        .map(|(index, median)| (INGEST + index, median))
}

/// The same for a legend.
fn legend<'a>(cases: &[&'a Outcome]) -> Vec<(Symbol, &'a str)> {
    let first = cases.first().map(|outcome| &outcome.relays[..]);
    let foreign = first.unwrap_or_default().iter();
    let foreign = foreign.filter(|relay| relay.role == Role::Foreign);
    let names = std::iter::once(INGEST_NAME).chain(foreign.map(|relay| relay.name.as_str()));
    let names = names.enumerate();
    names
        .map(|(index, name)| (Symbol::Series(INGEST + index), name))
        .collect()
}

fn column(outcome: &Outcome) -> String {
    format!("{}\n{}", outcome.scenario.name, outcome.scenario.load())
}

fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, f64::max)
}

fn cpu(cases: &[&Outcome]) -> Option<Plot> {
    let ratios: Vec<Vec<(usize, Option<f64>)>> = cases
        .iter()
        .map(|outcome| {
            let floor = outcome.floor().map(|median| median.cpu_percent);
            let ratio = |own: Option<Medians>| Some(own?.cpu_percent / floor?);
            relays(outcome)
                .map(|(series, own)| (series, ratio(own)))
                .collect()
        })
        .collect();
    let shown = || ratios.iter().flatten().filter_map(|(_, ratio)| *ratio);
    shown().next()?;
    let goals = cases
        .iter()
        .filter_map(|outcome| outcome.scenario.ratio_max);
    let columns: Vec<_> = cases.iter().map(|outcome| column(outcome)).collect();
    let title = "CPU by case: less is better";
    let words = Words {
        title,
        across: LOAD,
        up: "CPU of the relay / CPU of the floor",
    };
    let mut chart = Chart::linear(words, largest(shown().chain(goals)), &columns);
    for (index, values) in ratios.iter().enumerate() {
        chart.bars(index, values);
    }
    chart.across(1.0, Symbol::Reference);
    for (index, outcome) in cases.iter().enumerate() {
        chart.goal(index, outcome.scenario.ratio_max);
    }
    let mut entries = legend(cases);
    entries.push((Symbol::Reference, "floor = 1"));
    entries.push((Symbol::Goal, "goal of encoder-ingest, at most"));
    chart.legend(&entries);
    Some(Plot {
        file: "cpu.svg",
        title,
        svg: chart.finish(),
    })
}

fn delay(cases: &[&Outcome]) -> Option<Plot> {
    let marks: Vec<Vec<(usize, Option<[f64; 3]>)>> = cases
        .iter()
        .map(|outcome| {
            let floor = (FLOOR, outcome.floor());
            let all = std::iter::once(floor).chain(relays(outcome));
            let marks = |own: Medians| [own.delay_ms.p50, own.delay_ms.p99, own.delay_ms.max];
            all.map(|(series, own)| (series, own.map(marks))).collect()
        })
        .collect();
    let shown = marks.iter().flatten().filter_map(|(_, marks)| *marks);
    let shown: Vec<f64> = shown.flatten().collect();
    let goal = |outcome: &Outcome| delay_goal_ms(outcome.scenario.latency_ms);
    let least = shown.iter().copied().fold(f64::MAX, f64::min).max(0.01);
    let most = largest(shown);
    if most <= 0.0 {
        return None;
    }
    let most = most.max(largest(cases.iter().map(|outcome| goal(outcome))));
    let columns: Vec<_> = cases.iter().map(|outcome| column(outcome)).collect();
    let title = "Delay by case, from sending to reading: less is better";
    let words = Words {
        title,
        across: LOAD,
        up: "milliseconds (logarithmic)",
    };
    let mut chart = Chart::decades(words, (least, most), &columns);
    for (column, (outcome, values)) in cases.iter().zip(&marks).enumerate() {
        chart.goal(column, Some(goal(outcome)));
        for (index, (series, value)) in values.iter().enumerate() {
            if let Some(value) = value {
                chart.range(column, (index, values.len()), *series, *value);
            }
        }
    }
    let mut entries = vec![(Symbol::Series(FLOOR), FLOOR_NAME)];
    entries.extend(legend(cases));
    entries.extend([
        (Symbol::Dot, "p50"),
        (Symbol::Ring, "p99"),
        (Symbol::Cap, "maximum"),
        (Symbol::Goal, "goal of p99, at most"),
    ]);
    chart.legend(&entries);
    Some(Plot {
        file: "delay.svg",
        title,
        svg: chart.finish(),
    })
}

/// Of a series: column names, and a value of the floor and of encoder-ingest for each column.
struct Growth {
    columns: Vec<String>,
    floor: Vec<Option<f64>>,
    ingest: Vec<Option<f64>>,
}

impl Growth {
    fn of(
        outcomes: &[Outcome],
        family: &str,
        column: fn(&Outcome) -> String,
        value: fn(&Outcome, Medians) -> f64,
    ) -> Option<Self> {
        let points = outcomes
            .iter()
            .filter(|outcome| outcome.scenario.name.starts_with(family));
        let points: Vec<_> = points.collect();
        let values = |of: fn(&Outcome) -> Option<Medians>| {
            let found = points.iter().map(|point| Some(value(point, of(point)?)));
            found.collect::<Vec<_>>()
        };
        let growth = Self {
            columns: points.iter().map(|point| column(point)).collect(),
            floor: values(Outcome::floor),
            ingest: values(Outcome::ingest_median),
        };
        growth.ingest.iter().flatten().next()?;
        Some(growth)
    }

    fn max(&self) -> f64 {
        largest(self.floor.iter().chain(&self.ingest).flatten().copied())
    }
}

fn viewers(outcomes: &[Outcome]) -> Option<Plot> {
    let growth = Growth::of(
        outcomes,
        "viewers-",
        |outcome| outcome.scenario.viewers.to_string(),
        // Percent of a core are hundredths of a second of CPU each second: 10 ms.
        |outcome, median| median.cpu_percent * 1e4 / f64::from(outcome.scenario.viewers),
    )?;
    let goal = growth.ingest.first().copied().flatten();
    let goal = goal.map(|fewest| fewest * VIEWER_GROWTH_MAX);
    let max = growth.max().max(goal.unwrap_or_default());
    let title = "Growth with viewers: one channel of 4 Mbit/s";
    let words = Words {
        title,
        across: "viewers of the channel",
        up: "CPU for each viewer, in µs a second",
    };
    let mut chart = Chart::linear(words, max, &growth.columns);
    if let Some(goal) = goal {
        chart.across(goal, Symbol::Goal);
    }
    chart.curves(&[(FLOOR, &growth.floor), (INGEST, &growth.ingest)]);
    chart.legend(&[
        (Symbol::Series(FLOOR), "floor (packed)"),
        (Symbol::Series(INGEST), INGEST_NAME),
        (
            Symbol::Goal,
            "goal, at most: 1.2 x that at the fewest viewers",
        ),
    ]);
    Some(Plot {
        file: "viewers.svg",
        title,
        svg: chart.finish(),
    })
}

fn channels(outcomes: &[Outcome]) -> Option<Plot> {
    let growth = Growth::of(
        outcomes,
        "channels-",
        |outcome| {
            let (channels, viewers) = (outcome.scenario.channels, outcome.scenario.viewers);
            format!("{channels}\n{viewers} watched")
        },
        |_, median| median.cpu_percent,
    )?;
    let title = "Growth with channels of 4 Mbit/s, all of them received and analysed";
    let words = Words {
        title,
        across: "channels",
        up: "CPU in percent of one core",
    };
    let mut chart = Chart::linear(words, growth.max(), &growth.columns);
    chart.curves(&[(INGEST, &growth.ingest)]);
    chart.legend(&[(Symbol::Series(INGEST), INGEST_NAME)]);
    Some(Plot {
        file: "channels.svg",
        title,
        svg: chart.finish(),
    })
}

fn memory(outcomes: &[Outcome]) -> Option<Plot> {
    let shown: Vec<_> = outcomes
        .iter()
        .filter(|outcome| {
            let scenario = &outcome.scenario;
            scenario.ratio_max.is_some() || scenario.history_ms.is_some()
        })
        .collect();
    let rss = |median: Option<Medians>| median.map(|median| median.rss_mb);
    let values: Vec<_> = shown
        .iter()
        .map(|outcome| [rss(outcome.floor()), rss(outcome.ingest_median())])
        .collect();
    // The floor's memory alone tells nothing.
    values.iter().find_map(|[_, ingest]| *ingest)?;
    let goals = shown
        .iter()
        .filter_map(|outcome| memory_goal_mb(&outcome.scenario));
    let max = largest(values.iter().flatten().flatten().copied().chain(goals));
    let columns = shown.iter().map(|outcome| {
        let Some(ms) = outcome.scenario.history_ms else {
            return column(outcome);
        };
        format!("F, {ms} ms\n{}", outcome.scenario.load())
    });
    let columns: Vec<_> = columns.collect();
    let title = "Memory by case: encoder-ingest keeps 2 s of every channel, 256 MB at most";
    let words = Words {
        title,
        across: LOAD,
        up: "resident memory, in MB (10^6 bytes)",
    };
    let mut chart = Chart::linear(words, max, &columns);
    for (index, (outcome, [floor, ingest])) in shown.iter().zip(&values).enumerate() {
        chart.bars(index, &[(FLOOR, *floor), (INGEST, *ingest)]);
        chart.goal(index, memory_goal_mb(&outcome.scenario));
    }
    chart.legend(&[
        (Symbol::Series(FLOOR), FLOOR_NAME),
        (Symbol::Series(INGEST), INGEST_NAME),
        (Symbol::Goal, "goal, at most"),
    ]);
    Some(Plot {
        file: "memory.svg",
        title,
        svg: chart.finish(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up::outcomes;
    use roxmltree::{Document, Node};

    /// Left, top, right, bottom.
    type Area = [f64; 4];

    /// About where a text stands.
    fn area(node: Node<'_, '_>) -> Area {
        let number = |name: &str| {
            let value = node.attribute(name).and_then(|text| text.parse().ok());
            value.unwrap_or_else(|| panic!("{name} of {node:?}"))
        };
        let size = match node.attribute("class") {
            Some("title") => 16.0,
            Some("tick" | "value") => 11.0,
            _ => 12.0,
        };
        let letters = node.text().unwrap_or_default().chars().count() as f64;
        let (x, y, wide): (f64, f64, f64) = (number("x"), number("y"), letters * size * 0.54);
        let (high, deep) = (size * 0.75, size * 0.2);
        if node.has_attribute("transform") {
            return [x - high, y - wide / 2.0, x + deep, y + wide / 2.0];
        }
        let left = match node.attribute("text-anchor") {
            Some("middle") => x - wide / 2.0,
            Some("end") => x - wide,
            _ => x,
        };
        [left, y - high, left + wide, y + deep]
    }

    fn overlap(a: Area, b: Area) -> bool {
        a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
    }

    #[test]
    fn every_plot_is_well_made_and_no_word_stands_on_another() {
        let plots = plots(&outcomes());
        let files: Vec<_> = plots.iter().map(|plot| plot.file).collect();
        let wanted = ["cpu", "delay", "viewers", "channels", "memory"];
        assert_eq!(files, wanted.map(|name| format!("{name}.svg")));
        for plot in &plots {
            let parsed = Document::parse(&plot.svg).expect(plot.file);
            let texts = parsed
                .descendants()
                .filter(|node| node.has_tag_name("text"));
            let texts: Vec<_> = texts.map(|node| (node.text(), area(node))).collect();
            assert!(texts.len() > 8, "{}", plot.file);
            for (index, (text, own)) in texts.iter().enumerate() {
                let inside = own[0] >= 0.0 && own[1] >= 0.0 && own[2] <= 960.0 && own[3] <= 440.0;
                assert!(inside, "{}: {text:?} at {own:?}", plot.file);
                for (other, area) in &texts[..index] {
                    assert!(!overlap(*own, *area), "{}: {text:?}, {other:?}", plot.file);
                }
            }
        }
    }

    #[test]
    fn what_was_not_measured_is_not_drawn() {
        let mut outcomes = outcomes();
        assert!(plots(&[]).is_empty());
        for outcome in &mut outcomes {
            outcome.relays.retain(|relay| relay.role == Role::Floor);
        }
        let plots = plots(&outcomes);
        let files: Vec<_> = plots.iter().map(|plot| plot.file).collect();
        assert_eq!(files, ["delay.svg"]);
    }
}
