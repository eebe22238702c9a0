//! Asks one address for as long as it is known: its state once a second, its events as they come.
//! What it says goes into the roster; the ingest gets the same few requests however many browsers
//! look.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::value::RawValue;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::answers;
use crate::changes::IngestEvent;
use crate::client::{ClientError, IngestClient, innermost, unintelligible};
use crate::hub::{Hub, now};
use crate::limits::{ANSWER_WITHIN, EVENTS_SILENT, POLL_PERIOD, SELDOM_PERIOD};
use crate::metrics::Poll;
use crate::playlist;
use crate::roster::{Answer, Standing};
use crate::sse::Parser;

const STATUS: &str = "/api/v1/status";
const CHANNELS: &str = "/api/v1/channels";
const EVENTS: &str = "/api/v1/events";
/// `all=1`: renditions and on-demand channels are listed by the API too.
const PLAYLIST: &str = "/playlist.m3u?all=1";

/// Asks `address` until it is dropped.
pub async fn follow(hub: Hub, client: IngestClient, address: SocketAddr) {
    let mut questions = Questions::new(hub.clone(), client.clone(), address);
    tokio::join!(questions.ask_on(), listen(&hub, &client, address));
}

/// The once-a-second part.
struct Questions {
    hub: Hub,
    client: IngestClient,
    address: SocketAddr,
    watch_urls: HashMap<String, String>,
    /// The channels that the playlist was asked for.
    playlist_of: Vec<String>,
    /// When the playlist is asked for again, whatever the channels are.
    playlist_due: Instant,
    /// Why the last attempt gave none: channels are shown without their URL then, or with the old one.
    playlist_lack: Option<String>,
    nodes: Extra,
    jobs: Extra,
}

/// What not every ingest has.
struct Extra {
    path: &'static str,
    name: &'static str,
    last: Option<Arc<RawValue>>,
    due: Instant,
}

impl Questions {
    fn new(hub: Hub, client: IngestClient, address: SocketAddr) -> Self {
        let now = Instant::now();
        let extra = |path, name| Extra {
            path,
            name,
            last: None,
            due: now,
        };
        Self {
            hub,
            client,
            address,
            watch_urls: HashMap::new(),
            playlist_of: Vec::new(),
            playlist_due: now,
            playlist_lack: None,
            nodes: extra("/api/v1/nodes", "nodes"),
            jobs: extra("/api/v1/jobs", "jobs"),
        }
    }

    async fn ask_on(&mut self) {
        let mut turn = interval(POLL_PERIOD);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Once per cause, not once a second.
        let mut told = None;
        loop {
            turn.tick().await;
            let result = self.ask().await;
            let counters = self.hub.counters();
            counters.polled(match result {
                Ok(()) => Poll::Answered,
                Err(_) => Poll::Failed,
            });
            let error = match result {
                Ok(()) => self.playlist_lack.clone(),
                Err(error) => {
                    let error = error.to_string();
                    self.hub.roster().failed(self.address, error.clone());
                    Some(error)
                }
            };
            if error != told {
                match &error {
                    Some(error) => tracing::warn!(ingest = %self.address, "{error}"),
                    None => tracing::info!(ingest = %self.address, "ingest answers again"),
                }
                told = error;
            }
        }
    }

    async fn ask(&mut self) -> Result<(), ClientError> {
        let body = self.client.get(self.address, STATUS).await?;
        let status = answers::whole(STATUS, &body)?;
        let identity = answers::identity(STATUS, &status)?;
        let standing = self.hub.roster().introduced(self.address, &identity, now());
        if standing == Standing::Spare {
            return Ok(());
        }
        let channels = async {
            let body = self.client.get(self.address, CHANNELS).await?;
            answers::channels(CHANNELS, &body)
        };
        let (channels, (), ()) = tokio::join!(
            channels,
            self.nodes.ask(&self.client, self.address),
            self.jobs.ask(&self.client, self.address),
        );
        let channels = channels?;
        let ids = channels.iter().map(|(id, _)| id);
        if self.playlist_due <= Instant::now() || !ids.clone().eq(&self.playlist_of) {
            self.playlist_of = ids.cloned().collect();
            self.ask_for_playlist().await;
        }
        let before = self.hub.roster().answer_of(self.address).cloned();
        let before = before.unwrap_or_default().channels;
        let channels = answers::listed(channels, &self.watch_urls, &before);
        let answer = Answer {
            status: Some(status.into()),
            nodes: self.nodes.last.clone(),
            jobs: self.jobs.last.clone(),
            channels: Arc::new(channels),
        };
        let lack = self.playlist_lack.clone();
        self.hub
            .roster()
            .answered(self.address, answer, lack, now());
        Ok(())
    }

    /// An ingest may keep its playlist from us (`--watch-from`): its channels are shown all the same.
    async fn ask_for_playlist(&mut self) {
        let body = self.client.get(self.address, PLAYLIST).await;
        let read = body.and_then(|body| {
            let text = std::str::from_utf8(&body);
            let text = text.map_err(|cause| unintelligible(PLAYLIST, &cause))?;
            Ok(playlist::watch_urls(text))
        });
        // An answer stays as it is for a while; what gave none is asked again at once.
        let answered = !matches!(
            read,
            Err(ClientError::Unreachable(_) | ClientError::Slow(_))
        );
        let pause = if answered { SELDOM_PERIOD } else { POLL_PERIOD };
        self.playlist_due = Instant::now() + pause;
        match read {
            Ok(urls) => {
                self.watch_urls = urls;
                self.playlist_lack = None;
            }
            Err(error) => self.playlist_lack = Some(error.to_string()),
        }
    }
}

impl Extra {
    async fn ask(&mut self, client: &IngestClient, address: SocketAddr) {
        if self.due > Instant::now() {
            return;
        }
        let answer = client.get(address, self.path).await;
        match answer.and_then(|body| answers::member(self.path, &body, self.name)) {
            Ok(list) => self.last = Some(list.into()),
            Err(ClientError::Status { status, .. }) if status == StatusCode::NOT_FOUND => {
                self.last = None;
                self.due = Instant::now() + SELDOM_PERIOD;
            }
            Err(error) => tracing::debug!(ingest = %address, "{error}"),
        }
    }
}

/// Reads the ingest's events, again and again. Each byte of them says that it is there.
async fn listen(hub: &Hub, client: &IngestClient, address: SocketAddr) {
    let mut last_id = None;
    loop {
        if hub.roster().name_of(address).is_some()
            && let Err(error) = listen_once(hub, client, address, &mut last_id).await
        {
            tracing::debug!(ingest = %address, "its events ended: {error}");
        }
        sleep(POLL_PERIOD).await;
    }
}

async fn listen_once(
    hub: &Hub,
    client: &IngestClient,
    address: SocketAddr,
    last_id: &mut Option<String>,
) -> Result<(), ClientError> {
    let mut request = Request::get("/").header("accept", "text/event-stream");
    if let Some(id) = last_id.as_deref() {
        request = request.header("last-event-id", id);
    }
    let request = request.body(Body::empty());
    let request = request.map_err(|cause| unintelligible(EVENTS, &cause))?;
    let response = timeout(ANSWER_WITHIN, client.send(address, EVENTS, request)).await;
    let response = response.unwrap_or(Err(ClientError::Slow(ANSWER_WITHIN)))?;
    if response.status() != StatusCode::OK {
        let (path, status) = (EVENTS.to_owned(), response.status());
        return Err(ClientError::Status { path, status });
    }
    read(hub, address, response.into_body(), last_id).await
}

async fn read(
    hub: &Hub,
    address: SocketAddr,
    mut body: Incoming,
    last_id: &mut Option<String>,
) -> Result<(), ClientError> {
    let mut parser = Parser::default();
    loop {
        let frame = timeout(EVENTS_SILENT, body.frame()).await;
        let Some(frame) = frame.map_err(|_| ClientError::Slow(EVENTS_SILENT))? else {
            return Ok(());
        };
        let frame = frame.map_err(|error| ClientError::Unreachable(innermost(&error)))?;
        let name = {
            let mut roster = hub.roster();
            roster.heard(address, now());
            roster.name_of(address).map(str::to_owned)
        };
        let Some(data) = frame.data_ref() else {
            continue;
        };
        let messages = parser.push(data);
        for message in messages.map_err(|error| unintelligible(EVENTS, &error))? {
            if message.id.is_some() {
                *last_id = message.id;
            }
            let event = answers::whole(EVENTS, message.data.as_bytes())?;
            if let Some(ingest) = name.clone() {
                hub.event(IngestEvent { ingest, event });
            }
        }
    }
}
