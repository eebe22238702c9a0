//! Live pictures in the browser: an ingest's TS over a WebSocket, message by message.
//!
//! A browser that is slow is not read for: what it has not taken stays in the ingest's socket, and
//! the channel's `slow_viewer` deals with it there. Nothing queues here.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use common::shutdown::Shutdown;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Duration, Instant, MissedTickBehavior, interval, timeout};

use crate::client::IngestClient;
use crate::guard::Visitor;
use crate::hub::Hub;
use crate::limits::{
    COMMENT_PERIOD, PREVIEW_ANSWER_WITHIN, PREVIEW_BUFFER_BYTES, PREVIEW_MESSAGE_BYTES_MAX,
};
use crate::metrics::Counters;
use crate::places::Places;
use crate::roster::{IngestState, ListedChannel};

/// The session has ended.
const SESSION_ENDED: u16 = 4401;
/// There is no such channel.
const UNKNOWN: u16 = 4404;
/// Too many previews.
const TOO_MANY: u16 = 4429;
/// The ingest is away.
const AWAY: u16 = 4503;
/// The channel has no data.
const NO_DATA: u16 = 4504;

/// An ingest closes a viewer without data after 60 s (`--viewer-idle-s`); one that ends after so long
/// a silence has ended for it.
const SILENCE: Duration = Duration::from_secs(5);

/// Makes previews. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Previews {
    pub hub: Hub,
    pub client: IngestClient,
    pub places: Places,
    pub shutdown: Shutdown,
}

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub ingest: String,
    /// Of a channel, or of a rendition such as `news.preview`.
    pub id: String,
}

/// Why a preview ended: the close code and what it says.
struct End(u16, String);

impl Previews {
    /// Answers the upgrade; all that is wrong is said by the close code.
    pub fn open(&self, upgrade: WebSocketUpgrade, visitor: Visitor, wanted: Wanted) -> Response {
        let previews = self.clone();
        upgrade
            .max_message_size(PREVIEW_MESSAGE_BYTES_MAX)
            .max_frame_size(PREVIEW_MESSAGE_BYTES_MAX)
            .write_buffer_size(0)
            .max_write_buffer_size(8 * PREVIEW_BUFFER_BYTES)
            .on_upgrade(move |socket| previews.show(socket, visitor, wanted))
    }

    async fn show(self, mut socket: WebSocket, visitor: Visitor, wanted: Wanted) {
        // Given back once the browser was told the end.
        let place = self.places.take(&visitor.key());
        let end = if place.is_some() {
            self.relay(&mut socket, &visitor, &wanted).await
        } else {
            Some(End(TOO_MANY, "too many previews are open".to_owned()))
        };
        // None: the browser has gone.
        let Some(End(code, reason)) = end else {
            self.hub.counters().preview_closed(close_code::NORMAL);
            return;
        };
        self.hub.counters().preview_closed(code);
        let reason = reason.as_str().into();
        let close = socket.send(Message::Close(Some(CloseFrame { code, reason })));
        let _ = timeout(COMMENT_PERIOD, close).await;
    }

    async fn relay(
        &self,
        socket: &mut WebSocket,
        visitor: &Visitor,
        wanted: &Wanted,
    ) -> Option<End> {
        let address = match self.hub.roster().find(&wanted.ingest) {
            Some((address, IngestState::Here)) => address,
            Some(_) => return Some(away(wanted)),
            None => {
                return Some(End(
                    UNKNOWN,
                    format!("no ingest is named {}", wanted.ingest),
                ));
            }
        };
        let path = {
            let roster = self.hub.roster();
            watch_path(&wanted.id, roster.channel(&wanted.ingest, &wanted.id))
        };
        let Some(path) = path else {
            return Some(End(UNKNOWN, format!("{:?} is no channel", wanted.id)));
        };
        let answer = self.ask(address, &path, visitor);
        tokio::pin!(answer);
        let body = loop {
            tokio::select! {
                answer = &mut answer => match answer {
                    Ok(body) => break body,
                    Err(end) => return Some(end),
                },
                heard = hear(socket) => heard?,
            }
        };
        self.pump(socket, visitor, wanted, body).await
    }

    async fn ask(
        &self,
        address: SocketAddr,
        path: &str,
        visitor: &Visitor,
    ) -> Result<Incoming, End> {
        let request = Request::get("/").header(header::USER_AGENT, user_agent(visitor));
        let request = request.body(Body::empty());
        let request = request.map_err(|error| End(UNKNOWN, error.to_string()))?;
        let answer = self.client.send(address, path, request);
        let answer = match timeout(PREVIEW_ANSWER_WITHIN, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(End(AWAY, short(&format!("the ingest: {error}")))),
            Err(_) => return Err(End(AWAY, "the ingest does not answer".to_owned())),
        };
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            StatusCode::NOT_FOUND => Err(End(UNKNOWN, "there is no such channel".to_owned())),
            StatusCode::GATEWAY_TIMEOUT => Err(End(NO_DATA, "the channel has no data".to_owned())),
            StatusCode::SERVICE_UNAVAILABLE => Err(End(
                TOO_MANY,
                "the ingest takes no more viewers now".to_owned(),
            )),
            status => Err(End(AWAY, format!("the ingest answers {status}"))),
        }
    }

    async fn pump(
        &self,
        socket: &mut WebSocket,
        visitor: &Visitor,
        wanted: &Wanted,
        mut body: Incoming,
    ) -> Option<End> {
        let mut look = interval(COMMENT_PERIOD);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut shutdown = self.shutdown.clone();
        let mut last = Instant::now();
        loop {
            let piece = tokio::select! {
                frame = body.frame() => match frame {
                    Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                    Some(Err(_)) => return Some(away(wanted)),
                    None if last.elapsed() > SILENCE => {
                        return Some(End(NO_DATA, "the channel has no data".to_owned()));
                    }
                    None => {
                        let text = "the ingest ended the stream".to_owned();
                        return Some(End(close_code::NORMAL, text));
                    }
                },
                heard = hear(socket) => {
                    heard?;
                    continue;
                }
                _ = look.tick() => {
                    if let Some(end) = self.ended(visitor, wanted) {
                        return Some(end);
                    }
                    continue;
                }
                () = shutdown.requested() => {
                    return Some(End(close_code::AWAY, "encoder-ui stops".to_owned()));
                }
            };
            last = Instant::now();
            self.send(socket, visitor, wanted, piece).await?;
        }
    }

    /// Sends one piece; none: the browser, its session or the ingest has gone meanwhile.
    async fn send(
        &self,
        socket: &mut WebSocket,
        visitor: &Visitor,
        wanted: &Wanted,
        piece: Bytes,
    ) -> Option<()> {
        Counters::add(&self.hub.counters().preview_bytes, piece.len());
        // Waits until the kernel has taken it. One that takes nothing for long is closed by the kernel
        // (`BROWSER_STALL`); meanwhile nothing more is read.
        let sending = socket.send(Message::Binary(piece));
        tokio::pin!(sending);
        let mut shutdown = self.shutdown.clone();
        loop {
            tokio::select! {
                sent = &mut sending => return sent.ok(),
                () = shutdown.requested() => return None,
                () = tokio::time::sleep(COMMENT_PERIOD) => {
                    if self.ended(visitor, wanted).is_some() {
                        return None;
                    }
                }
            }
        }
    }

    /// Looked at once a second.
    fn ended(&self, visitor: &Visitor, wanted: &Wanted) -> Option<End> {
        if !visitor.still_holds() {
            return Some(End(SESSION_ENDED, "the session has ended".to_owned()));
        }
        match self.hub.roster().find(&wanted.ingest) {
            Some((_, IngestState::Here)) => None,
            _ => Some(away(wanted)),
        }
    }
}

/// Waits for a message of the browser, which has nothing to say; none: it has gone.
async fn hear(socket: &mut WebSocket) -> Option<()> {
    match socket.recv().await {
        Some(Ok(Message::Close(_)) | Err(_)) | None => None,
        Some(Ok(_)) => Some(()),
    }
}

fn away(wanted: &Wanted) -> End {
    End(AWAY, short(&format!("ingest {} is away", wanted.ingest)))
}

/// A close frame holds 123 bytes of reason (RFC 6455, 5.5).
fn short(text: &str) -> String {
    let mut end = text.len().min(123);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// The ingest shows it among its viewers.
fn user_agent(visitor: &Visitor) -> String {
    let name = visitor.name();
    let visible = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    let of = if visible {
        format!("; {name}")
    } else {
        String::new()
    };
    format!("encoder-ui/{} (preview{of})", env!("CARGO_PKG_VERSION"))
}

/// Where an ingest gives a channel to viewers: `/channels/ID.ts`, a rendition as its channel's
/// profile, and one that was made on demand by the path that made it.
fn watch_path(id: &str, channel: Option<&ListedChannel>) -> Option<String> {
    let clean = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:@".contains(&byte);
    if id.is_empty() || id.len() > 200 || !id.bytes().all(clean) || id.split('.').any(str::is_empty)
    {
        return None;
    }
    let on_demand = id.starts_with("udp.") || id.starts_with("rtp.");
    let url = channel.and_then(|channel| channel.watch_url.as_deref());
    if let Some(url) = url.filter(|_| on_demand) {
        let place = ["/udp/", "/rtp/"].iter().find_map(|kind| url.find(kind));
        return place.map(|place| url[place..].to_owned());
    }
    match id.rsplit_once('.') {
        Some((parent, profile)) => Some(format!("/channels/{parent}/{profile}.ts")),
        None => Some(format!("/channels/{id}.ts")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_channel_has_its_path() {
        assert_eq!(
            watch_path("news", None).as_deref(),
            Some("/channels/news.ts")
        );
        let preview = watch_path("news.preview", None);
        assert_eq!(preview.as_deref(), Some("/channels/news/preview.ts"));
        let channel = ListedChannel {
            id: "udp.239.1.1.1.5000.eth1".to_owned(),
            watch_url: Some("http://n1:9525/udp/239.1.1.1:5000?interface=eth1".to_owned()),
            json: serde_json::value::RawValue::NULL.to_owned().into(),
        };
        let path = watch_path(&channel.id, Some(&channel));
        assert_eq!(path.as_deref(), Some("/udp/239.1.1.1:5000?interface=eth1"));
        for wrong in [
            "", "..", "a..b", "a/b", "a?b", "a%2fb", "a\r\nb", ".a", "a.",
        ] {
            assert_eq!(watch_path(wrong, None), None, "{wrong}");
        }
    }

    #[test]
    fn a_reason_fits_into_its_frame() {
        assert_eq!(short("away"), "away");
        assert!(short(&"é".repeat(100)).len() <= 123);
    }
}
