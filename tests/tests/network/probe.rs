//! A group that does not come where it is awaited: found on another NIC, or filtered by the host.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options, VERDICT};
use e2e::scene::{GROUP, RATE_BPS, Scene, URL};
use e2e::send::{Broadcast, Sender};
use e2e::ts::TestStream;
use e2e::wait::{seconds, wait_until};
use e2e::wrap::Wrap;
use serde_json::{Value, json};

const PROBED: &str = "--probe-interfaces eth1,lan0";
/// Beyond the subnets of the scene.
const FOREIGN: &str = "192.168.77.1";

fn on_second_cable(scene: &Scene) -> Broadcast {
    let stream = TestStream::new(1, RATE_BPS);
    Sender::new(&scene.source, "eth1", GROUP).broadcast(stream, Wrap::Plain)
}

/// A stream whose source has no route back.
fn from_afar(scene: &Scene, group: &str) -> Broadcast {
    let sender = Sender::from_source(&scene.source, "eth0", group, FOREIGN);
    sender.broadcast(TestStream::new(1, RATE_BPS), Wrap::Plain)
}

fn diagnose(ingest: &Ingest<'_>, id: &str) -> Value {
    let path = format!("/api/v1/channels/{id}/diagnose");
    let answer = ingest.http().request("POST", &path, &[], b"");
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

fn joined(ingest: &Ingest<'_>, nic: &str) -> bool {
    let list = ingest.http().get("/api/v1/interfaces").json();
    let list = list["interfaces"].as_array().cloned().unwrap_or_default();
    let nic = list.into_iter().find(|one| one["name"] == nic);
    nic.expect("the NIC")["memberships"]
        .to_string()
        .contains("239.1.1.1")
}

#[test]
fn a_group_that_comes_on_another_nic_is_found_there() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    scene.second_cable();
    let elsewhere = on_second_cable(&scene);
    let options = Options::new("eth0").channel(URL).with(PROBED);
    let ingest = Ingest::start(&scene.node, &options);
    let status = ingest.wait_status("news", "waiting", "on_other_interface", VERDICT);
    let params = &status["params"];
    assert_eq!(params["interface"], "eth0", "{status}");
    assert_eq!(params["found_on"], "eth1", "{status}");
    assert_eq!(params["source"], "10.0.1.1", "{status}");
    let detail = status["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("interface: eth1"), "what to do: {detail}");
    wait_until("the probe has left", VERDICT, || !joined(&ingest, "eth1"));
    let events = ingest.http().get("/api/v1/events.json").text();
    assert!(
        events.contains("\"reason\":\"on_other_interface\""),
        "{events}"
    );
    // Mended at the source.
    drop(elsewhere);
    let _here = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_status("news", "receiving", "ok", VERDICT);
}

#[test]
fn the_way_out_that_is_told_leads_out() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    scene.second_cable();
    let _elsewhere = on_second_cable(&scene);
    let options = Options::new("eth0").with(PROBED);
    let ingest = Ingest::start(&scene.node, &options);
    let http = ingest.http();
    let mut channel = json!({"id": "film", "name": "Film", "inputs": [{"url": URL}]});
    let made = http.send_json("POST", "/api/v1/channels", &channel);
    assert_eq!(made.status(), 201, "{}", made.text());
    let status = ingest.wait_status("film", "waiting", "on_other_interface", VERDICT);
    channel["inputs"][0]["interface"] = status["params"]["found_on"].clone();
    let put = http.send_json("PUT", "/api/v1/channels/film", &channel);
    assert_eq!(put.status(), 200, "{}", put.text());
    ingest.wait_status("film", "receiving", "ok", VERDICT);
}

#[test]
fn no_nic_is_probed_where_we_are_in_the_group_or_when_told_not_to() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    scene.second_cable();
    let _elsewhere = on_second_cable(&scene);
    let channels = "channels:\n- {id: here, inputs: [{url: 'udp://239.1.1.1:5000'}]}\n- {id: there, inputs: [{url: 'udp://239.1.1.1:5000', interface: eth1}]}\n";
    let options = Options::new("eth0").channels(channels).with(PROBED);
    let ingest = Ingest::start(&scene.node, &options);
    ingest.wait_receiving("there");
    let diagnosis = diagnose(&ingest, "here");
    let probes = diagnosis["probes"].as_array().map_or(0, Vec::len);
    assert_eq!(probes, 1, "known without a probe: {diagnosis}");
    assert_eq!(diagnosis["reason"], "on_other_interface");
    assert_eq!(diagnosis["params"]["found_on"], "eth1", "{diagnosis}");
    ingest.wait_status("here", "waiting", "on_other_interface", VERDICT);
    drop(ingest);
    let options = Options::new("eth0").channel(URL);
    let off = options.with("--probe-interfaces none");
    let ingest = Ingest::start(&scene.node, &off);
    let diagnosis = diagnose(&ingest, "news");
    assert_eq!(diagnosis["probes"], json!([]), "{diagnosis}");
    assert!(!joined(&ingest, "eth1"));
}

/// Two silent groups and two NICs: four probes, half a second each, one after the other.
#[test]
fn probes_are_short_and_one_at_a_time() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    scene.second_cable();
    let _third = scene.viewer_host();
    let channels = "channels:\n- {id: one, inputs: [{url: 'udp://239.1.1.1:5000'}]}\n- {id: two, inputs: [{url: 'udp://239.1.1.2:5000'}]}\n";
    let options = Options::new("eth0").channels(channels).with(PROBED);
    let ingest = Ingest::start(&scene.node, &options);
    let mut seen: BTreeMap<(String, String), (Instant, Instant)> = BTreeMap::new();
    wait_until("all four are over", seconds(6), || {
        let now = Instant::now();
        let list = ingest.http().get("/api/v1/interfaces").json();
        let joined = |nic: &Value| -> Vec<(String, String)> {
            let groups = nic["memberships"].to_string();
            let groups = ["239.1.1.1", "239.1.1.2"]
                .into_iter()
                .filter(|group| groups.contains(group));
            let name = nic["name"].as_str().unwrap_or_default();
            groups
                .map(|group| (name.to_owned(), group.to_owned()))
                .collect()
        };
        let nics = list["interfaces"].as_array().into_iter().flatten();
        let probed = nics.filter(|nic| nic["name"] == "eth1" || nic["name"] == "lan0");
        let probed: Vec<_> = probed.flat_map(joined).collect();
        assert!(probed.len() <= 1, "at once: {probed:?}");
        let none = probed.is_empty();
        for one in probed {
            seen.entry(one).or_insert((now, now)).1 = now;
        }
        seen.len() == 4 && none
    });
    for (one, (first, last)) in seen {
        let length = last.duration_since(first);
        assert!(length < Duration::from_millis(700), "{one:?}: {length:?}");
    }
}

#[test]
fn a_diagnosis_probes_at_once_and_tells_in_words() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    scene.second_cable();
    let options = Options::new("eth0").channel(URL).with(PROBED);
    let ingest = Ingest::start(&scene.node, &options);
    ingest.wait_status("news", "waiting", "never_received", VERDICT);
    let diagnosis = diagnose(&ingest, "news");
    let verdict = diagnosis["verdict"].as_str().unwrap_or_default();
    assert!(verdict.contains("eth1 either"), "{diagnosis}");
    assert_eq!(diagnosis["probes"][0]["outcome"], "nothing", "{diagnosis}");
    let nic = &diagnosis["interface"];
    assert_eq!(nic["name"], "eth0", "{diagnosis}");
    assert_eq!(nic["members"], 1, "{diagnosis}");
    assert_eq!(nic["igmp_version"], "V3", "{diagnosis}");
    assert_eq!(nic["rp_filter"], 0, "{diagnosis}");
    // Long before the next probe would come by itself.
    let _elsewhere = on_second_cable(&scene);
    let diagnosis = diagnose(&ingest, "news");
    assert_eq!(diagnosis["reason"], "on_other_interface", "{diagnosis}");
    assert_eq!(diagnosis["probes"][0]["source"], "10.0.1.1", "{diagnosis}");
    let _here = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("news");
    let diagnosis = diagnose(&ingest, "news");
    assert_eq!(diagnosis["reason"], "ok", "{diagnosis}");
    let verdict = diagnosis["verdict"].as_str().unwrap_or_default();
    assert!(verdict.contains("Mbit/s"), "{diagnosis}");
    let unknown = "/api/v1/channels/nowhere/diagnose";
    let _ = ingest
        .http()
        .request("POST", unknown, &[], b"")
        .problem(404);
}

#[test]
fn a_group_that_the_host_filters_is_told_from_one_that_nobody_sends() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    scene.node.sysctl("net/ipv4/conf/eth0/rp_filter", "1");
    scene.source.ip(&format!("addr add {FOREIGN}/32 dev eth0"));
    let channels = "channels:\n- {id: afar, inputs: [{url: 'udp://239.1.1.1:5000'}]}\n- {id: dead, inputs: [{url: 'udp://239.1.1.2:5000'}]}\n- {id: near, inputs: [{url: 'udp://239.1.1.3:5000'}]}\n";
    let _near = scene.broadcast("239.1.1.3:5000", Wrap::Plain);
    let _afar = from_afar(&scene, GROUP);
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channels(channels));
    let status = ingest.wait_status("afar", "waiting", "reverse_path_filter", VERDICT);
    let detail = status["detail"].as_str().unwrap_or_default();
    assert!(detail.starts_with("probably"), "{status}");
    assert_eq!(status["params"]["rp_filter"], "1", "{status}");
    assert!(ingest.metric("reverse_path_filter_drops_total", &[]) > 100.0);
    let diagnosis = diagnose(&ingest, "dead");
    assert_eq!(diagnosis["reason"], "never_received", "{diagnosis}");
    assert_eq!(
        diagnosis["interface"]["rp_filter_test"], "no",
        "{diagnosis}"
    );
    assert_eq!(ingest.channel("near")["status"]["reason"], "ok");
    scene.node.sysctl("net/ipv4/conf/eth0/rp_filter", "0");
    ingest.wait_status("afar", "receiving", "ok", VERDICT);
}

#[test]
fn a_filter_that_is_switched_on_stops_a_stream_and_is_told() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    scene.source.ip(&format!("addr add {FOREIGN}/32 dev eth0"));
    let afar = from_afar(&scene, GROUP);
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    ingest.wait_receiving("news");
    scene.node.sysctl("net/ipv4/conf/eth0/rp_filter", "1");
    ingest.wait_status("news", "stopped", "reverse_path_filter", VERDICT);
    drop(afar);
    ingest.wait_status("news", "stopped", "stopped", VERDICT);
}
