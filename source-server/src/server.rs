//! Starts and stops all that sends, in order, in one place.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use common::group::InterfaceName;
use common::listen::{ListenError, bind};
use common::net::interfaces::links;
use common::ops::{self, Operations};
use common::shutdown::Shutdown;
use tokio::task::JoinSet;

use crate::api::{self, Api};
use crate::config::SendConfig;
use crate::metrics;
use crate::sender::Sender;
use crate::streams::{CreateError, Streams};

/// Requests that run when the end is asked for are waited for so long.
const DRAIN: Duration = Duration::from_secs(5);

/// All that runs: the port, the sending threads and their streams.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    api: Arc<Api>,
}

/// Why it does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("cannot start the sending threads")]
    Threads(#[source] std::io::Error),
    /// Each stream that can't be sent, told at once.
    #[error("{}", .0.join("\n"))]
    Streams(Vec<String>),
}

/// What Kubernetes and Prometheus are told.
struct Health {
    streams: Arc<Streams>,
    interface: InterfaceName,
}

impl Server {
    /// Takes the port and begins to send.
    ///
    /// # Errors
    /// When the port is in use, or a stream can't be sent.
    pub fn start(config: SendConfig) -> Result<Self, StartError> {
        let listener = bind(config.listen)?;
        let sender = Sender::start(config.threads).map_err(StartError::Threads)?;
        let streams = Arc::new(Streams::new(sender));
        let mut failures: Vec<String> = Vec::new();
        for order in config.streams {
            let id = order.definition.id.clone();
            match streams.create(order) {
                Ok(_) => {}
                // The same for all streams: once is enough.
                Err(error @ (CreateError::NoInterface { .. } | CreateError::NoSource(_))) => {
                    let text = error.to_string();
                    if !failures.contains(&text) {
                        failures.push(text);
                    }
                }
                Err(error) => failures.push(format!("stream {id}: {}", common::chain(&error))),
            }
        }
        if !failures.is_empty() {
            streams.stop();
            return Err(StartError::Streams(failures));
        }
        let api = Api {
            streams,
            defaults: config.defaults,
            tokens: config.tokens,
        };
        Ok(Self {
            listener,
            api: Arc::new(api),
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Those of the system.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers requests until the end is asked for; then nothing is sent any more.
    ///
    /// # Errors
    /// When the listener can't be used.
    pub async fn run(self, mut shutdown: Shutdown) -> std::io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let health = Health {
            streams: Arc::clone(&self.api.streams),
            interface: self.api.defaults.interface.clone(),
        };
        let router = api::router(Arc::clone(&self.api)).merge(ops::router(Arc::new(health)));
        let mut following = JoinSet::new();
        if let Some(tokens) = &self.api.tokens {
            following.spawn(Arc::clone(tokens).follow(shutdown.clone()));
        }
        tracing::info!(address = %listener.local_addr()?, "listening");
        let mut asked = shutdown.clone();
        let serve = axum::serve(listener, router)
            .with_graceful_shutdown(async move { asked.requested().await });
        let mut serve = std::pin::pin!(serve.into_future());
        tokio::select! {
            ended = &mut serve => ended?,
            () = shutdown.requested() => {
                // Who still reads then is cut off.
                let _ = tokio::time::timeout(DRAIN, &mut serve).await;
            }
        }
        let streams = Arc::clone(&self.api.streams);
        // It waits for threads that end within a turn.
        let _ = tokio::task::spawn_blocking(move || streams.stop()).await;
        Ok(())
    }
}

impl Operations for Health {
    fn live(&self) -> bool {
        self.streams.runs()
    }

    fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if !self.streams.runs() {
            missing.push("sending threads".to_owned());
        }
        let name = self.interface.as_str();
        if !links().is_ok_and(|links| links.iter().any(|link| link.name == name)) {
            missing.push(format!("network interface {name}"));
        }
        missing
    }

    fn metrics(&self) -> String {
        metrics::render(&self.streams.list())
    }
}
