//! A port that the scheduler believes to be free: a process of the node holds it.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Instant;

use e2e::gate::Need;
use e2e::wait::seconds;

use crate::kubectl::{await_for, try_kubectl};
use crate::lab::{Held, measured, nodes, on_host, program};
use crate::system::{System, on_node};

/// A user that nothing else on the node is.
const HOLDER_UID: &str = "4242";

/// Our own test source, as a process of the node and on ingest's port.
fn hold(node: &str, folder: &std::path::Path) -> Held {
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder, mode).expect("a mode");
    let copy = folder.join("holder");
    std::fs::copy(program("source-server"), &copy).expect("a copy");
    let child = on_host(node, "setpriv")
        .args([&format!("--reuid={HOLDER_UID}"), "--clear-groups"])
        .arg(copy)
        .args(["--listen", "0.0.0.0:9525", "--no-auth", "--interface", "lo"])
        .args(["--channels", "0"])
        .stdout(Stdio::null())
        .spawn();
    Held(child.expect("it starts"))
}

#[test]
fn a_port_held_by_a_process_of_the_node_is_told_and_taken_once_it_is_free() {
    let Some(system) = System::empty(&[Need::Kubelab]) else {
        return;
    };
    drop(system);
    let (node, address) = nodes().remove(1);
    let folder = tempfile::tempdir().expect("a folder");
    let holder = hold(&node, folder.path());
    let url = format!("http://{address}:9525/live");
    await_for("the port is held", seconds(10), || {
        (crate::lab::request("GET", &url, None, None).0 == 200).then_some(())
    });
    let Some(system) = System::dev_with(&[Need::Kubelab], &[on_node(&node)]) else {
        return;
    };
    let (message, _) = await_for("it has failed twice", seconds(60), || {
        let pod = system.ingests().into_iter().next()?;
        let status = &pod["status"]["containerStatuses"][0];
        let ended = &status["lastState"]["terminated"];
        let twice = status["restartCount"].as_u64() >= Some(1) && ended["exitCode"] == 1;
        let message = ended["message"].as_str()?.to_owned();
        twice.then_some(message)
    });
    let command = "ss -ltnp 'sport = :9525'";
    for part in [
        "0.0.0.0:9525 is in use",
        "outside this container",
        "uid 4242",
        command,
    ] {
        assert!(message.contains(part), "no {part} in {message}");
    }
    // kubelet removes the logs of containers that ended; of two attempts one is there.
    await_for("the log says the same", seconds(60), || {
        let words = "-n encoder logs deployment/encoder-ingest -c encoder-ingest";
        let said = try_kubectl(&words.split(' ').collect::<Vec<_>>(), "");
        said.text.contains(command).then_some(())
    });
    drop(holder);
    let freed = Instant::now();
    let uid = &system.ingests()[0]["metadata"]["uid"];
    // kubelet waits 10 s, 20 s, 40 s and so on, 300 s at most.
    await_for("it runs by itself", seconds(90), || {
        let pod = system.ingests().into_iter().next()?;
        let ready = pod["status"]["containerStatuses"][0]["ready"] == true;
        (ready && pod["metadata"]["uid"] == *uid).then_some(())
    });
    measured(
        "a port held by a process of the node, the termination message",
        message.trim(),
    );
    let took = format!("{:.1} s", freed.elapsed().as_secs_f64());
    measured(
        "a port held by a process of the node, ready after it is freed",
        &took,
    );
}
