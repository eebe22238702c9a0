//! `/api/events.json`: the last events of all ingests in one list, oldest first.

use std::sync::Arc;

use axum::http::{StatusCode, Uri};
use common::problem::Problem;
use futures_util::future::join_all;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::Semaphore;

use crate::changes::IngestEvent;
use crate::client::{ClientError, IngestClient, unintelligible};
use crate::hub::Hub;
use crate::limits::EVENT_LISTS_MAX;
use crate::proxy::unknown_ingest;
use crate::roster::IngestState;

const EVENTS: &str = "/api/v1/events.json";

/// Makes lists. Cheap to clone.
#[derive(Debug, Clone)]
pub struct History {
    hub: Hub,
    client: IngestClient,
    places: Arc<Semaphore>,
}

/// What is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Filter {
    ingest: Option<String>,
    channel: Option<String>,
    kind: Option<String>,
    since: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
pub struct EventList {
    events: Vec<IngestEvent>,
    /// Ingests that did not answer.
    missing: Vec<String>,
}

/// As far as a filter and the order need it.
#[derive(Deserialize)]
struct Known {
    time: Timestamp,
    kind: String,
    channel: Option<String>,
}

impl History {
    #[must_use]
    pub fn new(hub: Hub, client: IngestClient) -> Self {
        Self {
            hub,
            client,
            places: Arc::new(Semaphore::new(EVENT_LISTS_MAX)),
        }
    }

    /// # Errors
    /// When the query is wrong, names an ingest that is not known, or too many ask at once.
    pub async fn list(&self, uri: &Uri) -> Result<EventList, Problem> {
        let filter = Filter::parse(uri.query().unwrap_or_default())?;
        let _place = self.places.try_acquire().map_err(|_| {
            let detail = format!("{EVENT_LISTS_MAX} lists of events are being made");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
                .reason("too_many_requests")
                .param("max", EVENT_LISTS_MAX)
                .retry_after(1)
        })?;
        let names = self.names(&filter)?;
        let asked = names.into_iter().map(|name| self.ask(name, &filter));
        let mut events = Vec::new();
        let mut missing = Vec::new();
        for (name, answer) in join_all(asked).await {
            match answer {
                Ok(answer) => events.extend(answer),
                Err(error) => {
                    tracing::debug!(ingest = name, "{error}");
                    missing.push(name);
                }
            }
        }
        events.sort_by_key(|(time, _)| *time);
        let events = events.into_iter().map(|(_, event)| event).collect();
        Ok(EventList { events, missing })
    }

    /// A removed ingest is asked only by its name.
    fn names(&self, filter: &Filter) -> Result<Vec<String>, Problem> {
        if let Some(name) = &filter.ingest {
            let known = self.hub.roster().find(name).is_some();
            return known
                .then(|| vec![name.clone()])
                .ok_or_else(|| unknown_ingest(name));
        }
        let views = self.hub.views().into_iter();
        let there = views.filter(|view| view.known && view.state != IngestState::Removed);
        Ok(there.map(|view| view.name).collect())
    }

    async fn ask(
        &self,
        name: String,
        filter: &Filter,
    ) -> (String, Result<Vec<(Timestamp, IngestEvent)>, ClientError>) {
        let found = self.hub.roster().find(&name);
        let Some((address, IngestState::Here)) = found else {
            return (name, Err(ClientError::Unreachable("it is away".to_owned())));
        };
        let body = self.client.get(address, EVENTS).await;
        let events = body.and_then(|body| read(&name, &body, filter));
        (name, events)
    }
}

fn read(
    ingest: &str,
    body: &[u8],
    filter: &Filter,
) -> Result<Vec<(Timestamp, IngestEvent)>, ClientError> {
    #[derive(Deserialize)]
    struct List {
        events: Vec<Box<RawValue>>,
    }
    let list: List =
        serde_json::from_slice(body).map_err(|cause| unintelligible(EVENTS, &cause))?;
    let event = |event: Box<RawValue>| {
        let known: Known = serde_json::from_str(event.get()).ok()?;
        let ingest = ingest.to_owned();
        filter
            .takes(&known)
            .then_some((known.time, IngestEvent { ingest, event }))
    };
    Ok(list.events.into_iter().filter_map(event).collect())
}

impl Filter {
    fn parse(query: &str) -> Result<Self, Problem> {
        let mut filter = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = value.replace('+', " ");
            let value = percent_decode_str(&value).decode_utf8();
            let value = value.map_err(|_| wrong(name, "is no UTF-8"))?.into_owned();
            let value = Some(value).filter(|value| !value.is_empty());
            match name {
                "ingest" => filter.ingest = value,
                "channel" => filter.channel = value,
                "kind" => filter.kind = value,
                "since" => filter.since = value.map(|value| since(&value)).transpose()?,
                _ => {
                    return Err(wrong(
                        name,
                        "is not known: use ingest, channel, kind or since",
                    ));
                }
            }
        }
        Ok(filter)
    }

    fn takes(&self, event: &Known) -> bool {
        self.since.is_none_or(|since| event.time >= since)
            && self.kind.as_ref().is_none_or(|kind| *kind == event.kind)
            && (self.channel.is_none() || self.channel == event.channel)
    }
}

fn since(text: &str) -> Result<Timestamp, Problem> {
    let time = text.parse();
    time.map_err(|_| wrong("since", "is no time such as 2026-11-23T18:00:00Z"))
}

fn wrong(name: &str, why: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, format!("query {name:?} {why}"))
        .reason("bad_query")
        .param("name", name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"events": [
        {"id": "1-1", "time": "2026-11-23T10:00:00.000Z", "kind": "started", "detail": ""},
        {"id": "1-2", "time": "2026-11-23T10:00:01.000Z", "kind": "channel_added", "channel": "news", "detail": ""},
        {"id": "1-3", "time": "2026-11-23T10:00:02.000Z", "kind": "channel_added", "channel": "film", "detail": ""}
    ]}"#;

    fn ids(query: &str) -> Result<Vec<String>, u16> {
        let filter = Filter::parse(query).map_err(|problem| problem.status)?;
        let events = read("n1", LIST.as_bytes(), &filter).expect("a list");
        let id = |(_, event): (Timestamp, IngestEvent)| {
            let event: serde_json::Value = serde_json::from_str(event.event.get()).expect("json");
            event["id"].as_str().expect("id").to_owned()
        };
        Ok(events.into_iter().map(id).collect())
    }

    #[test]
    fn events_are_picked_by_what_is_asked() {
        let found = |ids: &[&str]| Ok(ids.iter().map(|id| (*id).to_owned()).collect());
        assert_eq!(ids(""), found(&["1-1", "1-2", "1-3"]));
        assert_eq!(ids("kind=channel_added&channel=film"), found(&["1-3"]));
        assert_eq!(
            ids("since=2026-11-23T10%3A00%3A01Z"),
            found(&["1-2", "1-3"])
        );
        assert_eq!(
            ids("since=2026-11-23T11:00:01%2B01:00&channel="),
            found(&["1-2", "1-3"])
        );
        assert_eq!(ids("since=yesterday"), Err(400));
        assert_eq!(ids("chanel=film"), Err(400));
    }
}
