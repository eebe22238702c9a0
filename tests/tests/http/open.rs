//! Control without credentials: on loopback, or by an explicit `--no-auth`; never for a page of
//! another origin.

use e2e::binaries::{Profile, binary};
use e2e::gate::{Need, can_run};
use e2e::host::Host;
use e2e::ingest::{Ingest, Options};
use e2e::process::Program;
use e2e::scene::{Scene, URL};
use e2e::wait::seconds;

#[test]
fn a_foreign_origin_or_host_is_refused_where_control_is_open() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL).loopback());
    let http = ingest.http();
    let ask = |headers: &[(&str, &str)]| http.request("GET", "/api/v1/channels", headers, b"");
    let _ = ask(&[("Origin", "http://evil.example")]).problem(403);
    // A page whose name was made to resolve to this address (DNS rebinding).
    let _ = ask(&[("Host", "evil.example:9525")]).problem(403);
    let _ = ask(&[("Origin", "null")]).problem(403);
    for host in ["127.0.0.1:9525", "localhost:9525", "[::1]:9525"] {
        assert_eq!(ask(&[("Host", host)]).status(), 200, "{host}");
    }
    let own = [
        ("Host", "127.0.0.1:9525"),
        ("Origin", "http://127.0.0.1:9525"),
    ];
    assert_eq!(ask(&own).status(), 200, "its own origin");
    let text = br#"{"id":"x","name":"X","inputs":[{"url":"udp://239.1.1.2:5000"}]}"#;
    let foreign = [
        ("Origin", "http://evil.example"),
        ("Content-Type", "application/json"),
    ];
    let _ = http
        .request("POST", "/api/v1/channels", &foreign, text)
        .problem(403);
    assert_eq!(ingest.channel_ids(), ["news"]);
}

/// Starts a program that must refuse; answers what it said.
fn refused(host: &Host, program: &str, arguments: &[&str]) -> String {
    let program = Program::new(host, binary(program, Profile::Same));
    let mut process = program.args(arguments).start();
    assert_eq!(process.exit_code(seconds(10)), 2, "{}", process.log());
    process.log()
}

#[test]
fn listening_openly_without_credentials_is_refused() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let usual = ["--interface", "eth0", "--listen"];
    for address in ["0.0.0.0:9525", "[::]:9525", "10.0.0.2:9525"] {
        let arguments = [usual.as_slice(), &[address]].concat();
        let said = refused(&scene.node, "encoder-ingest", &arguments);
        for part in ["--no-auth", "--token-file", address] {
            assert!(said.contains(part), "no {part} in {said}");
        }
    }
    let said = refused(
        &scene.node,
        "source-server",
        &["--interface", "eth0", "--listen", "0.0.0.0:9537"],
    );
    assert!(said.contains("--no-auth"), "{said}");
}
