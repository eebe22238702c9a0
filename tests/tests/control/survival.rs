//! kill -9 at any moment: no acknowledged change is lost, no broken file is left.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::gate::{Need, can_run};
use e2e::http::Http;
use e2e::ingest::{Ingest, Options, VERDICT};
use e2e::scene::{Scene, URL};
use e2e::wait::{seconds, wait_until};
use jiff::{SignedDuration, Timestamp};
use rustix::process::Signal;
use serde_json::{Value, json};

const ROUNDS: u64 = 50;
const CHANNELS: u64 = 12;

/// What is known of the operator's channels.
#[derive(Debug, Default)]
struct Known {
    there: BTreeSet<String>,
    /// The change that was asked for when the end came: it may stand or not.
    open: Option<String>,
}

impl Known {
    /// Makes and removes channels until there is no answer; the order follows from `seed`.
    fn change_until_dead(&mut self, http: &Http<'_>, seed: u64) {
        let mut state = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        loop {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let number = (state >> 33) % CHANNELS;
            let id = format!("c{number}");
            self.open = Some(id.clone());
            let Some(status) = self.change(http, &id, number) else {
                return;
            };
            let there = self.there.contains(&id);
            assert_eq!(status, if there { 204 } else { 201 }, "{id}");
            if there {
                self.there.remove(&id);
            } else {
                self.there.insert(id);
            }
            self.open = None;
        }
    }

    /// Removes the channel if it is there, else makes it; none without an answer.
    fn change(&self, http: &Http<'_>, id: &str, number: u64) -> Option<u16> {
        let answer = if self.there.contains(id) {
            let path = format!("/api/v1/channels/{id}");
            http.try_request("DELETE", &path, &[], b"")
        } else {
            let url = format!("udp://239.2.0.{}:5000", number + 1);
            let body = json!({"id": id, "name": id, "inputs": [{"url": url}]}).to_string();
            let json = [("Content-Type", "application/json")];
            http.try_request("POST", "/api/v1/channels", &json, body.as_bytes())
        };
        answer.ok().map(|answer| answer.status())
    }

    /// What is there must be what was acknowledged; the open change is taken as found.
    fn compare(&mut self, ids: Vec<String>, round: u64) {
        let mut found: BTreeSet<_> = ids.into_iter().collect();
        assert!(found.remove("news"), "the declared channel");
        if let Some(open) = self.open.take() {
            self.there.remove(&open);
            if found.contains(&open) {
                self.there.insert(open);
            }
        }
        assert_eq!(found, self.there, "after kill {round}");
    }
}

#[test]
fn no_acknowledged_change_is_lost_by_50_kills() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let state = tempfile::tempdir().expect("a folder");
    let options = Options::new("eth0")
        .channel(URL)
        .with(&format!("--state-dir {}", state.path().display()));
    let mut known = Known::default();
    let mut changes = 0;
    for round in 0..ROUNDS {
        let ingest = Ingest::start(&scene.node, &options);
        known.compare(ingest.channel_ids(), round);
        assert_eq!(ingest.metric("config_ok", &[]), 1.0);
        let before = known.there.clone();
        let http = ingest.http();
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // The kill comes at another moment each round: this pause is the moment.
            let kill = scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(20 + round * 7 % 90));
                ingest.process.signal(Signal::KILL);
                ended.store(true, Ordering::Relaxed);
            });
            known.change_until_dead(&http, round);
            kill.join().expect("the kill");
        });
        assert!(ended.load(Ordering::Relaxed), "it died before the kill");
        changes += usize::from(before != known.there);
    }
    let last = Ingest::start(&scene.node, &options);
    known.compare(last.channel_ids(), ROUNDS);
    assert!(changes > 30, "only {changes} rounds changed anything");
}

#[test]
fn what_an_operator_holds_and_has_seen_outlives_the_process() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let state = tempfile::tempdir().expect("a folder");
    let options = Options::new("eth0")
        .channels(
            "channels:\n- id: news\n  inputs:\n  - url: udp://239.1.1.1:5000\n  - url: udp://239.1.1.2:5000\n",
        )
        .with(&format!("--state-dir {}", state.path().display()));
    let shown = |ingest: &Ingest<'_>| {
        let mut status = ingest.channel("news")["status"].take();
        (status["pinned_input"].take(), status["acknowledged"].take())
    };
    let until = Timestamp::now() + SignedDuration::from_hours(1);
    let body = json!({"until": until.to_string(), "note": "on it"});
    let ingest = Ingest::start(&scene.node, &options);
    let http = ingest.http();
    let pinned = http.request("POST", "/api/v1/channels/news/pin?input=1", &[], b"");
    assert_eq!(pinned.status(), 204);
    let seen = http.send_json("PUT", "/api/v1/channels/news/acknowledge", &body);
    assert_eq!(seen.status(), 200);
    wait_until("the pin is shown", seconds(2), || shown(&ingest).0 == 1);
    let before = shown(&ingest);
    let _ = ingest.kill();
    let again = Ingest::start(&scene.node, &options);
    wait_until("both are back", seconds(3), || shown(&again) == before);
    let http = again.http();
    for held in ["pin", "acknowledge"] {
        let path = format!("/api/v1/channels/news/{held}");
        assert_eq!(http.request("DELETE", &path, &[], b"").status(), 204);
    }
    let _ = again.kill();
    let last = Ingest::start(&scene.node, &options);
    last.wait_status("news", "waiting", "never_received", VERDICT);
    assert_eq!(shown(&last), (Value::Null, Value::Null));
}

#[test]
fn without_a_state_dir_the_api_says_that_nothing_survives() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0"));
    let without = ingest.http().get("/api/v1/status").json();
    drop(ingest);
    let state = tempfile::tempdir().expect("a folder");
    let options = Options::new("eth0").with(&format!("--state-dir {}", state.path().display()));
    let ingest = Ingest::start(&scene.node, &options);
    let with = ingest.http().get("/api/v1/status").json();
    let keys = |status: &Value| status.to_string().contains("state");
    assert!(keys(&without) && keys(&with), "{without} and {with}");
}

#[test]
fn a_state_dir_that_cannot_be_written_is_told() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let file = tempfile::NamedTempFile::new().expect("a file");
    let options = ["--interface", "eth0", "--state-dir"];
    let program = e2e::binaries::binary("encoder-ingest", e2e::binaries::Profile::Same);
    let mut process = e2e::process::Program::new(&scene.node, program)
        .args(options)
        .args([file.path()])
        .start();
    let code = process.exit_code(seconds(10));
    assert!(code == 1 || code == 2, "{code}");
    let named = file.path().to_string_lossy().into_owned();
    assert!(process.log().contains(&named), "{}", process.log());
}
