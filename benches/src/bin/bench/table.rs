//! Results for people: Markdown.

use std::fmt::Write;

use crate::outcome::Outcome;

/// One line a relay and scenario.
pub(crate) fn cases(outcomes: &[Outcome]) -> String {
    let mut text = "| case | load | relay | CPU % (min to max) | to floor | goal | delay p50 / p99 / max ms | RSS / PSS / peak MB | valid, invalid runs |\n\
        |---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for outcome in outcomes {
        let scenario = &outcome.scenario;
        for relay in &outcome.relays {
            let head = format!(
                "| {} | {} | {} ",
                scenario.name,
                scenario.load(),
                relay.name
            );
            let runs = format!("| {}, {} |", relay.valid_runs, relay.invalid_runs);
            let Some(median) = relay.median else {
                let _ = writeln!(text, "{head}| | | | | {runs}");
                continue;
            };
            let ratio = relay
                .ratio
                .map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            let goal = scenario
                .ratio_max
                .filter(|_| relay.name == "encoder-ingest");
            let goal = goal.map_or_else(String::new, |goal| format!("{goal:.2}"));
            let delay = median.delay_ms;
            let _ = writeln!(
                text,
                "{head}| {:.2} ({:.2} to {:.2}) | {ratio} | {goal} | {:.2} / {:.2} / {:.2} | {:.1} / {:.1} / {:.1} {runs}",
                median.cpu_percent,
                median.cpu_percent_min,
                median.cpu_percent_max,
                delay.p50,
                delay.p99,
                delay.max,
                median.rss_mb,
                median.pss_mb,
                median.peak_mb,
            );
        }
    }
    text
}
