//! What a watching request asks for: a channel by its id, or a group by udpxy's paths.
//!
//! Pure. axum's routes can't hold `{id}.ts`, and axum never sees these requests.

use std::time::Duration;

use axum::http::{Method, StatusCode, Uri, header};
use common::group::MulticastGroup;
use percent_encoding::percent_decode_str;

use crate::definition::ChannelId;
use crate::http::Refused;
use crate::limits::BACKLOG_MAX;
use crate::metrics::Refusal;
use crate::nics::InterfaceSelector;
use crate::plane::Start;

const ENDING: &str = ".ts";

/// A request to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchRequest {
    pub wanted: Wanted,
    pub start: Start,
    /// HEAD: the head of the answer alone.
    pub head_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    Channel(ChannelId),
    Group(GroupRequest),
}

/// `/udp/...` or `/rtp/...`: which of the two is a hint that nobody needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRequest {
    pub group: MulticastGroup,
    /// None: the ingest's default NIC.
    pub interface: Option<InterfaceSelector>,
}

/// The parameters of a query, decoded. `+` stands for itself: tokens may have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

/// Whether a request for this path goes to the data plane.
#[must_use]
pub fn is_watching(path: &str) -> bool {
    let channel = path.strip_prefix("/channels/");
    channel.is_some_and(|rest| rest.ends_with(ENDING)) || group_part(path).is_some()
}

impl WatchRequest {
    /// # Errors
    /// 405, or 400 saying what is not understood.
    pub fn parse(method: &Method, target: &Uri, query: &Query) -> Result<Self, Refused> {
        let head_only = *method == Method::HEAD;
        if !head_only && *method != Method::GET {
            let detail = format!("{method} is not for watching: use GET or HEAD");
            let status = StatusCode::METHOD_NOT_ALLOWED;
            let mut refused = Refused::new(status, Refusal::Method, detail);
            refused.problem = Box::new(refused.problem.header(header::ALLOW, "GET, HEAD"));
            return Err(refused);
        }
        Ok(Self {
            wanted: wanted(target.path(), query)?,
            start: start(query)?,
            head_only,
        })
    }
}

impl Query {
    #[must_use]
    pub fn parse(target: &Uri) -> Self {
        let parameters = target.query().unwrap_or_default().split('&');
        let parameters = parameters
            .filter(|parameter| !parameter.is_empty())
            .map(|parameter| {
                let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
                (decoded(name), decoded(value))
            });
        Self(parameters.collect())
    }

    /// The names, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The first of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut parameters = self.0.iter();
        let found = parameters.find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn group_part(path: &str) -> Option<&str> {
    path.strip_prefix("/udp/")
        .or_else(|| path.strip_prefix("/rtp/"))
}

fn wanted(path: &str, query: &Query) -> Result<Wanted, Refused> {
    if let Some(part) = group_part(path) {
        let group = decoded(part)
            .parse()
            .map_err(|error| malformed(format!("{path}: {error}")))?;
        let interface = query.get("interface").map(str::parse).transpose();
        return Ok(Wanted::Group(GroupRequest {
            group,
            interface: interface.map_err(|error| malformed(format!("interface: {error}")))?,
        }));
    }
    let name = path.strip_prefix("/channels/");
    let name = name.and_then(|name| name.strip_suffix(ENDING));
    // A rendition's own id has a dot where the path has a slash.
    let mut parts = name.unwrap_or_default().splitn(2, '/');
    let id = match (parts.next(), parts.next()) {
        (Some(id), Some(profile)) => format!("{}.{}", decoded(id), decoded(profile)),
        (id, _) => decoded(id.unwrap_or_default()),
    };
    Ok(Wanted::Channel(ChannelId::made(id)))
}

fn start(query: &Query) -> Result<Start, Refused> {
    let backlog = match query.get("backlog_ms") {
        None => Duration::ZERO,
        Some(text) => {
            let milliseconds = text.parse().map_err(|_| {
                malformed(format!("backlog_ms {text:?}: use a number of milliseconds"))
            })?;
            Duration::from_millis(milliseconds).min(BACKLOG_MAX)
        }
    };
    match query.get("start") {
        None => Ok(Start::RandomAccess { backlog }),
        Some("live") => Ok(Start::Live),
        Some(other) => Err(malformed(format!("start {other:?}: only live is known"))),
    }
}

fn malformed(detail: String) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, Refusal::Malformed, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(target: &str) -> Result<WatchRequest, u16> {
        let target: Uri = target.parse().expect("target");
        assert!(is_watching(target.path()), "{target}");
        let query = Query::parse(&target);
        WatchRequest::parse(&Method::GET, &target, &query).map_err(|refused| refused.problem.status)
    }

    fn id(target: &str) -> String {
        match parse(target).expect(target).wanted {
            Wanted::Channel(id) => id.to_string(),
            Wanted::Group(group) => panic!("{group:?}"),
        }
    }

    fn group(target: &str) -> String {
        match parse(target).expect(target).wanted {
            Wanted::Channel(id) => panic!("{id}"),
            Wanted::Group(request) => {
                let interface = request.interface.map(|nic| format!(" on {nic}"));
                format!("{}{}", request.group, interface.unwrap_or_default())
            }
        }
    }

    #[test]
    fn channels_are_named_by_their_paths() {
        assert_eq!(id("/channels/news.ts"), "news");
        assert_eq!(id("/channels/news/preview.ts"), "news.preview");
        assert_eq!(id("/channels/news.preview.ts?x=1"), "news.preview");
        assert_eq!(
            id("/channels/udp.239.1.1.1.5000.eth1.ts"),
            "udp.239.1.1.1.5000.eth1"
        );
        assert_eq!(id("/channels/..%2fetc.ts"), "../etc");
        for path in ["/channels/news", "/channels", "/playlist.m3u", "/udp", "/"] {
            assert!(!is_watching(path), "{path}");
        }
    }

    #[test]
    fn groups_are_named_as_in_udpxy() {
        assert_eq!(group("/udp/239.1.1.1:5000"), "239.1.1.1:5000");
        assert_eq!(group("/udp/239.1.1.1:5000/"), "239.1.1.1:5000");
        assert_eq!(group("/udp/239.1.1.1%3A5000"), "239.1.1.1:5000");
        assert_eq!(
            group("/rtp/192.0.2.7@232.1.1.1:5000?interface=eth1"),
            "192.0.2.7@232.1.1.1:5000 on eth1"
        );
        assert_eq!(group("/udp/[ff3e::1]:5000"), "[ff3e::1]:5000");
        for wrong in [
            "/udp/10.0.0.1:5000",
            "/udp/239.1.1.1",
            "/rtp/nonsense",
            "/rtp/",
            "/udp/239.1.1.1:5000?interface=a%2Fb",
        ] {
            assert_eq!(parse(wrong), Err(400), "{wrong}");
        }
    }

    #[test]
    fn the_start_is_asked_for_by_query() {
        let start = |query: &str| parse(&format!("/channels/a.ts{query}")).map(|ask| ask.start);
        let backlog = |milliseconds| {
            Ok(Start::RandomAccess {
                backlog: Duration::from_millis(milliseconds),
            })
        };
        assert_eq!(start(""), backlog(0));
        assert_eq!(start("?token=x&backlog_ms=1500"), backlog(1500));
        assert_eq!(start("?backlog_ms=99999999999"), backlog(60_000));
        assert_eq!(start("?start=live"), Ok(Start::Live));
        assert_eq!(start("?start=end"), Err(400));
        assert_eq!(start("?backlog_ms=-1"), Err(400));
    }

    #[test]
    fn other_methods_are_refused() {
        let target: Uri = "/channels/a.ts".parse().expect("target");
        let ask = |method| WatchRequest::parse(&method, &target, &Query::parse(&target));
        assert!(ask(Method::HEAD).expect("HEAD").head_only);
        let refused = ask(Method::POST).expect_err("POST");
        let text = String::from_utf8(refused.problem.response_bytes(true)).expect("text");
        assert!(text.starts_with("HTTP/1.1 405 ") && text.contains("allow: GET, HEAD\r\n"));
    }

    #[test]
    fn a_token_keeps_its_plus() {
        let target: Uri = "/a.ts?token=a+b%2Fc&token=d".parse().expect("target");
        assert_eq!(Query::parse(&target).get("token"), Some("a+b/c"));
    }

    proptest! {
        #[test]
        fn any_path_is_answered(path in "/(channels|udp|rtp)/[!-~]{0,40}") {
            if let Ok(target) = path.parse::<Uri>() {
                let query = Query::parse(&target);
                let _ = WatchRequest::parse(&Method::GET, &target, &query);
            }
        }
    }
}
