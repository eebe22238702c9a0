//! An ingest as a node sees it: takes heartbeats, gives orders, sends a channel in real time, and
//! keeps what is uploaded.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use common::api::node::{Heartbeat, JobReport, Order, Orders};
use common::api::profile::{
    AudioCodec, AudioProfile, Profile, ProfileKind, VideoCodec, VideoProfile,
};
use futures_util::StreamExt;

use crate::media::Media;
use crate::wait_for;

/// What the ingest of the contract holds an answer back at most.
const HOLD: Duration = Duration::from_millis(900);

/// The channel is sent in pieces of so long.
const STEP: Duration = Duration::from_millis(40);

pub(super) struct FakeIngest {
    pub(super) address: SocketAddr,
    world: Arc<World>,
    /// Ends with it.
    _runtime: tokio::runtime::Runtime,
}

struct World {
    name: String,
    media: Media,
    now: Mutex<Now>,
}

#[derive(Default)]
pub(super) struct Now {
    orders: Vec<Order>,
    revision: u64,
    pub(super) beats: Vec<Heartbeat>,
    pub(super) uploads: Vec<Upload>,
    pub(super) pictures: Vec<Vec<u8>>,
    /// `Bearer ...` that must come with every request.
    pub(super) authorization: Option<String>,
    pub(super) refused: u32,
    /// Each so-many-th packet of the channel is spoilt.
    pub(super) damage_every: Option<usize>,
    /// Once so many bytes were sent, the channel begins anew, one time.
    pub(super) begin_anew_at: Option<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Upload {
    pub(super) epoch: u64,
    pub(super) bytes: Vec<u8>,
    /// How it ended: whole, or cut off.
    pub(super) is_whole: Option<bool>,
}

impl FakeIngest {
    pub(super) fn start(name: &str, media: Media) -> Self {
        Self::start_at(name, media, ([127, 0, 0, 1], 0).into())
    }

    pub(super) fn start_at(name: &str, media: Media, address: SocketAddr) -> Self {
        let world = Arc::new(World {
            name: name.to_owned(),
            media,
            now: Mutex::new(Now::default()),
        });
        let router = Router::new()
            .route("/api/v1/nodes/{name}/heartbeat", post(heartbeat))
            .route("/channels/{file}", get(channel))
            .route("/api/v1/jobs/{id}/output", put(output))
            .with_state(Arc::clone(&world));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind(address));
        let listener = listener.expect("port");
        let address = listener.local_addr().expect("address");
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            world,
            _runtime: runtime,
        }
    }

    pub(super) fn now(&self) -> MutexGuard<'_, Now> {
        self.world.now.lock().expect("no test panicked with it")
    }

    pub(super) fn order(&self, orders: &[Order]) {
        let mut now = self.now();
        now.orders = orders.to_vec();
        now.revision += 1;
    }

    /// The last heartbeat, once one came.
    #[track_caller]
    pub(super) fn beat(&self) -> Heartbeat {
        wait_for("a heartbeat", 15, || self.now().beats.last().cloned())
    }

    /// Waits for a report of job `id` that `fits`.
    #[track_caller]
    pub(super) fn report(
        &self,
        id: &str,
        what: &str,
        fits: impl Fn(&JobReport) -> bool,
    ) -> JobReport {
        wait_for(&format!("{id} {what}"), 20, || {
            let now = self.now();
            let jobs = &now.beats.last()?.jobs;
            jobs.iter().find(|job| job.id == id && fits(job)).cloned()
        })
    }

    /// Waits until so much of the newest upload is here; answers it.
    #[track_caller]
    pub(super) fn uploaded(&self, bytes: usize) -> Upload {
        wait_for(&format!("{bytes} uploaded bytes"), 30, || {
            let now = self.now();
            now.uploads
                .last()
                .filter(|upload| upload.bytes.len() >= bytes)
                .cloned()
        })
    }
}

/// A preview as it is built in.
pub(super) fn preview(epoch: u64) -> Order {
    let video = VideoProfile {
        codec: VideoCodec::H264,
        width: 640,
        height: 360,
        kbps: 800,
        interval_ms: 1000,
    };
    let audio = AudioProfile {
        codec: AudioCodec::Aac,
        kbps: 96,
    };
    order("preview", epoch, ProfileKind::Ts, video, Some(audio))
}

pub(super) fn snapshot(epoch: u64, interval_ms: u32) -> Order {
    let video = VideoProfile {
        codec: VideoCodec::Mjpeg,
        width: 640,
        height: 360,
        kbps: 0,
        interval_ms,
    };
    Order {
        cost: 0.05,
        ..order("snapshot", epoch, ProfileKind::Snapshot, video, None)
    }
}

fn order(
    name: &str,
    epoch: u64,
    kind: ProfileKind,
    video: VideoProfile,
    audio: Option<AudioProfile>,
) -> Order {
    Order {
        id: format!("news.{name}"),
        epoch,
        channel: "news".to_owned(),
        profile: Profile {
            name: name.to_owned(),
            kind,
            video: Some(video),
            audio,
        },
        cost: 1.0,
        program: None,
        interlaced: None,
        has_video: None,
        has_audio: None,
    }
}

impl World {
    fn is_known(&self, headers: &HeaderMap) -> bool {
        let mut now = self.now.lock().expect("whole");
        let given = headers
            .get("authorization")
            .and_then(|value| value.to_str().ok());
        let is_known = now
            .authorization
            .as_deref()
            .is_none_or(|wanted| given == Some(wanted));
        now.refused += u32::from(!is_known);
        is_known
    }
}

async fn heartbeat(State(world): State<Arc<World>>, headers: HeaderMap, body: Bytes) -> Response {
    if !world.is_known(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let beat: Heartbeat = serde_json::from_slice(&body).expect("a heartbeat");
    let known = beat.revision;
    world.now.lock().expect("whole").beats.push(beat);
    let came = Instant::now();
    loop {
        {
            let now = world.now.lock().expect("whole");
            // Revision 0 means that none is known.
            if known != now.revision + 1 || came.elapsed() >= HOLD {
                let orders = Orders {
                    ingest: world.name.clone(),
                    revision: now.revision + 1,
                    jobs: now.orders.clone(),
                };
                return axum::Json(orders).into_response();
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A second of it at once, then in real time; at its end it falls silent.
async fn channel(
    State(world): State<Arc<World>>,
    headers: HeaderMap,
    Path(file): Path<String>,
) -> Response {
    if !world.is_known(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if file != "news.ts" {
        return StatusCode::NOT_FOUND.into_response();
    }
    let media = world.media.clone();
    let begun = (0_usize, Instant::now());
    let pieces = futures_util::stream::unfold(begun, move |(sent, started)| {
        let (media, world) = (media.clone(), Arc::clone(&world));
        async move {
            let is_seam = |at: &mut usize| sent >= *at;
            let anew = world
                .now
                .lock()
                .expect("whole")
                .begin_anew_at
                .take_if(is_seam);
            let (sent, started) = anew.map_or((sent, started), |_| (0, Instant::now()));
            let due = loop {
                let due = media.due(started.elapsed());
                if due > sent {
                    break due;
                }
                tokio::time::sleep(STEP).await;
            };
            let mut piece = media.bytes[sent..due].to_vec();
            let every = world.now.lock().expect("whole").damage_every;
            spoil(&mut piece, sent / 188, every);
            Some((Ok::<_, std::io::Error>(Bytes::from(piece)), (due, started)))
        }
    });
    ([("content-type", "video/mp2t")], Body::from_stream(pieces)).into_response()
}

fn spoil(piece: &mut [u8], first: usize, every: Option<usize>) {
    let Some(every) = every else { return };
    for (index, packet) in piece.chunks_mut(188).enumerate() {
        let number = first + index;
        // The tables stay: whatever else is wrong, the stream is one.
        if number > 200 && number.is_multiple_of(every) {
            packet[20..].fill(0x5a);
        }
    }
}

async fn output(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    Query(query): Query<BTreeMap<String, u64>>,
    request: Request,
) -> Response {
    let epoch = query["epoch"];
    if !world.is_known(request.headers()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let in_force = |now: &Now| {
        now.orders
            .iter()
            .any(|order| order.id == id && order.epoch == epoch)
    };
    if !in_force(&world.now.lock().expect("whole")) {
        return StatusCode::CONFLICT.into_response();
    }
    let mut pieces = request.into_body().into_data_stream();
    if id.ends_with(".snapshot") {
        let mut picture = Vec::new();
        while let Some(Ok(piece)) = pieces.next().await {
            picture.extend_from_slice(&piece);
        }
        world.now.lock().expect("whole").pictures.push(picture);
        return StatusCode::NO_CONTENT.into_response();
    }
    let place = {
        let mut now = world.now.lock().expect("whole");
        now.uploads.push(Upload {
            epoch,
            bytes: Vec::new(),
            is_whole: None,
        });
        now.uploads.len() - 1
    };
    loop {
        let piece = pieces.next().await;
        let mut now = world.now.lock().expect("whole");
        match piece {
            Some(Ok(piece)) => now.uploads[place].bytes.extend_from_slice(&piece),
            Some(Err(_)) => now.uploads[place].is_whole = Some(false),
            None => {
                // After an error nothing more comes.
                now.uploads[place].is_whole.get_or_insert(true);
                return StatusCode::NO_CONTENT.into_response();
            }
        }
    }
}
