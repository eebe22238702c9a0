//! The one port: takes connections, a bounded number at once, each with a deadline for its
//! requests; ends by letting requests under way finish for [`DRAIN`].
//!
//! Who asks nothing makes room for others, and past the bound there are a few places more, in which
//! health and metrics are answered as ever: whoever fills the port does not have it restarted.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

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
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::guard::{Crowded, Peer};
use crate::limits::{
    ACCEPT_PAUSE, BROWSER_STALL, CONNECTIONS_MAX, CONNECTIONS_SPARE, CROWDED_REQUEST_WITHIN, DRAIN,
    REQUEST_WITHIN, UNSENT_BYTES_MAX,
};
use crate::metrics::{Counters, Present, Refusal};
use crate::seats::{Seat, Seats};

/// What connections are answered with. Cheap to clone.
#[derive(Clone)]
struct Front {
    router: Router,
    counters: Arc<Counters>,
    shutdown: Shutdown,
}

/// A connection that has a place.
struct Guest {
    socket: TcpStream,
    peer: Peer,
    seat: Arc<Seat>,
    /// It has one of the places past the bound.
    crowded: bool,
}

/// Serves until `shutdown` is requested and what is under way has ended.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    counters: Arc<Counters>,
    mut shutdown: Shutdown,
) {
    let (seats, spare) = (Seats::new(CONNECTIONS_MAX), Seats::new(CONNECTIONS_SPARE));
    let front = Front {
        router,
        counters,
        shutdown: shutdown.clone(),
    };
    let mut connections = JoinSet::new();
    loop {
        let (socket, peer) = tokio::select! {
            () = shutdown.requested() => break,
            accepted = accept(&listener) => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let seat = seats.take().map(|seat| (seat, false));
        let seat = seat.or_else(|| Some((spare.take()?, true)));
        let Some((seat, crowded)) = seat else {
            front.counters.refused(Refusal::Busy);
            continue;
        };
        let guest = Guest {
            socket,
            peer,
            seat,
            crowded,
        };
        connections.spawn(front.clone().attend(guest));
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN, drained).await.is_err() {
        tracing::info!("connections were cut after {} s", DRAIN.as_secs());
    }
}

impl Front {
    async fn attend(mut self, guest: Guest) {
        let _present = Present::new(&self.counters.connections);
        set_options(&guest.socket);
        let router = TowerToHyperService::new(self.router);
        let seat = Arc::clone(&guest.seat);
        let service = service_fn(move |mut request: Request<Incoming>| {
            let turn = seat.begin();
            request.extensions_mut().insert(guest.peer);
            if guest.crowded {
                request.extensions_mut().insert(Crowded);
            }
            let answer = hyper::service::Service::call(&router, request);
            async move {
                let answer = answer.await?;
                Ok::<_, std::convert::Infallible>(answer.map(|body| turn.until_sent(body)))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_within(guest.crowded))
            .keep_alive(!guest.crowded)
            .serve_connection(TokioIo::new(guest.socket), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = guest.seat.given_away() => Ok(()),
            () = self.shutdown.requested() => {
                // What is under way ends; no further request is taken.
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!("connection ended: {error}");
        }
        // With it goes the seat: a preview's WebSocket lives on without, and has a bound of its own.
    }
}

const fn head_within(crowded: bool) -> Duration {
    if crowded {
        CROWDED_REQUEST_WITHIN
    } else {
        REQUEST_WITHIN
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

/// The next connection.
async fn accept(listener: &TcpListener) -> (TcpStream, Peer) {
    loop {
        match listener.accept().await {
            Ok((socket, address)) => return (socket, Peer(address.ip())),
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
