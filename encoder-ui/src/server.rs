//! The one port: takes connections, a bounded number at once, each with a deadline for its
//! requests; ends by letting requests under way finish for [`DRAIN`].

use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use common::shutdown::Shutdown;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::guard::Peer;
use crate::limits::{
    ACCEPT_PAUSE, BROWSER_STALL, CONNECTIONS_MAX, DRAIN, REQUEST_WITHIN, UNSENT_BYTES_MAX,
};
use crate::metrics::{Counters, Present};

/// Serves until `shutdown` is requested and what is under way has ended.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    counters: Arc<Counters>,
    mut shutdown: Shutdown,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.requested() => break,
            accepted = accept(&listener, &places) => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let (socket, peer, place) = accepted;
        set_options(&socket);
        let router = TowerToHyperService::new(router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            hyper::service::Service::call(&router, request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST_WITHIN)
            .serve_connection(TokioIo::new(socket), service)
            .with_upgrades();
        let (counters, mut end) = (Arc::clone(&counters), shutdown.clone());
        connections.spawn(async move {
            let _present = Present::new(&counters.connections);
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = end.requested() => {
                    // What is under way ends; no further request is taken.
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!("connection ended: {error}");
            }
            // A preview's WebSocket lives on without it, and has a bound of its own.
            drop(place);
        });
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN, drained).await.is_err() {
        tracing::info!("connections were cut after {} s", DRAIN.as_secs());
    }
}

/// A browser that stops reading is closed by the kernel, and holds little of a stream before that.
fn set_options(socket: &TcpStream) {
    let options = SockRef::from(socket);
    let set = [
        options.set_tcp_user_timeout(Some(BROWSER_STALL)),
        options.set_tcp_notsent_lowat(UNSENT_BYTES_MAX),
        options.set_tcp_nodelay(true),
    ];
    if let Some(error) = set.into_iter().find_map(Result::err) {
        tracing::debug!("cannot set the options of a connection: {error}");
    }
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Peer, OwnedSemaphorePermit) {
    let Ok(place) = Arc::clone(places).acquire_owned().await else {
        // Nobody closes the semaphore.
        return std::future::pending().await;
    };
    loop {
        match listener.accept().await {
            Ok((socket, address)) => return (socket, Peer(address.ip()), place),
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
