//! Kubernetes manifests as `kubectl kustomize` renders them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::tree::root;

/// All objects of a rendered folder.
#[derive(Debug)]
pub struct Manifests {
    text: String,
    objects: Vec<Value>,
}

impl Manifests {
    /// Renders `folder`, named from the repository's root.
    ///
    /// # Panics
    /// When it can't be rendered.
    #[must_use]
    pub fn rendered(folder: &str) -> Self {
        let output = Command::new("kubectl")
            .arg("kustomize")
            .arg(root().join(folder))
            .output()
            .unwrap_or_else(|error| panic!("kubectl: {error}"));
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{folder}: {told}");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let objects = text.split("\n---\n").map(|document| {
            let object = serde_saphyr::from_str(document);
            object.unwrap_or_else(|error| panic!("{folder}: {error}"))
        });
        let objects = objects.collect();
        Self { text, objects }
    }

    /// As it was rendered.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn objects(&self) -> &[Value] {
        &self.objects
    }

    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        let objects = self.objects.iter();
        objects.filter(move |object| object["kind"] == kind)
    }

    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn named(&self, kind: &str, name: &str) -> &Value {
        let mut found = self.of_kind(kind);
        found
            .find(|object| object["metadata"]["name"] == name)
            .unwrap_or_else(|| panic!("no {kind} {name}"))
    }

    /// Deployments and DaemonSets.
    pub fn workloads(&self) -> impl Iterator<Item = &Value> {
        let pods = |object: &&Value| !object["spec"]["template"]["spec"].is_null();
        self.objects.iter().filter(pods)
    }

    /// Every container, init containers among them, with its workload.
    pub fn containers(&self) -> impl Iterator<Item = (&Value, &Value)> {
        self.workloads().flat_map(|workload| {
            let spec = &workload["spec"]["template"]["spec"];
            let lists = ["initContainers", "containers"];
            let lists = lists.into_iter().filter_map(|list| spec[list].as_array());
            lists.flatten().map(move |container| (workload, container))
        })
    }

    /// The variables of a container, each with its entry.
    pub fn variables(container: &Value) -> impl Iterator<Item = (&str, &Value)> {
        let entries = container["env"].as_array().into_iter().flatten();
        entries.filter_map(|entry| Some((entry["name"].as_str()?, entry)))
    }
}

/// A variable's value as a number.
///
/// # Panics
/// When it is none.
#[must_use]
#[track_caller]
pub fn number(entry: &Value) -> u64 {
    let value = entry["value"].as_str().and_then(|text| text.parse().ok());
    value.unwrap_or_else(|| panic!("{entry} is no number"))
}

/// The program that compares manifests with the published schemas: the one that `scripts/setup` put
/// beside the builds, or one in the PATH.
#[must_use]
pub fn schema_check() -> PathBuf {
    let own = root().join("target/python/bin/kubernetes-validate");
    if own.exists() {
        return own;
    }
    Path::new("kubernetes-validate").to_path_buf()
}
