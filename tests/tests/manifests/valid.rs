//! The manifests against the published schemas of Kubernetes.

use std::process::Command;

use e2e::gate::Need;

use crate::{none, overlays};

/// The version whose schemas are asked.
const VERSION: &str = "1.33";

/// Kinds that Kubernetes has no schema for: those of the Prometheus operator.
const WITHOUT_SCHEMA: [&str; 2] = ["PodMonitor", "PrometheusRule"];

#[test]
fn the_manifests_keep_to_the_published_schemas() {
    let Some(overlays) = overlays(&[Need::SchemaCheck]) else {
        return;
    };
    for (overlay, manifests) in &overlays {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(format!("{overlay}.yaml"));
        std::fs::write(&file, manifests.text()).expect("it is written");
        let output = Command::new(e2e::manifest::schema_check())
            .args(["--strict", "-k", VERSION])
            .arg(&file)
            .output()
            .expect("it runs");
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told).into_owned();
        assert!(output.status.success(), "{told}");
        let passed = told
            .lines()
            .filter(|line| line.contains("passed for"))
            .count();
        let lines = told.lines().filter(|line| !line.contains("passed for"));
        let excused = |line: &&str| {
            let mut kinds = WITHOUT_SCHEMA.iter();
            kinds.any(|kind| line.contains(&format!("schema for kind {kind} ")))
        };
        let findings: Vec<_> = lines
            .filter(|line| !excused(line))
            .map(str::to_owned)
            .collect();
        none(&findings);
        assert!(passed >= 12, "{overlay}: {told}");
    }
}
