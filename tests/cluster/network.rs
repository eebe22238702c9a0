//! What reaches whom: multicast, addresses and Services.

use e2e::gate::Need;
use e2e::wait::seconds;
use serde_json::{Value, json};

use crate::kubectl::{apply, kubectl};
use crate::lab::{kubelab, measured, nodes, request, source_outside, verify_outside};
use crate::system::{
    System, another_node, on_node, pods, set_channels, verify_inside, with_variables,
};

const CHANNELS: &str = "channels:
  - id: outside
    inputs:
      - url: udp://239.9.9.9:5000
";

/// An ingest as it must not be run: on the pod network.
fn on_pod_network(node: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "pod-network-ingest", "namespace": "encoder"},
        "spec": {
            "nodeSelector": {"kubernetes.io/hostname": node},
            "containers": [{
                "name": "ingest", "image": "localhost/encoder-ingest:dev",
                "args": ["--interface", "eth0", "--listen", "0.0.0.0:9525", "--no-auth",
                    "--channels", "/channels/channels.yaml"],
                "volumeMounts": [{"name": "channels", "mountPath": "/channels"}],
                "readinessProbe": {"httpGet": {"path": "/ready", "port": 9525}, "periodSeconds": 1},
            }],
            "volumes": [{"name": "channels", "configMap": {"name": "encoder-channels"}}],
        },
    })
}

#[test]
fn multicast_on_the_physical_nic_reaches_a_hostnetwork_pod_and_not_a_pod_network_one() {
    let Some(system) = System::empty(&[Need::Kubelab]) else {
        return;
    };
    drop(system);
    let node = &nodes()[0].0;
    let nic = with_variables(&[("ENCODER_INGEST_INTERFACE", "ingest0")]);
    let Some(system) = System::dev_with(&[Need::Kubelab], &[on_node(node), nic]) else {
        return;
    };
    set_channels(CHANNELS);
    apply(&on_pod_network(node).to_string());
    let _source = source_outside("239.9.9.9");
    system.settle();
    let pod = system.ingest();
    let base = system.external(&pod);
    system.await_channel(&base, "outside", seconds(120));
    let report = verify_outside(&format!("{base}/channels/outside.ts"), 20);
    assert_eq!(report["ok"], true, "{report}");
    assert_eq!(report["lost"], 0, "{report}");
    let datagrams = &report["datagrams"];
    measured(
        "multicast to a hostNetwork pod, datagrams",
        &format!("{datagrams}, 0 lost"),
    );

    kubectl("-n encoder wait --for=condition=Ready pod/pod-network-ingest --timeout=60s");
    let other = crate::kubectl::get("-n encoder pod pod-network-ingest");
    let address = other["status"]["podIP"].as_str().expect("an address");
    assert_ne!(other["status"]["podIP"], other["status"]["hostIP"]);
    let url = format!("http://{address}:9525/channels/outside.ts");
    let (ok, told) = verify_inside("viewer-of-pod-network", node, &url);
    assert!(
        !ok && told.contains("504") && told.contains("never_received"),
        "{told}"
    );
}

#[test]
fn podip_is_nodeip_and_clusterip_headless_name_and_nodeport_all_reach_it() {
    let Some(system) = System::dev(&[]) else {
        return;
    };
    let pod = system.ingest();
    assert_eq!(pod["status"]["podIP"], pod["status"]["hostIP"]);
    let (other, _) = another_node(&pod);
    let base = system.external(&pod);
    system.await_channel(&base, "testcard", seconds(30));
    let pod_ip = pod["status"]["podIP"].as_str().expect("an address");
    for (name, host) in [
        ("by-cluster-ip", "encoder-control"),
        ("by-headless-name", "encoder-ingest"),
        ("by-node-address", pod_ip),
    ] {
        let url = format!("http://{host}:9525/channels/testcard.ts");
        let (ok, told) = verify_inside(name, &other, &url);
        assert!(ok, "{told}");
    }
    let report = verify_outside(&format!("{base}/channels/testcard.ts"), 3);
    assert_eq!(report["ok"], true, "{report}");
    // Its port on the node is there too, without any Service.
    let direct = format!("http://{pod_ip}:9525/live");
    assert_eq!(request("GET", &direct, None, None).0, 200);
}

#[test]
fn the_viewer_list_shows_an_outside_clients_own_address_through_the_nodeport() {
    let Some(system) = System::dev(&[Need::Kubelab]) else {
        return;
    };
    let base = system.external(&system.ingest());
    system.await_channel(&base, "testcard", seconds(30));
    let reader = crate::reader::Reader::start(&format!("{base}/channels/testcard.ts"));
    let (viewer, _) = crate::kubectl::await_for("the viewer is listed", seconds(10), || {
        let list = crate::lab::ask(&base, "/channels/testcard/viewers")?;
        list["viewers"].get(0).cloned()
    });
    let address = viewer["address"].as_str().unwrap_or_default();
    // kubelab's README, "Topology": the client.
    assert!(
        kubelab().is_some() && address.starts_with("10.90.0.5"),
        "{viewer}"
    );
    drop(reader);
}

#[test]
fn one_outside_watch_from_is_refused_without_a_token_and_admitted_with_one() {
    let patch = with_variables(&[("ENCODER_INGEST_WATCH_FROM", "10.244.0.0/16")]);
    let Some(system) = System::dev_with(&[], &[patch]) else {
        return;
    };
    system.settle();
    let pod = system.ingest();
    let base = system.external(&pod);
    system.await_channel(&base, "testcard", seconds(30));
    let url = format!("{base}/channels/testcard.ts");
    let (status, body) = request("GET", &url, None, None);
    assert_eq!(status, 403, "{body}");
    assert!(body.contains("--watch-from"), "{body}");
    let (status, _) = request("HEAD", &format!("{url}?token=dev-ui"), None, None);
    assert_eq!(status, 200);
    assert_eq!(pods("encoder", "encoder-ingest").len(), 1);
}
