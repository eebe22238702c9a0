//! One image, one process, one port: the archives that `make images` leaves.

use std::process::Command;

use e2e::tree::root;
use serde_json::Value;

use crate::lab::measured;

/// Name, port, and the largest size in MB.
const IMAGES: [(&str, u16, u64); 4] = [
    ("encoder-ingest", 9525, 15),
    ("encoder-ui", 8080, 20),
    // Debian with ffmpeg.
    ("encoder-node", 9529, 550),
    ("source-server", 9537, 15),
];

/// A file of a docker archive, as JSON.
fn inside(archive: &str, file: &str) -> Value {
    let output = Command::new("tar").args(["-xOf", archive, file]).output();
    let output = output.expect("tar runs");
    assert!(output.status.success(), "{archive} has no {file}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn an_image_is_one_program_with_one_port_and_small() {
    for (name, port, mb_max) in IMAGES {
        let archive = root().join("target/images").join(format!("{name}.tar"));
        let size = archive.metadata().expect("make images was run").len();
        let archive = archive.to_string_lossy().into_owned();
        let manifest = &inside(&archive, "manifest.json")[0];
        assert_eq!(manifest["RepoTags"][0], format!("localhost/{name}:dev"));
        let config = manifest["Config"].as_str().expect("a configuration");
        let image = inside(&archive, config);
        let config = &image["config"];
        let ports = config["ExposedPorts"].as_object().expect("ports");
        assert_eq!(
            ports.keys().collect::<Vec<_>>(),
            [&format!("{port}/tcp")],
            "{name}"
        );
        let entry = config["Entrypoint"].as_array().expect("an entry point");
        assert_eq!(entry.len(), 1, "{name}");
        assert!(
            entry[0].as_str().is_some_and(|path| path.ends_with(name)),
            "{entry:?}"
        );
        assert!(config["Cmd"].is_null(), "{name}: {config}");
        assert_eq!(config["User"], "65532:65532", "{name}");
        let title = &config["Labels"]["org.opencontainers.image.title"];
        assert_eq!(*title, name);
        // Of no time, so that the same programs make the same image.
        let created = image["created"].as_str().unwrap_or_default();
        assert!(created.starts_with("1970-01-01"), "{name}: {created}");
        assert!(size <= mb_max << 20, "{name}: {size} bytes");
        measured(
            &format!("image {name}"),
            &format!("{:.1} MB", size as f64 / 1e6),
        );
    }
}
