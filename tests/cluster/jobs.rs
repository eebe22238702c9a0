//! Processing nodes: their jobs, and what a crash does to them.

use std::time::Instant;

use e2e::gate::Need;
use e2e::wait::seconds;
use serde_json::{Value, json};

use crate::kubectl::{await_for, get};
use crate::lab::{ask, measured, nodes};
use crate::system::{System, on_node, patch, patch_ingest, pods, set_channels};

/// Rendition for which a processing node is needed.
const WITH_PREVIEW: &str = "channels:
  - id: testcard
    name: Test card
    inputs:
      - url: udp://239.255.0.1:5000
    renditions: [preview]
";

/// The one job of an ingest, if it runs: the processing node that has it.
fn runs_on(base: &str) -> Option<String> {
    let jobs = ask(base, "/jobs")?;
    let job = jobs["jobs"]
        .as_array()?
        .iter()
        .find(|job| job["id"] == "testcard.preview")?;
    (job["state"] == "running").then(|| job["node"].as_str().map(str::to_owned))?
}

#[test]
fn jobs_of_a_crashed_node_run_on_another_within_5_s_of_the_lease() {
    /// encoder-ingest's `NODE_SILENCE`.
    const LEASE_S: u64 = 3;
    let Some(system) = System::dev(&[Need::Kubelab]) else {
        return;
    };
    let nodes = nodes();
    let first = &nodes[0].0;
    patch_ingest(&on_node(first));
    // What is encoded must not end with the node.
    patch("source-server", &on_node(first));
    let elsewhere =
        json!({"key": "kubernetes.io/hostname", "operator": "NotIn", "values": [first]});
    let terms = json!({"nodeSelectorTerms": [{"matchExpressions": [elsewhere]}]});
    let affinity =
        json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}});
    patch(
        "encoder-node",
        &json!({"spec": {"template": {"spec": {"affinity": affinity}}}}),
    );
    system.settle();
    set_channels(WITH_PREVIEW);
    let base = system.external(&system.ingest());
    await_for("the processing nodes are known", seconds(60), || {
        let known = ask(&base, "/nodes")?;
        let known = known["nodes"].as_array()?;
        let is_up = |pod: &Value| {
            let name = &pod["metadata"]["name"];
            known
                .iter()
                .any(|node| node["name"] == *name && node["state"] == "alive")
        };
        pods("encoder", "encoder-node")
            .iter()
            .all(is_up)
            .then_some(())
    });
    let (before, _) = await_for("the job runs", seconds(150), || runs_on(&base));
    let pod = get(&format!("-n encoder pod {before}"));
    let node = pod["spec"]["nodeName"].as_str().expect("a node").to_owned();
    let off = crate::power::Off::switch(&node);
    let cut = Instant::now();
    let (after, _) = await_for("the job runs elsewhere", seconds(30), || {
        runs_on(&base).filter(|name| *name != before)
    });
    let took = cut.elapsed();
    measured(
        "a node's crash, until its job runs on another",
        &format!("{:.1} s", took.as_secs_f64()),
    );
    assert!(took < seconds(LEASE_S + 5), "{took:?}");
    system.await_channel(&base, "testcard.preview", seconds(10));
    let other = get(&format!("-n encoder pod {after}"));
    assert_ne!(other["spec"]["nodeName"], node.as_str());
    off.on();
}
