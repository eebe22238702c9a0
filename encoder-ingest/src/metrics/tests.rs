use std::collections::{BTreeMap, BTreeSet};

use common::api::channel::{ChannelStatus, Origin, Reason, SlowViewer};

use super::*;
use crate::definition::{ChannelDefinition, ChannelId};

fn channel(id: &str) -> Arc<LiveChannel> {
    let id: ChannelId = id.parse().expect("id");
    let definition = ChannelDefinition {
        id: id.clone(),
        origin: Origin::Declared,
        name: id.to_string(),
        inputs: Vec::new(),
        slow_viewer: SlowViewer::Skip,
        renditions: Vec::new(),
        ingests: None,
        enabled: true,
        number: None,
        group: None,
        logo: None,
        labels: BTreeMap::new(),
        program: None,
        scrambled: None,
    };
    let status = ChannelStatus::new(
        State::Degraded,
        Reason::NetworkLoss,
        String::new(),
        String::new(),
    );
    Arc::new(LiveChannel::new(Arc::new(definition), status))
}

fn render(channels: &[Arc<LiveChannel>], counters: &Counters) -> String {
    let worker = WorkerStatus {
        channels: 1,
        busy_ratio: 0.25,
        alive: true,
    };
    let scrape = Scrape {
        channels,
        workers: &[worker],
        relay_delay: (vec![(0.001, 3), (0.01, 2), (f64::INFINITY, 1)], 0.5),
        counters,
        config_ok: true,
        nodes: (3, vec![(JobState::Running, 12)]),
        interfaces: &[("eth1".to_owned(), true)],
        reverse_path_filter_drops: Some(7),
    };
    scrape.render()
}

/// Names of metrics in a scrape, those of a histogram's lines without their endings.
fn names(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split(['{', ' ']).next())
        .filter(|name| !name.is_empty())
        .map(|name| {
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|ending| name.strip_suffix(ending));
            let histogram = base.filter(|base| *base == RELAY_DELAY.name);
            histogram.unwrap_or(name).to_owned()
        })
        .collect()
}

#[test]
fn every_declared_metric_is_in_a_scrape_and_no_other() {
    let text = render(&[channel("news")], &Counters::default());
    let declared: BTreeSet<String> = ALL.iter().map(|metric| metric.name.to_owned()).collect();
    assert_eq!(names(&text), declared);
    assert_eq!(declared.len(), ALL.len(), "a name is declared twice");
    for metric in ALL {
        let kind = format!("{:?}", metric.kind).to_lowercase();
        let head = format!("# TYPE {} {kind}\n", metric.name);
        assert!(text.contains(&head), "{head}");
        assert!(text.contains(&format!("# HELP {} ", metric.name)), "{head}");
    }
}

#[test]
fn values_are_those_of_the_channel() {
    let news = channel("news");
    news.counters.lost_network.store(5, Ordering::Relaxed);
    news.counters.tr101290[Indicator::CrcError.index()].store(3, Ordering::Relaxed);
    news.counters
        .bitrate_bps
        .store(8_000_000, Ordering::Relaxed);
    let counters = Counters::default();
    counters.refused(Refusal::UnknownChannel);
    counters.viewer_closed(ViewerEnd::Kicked);
    let text = render(&[news], &counters);
    for line in [
        r#"lost_total{channel="news",cause="network",unit="rtp"} 5"#,
        r#"tr101290_errors_total{channel="news",indicator="crc_error"} 3"#,
        r#"tr101290_errors_total{channel="news",indicator="pat_error"} 0"#,
        r#"bitrate_bps{channel="news"} 8000000"#,
        r#"channel_state{channel="news",state="degraded"} 1"#,
        r#"channel_state{channel="news",state="stopped"} 0"#,
        r#"channel_reason{channel="news",reason="network_loss"} 1"#,
        r#"requests_refused_total{reason="unknown_channel"} 1"#,
        r#"viewers_closed_total{reason="kicked"} 1"#,
        r#"relay_delay_seconds_bucket{le="0.01"} 5"#,
        r#"relay_delay_seconds_bucket{le="+Inf"} 6"#,
        "relay_delay_seconds_sum 0.5",
        "relay_delay_seconds_count 6",
    ] {
        assert!(
            text.contains(&format!("encoder_ingest_{line}\n")),
            "{line}\n{text}"
        );
    }
}

#[test]
fn a_removed_channel_is_gone_from_the_next_scrape() {
    let counters = Counters::default();
    assert!(render(&[channel("news")], &counters).contains("\"news\""));
    assert!(!render(&[], &counters).contains("\"news\""));
}

#[test]
fn the_order_of_all_is_that_of_the_enums() {
    for (index, end) in ViewerEnd::ALL.iter().enumerate() {
        assert_eq!(*end as usize, index);
    }
    for (index, reason) in Refusal::ALL.iter().enumerate() {
        assert_eq!(*reason as usize, index);
    }
}
