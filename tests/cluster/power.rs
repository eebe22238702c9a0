//! A node without power, and back.

use e2e::gate::Need;
use e2e::wait::seconds;
use serde_json::Value;

use crate::kubectl::{await_for, kubectl};
use crate::lab::{ask, lab, measured, nodes, request};
use crate::system::{System, on_node, patch_ingest};

/// Switches a node on again, whatever happens.
pub(crate) struct Off(String);

impl Off {
    pub(crate) fn switch(node: &str) -> Self {
        lab(&["node-stop", node]);
        Self(node.to_owned())
    }

    pub(crate) fn on(self) {}
}

impl Drop for Off {
    fn drop(&mut self) {
        lab(&["node-start", &self.0]);
    }
}

const FILM: &str = r#"{"id":"film","inputs":[{"url":"udp://239.255.0.1:5000"}]}"#;

#[test]
fn channels_of_a_node_that_crashes_come_back_when_it_returns() {
    let Some(system) = System::dev(&[Need::Kubelab]) else {
        return;
    };
    let (node, _) = nodes().pop().expect("nodes");
    patch_ingest(&on_node(&node));
    system.settle();
    let pod = system.ingest();
    let base = system.external(&pod);
    system.await_channel(&base, "testcard", seconds(60));
    let channels = format!("{base}/api/v1/channels");
    let (status, body) = request("POST", &channels, Some("dev-ui"), Some(FILM));
    assert_eq!(status, 201, "{body}");
    let off = Off::switch(&node);
    let (status, _) = request("GET", &format!("{base}/live"), None, None);
    assert_eq!(status, 0, "the node is off");
    // Long enough that Kubernetes gives its pods up.
    kubectl(&format!(
        "wait --for=condition=Ready=Unknown node/{node} --timeout=60s"
    ));
    await_for("the pod is given up", seconds(60), || {
        let given_up = |one: &Value| one["metadata"]["uid"] != pod["metadata"]["uid"];
        system.ingests().iter().any(given_up).then_some(())
    });
    off.on();
    let took = system.await_channel(&base, "testcard", seconds(90));
    let film = ask(&base, "/channels/film").expect("an operator's channel is kept on the node");
    assert_eq!(film["origin"], "operator");
    measured(
        "a node's crash, from its power to its channels",
        &format!("{:.1} s", took.as_secs_f64()),
    );
    let (status, _) = request("DELETE", &format!("{channels}/film"), Some("dev-ui"), None);
    assert_eq!(status, 204);
    await_for("it is gone", seconds(10), || {
        ask(&base, "/channels/film").is_none().then_some(())
    });
}
