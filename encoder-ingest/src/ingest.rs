//! The ingest as a whole: started and stopped here, in order, in one place.
//!
//! Everything that may be wrong with the configuration is found before anything is bound; the port
//! is taken before a thread of the data plane starts; channels run before a request is answered.
//! It stops the other way round: no new connections, viewers drained, memberships left.

mod notices;
mod parts;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::api::event::{EventDraft, EventKind};
use common::listen::{ListenError, bind};
use common::shutdown::{Shutdown, Signals};
use common::telemetry::{Log, LogError};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::channels::load::{LoadError, Loaded};
use crate::channels::registry::Registry;
use crate::channels::watch as channels_file;
use crate::config::{Config, registry_options};
use crate::control::care::Care;
use crate::events::Events;
use crate::http::listener::{Listener, Places};
use crate::limits::{CONTROL_THREADS, DRAIN, REFUSALS_MAX};
use crate::nodes::dispatch::Nodes;
use crate::plane::Plane;
use parts::Parts;

/// Files that are open besides connections and channels: the log, epoll, timers, the state.
const FILES_BESIDES: usize = 64;

/// What draining may take beyond its own bound before the process ends without it.
const DRAIN_GRACE: Duration = Duration::from_secs(2);

/// How long work that blocks (a change that is written to disk) may take to end.
const BLOCKING_WAIT: Duration = Duration::from_secs(2);

/// Why the ingest did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("cannot listen on {address}")]
    Serve {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("cannot start the data plane")]
    Plane(#[source] io::Error),
    #[error("cannot start the control runtime")]
    Runtime(#[source] io::Error),
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
}

/// An ingest that runs.
#[derive(Debug)]
pub struct Ingest {
    plane: Plane,
    events: Arc<Events>,
    address: SocketAddr,
    listener: Listener,
    /// What goes on beside requests: notices, files that are followed, channels on demand.
    followers: JoinSet<()>,
    shutdown: Shutdown,
}

impl StartError {
    /// 2: the configuration is wrong; 1: the machine does not let us.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Log(LogError::Filter(_))
            | Self::Load(LoadError::File { .. } | LoadError::TooMany { .. }) => 2,
            _ => 1,
        }
    }
}

/// Runs an ingest until SIGTERM or SIGINT.
///
/// # Errors
/// When it can't start; then nothing is left behind.
pub fn run(config: Config) -> Result<(), StartError> {
    let _log = Log::start(&config.log)?;
    let loaded = Loaded::read(registry_options(&config))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("control")
        .enable_all()
        .build()
        .map_err(StartError::Runtime)?;
    let result = runtime.block_on(async {
        let signals = Signals::listen().map_err(StartError::Signals)?;
        let ingest = Ingest::start(config, loaded, signals.shutdown())?;
        ingest.run().await;
        Ok(())
    });
    runtime.shutdown_timeout(BLOCKING_WAIT);
    result
}

impl Ingest {
    /// Binds, starts the data plane, and makes the channels run that were loaded. To be called
    /// within a runtime.
    ///
    /// # Errors
    /// When the port is in use, or the kernel grants no thread or handler.
    pub fn start(config: Config, loaded: Loaded, shutdown: Shutdown) -> Result<Self, StartError> {
        raise_file_limit(&config);
        let hangups = channels_file::hangups().map_err(StartError::Signals)?;
        let socket = bind(config.listen)?;
        let (plane, notices) = Plane::start(config.plane.clone()).map_err(StartError::Plane)?;
        let events = Arc::new(Events::new());
        let registry = Arc::new(Registry::start(
            loaded,
            Arc::new(plane.clone()),
            Arc::clone(&events),
        ));
        let nodes = Arc::new(Nodes::new(
            config.node_name.clone(),
            Arc::clone(&registry),
            Some(plane.clone()),
            Arc::clone(&events),
        ));
        let folder = config.state_dir.as_deref();
        let parts = Parts {
            care: folder.map(|folder| Arc::new(Care::open(folder, Arc::new(plane.clone())))),
            plane: plane.clone(),
            registry,
            events: Arc::clone(&events),
            nodes,
            counters: Arc::default(),
            places: Places::new(config.connections_max),
        };
        let on_demand = parts.on_demand(&config);
        let mut followers = parts.followers(&config, hangups, &on_demand, &shutdown);
        followers.spawn(parts.notices(notices).run());
        let address = socket.local_addr().unwrap_or(config.listen);
        let listener = Listener::new(socket, parts.front(config, on_demand))
            .map_err(|source| StartError::Serve { address, source })?;
        tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
        let started = format!("listening on {address}");
        let started = EventDraft::new(EventKind::Started, started);
        let started = started.reason("started").param("address", address);
        events.publish(started.param("version", env!("CARGO_PKG_VERSION")));
        Ok(Self {
            plane,
            events,
            address,
            listener,
            followers,
            shutdown,
        })
    }

    /// Where it listens; with port 0 the kernel has chosen one.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the token says to stop, then stops in order.
    pub async fn run(self) {
        let Self {
            plane,
            events,
            listener,
            mut followers,
            mut shutdown,
            ..
        } = self;
        let serving = listener.run(shutdown.clone());
        let draining = async {
            shutdown.requested().await;
            let stopping = EventDraft::new(EventKind::Stopping, "the ingest stops");
            events.publish(stopping.reason("stopping"));
            // Event streams would go on for ever.
            events.close();
            if timeout(DRAIN + DRAIN_GRACE, plane.drain()).await.is_err() {
                tracing::error!("the data plane did not end in time");
            }
        };
        tokio::join!(serving, draining);
        followers.shutdown().await;
        tracing::info!("stopped");
    }
}

/// As many files as the machine allows: each connection and each channel is one.
fn raise_file_limit(config: &Config) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let granted = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let needed = config.connections_max + config.channels_max + REFUSALS_MAX + FILES_BESIDES;
    if granted.is_some_and(|granted| granted < needed as u64) {
        tracing::warn!(
            ?granted,
            needed,
            "fewer open files are allowed than --max-connections and --max-channels may need: raise ulimit -n"
        );
    }
}
