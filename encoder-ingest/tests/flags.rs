//! The program's environment, which no test may change within itself.

use std::process::Command;

fn refused(variables: &[(&str, &str)]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_encoder-ingest"))
        .args(["--interface", "lo", "--silence-ms", "0"])
        .envs(variables.iter().copied())
        .output()
        .expect("run");
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn an_empty_variable_is_not_set() {
    let told = refused(&[
        ("ENCODER_INGEST_CHANNELS", ""),
        ("ENCODER_INGEST_NO_AUTH", ""),
        ("ENCODER_INGEST_LATENCY_MS", ""),
        ("ENCODER_INGEST_LOG_FORMAT", ""),
    ]);
    assert!(told.contains("--silence-ms"), "{told}");
    assert_eq!(told.lines().count(), 2, "{told}");
}

#[test]
fn a_wrong_variable_is_named_beside_the_other_mistakes() {
    let told = refused(&[
        ("ENCODER_INGEST_NO_AUTH", "maybe"),
        ("ENCODER_INGEST_LATENCY_MS", "zz"),
    ]);
    for part in [
        "--no-auth (ENCODER_INGEST_NO_AUTH) \"maybe\"",
        "--latency-ms (ENCODER_INGEST_LATENCY_MS) \"zz\"",
        "--silence-ms (ENCODER_INGEST_SILENCE_MS) \"0\"",
    ] {
        assert!(told.contains(part), "no {part} in {told}");
    }
}
