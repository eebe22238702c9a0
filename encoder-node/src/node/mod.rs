//! Starts and stops all of it, in order, in one place.
//!
//! At the end: nothing new is taken, every ingest is told, jobs go on until they were taken away
//! (8 s at most), then uploads are closed and ffmpeg is gone.

mod floor;
mod health;

use std::sync::Arc;

use anyhow::Context;
use common::shutdown::{self, Shutdown, Signals};
use common::{listen, telemetry};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::board::{Board, Identity};
use crate::config::Config;
use crate::ffmpeg::probe::probe;
use crate::heartbeat::link::Caller;
use crate::heartbeat::links::Links;
use crate::heartbeat::names;
use crate::limits::{ANSWERS_END_WITHIN, FFMPEG_RETRY_PERIOD, MESSAGES_MAX};
use crate::node::floor::{Floor, Found};
use crate::node::health::Health;
use crate::pipeline::Tools;

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// When it can't start; the message is the operator's.
pub fn run(config: Config) -> anyhow::Result<()> {
    let _log = telemetry::Log::start(&config.log)?;
    let listener = listen::bind(config.listen)?;
    // Children die with the thread that started them: its workers live as long as the runtime.
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(serve(config, listener))
}

async fn serve(config: Config, listener: std::net::TcpListener) -> anyhow::Result<()> {
    let signals = Signals::listen().context("cannot listen for signals")?;
    let listener = TcpListener::from_std(listener).context("cannot use the listening socket")?;
    let links = Links::default();
    let board = Board {
        slots: config.slots,
        free_slots: config.slots,
        ffmpeg_problem: Some("ffmpeg was not asked yet".to_owned()),
        ..Board::default()
    };
    let (publish, boards) = watch::channel(Arc::new(board));
    let (orders, ordered) = mpsc::channel(MESSAGES_MAX);
    let (offers, offered) = mpsc::channel(1);
    let credentials = Arc::new(config.credentials);
    let identity = Identity {
        name: config.name,
        instance: instance(),
    };
    tracing::info!(address = %config.listen, name = identity.name, slots = config.slots, "listening");

    let mut around = JoinSet::new();
    let (stop, stopping) = shutdown::channel();
    let health = Health::new(boards.clone(), links.clone());
    let mut answering = JoinSet::new();
    answering.spawn(answer(listener, health, stopping));
    let missed = Arc::new(Notify::new());
    around.spawn(ask_ffmpeg(
        config.ffmpeg.clone(),
        offers,
        Arc::clone(&missed),
    ));
    let caller = Caller {
        identity: Arc::new(identity),
        credentials: Arc::clone(&credentials),
        boards,
        links: links.clone(),
        orders,
    };
    around.spawn(names::follow(config.ingests, caller));

    let tools = Tools {
        ffmpeg: config.ffmpeg,
        missed,
        credentials,
        shots: Semaphore::new(shots_at_once(config.slots)),
    };
    let floor = Floor::new(config.slots, tools, publish, links);
    floor.run(ordered, offered, signals.shutdown()).await;

    drop(stop);
    let _ = timeout(ANSWERS_END_WITHIN, answering.join_next()).await;
    answering.shutdown().await;
    around.shutdown().await;
    Ok(())
}

/// Random: hashers of the standard library begin with random keys.
fn instance() -> String {
    use std::hash::{BuildHasher, RandomState};
    let number = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", number(), number())
}

/// One a core, as far as slots go: a snapshot is over in a tenth of a second of one.
fn shots_at_once(slots: f64) -> usize {
    (1..64)
        .find(|cores| slots <= f64::from(*cores))
        .unwrap_or(64) as usize
}

/// Asks until there is an answer, and again once a job `missed` it: ffmpeg may be installed or
/// removed while the node runs.
async fn ask_ffmpeg(program: std::path::PathBuf, offers: mpsc::Sender<Found>, missed: Arc<Notify>) {
    let mut told: Option<Found> = None;
    loop {
        let found = probe(&program).await.map_err(|error| common::chain(&error));
        if told.as_ref() != Some(&found) {
            match &found {
                Ok(offer) => {
                    let encoders = offer.encoder_list().join(" ");
                    tracing::info!(version = offer.version, encoders, "ffmpeg");
                }
                Err(error) => tracing::error!("{error}; the node is not ready"),
            }
            told = Some(found.clone());
        }
        let works = found.is_ok();
        if offers.send(found).await.is_err() {
            return;
        }
        sleep(FFMPEG_RETRY_PERIOD).await;
        if works {
            missed.notified().await;
        }
    }
}

/// Health and metrics, until the end.
async fn answer(listener: TcpListener, health: Health, mut stopping: Shutdown) {
    let serving = axum::serve(listener, health::router(health))
        .with_graceful_shutdown(async move { stopping.requested().await });
    if let Err(error) = serving.await {
        tracing::error!("cannot answer requests: {error}");
    }
}
