//! An ingest's own event stream, passed on for as long as it flows and the browser's session holds.

use std::io;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use common::problem::Problem;
use common::shutdown::Shutdown;
use futures_util::stream;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};

use super::{Proxy, for_browser, incoming, outgoing};
use crate::guard::Visitor;
use crate::limits::{COMMENT_PERIOD, EVENTS_SILENT};
use crate::metrics::Refusal;
use crate::places::{Taken, no_event_stream};

/// Proxies that gather answers would hold events back.
const NOT_GATHERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// One that flows.
struct Relayed {
    body: Incoming,
    visitor: Visitor,
    shutdown: Shutdown,
    _place: Taken,
}

impl Proxy {
    /// `path`: the ingest's own. Its answer has no end, so its place is one for event streams.
    pub(super) async fn pass_events(
        &self,
        visitor: &Visitor,
        name: &str,
        path: &str,
        request: Request,
    ) -> Result<Response, Problem> {
        let address = self.address(name)?;
        let Some(place) = self.streams.take(&visitor.key()) else {
            self.hub.counters().refused(Refusal::Busy);
            return Err(no_event_stream());
        };
        let request = outgoing(request, None);
        let answer = self.ask(name, address, path, request).await?;
        if answer.status() != StatusCode::OK {
            return Ok(incoming(name, answer, place));
        }
        let (head, body) = answer.into_parts();
        let mut head = for_browser(name, head);
        let no = HeaderValue::from_static("no");
        head.headers.insert(NOT_GATHERED, no);
        let relayed = Relayed {
            body,
            visitor: visitor.clone(),
            shutdown: self.shutdown.clone(),
            _place: place,
        };
        let pieces = stream::unfold(Some(relayed), |relayed| async {
            let mut relayed = relayed?;
            let piece = relayed.next().await?;
            let rest = piece.is_ok().then_some(relayed);
            Some((piece, rest))
        });
        Ok(Response::from_parts(head, Body::from_stream(pieces)))
    }
}

impl Relayed {
    /// The next piece; none at the end.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        let since = Instant::now();
        loop {
            let frame = tokio::select! {
                frame = timeout(COMMENT_PERIOD, self.body.frame()) => frame,
                () = self.shutdown.requested() => return None,
            };
            if !self.visitor.still_holds() {
                return None;
            }
            match frame {
                // The ingest sends a comment each second.
                Err(late) if since.elapsed() > EVENTS_SILENT => {
                    return Some(Err(late.into()));
                }
                Err(_) => {}
                Ok(None) => return None,
                Ok(Some(Err(error))) => return Some(Err(io::Error::other(error))),
                // Trailers are of the connection.
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Some(Ok(data));
                    }
                }
            }
        }
    }
}
