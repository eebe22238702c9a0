//! An ingest that a test plays: it says what the test wants, and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use encoder_ui::server;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Debug)]
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    told: Arc<Told>,
    /// Dropped: it is gone, as by kill -9.
    _serving: JoinSet<()>,
}

#[derive(Debug)]
struct Told {
    name: String,
    started: String,
    channels: watch::Sender<Vec<Value>>,
    events: broadcast::Sender<Value>,
    asked: Mutex<Vec<Asked>>,
    /// Bytes of TS that viewers took.
    sent: watch::Sender<u64>,
    /// Answers nothing any more, as after a power cut.
    dead: watch::Sender<bool>,
    /// The one that its API asks for; without, it is open.
    token: watch::Sender<Option<String>>,
    keeps_playlist: watch::Sender<bool>,
    /// Every `Last-Event-ID` that it was given.
    last_ids: Mutex<Vec<HeaderValue>>,
}

/// A channel as an ingest shows it.
pub(crate) fn channel(id: &str, bitrate: u64) -> Value {
    json!({
        "id": id, "name": format!("{id} <HD>"), "enabled": true, "origin": "declared",
        "slow_viewer": "skip", "inputs": [{"url": "udp://239.1.1.1:5000"}], "renditions": [],
        "status": {
            "state": "receiving", "reason": "ok", "params": {}, "detail": "",
            "since": "2026-11-23T10:00:00Z", "bitrate_bps": bitrate, "viewers": 0,
        }
    })
}

impl Fake {
    pub(crate) async fn start(name: &str, channels: Vec<Value>) -> Self {
        Self::start_at(name, channels, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// At an address where one may have been before.
    pub(crate) async fn start_at(name: &str, channels: Vec<Value>, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("port");
        let address = listener.local_addr().expect("address");
        let told = Arc::new(Told {
            name: name.to_owned(),
            started: format!("{:?}", std::time::Instant::now()),
            channels: watch::channel(channels).0,
            events: broadcast::channel(64).0,
            asked: Mutex::default(),
            sent: watch::channel(0).0,
            dead: watch::channel(false).0,
            token: watch::channel(None).0,
            keeps_playlist: watch::channel(false).0,
            last_ids: Mutex::default(),
        });
        let router = Router::new()
            .fallback(answer)
            .with_state((Arc::clone(&told), address));
        let mut serving = JoinSet::new();
        let (trigger, shutdown) = common::shutdown::channel();
        // Its connections end with it, other than those of `axum::serve`.
        serving.spawn(async move {
            server::serve(listener, router, Arc::default(), shutdown).await;
            drop(trigger);
        });
        Self {
            address,
            told,
            _serving: serving,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn set_channels(&self, channels: Vec<Value>) {
        self.told.channels.send_replace(channels);
    }

    /// Once somebody listens.
    pub(crate) async fn event(&self, event: Value) {
        while self.told.events.receiver_count() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.told.events.send(event).expect("a listener");
    }

    /// What it was asked beyond what the UI asks by itself.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.told.asked.lock().expect("no panic").clone()
    }

    /// Somebody went on with its events after this one.
    pub(crate) fn went_on_after(&self, id: &str) -> bool {
        let last_ids = self.told.last_ids.lock().expect("no panic");
        last_ids.iter().any(|last| last == id)
    }

    pub(crate) fn sent(&self) -> watch::Receiver<u64> {
        self.told.sent.subscribe()
    }

    /// From here on its API asks for this token. Streams of events end.
    pub(crate) fn ask_for_token(&self, token: &str) {
        self.told.token.send_replace(Some(token.to_owned()));
    }

    /// Whether the playlist is refused, as by `--watch-from`.
    pub(crate) fn keep_playlist(&self, keep: bool) {
        self.told.keeps_playlist.send_replace(keep);
    }

    /// From here on connections are open and nothing comes.
    pub(crate) fn fall_silent(&self) {
        self.told.dead.send_replace(true);
    }
}

async fn answer(
    State((told, address)): State<(Arc<Told>, SocketAddr)>,
    request: Request,
) -> Response {
    if *told.dead.borrow() {
        std::future::pending::<()>().await;
    }
    let path = request.uri().path_and_query().expect("a path").to_string();
    let wanted = told.token.borrow().clone();
    let given = request.headers().get(header::AUTHORIZATION).cloned();
    if let Some(wanted) = wanted.filter(|_| path.starts_with("/api/"))
        && given.is_none_or(|given| given != format!("Bearer {wanted}"))
    {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match (request.method().as_str(), path.as_str()) {
        ("GET", "/playlist.m3u?all=1") if *told.keeps_playlist.borrow() => {
            StatusCode::FORBIDDEN.into_response()
        }
        ("GET", "/api/v1/status") => {
            Json(json!({"node_name": told.name, "started": told.started})).into_response()
        }
        ("GET", "/api/v1/channels") => {
            let channels = told.channels.borrow().clone();
            Json(json!({"channels": channels})).into_response()
        }
        ("GET", "/playlist.m3u?all=1") => playlist(&told, address).into_response(),
        ("GET", "/api/v1/events") => {
            let last_ids = request.headers().get_all("last-event-id");
            let mut all = told.last_ids.lock().expect("no panic");
            all.extend(last_ids.into_iter().cloned());
            drop(all);
            events(&told)
        }
        ("GET", "/api/v1/nodes") => Json(json!({"nodes": [{"name": "e1"}]})).into_response(),
        ("GET", "/api/v1/jobs") => StatusCode::NOT_FOUND.into_response(),
        ("GET", "/channels/endless.ts") => note(&told, request, endless).await,
        ("GET", "/channels/news/preview.ts") => {
            note(&told, request, |_| "some TS".into_response()).await
        }
        ("GET", "/channels/empty.ts") => StatusCode::GATEWAY_TIMEOUT.into_response(),
        (_, path) if path.starts_with("/channels/") => StatusCode::NOT_FOUND.into_response(),
        _ => note(&told, request, told_by_path).await,
    }
}

async fn note(told: &Arc<Told>, request: Request, answer: fn(&Arc<Told>) -> Response) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 64 << 20).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let path = head.uri.path_and_query().expect("a path").to_string();
    told.asked.lock().expect("no panic").push(Asked {
        method: head.method,
        path: path.clone(),
        headers: head.headers,
        body,
    });
    match path.as_str() {
        "/api/v1/channels/unauthorized" => StatusCode::UNAUTHORIZED.into_response(),
        "/api/v1/channels/slow" => std::future::pending().await,
        _ => answer(told),
    }
}

fn told_by_path(_: &Arc<Told>) -> Response {
    let head = [
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"news.ts\"",
        ),
        (header::SET_COOKIE, "encoder_session=stolen"),
        (header::ETAG, "\"7\""),
        (header::LOCATION, "/api/v1/channels/news"),
        (header::HeaderName::from_static("x-seconds"), "1.500"),
    ];
    (StatusCode::CREATED, head, "a capture").into_response()
}

fn playlist(told: &Told, address: SocketAddr) -> String {
    let channels = told.channels.borrow();
    let ids = channels.iter().filter_map(|channel| channel["id"].as_str());
    let entry =
        |id| format!("#EXTINF:-1 tvg-id=\"{id}\",{id}\nhttp://{address}/channels/{id}.ts\n");
    format!("#EXTM3U\n{}", ids.map(entry).collect::<String>())
}

fn events(told: &Arc<Told>) -> Response {
    let heard = (told.dead.subscribe(), told.token.subscribe());
    let state = (told.events.subscribe(), heard, 0_u64);
    let messages = stream::unfold(
        state,
        |(mut events, (dead, mut token), number)| async move {
            let event = tokio::time::timeout(Duration::from_secs(1), events.recv());
            let text = tokio::select! {
                event = event => match event {
                    Ok(Ok(event)) => format!("id: 1-{number}\ndata: {event}\n\n"),
                    _ => ":\n\n".to_owned(),
                },
                _ = token.changed() => return None,
            };
            if *dead.borrow() {
                std::future::pending::<()>().await;
            }
            Some((
                Ok::<_, std::convert::Infallible>(text),
                (events, (dead, token), number + 1),
            ))
        },
    );
    let head = [(header::CONTENT_TYPE, "text/event-stream")];
    (head, Body::from_stream(messages)).into_response()
}

/// TS without end, as fast as it is taken.
fn endless(told: &Arc<Told>) -> Response {
    const PIECE: Bytes = Bytes::from_static(&[0x47; 188 * 64]);
    let pieces = stream::unfold(Arc::clone(told), |told| async {
        told.sent.send_modify(|sent| *sent += PIECE.len() as u64);
        Some((Ok::<_, std::convert::Infallible>(PIECE), told))
    });
    Body::from_stream(pieces).into_response()
}
