//! Pod Security, and what of production this cluster can judge.

use e2e::manifest::Manifests;
use e2e::wait::seconds;
use serde_json::{Value, json};

use crate::kubectl::{apply, await_for, get, kubectl, try_kubectl};
use crate::lab::{kubelab, nodes};
use crate::system::{System, items, refused_by_scheduler};

/// Kinds that the cluster has no definition for: the Prometheus operator's.
const FOREIGN: &str = "monitoring.coreos.com/v1";

#[test]
fn a_namespace_that_enforces_baseline_refuses_ingest() {
    let Some(_system) = System::empty(&[]) else {
        return;
    };
    let labels = json!({"pod-security.kubernetes.io/enforce": "baseline"});
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "encoder-baseline", "labels": labels}});
    apply(&namespace.to_string());
    // Without it pods are refused for another reason, and a ReplicaSet keeps the first it was given.
    await_for("its service account is there", seconds(30), || {
        let words = ["-n", "encoder-baseline", "get", "serviceaccount", "default"];
        try_kubectl(&words, "").ok.then_some(())
    });
    let rendered = Manifests::rendered("k8s/overlays/dev");
    let mut ingest = rendered.named("Deployment", "encoder-ingest").clone();
    ingest["metadata"]["namespace"] = json!("encoder-baseline");
    apply(&ingest.to_string());
    let (message, _) = await_for("the pod is refused", seconds(30), || {
        let sets = items(&get("-n encoder-baseline replicasets"));
        let conditions = sets.first()?["status"]["conditions"].as_array()?.clone();
        let failed = conditions
            .into_iter()
            .find(|one| one["type"] == "ReplicaFailure")?;
        failed["message"].as_str().map(str::to_owned)
    });
    for part in [
        "violates PodSecurity \"baseline:latest\"",
        "hostNetwork=true",
        "hostPort",
    ] {
        assert!(message.contains(part), "no {part} in {message}");
    }
    assert!(items(&get("-n encoder-baseline pods")).is_empty());
}

#[test]
fn the_api_server_accepts_all_of_production() {
    let Some(_system) = System::dev(&[]) else {
        return;
    };
    let rendered = Manifests::rendered("k8s/overlays/production");
    let own = rendered
        .objects()
        .iter()
        .filter(|object| object["apiVersion"] != FOREIGN);
    let list = json!({"apiVersion": "v1", "kind": "List", "items": own.collect::<Vec<_>>()});
    let words = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
    let said = try_kubectl(&words, &list.to_string());
    assert!(said.ok, "{}", said.text);
    for name in [
        "daemonset.apps/node-tuning",
        "ingress.networking.k8s.io/encoder-ui",
    ] {
        assert!(said.text.contains(name), "{}", said.text);
    }
}

/// Base with labels, components logs and nodeport, and the images of `dev`.
fn production_here() -> String {
    let rendered = Manifests::rendered("k8s/overlays/production");
    let kept = rendered.objects().iter().filter(|object| {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        object["apiVersion"] != FOREIGN && name != "node-tuning" && object["kind"] != "Ingress"
    });
    let list = json!({"apiVersion": "v1", "kind": "List", "items": kept.collect::<Vec<_>>()});
    let text = list.to_string();
    text.replace("registry.example.org/encoder/", "localhost/")
        .replace(":0.1.0", ":dev")
}

#[test]
fn production_runs_on_labelled_nodes_alone_and_writes_logs_there() {
    let Some(system) = System::empty(&[]) else {
        return;
    };
    apply(&production_here());
    let tokens = json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "encoder-tokens", "namespace": "encoder"},
        "stringData": {"tokens": "ui admin dev-ui\n", "ui": "dev-ui", "node": "dev-ui"}});
    apply(&tokens.to_string());
    let (_, reason) = refused_by_scheduler(|| system.ingests());
    assert!(
        reason.contains("didn't match Pod's node affinity"),
        "{reason}"
    );
    let (node, _) = nodes().remove(0);
    let _label = Labelled::new(&node);
    let (pod, _) = await_for("it runs on the labelled node", seconds(60), || {
        let mut pods = system.ingests();
        pods.retain(|pod| pod["spec"]["nodeName"] == node);
        let running = |pod: &Value| pod["status"]["phase"] == "Running";
        pods.into_iter().find(running)
    });
    let base = system.external(&pod);
    let (status, _) = await_for("it answers", seconds(30), || {
        crate::lab::ask(&base, "/status")
    });
    assert_eq!(status["state_dir_writable"], true, "{status}");
    if let Some(logs) = log_folder(&node) {
        let files = std::fs::read_dir(&logs).expect("the hostPath is there");
        assert!(files.count() >= 1, "{logs}");
    }
}

/// The node's /var/log/encoder-ingest, where this machine can see it.
fn log_folder(node: &str) -> Option<String> {
    kubelab()?;
    let state = std::env::var("KUBELAB_STATE").unwrap_or_else(|_| "/tmp/kubelab".to_owned());
    Some(format!("{state}/{node}/fs/log/encoder-ingest"))
}

/// The label of production, taken off again.
struct Labelled(String);

impl Labelled {
    fn new(node: &str) -> Self {
        kubectl(&format!(
            "label node {node} encoder-ingest=true --overwrite"
        ));
        Self(node.to_owned())
    }
}

impl Drop for Labelled {
    fn drop(&mut self) {
        let words = ["label", "node", &self.0, "encoder-ingest-"];
        let _ = try_kubectl(&words, "");
    }
}
