//! Every container is as Pod Security's level "restricted" demands, but for what is named here
//! (<https://kubernetes.io/docs/concepts/security/pod-security-standards>).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::overlays;

/// Workload, container (or none), and what it is excepted from.
const EXCEPTIONS: [(&str, &str, &str); 11] = [
    ("encoder-ingest", "", "hostNetwork"),
    ("encoder-ingest", "", "hostPath /var/lib/encoder-ingest"),
    ("encoder-ingest", "", "hostPath /var/log/encoder-ingest"),
    ("encoder-ingest", "encoder-ingest", "hostPort"),
    // Root without a capability gives its hostPath to ingest's group.
    ("encoder-ingest", "prepare-state", "root"),
    ("source-server", "", "hostNetwork"),
    ("source-server", "source-server", "hostPort"),
    ("node-tuning", "", "hostNetwork"),
    ("node-tuning", "", "hostPath /proc/sys/net/core"),
    // Root without a capability owns the files of /proc/sys.
    ("node-tuning", "node-tuning", "root"),
    ("node-tuning", "", "root by default"),
];

/// Volumes that "restricted" allows.
const VOLUMES: [&str; 6] = [
    "configMap",
    "secret",
    "emptyDir",
    "projected",
    "downwardAPI",
    "persistentVolumeClaim",
];

fn of_pod(spec: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for key in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"] {
        if spec[key] == true {
            found.push(key.to_owned());
        }
    }
    let context = &spec["securityContext"];
    if context["seccompProfile"]["type"] != "RuntimeDefault" {
        found.push("seccomp".to_owned());
    }
    if context["runAsNonRoot"] != true || context["runAsUser"].as_u64().unwrap_or(0) == 0 {
        found.push("root by default".to_owned());
    }
    if spec["automountServiceAccountToken"] != false {
        found.push("a token of the API server".to_owned());
    }
    for volume in spec["volumes"].as_array().into_iter().flatten() {
        if let Some(path) = volume["hostPath"]["path"].as_str() {
            found.push(format!("hostPath {path}"));
        } else if !VOLUMES.iter().any(|kind| volume[*kind].is_object()) {
            found.push(format!("volume {volume}"));
        }
    }
    found
}

fn of_container(container: &Value) -> Vec<String> {
    let context = &container["securityContext"];
    let mut found = Vec::new();
    let mut unless = |held: bool, what: &str| {
        if !held {
            found.push(what.to_owned());
        }
    };
    unless(
        context["allowPrivilegeEscalation"] == false,
        "privilege escalation",
    );
    unless(context["privileged"] != true, "privileged");
    unless(
        context["readOnlyRootFilesystem"] == true,
        "a root that can be written",
    );
    let drop = &context["capabilities"]["drop"];
    unless(
        *drop == serde_json::json!(["ALL"]),
        "capabilities that are kept",
    );
    unless(
        context["capabilities"]["add"].is_null(),
        "added capabilities",
    );
    unless(
        context["seccompProfile"].is_null(),
        "a seccomp profile of its own",
    );
    unless(
        context["runAsUser"] != 0 && context["runAsNonRoot"] != false,
        "root",
    );
    let ports = container["ports"].as_array().into_iter().flatten();
    unless(
        ports.clone().all(|port| port["hostPort"].is_null()),
        "hostPort",
    );
    found
}

#[test]
fn every_container_is_restricted_but_for_the_named_exceptions() {
    let Some(overlays) = overlays(&[]) else {
        return;
    };
    let mut found = BTreeSet::new();
    for (_, manifests) in &overlays {
        for workload in manifests.workloads() {
            let name = workload["metadata"]["name"].as_str().unwrap_or_default();
            let spec = &workload["spec"]["template"]["spec"];
            for what in of_pod(spec) {
                found.insert((name.to_owned(), String::new(), what));
            }
            for kind in ["initContainers", "containers"] {
                for container in spec[kind].as_array().into_iter().flatten() {
                    let own = container["name"].as_str().unwrap_or_default();
                    for what in of_container(container) {
                        found.insert((name.to_owned(), own.to_owned(), what));
                    }
                }
            }
        }
    }
    let text = |(a, b, c): (&str, &str, &str)| (a.to_owned(), b.to_owned(), c.to_owned());
    let expected: BTreeSet<_> = EXCEPTIONS.into_iter().map(text).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_namespace_tells_what_is_beyond_restricted() {
    let Some(overlays) = overlays(&[]) else {
        return;
    };
    for (overlay, manifests) in &overlays {
        let labels = &manifests.named("Namespace", "encoder")["metadata"]["labels"];
        let level = |mode: &str| &labels[format!("pod-security.kubernetes.io/{mode}")];
        assert_eq!(level("enforce"), "privileged", "{overlay}");
        assert_eq!(level("audit"), "restricted", "{overlay}");
    }
}
