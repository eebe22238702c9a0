//! What the ingests say: each is asked once a second, and its newest answer is kept.
//!
//! However many browsers look, an ingest gets the same few requests. Browsers are answered from
//! here alone: an ingest that is silent stays visible with its last answer and the answer's age.
//! Everything ends with the [`JoinSet`] that the pollers are spawned on.

use std::sync::{Arc, Mutex, PoisonError};

use common::api::channel::Channel;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::client::{ClientError, IngestClient, IngestUrl};
use crate::limits::{AWAY_AFTER, POLL_PERIOD};
use crate::playlist;

/// All ingests that were named on the command line.
#[derive(Debug, Clone)]
pub struct Ingests(Arc<Vec<Ingest>>);

#[derive(Debug)]
struct Ingest {
    url: IngestUrl,
    /// Held for the time of a copy, never over an await.
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    /// The last good answer, and when it came.
    answer: Option<(Arc<Vec<ListedChannel>>, Instant)>,
    /// What went wrong since.
    error: Option<String>,
    started: Instant,
}

/// A channel, and where a player finds it.
#[derive(Debug, Clone, Serialize)]
pub struct ListedChannel {
    #[serde(flatten)]
    channel: Channel,
    /// None: the ingest's playlist does not name it.
    watch_url: Option<String>,
}

/// An ingest as the page shows it.
#[derive(Debug, Serialize)]
pub struct IngestView {
    pub url: String,
    /// No answer for [`AWAY_AFTER`], or none ever.
    pub away: bool,
    /// Age of the channels shown; null: there never was an answer.
    pub age_ms: Option<u64>,
    /// Why it is away, or why the last request failed.
    pub error: Option<String>,
    pub channels: Arc<Vec<ListedChannel>>,
}

impl Ingests {
    /// Begins to ask each of `urls`.
    #[must_use]
    pub fn watch(urls: Vec<IngestUrl>, client: &IngestClient, pollers: &mut JoinSet<()>) -> Self {
        let started = Instant::now();
        let ingest = |url| Ingest {
            url,
            seen: Mutex::new(Seen {
                answer: None,
                error: None,
                started,
            }),
        };
        let ingests = Self(Arc::new(urls.into_iter().map(ingest).collect()));
        for index in 0..ingests.0.len() {
            pollers.spawn(poll(ingests.clone(), index, client.clone()));
        }
        ingests
    }

    #[must_use]
    pub fn view(&self) -> Vec<IngestView> {
        self.0.iter().map(Ingest::view).collect()
    }
}

impl Ingest {
    fn view(&self) -> IngestView {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let age = seen.answer.as_ref().map(|(_, at)| at.elapsed());
        IngestView {
            url: self.url.to_string(),
            away: age.unwrap_or_else(|| seen.started.elapsed()) > AWAY_AFTER,
            age_ms: age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            error: seen.error.clone(),
            channels: seen
                .answer
                .as_ref()
                .map(|(channels, _)| Arc::clone(channels))
                .unwrap_or_default(),
        }
    }

    fn note(&self, answer: Result<Vec<ListedChannel>, ClientError>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(channels) => {
                if seen.error.take().is_some() {
                    tracing::info!(ingest = %self.url, "ingest answers again");
                }
                seen.answer = Some((Arc::new(channels), Instant::now()));
            }
            Err(error) => {
                let error = error.to_string();
                // Once per cause, not once a second.
                if seen.error.as_ref() != Some(&error) {
                    tracing::warn!(ingest = %self.url, "{error}");
                }
                seen.error = Some(error);
            }
        }
    }
}

async fn poll(ingests: Ingests, index: usize, client: IngestClient) {
    let ingest = &ingests.0[index];
    let mut turn = interval(POLL_PERIOD);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turn.tick().await;
        ingest.note(ask(&client, &ingest.url).await);
    }
}

async fn ask(client: &IngestClient, ingest: &IngestUrl) -> Result<Vec<ListedChannel>, ClientError> {
    #[derive(serde::Deserialize)]
    struct List {
        channels: Vec<Channel>,
    }
    let list: List = client.get_json(ingest, "/api/v1/channels").await?;
    // `all=1`: renditions and on-demand channels are listed by the API too.
    let playlist = client.get_text(ingest, "/playlist.m3u?all=1").await?;
    let urls = playlist::watch_urls(&playlist);
    let listed = |channel: Channel| {
        let watch_url = urls.get(channel.definition.id.as_str()).cloned();
        ListedChannel { channel, watch_url }
    };
    Ok(list.channels.into_iter().map(listed).collect())
}
