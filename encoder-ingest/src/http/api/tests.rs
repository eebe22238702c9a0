mod mistakes;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, Response, header};
use common::api::channel::{ChannelStatus, Origin, Reason, State};
use common::api::tr101290::Indicator;
use common::document::DOCUMENT_BYTES_MAX;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tower_service::Service;

use super::*;
use crate::channels::load::{Loaded, RegistryOptions};
use crate::channels::registry::{Registry, Runner};
use crate::control::{ControlOptions, DataPlane};
use crate::definition::{ChannelDefinition, ChannelId};
use crate::events::Events;
use crate::http::auth::Actor;
use crate::limits::CHANNEL_BODY_BYTES_MAX;
use crate::live::{ErrorSeen, LiveChannel, LiveViewer, ViewerCounters, ViewerId};
use crate::nodes::dispatch::Nodes;
use crate::plane::{
    Looked, Piece, PlaneOptions, ProbeInterfaces, ProbeOutcome, Probed, Wanted, WorkerStatus,
};

/// A data plane without packets.
#[derive(Debug, Default)]
struct FakePlane {
    channels: Mutex<BTreeMap<ChannelId, Arc<LiveChannel>>>,
    viewers: Mutex<Vec<Arc<LiveViewer>>>,
    /// None: too many looks are asked for.
    looked: Mutex<Option<Looked>>,
    /// None: the history is empty.
    history: Mutex<Option<Vec<u8>>>,
}

impl FakePlane {
    fn running(&self) -> MutexGuard<'_, BTreeMap<ChannelId, Arc<LiveChannel>>> {
        self.channels.lock().expect("lock")
    }

    fn add_viewer(&self, id: u64, channel: &str) {
        let channel = self.channel(&ChannelId::made(channel.to_owned()));
        let viewer = LiveViewer {
            id: ViewerId(id),
            channel: channel.expect("the channel runs"),
            address: "192.0.2.7:50000".parse().expect("address"),
            user_agent: "VLC".to_owned(),
            since: "2026-11-23T10:00:00Z".to_owned(),
            counters: ViewerCounters::default(),
        };
        viewer.counters.sent_bytes.store(1316, Ordering::Relaxed);
        self.viewers.lock().expect("lock").push(Arc::new(viewer));
    }
}

impl Runner for FakePlane {
    fn apply(&self, definition: Arc<ChannelDefinition>) {
        let mut running = self.running();
        if let Some(live) = running.get(&definition.id) {
            live.definition.store(definition);
            return;
        }
        let live = LiveChannel::new(definition, status());
        running.insert(live.id.clone(), Arc::new(live));
    }

    fn remove(&self, id: &ChannelId) {
        self.running().remove(id);
    }

    fn others(&self) -> usize {
        0
    }
}

impl DataPlane for FakePlane {
    fn channel(&self, id: &ChannelId) -> Option<Arc<LiveChannel>> {
        self.running().get(id).cloned()
    }

    fn channels(&self) -> Vec<Arc<LiveChannel>> {
        self.running().values().cloned().collect()
    }

    fn viewers(&self, channel: Option<&ChannelId>) -> Vec<Arc<LiveViewer>> {
        let viewers = self.viewers.lock().expect("lock");
        let of = |viewer: &&Arc<LiveViewer>| channel.is_none_or(|id| viewer.channel.id == *id);
        viewers.iter().filter(of).cloned().collect()
    }

    fn kick(&self, id: ViewerId) -> bool {
        let mut viewers = self.viewers.lock().expect("lock");
        let before = viewers.len();
        viewers.retain(|viewer| viewer.id != id);
        viewers.len() < before
    }

    fn look(&self, id: &ChannelId) -> Option<oneshot::Receiver<Looked>> {
        self.channel(id)?;
        let (answer, receiver) = oneshot::channel();
        let looked = self.looked.lock().expect("lock").clone();
        looked.map(|looked| answer.send(looked));
        Some(receiver)
    }

    fn capture(
        &self,
        id: &ChannelId,
        wanted: Wanted,
        mut buffer: Vec<u8>,
    ) -> Option<oneshot::Receiver<Option<Piece>>> {
        self.channel(id)?;
        let (answer, receiver) = oneshot::channel();
        let history = self.history.lock().expect("lock").clone();
        let piece = history.map(|bytes| {
            let end = bytes.len() as u64;
            let start = match wanted {
                Wanted::First { .. } => 0,
                Wanted::Next { position, .. } => position,
            };
            let from = usize::try_from(start).expect("small");
            let count = (bytes.len() - from).min(buffer.capacity());
            buffer.extend_from_slice(&bytes[from..from + count]);
            Piece {
                bytes: buffer,
                start,
                position: start + count as u64,
                end,
                span_ms: 1980,
            }
        });
        let _ = answer.send(piece);
        Some(receiver)
    }

    fn workers(&self) -> Vec<WorkerStatus> {
        vec![WorkerStatus {
            channels: self.running().len(),
            busy_ratio: 0.25,
            alive: true,
        }]
    }
}

fn status() -> ChannelStatus {
    ChannelStatus::new(
        State::Receiving,
        Reason::Ok,
        String::new(),
        "2026-11-23T10:00:00Z".to_owned(),
    )
}

struct Api {
    plane: Arc<FakePlane>,
    control: Arc<Control>,
    router: Router,
    dir: tempfile::TempDir,
}

struct Answer {
    status: u16,
    headers: axum::http::HeaderMap,
    body: Bytes,
}

impl Api {
    /// With one declared channel, `declared`, and room for three.
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let file = dir.path().join("channels.yaml");
        let text = "channels: [{id: declared, inputs: [{url: 'udp://239.1.1.9:5000'}]}]";
        std::fs::write(&file, text).expect("write");
        let loaded = Loaded::read(RegistryOptions {
            node_name: "n1".to_owned(),
            channels_max: 3,
            file: Some(file),
            state_dir: Some(dir.path().join("state")),
        });
        let plane = Arc::new(FakePlane::default());
        let events = Arc::new(Events::new());
        let runner: Arc<dyn Runner> = Arc::<FakePlane>::clone(&plane);
        let loaded = loaded.expect("loaded");
        let registry = Arc::new(Registry::start(loaded, runner, Arc::clone(&events)));
        let options = ControlOptions {
            node_name: "n1".to_owned(),
            connections_max: 4000,
            plane: plane_options(),
        };
        let data_plane: Arc<dyn DataPlane> = Arc::<FakePlane>::clone(&plane);
        let nodes = Nodes::new(
            "n1".to_owned(),
            Arc::clone(&registry),
            None,
            Arc::clone(&events),
        );
        let nodes = Arc::new(nodes);
        let control = Arc::new(Control::new(options, data_plane, registry, events, nodes));
        Self {
            router: router(Arc::clone(&control)),
            plane,
            control,
            dir,
        }
    }

    async fn raw(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().call(request).await.expect("an answer")
    }

    async fn send(&self, line: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let (method, path) = line.split_once(' ').expect("method and path");
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body.into()).expect("request");
        request.extensions_mut().insert(Actor {
            name: "token/anna".to_owned(),
            as_user: None,
            address: IpAddr::from([192, 0, 2, 1]),
        });
        let response = self.raw(request).await;
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: to_bytes(body, 1 << 22).await.expect("body"),
        }
    }

    async fn ask(&self, line: &str) -> Answer {
        self.send(line, &[], Body::empty()).await
    }

    async fn post(&self, body: &Value) -> Answer {
        self.send("POST /channels", &[], body.to_string()).await
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn problem(&self, status: u16) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{text}");
        assert_eq!(
            self.headers[header::CONTENT_TYPE],
            "application/problem+json"
        );
        let problem = self.json();
        for member in ["type", "title", "status", "detail", "reason"] {
            assert!(!problem[member].is_null(), "no {member} in {problem}");
        }
        problem
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

fn plane_options() -> PlaneOptions {
    PlaneOptions {
        interfaces: vec!["lo".parse().expect("NIC")],
        workers: 1,
        latency: Duration::from_millis(20),
        history: Duration::from_secs(2),
        history_bytes_max: 256 << 20,
        receive_buffer_bytes: None,
        probe: ProbeInterfaces::Off,
        silence: Duration::from_secs(1),
        viewer_idle: Duration::from_secs(60),
        viewers_max: 2000,
        analysed: true,
    }
}

fn channel(id: &str) -> Value {
    json!({"id": id, "name": id, "inputs": [{"url": "udp://239.1.1.1:5000", "interface": "eth1"}]})
}

#[tokio::test]
async fn a_channel_is_made_read_replaced_and_removed() {
    let api = Api::new();
    let made = api.post(&channel("news")).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.headers[header::LOCATION], "/api/v1/channels/news");
    assert_eq!(made.headers[header::CACHE_CONTROL], "no-store");
    let read = api.ask("GET /channels/news").await;
    assert_eq!((read.status, read.json()), (200, made.json()));
    let before = read.headers[header::ETAG].to_str().expect("tag").to_owned();
    let mut changed = read.json();
    changed["name"] = "News HD".into();
    let put = |tag: String| {
        let headers = [("if-match", tag)];
        let (api, body) = (&api, changed.to_string());
        async move {
            let headers = headers.each_ref().map(|(name, tag)| (*name, tag.as_str()));
            api.send("PUT /channels/news", &headers, body).await
        }
    };
    assert_eq!(
        put("\"other\"".to_owned()).await.problem(412)["reason"],
        "revision"
    );
    let after = put(before.clone()).await;
    assert_eq!(
        (after.status, &after.json()["name"]),
        (200, &json!("News HD"))
    );
    assert_eq!(put(before).await.problem(412)["status"], 412);
    assert_eq!(put("*".to_owned()).await.status, 200);
    assert_eq!(api.ask("DELETE /channels/news").await.status, 204);
    for method in ["GET", "DELETE"] {
        let gone = api.ask(&format!("{method} /channels/news")).await;
        assert_eq!(gone.problem(404)["reason"], "unknown_channel");
    }
    let gone = api
        .send("PUT /channels/news", &[], changed.to_string())
        .await;
    gone.problem(404);
    let events = api.ask("GET /events.json").await.json();
    let events = events["events"].as_array().expect("events");
    let told: Vec<&Value> = events
        .iter()
        .filter(|one| one["channel"] == "news")
        .collect();
    let kinds: Vec<&Value> = told.iter().map(|one| &one["kind"]).collect();
    assert_eq!(
        kinds,
        ["channel_added", "channel_changed", "channel_removed"]
    );
    assert_eq!(
        (&told[1]["actor"], &told[1]["address"]),
        (&json!("token/anna"), &json!("192.0.2.1"))
    );
    assert_eq!(
        (&told[1]["reason"], &told[1]["params"]),
        (
            &json!("operator"),
            &json!({"name": "News HD", "fields": "name"})
        )
    );
    assert_eq!(
        told[1]["difference"],
        json!({"name": {"old": "news", "new": "News HD"}})
    );
}

#[tokio::test]
async fn a_channel_is_shown_as_promised() {
    let api = Api::new();
    let mut body = channel("news");
    body["renditions"] = json!(["preview"]);
    assert_eq!(api.post(&body).await.status, 201);
    let live = api.plane.running().values().last().cloned().expect("news");
    live.counters.viewers.store(3, Ordering::Relaxed);
    live.counters
        .bitrate_bps
        .store(8_000_000, Ordering::Relaxed);
    live.counters.received_bytes.store(1316, Ordering::Relaxed);
    live.counters.lost_kernel.store(5, Ordering::Relaxed);
    let list = api.ask("GET /channels").await.json();
    let ids: Vec<&Value> = list["channels"]
        .as_array()
        .expect("list")
        .iter()
        .map(|one| &one["id"])
        .collect();
    assert_eq!(ids, ["declared", "news"]);
    assert_eq!(list["channels"][0]["origin"], "declared");
    assert_eq!(
        list["channels"][1],
        json!({
            "id": "news", "name": "news", "origin": "operator", "enabled": true,
            "inputs": [{"url": "udp://239.1.1.1:5000", "interface": "eth1"}],
            "slow_viewer": "skip", "renditions": ["preview"],
            "status": {
                "state": "receiving", "reason": "ok", "params": {}, "detail": "",
                "since": "2026-11-23T10:00:00Z", "active_input": 0, "bitrate_bps": 8_000_000,
                "viewers": 3, "received": {"datagrams": 0, "bytes": 1316},
                "lost": {"network": 0, "kernel": 5, "upstream": 0, "unattributed": 0},
                "repaired": {"reordered": 0, "duplicates": 0},
                "tr101290": {
                    "ts_sync_loss": 0, "sync_byte_error": 0, "pat_error": 0,
                    "continuity_count_error": 0, "pmt_error": 0, "pid_error": 0,
                    "transport_error": 0, "crc_error": 0, "pcr_repetition_error": 0,
                    "pcr_discontinuity_error": 0, "pcr_accuracy_error": 0, "pts_error": 0,
                    "cat_error": 0,
                },
                "arrival_jitter_us": null, "services": [], "pinned_input": null, "inputs": [],
                "acknowledged": null,
            },
        })
    );
}

#[tokio::test]
async fn a_disabled_channel_waits_and_says_so() {
    let api = Api::new();
    let mut body = channel("news");
    body["enabled"] = false.into();
    let shown = api.post(&body).await.json();
    assert_eq!(
        (&shown["enabled"], &shown["status"]["state"]),
        (&json!(false), &json!("waiting"))
    );
    assert_eq!(shown["status"]["params"], json!({"idle": "disabled"}));
    assert!(
        shown["status"]["detail"]
            .as_str()
            .expect("detail")
            .contains("enabled")
    );
    body["id"] = "sport".into();
    body["ingests"] = json!(["n2"]);
    let problem = api.post(&body).await.problem(400);
    assert_eq!(problem["errors"][0]["pointer"], "/ingests");
}

#[tokio::test]
async fn every_mistake_of_a_body_is_told() {
    let api = Api::new();
    let wrong = json!({
        "id": "No!", "name": 5, "colour": "red", "slow_viewer": "perhaps",
        "inputs": [{"url": "udp://10.0.0.1:5000"}, {"uri": "udp://239.1.1.1:1"}],
    });
    let problem = api.post(&wrong).await.problem(400);
    let errors = problem["errors"].as_array().expect("errors");
    let pointers: Vec<&Value> = errors.iter().map(|error| &error["pointer"]).collect();
    assert_eq!(
        pointers,
        [
            "/colour",
            "/id",
            "/name",
            "/inputs/0/url",
            "/inputs/1/uri",
            "/inputs/1/url",
            "/slow_viewer"
        ]
    );
    for body in [
        "",
        "{",
        "[]",
        "null",
        "{\"id\":\"x\"}",
        "\u{feff}",
        "{\"id\":\"a\",\"id\":\"b\"}",
    ] {
        let problem = api.send("POST /channels", &[], body).await.problem(400);
        assert_eq!(problem["reason"], "mistakes", "{body:?}");
    }
    for size in [CHANNEL_BODY_BYTES_MAX, DOCUMENT_BYTES_MAX] {
        let huge = api.send("POST /channels", &[], vec![b' '; size + 1]).await;
        assert_eq!(huge.problem(413)["reason"], "body_too_large");
    }
    assert_eq!(api.plane.running().len(), 1);
}

#[tokio::test]
async fn conflicts_limits_and_a_full_disk_have_their_answers() {
    let api = Api::new();
    assert_eq!(api.post(&channel("news")).await.status, 201);
    for id in ["news", "declared"] {
        assert_eq!(
            api.post(&channel(id)).await.problem(409)["reason"],
            "exists"
        );
    }
    let body = channel("declared").to_string();
    let put = api.send("PUT /channels/declared", &[], body).await;
    assert_eq!(put.problem(409)["reason"], "declared");
    api.ask("DELETE /channels/declared").await.problem(409);
    let on_demand = ChannelDefinition {
        id: ChannelId::made("udp.239.1.1.1.5000.eth1".to_owned()),
        origin: Origin::OnDemand,
        ..api
            .control
            .registry
            .in_force()
            .all
            .values()
            .next()
            .map(|one| one.as_ref().clone())
            .expect("one")
    };
    api.plane.apply(Arc::new(on_demand));
    let path = "/channels/udp.239.1.1.1.5000.eth1";
    assert_eq!(
        api.ask(&format!("GET {path}")).await.json()["origin"],
        "on_demand"
    );
    assert_eq!(
        api.ask(&format!("DELETE {path}")).await.problem(409)["reason"],
        "made_by_the_ingest"
    );
    assert_eq!(api.post(&channel("third")).await.status, 201);
    let full = api.post(&channel("fourth")).await;
    assert_eq!(full.problem(503)["reason"], "max_channels");
    assert!(full.headers.contains_key(header::RETRY_AFTER));
    std::fs::create_dir(api.dir.path().join("state/channels.json.new")).expect("in the way");
    let refused = api.ask("DELETE /channels/news").await;
    assert_eq!(refused.problem(503)["reason"], "state_dir");
    assert_eq!(api.ask("GET /channels/news").await.status, 200);
}

#[tokio::test]
async fn a_whole_set_is_compared_and_applied() {
    let api = Api::new();
    assert_eq!(api.post(&channel("one")).await.status, 201);
    assert_eq!(api.post(&channel("two")).await.status, 201);
    let text = "channels:\n- {id: two, name: Two, inputs: [{url: 'udp://239.1.1.1:5000', interface: eth1}]}\n- {id: three, inputs: [{url: 'udp://239.1.1.4:5000'}]}\n";
    let wanted = json!({
        "added": ["three"], "changed": ["two"], "removed": ["one"], "ignored": [],
        "changes": {"two": {"name": {"old": "two", "new": "Two"}}},
    });
    let compared = api
        .send("POST /channels:apply?dry_run=true", &[], text)
        .await;
    assert_eq!((compared.status, compared.json()), (200, wanted.clone()));
    assert_eq!(api.ask("GET /channels/one").await.status, 200);
    let applied = api
        .send("POST /channels:apply?dry_run=false", &[], text)
        .await;
    assert_eq!((applied.status, applied.json()), (200, wanted));
    api.ask("GET /channels/one").await.problem(404);
    let json_type = [("content-type", "application/json")];
    let empty = api
        .send("POST /channels:apply", &json_type, r#"{"channels":[]}"#)
        .await;
    assert_eq!(empty.json()["removed"], json!(["three", "two"]));
    let wrong = api
        .send("POST /channels:apply", &[], "channels:\n- {id: A}\n")
        .await;
    assert_eq!(wrong.problem(400)["errors"][0]["line"], 2);
    let declared = text.replace("id: two", "id: declared");
    let conflict = api.send("POST /channels:apply", &[], declared).await;
    assert_eq!(conflict.problem(409)["reason"], "declared");
    let query = api
        .send("POST /channels:apply?dry_run=perhaps", &[], text)
        .await;
    assert_eq!(query.status, 400);
}

#[tokio::test]
async fn viewers_are_listed_and_disconnected() {
    let api = Api::new();
    assert_eq!(api.post(&channel("news")).await.status, 201);
    api.plane.add_viewer(8, "news");
    api.plane.add_viewer(7, "news");
    let list = api.ask("GET /channels/news/viewers").await.json();
    let viewer = json!({
        "id": "7", "address": "192.0.2.7:50000", "user_agent": "VLC",
        "since": "2026-11-23T10:00:00Z", "bytes": 1316, "lag_ms": 0, "skipped_bytes": 0,
    });
    assert_eq!(
        (
            &list["viewers"][0],
            list["viewers"].as_array().map(Vec::len)
        ),
        (&viewer, Some(2))
    );
    assert_eq!(
        api.ask("GET /channels/declared/viewers").await.json(),
        json!({"viewers": []})
    );
    api.ask("GET /channels/none/viewers").await.problem(404);
    assert_eq!(api.ask("DELETE /viewers/7").await.status, 204);
    for id in ["7", "-1", "x", "99999999999999999999"] {
        let gone = api.ask(&format!("DELETE /viewers/{id}")).await;
        assert_eq!(gone.problem(404)["reason"], "unknown_viewer", "{id}");
    }
    let events = api.ask("GET /events.json").await.json().to_string();
    assert!(
        events.contains("viewer_kicked") && events.contains("192.0.2.7:50000"),
        "{events}"
    );
}

#[tokio::test]
async fn error_counters_start_again_for_operators_alone() {
    let api = Api::new();
    let live = || {
        api.plane
            .running()
            .values()
            .next()
            .cloned()
            .expect("declared")
    };
    live().counters.lost_network.store(10, Ordering::Relaxed);
    live().counters.duplicates.store(2, Ordering::Relaxed);
    let pat_errors = Indicator::PatError.index();
    live().counters.tr101290[pat_errors].store(7, Ordering::Relaxed);
    let shown = || async { api.ask("GET /channels/declared").await.json()["status"].clone() };
    assert_eq!(shown().await["lost"]["network"], 10);
    assert_eq!(shown().await["tr101290"]["pat_error"], 7);
    let reset = "POST /channels/declared/counters:reset";
    assert_eq!(api.ask(reset).await.status, 204);
    assert_eq!(shown().await["lost"]["network"], 0);
    assert_eq!(shown().await["tr101290"]["pat_error"], 0);
    let events = api.ask("GET /events.json").await.json();
    let events = events["events"].as_array().expect("events");
    let told = events.iter().find(|one| one["kind"] == "counters_reset");
    let told = told.expect("an event");
    let lost = &told["difference"]["lost"];
    assert_eq!(
        (&lost["old"]["network"], &lost["new"]["network"]),
        (&json!(10), &json!(0))
    );
    live().counters.tr101290[pat_errors].store(9, Ordering::Relaxed);
    assert_eq!(shown().await["tr101290"]["pat_error"], 2);
    live().counters.lost_network.store(13, Ordering::Relaxed);
    assert_eq!(shown().await["lost"]["network"], 3);
    assert_eq!(shown().await["repaired"]["duplicates"], 0);
    assert_eq!(live().counters.lost_network.load(Ordering::Relaxed), 13);
    // Removed and made again it is another channel, whose counters begin at zero.
    let definition = live().definition.load_full();
    api.plane.remove(&definition.id);
    api.plane.apply(definition);
    live().counters.lost_network.store(4, Ordering::Relaxed);
    assert_eq!(shown().await["lost"]["network"], 4);
    api.ask("POST /channels/none/counters:reset")
        .await
        .problem(404);
}

#[tokio::test]
async fn the_status_tells_what_there_is() {
    let api = Api::new();
    let status = api.ask("GET /status").await.json();
    assert_eq!(status["node_name"], "n1");
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        (&status["persistent"], &status["config_ok"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(status["limits"]["max_channels"], 3);
    assert_eq!(status["limits"]["receive_buffer_bytes"], Value::Null);
    assert_eq!(
        status["workers"],
        json!([{"channels": 1, "busy_ratio": 0.25, "alive": true}])
    );
    assert_eq!(status["interface"]["looked_for"], json!(["lo"]));
    assert_eq!(status["interface"]["found"], "lo");
    assert_eq!(status["channels"][0]["id"], "declared");
    let nics = api.ask("GET /interfaces").await.json();
    assert_eq!(nics["interfaces"][0]["name"], "lo");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let api = Api::new();
    for path in ["/nothing", "/channels/a/b", "/channels:delete"] {
        let none = api.ask(&format!("GET {path}")).await;
        assert_eq!(none.problem(404)["reason"], "no_such_path", "{path}");
    }
    let method = api.ask("PATCH /channels").await;
    assert_eq!(method.problem(405)["reason"], "no_such_method");
    assert!(method.headers.contains_key(header::ALLOW));
}

/// Reads server-sent events until `wanted` has come.
async fn read_until(body: &mut Body, wanted: &str) -> String {
    let mut text = String::new();
    while !text.contains(wanted) {
        let frame = body.frame().await.expect("more").expect("a frame");
        let data = frame.into_data().expect("data");
        text.push_str(std::str::from_utf8(&data).expect("text"));
    }
    text
}

#[tokio::test(start_paused = true)]
async fn events_are_replayed_and_go_on_with_comments_between() {
    let api = Api::new();
    let request = |last: Option<&str>| {
        let request = Request::get("/events");
        let request = match last {
            Some(last) => request.header("last-event-id", last),
            None => request,
        };
        request.body(Body::empty()).expect("request")
    };
    let all = api.control.events.list();
    let first = &all[0].id;
    let response = api.raw(request(Some("0-0"))).await;
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/event-stream"
    );
    let mut body = response.into_body();
    let text = read_until(&mut body, "config_applied").await;
    assert!(text.contains(&format!("id: {first}\n")), "{text}");
    let data = text.lines().find_map(|line| line.strip_prefix("data: "));
    let event: Value = serde_json::from_str(data.expect("data")).expect("JSON");
    assert_eq!(event["id"], **first);
    let mut fresh = api.raw(request(None)).await.into_body();
    let mut after = api.raw(request(Some(first))).await.into_body();
    // Time is made up here: a comment comes each second of it.
    let begin = tokio::time::Instant::now();
    for _ in 0..4 {
        read_until(&mut fresh, ":").await;
    }
    assert_eq!(begin.elapsed().as_secs(), 3);
    api.post(&channel("news")).await;
    for body in [&mut fresh, &mut after, &mut body] {
        read_until(body, "channel_added").await;
    }
    api.control.events.close();
    assert!(
        fresh.frame().await.is_none(),
        "the stream ends with the process"
    );
}

#[tokio::test]
async fn errors_are_told_with_their_times_while_they_are_fresh() {
    let api = Api::new();
    let id = ChannelId::made("declared".to_owned());
    let live = api.plane.channel(&id).expect("the channel runs");
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let error = |age_ms, kind, count| ErrorSeen {
        unix_ms: now_ms - age_ms,
        kind,
        count,
    };
    let seen = vec![
        error(31_000, "crc_error", 1),
        error(5000, "lost_network", 7),
    ];
    live.errors.store(Arc::new(seen));
    let answer = api.ask("GET /channels/declared/errors").await.json();
    let errors = answer["errors"].as_array().expect("errors");
    assert_eq!(errors.len(), 1, "{answer}");
    assert_eq!(errors[0]["kind"], "lost_network");
    assert_eq!(errors[0]["count"], 7);
    let time: jiff::Timestamp = errors[0]["time"]
        .as_str()
        .and_then(|time| time.parse().ok())
        .expect("a time");
    assert_eq!(time.as_millisecond() / 1000, (now_ms - 5000) / 1000);
    let unknown = api.ask("GET /channels/nowhere/errors").await;
    assert_eq!(unknown.problem(404)["reason"], "unknown_channel");
}

#[tokio::test]
async fn an_ill_channel_is_acknowledged_and_taken_back() {
    let api = Api::new();
    let until = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let body = json!({"until": until.to_string(), "note": "on it"}).to_string();
    let put = |id: &str| {
        let line = format!("PUT /channels/{id}/acknowledge");
        let (api, body) = (&api, body.clone());
        async move { api.send(&line, &[], body).await }
    };
    let well = put("declared").await;
    assert_eq!(well.problem(409)["reason"], "channel_well");
    assert_eq!(put("nowhere").await.problem(404)["status"], 404);
    let id = ChannelId::made("declared".to_owned());
    let live = api.plane.channel(&id).expect("the channel runs");
    let mut ill = status();
    ill.reason = Reason::NeverReceived;
    live.status.store(Arc::new(ill));
    let shown = put("declared").await.json();
    let acknowledged = &shown["status"]["acknowledged"];
    assert_eq!(acknowledged["by"], "token/anna", "{shown}");
    assert_eq!(acknowledged["note"], "on it", "{shown}");
    assert_eq!(acknowledged["until"], until.to_string(), "{shown}");
    let read = api.ask("GET /channels/declared").await.json();
    assert_eq!(&read["status"]["acknowledged"], acknowledged);
    // What was read may be sent back: it is passed over.
    for _ in 0..2 {
        let taken = api.ask("DELETE /channels/declared/acknowledge").await;
        assert_eq!(taken.status, 204, "{taken:?}");
    }
    let read = api.ask("GET /channels/declared").await.json();
    assert_eq!(read["status"]["acknowledged"], Value::Null);
    let events = api.ask("GET /events.json").await.json();
    let events = events["events"].as_array().expect("events");
    let mut told = events.iter().filter(|one| one["kind"] == "acknowledged");
    let event = told.next().expect("an event");
    assert_eq!(event["actor"], "token/anna");
    assert_eq!(event["params"]["until"], until.to_string());
    let change = &event["difference"]["acknowledged"];
    assert_eq!(change, &json!({"old": null, "new": acknowledged}));
    let back = told.next().expect("another");
    assert_eq!(back["reason"], "taken_back");
    let change = &back["difference"]["acknowledged"];
    assert_eq!(change, &json!({"old": acknowledged, "new": null}));
    assert_eq!(told.count(), 0, "the second took nothing back");
}

#[tokio::test]
async fn a_capture_is_what_the_history_has() {
    let api = Api::new();
    let ask = |query: &str| {
        let line = format!("GET /channels/declared/capture.ts{query}");
        let api = &api;
        async move { api.ask(&line).await }
    };
    let nothing = ask("").await;
    assert_eq!(nothing.problem(404)["reason"], "nothing_captured");
    let history: Vec<u8> = (0..3_000_000_u32).map(|at| at.to_le_bytes()[1]).collect();
    *api.plane.history.lock().expect("lock") = Some(history.clone());
    let got = ask("?seconds=10").await;
    assert_eq!(got.status, 200, "{:?}", got.headers);
    assert_eq!(got.headers["x-seconds"], "1.980");
    assert_eq!(got.headers[header::CONTENT_TYPE], "video/mp2t");
    assert_eq!(got.headers[header::CONTENT_LENGTH], "3000000");
    let file = got.headers[header::CONTENT_DISPOSITION].to_str();
    let file = file.expect("text");
    assert!(file.contains("\"declared-"), "{file}");
    assert!(got.body == history);
    for wrong in ["?seconds=0", "?seconds=601", "?seconds=x", "?second=1"] {
        assert_eq!(ask(wrong).await.problem(400)["reason"], "query", "{wrong}");
    }
    let unknown = api.ask("GET /channels/nowhere/capture.ts").await;
    assert_eq!(unknown.problem(404)["reason"], "unknown_channel");
    // As many as may be are under way: their bodies have not been read.
    let request = || request_of("GET /channels/declared/capture.ts");
    let one = api.raw(request()).await;
    let two = api.raw(request()).await;
    let busy = ask("").await;
    assert_eq!(busy.problem(503)["reason"], "max_captures");
    assert_eq!((one.status().as_u16(), two.status().as_u16()), (200, 200));
    drop(one);
    assert_eq!(ask("").await.status, 200);
}

#[tokio::test]
async fn an_input_is_held_and_let_go() {
    let api = Api::new();
    let mut body = channel("news");
    body["inputs"] = json!([{"url": "udp://239.1.1.1:5000"}, {"url": "udp://239.1.1.2:5000"}]);
    assert_eq!(api.post(&body).await.status, 201);
    let id = ChannelId::made("news".to_owned());
    let live = api.plane.channel(&id).expect("the channel runs");
    for _ in 0..2 {
        let pinned = api.ask("POST /channels/news/pin?input=1").await;
        assert_eq!(pinned.status, 204, "{pinned:?}");
    }
    assert_eq!(live.pinned(), Some(1));
    for beyond in [2, 8, u32::MAX] {
        let line = format!("POST /channels/news/pin?input={beyond}");
        let none = api.ask(&line).await.problem(400);
        assert_eq!(none["reason"], "unknown_input");
        let why = format!("channel news has no input {beyond}: it has 2, counted from 0");
        assert_eq!(none["detail"], why);
    }
    for wrong in [
        "",
        "?input=x",
        "?input=-1",
        "?input=1&x=1",
        "?input=0&input=1",
    ] {
        let line = format!("POST /channels/news/pin{wrong}");
        let problem = api.ask(&line).await.problem(400);
        assert_eq!(problem["reason"], "query", "{wrong}");
    }
    let gone = api.ask("POST /channels/nowhere/pin?input=0").await;
    assert_eq!(gone.problem(404)["reason"], "unknown_channel");
    assert_eq!(live.pinned(), Some(1));
    assert_eq!(api.ask("DELETE /channels/news/pin").await.status, 204);
    assert_eq!(live.pinned(), None);
    let events = api.ask("GET /events.json").await.json();
    let events = events["events"].as_array().expect("events");
    let told = events.iter().filter(|one| one["kind"] == "input_pinned");
    let changes: Vec<&Value> = told.clone().map(|one| &one["difference"]).collect();
    assert_eq!(
        changes,
        [
            &json!({"pinned_input": {"old": null, "new": 1}}),
            &json!({"pinned_input": {"old": 1, "new": null}}),
        ]
    );
    let told: Vec<&Value> = told.map(|one| &one["reason"]).collect();
    assert_eq!(told, ["pinned", "unpinned"]);
}

#[tokio::test]
async fn a_diagnosis_tells_in_words_what_was_found() {
    let api = Api::new();
    let probed = |interface: &str, outcome| Probed {
        interface: interface.to_owned(),
        outcome,
    };
    let failed = ProbeOutcome::Failed("no such device".to_owned());
    let probes = vec![
        probed("eth1", ProbeOutcome::Nothing),
        probed("eth2", failed),
        probed("eth3", ProbeOutcome::Nothing),
    ];
    let looked = Looked {
        probes,
        filtered: None,
    };
    *api.plane.looked.lock().expect("lock") = Some(looked);
    let answer = api.ask("POST /channels/declared/diagnose").await.json();
    assert_eq!(
        answer["verdict"],
        "all is well: 0.00 Mbit/s come; nothing comes on eth1, eth3 either"
    );
    assert_eq!(answer["group"], "239.1.1.9:5000");
    assert_eq!(answer["interface"]["name"], "lo");
    assert_eq!(answer["probes"][1]["error"], "no such device");
    let unknown = api.ask("POST /channels/nowhere/diagnose").await;
    assert_eq!(unknown.problem(404)["reason"], "unknown_channel");
    *api.plane.looked.lock().expect("lock") = None;
    let busy = api.ask("POST /channels/declared/diagnose").await;
    assert_eq!(busy.problem(503)["reason"], "max_diagnoses");
    assert_eq!(busy.headers[header::RETRY_AFTER], "10");
}

/// The contract, 2.4, without what later capabilities bring.
const PROMISED: [&str; 26] = [
    "GET /channels",
    "POST /channels",
    "GET /channels/{id}",
    "PUT /channels/{id}",
    "DELETE /channels/{id}",
    "POST /channels:apply",
    "GET /channels/{id}/viewers",
    "DELETE /viewers/{id}",
    "POST /channels/{id}/counters:reset",
    "POST /channels/{id}/diagnose",
    "POST /channels/{id}/pin",
    "DELETE /channels/{id}/pin",
    "GET /channels/{id}/capture.ts",
    "PUT /channels/{id}/acknowledge",
    "DELETE /channels/{id}/acknowledge",
    "GET /channels/{id}/errors",
    "GET /channels/{id}/snapshot.jpg",
    "GET /nodes",
    "POST /nodes/{name}/heartbeat",
    "GET /jobs",
    "PUT /jobs/{id}/output",
    "GET /interfaces",
    "GET /events",
    "GET /events.json",
    "GET /status",
    "GET /openapi.json",
];

#[tokio::test]
async fn the_description_is_of_all_that_is_there_and_no_more() {
    let api = Api::new();
    let document = api.ask("GET /openapi.json").await.json();
    assert!(
        document["openapi"]
            .as_str()
            .expect("version")
            .starts_with("3.1")
    );
    let paths = document["paths"].as_object().expect("paths");
    let described: Vec<String> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().expect("item").keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let mut promised = PROMISED.map(|line| line.replacen(' ', " /api/v1", 1));
    let mut sorted = described.clone();
    sorted.sort();
    promised.sort();
    assert_eq!(sorted, promised);
    for line in described {
        let line = line
            .replace(PREFIX, "")
            .replace("{id}", "none")
            .replace("{name}", "none");
        let response = api.raw(request_of(&line)).await;
        let allowed = response.headers().get(header::ALLOW).is_none();
        assert!(allowed, "{line} is described, but is not there");
        if line != "GET /events" && response.status() == 404 {
            let body = to_bytes(response.into_body(), 1 << 16).await.expect("body");
            let problem: Value = serde_json::from_slice(&body).expect("a problem");
            assert_ne!(problem["reason"], "no_such_path", "{line}");
        }
    }
    let text = document.to_string();
    for part in text.split("\"$ref\":\"#").skip(1) {
        let pointer = part.split('"').next().expect("pointer");
        assert!(document.pointer(pointer).is_some(), "nothing at {pointer}");
    }
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("item") {
            let open = path.ends_with("/openapi.json");
            for status in ["400", "401", "403", "408", "413"] {
                let refused = &operation["responses"][status]["content"];
                let refused = &refused["application/problem+json"];
                assert_eq!(refused.is_null(), open, "{method} {path}: {status}");
            }
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(!summary.is_empty(), "{method} {path} has no summary");
        }
    }
}

fn request_of(line: &str) -> Request<Body> {
    let (method, path) = line.split_once(' ').expect("method and path");
    let request = Request::builder().method(method).uri(path);
    request.body(Body::empty()).expect("request")
}
