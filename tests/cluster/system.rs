//! The system as overlay `dev` makes it, fresh for each test and gone after it, also after a failure.

use std::time::Duration;

use e2e::gate::{Need, can_run};
use e2e::wait::seconds;
use serde_json::{Value, json};

use crate::kubectl::{apply, await_for, get, kubectl, try_kubectl};
use crate::lab::{nodes, request};

/// Namespaces that tests make.
const NAMESPACES: &str = "encoder encoder-baseline";

/// The NodePort of ingest.
const NODE_PORT: u16 = 30925;

/// Overlay `dev`, running.
#[derive(Debug)]
pub(crate) struct System;

impl System {
    /// None where this machine can't run the test.
    pub(crate) fn dev(needs: &[Need]) -> Option<Self> {
        let system = Self::empty(needs)?;
        kubectl(&format!("apply -k {}", overlay("dev")));
        system.settle();
        Some(system)
    }

    /// The same, changed before ingest first starts: `changes` are for its Deployment.
    pub(crate) fn dev_with(needs: &[Need], changes: &[Value]) -> Option<Self> {
        let system = Self::empty(needs)?;
        let objects = kubectl(&format!("kustomize {}", overlay("dev")));
        // What is changed here waits without pods.
        apply(&objects.replace("replicas: 1", "replicas: 0"));
        for change in changes {
            patch_ingest(change);
        }
        kubectl("-n encoder scale deployment --all --replicas=1");
        Some(system)
    }

    /// Nothing of ours on the cluster.
    pub(crate) fn empty(needs: &[Need]) -> Option<Self> {
        if !can_run(&[&[Need::Cluster], needs].concat()) {
            return None;
        }
        remove();
        Some(Self)
    }

    /// Waits until all Deployments are rolled out.
    #[track_caller]
    pub(crate) fn settle(&self) {
        for deployment in items(&get("-n encoder deployments")) {
            let name = deployment["metadata"]["name"].as_str().unwrap_or_default();
            kubectl(&format!(
                "-n encoder rollout status deployment/{name} --timeout=90s"
            ));
        }
        // A rollout counts as done while old pods still end: until then they answer and take jobs.
        await_for("the old pods are gone", seconds(60), || {
            let ends = |pod: &Value| !pod["metadata"]["deletionTimestamp"].is_null();
            let pods = items(&get("-n encoder pods"));
            (!pods.iter().any(ends)).then_some(())
        });
    }

    /// Ingest's pods, those that go away left out.
    pub(crate) fn ingests(&self) -> Vec<Value> {
        pods("encoder", "encoder-ingest")
    }

    /// The one ingest that runs.
    #[track_caller]
    pub(crate) fn ingest(&self) -> Value {
        let (pod, _) = await_for("one ingest runs", seconds(60), || {
            let mut running = self.ingests();
            running.retain(|pod| pod["status"]["phase"] == "Running");
            (running.len() == 1).then(|| running.remove(0))
        });
        pod
    }

    /// `http://NODE:30925` of a pod.
    #[track_caller]
    pub(crate) fn external(&self, pod: &Value) -> String {
        let host = pod["status"]["hostIP"].as_str().expect("it is scheduled");
        format!("http://{host}:{NODE_PORT}")
    }

    /// Waits until a channel can be watched from outside through `base`.
    #[track_caller]
    pub(crate) fn await_channel(&self, base: &str, id: &str, timeout: Duration) -> Duration {
        let url = format!("{base}/api/v1/channels/{id}");
        let what = format!("{id} is received at {base}");
        let ((), took) = await_for(&what, timeout, || {
            let (_, body) = request("GET", &url, Some("dev-ui"), None);
            let channel: Value = serde_json::from_str(&body).ok()?;
            (channel["status"]["state"] == "receiving").then_some(())
        });
        took
    }
}

impl Drop for System {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for arguments in [
                "get pods -A -o wide",
                "-n encoder get events --sort-by=.lastTimestamp",
                "-n encoder logs deployment/encoder-ingest --tail=30",
            ] {
                let words: Vec<_> = arguments.split(' ').collect();
                eprintln!("--- kubectl {arguments}\n{}", try_kubectl(&words, "").text);
            }
        }
        remove();
    }
}

pub(crate) fn overlay(name: &str) -> String {
    let path = e2e::tree::root().join("k8s/overlays").join(name);
    path.to_string_lossy().into_owned()
}

/// Removes what tests have made, whole.
fn remove() {
    let arguments = format!("delete namespace {NAMESPACES} --ignore-not-found --timeout=60s");
    let words: Vec<_> = arguments.split(' ').collect();
    let said = try_kubectl(&words, "");
    if !said.ok {
        eprintln!("{}", said.text);
    }
}

/// The items of a list.
pub(crate) fn items(list: &Value) -> Vec<Value> {
    list["items"].as_array().cloned().unwrap_or_default()
}

/// Pods of an application, those that go away left out.
pub(crate) fn pods(namespace: &str, application: &str) -> Vec<Value> {
    let label = format!("app.kubernetes.io/name={application}");
    let mut found = items(&get(&format!("-n {namespace} pods -l {label}")));
    found.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    found
}

/// Changes ingest's Deployment.
#[track_caller]
pub(crate) fn patch_ingest(change: &Value) {
    patch("encoder-ingest", change);
}

/// Changes a Deployment.
#[track_caller]
pub(crate) fn patch(deployment: &str, change: &Value) {
    let change = change.to_string();
    let words = [
        "-n",
        "encoder",
        "patch",
        "deployment",
        deployment,
        "-p",
        &change,
    ];
    let said = try_kubectl(&words, "");
    assert!(said.ok, "{}", said.text);
}

/// The patch that keeps ingest on one node.
pub(crate) fn on_node(name: &str) -> Value {
    let selector = json!({"kubernetes.io/hostname": name});
    json!({"spec": {"template": {"spec": {"nodeSelector": selector}}}})
}

/// The patch that sets variables of ingest.
pub(crate) fn with_variables(variables: &[(&str, &str)]) -> Value {
    // A value in the place of a reference: the other must go.
    let entries: Vec<_> = variables
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value, "valueFrom": null}))
        .collect();
    let containers = json!([{"name": "encoder-ingest", "env": entries}]);
    json!({"spec": {"template": {"spec": {"containers": containers}}}})
}

/// Puts a channels file into the ConfigMap.
#[track_caller]
pub(crate) fn set_channels(file: &str) {
    apply(
        &json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "encoder-channels", "namespace": "encoder"},
            "data": {"channels.yaml": file},
        })
        .to_string(),
    );
}

/// A pod that can't be scheduled, and the scheduler's words.
#[track_caller]
pub(crate) fn refused_by_scheduler(pods: impl Fn() -> Vec<Value>) -> (Value, String) {
    let (found, _) = await_for("a pod is Pending with a reason", seconds(30), || {
        pods().into_iter().find_map(|pod| {
            let conditions = pod["status"]["conditions"].as_array()?;
            let scheduled = conditions
                .iter()
                .find(|one| one["type"] == "PodScheduled")?;
            let reason = scheduled["message"].as_str()?.to_owned();
            (pod["status"]["phase"] == "Pending").then_some((pod, reason))
        })
    });
    found
}

/// Any node but that of `pod`.
#[track_caller]
pub(crate) fn another_node(pod: &Value) -> (String, String) {
    let own = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    let mut others = nodes().into_iter().filter(|(name, _)| name != own);
    others.next().expect("more than one node")
}

/// Reads a relay from a pod of the pod network on `node`; whether all was well, and the words.
#[track_caller]
pub(crate) fn verify_inside(name: &str, node: &str, url: &str) -> (bool, String) {
    apply(&verify_pod(name, node, url).to_string());
    let ((ok, phase), _) = await_for(&format!("{name} ends"), seconds(60), || {
        let pod = get(&format!("-n encoder pod {name}"));
        let phase = pod["status"]["phase"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        match phase.as_str() {
            "Succeeded" => Some((true, phase)),
            "Failed" => Some((false, phase)),
            _ => None,
        }
    });
    let log = kubectl(&format!("-n encoder logs {name}"));
    (ok, format!("{phase} on {node}: {url}\n{log}"))
}

fn verify_pod(name: &str, node: &str, url: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "encoder"},
        "spec": {
            "restartPolicy": "Never",
            "nodeSelector": {"kubernetes.io/hostname": node},
            "containers": [{
                "name": "verify", "image": "localhost/source-server:dev",
                "args": ["verify", url, "--seconds", "3"],
            }],
        },
    })
}
