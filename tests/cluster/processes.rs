//! The processes of the pods as the machine sees them (kubelab: its nodes are namespaces of this one).

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use e2e::gate::Need;

use crate::system::System;

/// A process of one of our programs on a node of kubelab.
#[derive(Debug)]
struct Seen {
    program: String,
    folder: PathBuf,
    status: String,
}

impl Seen {
    fn field(&self, name: &str) -> Vec<&str> {
        let mut lines = self.status.lines();
        let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().split_whitespace().collect()
    }

    fn namespace(&self, kind: &str) -> u64 {
        inode(&self.folder.join("ns").join(kind))
    }
}

fn inode(path: &Path) -> u64 {
    let found = path
        .metadata()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    found.ino()
}

/// Our processes in the cluster: those whose cgroup is kubelab's.
fn ours() -> Vec<Seen> {
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let seen = processes.filter_map(|entry| {
        let folder = entry.path();
        let program = std::fs::read_to_string(folder.join("comm"))
            .ok()?
            .trim()
            .to_owned();
        let cgroup = std::fs::read_to_string(folder.join("cgroup")).ok()?;
        let status = std::fs::read_to_string(folder.join("status")).ok()?;
        let ours = program.starts_with("encoder-") || program == "source-server";
        (ours && cgroup.contains("/kubelab/")).then_some(Seen {
            program,
            folder,
            status,
        })
    });
    seen.collect()
}

fn of<'a>(seen: &'a [Seen], program: &'a str) -> impl Iterator<Item = &'a Seen> {
    seen.iter().filter(move |one| one.program == program)
}

#[test]
fn the_ui_has_a_network_namespace_of_its_own_and_ingest_the_hosts() {
    let Some(system) = System::dev(&[Need::Kubelab]) else {
        return;
    };
    let pod = system.ingest();
    let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    let seen = ours();
    let host = inode(&Path::new("/run/netns").join(format!("kl-{node}")));
    let ingest = of(&seen, "encoder-ingest").next().expect("ingest runs");
    assert_eq!(ingest.namespace("net"), host);
    let page = of(&seen, "encoder-ui").next().expect("the UI runs");
    let hosts = crate::lab::nodes();
    let hosts = hosts
        .iter()
        .map(|(name, _)| format!("/run/netns/kl-{name}"));
    for namespace in hosts {
        assert_ne!(page.namespace("net"), inode(Path::new(&namespace)));
    }
}

#[test]
fn all_pods_run_without_root_capabilities_or_a_writable_root_and_under_seccomp() {
    let Some(_system) = System::dev(&[Need::Kubelab]) else {
        return;
    };
    let seen = ours();
    let mut programs = BTreeMap::new();
    for one in &seen {
        *programs.entry(one.program.as_str()).or_insert(0) += 1;
        for (field, value) in [
            ("Uid", "65532"),
            ("Gid", "65532"),
            ("CapEff", "0000000000000000"),
            ("CapPrm", "0000000000000000"),
            ("CapBnd", "0000000000000000"),
            ("NoNewPrivs", "1"),
            // A filter (linux/seccomp.h, SECCOMP_MODE_FILTER).
            ("Seccomp", "2"),
        ] {
            let found = one.field(field);
            assert!(!found.is_empty(), "{} has no {field}", one.program);
            assert!(
                found.iter().all(|part| *part == value),
                "{}: {field} {found:?}",
                one.program
            );
        }
        let mounts = std::fs::read_to_string(one.folder.join("mounts")).expect("mounts");
        let root = mounts
            .lines()
            .find(|line| line.split(' ').nth(1) == Some("/"));
        let options = root
            .and_then(|line| line.split(' ').nth(3))
            .unwrap_or_default();
        assert!(
            options.split(',').any(|option| option == "ro"),
            "{}: {options}",
            one.program
        );
    }
    for program in [
        "encoder-ingest",
        "encoder-node",
        "encoder-ui",
        "source-server",
    ] {
        assert!(
            programs.contains_key(program),
            "{program} is not among {programs:?}"
        );
    }
}

#[test]
fn a_container_is_one_process_that_listens_on_one_port() {
    let Some(_system) = System::dev(&[Need::Kubelab]) else {
        return;
    };
    let seen = ours();
    for one in seen.iter().filter(|one| one.program != "encoder-node") {
        let own = one.namespace("pid");
        let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
        let inside = processes.filter(|entry| {
            let namespace = entry.path().join("ns/pid").metadata();
            namespace.is_ok_and(|namespace| namespace.ino() == own)
        });
        assert_eq!(inside.count(), 1, "{}", one.program);
    }
    // On the node's network others listen as well; the UI's namespace is its own.
    let page = of(&seen, "encoder-ui").next().expect("the UI runs");
    let table = std::fs::read_to_string(page.folder.join("net/tcp")).expect("a table");
    let listening = table.lines().skip(1).filter_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        (words.get(3) == Some(&"0A")).then(|| words[1].to_owned())
    });
    let listening: Vec<_> = listening.collect();
    assert_eq!(listening, ["00000000:1F90"], "port 8080 and no other");
}
