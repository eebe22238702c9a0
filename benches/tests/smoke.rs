//! The benchmark itself: one small case, shorter than any measurement, and what it leaves.

use std::path::Path;
use std::process::{Command, Output};

use e2e::gate::{Need, can_run};
use roxmltree::Document;
use serde_json::Value;

const BENCH: &str = env!("CARGO_BIN_EXE_bench");

/// Another floor: the own one, by its command line.
const YARDSTICK: &str = concat!(
    env!("CARGO_BIN_EXE_floor"),
    " --port {port} --interface {nic} --latency-ms {latency_ms}"
);

fn run(command: &mut Command) -> (Output, String) {
    let output = command.output().expect("the bench starts");
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (output, said)
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn drawn(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).expect("the folder");
    let names = files.flatten().map(|file| file.file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    let mut drawn: Vec<_> = names.filter(|name| name.ends_with(".svg")).collect();
    drawn.sort();
    drawn
}

#[test]
fn one_case_leaves_a_table_json_and_plots() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path();
    let (output, said) = run(Command::new(BENCH)
        .args(["B", "--seconds", "1", "--rounds", "1"])
        .args([
            "--yardstick",
            YARDSTICK,
            "--foreign-url",
            "/udp/{group}:{port}",
        ])
        .args(["--foreign", &format!("another={YARDSTICK} --gro")])
        .arg("--out")
        .arg(out));
    assert!(output.status.success(), "{said}");
    assert!(said.contains("6 runs, about 0:"), "{said}");
    assert!(said.contains("0:00 left]"), "{said}");

    let json: Value = serde_json::from_str(&read(out, "results.json")).expect("JSON");
    let relays = json["scenarios"][0]["relays"].as_array().expect("relays");
    let mut names: Vec<_> = relays.iter().map(|relay| relay["name"].as_str()).collect();
    names.sort_unstable();
    let wanted = [
        "another",
        "encoder-ingest",
        "floor (GRO)",
        "floor (packed)",
        "yardstick (GRO)",
        "yardstick (packed)",
    ];
    assert_eq!(names, wanted.map(Some));
    for relay in relays {
        let runs = relay["runs"].as_array().expect("runs");
        let counted = relay["valid_runs"]
            .as_u64()
            .zip(relay["invalid_runs"].as_u64());
        let (valid, invalid) = counted.expect("both numbers");
        assert_eq!(runs.len() as u64, valid + invalid, "{relay}");
        for run in runs {
            assert!(run["cpu_percent"].as_f64() > Some(0.0), "{run}");
            assert!(run["received_mbps"].as_f64() > Some(0.0), "{run}");
        }
    }

    let table = read(out, "results.md");
    let rows = table
        .lines()
        .filter(|line| line.starts_with("| B | 1 x 8 x 40 |"));
    assert!(rows.count() >= relays.len(), "{table}");
    assert!(table.contains("| B | CPU to the floor |"), "{table}");
    let plots = drawn(out);
    for name in &plots {
        assert!(table.contains(&format!("]({name})")), "{name}: {table}");
        let text = read(out, name);
        let parsed = Document::parse(&text).expect(name);
        assert!(
            parsed
                .root_element()
                .has_tag_name(("http://www.w3.org/2000/svg", "svg"))
        );
    }

    redrawn(out, &table, &json, &plots);
}

/// Table and plots come out the same from the JSON alone.
fn redrawn(out: &Path, table: &str, json: &Value, plots: &[String]) {
    for name in plots {
        std::fs::remove_file(out.join(name)).expect("a plot");
    }
    let (output, said) = run(Command::new(BENCH).arg("--redraw").arg(out));
    assert!(output.status.success(), "{said}");
    assert_eq!(read(out, "results.md"), table);
    assert_eq!(drawn(out), plots);
    let again: Value = serde_json::from_str(&read(out, "results.json")).expect("JSON");
    assert_eq!(again["machine"], json["machine"]);
}

#[test]
fn without_the_right_to_make_namespaces_it_says_what_it_needs() {
    // Root without a capability can't make them either.
    let root = rustix::process::geteuid().is_root();
    let mut command = if root {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set", "-all", "--inh-caps", "-all", BENCH]);
        command
    } else {
        Command::new(BENCH)
    };
    let (output, said) = run(command.arg("B"));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("it needs root, network namespaces"), "{said}");
}

#[test]
fn a_case_that_is_not_there_is_named() {
    let (output, said) = run(Command::new(BENCH).args(["Z", "--relay", "floor"]));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("no case is named Z, with a relay named floor"),
        "{said}"
    );
}
