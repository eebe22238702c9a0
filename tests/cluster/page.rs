//! The operator's page, from outside the cluster.

use std::time::Instant;

use e2e::gate::Need;
use e2e::tree::root;
use e2e::wait::seconds;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::kubectl::{await_for, kubectl};
use crate::lab::{ask, measured, nodes, outside, request, verify_outside};
use crate::system::{System, on_node, overlay, patch, patch_ingest};

/// The NodePort of the page in overlay `dev`.
const NODE_PORT: u16 = 30080;

const FILM: &str = r#"{"id":"film","inputs":[{"url":"udp://239.255.0.1:5000"}]}"#;

/// Somebody who is logged in.
#[derive(Debug)]
struct Operator {
    base: String,
    cookies: NamedTempFile,
}

impl Operator {
    /// Through the NodePort of `node`.
    #[track_caller]
    fn at(node: &str) -> Self {
        let operator = Self {
            base: format!("http://{node}:{NODE_PORT}"),
            cookies: NamedTempFile::new().expect("a file"),
        };
        // kube-proxy needs a moment until it sends to the page that runs now.
        let ((status, body), _) = await_for("the page answers", seconds(30), || {
            let answer = operator.request("GET", "/api/ingests", None);
            (answer.0 != 0).then_some(answer)
        });
        assert_eq!(status, 401, "without a login: {body}");
        let wrong = json!({"name": "admin", "password": "wrong"}).to_string();
        assert_eq!(operator.request("POST", "/api/login", Some(&wrong)).0, 401);
        let right = json!({"name": "admin", "password": "encoder-dev"}).to_string();
        let (status, body) = operator.request("POST", "/api/login", Some(&right));
        assert_eq!(status, 204, "{body}");
        operator
    }

    fn request(&self, method: &str, path: &str, body: Option<&str>) -> (u16, String) {
        let cookies = self.cookies.path().to_string_lossy().into_owned();
        let mut command = outside("curl");
        command.args(["-s", "-m", "10", "-X", method, "-w", "\n%{http_code}"]);
        command.args(["-b", &cookies, "-c", &cookies]);
        command.args(["-H", &format!("Origin: {}", self.base)]);
        if let Some(body) = body {
            command.args(["-H", "Content-Type: application/json", "-d", body]);
        }
        let output = command.arg(format!("{}{path}", self.base)).output();
        let output = output.expect("curl runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').unwrap_or(("", "0"));
        (status.parse().unwrap_or(0), body.to_owned())
    }

    /// The ingests that the page shows.
    fn ingests(&self) -> Vec<Value> {
        let (_, body) = self.request("GET", "/api/ingests", None);
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        answer["ingests"].as_array().cloned().unwrap_or_default()
    }

    /// The state of an ingest as the page shows it.
    fn state(&self, ingest: &str) -> String {
        let all = self.ingests();
        let one = all.iter().find(|one| one["name"] == ingest);
        let state = one.and_then(|one| one["state"].as_str());
        state.unwrap_or_default().to_owned()
    }
}

#[test]
fn the_page_sees_and_controls_every_ingest_through_the_headless_service() {
    let Some(system) = System::dev(&[]) else {
        return;
    };
    let nodes = nodes();
    kubectl(&format!(
        "-n encoder scale deployment/encoder-ingest --replicas={}",
        nodes.len()
    ));
    system.settle();
    let operator = Operator::at(&nodes[0].1);
    let mut expected: Vec<_> = nodes.iter().map(|(name, _)| name.clone()).collect();
    expected.sort();
    let (_, took) = await_for("the page shows every ingest", seconds(30), || {
        let mut here = operator.ingests();
        here.retain(|one| one["state"] == "here");
        let mut names: Vec<_> = here
            .iter()
            .filter_map(|one| one["name"].as_str().map(str::to_owned))
            .collect();
        names.sort();
        (names == expected).then_some(())
    });
    let took = format!("{:.1} s", took.as_secs_f64());
    measured("every ingest on the page, after the last is ready", &took);
    for (name, address) in &nodes {
        let channels = format!("/api/ingests/{name}/v1/channels");
        let (status, body) = operator.request("POST", &channels, Some(FILM));
        assert_eq!(status, 201, "{name}: {body}");
        let base = format!("http://{address}:30925");
        let (film, _) = await_for("the ingest has it", seconds(10), || {
            ask(&base, "/channels/film")
        });
        assert_eq!(film["origin"], "operator", "{name}");
        // Who made it is in the ingest's own events.
        let events = ask(&base, "/events.json").expect("events").to_string();
        assert!(events.contains("token/ui/admin"), "{events}");
        let (status, body) = operator.request("DELETE", &format!("{channels}/film"), None);
        assert_eq!(status, 204, "{name}: {body}");
        let film = format!("{base}/api/v1/channels/film");
        let (status, body) = request("GET", &film, Some("dev-ui"), None);
        assert_eq!(status, 404, "{name}: {body}");
    }
}

#[test]
fn from_nothing_to_a_moving_picture_in_a_browser_outside_takes_less_than_two_minutes() {
    let Some(system) = System::empty(&[Need::Browser]) else {
        return;
    };
    let started = Instant::now();
    kubectl(&format!("apply -k {}", overlay("dev")));
    let pod = system.ingest();
    let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    let address = &nodes()[0].1;
    let script = root().join("tests/cluster/picture.mjs");
    let output = outside("node")
        .arg(script)
        .arg(format!("http://{address}:{NODE_PORT}"))
        .args([node, "testcard", "110"])
        .output()
        .expect("node runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let picture: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(picture["wide"], 1280, "{picture}");
    assert_eq!(picture["high"], 720, "{picture}");
    let took = started.elapsed();
    assert!(took < seconds(120), "{took:?}");
    let took = format!("{:.0} s", took.as_secs_f64());
    measured("from nothing to a moving picture in a browser", &took);
    let report = verify_outside(
        &format!("{}/channels/testcard.ts", system.external(&pod)),
        3,
    );
    assert_eq!(report["ok"], true, "{report}");
}

#[test]
fn the_page_says_within_seconds_that_a_crashed_nodes_ingest_is_away_and_that_it_is_back() {
    let Some(system) = System::dev(&[Need::Kubelab]) else {
        return;
    };
    let nodes = nodes();
    let (first, address) = &nodes[0];
    let (last, _) = nodes.last().expect("nodes");
    patch("encoder-ui", &on_node(first));
    patch_ingest(&on_node(last));
    system.settle();
    let operator = Operator::at(address);
    await_for("the page sees it", seconds(30), || {
        (operator.state(last) == "here").then_some(())
    });
    let off = crate::power::Off::switch(last);
    let cut = Instant::now();
    await_for("the page says away", seconds(10), || {
        (operator.state(last) == "away").then_some(())
    });
    let away = format!("{:.1} s", cut.elapsed().as_secs_f64());
    measured("a node's crash, until the page says away", &away);
    assert!(cut.elapsed() < seconds(7), "{away}");
    off.on();
    let (_, back) = await_for("the page sees it again", seconds(60), || {
        (operator.state(last) == "here").then_some(())
    });
    let back = format!("{:.1} s", back.as_secs_f64());
    measured(
        "a node's crash, from its power until the page says here",
        &back,
    );
}
