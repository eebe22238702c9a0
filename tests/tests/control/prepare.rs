//! `prepare-state` as the init container runs it: root without a capability.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output};

use e2e::binaries::{Profile, binary};
use e2e::gate::{Need, can_run};

const GID: &str = "65532";

/// Root with no capability and in `groups`, as Kubernetes' `capabilities: {drop: [ALL]}` and
/// `supplementalGroups` make it.
fn prepare(dir: &Path, groups: &str) -> Output {
    Command::new("setpriv")
        .args(["--bounding-set=-all", "--inh-caps=-all", groups])
        .arg(binary("encoder-ingest", Profile::Same))
        .arg("prepare-state")
        .arg(dir)
        .args(["--gid", GID])
        .output()
        .expect("setpriv runs")
}

/// As kubelet makes a hostPath.
fn made_by_kubelet() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), mode).expect("a mode");
    folder
}

#[test]
fn root_without_capabilities_gives_a_directory_to_a_group_that_it_is_in() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let folder = made_by_kubelet();
    for _ in 0..2 {
        let output = prepare(folder.path(), "--groups=65532");
        assert!(output.status.success(), "{output:?}");
        let found = folder.path().metadata().expect("it is there");
        assert_eq!(found.mode() & 0o7777, 0o2770);
        assert_eq!((found.uid(), found.gid()), (0, 65_532));
    }
}

#[test]
fn without_the_group_it_says_what_is_missing() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let folder = made_by_kubelet();
    let output = prepare(folder.path(), "--clear-groups");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr);
    for part in [
        &*folder.path().to_string_lossy(),
        GID,
        "uid 0",
        "among the groups",
    ] {
        assert!(told.contains(part), "no {part} in {told}");
    }
    let found = folder.path().metadata().expect("it is there");
    assert_eq!((found.mode() & 0o7777, found.gid()), (0o755, 0));
}
