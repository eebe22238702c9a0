//! An input that is tried: joined beside the one in use, received and analysed on control's side, so
//! that it is known how it fares. Nothing of it is kept. When it is taken, its socket goes over to
//! the data plane as it is, joined.

use std::sync::Arc;

use common::api::tr101290::Indicator;
use common::group::MulticastGroup;
use common::net::interfaces::Link;
use common::net::receive::{MulticastReceiver, ReceiveError};

use super::backoff::Backoff;
use super::condition::{Condition, Reading};
use crate::limits::{BLOCK_BYTES, TRIAL_DRAINS_MAX};
use crate::relay::block::{BlockBudget, BlockPool};
use crate::relay::ingress::Out;
use crate::relay::input::Input;
use crate::relay::receive::ReceiveTools;
use crate::relay::recorder::Recorder;

/// An input that is tried.
#[derive(Debug)]
pub(super) struct Trial {
    input: Input,
    recorder: Recorder,
    datagrams: u64,
    rejoin: Backoff,
    pub(super) condition: Condition,
}

/// What all trials are drained with.
#[derive(Debug)]
pub(super) struct TrialBench {
    pub(super) tools: ReceiveTools,
    pub(super) pool: BlockPool,
}

impl Default for TrialBench {
    fn default() -> Self {
        // One block at a time is in use, and given back at once.
        let budget = BlockBudget::new(BLOCK_BYTES);
        Self {
            tools: ReceiveTools::default(),
            pool: BlockPool::new(Arc::new(budget)),
        }
    }
}

impl Trial {
    /// Joins `group` on `link`.
    pub(super) fn open(
        group: MulticastGroup,
        link: &Link,
        buffer_bytes: Option<usize>,
        program: Option<u16>,
        now_ms: u64,
    ) -> Result<Self, ReceiveError> {
        let receiver = MulticastReceiver::open(group, link.index, buffer_bytes)?;
        Ok(Self {
            input: Input::new(receiver),
            recorder: Recorder::new(program),
            datagrams: 0,
            rejoin: Backoff::new(now_ms),
            condition: Condition::new(now_ms),
        })
    }

    /// It is of this group, on this NIC.
    pub(super) fn is_of(&self, group: MulticastGroup, link: &Link) -> bool {
        let receiver = self.input.receiver();
        receiver.group() == group && receiver.interface_index() == link.index
    }

    pub(super) fn receiver(&self) -> &MulticastReceiver {
        self.input.receiver()
    }

    /// Receives what is there, and forgets it.
    pub(super) fn look(
        &mut self,
        bench: &mut TrialBench,
        scrambled_expected: bool,
        silence_ms: u64,
        now_ms: u64,
    ) {
        for _ in 0..TRIAL_DRAINS_MAX {
            let mut out = Out {
                recorder: &mut self.recorder,
                pool: &mut bench.pool,
                now_ms,
            };
            let drained = self.input.drain(&mut bench.tools, &mut out);
            self.recorder.clear(&mut bench.pool);
            self.datagrams += drained.datagrams;
            if let Some(complete_ms) = self.input.complete_ms(now_ms, drained.more) {
                self.recorder.check(complete_ms);
                break;
            }
        }
        self.input.check_drops();
        let reading = self.reading();
        self.condition
            .tell(reading, scrambled_expected, silence_ms, now_ms);
    }

    /// Joins a silent group anew when it is time: the network may have forgotten that it is wanted.
    /// Answers whether it did.
    pub(super) fn rejoin(&mut self, silence_ms: u64, now_ms: u64) -> bool {
        let last_ms = self.condition.last_datagram_ms();
        self.rejoin.is_due(last_ms, silence_ms, now_ms) && self.receiver().rejoin().is_ok()
    }

    fn reading(&self) -> Reading {
        let ingress = self.input.counts();
        let signal = self.recorder.signal().counts();
        Reading {
            datagrams: self.datagrams,
            ts_bytes: self.recorder.history().head(),
            missing: ingress.lost_network + signal.missing_rtp + signal.missing_plain,
            sync_losses: signal.of(Indicator::TsSyncLoss),
            absent_pids: signal.of(Indicator::PidError),
            lacking: self.recorder.signal().awaited_pids(),
            scrambled: signal.scrambled_packets,
            tables: self.recorder.signal().has_tables(),
        }
    }

    /// Its socket, for the data plane.
    pub(super) fn into_receiver(self) -> MulticastReceiver {
        self.input.into_receiver()
    }
}
