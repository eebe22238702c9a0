//! Channels made through the API: made, read, replaced, removed, and every mistake told.

use e2e::gate::{Need, can_run};
use e2e::http::Http;
use e2e::ingest::{Ingest, Options};
use e2e::scene::{GROUP, Scene, URL};
use e2e::wait::seconds;
use e2e::wrap::Wrap;
use serde_json::{Value, json};

const CHANNELS: &str = "/api/v1/channels";

fn channel(id: &str, group: u8) -> Value {
    let url = format!("udp://239.1.1.{group}:5000");
    json!({"id": id, "name": id, "inputs": [{"url": url}]})
}

fn post(http: &Http<'_>, body: &Value) -> u16 {
    http.send_json("POST", CHANNELS, body).status()
}

#[test]
fn a_channel_is_made_read_replaced_and_removed() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0"));
    let http = ingest.http();
    let made = http.send_json("POST", CHANNELS, &channel("film", 1));
    assert_eq!(made.status(), 201, "{}", made.text());
    let _broadcast = scene.broadcast(GROUP, Wrap::Plain);
    ingest.wait_receiving("film");
    let shown = ingest.channel("film");
    assert_eq!(shown["origin"], "operator");
    assert_eq!(shown["slow_viewer"], "skip");
    assert_eq!(shown["inputs"][0]["url"], URL);
    let viewer = ingest.watch("/channels/film.ts");
    viewer.wait_bytes(100_000, seconds(10));
    let mut renamed = channel("film", 1);
    renamed["name"] = "A film".into();
    let put = http.send_json("PUT", "/api/v1/channels/film", &renamed);
    assert_eq!(put.status(), 200, "{}", put.text());
    assert_eq!(ingest.channel("film")["name"], "A film");
    viewer.wait_more(300_000, seconds(10));
    let gone = http.request("DELETE", "/api/v1/channels/film", &[], b"");
    assert_eq!(gone.status(), 204, "{}", gone.text());
    viewer.wait_end(seconds(5));
    let _ = http.get("/api/v1/channels/film").problem(404);
    let _ = http
        .request("DELETE", "/api/v1/channels/film", &[], b"")
        .problem(404);
    let _ = http
        .send_json("PUT", "/api/v1/channels/film", &renamed)
        .problem(404);
}

#[test]
fn what_exists_or_is_declared_is_a_conflict() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let http = ingest.http();
    assert_eq!(post(&http, &channel("film", 2)), 201);
    for id in ["film", "news"] {
        let answer = http.send_json("POST", CHANNELS, &channel(id, 3));
        let _ = answer.problem(409);
    }
    let path = "/api/v1/channels/news";
    let _ = http
        .send_json("PUT", path, &channel("news", 3))
        .problem(409);
    let _ = http.request("DELETE", path, &[], b"").problem(409);
    assert_eq!(ingest.channel("news")["inputs"][0]["url"], URL);
}

#[test]
fn every_mistake_of_a_body_is_told_with_its_place() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0"));
    let http = ingest.http();
    let wrong = json!({
        "id": "No!", "name": 5, "colour": "red", "slow_viewer": "perhaps",
        "inputs": [{"url": "udp://10.0.0.1:5000"}, {"uri": "udp://239.1.1.1:1"}],
    });
    let problem = http.send_json("POST", CHANNELS, &wrong).problem(400);
    let errors = problem["errors"].as_array().expect("errors");
    let pointers: Vec<_> = errors
        .iter()
        .filter_map(|e| e["pointer"].as_str())
        .collect();
    for pointer in ["/id", "/name", "/colour", "/slow_viewer", "/inputs/0/url"] {
        assert!(pointers.contains(&pointer), "no {pointer} in {problem}");
    }
    assert!(
        pointers
            .iter()
            .any(|pointer| pointer.starts_with("/inputs/1")),
        "{problem}"
    );
    for error in errors {
        for member in ["code", "detail"] {
            assert!(error[member].is_string(), "no {member} in {error}");
        }
    }
    for body in ["", "{", "[]", "null", "{\"id\":\"x\"}"] {
        let json = [("Content-Type", "application/json")];
        let answer = http.request("POST", CHANNELS, &json, body.as_bytes());
        let _ = answer.problem(400);
    }
    let huge = format!("{{\"id\":\"{}\"}}", "x".repeat(8 << 20));
    let json = [("Content-Type", "application/json")];
    let answer = http.try_request("POST", CHANNELS, &json, huge.as_bytes());
    if let Ok(answer) = answer {
        let _ = answer.problem(413);
    }
    assert!(ingest.channel_ids().is_empty());
}

#[test]
fn a_whole_set_is_applied_and_its_difference_told() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let http = ingest.http();
    assert_eq!(post(&http, &channel("one", 2)), 201);
    assert_eq!(post(&http, &channel("two", 3)), 201);
    let text = "channels:
- {id: two, name: Two anew, inputs: [{url: 'udp://239.1.1.3:5000'}]}
- {id: three, name: Three, inputs: [{url: 'udp://239.1.1.4:5000'}]}
";
    let apply = |dry: bool| {
        let path = format!("{CHANNELS}:apply?dry_run={dry}");
        let yaml = [("Content-Type", "application/yaml")];
        let answer = http.request("POST", &path, &yaml, text.as_bytes());
        assert_eq!(answer.status(), 200, "{}", answer.text());
        answer.json()
    };
    for dry in [true, false] {
        let difference = apply(dry);
        assert_eq!(difference["added"], json!(["three"]), "{difference}");
        assert_eq!(difference["changed"], json!(["two"]), "{difference}");
        assert_eq!(difference["removed"], json!(["one"]), "{difference}");
        let expected: &[&str] = if dry {
            &["news", "one", "two"]
        } else {
            &["news", "three", "two"]
        };
        assert_eq!(ingest.channel_ids(), expected);
    }
    assert_eq!(ingest.channel("two")["name"], "Two anew");
}
