//! The process: exit codes and messages.

use std::net::TcpListener;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_encoder-ui"))
        .args(arguments)
        .output()
        .expect("starts")
}

#[test]
fn wrong_usage_ends_with_2_and_every_mistake() {
    let output = run(&["--listen", "0.0.0.0:8080", "--ingest", "n1:9525"]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        message.contains("--no-auth") && message.contains("\"n1:9525\""),
        "{message}"
    );
    assert_eq!(run(&["--nonsense"]).status.code(), Some(2));
}

#[test]
fn a_port_in_use_ends_with_1_and_its_holder() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("port");
    let address = holder.local_addr().expect("address").to_string();
    let output = run(&["--listen", &address]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr);
    let pid = format!("pid {}", std::process::id());
    assert!(
        message.contains(&address) && message.contains(&pid),
        "{message}"
    );
}
