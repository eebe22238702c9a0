//! One port a node: what the scheduler sees of it.

use serde_json::json;

use e2e::wait::seconds;

use crate::kubectl::{apply, await_for, get, kubectl};
use crate::lab::{measured, nodes};
use crate::system::{System, pods, refused_by_scheduler};

#[test]
fn of_one_replica_more_than_nodes_one_stays_pending_with_the_schedulers_reason() {
    let Some(system) = System::dev(&[]) else {
        return;
    };
    let nodes = nodes().len();
    let replicas = nodes + 1;
    kubectl(&format!(
        "-n encoder scale deployment/encoder-ingest --replicas={replicas}"
    ));
    await_for("one runs on every node", seconds(60), || {
        let ready = &get("-n encoder deployment encoder-ingest")["status"]["readyReplicas"];
        (ready.as_u64() == Some(nodes as u64)).then_some(())
    });
    let (_, reason) = refused_by_scheduler(|| system.ingests());
    assert!(reason.contains("didn't have free ports"), "{reason}");
    assert!(
        reason.contains(&format!("0/{nodes} nodes are available")),
        "{reason}"
    );
    let running = system.ingests();
    let running = running
        .iter()
        .filter(|pod| pod["status"]["phase"] == "Running");
    let mut on: Vec<_> = running
        .map(|pod| pod["spec"]["nodeName"].to_string())
        .collect();
    on.sort();
    on.dedup();
    assert_eq!(on.len(), nodes, "each on a node of its own");
    measured(
        &format!("{replicas} replicas on {nodes} nodes, the scheduler"),
        &reason,
    );
}

#[test]
fn of_two_deployments_with_one_port_on_a_node_the_second_is_pending_with_the_reason() {
    let Some(system) = System::dev(&[]) else {
        return;
    };
    let pod = system.ingest();
    let mut second = get("-n encoder deployment encoder-ingest");
    let labels = json!({"app.kubernetes.io/name": "second"});
    second["metadata"] = json!({"name": "second", "namespace": "encoder"});
    second["status"] = json!(null);
    second["spec"]["selector"]["matchLabels"] = labels.clone();
    second["spec"]["template"]["metadata"] = json!({"labels": labels});
    let node = json!({"kubernetes.io/hostname": pod["spec"]["nodeName"]});
    second["spec"]["template"]["spec"]["nodeSelector"] = node;
    apply(&second.to_string());
    let (_, reason) = refused_by_scheduler(|| pods("encoder", "second"));
    assert!(
        reason.contains("1 node(s) didn't have free ports"),
        "{reason}"
    );
    measured("two Deployments with one port, the scheduler", &reason);
}
