//! Secrets, names and tags: what is known to everyone stays in `dev`.

use std::process::Command;

use e2e::binaries::{Profile, binary};
use e2e::tree::{files, read};

use crate::{none, overlays};

/// Words that only overlay `dev` may hold: its tokens and its password's hash.
fn known_to_everyone() -> Vec<String> {
    let users = read("k8s/overlays/dev/users.yaml");
    let hash = users.split('"').find(|text| text.starts_with("$argon2id$"));
    let tokens = read("k8s/overlays/dev/tokens");
    let tokens = tokens.lines().filter_map(|line| line.split(' ').nth(2));
    let mut words: Vec<_> = tokens.map(str::to_owned).collect();
    assert_eq!(words.len(), 2, "{words:?}");
    words.push(hash.expect("a hash").to_owned());
    words
}

#[test]
fn the_dev_password_and_tokens_are_nowhere_else() {
    let mut findings = Vec::new();
    for file in files("k8s", &[]) {
        if file.path.starts_with("k8s/overlays/dev/") {
            continue;
        }
        for word in known_to_everyone() {
            if file.text.contains(&word) {
                findings.push(format!("{} holds {word}", file.path));
            }
        }
    }
    none(&findings);
}

#[test]
fn production_brings_no_secret_and_every_image_has_a_tag() {
    let Some(overlays) = overlays(&[]) else {
        return;
    };
    let mut findings = Vec::new();
    for (overlay, manifests) in &overlays {
        let secrets = manifests.of_kind("Secret").count();
        let allowed = if *overlay == "dev" { 2 } else { 0 };
        assert_eq!(secrets, allowed, "{overlay}");
        for (_, container) in manifests.containers() {
            let image = container["image"].as_str().unwrap_or_default();
            let (name, tag) = image.rsplit_once(':').unwrap_or((image, ""));
            if tag.is_empty() || tag == "latest" || tag.contains('/') {
                findings.push(format!("{overlay}: {image} has no tag of its own"));
            }
            if (*overlay == "dev") != name.starts_with("localhost/") {
                findings.push(format!("{overlay}: {image}"));
            }
        }
    }
    none(&findings);
}

#[test]
fn what_is_read_live_keeps_its_name_and_the_nic_does_not() {
    let Some(overlays) = overlays(&[]) else {
        return;
    };
    for (overlay, manifests) in &overlays {
        let channels = manifests.named("ConfigMap", "encoder-channels");
        assert!(channels["data"]["channels.yaml"].is_string(), "{overlay}");
        let names = manifests.of_kind("ConfigMap");
        let names = names.filter_map(|map| map["metadata"]["name"].as_str());
        let nic: Vec<_> = names
            .filter(|name| name.starts_with("encoder-nic-"))
            .collect();
        assert_eq!(nic.len(), 1, "{overlay}: {nic:?}");
        let text = manifests.text();
        let used = format!("name: {}\n", nic[0]);
        assert!(
            text.matches(&used).count() >= 2,
            "{overlay}: the NIC's name is used"
        );
    }
    let dev = &overlays[0].1;
    for (name, keys) in [
        ("encoder-tokens", &["tokens", "ui", "node"][..]),
        ("encoder-users", &["users.yaml"]),
    ] {
        let data = &dev.named("Secret", name)["data"];
        let data = data.as_object().expect("data");
        assert_eq!(data.len(), keys.len(), "{name}");
        assert!(keys.iter().all(|key| data.contains_key(*key)), "{name}");
    }
}

/// The program judges its files itself; one more mistake keeps it from starting.
#[test]
fn the_files_of_the_overlays_are_right() {
    let root = e2e::tree::root();
    for overlay in ["dev", "production"] {
        let folder = root.join("k8s/overlays").join(overlay);
        let mut command = Command::new(binary("encoder-ingest", Profile::Same));
        command.args(["--interface", "lo", "--workers", "0", "--channels"]);
        command.arg(folder.join("channels.yaml"));
        if overlay == "dev" {
            command.arg("--token-file").arg(folder.join("tokens"));
        }
        let output = command.output().expect("it runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{overlay}: {told}");
        assert!(told.contains("--workers"), "{overlay}: {told}");
        assert_eq!(told.lines().count(), 2, "{overlay}: {told}");
    }
    let tokens = read("k8s/overlays/dev/tokens");
    let kustomization = read("k8s/overlays/dev/kustomization.yaml");
    for (name, role) in [("ui", "admin"), ("node", "node")] {
        assert!(
            tokens.contains(&format!("{name} {role} dev-{name}\n")),
            "{tokens}"
        );
        assert!(kustomization.contains(&format!("{name}=dev-{name}")));
    }
}
