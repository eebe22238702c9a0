//! Starts and stops all of it, in order, in one place.

use anyhow::Context;
use common::shutdown::Signals;
use common::{listen, telemetry};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::client::IngestClient;
use crate::config::Config;
use crate::ingests::Ingests;
use crate::{app, server};

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
    let mut pollers = JoinSet::new();
    let client = IngestClient::new(config.authorization);
    let ingests = Ingests::watch(config.ingests, &client, &mut pollers);
    tracing::info!(address = %config.listen, "listening");
    server::serve(
        listener,
        app::router(ingests, config.no_auth),
        signals.shutdown(),
    )
    .await;
    pollers.shutdown().await;
    Ok(())
}
