//! Wrong usage and configuration: every mistake at once, exit 2, nothing bound.

use e2e::binaries::{Profile, binary};
use e2e::gate::{Need, can_run};
use e2e::host::Host;
use e2e::process::Program;
use e2e::wait::seconds;

fn ended(host: &Host, arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
    let mut program = Program::new(host, binary("encoder-ingest", Profile::Same));
    for (key, value) in environment {
        program = program.env(key, value);
    }
    let mut process = program.args(arguments).start();
    (process.exit_code(seconds(10)), process.log())
}

#[track_caller]
fn all_told(told: &(i32, String), parts: &[&str]) {
    assert_eq!(told.0, 2, "{}", told.1);
    for part in parts {
        assert!(told.1.contains(part), "no {part} in {}", told.1);
    }
}

#[test]
fn all_wrong_flags_are_told_at_once() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let host = Host::new("node");
    let wrong = [
        ("--listen", "nowhere"),
        ("--latency-ms", "soon"),
        ("--workers", "0"),
        ("--watch-from", "10.0.0.0/33"),
        ("--max-viewers", "-1"),
        ("--history-ms", "1e3"),
        ("--channels", "/no/such/file.yaml"),
    ];
    let mut arguments = vec!["--interface".to_owned(), "eth0".to_owned()];
    arguments.extend(wrong.map(|(flag, value)| format!("{flag}={value}")));
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let told = ended(&host, &arguments, &[]);
    for (flag, value) in wrong {
        all_told(&told, &[flag, value]);
    }
}

#[test]
fn a_missing_and_an_unknown_flag_are_told() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let host = Host::new("node");
    all_told(&ended(&host, &[], &[]), &["--interface"]);
    let told = ended(&host, &["--interface", "eth0", "--latencyms", "3"], &[]);
    all_told(&told, &["--latencyms", "--latency-ms"]);
}

#[test]
fn an_environment_variable_stands_for_a_flag() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let host = Host::new("node");
    let environment = [
        ("ENCODER_INGEST_INTERFACE", "eth0"),
        ("ENCODER_INGEST_LATENCY_MS", "soon"),
    ];
    let told = ended(&host, &[], &environment);
    all_told(&told, &["soon"]);
    let complained = told.1.contains("required") && told.1.contains("--interface <");
    assert!(!complained, "{}", told.1);
}

#[test]
fn every_mistake_in_a_channels_file_is_told_with_its_line() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let host = Host::new("node");
    let file = tempfile::NamedTempFile::new().expect("a file");
    let text = "channels:
  - id: News
    name: News
    inputs: [{url: 'udp://239.1.1.1:5000'}]
  - id: second
    name: Second
    colour: red
    inputs: [{url: 'udp://10.0.0.1:5000'}]
  - id: third
    name: Third
    slow_viewer: perhaps
    inputs: []
";
    std::fs::write(file.path(), text).expect("written");
    let path = file.path().to_string_lossy().into_owned();
    let told = ended(&host, &["--interface", "eth0", "--channels", &path], &[]);
    all_told(
        &told,
        &[
            "News", "colour", "10.0.0.1", "perhaps", "inputs", "2", "7", "8", "11",
        ],
    );
}

#[test]
fn help_and_version_are_told_with_exit_0() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let host = Host::new("node");
    let (code, help) = ended(&host, &["--help"], &[]);
    assert_eq!(code, 0);
    for flag in [
        "--listen",
        "--interface",
        "--node-name",
        "--public-url",
        "--channels",
        "--state-dir",
        "--token-file",
        "--watch-from",
        "--on-demand",
        "--latency-ms",
        "--history-ms",
        "--history-mb",
        "--receive-buffer-kb",
        "--silence-ms",
        "--viewer-idle-s",
        "--workers",
        "--max-channels",
        "--max-viewers",
        "--max-connections",
        "--no-auth",
        "--log-dir",
        "--log-format",
        "ENCODER_INGEST_LISTEN",
        "127.0.0.1:9525",
    ] {
        assert!(help.contains(flag), "no {flag} in {help}");
    }
    let (code, version) = ended(&host, &["--version"], &[]);
    assert_eq!(code, 0);
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
}
