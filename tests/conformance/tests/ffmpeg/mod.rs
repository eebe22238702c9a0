//! Streams that ffmpeg makes, where it is here.

use std::io::Write;
use std::process::Command;

/// What ffmpeg writes with these arguments; none, told by the test's name, where it is not here.
pub(crate) fn run(arguments: &[&str]) -> Option<Vec<u8>> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin"])
        .args(arguments)
        .arg("pipe:1")
        .output();
    let Ok(output) = output else {
        let thread = std::thread::current();
        let message = format!(
            "NOT RUN: {}: it needs ffmpeg",
            thread.name().unwrap_or("a test")
        );
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{message}");
        let _ = writeln!(std::io::stderr(), "{message}");
        return None;
    };
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ffmpeg: {complaints}");
    Some(output.stdout)
}
