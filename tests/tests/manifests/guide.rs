//! The operations guide: what it says was shown is shown by a test, in both languages.

use std::collections::BTreeSet;

use e2e::tree::{files, read};

use crate::none;

/// Tests that a text names: code with words joined by underscores. Metrics begin with a program's name.
fn named(text: &str) -> BTreeSet<String> {
    let code = text.split('`').skip(1).step_by(2);
    let tests = code.filter(|word| {
        let letters = word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        letters && word.matches('_').count() >= 4 && !word.starts_with("encoder_")
    });
    tests.map(str::to_owned).collect()
}

#[test]
fn every_claim_of_the_operations_guide_names_a_test_of_the_cluster() {
    let code: String = files("tests/cluster", &["rs"])
        .into_iter()
        .map(|file| file.text)
        .collect();
    let english = named(&read("docs/operations.md"));
    let chinese = named(&read("docs/operations.zh.md"));
    assert_eq!(english, chinese);
    assert!(english.len() >= 15, "{english:?}");
    let missing = english
        .iter()
        .filter(|name| !code.contains(&format!("fn {name}()")));
    let missing: Vec<_> = missing.cloned().collect();
    none(&missing);
}
