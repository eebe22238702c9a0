//! Alert rules and dashboard name metrics that the programs have.

use std::collections::BTreeSet;

use e2e::tree::{files, read};
use serde_json::Value;

use crate::none;

/// What the names of the programs' metrics begin with.
const PREFIXES: [&str; 4] = [
    "encoder_ingest_",
    "encoder_ui_",
    "encoder_node_",
    "source_server_",
];

/// The endings that Prometheus gives a histogram's series.
const HISTOGRAM: [&str; 3] = ["_bucket", "_sum", "_count"];

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

/// Names in the programs' sources: quoted whole, or in a table of lines `CONSTANT Kind "name"`.
fn declared() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for prefix in PREFIXES {
        let program = prefix.trim_end_matches('_').replace('_', "-");
        for file in files(&format!("{program}/src"), &["rs"]) {
            let quoted = file.text.split('"').skip(1).step_by(2);
            found.extend(quoted.filter(|text| has_prefix(text)).map(str::to_owned));
            let rows = file.text.lines().filter_map(row);
            found.extend(rows.map(|name| format!("{prefix}{name}")));
        }
    }
    assert!(found.len() > 40, "only {} metrics were found", found.len());
    found
}

/// The name in a line of a table of metrics.
fn row(line: &str) -> Option<&str> {
    let mut parts = line.split_whitespace().skip(1);
    let kind = parts.next()?;
    let name = parts.next()?.trim_matches('"');
    matches!(kind, "Counter" | "Gauge" | "Histogram").then_some(name)
}

fn has_prefix(word: &str) -> bool {
    PREFIXES.iter().any(|prefix| word.starts_with(prefix))
}

#[test]
fn rules_and_dashboard_name_metrics_that_exist() {
    let declared = declared();
    let exists = |word: &str| {
        let base = HISTOGRAM
            .iter()
            .find_map(|ending| word.strip_suffix(ending));
        declared.contains(word) || base.is_some_and(|base| declared.contains(base))
    };
    let mut findings = Vec::new();
    let mut count = 0;
    for file in files("k8s/components/monitoring", &["yaml", "json"]) {
        for word in words(&file.text).filter(|word| has_prefix(word)) {
            count += 1;
            if !exists(word) {
                findings.push(format!("{} names {word}", file.path));
            }
        }
    }
    none(&findings);
    assert!(count > 30, "only {count} metrics are named");
}

#[test]
fn the_dashboard_has_panels_with_expressions() {
    let text = read("k8s/components/monitoring/encoder.json");
    let board: Value = serde_json::from_str(&text).expect("JSON");
    let panels = board["panels"].as_array().expect("panels");
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].to_string()).collect();
    assert!(panels.len() > 10 && ids.len() == panels.len());
    for panel in panels {
        let targets = panel["targets"].as_array().expect("targets");
        let asks = |target: &Value| target["expr"].as_str().is_some_and(|expr| !expr.is_empty());
        assert!(!targets.is_empty() && targets.iter().all(asks), "{panel}");
    }
}

#[test]
fn every_alert_says_what_it_means_and_what_to_do() {
    let rules = read("k8s/components/monitoring/rules.yaml");
    let count = |word: &str| {
        rules
            .lines()
            .filter(|line| line.trim().starts_with(word))
            .count()
    };
    let alerts = count("- alert:");
    assert!(alerts >= 10, "{alerts} alerts");
    for word in [
        "expr:",
        "for:",
        "labels: {severity:",
        "summary:",
        "description:",
    ] {
        assert_eq!(count(word), alerts, "{word}");
    }
}
