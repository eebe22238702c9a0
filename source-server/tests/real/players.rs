//! ffmpeg has nothing to say about what we make, over the seams of the loop too.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use common::ts::packet::Pcr;
use source_server::definition::ContentDefinition;
use source_server::file::{FileLoop, TsFile};

use super::{bytes, definition};

/// Without ffmpeg these tests say so and pass; under `CI=true` they fail.
fn has_ffmpeg(test: &str) -> bool {
    let there = Command::new("ffmpeg").arg("-version").output().is_ok();
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(there || !ci, "{test}: there is no ffmpeg");
    if !there {
        eprintln!("{test}: not run, there is no ffmpeg");
    }
    there
}

fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .expect(program);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {log}");
    output
}

/// Decodes `seconds` of it, as from a network; anything that ffmpeg complains of is a failure, and
/// so are more pictures missing than `missing_max`. There must be more than `seconds`: where the
/// bytes end, so does a frame, in its middle.
fn plays(path: &Path, seconds: u32, missing_max: u32) {
    let length = seconds.to_string();
    let output = Command::new("ffmpeg")
        .args([
            "-v", "warning", "-i", "pipe:0", "-t", &length, "-map", "0:v", "-map", "0:a",
        ])
        .args(["-f", "null", "-progress", "pipe:1", "-"])
        .stdin(File::open(path).expect("file"))
        .output()
        .expect("ffmpeg");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && log.trim().is_empty(),
        "ffmpeg says: {log}"
    );
    let progress = String::from_utf8_lossy(&output.stdout);
    let frames = progress
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("frame="));
    let frames: u32 = frames.expect("progress").trim().parse().expect("frames");
    assert!(
        frames.abs_diff(seconds * 25) <= missing_max,
        "{frames} frames in {seconds} s"
    );
}

#[test]
fn the_test_card_plays_over_the_seams_without_a_word() {
    if !has_ffmpeg("the_test_card_plays_over_the_seams_without_a_word") {
        return;
    }
    let folder = tempfile::tempdir().expect("folder");
    for proof in [false, true] {
        let mut card = definition("card", "udp://239.255.78.1:5078");
        card.proof = proof;
        let path = folder.path().join(format!("card-{proof}.ts"));
        std::fs::write(&path, bytes(&card, 30, 0)).expect("write");
        plays(&path, 28, 2);
    }
}

#[test]
fn the_test_card_is_what_it_says() {
    if !has_ffmpeg("the_test_card_is_what_it_says") {
        return;
    }
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("card.ts");
    let mut card = definition("card", "udp://239.255.78.1:5078");
    card.name = "Füße".to_owned();
    std::fs::write(&path, bytes(&card, 3, 0)).expect("write");
    let file = path.to_str().expect("path");
    let entries = "stream=codec_name,profile,width,height,avg_frame_rate,sample_rate,channels:program_tags=service_name";
    let output = run(
        "ffprobe",
        &["-v", "error", "-show_entries", entries, "-of", "flat", file],
    );
    let text = String::from_utf8(output.stdout).expect("text");
    for part in [
        "\"h264\"",
        "=1280",
        "=720",
        "\"25/1\"",
        "\"aac\"",
        "\"48000\"",
        "channels=2",
        "\"Füße\"",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
}

#[test]
fn a_file_of_ffmpegs_plays_over_the_seams_without_a_word() {
    if !has_ffmpeg("a_file_of_ffmpegs_plays_over_the_seams_without_a_word") {
        return;
    }
    let folder = tempfile::tempdir().expect("folder");
    let (once, looped) = (
        folder.path().join("once.ts"),
        folder.path().join("looped.ts"),
    );
    let made = format!(
        "-v error -f lavfi -i testsrc2=size=320x180:rate=25:duration=5 -f lavfi -i sine=frequency=1000:sample_rate=48000:duration=5 \
         -c:v libx264 -preset ultrafast -bf 2 -g 25 -pix_fmt yuv420p -b:v 800k -maxrate 800k -bufsize 400k -c:a aac -b:a 96k \
         -f mpegts -muxrate 2M -pcr_period 20 {}",
        once.display()
    );
    run("ffmpeg", &made.split_whitespace().collect::<Vec<_>>());
    let file = Arc::new(TsFile::read(&once).expect("file"));
    let mut replay = FileLoop::new(Arc::clone(&file), None);
    let mut bytes = Vec::new();
    let mut packet = [0; 188];
    while replay.ticks() < 4 * file.loop_ticks() {
        replay.next(&mut packet);
        bytes.extend_from_slice(&packet);
    }
    std::fs::write(&looped, bytes).expect("write");
    // Its sound is 35 ms longer than its pictures, which wait for it at each of three seams.
    plays(&looped, 19, 5);
}

#[test]
fn the_wrap_of_the_clock_is_no_break() {
    if !has_ffmpeg("the_wrap_of_the_clock_is_no_break") {
        return;
    }
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("wrap.ts");
    let mut card = definition("card", "udp://239.255.78.1:5078");
    card.content = ContentDefinition::TestCard {
        bps: 4_000_000,
        clock_start: Pcr(Pcr::WRAP - 5 * Pcr::TICKS_PER_SECOND),
    };
    std::fs::write(&path, bytes(&card, 12, 0)).expect("write");
    plays(&path, 10, 2);
}
