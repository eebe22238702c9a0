use std::path::Path;

use clap::CommandFactory;

use super::*;

fn configure(words: &str) -> Result<Config, ConfigError> {
    let words = format!("encoder-ingest {words}");
    match Task::from_arguments(words.split_whitespace().map(OsString::from))? {
        Task::Relay(config) => Ok(*config),
        _ => panic!("{words} does not relay"),
    }
}

fn mistakes(words: &str) -> String {
    configure(words).expect_err("mistakes").to_string()
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let config = configure("--interface eth1").expect("config");
    assert_eq!(config.listen.to_string(), "127.0.0.1:9525");
    assert!(!config.node_name.is_empty());
    assert_eq!(config.channels_max, 256);
    assert_eq!(config.connections_max, 4000);
    assert!(config.on_demand.is_empty());
    assert_eq!(config.watch_from.len(), 7);
    let plane = config.plane;
    assert_eq!(plane.interfaces, ["eth1".parse().expect("selector")]);
    assert_eq!(plane.latency, Duration::from_millis(20));
    assert_eq!(plane.history, Duration::from_secs(2));
    assert_eq!(plane.history_bytes_max, 256 << 20);
    assert_eq!(plane.receive_buffer_bytes, None);
    assert_eq!(plane.silence, Duration::from_secs(1));
    assert_eq!(plane.viewer_idle, Duration::from_secs(60));
    assert_eq!(plane.viewers_max, 2000);
    assert!((1..=4).contains(&plane.workers));
}

#[test]
fn every_mistake_is_told_at_once() {
    let words = "--listen 0.0.0.0:9525 --latency-ms 0 --history-mb lots --workers 65 \
        --watch-from 10.0.0.0/8,10.1 --on-demand 10.0.0.0/8 --public-url ftp://x \
        --node-name a/b --token-file /nonexistent/tokens \
        --channels /nonexistent/channels.yaml --bogus 3 --log-format xml --no-auth=maybe";
    let text = mistakes(words);
    for part in [
        "--interface (ENCODER_INGEST_INTERFACE) is required",
        "--latency-ms (ENCODER_INGEST_LATENCY_MS) \"0\": use a whole number, 1 to 1000",
        "--history-mb (ENCODER_INGEST_HISTORY_MB) \"lots\"",
        "--workers (ENCODER_INGEST_WORKERS) \"65\"",
        "--watch-from (ENCODER_INGEST_WATCH_FROM) \"10.1\"",
        "--on-demand (ENCODER_INGEST_ON_DEMAND) \"10.0.0.0/8\": use networks of multicast",
        "--public-url (ENCODER_INGEST_PUBLIC_URL) \"ftp://x\"",
        "--node-name (ENCODER_INGEST_NODE_NAME) \"a/b\"",
        "--token-file: cannot read token file \"/nonexistent/tokens\"",
        "--channels /nonexistent/channels.yaml",
        "unexpected argument '--bogus' found",
        "--log-format (ENCODER_INGEST_LOG_FORMAT) \"xml\": use text or json",
        "'--no-auth'",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    assert_eq!(text.lines().count(), 14, "{text}");
}

#[test]
fn the_search_on_other_nics_is_named_or_off() {
    let probe = |words: &str| {
        let words = format!("--interface lo {words}");
        configure(&words).expect("config").plane.probe
    };
    assert_eq!(probe(""), ProbeInterfaces::Devices);
    assert_eq!(probe("--probe-interfaces none"), ProbeInterfaces::Off);
    let named = ["eth1", "10.1.0.0/16"].map(|nic| nic.parse().expect("selector"));
    assert_eq!(
        probe("--probe-interfaces eth1,10.1.0.0/16"),
        ProbeInterfaces::Named(named.into())
    );
    for wrong in ["eth1,none", "a/b"] {
        let text = mistakes(&format!("--interface lo --probe-interfaces {wrong}"));
        assert!(
            text.contains("--probe-interfaces (ENCODER_INGEST_PROBE_INTERFACES)"),
            "{text}"
        );
    }
}

#[test]
fn listening_openly_needs_credentials_or_a_word() {
    let text = mistakes("--interface lo --listen [::]:9525");
    assert!(text.contains("--token-file FILE"), "{text}");
    assert!(configure("--interface lo --listen [::]:9525 --no-auth").is_ok());
    let file = tempfile::NamedTempFile::new().expect("file");
    std::fs::write(file.path(), "a admin secret\n").expect("write");
    let path = file.path().display();
    let words = format!("--interface lo --listen 0.0.0.0:9525 --token-file {path}");
    assert!(configure(&words).is_ok());
    std::fs::write(file.path(), "a boss secret\nb\n").expect("write");
    let text = mistakes(&words);
    assert!(text.contains("line 1") && text.contains("line 2"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn usage_mistakes_and_help_have_their_exit_codes() {
    for (words, code) in [("--no-such-flag", 2), ("--version", 0), ("--help", 0)] {
        let error = configure(words).expect_err(words);
        assert_eq!(error.report("encoder-ingest"), code, "{words}");
    }
}

#[test]
fn every_flag_has_its_variable_and_says_its_unit() {
    let command = Arguments::command();
    for argument in command.get_arguments() {
        let id = argument.get_id().as_str();
        if matches!(id, "help" | "version") {
            continue;
        }
        let variable = format!("ENCODER_INGEST_{}", id.to_uppercase());
        let env = argument.get_env().and_then(|env| env.to_str());
        assert_eq!(env, Some(variable.as_str()));
        let help = argument.get_help().expect(id).to_string();
        for (ending, unit) in [
            ("_ms", "Milliseconds"),
            ("_kb", "Kilobytes"),
            ("_mb", "Megabytes"),
            ("_s", "Seconds"),
        ] {
            if id.ends_with(ending) {
                assert!(help.starts_with(unit), "{id}: {help}");
            }
        }
    }
    command.debug_assert();
}

#[test]
fn other_tasks_have_their_own_words() {
    let task = |words: &str| Task::from_arguments(words.split_whitespace().map(OsString::from));
    let Ok(Task::PrepareState(task_read)) = task("encoder-ingest prepare-state /a /b --gid 65532")
    else {
        panic!("it is understood");
    };
    assert_eq!(task_read.dirs, [Path::new("/a"), Path::new("/b")]);
    assert_eq!(task_read.gid, 65_532);
    for words in [
        "/a",
        "--gid 7",
        "/a --gid 0",
        "/a --gid nobody",
        "/a --gid 7 --listen x",
    ] {
        let error = task(&format!("encoder-ingest prepare-state {words}")).expect_err(words);
        assert_eq!(error.report("encoder-ingest"), 2, "{words}");
    }
}
