//! Events by SSE: as they happen, and again from a known id.

use std::io::{Read, Write};

use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::Scene;
use e2e::wait::{seconds, wait_until};
use serde_json::{Value, json};

/// Reads events until `wanted` came; answers ids and data.
fn read_events(ingest: &Ingest<'_>, last: Option<&str>, wanted: &str) -> Vec<(String, Value)> {
    let mut stream = ingest.http().connect().expect("a connection");
    let last = last.map_or(String::new(), |id| format!("Last-Event-ID: {id}\r\n"));
    let request = format!("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n{last}\r\n");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut text = String::new();
    let mut piece = [0; 4096];
    wait_until(wanted, seconds(10), || {
        let read = stream.read(&mut piece).expect("the events go on");
        assert!(read > 0, "the events ended: {text}");
        text.push_str(&String::from_utf8_lossy(&piece[..read]));
        let at = text.rfind(wanted);
        at.is_some_and(|at| text[at..].contains("\n\n"))
    });
    assert!(text.to_lowercase().contains("text/event-stream"), "{text}");
    events(&text)
}

fn events(text: &str) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let mut id = String::new();
    for line in text.lines() {
        if let Some(value) = line.strip_prefix("id:") {
            id = value.trim().to_owned();
        } else if let Some(data) = line.strip_prefix("data:") {
            let data = serde_json::from_str(data.trim()).expect("an event is JSON");
            found.push((id.clone(), data));
        }
    }
    found
}

fn make(ingest: &Ingest<'_>, id: &str) {
    let body = json!({"id": id, "name": id, "inputs": [{"url": "udp://239.1.1.1:5000"}]});
    let answer = ingest.http().send_json("POST", "/api/v1/channels", &body);
    assert_eq!(answer.status(), 201, "{}", answer.text());
}

#[test]
fn events_are_replayed_from_the_last_known_one() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0"));
    for id in ["one", "two", "three"] {
        make(&ingest, id);
    }
    let all = read_events(&ingest, Some("0-0"), "\"three\"");
    let added = |id: &str| {
        let mut all = all.iter();
        let is = |event: &Value| event["kind"] == "channel_added" && event["channel"] == id;
        all.position(|(_, event)| is(event))
            .unwrap_or_else(|| panic!("no event for {id}"))
    };
    let two = added("two");
    assert!(added("one") < two && two < added("three"), "in order");
    let (id, event) = &all[two];
    assert_eq!(&event["id"], id);
    let (start, number) = id.split_once('-').expect("{start}-{n}");
    assert!(start.parse::<u64>().is_ok() && number.parse::<u64>().is_ok());
    assert!(
        event["time"].is_string() && event["address"].is_string(),
        "{event}"
    );
    let later = read_events(&ingest, Some(id), "\"three\"");
    assert_eq!(later.first(), all.get(two + 1));
    let list = ingest.http().get("/api/v1/events.json").json();
    let list = list
        .as_array()
        .or(list["events"].as_array())
        .expect("a list");
    assert!(list.len() >= all.len());
}

#[test]
fn an_event_comes_as_it_happens_and_a_comment_each_second() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0"));
    let mut stream = ingest.http().connect().expect("a connection");
    stream
        .write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect("a request");
    stream
        .set_read_timeout(Some(seconds(3)))
        .expect("a timeout");
    let mut text = String::new();
    let mut piece = [0; 4096];
    let mut read_until = |wanted: &str| {
        wait_until(wanted, seconds(5), || {
            let read = stream.read(&mut piece).expect("something each second");
            text.push_str(&String::from_utf8_lossy(&piece[..read]));
            text.contains(wanted)
        });
    };
    read_until("\n:");
    make(&ingest, "fresh");
    read_until("\"fresh\"");
}
