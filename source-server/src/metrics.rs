//! What Prometheus sees. Every metric is declared once, in the table; a scrape writes them from
//! what runs at that moment, so nothing of an ended stream stays behind.

use std::fmt::Write;

use crate::faults::FaultKind;
use crate::streams::StreamView;

/// A metric as it is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    /// Prometheus' type.
    pub kind: &'static str,
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident $kind:literal $name:literal $help:literal;)*) => {
        $(const $constant: Metric = Metric {
            name: concat!("source_server_", $name),
            kind: $kind,
            help: $help,
        };)*
        /// Every metric that there is.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    STREAMS "gauge" "streams" "Streams that are sent";
    STREAM_UP "gauge" "stream_up" "0 while nothing can leave, because the NIC or the way to the group is gone";
    SENT_DATAGRAMS "counter" "sent_datagrams_total" "Datagrams that left, duplicates and garbage too";
    SENT_BYTES "counter" "sent_bytes_total" "UDP payload that left";
    NOT_SENT "counter" "not_sent_datagrams_total" "Datagrams that the kernel did not take";
    SLIPPED "counter" "slipped_seconds_total" "How much the stream's clock was shifted because the sender was late";
    HELD_TOO_MANY "counter" "held_too_many_datagrams_total" "Datagrams that left before their time because reordering and jitter held back too many";
    FAULTS "counter" "faults_total" "Faults that were made, by kind";
    BUILD_INFO "gauge" "build_info" "1; the label says the version";
}

/// One metric with its samples.
struct Family<'a> {
    text: &'a mut String,
    metric: Metric,
}

impl<'a> Family<'a> {
    fn new(text: &'a mut String, metric: Metric) -> Self {
        let Metric { name, kind, help } = metric;
        // Writing to a String never fails.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Self { text, metric }
    }

    fn sample(&mut self, labels: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.text, "{}{labels} {value}", self.metric.name);
    }
}

/// All metrics in Prometheus' text format. Ids need no escaping: they are letters and digits.
#[must_use]
pub fn render(streams: &[StreamView]) -> String {
    let mut text = String::new();
    Family::new(&mut text, STREAMS).sample("", streams.len());
    let mut of_streams = |metric, value: &dyn Fn(&StreamView) -> f64| {
        let mut family = Family::new(&mut text, metric);
        for stream in streams {
            family.sample(
                &format!("{{stream=\"{}\"}}", stream.definition.id),
                value(stream),
            );
        }
    };
    of_streams(STREAM_UP, &|stream| {
        f64::from(u8::from(stream.counters.error.is_none()))
    });
    of_streams(SENT_DATAGRAMS, &|stream| float(stream.counters.datagrams));
    of_streams(SENT_BYTES, &|stream| float(stream.counters.bytes));
    of_streams(NOT_SENT, &|stream| float(stream.counters.not_sent));
    of_streams(SLIPPED, &|stream| {
        float(stream.counters.slipped_ms) / 1000.0
    });
    of_streams(HELD_TOO_MANY, &|stream| {
        float(stream.counters.held_too_many)
    });
    let mut family = Family::new(&mut text, FAULTS);
    for stream in streams {
        for kind in FaultKind::ALL {
            let labels = format!(
                "{{stream=\"{}\",kind=\"{}\"}}",
                stream.definition.id,
                kind.as_str()
            );
            family.sample(&labels, stream.counters.faults[kind.index()]);
        }
    }
    let version = format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    Family::new(&mut text, BUILD_INFO).sample(&version, 1);
    text
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus' numbers are f64")]
fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_declared_and_written() {
        let text = render(&[]);
        for metric in ALL {
            assert!(
                text.contains(&format!("# TYPE {} {}\n", metric.name, metric.kind)),
                "{}",
                metric.name
            );
        }
        assert!(text.contains("source_server_streams 0\n"));
        assert_eq!(text.matches("# TYPE").count(), ALL.len());
    }
}
