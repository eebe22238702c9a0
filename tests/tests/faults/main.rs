//! Source and ingest together: faults that source-server makes on demand are put right or counted
//! by cause, and its `verify` judges what came through.

use std::collections::BTreeMap;

use e2e::binaries::Profile;
use e2e::gate::{Need, can_run};
use e2e::http::Http;
use e2e::ingest::{Ingest, Options};
use e2e::metrics::Metrics;
use e2e::scene::Scene;
use e2e::source;
use e2e::wait::{seconds, wait_until};
use serde_json::{Value, json};

const URL: &str = "udp://239.255.0.1:5000";
const WATCHED: &str = "http://127.0.0.1:9525/channels/news.ts";
const STREAM: &str = "/api/v1/streams/testcard";

/// An ingest that receives a proven test card, and where its source is told what to break.
struct Pair<'a> {
    ingest: Ingest<'a>,
    source: Http<'a>,
    scene: &'a Scene,
}

impl Pair<'_> {
    #[track_caller]
    fn break_it(&self, faults: &Value) {
        let path = format!("{STREAM}/faults");
        let answer = self.source.send_json("PUT", &path, faults);
        assert!(answer.status() < 300, "{}", answer.text());
    }

    /// What the source has done of one kind.
    fn made(&self, kind: &str) -> f64 {
        let metrics = Metrics::parse(&self.source.get("/metrics").text());
        metrics.value("source_server_faults_total", &[("kind", kind)])
    }

    /// Reads the relay for some seconds; answers the exit code of `verify` and what it said.
    fn verify(&self, duration_s: u64) -> (i32, String) {
        let host = &self.scene.node;
        let mut reader = source::verify(host, Profile::Same, WATCHED, seconds(duration_s));
        let code = reader.exit_code(seconds(duration_s + 20));
        (code, reader.log())
    }

    /// Lets the source be well again and waits until all that was made is behind the ingest.
    fn well_again(&self) {
        self.break_it(&json!({}));
        let came = || {
            let channel = [("channel", "news")];
            self.ingest.metric("received_datagrams_total", &channel)
        };
        let before = came();
        wait_until("what is well comes behind it", seconds(5), || {
            came() >= before + 50.0
        });
        self.ingest.wait_receiving("news");
    }

    fn lost(&self, cause: &str) -> f64 {
        let labels = [("channel", "news"), ("cause", cause)];
        self.ingest.metric("lost_total", &labels)
    }
}

fn with_pair(arguments: &str, test: impl FnOnce(&Pair<'_>)) {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let arguments = format!("--channels 1 --group 239.255.0.1 --port 5000 --proof {arguments}");
    let _source = source::start(&scene.source, Profile::Same, "eth0", &arguments);
    let source = Http::new(&scene.source, ([127, 0, 0, 1], 9537).into());
    ingest.wait_receiving("news");
    test(&Pair {
        ingest,
        source,
        scene: &scene,
    });
}

#[test]
fn a_well_source_is_verified_by_many_viewers() {
    with_pair("--rtp", |pair| {
        let mut reader = source::verify(&pair.scene.node, Profile::Same, WATCHED, seconds(4));
        let (code, log) = pair.verify(4);
        assert_eq!(code, 0, "{log}");
        assert_eq!(reader.exit_code(seconds(20)), 0, "{}", reader.log());
        assert_eq!(pair.ingest.metric("lost_total", &[]), 0.0);
    });
}

#[test]
fn reorder_duplicates_and_jitter_are_put_right_in_rtp() {
    with_pair("--rtp", |pair| {
        pair.break_it(&json!({"seed": 3, "reorder": {"every": 40, "distance": 2},
            "duplicate": {"every": 30}, "jitter": {"ms": 5}}));
        let (code, log) = pair.verify(5);
        assert_eq!(code, 0, "{log}");
        pair.well_again();
        assert_eq!(pair.lost("network"), 0.0);
        let repaired = |kind| {
            let labels = [("channel", "news"), ("kind", kind)];
            pair.ingest.metric("repaired_packets_total", &labels)
        };
        assert_eq!(repaired("duplicates"), pair.made("duplicate"));
        // One may be held back at the moment when the faults end: it then goes out in its place.
        assert!(repaired("reordered") >= pair.made("reorder") - 1.0);
        assert!(pair.made("reorder") > 50.0);
    });
}

#[test]
fn loss_in_rtp_is_counted_exactly_and_seen_by_verify() {
    with_pair("--rtp", |pair| {
        pair.break_it(&json!({"seed": 5, "loss": {"probability": 0.01}}));
        let (code, log) = pair.verify(4);
        assert_eq!(code, 1, "{log}");
        pair.well_again();
        assert!(pair.made("loss") > 10.0);
        assert_eq!(pair.lost("network"), pair.made("loss"));
        assert_eq!(pair.lost("upstream"), 0.0);
    });
}

#[test]
fn garbage_is_counted_and_nothing_of_it_comes_through() {
    with_pair("", |pair| {
        pair.break_it(&json!({"seed": 5, "garbage": {"every": 25}}));
        let (code, log) = pair.verify(4);
        assert_eq!(code, 0, "{log}");
        pair.break_it(&json!({}));
        let labels = [("channel", "news")];
        let malformed = || pair.ingest.metric("malformed_datagrams_total", &labels);
        wait_until("all garbage is counted", seconds(3), || {
            malformed() == pair.made("garbage")
        });
        assert!(malformed() > 50.0);
        assert_eq!(pair.ingest.metric("lost_total", &[]), 0.0);
    });
}

#[test]
fn loss_in_plain_ts_is_told_as_before_the_nic() {
    with_pair("", |pair| {
        pair.break_it(&json!({"seed": 5, "loss": {"every": 200}}));
        let status = pair
            .ingest
            .wait_status("news", "degraded", "loss_before_nic", seconds(5));
        let detail = status["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("RTP"), "that RTP would tell: {status}");
        assert!(pair.lost("unattributed") > 0.0);
        pair.well_again();
    });
}

#[test]
fn a_source_that_begins_anew_is_a_restart_without_loss() {
    with_pair("--rtp", |pair| {
        pair.break_it(&json!({"restart": true}));
        wait_until("the restart is counted", seconds(5), || {
            pair.ingest.metric("source_restarts_total", &[]) == 1.0
        });
        pair.ingest.wait_receiving("news");
        assert_eq!(pair.ingest.metric("lost_total", &[]), 0.0);
    });
}

#[test]
fn a_stream_that_is_removed_at_the_source_stops_and_comes_back() {
    with_pair("", |pair| {
        let gone = pair.source.request("DELETE", STREAM, &[], b"");
        assert_eq!(gone.status(), 204, "{}", gone.text());
        let ingest = &pair.ingest;
        ingest.wait_status("news", "stopped", "stopped", seconds(4));
        let stream = json!({"id": "testcard", "url": URL});
        let made = pair.source.send_json("POST", "/api/v1/streams", &stream);
        assert_eq!(made.status(), 201, "{}", made.text());
        ingest.wait_receiving("news");
    });
}

/// Datagrams without one good sync byte: they came, so nothing is lost, and nobody else is to blame.
#[test]
fn whole_datagrams_out_of_sync_are_the_sources_fault() {
    for transport in ["--rtp", ""] {
        with_pair(transport, |pair| {
            pair.break_it(&json!({"corrupt_sync": {"every": 100, "packets": 7}}));
            wait_until("some are made", seconds(10), || {
                pair.made("corrupt_sync") >= 140.0
            });
            let status = pair.ingest.channel("news")["status"].take();
            assert_eq!(status["reason"], "upstream_errors", "{status}");
            pair.well_again();
            let packets = pair.made("corrupt_sync");
            let indicator = |indicator| {
                let labels = [("channel", "news"), ("indicator", indicator)];
                pair.ingest.metric("tr101290_errors_total", &labels)
            };
            assert_eq!(indicator("ts_sync_loss"), packets / 7.0);
            assert_eq!(indicator("sync_byte_error"), packets);
            assert_eq!(pair.ingest.metric("lost_total", &[]), 0.0);
        });
    }
}

#[test]
fn a_source_out_of_sync_for_good_is_no_ts_and_comes_back_without_a_stop() {
    with_pair("--rtp", |pair| {
        pair.break_it(&json!({"corrupt_sync": {"every": 1, "packets": 7}}));
        pair.ingest
            .wait_status("news", "waiting", "not_ts", seconds(3));
        pair.well_again();
        let events = pair.ingest.http().get("/api/v1/events.json").text();
        let (_, behind) = events.split_once("not_ts").expect("told");
        assert!(!behind.contains("\"stopped\""), "{behind}");
    });
}

/// Every packet that is relayed is analysed on its way: each fault by its own indicator, in the API
/// and as a metric, in the list of errors with its time.
#[test]
fn what_the_source_breaks_is_counted_by_its_indicator() {
    with_pair("--rtp", |pair| {
        let mut expected: BTreeMap<String, u64> = BTreeMap::new();
        for (faults, indicator, count) in [
            (json!({"pat_gap": {"ms": 700}}), "pat_error", 1),
            (json!({"scrambled": {}}), "cat_error", 1),
            (
                json!({"corrupt_sync": {"once": true, "packets": 1}}),
                "sync_byte_error",
                1,
            ),
            // It would jump back with the next faults.
            (
                json!({"pcr_jump": {"ms": 5000}}),
                "pcr_discontinuity_error",
                1,
            ),
        ] {
            pair.break_it(&faults);
            let raised = || {
                let counts = pair.ingest.channel("news")["status"]["tr101290"].take();
                let counts: BTreeMap<String, u64> =
                    serde_json::from_value(counts).expect("numbers");
                counts.into_iter().filter(|(_, count)| *count > 0).collect()
            };
            expected.insert(indicator.to_owned(), count);
            wait_until(indicator, seconds(5), || {
                let raised: BTreeMap<String, u64> = raised();
                raised.contains_key(indicator)
            });
            assert_eq!(raised(), expected, "{faults}");
            let labels = [("channel", "news"), ("indicator", indicator)];
            let metric = pair.ingest.metric("tr101290_errors_total", &labels);
            assert_eq!(metric, count as f64);
            let errors = || {
                pair.ingest
                    .http()
                    .get("/api/v1/channels/news/errors")
                    .text()
            };
            wait_until("it is listed", seconds(1), || errors().contains(indicator));
        }
    });
}
