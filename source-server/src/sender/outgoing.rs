//! One stream: what is due is made, broken and sent.

use std::sync::Arc;
use std::time::SystemTime;

use super::FaultOrder;
use super::counters::StreamCounters;
use super::line::Line;
use crate::content::Material;
use crate::datagram::DatagramWriter;
use crate::definition::{StreamDefinition, StreamId};
use crate::faults::{DatagramFaults, FaultKind, FaultPlan, Outbox, PacketFaults};
use crate::limits::CATCH_UP_MAX;
use crate::pacer::Pacer;
use crate::proof;

/// Streams that begin together shall not send together: each begins within so long of its command.
const SPREAD_NS: u64 = 10_000_000;

/// Any byte but 0x47.
const WRONG_SYNC: u8 = 0x74;

#[derive(Debug)]
pub(super) struct Outgoing {
    definition: Arc<StreamDefinition>,
    material: Material,
    writer: DatagramWriter,
    pacer: Pacer,
    line: Line,
    counters: Arc<StreamCounters>,
    packet_faults: PacketFaults,
    /// None: no plan, nothing held, and the fast way is taken.
    broken: Option<Broken>,
}

/// What breaking needs beside the packets.
#[derive(Debug)]
struct Broken {
    plan: FaultPlan,
    datagrams: DatagramFaults,
    outbox: Outbox,
}

impl Outgoing {
    pub(super) fn new(
        definition: Arc<StreamDefinition>,
        material: Material,
        order: FaultOrder,
        counters: Arc<StreamCounters>,
        now_ns: u64,
    ) -> Self {
        let begin_ns = now_ns + proof::channel_of(definition.id.as_str()) % SPREAD_NS;
        let mut stream = Self {
            writer: DatagramWriter::new(&definition, material.begin()),
            pacer: Pacer::new(begin_ns, CATCH_UP_MAX),
            line: Line::new(Arc::clone(&definition), Arc::clone(&counters)),
            packet_faults: PacketFaults::new(material.pmt_pids()),
            broken: None,
            definition,
            material,
            counters,
        };
        stream.obey(order, now_ns);
        stream
    }

    pub(super) fn id(&self) -> &StreamId {
        &self.definition.id
    }

    /// Does what an order says, from the next datagram on.
    pub(super) fn obey(&mut self, order: FaultOrder, now_ns: u64) {
        if let Some(mut broken) = self.broken.take() {
            let line = &mut self.line;
            broken
                .outbox
                .flush(&mut |bytes| line.send(bytes, bytes.len()));
        }
        if order.restart {
            // The new content's clock begins now.
            self.writer.restart(self.material.begin());
            self.pacer = Pacer::new(now_ns, CATCH_UP_MAX);
        }
        if let Some(sequence) = order.rtp_sequence {
            self.writer.set_rtp_sequence(sequence);
        }
        self.packet_faults.set(&order.plan);
        let unbroken = FaultPlan {
            seed: order.plan.seed,
            ..FaultPlan::default()
        };
        if order.plan != unbroken {
            self.broken = Some(Broken {
                datagrams: DatagramFaults::new(&order.plan, self.definition.form.packets),
                outbox: Outbox::default(),
                plan: order.plan,
            });
        }
    }

    /// Sends what is due at `now_ns`, building it in `room`. Answers when it is to be called again.
    pub(super) fn turn(&mut self, now_ns: u64, room: &mut [u8]) -> u64 {
        self.counters
            .slipped(self.pacer.slip(now_ns, self.writer.due_ticks()));
        let until = self.pacer.due_ticks(now_ns);
        match self.broken.take() {
            None => self.send_due(until, room),
            Some(mut broken) => {
                self.send_broken(&mut broken, until, now_ns, room);
                self.broken = Some(broken);
            }
        }
        let deadline_ns = self.pacer.deadline_ns(self.writer.due_ticks());
        let held_ns = self
            .broken
            .as_ref()
            .and_then(|broken| broken.outbox.deadline_ns());
        held_ns.map_or(deadline_ns, |held_ns| held_ns.min(deadline_ns))
    }

    fn send_due(&mut self, until: u64, room: &mut [u8]) {
        let bytes = self.writer.datagram_bytes();
        let run_max = self.line.run_max(bytes).min(room.len() / bytes);
        loop {
            let mut count = 0;
            for slot in room.chunks_exact_mut(bytes).take(run_max) {
                let ticks = self.writer.due_ticks();
                if ticks > until {
                    break;
                }
                // Counters that a fault has moved stay moved, or its end would be another break.
                let faults = &mut self.packet_faults;
                if faults.is_idle() {
                    self.writer.write(slot, wall_clock_ns(), |_| {});
                } else {
                    self.writer.write(slot, wall_clock_ns(), |packet| {
                        faults.alter(packet, ticks, |_| {});
                    });
                }
                count += 1;
            }
            if count == 0 {
                return;
            }
            self.line.send(&room[..count * bytes], bytes);
        }
    }

    fn send_broken(&mut self, broken: &mut Broken, until: u64, now_ns: u64, room: &mut [u8]) {
        let Self {
            writer,
            line,
            counters,
            packet_faults,
            ..
        } = self;
        let bytes = writer.datagram_bytes();
        let mut send = |datagram: &[u8]| line.send(datagram, datagram.len());
        broken.outbox.release(now_ns, &mut send);
        while writer.due_ticks() <= until {
            let slot = &mut room[..bytes];
            let ticks = writer.due_ticks();
            writer.write(slot, wall_clock_ns(), |packet| {
                packet_faults.alter(packet, ticks, |kind| counters.fault(kind, 1));
            });
            let fate = broken.datagrams.fate(ticks);
            if let Some((first, count)) = fate.corrupt {
                self.definition
                    .form
                    .corrupt_sync(slot, first, count, WRONG_SYNC);
            }
            broken.count(&fate, counters);
            let early = broken.outbox.pass(slot, &fate, now_ns, &mut send);
            counters.held_too_many(early);
        }
    }
}

impl Broken {
    /// A lost datagram has no other fate worth counting, but for the garbage in front of it.
    fn count(&self, fate: &crate::faults::Fate, counters: &StreamCounters) {
        let one = |holds: bool, kind| counters.fault(kind, u64::from(holds));
        one(fate.garbage.is_some(), FaultKind::Garbage);
        if let Some(kind) = fate.lost {
            one(true, kind);
            return;
        }
        one(fate.twice, FaultKind::Duplicate);
        one(fate.after.is_some(), FaultKind::Reorder);
        one(self.plan.jitter_ms.is_some(), FaultKind::Jitter);
        counters.fault(
            FaultKind::CorruptSync,
            fate.corrupt.map_or(0, |(_, count)| count as u64),
        );
    }
}

/// Nanoseconds since 1970; what proofs state.
fn wall_clock_ns() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
