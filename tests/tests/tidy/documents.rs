//! What the documents promise is what the programs have.

use std::collections::BTreeSet;
use std::process::Command;

use e2e::binaries::{Profile, binary};
use e2e::tree::{files, read};

use crate::none;

const PROGRAMS: [&str; 4] = [
    "encoder-ingest",
    "encoder-ui",
    "encoder-node",
    "source-server",
];

/// Flags of every program, explained once.
const COMMON: [&str; 2] = ["--help", "--version"];

/// The programs whose metrics are declared in a table.
const METRICS: [(&str, &str); 2] = [
    ("encoder-ingest", "encoder_ingest_"),
    ("encoder-ui", "encoder_ui_"),
];

/// The metrics that a program declares: constant and name.
fn declared(program: &str) -> Vec<(String, String)> {
    let text = read(&format!("{program}/src/metrics.rs"));
    let table = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (constant, kind, name) = (words.next()?, words.next()?, words.next()?);
        let known = matches!(kind, "Counter" | "Gauge" | "Histogram");
        let quoted = name.strip_prefix('"')?.strip_suffix('"')?;
        known.then(|| (constant.to_owned(), quoted.to_owned()))
    });
    let table: Vec<_> = table.collect();
    assert!(table.len() > 15, "only {} metrics were found", table.len());
    table
}

#[test]
fn every_metric_is_documented_and_changed_somewhere() {
    let readme = read("README.md");
    let mut findings = Vec::new();
    for (program, prefix) in METRICS {
        let code = files(&format!("{program}/src"), &["rs"]).into_iter();
        let code: String = code.map(|file| file.text).collect();
        for (constant, name) in declared(program) {
            let full = format!("`{prefix}{name}");
            // Those of the ingest are listed without their prefix.
            let short = format!("`{name}");
            let is_short = program == "encoder-ingest" && readme.contains(&short);
            if !readme.contains(&full) && !is_short {
                findings.push(format!("README.md has no {prefix}{name}"));
            }
            let named = code
                .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .filter(|word| *word == constant)
                .count();
            if named < 2 {
                findings.push(format!("{prefix}{name} is declared and never changed"));
            }
        }
    }
    none(&findings);
}

fn flags(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("--") {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '-') {
            continue;
        }
        let name = text[at + 2..].split(|c: char| !c.is_ascii_lowercase() && c != '-');
        let name = name.into_iter().next().unwrap_or_default();
        if !name.is_empty() && !name.starts_with('-') {
            found.insert(format!("--{}", name.trim_end_matches('-')));
        }
    }
    found
}

/// The flags that a program declares: the lines of its help that begin with one.
fn helped(program: &str) -> BTreeSet<String> {
    let output = Command::new(binary(program, Profile::Same))
        .arg("--help")
        .output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().map(str::trim_start);
    let declared = lines.filter(|line| line.starts_with('-'));
    let first = declared.filter_map(|line| {
        let words = line.split_whitespace();
        let mut long = words.filter(|word| word.starts_with("--"));
        long.next()
            .map(|word| word.trim_end_matches(',').to_owned())
    });
    first.collect()
}

#[test]
fn every_flag_is_in_the_readme_and_the_readme_has_no_other() {
    let readme = read("README.md");
    let written = flags(&readme);
    let mut findings = Vec::new();
    let mut known: BTreeSet<String> = COMMON.map(str::to_owned).into();
    for program in PROGRAMS {
        let helped = helped(program);
        assert!(helped.len() > 3, "{program} --help: {helped:?}");
        for flag in helped {
            if !written.contains(&flag) && !COMMON.contains(&flag.as_str()) {
                findings.push(format!("README.md has no {flag} of {program}"));
            }
            known.insert(flag);
        }
    }
    // The tables of flags; prose may name another tool's.
    let rows = readme.lines().filter(|line| line.starts_with("| `--"));
    for row in rows {
        let flag = flags(row).into_iter().next();
        let first = row.split('`').nth(1).unwrap_or_default();
        let flag = flags(first).into_iter().next().or(flag).expect("a flag");
        if !known.contains(&flag) {
            findings.push(format!("no program has {flag}: {row}"));
        }
    }
    none(&findings);
}

#[test]
fn every_limit_says_what_happens_when_it_is_reached() {
    let mut limits = 0;
    for file in files("", &["rs"]) {
        if !file.path.ends_with("src/limits.rs") && !file.path.contains("/src/limits/") {
            continue;
        }
        let parsed = syn::parse_file(&file.text).expect("Rust");
        for item in parsed.items {
            let syn::Item::Const(item) = item else {
                continue;
            };
            let said = item.attrs.iter().filter(|a| a.path().is_ident("doc"));
            assert!(said.count() > 0, "{} in {}", item.ident, file.path);
            limits += 1;
        }
    }
    assert!(limits > 20, "only {limits} limits");
}

#[test]
fn no_file_names_a_place_on_somebodys_machine() {
    // Put together here, so that this file is none of its own findings.
    let places = ["/work", "/home", "/root", "/Users", "/tmp/wt", "/tmp/notes"];
    let places = places.map(|place| format!("{place}/"));
    let kinds = ["rs", "md", "toml", "yaml", "sh", "Makefile", "lock", "html"];
    let mut findings = Vec::new();
    for file in files("", &kinds) {
        for place in &places {
            // A path of the programs' own API, or of a container, is no machine's.
            let mut found = file.text.match_indices(place.as_str());
            let own = found.find(|(at, _)| {
                let before = file.text[..*at].chars().next_back();
                before.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '.' && c != '}')
            });
            if own.is_some() {
                findings.push(format!("{place} in {}", file.path));
            }
        }
    }
    none(&findings);
}

#[test]
fn every_invariant_of_the_architecture_names_a_test_that_exists() {
    let text = read("ARCHITECTURE.md");
    let code: String = files("", &["rs"])
        .into_iter()
        .map(|file| file.text)
        .collect();
    let named = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| word.contains("::") || word.contains('_'))
        .filter_map(|word| word.rsplit("::").next())
        .filter(|name| {
            let letters = name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit());
            letters && name.matches('_').count() >= 3
        });
    let mut count = 0;
    let mut findings = Vec::new();
    for name in named {
        if !code.contains(name) {
            findings.push(format!("ARCHITECTURE.md names {name}"));
        }
        count += 1;
    }
    none(&findings);
    assert!(count >= 5, "only {count} tests are named");
}
