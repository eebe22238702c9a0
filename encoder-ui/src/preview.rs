//! Live pictures in the browser: an ingest's TS over a WebSocket, message by message.
//!
//! A browser that is slow is not read for: what it has not taken stays in the ingest's socket, and
//! the channel's `slow_viewer` deals with it there. Nothing queues here.

use std::convert::Infallible;
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

use crate::answers::is_disabled;
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

/// Why a preview ended.
enum End {
    /// The browser has gone, or said goodbye.
    Gone,
    /// The close code, and what it says.
    Told(u16, String),
}

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
            let Err(end) = self.relay(&mut socket, &visitor, &wanted).await;
            end
        } else {
            End::Told(TOO_MANY, "too many previews are open".to_owned())
        };
        let counters = self.hub.counters();
        counters.preview_closed(match &end {
            End::Gone => close_code::NORMAL,
            End::Told(code, _) => *code,
        });
        let _ = timeout(COMMENT_PERIOD, part(&mut socket, end)).await;
    }

    async fn relay(
        &self,
        socket: &mut WebSocket,
        visitor: &Visitor,
        wanted: &Wanted,
    ) -> Result<Infallible, End> {
        let address = match self.hub.roster().find(&wanted.ingest) {
            Some((address, IngestState::Here)) => address,
            Some(_) => return Err(away(wanted)),
            None => {
                let text = format!("no ingest is named {}", wanted.ingest);
                return Err(End::Told(UNKNOWN, short(&text)));
            }
        };
        let path = {
            let roster = self.hub.roster();
            watch_path(&wanted.id, roster.channel(&wanted.ingest, &wanted.id))
        };
        let Some(path) = path else {
            let text = format!("{:?} is no channel", wanted.id);
            return Err(End::Told(UNKNOWN, short(&text)));
        };
        let answer = self.ask(address, &path, visitor, wanted);
        tokio::pin!(answer);
        let body = loop {
            tokio::select! {
                answer = &mut answer => break answer?,
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
        wanted: &Wanted,
    ) -> Result<Incoming, End> {
        let request = Request::get("/").header(header::USER_AGENT, user_agent(visitor));
        let request = request.body(Body::empty());
        let request = request.map_err(|error| End::Told(UNKNOWN, error.to_string()))?;
        let answer = self.client.send(address, path, request);
        let answer = match timeout(PREVIEW_ANSWER_WITHIN, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                return Err(End::Told(AWAY, short(&format!("the ingest: {error}"))));
            }
            Err(_) => {
                return Err(End::Told(AWAY, "the ingest does not answer".to_owned()));
            }
        };
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            StatusCode::NOT_FOUND => Err(End::Told(UNKNOWN, self.why_unknown(wanted))),
            StatusCode::GATEWAY_TIMEOUT => {
                Err(End::Told(NO_DATA, "the channel has no data".to_owned()))
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                let text = "the ingest takes no more viewers now".to_owned();
                Err(End::Told(TOO_MANY, text))
            }
            status => Err(End::Told(AWAY, format!("the ingest answers {status}"))),
        }
    }

    /// An ingest has nothing to watch at a channel that is disabled, and lists it all the same.
    fn why_unknown(&self, wanted: &Wanted) -> String {
        let roster = self.hub.roster();
        let parent = wanted.id.rsplit_once('.').map(|(parent, _)| parent);
        let mut ids = [Some(wanted.id.as_str()), parent].into_iter().flatten();
        let disabled = ids.find(|id| {
            let channel = roster.channel(&wanted.ingest, id);
            channel.is_some_and(is_disabled)
        });
        disabled.map_or_else(
            || "there is no such channel".to_owned(),
            |id| short(&format!("channel {id} is disabled")),
        )
    }

    async fn pump(
        &self,
        socket: &mut WebSocket,
        visitor: &Visitor,
        wanted: &Wanted,
        mut body: Incoming,
    ) -> Result<Infallible, End> {
        let mut look = interval(COMMENT_PERIOD);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut shutdown = self.shutdown.clone();
        let mut last = Instant::now();
        loop {
            let piece = tokio::select! {
                frame = body.frame() => match frame {
                    Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                    Some(Err(_)) => return Err(away(wanted)),
                    None if last.elapsed() > SILENCE => {
                        return Err(End::Told(NO_DATA, "the channel has no data".to_owned()));
                    }
                    None => {
                        let text = "the ingest ended the stream".to_owned();
                        return Err(End::Told(close_code::NORMAL, text));
                    }
                },
                heard = hear(socket) => {
                    heard?;
                    continue;
                }
                _ = look.tick() => {
                    self.holds(visitor, wanted)?;
                    continue;
                }
                () = shutdown.requested() => {
                    return Err(stops());
                }
            };
            last = Instant::now();
            self.send(socket, visitor, wanted, piece).await?;
        }
    }

    /// Sends one piece, unless the browser, its session or the ingest goes meanwhile.
    async fn send(
        &self,
        socket: &mut WebSocket,
        visitor: &Visitor,
        wanted: &Wanted,
        piece: Bytes,
    ) -> Result<(), End> {
        Counters::add(&self.hub.counters().preview_bytes, piece.len());
        // Waits until the kernel has taken it. One that takes nothing for long is closed by the kernel
        // (`BROWSER_STALL`); meanwhile nothing more is read.
        let sending = socket.send(Message::Binary(piece));
        tokio::pin!(sending);
        let mut shutdown = self.shutdown.clone();
        loop {
            tokio::select! {
                sent = &mut sending => return sent.map_err(|_| End::Gone),
                () = shutdown.requested() => return Err(End::Gone),
                () = tokio::time::sleep(COMMENT_PERIOD) => {
                    // It could not be told: what was begun is not sent yet.
                    self.holds(visitor, wanted).map_err(|_| End::Gone)?;
                }
            }
        }
    }

    /// Looked at once a second.
    fn holds(&self, visitor: &Visitor, wanted: &Wanted) -> Result<(), End> {
        if !visitor.still_holds() {
            let text = "the session has ended".to_owned();
            return Err(End::Told(SESSION_ENDED, text));
        }
        match self.hub.roster().find(&wanted.ingest) {
            Some((_, IngestState::Here)) => Ok(()),
            _ => Err(away(wanted)),
        }
    }
}

/// Waits for a message of the browser, which has nothing to say.
async fn hear(socket: &mut WebSocket) -> Result<(), End> {
    match socket.recv().await {
        Some(Ok(Message::Close(_))) | None => Err(End::Gone),
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(fault(error)),
    }
}

/// What a browser did wrong, by its code (RFC 6455, 7.4.1); most often its connection has ended.
fn fault(error: axum::Error) -> End {
    let error = error.into_inner();
    match error.downcast_ref() {
        Some(tungstenite::Error::Capacity(_)) => {
            let text = format!("a message has more than {PREVIEW_MESSAGE_BYTES_MAX} bytes");
            End::Told(close_code::SIZE, text)
        }
        Some(tungstenite::Error::Protocol(error)) => {
            End::Told(close_code::PROTOCOL, short(&error.to_string()))
        }
        Some(tungstenite::Error::Utf8(_)) => {
            End::Told(close_code::INVALID, "a text is not UTF-8".to_owned())
        }
        _ => End::Gone,
    }
}

/// Tells the end, or answers the browser's goodbye, and waits until the browser has taken it (RFC
/// 6455, 5.5.1): it would say that its connection was lost.
async fn part(socket: &mut WebSocket, end: End) {
    if let End::Told(code, reason) = end {
        let reason = reason.as_str().into();
        let close = Message::Close(Some(CloseFrame { code, reason }));
        if socket.send(close).await.is_err() {
            return;
        }
    }
    // Reading on sends the answer to a goodbye, and ends when both sides have said it.
    while let Some(Ok(_)) = socket.recv().await {}
}

fn away(wanted: &Wanted) -> End {
    let text = format!("ingest {} is away", wanted.ingest);
    End::Told(AWAY, short(&text))
}

fn stops() -> End {
    End::Told(close_code::AWAY, "encoder-ui stops".to_owned())
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
