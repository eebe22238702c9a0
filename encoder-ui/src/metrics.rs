//! The metrics of `/metrics`, declared, described and set in one place.
//!
//! A recorder is made for each scrape: what is exported is what is there now, so an ingest that
//! was removed leaves nothing behind.

use metrics::{Label, describe_gauge, gauge};
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::ingests::IngestView;

/// In the text format of Prometheus.
#[must_use]
pub fn render(ingests: &[IngestView]) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || set(ingests));
    recorder.handle().render()
}

fn set(ingests: &[IngestView]) {
    describe_gauge!("encoder_ui_build_info", "1, with the version as a label");
    gauge!("encoder_ui_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
    describe_gauge!(
        "encoder_ui_ingest_away",
        "1 while the ingest has not answered for 3 s, else 0"
    );
    describe_gauge!(
        "encoder_ui_ingest_channels",
        "channels in the ingest's last answer"
    );
    for ingest in ingests {
        let labels = [Label::new("ingest", ingest.url.clone())];
        let away = if ingest.away { 1.0 } else { 0.0 };
        gauge!("encoder_ui_ingest_away", labels.iter()).set(away);
        let channels = u32::try_from(ingest.channels.len()).unwrap_or(u32::MAX);
        gauge!("encoder_ui_ingest_channels", labels.iter()).set(channels);
    }
}
