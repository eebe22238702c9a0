//! Pure modules are given `now` and chance; they read no clock, draw no lots and do no I/O.

use e2e::tree::{SourceFile, files, root};

use crate::none;

/// Modules that are pure (DESIGN, invariant 4): files, or folders with all in them.
const PURE: [&str; 42] = [
    "common/src/group.rs",
    "common/src/rtp.rs",
    "common/src/ts",
    "encoder-ingest/src/channels/difference.rs",
    "encoder-ingest/src/nics.rs",
    "encoder-ingest/src/plane/condition.rs",
    "encoder-ingest/src/plane/drops.rs",
    "encoder-ingest/src/plane/failover.rs",
    "encoder-ingest/src/plane/tally.rs",
    "encoder-ingest/src/nodes/assignment.rs",
    "encoder-ingest/src/nodes/board.rs",
    "encoder-ingest/src/nodes/job.rs",
    "encoder-ingest/src/nodes/jpeg.rs",
    "encoder-ingest/src/nodes/junction.rs",
    "encoder-ingest/src/nodes/leases.rs",
    "encoder-ingest/src/nodes/news.rs",
    "encoder-ingest/src/nodes/profiles.rs",
    "encoder-ingest/src/nodes/renditions.rs",
    "encoder-ingest/src/nodes/splice.rs",
    "encoder-ingest/src/relay/datagram.rs",
    "encoder-ingest/src/relay/history.rs",
    "encoder-ingest/src/relay/joiner.rs",
    "encoder-ingest/src/relay/rtp_order.rs",
    "encoder-ingest/src/signal",
    "encoder-node/src/ffmpeg/encoder.rs",
    "encoder-node/src/ffmpeg/offer.rs",
    "encoder-node/src/ffmpeg/recipe.rs",
    "encoder-node/src/gather.rs",
    "encoder-node/src/job",
    "encoder-node/src/pipeline/health.rs",
    "encoder-node/src/seam.rs",
    "encoder-ui/src/answers.rs",
    "encoder-ui/src/changes.rs",
    "encoder-ui/src/login/attempts.rs",
    "encoder-ui/src/login/ended.rs",
    "encoder-ui/src/login/session.rs",
    "encoder-ui/src/path.rs",
    "encoder-ui/src/roster/facts.rs",
    "encoder-ui/src/roster/mod.rs",
    "encoder-ui/src/roster/view.rs",
    "source-server/src/faults",
    "source-server/src/pacer.rs",
];

/// What reaches out of a pure module.
const REACHING: [&str; 14] = [
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "UdpSocket",
    "TcpStream",
    "socket2",
    "tokio",
    "rand::rng",
    "tracing::",
    ".elapsed()",
];

fn pure() -> Vec<SourceFile> {
    let mut found = Vec::new();
    for path in PURE {
        assert!(root().join(path).exists(), "{path} has moved");
        let (folder, name) = path.rsplit_once('/').expect("a path with folders");
        if path.ends_with(".rs") {
            let in_folder = files(folder, &["rs"]).into_iter();
            found.extend(in_folder.filter(|file| file.path.ends_with(&format!("/{name}"))));
        } else {
            found.extend(files(path, &["rs"]));
        }
    }
    found
}

/// The part of a file that is compiled into the program.
fn without_tests(file: &SourceFile) -> &str {
    let tests = file.text.find("#[cfg(test)]\nmod tests");
    &file.text[..tests.unwrap_or(file.text.len())]
}

#[test]
fn pure_modules_read_no_clock_and_do_no_io() {
    let mut findings = Vec::new();
    for file in pure() {
        if file.path.ends_with("tests.rs") {
            continue;
        }
        let code = without_tests(&file).lines();
        for line in code.filter(|line| !line.trim_start().starts_with("//")) {
            let reached = REACHING.iter().find(|word| line.contains(*word));
            findings.extend(reached.map(|word| format!("{word} in {}: {line}", file.path)));
        }
    }
    none(&findings);
}
