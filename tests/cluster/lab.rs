//! What lies around the cluster: hosts outside it, its nodes, and the archives of our images.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use e2e::tree::root;
use serde_json::Value;

use crate::kubectl::get;

/// A process that is killed when it is no longer wanted.
#[derive(Debug)]
pub(crate) struct Held(pub(crate) Child);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// kubelab's command, where that is the cluster.
pub(crate) fn kubelab() -> Option<PathBuf> {
    std::env::var_os("KUBELAB").map(PathBuf::from)
}

/// A command on a host of kubelab: `src`, `client`, or a node.
#[track_caller]
pub(crate) fn on_host(host: &str, program: &str) -> Command {
    let mut command = Command::new(kubelab().expect("kubelab"));
    command.args(["exec", host, program]);
    command
}

/// A command outside the cluster: kubelab's `client`, elsewhere this machine.
pub(crate) fn outside(program: &str) -> Command {
    if kubelab().is_some() {
        on_host("client", program)
    } else {
        Command::new(program)
    }
}

/// Runs a command of kubelab itself.
#[track_caller]
pub(crate) fn lab(arguments: &[&str]) {
    let status = Command::new(kubelab().expect("kubelab"))
        .args(arguments)
        .stdout(Stdio::null())
        .status()
        .expect("kubelab runs");
    assert!(status.success(), "kubelab {arguments:?}: {status}");
}

/// One of our programs as it is in its image.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = root().join("target/dist/out").join(name);
    assert!(path.exists(), "{} is missing: make images", path.display());
    path
}

/// The source on kubelab's multicast network: a provable test card to `group`.
pub(crate) fn source_outside(group: &str) -> Held {
    let child = on_host("src", &program("source-server").to_string_lossy())
        .args(["--interface", "eth0", "--proof", "--group", group])
        .stdout(Stdio::null())
        .spawn();
    Held(child.expect("source-server starts"))
}

/// What `source-server verify` says of a relay, read from outside the cluster.
pub(crate) fn verify_outside(url: &str, seconds: u32) -> Value {
    let output = outside(&program("source-server").to_string_lossy())
        .args(["verify", url, "--json", "--seconds", &seconds.to_string()])
        .output()
        .expect("verify runs");
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr))
    })
}

/// Status and body of a request from outside the cluster; status 0: no answer.
#[track_caller]
pub(crate) fn request(
    method: &str,
    url: &str,
    token: Option<&str>,
    body: Option<&str>,
) -> (u16, String) {
    let mut command = outside("curl");
    command.args(["-s", "-m", "10", "-X", method, "-w", "\n%{http_code}", url]);
    if let Some(token) = token {
        command.args(["-H", &format!("Authorization: Bearer {token}")]);
    }
    if let Some(body) = body {
        command.args(["-H", "Content-Type: application/json", "-d", body]);
    }
    let output = command.output().expect("curl runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').unwrap_or(("", "0"));
    (status.parse().unwrap_or(0), body.to_owned())
}

/// The API of an ingest, asked with the token of overlay `dev`.
#[track_caller]
pub(crate) fn ask(base: &str, path: &str) -> Option<Value> {
    let (status, body) = request("GET", &format!("{base}/api/v1{path}"), Some("dev-ui"), None);
    (status == 200).then(|| serde_json::from_str(&body).expect("JSON"))
}

/// Names and addresses of the nodes.
pub(crate) fn nodes() -> Vec<(String, String)> {
    let nodes = get("nodes");
    let items = nodes["items"].as_array().cloned().unwrap_or_default();
    let node = |node: &Value| {
        let addresses = node["status"]["addresses"].as_array()?;
        let internal = addresses.iter().find(|one| one["type"] == "InternalIP")?;
        let name = node["metadata"]["name"].as_str()?.to_owned();
        Some((name, internal["address"].as_str()?.to_owned()))
    };
    items.iter().filter_map(node).collect()
}

/// Writes a measured value down: target/cluster/measured.txt, and the test's output.
pub(crate) fn measured(what: &str, value: &str) {
    let folder = root().join("target/cluster");
    let _ = std::fs::create_dir_all(&folder);
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("measured.txt"));
    let mut file = file.expect("it can be written");
    writeln!(file, "{what}: {value}").expect("it can be written");
    let _ = writeln!(std::io::stderr(), "MEASURED {what}: {value}");
}
