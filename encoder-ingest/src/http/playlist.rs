//! The playlist that players load: every channel with its URL.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, StatusCode, header, uri::Authority};
use axum::response::{IntoResponse, Response};
use common::api::channel::Origin;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::definition::ChannelDefinition;
use crate::http::request::Query;
use crate::http::watch::WatchAccess;
use crate::http::{Local, Peer, Refused};
use crate::metrics::{Counters, Refusal};
use crate::plane::Plane;

const MEDIA_TYPE: &str = "audio/x-mpegurl; charset=utf-8";

/// What can't stand in a path segment (RFC 3986, 3.3).
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// What needs encoding in a query's value: all but the unreserved characters (RFC 3986, 2.3).
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What the playlist is made from.
#[derive(Debug)]
pub struct Playlist {
    pub plane: Plane,
    pub access: WatchAccess,
    pub public_url: Option<String>,
    pub counters: Arc<Counters>,
}

/// `GET /playlist.m3u`
pub async fn playlist(
    State(playlist): State<Arc<Playlist>>,
    Extension(peer): Extension<Peer>,
    Extension(local): Extension<Local>,
    request: Request,
) -> Response {
    let query = Query::parse(request.uri());
    let text = playlist
        .access
        .check(peer, request.headers(), &query)
        .and_then(|()| playlist.base(request.headers(), local))
        .map(|base| playlist.text(&base, &query));
    match text {
        Ok(text) => {
            let headers = [
                (header::CONTENT_TYPE, MEDIA_TYPE),
                (header::CACHE_CONTROL, "no-store"),
            ];
            (headers, text).into_response()
        }
        Err(refused) => {
            playlist.counters.refused(refused.reason);
            refused.problem.into_response()
        }
    }
}

impl Playlist {
    fn base(&self, headers: &HeaderMap, local: Local) -> Result<String, Refused> {
        if let Some(url) = &self.public_url {
            return Ok(url.clone());
        }
        let Some(host) = headers.get(header::HOST) else {
            return Ok(format!("http://{}", local.0));
        };
        let authority = Authority::try_from(host.as_bytes());
        match authority {
            Ok(name) if !name.as_str().contains('@') => Ok(format!("http://{name}")),
            _ => {
                let detail = format!("Host {host:?} is no host");
                let status = StatusCode::BAD_REQUEST;
                Err(Refused::new(status, Refusal::Malformed, detail))
            }
        }
    }

    fn text(&self, base: &str, query: &Query) -> String {
        let channels = self.plane.channels();
        let definitions = channels
            .iter()
            .map(|channel| channel.definition.load_full());
        let all = query.get("all") == Some("1");
        let listed = |definition: &Arc<ChannelDefinition>| {
            all || matches!(definition.origin, Origin::Declared | Origin::Operator)
        };
        let mut definitions: Vec<_> = definitions.filter(listed).collect();
        // Those with a number first, in its order; the others by their ids, as they come.
        definitions.sort_by_key(|definition| (definition.number.is_none(), definition.number));
        m3u(&definitions, base, query.get("token"))
    }
}

fn m3u(definitions: &[Arc<ChannelDefinition>], base: &str, token: Option<&str>) -> String {
    let mut text = String::from("#EXTM3U\n");
    for definition in definitions {
        let _ = write!(
            text,
            "#EXTINF:-1 tvg-id=\"{}\"",
            attribute(definition.id.as_str())
        );
        if let Some(number) = definition.number {
            let _ = write!(text, " tvg-chno=\"{number}\"");
        }
        for (name, value) in [
            ("group-title", &definition.group),
            ("tvg-logo", &definition.logo),
        ] {
            if let Some(value) = value {
                let _ = write!(text, " {name}=\"{}\"", attribute(value));
            }
        }
        let name = definition.name.replace(char::is_control, " ");
        let _ = write!(text, ",{name}\n{base}{}", path(definition));
        if let Some(token) = token {
            let _ = write!(text, "?token={}", utf8_percent_encode(token, VALUE));
        }
        text.push('\n');
    }
    text
}

fn path(definition: &ChannelDefinition) -> String {
    let id = definition.id.as_str();
    let encoded = |part: &str| utf8_percent_encode(part, SEGMENT).to_string();
    match id.split_once('.') {
        Some((parent, profile)) if definition.origin == Origin::Rendition => {
            format!("/channels/{}/{}.ts", encoded(parent), encoded(profile))
        }
        _ => format!("/channels/{}.ts", encoded(id)),
    }
}

/// The format has no way to write a quotation mark within one.
fn attribute(text: &str) -> String {
    text.replace('"', "'").replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::ChannelId;
    use common::api::channel::SlowViewer;

    fn definition(id: &str, name: &str, origin: Origin) -> ChannelDefinition {
        ChannelDefinition {
            id: ChannelId::made(id.to_owned()),
            origin,
            name: name.to_owned(),
            inputs: Vec::new(),
            slow_viewer: SlowViewer::Skip,
            renditions: Vec::new(),
            ingests: None,
            enabled: true,
            number: None,
            group: None,
            logo: None,
            labels: std::collections::BTreeMap::new(),
            program: None,
            scrambled: None,
        }
    }

    #[test]
    fn every_channel_has_its_line_and_its_url() {
        let news = ChannelDefinition {
            number: Some(7),
            group: Some("Info \"24\"".to_owned()),
            logo: Some("https://logo.example/n.png".to_owned()),
            ..definition("news", "News, HD", Origin::Declared)
        };
        let preview = definition("news.preview", "News\nsmall", Origin::Rendition);
        let odd = definition("udp.ff3e::1.5000.a%b", "odd", Origin::OnDemand);
        let list = [news, preview, odd].map(Arc::new);
        assert_eq!(
            m3u(&list, "http://h:9525", Some("a+b-c._~")),
            "#EXTM3U\n\
             #EXTINF:-1 tvg-id=\"news\" tvg-chno=\"7\" group-title=\"Info '24'\" tvg-logo=\"https://logo.example/n.png\",News, HD\n\
             http://h:9525/channels/news.ts?token=a%2Bb-c._~\n\
             #EXTINF:-1 tvg-id=\"news.preview\",News small\n\
             http://h:9525/channels/news/preview.ts?token=a%2Bb-c._~\n\
             #EXTINF:-1 tvg-id=\"udp.ff3e::1.5000.a%b\",odd\n\
             http://h:9525/channels/udp.ff3e::1.5000.a%25b.ts?token=a%2Bb-c._~\n"
        );
        assert_eq!(m3u(&[], "http://h", None), "#EXTM3U\n");
    }
}
