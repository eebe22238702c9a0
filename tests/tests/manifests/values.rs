//! Ports, grace periods, variables and limits are those of the programs.

use e2e::manifest::{Manifests, number};
use e2e::tree::{files, read};
use encoder_ingest::limits;
use serde_json::Value;

use crate::{Described, none, overlays};

const MIB: u64 = 1 << 20;

/// What a program promises to end within (README.md, "The programs").
const END_S_MAX: u64 = 10;

/// The name of the program in an image.
fn program(container: &Value) -> &str {
    let image = container["image"].as_str().unwrap_or_default();
    let name = image.rsplit('/').next().unwrap_or_default();
    name.split(':').next().unwrap_or_default()
}

/// Containers that run a program as a service, not one of its other tasks.
fn services(manifests: &Manifests) -> impl Iterator<Item = (&Value, &Value)> {
    let all = manifests.containers();
    all.filter(|(_, container)| container["args"].is_null())
}

#[test]
fn every_port_is_the_programs_own() {
    let Some(overlays) = overlays(&[]) else {
        return;
    };
    let mut findings = Vec::new();
    for (overlay, manifests) in &overlays {
        for (workload, container) in services(manifests) {
            let name = program(container);
            let port = Described::of(name).port(name);
            let host_network = workload["spec"]["template"]["spec"]["hostNetwork"] == true;
            let ports = container["ports"].as_array().cloned().unwrap_or_default();
            let host_port = ports.first().and_then(|port| port["hostPort"].as_u64());
            if ports.len() != 1
                || ports[0]["containerPort"] != port
                || ports[0]["name"] != "http"
                || host_port != host_network.then_some(port)
            {
                findings.push(format!("{overlay}: {name} has port {port}, not {ports:?}"));
            }
            for (variable, value) in Manifests::variables(container) {
                let listen = variable.ends_with("_LISTEN");
                if listen && value["value"] != format!("0.0.0.0:{port}") {
                    findings.push(format!("{overlay}: {variable} is {value}"));
                }
            }
            for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                let get = &container[probe]["httpGet"];
                let path = if probe == "readinessProbe" {
                    "/ready"
                } else {
                    "/live"
                };
                if get["path"] != path || get["port"] != "http" {
                    findings.push(format!("{overlay}: {probe} of {name} asks {get}"));
                }
            }
            services_lead_to(overlay, manifests, name, port, &mut findings);
        }
    }
    none(&findings);
}

/// Every Service of a program, and the policies that let ingests be reached.
fn services_lead_to(
    overlay: &str,
    manifests: &Manifests,
    name: &str,
    port: u64,
    findings: &mut Vec<String>,
) {
    for service in manifests.of_kind("Service") {
        if service["spec"]["selector"]["app.kubernetes.io/name"] != name {
            continue;
        }
        let ports = &service["spec"]["ports"];
        if ports[0]["port"] != port || ports[0]["targetPort"] != "http" || !ports[1].is_null() {
            let own = &service["metadata"]["name"];
            findings.push(format!(
                "{overlay}: Service {own} has {ports}, {name} {port}"
            ));
        }
    }
    for policy in manifests.of_kind("NetworkPolicy") {
        let spec = &policy["spec"];
        if spec["podSelector"]["matchLabels"]["app.kubernetes.io/name"] != name {
            continue;
        }
        let ingest = Described::of("encoder-ingest").port("encoder-ingest");
        if spec["ingress"][0]["ports"][0]["port"] != port
            || spec["egress"][1]["ports"][0]["port"] != ingest
        {
            findings.push(format!("{overlay}: the policy of {name} is {spec}"));
        }
    }
}

#[test]
fn the_services_are_those_that_are_promised() {
    let Some(overlays) = overlays(&[]) else {
        return;
    };
    for (overlay, manifests) in &overlays {
        let spec = |name: &str| &manifests.named("Service", name)["spec"];
        assert_eq!(spec("encoder-ingest")["clusterIP"], "None", "{overlay}");
        let external = spec("encoder-ingest-external");
        assert_eq!(external["type"], "NodePort", "{overlay}");
        assert_eq!(external["externalTrafficPolicy"], "Local", "{overlay}");
        assert_eq!(external["ports"][0]["nodePort"], 30925, "{overlay}");
        for name in [
            "encoder-ingest",
            "encoder-control",
            "encoder-ingest-external",
        ] {
            assert_eq!(
                spec(name)["publishNotReadyAddresses"],
                true,
                "{overlay}: {name}"
            );
        }
        let page = spec("encoder-ui");
        let node_port = (*overlay == "dev").then_some(30080);
        assert_eq!(
            page["ports"][0]["nodePort"].as_u64(),
            node_port,
            "{overlay}"
        );
    }
}

#[test]
fn every_variable_is_a_flag_of_its_program() {
    let Some(overlays) = overlays(&[]) else {
        return;
    };
    let mut findings = Vec::new();
    for (overlay, manifests) in &overlays {
        for (_, container) in services(manifests) {
            let name = program(container);
            let known = Described::of(name).variables;
            for (variable, _) in Manifests::variables(container) {
                if !known.contains_key(variable) {
                    findings.push(format!("{overlay}: {name} knows no {variable}"));
                }
            }
        }
    }
    none(&findings);
}

#[test]
fn a_pod_is_given_longer_than_its_program_needs_to_end() {
    assert!(read("README.md").contains(&format!("exit 0, within {END_S_MAX} s")));
    let Some(overlays) = overlays(&[]) else {
        return;
    };
    for (overlay, manifests) in &overlays {
        for (workload, container) in services(manifests) {
            let grace = &workload["spec"]["template"]["spec"]["terminationGracePeriodSeconds"];
            let enough = grace.as_u64().is_some_and(|grace| grace > END_S_MAX);
            assert!(enough, "{overlay}: {} has {grace} s", program(container));
        }
    }
}

#[test]
fn only_one_pod_at_a_time_holds_a_nodes_port() {
    let Some(overlays) = overlays(&[]) else {
        return;
    };
    for (overlay, manifests) in &overlays {
        for workload in manifests.of_kind("Deployment") {
            let on_node = workload["spec"]["template"]["spec"]["hostNetwork"] == true;
            let strategy = &workload["spec"]["strategy"]["type"];
            let name = &workload["metadata"]["name"];
            assert!(
                !on_node || strategy == "Recreate",
                "{overlay}: {name} {strategy}"
            );
        }
    }
}

#[test]
fn resources_are_asked_for_and_what_throttling_would_lose_has_no_cpu_limit() {
    const ENCODES: &str = "encoder-node";
    let Some(overlays) = overlays(&[]) else {
        return;
    };
    let mut findings = Vec::new();
    for (overlay, manifests) in &overlays {
        for (_, container) in manifests.containers() {
            let resources = &container["resources"];
            let name = program(container);
            for (kind, what) in [
                ("requests", "cpu"),
                ("requests", "memory"),
                ("limits", "memory"),
            ] {
                if resources[kind][what].is_null() {
                    findings.push(format!("{overlay}: {name} has no {what} in {kind}"));
                }
            }
            // Encoding counts its slots by the limit.
            if resources["limits"]["cpu"].is_null() == (name == ENCODES) {
                findings.push(format!("{overlay}: CPU limit of {name}: {resources}"));
            }
        }
    }
    none(&findings);
}

/// The lines of the written sum: `#   256 MiB  history         of all channels`.
fn written_sum() -> Vec<(u64, String)> {
    let text = read("k8s/base/encoder-ingest.yaml");
    let line = |line: &str| {
        let (amount, what) = line.trim().strip_prefix('#')?.split_once(" MiB  ")?;
        Some((amount.trim().parse().ok()?, what.to_owned()))
    };
    text.lines().filter_map(line).collect()
}

#[test]
fn the_memory_limit_of_ingest_is_the_sum_of_its_limits() {
    let Some([(_, dev), _]) = overlays(&[]) else {
        return;
    };
    let (_, container) = services(&dev)
        .find(|(_, container)| program(container) == "encoder-ingest")
        .expect("encoder-ingest");
    let flag = |name: &str| {
        let name = format!("ENCODER_INGEST_{name}");
        let mut variables = Manifests::variables(container);
        let found = variables.find(|(variable, _)| *variable == name);
        number(found.unwrap_or_else(|| panic!("no {name}")).1)
    };
    let bytes = |size: usize| u64::try_from(size).expect("a size");
    let (channels, viewers) = (flag("MAX_CHANNELS"), flag("MAX_VIEWERS"));
    let least = bytes(limits::CHANNEL_BLOCKS_MIN * limits::BLOCK_BYTES);
    let unsent = u64::try_from(limits::VIEWER_UNSENT_BYTES_MAX).expect("a size");
    let captures = bytes(limits::CAPTURES_MAX * limits::CAPTURE_BYTES_MAX);
    let parts = [
        ("history", flag("HISTORY_MB")),
        ("least blocks", channels * least / MIB),
        (
            "receive buffers",
            channels * 2 * flag("RECEIVE_BUFFER_KB") / 1024,
        ),
        ("send buffers", viewers * unsent / MIB),
        ("captures", captures / MIB),
        (
            "snapshots",
            channels * bytes(limits::SNAPSHOT_BYTES_MAX) / MIB,
        ),
    ];
    let mut written = written_sum();
    let (together, what) = written.pop().expect("a sum");
    assert!(what.starts_with("together"), "{what}");
    assert_eq!(
        written.iter().map(|(amount, _)| amount).sum::<u64>(),
        together
    );
    let (rest, what) = written.pop().expect("the rest");
    // Every connection may have a request's head in memory.
    let connections = 4000 * bytes(limits::REQUEST_HEAD_BYTES_MAX) / MIB;
    assert!(
        what.starts_with("the rest") && rest >= connections + 64,
        "{rest} {what}"
    );
    assert_eq!(written.len(), parts.len());
    for ((amount, what), (name, own)) in written.iter().zip(parts) {
        assert!(what.starts_with(name), "{what} where {name} is due");
        assert_eq!(*amount, own, "{name}");
    }
    let limit = &container["resources"]["limits"]["memory"];
    assert_eq!(*limit, format!("{together}Mi"));
    let requested = container["resources"]["requests"]["memory"].as_str();
    assert_eq!(requested, Some("512Mi"), "history, and as much again");
}

#[test]
fn an_image_is_one_program_of_no_privilege_with_its_port() {
    let version = read("Cargo.toml");
    let version = version
        .lines()
        .find_map(|line| line.strip_prefix("version = "));
    let version = version.expect("a version").trim_matches('"');
    let mut found = 0;
    for file in files("images", &["Containerfile"]) {
        let name = file.path.trim_start_matches("images/");
        let name = name.trim_end_matches(".Containerfile");
        if !e2e::tree::root().join(name).exists() {
            continue;
        }
        found += 1;
        let said = |word: &str| -> Vec<&str> {
            let lines = file.text.lines();
            lines
                .filter_map(|line| line.strip_prefix(word))
                .map(str::trim)
                .collect()
        };
        let port = Described::of(name).port(name).to_string();
        assert_eq!(said("EXPOSE "), [port], "{name}");
        assert_eq!(said("USER "), ["65532:65532"], "{name}");
        assert_eq!(said("ARG VERSION="), [version], "{name}");
        let entry = said("ENTRYPOINT ");
        let program = format!("/{name}\"]");
        assert!(
            entry.len() == 1 && entry[0].ends_with(&program),
            "{name}: {entry:?}"
        );
    }
    assert!(found >= 3, "{found} images");
}
