//! Watching: who may, and the hand-over of the socket to the data plane, which writes everything
//! from the first byte of the answer on.

use std::sync::Arc;
use std::time::SystemTime;

use axum::http::{HeaderMap, StatusCode, header};
use common::access::{authorize, bearer};
use common::api::channel::{ChannelStatus, Reason};
use common::problem::Problem;
use common::tokens::{Role, TokenFile};
use ipnet::IpNet;
use tokio::net::TcpStream;

use crate::channels::change::Idle;
use crate::definition::ChannelId;
use crate::http::head::RequestHead;
use crate::http::on_demand::{OnDemand, Seat};
use crate::http::request::{Query, Wanted, WatchRequest};
use crate::http::{Peer, Refused, answer};
use crate::limits::{USER_AGENT_CHARACTERS_MAX, VIEWER_FIRST_DATA};
use crate::metrics::{Counters, Refusal};
use crate::plane::{NewViewer, Plane, WatchRefusal};

/// Who may watch.
#[derive(Debug, Clone)]
pub struct WatchAccess {
    /// `--watch-from`: these need no token.
    pub from: Vec<IpNet>,
    pub tokens: Option<Arc<TokenFile>>,
}

/// Answers watching requests.
#[derive(Debug)]
pub struct Watch {
    pub plane: Plane,
    pub access: WatchAccess,
    pub on_demand: Arc<OnDemand>,
    pub counters: Arc<Counters>,
}

impl WatchAccess {
    /// # Errors
    /// 403 without a token, 401 with one that is not known.
    pub fn check(&self, peer: Peer, headers: &HeaderMap, query: &Query) -> Result<(), Refused> {
        if self.from.iter().any(|network| network.contains(&peer.ip())) {
            return Ok(());
        }
        let presented = bearer(headers).or_else(|| query.get("token"));
        let presented = presented.filter(|token| !token.is_empty());
        let (Some(tokens), Some(presented)) = (&self.tokens, presented) else {
            return Err(self.outside(peer));
        };
        let roles = [Role::Admin, Role::Node, Role::Watch];
        let found = authorize(&tokens.tokens(), Some(presented), &roles);
        found.map(|_| ()).map_err(|problem| Refused {
            problem: Box::new(problem),
            reason: Refusal::Access,
        })
    }

    /// Not 401: it asks for a login (RFC 9110, 15.5.2), and players would show one.
    fn outside(&self, peer: Peer) -> Refused {
        let ip = peer.ip();
        let detail = if self.tokens.is_some() {
            format!(
                "{ip} may not watch without a token, for it is not in --watch-from: send Authorization: Bearer TOKEN, or ?token=TOKEN"
            )
        } else {
            format!("{ip} may not watch: it is not in --watch-from")
        };
        Refused::new(StatusCode::FORBIDDEN, Refusal::Access, detail).param("address", ip)
    }
}

impl Watch {
    /// Answers a request. True: the socket now is the data plane's, and its end will be noticed.
    pub async fn serve(&self, head: &RequestHead, stream: TcpStream, peer: Peer) -> bool {
        let query = Query::parse(&head.target);
        match self.judge(head, &query, peer) {
            Ok((request, seat)) if request.head_only => {
                tracing::debug!(channel = %seat.channel, peer = %peer.address(), "head");
                answer::write_and_close(stream, &response_head()).await;
                false
            }
            Ok((request, seat)) => self.hand_over(head, stream, request, seat).await,
            Err(refused) => {
                let head_only = head.method == axum::http::Method::HEAD;
                self.refuse(stream, &refused, head_only).await;
                false
            }
        }
    }

    fn judge(
        &self,
        head: &RequestHead,
        query: &Query,
        peer: Peer,
    ) -> Result<(WatchRequest, Seat), Refused> {
        let request = WatchRequest::parse(&head.method, &head.target, query)?;
        self.access.check(peer, &head.headers, query)?;
        let seat = match &request.wanted {
            Wanted::Group(group) => self.on_demand.channel(group, request.head_only)?,
            Wanted::Channel(id) if self.plane.channel(id).is_some() => Seat {
                channel: id.clone(),
                only: None,
            },
            Wanted::Channel(id) => return Err(self.not_running(id)),
        };
        Ok((request, seat))
    }

    /// A channel that is in force and does not run is one that its operator can bring to run.
    fn not_running(&self, id: &ChannelId) -> Refused {
        let registry = &self.on_demand.registry;
        let idle = registry
            .in_force()
            .all
            .get(id)
            .map(|one| registry.idle(one));
        match idle.flatten() {
            Some(Idle::Disabled) => disabled(id),
            Some(Idle::OtherIngest { ingests, ingest }) => unknown(id)
                .param("ingests", ingests)
                .param("ingest", ingest),
            None => unknown(id),
        }
    }

    async fn hand_over(
        &self,
        head: &RequestHead,
        stream: TcpStream,
        request: WatchRequest,
        seat: Seat,
    ) -> bool {
        let Seat { channel: id, only } = seat;
        let user_agent = head.text(header::USER_AGENT).unwrap_or_default();
        let socket = match stream.into_std() {
            Ok(socket) => socket,
            Err(error) => {
                tracing::warn!(%error, "a viewer's socket can't be handed over");
                return false;
            }
        };
        let viewer = NewViewer {
            channel: id.clone(),
            socket,
            user_agent: user_agent.chars().take(USER_AGENT_CHARACTERS_MAX).collect(),
            start: request.start,
            head: response_head(),
            only,
        };
        let Err(refused) = self.plane.watch(viewer) else {
            return true;
        };
        let Some(told) = refusal(refused.reason, &id) else {
            return false;
        };
        match TcpStream::from_std(refused.socket) {
            Ok(stream) => self.refuse(stream, &told, false).await,
            Err(error) => tracing::warn!(%error, "a viewer's socket came back unusable"),
        }
        false
    }

    async fn refuse(&self, stream: TcpStream, refused: &Refused, head_only: bool) {
        self.counters.refused(refused.reason);
        answer::refuse(stream, &refused.problem, head_only).await;
    }
}

/// What a viewer is told whose channel had no data: the channel's reason.
#[must_use]
pub fn no_data(id: &ChannelId, status: &ChannelStatus) -> Problem {
    let seconds = VIEWER_FIRST_DATA.as_secs();
    let detail = match (status.reason, status.detail.as_str()) {
        (Reason::Ok, _) | (_, "") => format!("channel {id} had no data for {seconds} s"),
        (_, detail) => format!("channel {id} had no data for {seconds} s: {detail}"),
    };
    Problem::new(StatusCode::GATEWAY_TIMEOUT, detail)
        .reason(status.reason.as_str())
        .params(status.params.clone())
}

fn unknown(id: &ChannelId) -> Refused {
    let detail = format!("there is no channel {:?}", id.as_str());
    Refused::new(StatusCode::NOT_FOUND, Refusal::UnknownChannel, detail).param("channel", id)
}

fn disabled(id: &ChannelId) -> Refused {
    let detail = format!("channel {id}: {}", Idle::Disabled);
    Refused::new(StatusCode::NOT_FOUND, Refusal::ChannelDisabled, detail).param("channel", id)
}

/// None when there is nobody to tell.
fn refusal(reason: WatchRefusal, id: &ChannelId) -> Option<Refused> {
    Some(match reason {
        WatchRefusal::Gone => return None,
        WatchRefusal::UnknownChannel => unknown(id),
        WatchRefusal::TooManyViewers => {
            let detail = "as many viewers are connected as --max-viewers allows";
            Refused::later(Refusal::MaxViewers, detail, 5)
        }
        WatchRefusal::Changed => {
            let detail = format!("channel {id}, which brought this group, was changed just now");
            Refused::later(Refusal::Busy, detail, 1)
        }
        WatchRefusal::Busy => Refused::later(Refusal::Busy, "the channel's worker is busy", 1),
        WatchRefusal::ShuttingDown => {
            Refused::later(Refusal::ShuttingDown, "the ingest is stopping", 5)
        }
    })
}

/// No length and no transfer coding: the body ends with the connection (RFC 9112, 6.3), as players
/// and set-top boxes expect of a live stream.
fn response_head() -> Vec<u8> {
    let date = httpdate::fmt_http_date(SystemTime::now());
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: video/mp2t\r\nconnection: close\r\n\
         cache-control: no-store\r\naccept-ranges: none\r\nserver: encoder-ingest\r\n\
         date: {date}\r\n\r\n"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn access(tokens: Option<&str>) -> WatchAccess {
        let tokens = tokens.map(|text| {
            let file = tempfile::NamedTempFile::new().expect("file");
            std::fs::write(file.path(), text).expect("write");
            Arc::new(TokenFile::open(file.path()).expect("tokens"))
        });
        let from = ["127.0.0.0/8", "10.0.0.0/8"];
        WatchAccess {
            from: from.map(|text| text.parse().expect("network")).to_vec(),
            tokens,
        }
    }

    fn check(access: &WatchAccess, peer: &str, bearer: Option<&str>, target: &str) -> u16 {
        let peer = Peer::new(format!("{peer}:1").parse().expect("address"));
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "127.0.0.1".parse().expect("value"));
        if let Some(token) = bearer {
            let value = format!("Bearer {token}");
            headers.insert(header::AUTHORIZATION, value.parse().expect("value"));
        }
        let query = Query::parse(&target.parse().expect("target"));
        let result = access.check(peer, &headers, &query);
        result.map_or_else(|refused| refused.problem.status, |()| 200)
    }

    #[test]
    fn near_clients_watch_freely_and_far_ones_by_token() {
        let access = access(Some("tv watch www\nn node nnn\nroot admin aaa\n"));
        let path = "/channels/a.ts";
        assert_eq!(check(&access, "10.1.2.3", None, path), 200);
        assert_eq!(check(&access, "[::ffff:10.1.2.3]", None, path), 200);
        assert_eq!(check(&access, "192.0.2.1", None, path), 403);
        assert_eq!(check(&access, "192.0.2.1", None, "/a.ts?token="), 403);
        assert_eq!(check(&access, "[::ffff:192.0.2.1]", None, path), 403);
        assert_eq!(check(&access, "192.0.2.1", Some("wrong"), path), 401);
        for token in ["www", "nnn", "aaa"] {
            assert_eq!(check(&access, "192.0.2.1", Some(token), path), 200);
            let path = format!("{path}?token={token}");
            assert_eq!(check(&access, "192.0.2.1", None, &path), 200);
        }
    }

    #[test]
    fn without_tokens_far_clients_can_not_watch() {
        let access = access(None);
        assert_eq!(check(&access, "127.0.0.1", None, "/channels/a.ts"), 200);
        assert_eq!(check(&access, "192.0.2.1", None, "/a.ts?token=x"), 403);
    }

    #[test]
    fn the_body_ends_with_the_connection() {
        let text = String::from_utf8(response_head()).expect("text");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\n"));
        assert!(text.contains("content-type: video/mp2t\r\nconnection: close\r\n"));
        assert!(!text.contains("transfer-encoding") && !text.contains("content-length"));
    }

    #[test]
    fn a_silent_channel_says_why() {
        let status = ChannelStatus {
            params: BTreeMap::from([("group".to_owned(), "239.1.1.1".to_owned())]),
            ..ChannelStatus::new(
                common::api::channel::State::Waiting,
                Reason::NeverReceived,
                "nothing came from 239.1.1.1".to_owned(),
                String::new(),
            )
        };
        let problem = no_data(&ChannelId::made("news".to_owned()), &status);
        assert_eq!(problem.status, 504);
        assert_eq!(problem.reason.as_deref(), Some("never_received"));
        assert!(problem.detail.contains("239.1.1.1"));
    }
}
