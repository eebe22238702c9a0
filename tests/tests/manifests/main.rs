//! The Kubernetes manifests and the images' files against the programs and the rules for pods
//! (ARCHITECTURE.md, invariant 13). Nothing is run on a cluster here: that is tests/cluster.

mod guide;
mod metrics;
mod restricted;
mod secrets;
mod valid;
mod values;

use std::collections::BTreeMap;
use std::process::Command;

use e2e::binaries::{Profile, binary};
use e2e::manifest::Manifests;

/// A program as its own help describes it.
struct Described {
    /// Variables, each with its default.
    variables: BTreeMap<String, Option<String>>,
}

impl Described {
    fn of(program: &str) -> Self {
        let output = Command::new(binary(program, Profile::Same))
            .arg("--help")
            .env_clear()
            .output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // The help is wrapped; what it says is not.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let described = text.split("[env: ").skip(1).map(|rest| {
            let name = rest.split('=').next().unwrap_or_default().to_owned();
            let after = rest.split_once(']').map_or("", |(_, after)| after);
            let value = after.strip_prefix(" [default: ");
            let value = value.and_then(|value| value.split(']').next());
            (name, value.map(str::to_owned))
        });
        Self {
            variables: described.collect(),
        }
    }

    /// The port that it listens on by default.
    fn port(&self, program: &str) -> u64 {
        let name = format!("{}_LISTEN", program.to_uppercase().replace('-', "_"));
        let address = self.variables.get(&name).cloned().flatten();
        let address = address.unwrap_or_else(|| panic!("{program} has no {name}"));
        let port = address
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        port.unwrap_or_else(|| panic!("{name}={address}"))
    }
}

/// Both overlays, as `kubectl kustomize` renders them; None where it can't.
fn overlays(needs: &[e2e::gate::Need]) -> Option<[(&'static str, Manifests); 2]> {
    if !e2e::gate::can_run(&[needs, &[e2e::gate::Need::Kustomize]].concat()) {
        return None;
    }
    Some(["dev", "production"].map(|name| {
        let folder = format!("k8s/overlays/{name}");
        (name, Manifests::rendered(&folder))
    }))
}

/// Fails with all findings at once, one a line.
#[track_caller]
fn none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}
