//! What Prometheus sees. Every metric is declared once, in the table; counters live in [`Counters`],
//! and a scrape fills a recorder of its own, so that nothing of a removed ingest stays behind.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Label, counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::roster::{IngestState, IngestView};

macro_rules! metrics {
    ($($constant:ident $kind:ident $name:literal $help:literal;)*) => {
        $(const $constant: &str = concat!("encoder_ui_", $name);)*

        fn describe() {
            $(metrics!(@$kind $constant, $help);)*
        }
    };
    (@Counter $constant:ident, $help:literal) => { describe_counter!($constant, $help) };
    (@Gauge $constant:ident, $help:literal) => { describe_gauge!($constant, $help) };
}

metrics! {
    INGEST_STATE Gauge "ingest_state" "1 for the state that the ingest is in (here, away, removed), 0 for the others";
    INGEST_CHANNELS Gauge "ingest_channels" "Channels in the ingest's last answer";
    LOOKUPS_FAILED Counter "lookups_failed_total" "Look-ups of ingests' names without an answer";
    POLLS Counter "polls_total" "Questions to ingests, by result";
    EVENT_STREAMS Gauge "event_streams" "Event streams to browsers: of changes, and those of ingests that are passed on";
    UPDATES Counter "updates_total" "Changes that were made for browsers, each once for all of them";
    UPDATE_BYTES Counter "update_bytes_total" "Bytes of those changes";
    SNAPSHOTS Counter "snapshots_total" "Snapshots that browsers got, by cause: they connected, or were too slow for changes";
    EVENTS_LEFT_OUT Counter "events_left_out_total" "Events of ingests that browsers did not get because too many came at once";
    PROXIED Counter "proxied_requests_total" "Requests that were passed to ingests, by result";
    PREVIEWS Gauge "previews" "Previews that run";
    PREVIEW_BYTES Counter "preview_bytes_total" "Bytes that previews took from ingests";
    PREVIEWS_CLOSED Counter "previews_closed_total" "Previews that ended, by close code";
    LOGINS Counter "logins_total" "Attempts to log in, by result";
    REQUESTS_REFUSED Counter "requests_refused_total" "Requests that were refused, by reason";
    CONNECTIONS Gauge "connections" "Browser connections, without previews";
    USERS_OK Gauge "users_ok" "0 while the users file has mistakes and an older one is in force";
    BUILD_INFO Gauge "build_info" "1; the label says the version";
}

/// A set of counters by one label, all known beforehand.
macro_rules! counters {
    ($(#[$note:meta])* $name:ident { $($variant:ident $text:literal,)* }) => {
        $(#[$note])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($variant,)* }

        impl $name {
            const ALL: &[Self] = &[$(Self::$variant,)*];

            const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl From<$name> for usize {
            fn from(value: $name) -> Self {
                value as Self
            }
        }
    };
}

counters! {
    /// How a question to an ingest ended.
    Poll { Answered "answered", Failed "failed", }
}
counters! {
    /// Why a browser got a snapshot.
    Snapshot { Connected "connected", Slow "slow", }
}
counters! {
    /// How a request that is passed on ended.
    Proxied { Answered "answered", Unreachable "unreachable", Slow "slow", Refused "refused", }
}
counters! {
    /// How an attempt to log in ended.
    Login { Ok "ok", Wrong "wrong", Limited "limited", Busy "busy", }
}
counters! {
    /// Why a request was refused.
    Refusal {
        Login "login_needed",
        Role "role",
        Foreign "foreign",
        Path "bad_path",
        Busy "busy",
    }
}

/// Everything that only grows, and what is there at this moment.
#[derive(Debug, Default)]
pub struct Counters {
    pub lookups_failed: AtomicU64,
    polls: [AtomicU64; 2],
    pub updates: AtomicU64,
    pub update_bytes: AtomicU64,
    snapshots: [AtomicU64; 2],
    pub events_left_out: AtomicU64,
    proxied: [AtomicU64; 4],
    pub preview_bytes: AtomicU64,
    previews_closed: [AtomicU64; CLOSE_CODES.len()],
    logins: [AtomicU64; 4],
    refused: [AtomicU64; 5],
    pub connections: AtomicU64,
}

/// Close codes of previews; all others are counted under the first.
const CLOSE_CODES: [u16; 10] = [1000, 1001, 1002, 1007, 1009, 4401, 4404, 4429, 4503, 4504];

/// Counts one thing up, and down again when it is dropped.
#[derive(Debug)]
pub struct Present<'a>(&'a AtomicU64);

impl<'a> Present<'a> {
    #[must_use]
    pub fn new(gauge: &'a AtomicU64) -> Self {
        gauge.fetch_add(1, Ordering::Relaxed);
        Self(gauge)
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Counters {
    pub fn add(counter: &AtomicU64, number: usize) {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        counter.fetch_add(number, Ordering::Relaxed);
    }

    pub fn polled(&self, result: Poll) {
        Self::add(&self.polls[usize::from(result)], 1);
    }

    pub fn snapshot(&self, cause: Snapshot) {
        Self::add(&self.snapshots[usize::from(cause)], 1);
    }

    pub fn proxied(&self, result: Proxied) {
        Self::add(&self.proxied[usize::from(result)], 1);
    }

    pub fn login(&self, result: Login) {
        Self::add(&self.logins[usize::from(result)], 1);
    }

    pub fn refused(&self, why: Refusal) {
        Self::add(&self.refused[usize::from(why)], 1);
    }

    pub fn preview_closed(&self, code: u16) {
        let place = CLOSE_CODES.iter().position(|known| *known == code);
        Self::add(&self.previews_closed[place.unwrap_or(0)], 1);
    }
}

/// What is so at the moment of a scrape.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub event_streams: usize,
    pub previews: usize,
    pub users_ok: bool,
}

/// In the text format of Prometheus.
#[must_use]
pub fn render(counters: &Counters, ingests: &[IngestView], moment: Moment) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        describe();
        set_ingests(ingests);
        set_counters(counters);
        gauge!(EVENT_STREAMS).set(count(moment.event_streams));
        gauge!(PREVIEWS).set(count(moment.previews));
        gauge!(USERS_OK).set(u32::from(moment.users_ok));
        gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1);
    });
    recorder.handle().render()
}

fn set_ingests(ingests: &[IngestView]) {
    for ingest in ingests {
        let name = ingest.name.as_str();
        for (state, text) in [
            (IngestState::Here, "here"),
            (IngestState::Away, "away"),
            (IngestState::Removed, "removed"),
        ] {
            let labels = [
                Label::new("ingest", name.to_owned()),
                Label::new("state", text),
            ];
            gauge!(INGEST_STATE, labels.iter()).set(u32::from(ingest.state == state));
        }
        let channels = count(ingest.channels.len());
        gauge!(INGEST_CHANNELS, "ingest" => name.to_owned()).set(channels);
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn set_counters(counters: &Counters) {
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    counter!(LOOKUPS_FAILED).absolute(load(&counters.lookups_failed));
    for result in Poll::ALL {
        counter!(POLLS, "result" => result.text())
            .absolute(load(&counters.polls[*result as usize]));
    }
    counter!(UPDATES).absolute(load(&counters.updates));
    counter!(UPDATE_BYTES).absolute(load(&counters.update_bytes));
    for cause in Snapshot::ALL {
        let count = load(&counters.snapshots[*cause as usize]);
        counter!(SNAPSHOTS, "cause" => cause.text()).absolute(count);
    }
    counter!(EVENTS_LEFT_OUT).absolute(load(&counters.events_left_out));
    for result in Proxied::ALL {
        let count = load(&counters.proxied[*result as usize]);
        counter!(PROXIED, "result" => result.text()).absolute(count);
    }
    counter!(PREVIEW_BYTES).absolute(load(&counters.preview_bytes));
    for (code, count) in CLOSE_CODES.iter().zip(&counters.previews_closed) {
        counter!(PREVIEWS_CLOSED, "code" => code.to_string()).absolute(load(count));
    }
    for result in Login::ALL {
        let count = load(&counters.logins[*result as usize]);
        counter!(LOGINS, "result" => result.text()).absolute(count);
    }
    for why in Refusal::ALL {
        let count = load(&counters.refused[*why as usize]);
        counter!(REQUESTS_REFUSED, "reason" => why.text()).absolute(count);
    }
    let connections = usize::try_from(load(&counters.connections));
    gauge!(CONNECTIONS).set(count(connections.unwrap_or(usize::MAX)));
}
