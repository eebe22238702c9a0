//! The one port: accepts, reads each request's head, and sends it to the data plane or to axum.
//!
//! One request a connection, so that every watching request is seen here. Connections are bounded:
//! past `--max-connections` a client is told so, and past that closed unanswered. It ends by the
//! shutdown token: no new connections, requests in progress for a moment more, then none.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use common::shutdown::Shutdown;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout};
use tower_service::Service;

use crate::http::replay::Replay;
use crate::http::request::is_watching;
use crate::http::watch::Watch;
use crate::http::{Local, Peer, Refused, answer, head};
use crate::limits::{
    ACCEPT_PAUSE, REFUSALS_MAX, REQUEST_DRAIN, REQUEST_HEAD_BYTES_MAX, REQUEST_HEADERS_MAX,
    VIEWER_STALL,
};
use crate::metrics::{Counters, Refusal};

/// At most one warning about failing accepts in so long.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// Places for connections, `--max-connections` of them, viewers among them.
#[derive(Debug, Clone)]
pub struct Places {
    free: Arc<Semaphore>,
}

/// What connections are answered with.
#[derive(Debug)]
pub struct Front {
    pub watch: Watch,
    pub router: Router,
    pub places: Places,
    pub counters: Arc<Counters>,
}

/// Runs the port.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    front: Arc<Front>,
    refusals: Arc<Semaphore>,
    connections: JoinSet<()>,
    warned: Option<Instant>,
}

impl Places {
    #[must_use]
    pub fn new(connections_max: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(connections_max)),
        }
    }

    fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }

    /// A viewer's connection, which was handed over with its place, has ended.
    pub fn viewer_ended(&self) {
        self.free.add_permits(1);
    }
}

impl Listener {
    /// # Errors
    /// When the socket can't be used by the runtime.
    pub fn new(socket: std::net::TcpListener, front: Front) -> io::Result<Self> {
        Ok(Self {
            socket: TcpListener::from_std(socket)?,
            front: Arc::new(front),
            refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
            connections: JoinSet::new(),
            warned: None,
        })
    }

    /// Serves until the process stops, and no connection is left.
    pub async fn run(mut self, mut shutdown: Shutdown) {
        loop {
            tokio::select! {
                accepted = self.socket.accept() => match accepted {
                    Ok((stream, address)) => self.accepted(stream, address, &shutdown),
                    Err(error) => self.not_accepted(&error).await,
                },
                Some(ended) = self.connections.join_next() => tell_panic(ended),
                () = shutdown.requested() => break,
            }
        }
        let Self {
            socket,
            mut connections,
            ..
        } = self;
        drop(socket);
        let ending = async {
            while let Some(ended) = connections.join_next().await {
                tell_panic(ended);
            }
        };
        // Those that never end by themselves, such as event streams, are cut.
        let _ = timeout(REQUEST_DRAIN, ending).await;
        connections.shutdown().await;
    }

    fn accepted(&mut self, stream: TcpStream, address: SocketAddr, shutdown: &Shutdown) {
        let peer = Peer::new(address);
        let front = Arc::clone(&self.front);
        if let Some(place) = front.places.take() {
            let shutdown = shutdown.clone();
            let serving = async move { front.serve(stream, peer, place, shutdown).await };
            self.connections.spawn(serving);
            return;
        }
        front.counters.refused(Refusal::MaxConnections);
        let Ok(telling) = Arc::clone(&self.refusals).try_acquire_owned() else {
            return;
        };
        self.connections.spawn(async move {
            let detail = "as many connections are open as --max-connections allows";
            let refused = Refused::later(Refusal::MaxConnections, detail, 5);
            answer::refuse(stream, &refused.problem, false).await;
            drop(telling);
        });
    }

    /// Without a file descriptor the connection stays in the queue, and accepting would fail again
    /// at once; else the client is gone already.
    async fn not_accepted(&mut self, error: &io::Error) {
        let full = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
        if !Errno::from_io_error(error).is_some_and(|code| full.contains(&code)) {
            return;
        }
        self.front.counters.refused(Refusal::FileLimit);
        let quiet = |warned: Instant| warned.elapsed() < WARNING_INTERVAL;
        if !self.warned.is_some_and(quiet) {
            self.warned = Some(Instant::now());
            tracing::warn!(%error, "connections wait: raise the limit of open files (ulimit -n)");
        }
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

impl Front {
    async fn serve(
        &self,
        mut stream: TcpStream,
        peer: Peer,
        place: OwnedSemaphorePermit,
        mut shutdown: Shutdown,
    ) {
        let reading = tokio::select! {
            reading = head::read(&mut stream) => reading,
            () = shutdown.requested() => return,
        };
        match reading {
            Ok((head, _)) if is_watching(head.target.path()) => {
                if self.watch.serve(&head, stream, peer).await {
                    // Given back when the data plane tells that the viewer ended.
                    place.forget();
                }
            }
            Ok((_, bytes)) => {
                // A client that takes nothing of an answer is given up like a viewer that does not.
                let socket = socket2::SockRef::from(&stream);
                if let Err(error) = socket.set_tcp_user_timeout(Some(VIEWER_STALL)) {
                    tracing::debug!(%error, "no timeout for a client that stalls");
                }
                let replay = Replay::new(bytes, stream);
                serve_by_axum(replay, self.router.clone(), peer).await;
            }
            Err(error) => {
                if let Some((problem, reason)) = error.problem() {
                    self.counters.refused(reason);
                    answer::refuse(stream, &problem, false).await;
                }
            }
        }
    }
}

async fn serve_by_axum(replay: Replay<TcpStream>, router: Router, peer: Peer) {
    let Ok(local) = replay.stream().local_addr() else {
        return;
    };
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(Local(local));
        router.clone().call(request)
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_headers(REQUEST_HEADERS_MAX)
        // Not less than what was read already, and hyper's own least.
        .max_buf_size(REQUEST_HEAD_BYTES_MAX.max(8192))
        .serve_connection(TokioIo::new(replay), service)
        .without_shutdown();
    match connection.await {
        Ok(parts) => answer::close(parts.io.into_inner().into_stream()).await,
        Err(error) => tracing::debug!(peer = %peer.address(), %error, "a request ended early"),
    }
}

fn tell_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task failed");
    }
}
