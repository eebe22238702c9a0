//! The five plots, each left out when nothing of it was measured.

use crate::chart::Chart;
use crate::outcome::{Medians, Outcome, RelayOutcome};
use crate::relay::Role;
use crate::verdict::memory_goal_mb;

/// A file, and what it shows.
#[derive(Debug)]
pub(crate) struct Plot {
    pub(crate) file: &'static str,
    pub(crate) title: &'static str,
    pub(crate) svg: String,
}

const FLOOR: &str = "floor (the better mode)";
const INGEST: &str = "encoder-ingest";

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

/// The floor first, then encoder-ingest, then all others.
fn in_order(outcome: &Outcome) -> Vec<(String, Option<Medians>)> {
    let mut found = vec![
        (FLOOR.to_owned(), outcome.floor()),
        (INGEST.to_owned(), outcome.ingest_median()),
    ];
    let others = outcome.relays.iter().filter(|r| r.role == Role::Foreign);
    found.extend(others.map(|relay: &RelayOutcome| (relay.name.clone(), relay.median)));
    found
}

fn names(outcomes: &[&Outcome]) -> Vec<String> {
    let first = outcomes.first().map(|outcome| in_order(outcome));
    let names = first.unwrap_or_default().into_iter();
    names.map(|(name, _)| name).collect()
}

fn column(outcome: &Outcome) -> String {
    format!("{}\n{}", outcome.scenario.name, outcome.scenario.load())
}

fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, f64::max)
}

fn cpu(cases: &[&Outcome]) -> Option<Plot> {
    let ratios: Vec<Vec<Option<f64>>> = cases
        .iter()
        .map(|outcome| {
            let floor = outcome.floor().map(|median| median.cpu_percent);
            let values = in_order(outcome).into_iter();
            let ratio = |(_, median): (String, Option<Medians>)| Some(median?.cpu_percent / floor?);
            values.map(ratio).collect()
        })
        .collect();
    let goals = cases
        .iter()
        .filter_map(|outcome| outcome.scenario.ratio_max);
    let max = largest(ratios.iter().flatten().flatten().copied().chain(goals));
    ratios.iter().flatten().flatten().next()?;
    let columns = cases.iter().map(|outcome| column(outcome)).collect();
    let title = "CPU by case: less is better";
    let unit =
        "CPU of the relay, that of the floor = 1   (load: channels x viewers x Mbit/s a channel)";
    let mut chart = Chart::linear(title, unit, max, columns);
    for (index, (outcome, values)) in cases.iter().zip(&ratios).enumerate() {
        chart.bars(index, values, outcome.scenario.ratio_max);
    }
    let names = names(cases);
    let names: Vec<_> = names.iter().map(String::as_str).enumerate().collect();
    chart.legend(&names, Some("goal of encoder-ingest"));
    Some(Plot {
        file: "cpu.svg",
        title,
        svg: chart.finish(),
    })
}

fn delay(cases: &[&Outcome]) -> Option<Plot> {
    let marks: Vec<Vec<Option<[f64; 3]>>> = cases
        .iter()
        .map(|outcome| {
            let values = in_order(outcome).into_iter();
            let delays = values.map(|(_, median)| median.map(|median| median.delay_ms));
            delays
                .map(|delay| delay.map(|delay| [delay.p50, delay.p99, delay.max]))
                .collect()
        })
        .collect();
    let all: Vec<f64> = marks
        .iter()
        .flatten()
        .flatten()
        .flatten()
        .copied()
        .collect();
    let least = all.iter().copied().fold(f64::MAX, f64::min).max(0.01);
    let most = largest(all);
    if most <= 0.0 {
        return None;
    }
    let columns = cases.iter().map(|outcome| column(outcome)).collect();
    let title = "Delay by case, from sending to reading: less is better";
    let unit = "milliseconds, each decade as high as the next: dot p50, ring p99, bar maximum";
    let mut chart = Chart::decades(title, unit, (least, most), columns);
    for (index, values) in marks.iter().enumerate() {
        for (series, value) in values.iter().enumerate() {
            if let Some(value) = value {
                chart.range(index, (series, values.len()), *value);
            }
        }
    }
    let names = names(cases);
    let names: Vec<_> = names.iter().map(String::as_str).enumerate().collect();
    chart.legend(&names, None);
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
        |outcome| format!("{} viewers", outcome.scenario.viewers),
        // Percent of a core are hundredths of a second of CPU each second: 10 ms.
        |outcome, median| median.cpu_percent * 1e4 / f64::from(outcome.scenario.viewers),
    )?;
    let goal = growth.ingest.first().copied().flatten();
    let goal = goal.map(|fewest| fewest * 1.2);
    let max = growth.max().max(goal.unwrap_or_default());
    let title = "Growth with viewers: one channel of 4 Mbit/s";
    let unit = "CPU for each viewer, in microseconds a second";
    let mut chart = Chart::linear(title, unit, max, growth.columns.clone());
    if let Some(goal) = goal {
        chart.goal_line(goal);
    }
    chart.curve(0, &growth.floor);
    chart.curve(1, &growth.ingest);
    let goal = "goal: 1.2 x that at 10 viewers";
    chart.legend(&[(0, "floor"), (1, INGEST)], Some(goal));
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
            format!("{channels} channels\n{viewers} watched")
        },
        |_, median| median.cpu_percent,
    )?;
    let title = "Growth with channels of 4 Mbit/s, all of them received and analysed";
    let unit = "CPU in percent of one core";
    let mut chart = Chart::linear(title, unit, growth.max(), growth.columns.clone());
    chart.curve(1, &growth.ingest);
    chart.legend(&[(1, INGEST)], None);
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
    values.iter().flatten().flatten().next()?;
    let goals = shown
        .iter()
        .filter_map(|outcome| memory_goal_mb(&outcome.scenario));
    let max = largest(values.iter().flatten().flatten().copied().chain(goals));
    let columns = shown
        .iter()
        .map(|outcome| match outcome.scenario.history_ms {
            Some(ms) => format!("F, {ms} ms\nof history"),
            None => column(outcome),
        });
    let title = "Memory by case: encoder-ingest keeps 2 s of every channel, 256 MB at most";
    let unit = "resident megabytes (10^6)";
    let mut chart = Chart::linear(title, unit, max, columns.collect());
    for (index, (outcome, values)) in shown.iter().zip(&values).enumerate() {
        chart.bars(index, values, memory_goal_mb(&outcome.scenario));
    }
    chart.legend(&[(0, FLOOR), (1, INGEST)], Some("goal"));
    Some(Plot {
        file: "memory.svg",
        title,
        svg: chart.finish(),
    })
}
