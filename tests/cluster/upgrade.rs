//! Rollouts of a pod that holds its node's port.

use std::time::Instant;

use e2e::wait::seconds;
use serde_json::json;

use crate::kubectl::{await_for, kubectl, try_kubectl};
use crate::lab::measured;
use crate::reader::Reader;
use crate::system::{System, patch_ingest, refused_by_scheduler};

#[test]
fn an_upgrade_of_one_replica_completes_and_a_viewer_that_comes_again_misses_little() {
    let Some(system) = System::dev(&[]) else {
        return;
    };
    let pod = system.ingest();
    let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    // The same node, so that the viewer's address stays right.
    patch_ingest(&crate::system::on_node(node));
    system.settle();
    let base = system.external(&system.ingest());
    system.await_channel(&base, "testcard", seconds(30));
    let reader = Reader::start(&format!("{base}/channels/testcard.ts"));
    await_for("the viewer sees", seconds(10), || {
        (reader.bytes() > 1 << 20).then_some(())
    });
    let before = reader.longest_pause();
    assert!(before < seconds(2), "{before:?} before the upgrade");
    let started = Instant::now();
    kubectl("-n encoder rollout restart deployment/encoder-ingest");
    system.settle();
    let took = format!("{:.1} s", started.elapsed().as_secs_f64());
    let seen = reader.bytes();
    await_for("the viewer sees again", seconds(30), || {
        (reader.bytes() > seen + (1 << 20)).then_some(())
    });
    let gap = reader.longest_pause();
    assert_eq!(reader.connections(), 2, "it was cut off once");
    measured("upgrade of one replica, until it is rolled out", &took);
    measured(
        "upgrade of one replica, a viewer's gap",
        &format!("{:.1} s", gap.as_secs_f64()),
    );
    assert!(gap < seconds(30), "{gap:?}");
}

#[test]
fn with_the_default_surge_the_upgrade_would_wait_for_itself_for_ever() {
    let Some(system) = System::dev(&[]) else {
        return;
    };
    let pod = system.ingest();
    let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    patch_ingest(&crate::system::on_node(node));
    system.settle();
    let old = system.ingest();
    let surge = json!({"maxSurge": "25%", "maxUnavailable": "25%"});
    patch_ingest(&json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": surge}}}));
    kubectl("-n encoder rollout restart deployment/encoder-ingest");
    let (_, reason) = refused_by_scheduler(|| system.ingests());
    assert!(reason.contains("didn't have free ports"), "{reason}");
    let words = "-n encoder rollout status deployment/encoder-ingest --timeout=15s";
    let said = try_kubectl(&words.split(' ').collect::<Vec<_>>(), "");
    assert!(!said.ok && said.text.contains("timed out"), "{}", said.text);
    let still = system.ingests();
    let old_runs = still
        .iter()
        .find(|pod| pod["metadata"]["uid"] == old["metadata"]["uid"]);
    let old_runs = old_runs.expect("the old pod is kept");
    assert_eq!(old_runs["status"]["phase"], "Running");
    // With the strategy of the manifests it goes on by itself.
    patch_ingest(&json!({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": null}}}));
    system.settle();
}
