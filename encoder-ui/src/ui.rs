//! Starts and stops all of it, in order, in one place.

use std::sync::Arc;

use anyhow::Context;
use common::shutdown::{Shutdown, Signals};
use common::{listen, telemetry};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::api::Api;
use crate::client::IngestClient;
use crate::config::Config;
use crate::guard::{Guard, Rules};
use crate::hub::Hub;
use crate::login::Login;
use crate::login::session::SessionKey;
use crate::metrics::Counters;
use crate::{app, discovery, server};

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// When it can't start; the message is the operator's.
pub fn run(config: Config) -> anyhow::Result<()> {
    let _log = telemetry::Log::start(&config.log)?;
    let listener = listen::bind(config.listen)?;
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
    tracing::info!(address = %config.listen, "listening");
    let mut tasks = JoinSet::new();
    let api = start(config, &signals.shutdown(), &mut tasks)?;
    let counters = Arc::clone(&api.guard.rules().counters);
    let router = app::router(api.clone());
    server::serve(listener, router, counters, signals.shutdown()).await;
    api.drained().await;
    tasks.shutdown().await;
    Ok(())
}

/// Begins to look for ingests, and to tell what they say. All of it ends with `tasks`.
///
/// # Errors
/// When there are no random bytes for a key.
pub fn start(config: Config, shutdown: &Shutdown, tasks: &mut JoinSet<()>) -> anyhow::Result<Api> {
    let counters = Arc::new(Counters::default());
    let urls = config.ingests.iter().map(ToString::to_string);
    let hub = Hub::new(urls, Arc::clone(&counters));
    if let Some(token) = &config.token {
        tasks.spawn(Arc::clone(token).follow(shutdown.clone()));
    }
    let client = IngestClient::new(config.token);
    let login = match config.users {
        Some(users) => {
            tasks.spawn(Arc::clone(&users).follow(shutdown.clone()));
            let key = config.session_key.map_or_else(random_key, Ok)?;
            Some(Login::new(users, key))
        }
        None => None,
    };
    let guard = Guard::new(Rules {
        login,
        public: config.public,
        no_auth: config.no_auth,
        counters,
    });
    let api = Api::new(&hub, &client, guard, shutdown);
    tasks.spawn(hub.clone().run(shutdown.clone()));
    tasks.spawn(discovery::run(
        hub,
        client,
        config.ingests,
        shutdown.clone(),
    ));
    Ok(api)
}

/// Sessions signed by it end with the process.
fn random_key() -> anyhow::Result<SessionKey> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("no random bytes for a session key can be had")?;
    Ok(SessionKey::new(&bytes))
}
