//! What a channel shows control: counters as plain stores, services once a second.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::{Channel, Now};
use crate::relay::input::Input;

/// How often what has been counted is shown, and services are described anew.
const SERVICES_INTERVAL_MS: u64 = 1000;

impl Channel {
    pub(super) fn describe(&mut self, now: Now) {
        let elapsed_ms = now.ms.saturating_sub(self.services_ms);
        if elapsed_ms < SERVICES_INTERVAL_MS {
            return;
        }
        self.services_ms = now.ms;
        let services = self.recorder.signal_mut().services(elapsed_ms);
        let jitter_us = self.recorder.signal_mut().take_arrival_jitter_us();
        let counters = &self.live.counters;
        counters
            .rate_is_constant
            .store(jitter_us.is_some(), Relaxed);
        counters
            .arrival_jitter_us
            .store(jitter_us.unwrap_or(0), Relaxed);
        if **self.live.services.load() != services {
            self.live.services.store(Arc::new(services));
        }
    }

    /// Shows control what has been counted.
    pub(super) fn publish(&self) {
        let counters = &self.live.counters;
        let input = self.input.as_ref();
        let ingress = self.earlier + input.map(Input::counts).unwrap_or_default();
        let signal = self.recorder.signal().counts();
        let rtp = input.and_then(Input::is_rtp);
        let history = self.recorder.history();
        counters
            .received_datagrams
            .store(self.received_datagrams, Relaxed);
        counters.received_bytes.store(self.received_bytes, Relaxed);
        counters.ts_bytes.store(history.head(), Relaxed);
        counters.lost_network.store(ingress.lost_network, Relaxed);
        counters.lost_kernel.store(ingress.lost_kernel, Relaxed);
        counters.lost_upstream.store(signal.missing_rtp, Relaxed);
        counters
            .lost_unattributed
            .store(signal.missing_plain, Relaxed);
        counters.reordered.store(ingress.reordered, Relaxed);
        counters.duplicates.store(ingress.duplicates, Relaxed);
        counters.late.store(ingress.late, Relaxed);
        counters.unaligned.store(ingress.unaligned, Relaxed);
        counters.malformed.store(ingress.malformed, Relaxed);
        counters
            .source_restarts
            .store(ingress.source_restarts, Relaxed);
        counters.second_sender.store(ingress.second_sender, Relaxed);
        counters
            .bad_sync_packets
            .store(ingress.bad_sync_packets, Relaxed);
        counters.copied_bytes.store(ingress.copied_bytes, Relaxed);
        counters
            .scrambled_packets
            .store(signal.scrambled_packets, Relaxed);
        let awaited = self.recorder.signal().awaited_pids();
        counters.awaited_pids.store(awaited, Relaxed);
        for (shown, count) in counters.tr101290.iter().zip(signal.indicators) {
            shown.store(count, Relaxed);
        }
        counters
            .analysis_limits
            .store(signal.limits_reached, Relaxed);
        counters
            .history_bytes
            .store(history.bytes() as u64, Relaxed);
        counters
            .last_data_ms
            .store(self.last_data_ms.unwrap_or(0), Relaxed);
        counters.kind_is_rtp.store(rtp == Some(true), Relaxed);
        let (sent, skipped) = self.viewers.iter().fold((0, 0), |(sent, skipped), viewer| {
            (sent + viewer.sent_bytes(), skipped + viewer.skipped_bytes())
        });
        counters
            .sent_bytes
            .store(self.sent_bytes_gone + sent, Relaxed);
        counters
            .viewer_skipped_bytes
            .store(self.skipped_bytes_gone + skipped, Relaxed);
    }
}
