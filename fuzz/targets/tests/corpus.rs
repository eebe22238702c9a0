//! The corpus of the fuzzer as ordinary tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fuzz_targets::TARGETS;

fn fuzz_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("fuzz/")
        .to_owned()
}

fn names(dir: &Path) -> BTreeSet<String> {
    let stem = |path: PathBuf| {
        path.file_stem()
            .and_then(|name| name.to_str())
            .map(str::to_owned)
    };
    fs::read_dir(dir)
        .expect("directory")
        .filter_map(|entry| stem(entry.expect("entry").path()))
        .collect()
}

/// Fails with the name of the file that a target can't stand.
#[test]
fn every_target_stands_its_corpus() {
    for (name, target) in TARGETS {
        let dir = fuzz_dir().join("corpus").join(name);
        let mut files = 0;
        for entry in fs::read_dir(&dir).expect("corpus") {
            let path = entry.expect("entry").path();
            let bytes = fs::read(&path).expect("file");
            let stood = std::panic::catch_unwind(|| target(&bytes));
            assert!(stood.is_ok(), "target {name} fails on {}", path.display());
            files += 1;
        }
        assert!(files > 0, "target {name} has no corpus");
    }
}

/// A cut anywhere is what a datagram or connection that ends early looks like.
#[test]
fn every_target_stands_its_corpus_cut_short() {
    for (name, target) in TARGETS {
        for entry in fs::read_dir(fuzz_dir().join("corpus").join(name)).expect("corpus") {
            let bytes = fs::read(entry.expect("entry").path()).expect("file");
            for end in 0..bytes.len().min(2048) {
                target(&bytes[..end]);
            }
        }
    }
}

#[test]
fn targets_binaries_and_corpus_are_the_same_set() {
    let listed: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&fuzz_dir().join("corpus")), listed);
    assert_eq!(names(&fuzz_dir().join("fuzz_targets")), listed);
}
