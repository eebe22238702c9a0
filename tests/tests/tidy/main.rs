//! The rules of the house (ARCHITECTURE.md, invariants), held as tests over the repository's files.

mod code;
mod documents;
mod layers;
mod purity;
mod size;

/// Fails with all findings at once, one a line.
#[track_caller]
fn none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}
