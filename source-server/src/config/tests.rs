use std::io::Write;

use clap::CommandFactory;

use super::*;
use crate::definition::ContentDefinition;

fn configure(words: &str) -> Result<Config, ConfigError> {
    let words = format!("source-server {words}");
    Config::from_arguments(words.split_whitespace().map(OsString::from))
}

fn sending(words: &str) -> SendConfig {
    match configure(words).expect(words) {
        Config::Send(config) => *config,
        Config::Verify(_) => panic!("{words} does not send"),
    }
}

fn mistakes(words: &str) -> String {
    configure(words).expect_err("mistakes").to_string()
}

fn urls(config: &SendConfig) -> Vec<String> {
    config
        .streams
        .iter()
        .map(|stream| stream.definition.url.to_string())
        .collect()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("file");
    file.write_all(text.as_bytes()).expect("write");
    file
}

#[test]
fn without_more_it_is_one_test_card() {
    let config = sending("--interface lo");
    assert_eq!(config.listen.to_string(), "127.0.0.1:9537");
    assert_eq!(urls(&config), ["udp://239.255.0.1:5000"]);
    let card = &config.streams[0].definition;
    assert_eq!(
        (card.id.as_str(), card.name.as_str()),
        ("testcard", "Test card")
    );
    assert!(matches!(
        card.content,
        ContentDefinition::TestCard { bps: 8_000_000, .. }
    ));
    assert_eq!(
        (card.ttl, card.loopback, card.proof, card.source),
        (1, true, false, None)
    );
    assert!((1..=4).contains(&config.threads));
}

#[test]
fn channels_have_groups_of_their_own_over_octets() {
    let config = sending(
        "--interface lo --channels 3 --group 239.1.1.255 --port 6000 --rtp --mbps 12.5 --proof --ttl 4 --loopback off --source 192.0.2.1",
    );
    let wanted = [
        "rtp://239.1.1.255:6000",
        "rtp://239.1.2.0:6000",
        "rtp://239.1.2.1:6000",
    ];
    assert_eq!(urls(&config), wanted);
    let last = &config.streams[2].definition;
    assert_eq!(last.id.as_str(), "c003");
    assert!(last.proof && !last.loopback && last.form.rtp.is_some());
    assert_eq!(
        (last.ttl, last.source),
        (4, Some("192.0.2.1".parse().expect("ip")))
    );
    let v6 = sending("--interface lo --channels 2 --group ff3e::8000:ffff --source 192.0.2.1");
    assert_eq!(
        urls(&v6),
        ["udp://[ff3e::8000:ffff]:5000", "udp://[ff3e::8001:0]:5000"]
    );
    assert_eq!(v6.streams[0].definition.source, None);
    assert_eq!(
        sending("--interface lo --channels 1000").streams.len(),
        1000
    );
    assert!(
        sending("--interface lo --loopback --channels 0")
            .streams
            .is_empty()
    );
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = mistakes(
        "--listen 0.0.0.0:9537 --source 239.1.1.1 --ttl 300 --mbps 2 --channels 3 --group 239.255.255.254 --port 0 --threads 0 --token-file /nonexistent/tokens",
    );
    for part in [
        "--interface (SOURCE_SERVER_INTERFACE) is required",
        "--source (SOURCE_SERVER_SOURCE) \"239.1.1.1\": use a unicast address",
        "--ttl (SOURCE_SERVER_TTL) \"300\": use a whole number, 0 to 255",
        "--mbps (SOURCE_SERVER_MBPS) \"2\": use a number, 3 to 4000",
        "--port (SOURCE_SERVER_PORT) \"0\"",
        "--threads (SOURCE_SERVER_THREADS) \"0\"",
        "--token-file: cannot read token file",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let text = mistakes("--interface lo --channels 3 --group 239.255.255.254");
    assert!(
        text.contains("3 groups from there on leave the multicast range"),
        "{text}"
    );
    let text = mistakes("--interface lo --group 10.0.0.1");
    assert!(text.contains("is not a multicast address"), "{text}");
    let text = mistakes("--channels 1001 --group 10.0.0.1 --ttl 256 --bogus --loopback maybe");
    for part in [
        "--channels",
        "--group",
        "--ttl",
        "--bogus",
        "--loopback",
        "--interface",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    assert_eq!(text.lines().count(), 7, "{text}");
    assert!(mistakes("--interface lo --listen [::]:9537").contains("--token-file FILE"));
    assert!(configure("--interface lo --listen [::]:9537 --no-auth").is_ok());
}

#[test]
fn a_file_says_all_of_it() {
    let good = file(
        "streams:\n- {id: a, url: 'udp://239.1.1.1:5000'}\n- {id: b, url: 'udp://239.1.1.2:5000', proof: false}\n",
    );
    let path = good.path().display();
    let config = sending(&format!("--interface lo --proof --streams {path}"));
    let proofs: Vec<bool> = config
        .streams
        .iter()
        .map(|stream| stream.definition.proof)
        .collect();
    assert_eq!(proofs, [true, false]);
    let text = mistakes(&format!(
        "--interface lo --streams {path} --channels 2 --rtp"
    ));
    assert!(
        text.contains("--channels and --streams exclude") && text.contains("--rtp and --streams"),
        "{text}"
    );
    let wrong = file("streams:\n- {id: a, url: 'udp://239.1.1.1'}\n- {idd: b}\n");
    let path = wrong.path().display();
    let text = mistakes(&format!("--interface lo --streams {path} --ttl x"));
    for part in ["line 2", "line 3: /streams/1/idd: unknown key", "--ttl"] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    assert!(
        mistakes("--interface lo --streams /nonexistent.yaml")
            .contains("/nonexistent.yaml: cannot read it")
    );
}

#[test]
fn verify_has_its_own_flags() {
    let Ok(Config::Verify(config)) =
        configure("verify http://h:1/a.ts --seconds 0 --viewers 400 --stagger-ms 5 --json")
    else {
        panic!("it verifies");
    };
    assert!(config.json);
    assert_eq!(
        (config.options.duration, config.options.viewers),
        (None, 400)
    );
    assert_eq!(config.options.stagger, Duration::from_millis(5));
    let text = mistakes("verify ftp://h/ --seconds x --viewers 0");
    for part in ["ftp://h/", "--seconds", "--viewers"] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    assert!(!text.contains("--url"), "{text}");
}

#[test]
fn usage_mistakes_and_help_have_their_exit_codes() {
    for (words, code) in [
        ("--no-such-flag", 2),
        ("verify", 2),
        ("--interface lo verify http://h/", 2),
        ("--version", 0),
        ("verify --help", 0),
    ] {
        assert_eq!(
            configure(words).expect_err(words).report("source-server"),
            code,
            "{words}"
        );
    }
}

#[test]
fn every_flag_has_its_variable() {
    let command = Arguments::command();
    command.clone().debug_assert();
    let verify = command.find_subcommand("verify").expect("verify");
    let own = command.get_arguments().chain(verify.get_arguments());
    for argument in own.filter(|argument| !argument.is_positional()) {
        let id = argument.get_id().as_str();
        if matches!(id, "help" | "version") {
            continue;
        }
        let variable = format!("SOURCE_SERVER_{}", id.to_uppercase());
        let env = argument.get_env().and_then(|env| env.to_str());
        assert_eq!(env, Some(variable.as_str()));
        assert!(argument.get_help().is_some(), "{id} has no help");
    }
}
