//! A port that another process holds: who, as far as /proc shows it, and exit 1.

use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;

use e2e::binaries::{Profile, binary};
use e2e::gate::{Need, can_run};
use e2e::process::Program;
use e2e::scene::Scene;
use e2e::wait::seconds;

const NOBODY: u32 = 65_534;

/// A listener of this process on the port, and its socket's inode.
fn holder(scene: &Scene) -> (TcpListener, String) {
    let listener = scene.node.enter(|| TcpListener::bind("127.0.0.1:9525"));
    let listener = listener.expect("the port is free");
    let link = std::fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd()));
    let link = link.expect("a socket").to_string_lossy().into_owned();
    let inode = link.trim_start_matches("socket:[").trim_end_matches(']');
    (listener, inode.to_owned())
}

#[test]
fn as_root_the_holder_is_named_with_its_pid() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let (listener, inode) = holder(&scene);
    let mut second = Program::new(&scene.node, binary("encoder-ingest", Profile::Same))
        .args(["--interface", "eth0"])
        .start();
    assert_eq!(second.exit_code(seconds(10)), 1);
    let log = second.log();
    let pid = std::process::id().to_string();
    let own = std::fs::read_to_string("/proc/self/comm").expect("a name");
    for part in ["127.0.0.1:9525", &pid, own.trim(), &inode] {
        assert!(log.contains(part), "no {part} in {log}");
    }
    drop(listener);
}

#[test]
fn as_another_user_its_uid_and_inode_are_told_and_what_to_run() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let (listener, inode) = holder(&scene);
    // Where this user may read it.
    let folder = tempfile::tempdir().expect("a folder");
    let everyone = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), everyone).expect("permissions");
    let program = folder.path().join("encoder-ingest");
    std::fs::copy(binary("encoder-ingest", Profile::Same), &program).expect("a copy");
    let mut second = Program::new(&scene.node, &program)
        .as_user(NOBODY)
        .args(["--interface", "eth0"])
        .start();
    assert_eq!(second.exit_code(seconds(10)), 1);
    let log = second.log();
    let command = "ss -ltnp 'sport = :9525'";
    for part in ["127.0.0.1:9525", "uid 0", &inode, command] {
        assert!(log.contains(part), "no {part} in {log}");
    }
    drop(listener);
}
