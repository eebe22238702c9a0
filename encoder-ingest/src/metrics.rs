//! What Prometheus sees. Every metric is declared once, in the table; a scrape fills a recorder of
//! its own from what is there at that moment, so that nothing of a removed channel stays behind.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::api::channel::State;
use common::api::node::JobState;
use common::api::tr101290::Indicator;
use metrics::{Label, counter, gauge};
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::live::{LiveChannel, ViewerEnd};
use crate::plane::WorkerStatus;

/// A metric as it is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

macro_rules! metrics {
    ($($constant:ident $kind:ident $name:literal $help:literal;)*) => {
        $(const $constant: Metric = Metric {
            name: concat!("encoder_ingest_", $name),
            kind: Kind::$kind,
            help: $help,
        };)*
        /// Every metric that there is.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    RECEIVED_DATAGRAMS Counter "received_datagrams_total" "Datagrams that arrived for the channel";
    RECEIVED_BYTES Counter "received_bytes_total" "UDP payload that arrived for the channel";
    LOST Counter "lost_total" "What is missing, each loss under one cause, in the unit in which it is known";
    REPAIRED Counter "repaired_packets_total" "RTP packets put into order, and duplicates dropped";
    CHANNEL_STATE Gauge "channel_state" "1 for the state that the channel is in, 0 for the others";
    CHANNEL_REASON Gauge "channel_reason" "1 for the reason of the channel's state";
    BITRATE Gauge "bitrate_bps" "TS bits received in the last second";
    TR101290_ERRORS Counter "tr101290_errors_total" "Errors of the transport stream by the indicators of ETSI TR 101 290, priority 1 and 2";
    ANALYSIS_LIMITS Counter "analysis_limits_total" "Times that a table of the analysis was full: packets of PIDs past it, or sections too long, are relayed but not analysed";
    VIEWERS Gauge "viewers" "Viewers that are connected";
    SENT_BYTES Counter "sent_bytes_total" "Bytes written to the channel's viewers";
    VIEWER_SKIPPED_BYTES Counter "viewer_skipped_bytes_total" "Bytes that slow viewers missed";
    VIEWERS_CLOSED Counter "viewers_closed_total" "Viewers whose connection ended, by reason";
    REJOINS Counter "rejoins_total" "Times that the channel's group was joined anew";
    SOURCE_RESTARTS Counter "source_restarts_total" "Times that the channel's source began anew";
    UNALIGNED_DATAGRAMS Counter "unaligned_datagrams_total" "Datagrams that did not hold whole TS packets and were joined";
    MALFORMED_DATAGRAMS Counter "malformed_datagrams_total" "Datagrams that were neither TS nor RTP with TS, or of another sender (SSRC) among the channel's own; never forwarded";
    RELAY_DELAY Histogram "relay_delay_seconds" "How long bytes stay in the relay, from their arrival to the write";
    RECEIVE_BUFFER Gauge "receive_buffer_bytes" "Socket buffer that the kernel granted";
    INTERFACE_UP Gauge "interface_up" "1 when the NIC in use, or the one looked for, is there, up, and has a carrier";
    REVERSE_PATH_FILTER_DROPS Counter "reverse_path_filter_drops_total" "Packets that the host dropped by reverse path filtering";
    CONFIG_OK Gauge "config_ok" "0 while the channels file has mistakes and an older one is in force";
    REQUESTS_REFUSED Counter "requests_refused_total" "HTTP requests and connections that were refused, by reason";
    WORKER_BUSY Gauge "worker_busy_ratio" "Share of the last second that the worker was busy";
    NODES Gauge "nodes" "Processing nodes that are not silent";
    JOBS Gauge "jobs" "Jobs of processing nodes, by state";
    BUILD_INFO Gauge "build_info" "1; the label says the version";
}

/// Why a request or a connection was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No token, an unknown one, one without the right, or a foreign web page.
    Access,
    Busy,
    ChannelDisabled,
    /// No file descriptor is left.
    FileLimit,
    HeadTimeout,
    HeadTooLarge,
    InterfaceMissing,
    Malformed,
    MaxChannels,
    MaxConnections,
    MaxViewers,
    Method,
    NoData,
    /// Its group is not in `--on-demand`.
    OnDemand,
    ShuttingDown,
    UnknownChannel,
}

impl Refusal {
    pub const ALL: [Self; 16] = [
        Self::Access,
        Self::Busy,
        Self::ChannelDisabled,
        Self::FileLimit,
        Self::HeadTimeout,
        Self::HeadTooLarge,
        Self::InterfaceMissing,
        Self::Malformed,
        Self::MaxChannels,
        Self::MaxConnections,
        Self::MaxViewers,
        Self::Method,
        Self::NoData,
        Self::OnDemand,
        Self::ShuttingDown,
        Self::UnknownChannel,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Busy => "busy",
            Self::ChannelDisabled => "channel_disabled",
            Self::FileLimit => "file_limit",
            Self::HeadTimeout => "head_timeout",
            Self::HeadTooLarge => "head_too_large",
            Self::InterfaceMissing => "interface_missing",
            Self::Malformed => "malformed",
            Self::MaxChannels => "max_channels",
            Self::MaxConnections => "max_connections",
            Self::MaxViewers => "max_viewers",
            Self::Method => "method",
            Self::NoData => "no_data",
            Self::OnDemand => "on_demand",
            Self::ShuttingDown => "shutting_down",
            Self::UnknownChannel => "unknown_channel",
        }
    }
}

/// What the front counts itself.
#[derive(Debug, Default)]
pub struct Counters {
    viewers_closed: [AtomicU64; ViewerEnd::ALL.len()],
    requests_refused: [AtomicU64; Refusal::ALL.len()],
}

impl Counters {
    pub fn refused(&self, reason: Refusal) {
        self.requests_refused[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub fn viewer_closed(&self, end: ViewerEnd) {
        self.viewers_closed[end as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// Everything that a scrape shows.
#[derive(Debug)]
pub struct Scrape<'a> {
    pub channels: &'a [Arc<LiveChannel>],
    pub workers: &'a [WorkerStatus],
    /// Upper bounds in seconds and counts, not cumulative; then the sum in seconds.
    pub relay_delay: (Vec<(f64, u64)>, f64),
    pub counters: &'a Counters,
    /// Nodes that are not silent, and jobs by their states.
    pub nodes: (usize, Vec<(JobState, usize)>),
    pub config_ok: bool,
    /// The NICs in use or looked for, and whether they carry.
    pub interfaces: &'a [(String, bool)],
    pub reverse_path_filter_drops: Option<u64>,
}

impl Scrape<'_> {
    /// In the text format of Prometheus.
    #[must_use]
    pub fn render(&self) -> String {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            describe();
            self.process();
            for channel in self.channels {
                channel_counters(channel);
                channel_status(channel);
            }
        });
        let mut text = recorder.handle().render();
        self.histogram(&mut text);
        text
    }

    fn process(&self) {
        set(BUILD_INFO, &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
        set(CONFIG_OK, &[], flag(self.config_ok));
        let (nodes, jobs) = &self.nodes;
        set(NODES, &[], as_float(*nodes as u64));
        for (state, count) in jobs {
            let labels = [("state", state.as_str())];
            set(JOBS, &labels, as_float(*count as u64));
        }
        for (name, up) in self.interfaces {
            set(INTERFACE_UP, &[("interface", name)], flag(*up));
        }
        for (index, worker) in self.workers.iter().enumerate() {
            let index = index.to_string();
            set(WORKER_BUSY, &[("worker", &index)], worker.busy_ratio);
        }
        if let Some(drops) = self.reverse_path_filter_drops {
            count(REVERSE_PATH_FILTER_DROPS, &[], drops);
        }
        for end in ViewerEnd::ALL {
            let closed = &self.counters.viewers_closed[end as usize];
            count(VIEWERS_CLOSED, &[("reason", end.as_str())], load(closed));
        }
        for reason in Refusal::ALL {
            let refused = &self.counters.requests_refused[reason as usize];
            count(
                REQUESTS_REFUSED,
                &[("reason", reason.as_str())],
                load(refused),
            );
        }
    }

    /// The buckets are counted by the workers; the recorder could only take single values.
    fn histogram(&self, text: &mut String) {
        let Metric { name, help, .. } = RELAY_DELAY;
        let (buckets, sum) = &self.relay_delay;
        let mut total = 0;
        // Writing to a String can't fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} histogram");
        for (bound, count) in buckets {
            total += count;
            if bound.is_finite() {
                let _ = writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {total}");
            }
        }
        let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {total}");
        let _ = writeln!(text, "{name}_sum {sum}\n{name}_count {total}\n");
    }
}

fn channel_counters(channel: &LiveChannel) {
    let id = channel.id.as_str();
    let counters = &channel.counters;
    for (metric, value) in [
        (RECEIVED_DATAGRAMS, &counters.received_datagrams),
        (RECEIVED_BYTES, &counters.received_bytes),
        (SENT_BYTES, &counters.sent_bytes),
        (VIEWER_SKIPPED_BYTES, &counters.viewer_skipped_bytes),
        (REJOINS, &counters.rejoins),
        (SOURCE_RESTARTS, &counters.source_restarts),
        (UNALIGNED_DATAGRAMS, &counters.unaligned),
        (MALFORMED_DATAGRAMS, &counters.malformed),
        (ANALYSIS_LIMITS, &counters.analysis_limits),
    ] {
        count(metric, &[("channel", id)], load(value));
    }
    for (cause, unit, value) in [
        ("network", "rtp", &counters.lost_network),
        ("kernel", "datagram", &counters.lost_kernel),
        ("upstream", "ts", &counters.lost_upstream),
        ("unattributed", "ts", &counters.lost_unattributed),
    ] {
        let labels = [("channel", id), ("cause", cause), ("unit", unit)];
        count(LOST, &labels, load(value));
    }
    for (indicator, value) in Indicator::ALL.iter().zip(&counters.tr101290) {
        let labels = [("channel", id), ("indicator", indicator.as_str())];
        count(TR101290_ERRORS, &labels, load(value));
    }
    for (kind, value) in [
        ("reordered", &counters.reordered),
        ("duplicates", &counters.duplicates),
    ] {
        count(REPAIRED, &[("channel", id), ("kind", kind)], load(value));
    }
}

fn channel_status(channel: &LiveChannel) {
    let id = channel.id.as_str();
    let counters = &channel.counters;
    for (metric, value) in [
        (BITRATE, &counters.bitrate_bps),
        (VIEWERS, &counters.viewers),
        (RECEIVE_BUFFER, &counters.receive_buffer_bytes),
    ] {
        set(metric, &[("channel", id)], as_float(load(value)));
    }
    let status = channel.status.load();
    for state in State::ALL {
        let labels = [("channel", id), ("state", state.as_str())];
        set(CHANNEL_STATE, &labels, flag(status.state == state));
    }
    let labels = [("channel", id), ("reason", status.reason.as_str())];
    set(CHANNEL_REASON, &labels, 1.0);
}

fn describe() {
    for metric in ALL {
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, metric.help),
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            Kind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
}

fn count(metric: Metric, labels: &[(&'static str, &str)], value: u64) {
    debug_assert_eq!(metric.kind, Kind::Counter, "{}", metric.name);
    counter!(metric.name, owned(labels)).absolute(value);
}

fn set(metric: Metric, labels: &[(&'static str, &str)], value: f64) {
    debug_assert_eq!(metric.kind, Kind::Gauge, "{}", metric.name);
    gauge!(metric.name, owned(labels)).set(value);
}

fn owned(labels: &[(&'static str, &str)]) -> Vec<Label> {
    let label = |(key, value): &(&'static str, &str)| Label::new(*key, (*value).to_owned());
    labels.iter().map(label).collect()
}

fn load(value: &AtomicU64) -> u64 {
    value.load(Ordering::Relaxed)
}

fn flag(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "gauges are shown as floats")]
fn as_float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests;
