//! kubectl, and awaiting what a cluster does.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Between two looks at the cluster: each starts a process.
const PAUSE: Duration = Duration::from_millis(200);

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) ok: bool,
    pub(crate) text: String,
}

/// Runs kubectl; `input` is its standard input.
pub(crate) fn try_kubectl(arguments: &[&str], input: &str) -> Said {
    let mut child = Command::new("kubectl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubectl is here");
    let mut stdin = child.stdin.take().expect("it is piped");
    // One that does not read its input ends without it.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("kubectl ends");
    let ok = output.status.success();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !ok {
        text.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    Said { ok, text }
}

/// The same with arguments separated by spaces.
#[track_caller]
pub(crate) fn kubectl(arguments: &str) -> String {
    let words: Vec<_> = arguments.split_whitespace().collect();
    let said = try_kubectl(&words, "");
    assert!(said.ok, "kubectl {arguments}: {}", said.text);
    said.text
}

#[track_caller]
pub(crate) fn apply(objects: &str) {
    let said = try_kubectl(&["apply", "-f", "-"], objects);
    assert!(said.ok, "{}\n{objects}", said.text);
}

/// Objects as JSON.
#[track_caller]
pub(crate) fn get(what: &str) -> Value {
    let text = kubectl(&format!("get {what} -o json"));
    serde_json::from_str(&text).expect("kubectl answers JSON")
}

/// Waits until `condition` answers something.
#[track_caller]
pub(crate) fn await_for<T>(
    what: &str,
    timeout: Duration,
    mut condition: impl FnMut() -> Option<T>,
) -> (T, Duration) {
    let started = Instant::now();
    loop {
        if let Some(value) = condition() {
            return (value, started.elapsed());
        }
        assert!(
            started.elapsed() < timeout,
            "{what}: not within {timeout:?}"
        );
        sleep(PAUSE);
    }
}
