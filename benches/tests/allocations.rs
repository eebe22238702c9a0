//! ARCHITECTURE.md, invariant 2: nothing is allocated per packet after start. Real datagrams on
//! `lo`, received into a history whose oldest blocks go, counted by the allocator itself.

use std::alloc::System;
use std::io::IoSlice;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::TestStream;
use common::group::MulticastGroup;
use common::net::receive::MulticastReceiver;
use common::net::send::{MulticastSender, SendOptions};
use common::rtp::plain_header;
use encoder_ingest::relay::block::{BlockBudget, BlockPool};
use encoder_ingest::relay::ingress::Out;
use encoder_ingest::relay::input::Input;
use encoder_ingest::relay::receive::ReceiveTools;
use encoder_ingest::relay::recorder::Recorder;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const HISTORY_BYTES: usize = 2 << 20;
const DATAGRAM_PACKETS: usize = 7;

/// Few enough for the smallest socket buffer.
const BURST_DATAGRAMS: usize = 40;

struct Relay {
    input: Input,
    tools: ReceiveTools,
    recorder: Recorder,
    pool: BlockPool,
    now_ms: u64,
}

struct Sender {
    socket: MulticastSender,
    stream: TestStream,
    rtp: Option<u16>,
}

impl Relay {
    /// Receives until `datagrams` have come; what is allocated on the way.
    fn receive(&mut self, datagrams: usize) -> usize {
        let region = Region::new(COUNTED);
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut came = 0;
        while came < datagrams as u64 {
            assert!(Instant::now() < deadline, "{came} of {datagrams} came");
            let mut out = Out {
                recorder: &mut self.recorder,
                pool: &mut self.pool,
                now_ms: self.now_ms,
            };
            came += self.input.drain(&mut self.tools, &mut out).datagrams;
            while self.recorder.history().bytes() > HISTORY_BYTES {
                self.recorder.evict_oldest(&mut self.pool);
            }
            self.now_ms += 1;
        }
        let stats = region.change();
        stats.allocations + stats.reallocations
    }
}

impl Sender {
    fn send_burst(&mut self) {
        for _ in 0..BURST_DATAGRAMS {
            let mut datagram = Vec::new();
            if let Some(sequence) = &mut self.rtp {
                datagram.extend_from_slice(&plain_header(*sequence, 0, 7));
                *sequence = sequence.wrapping_add(1);
            }
            datagram.extend(self.stream.packets(DATAGRAM_PACKETS));
            let sent = self.socket.send(&[IoSlice::new(&datagram)], None);
            assert_eq!(sent.expect("sent"), 1);
        }
    }
}

fn on_loopback(port: u16, rtp: bool) -> (Relay, Sender) {
    let group = MulticastGroup::new(Ipv4Addr::new(239, 255, 77, 1).into(), port, None);
    let group = group.expect("a group");
    let interfaces = common::net::interfaces::links().expect("NICs");
    let lo = interfaces
        .iter()
        .find(|link| link.name == "lo")
        .expect("lo");
    let receiver = MulticastReceiver::open(group, lo.index, None).expect("joined on lo");
    let options = SendOptions {
        interface_index: lo.index,
        source: Some(Ipv4Addr::LOCALHOST.into()),
        ttl: 0,
        loopback: true,
    };
    let socket = MulticastSender::open(group, options).expect("socket");
    let relay = Relay {
        input: Input::new(receiver),
        tools: ReceiveTools::default(),
        recorder: Recorder::new(None),
        pool: BlockPool::new(Arc::new(BlockBudget::new(2 * HISTORY_BYTES))),
        now_ms: 0,
    };
    let sender = Sender {
        socket,
        stream: TestStream::default(),
        rtp: rtp.then_some(65_000),
    };
    (relay, sender)
}

/// One test: the allocator counts for the whole process.
#[test]
fn a_steady_stream_allocates_nothing_per_packet() {
    for (port, rtp) in [(5077, false), (5078, true)] {
        let (mut relay, mut sender) = on_loopback(port, rtp);
        let mut bursts = |count: usize| -> usize {
            (0..count)
                .map(|_| {
                    sender.send_burst();
                    relay.receive(BURST_DATAGRAMS)
                })
                .sum()
        };
        // Three histories of warm-up, then as much again that counts.
        let history = HISTORY_BYTES / (BURST_DATAGRAMS * DATAGRAM_PACKETS * 188);
        assert!(bursts(3 * history) > 0, "the allocator counts nothing");
        let packets = 3 * history * BURST_DATAGRAMS * DATAGRAM_PACKETS;
        let allocations = bursts(3 * history);
        let counts = relay.input.counts();
        assert_eq!((counts.malformed, counts.lost_network), (0, 0));
        assert_eq!(allocations, 0, "rtp: {rtp}, in {packets} packets");
    }
}
