//! From the kernel into a block: batches of one to a block's worth, plain and RTP, glued by the
//! kernel (GRO) and not. Only receiving is timed; what is received is not looked at.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use benches::loopback::{Burst, DATAGRAM_PACKETS, receiver, sender};
use benches::stream::TestStream;
use benches::turning::HISTORY_BYTES;
use common::net::receive::MulticastReceiver;
use common::net::send::MulticastSender;
use common::rtp::HEADER_BYTES;
use common::ts::packet::PACKET_BYTES;
use criterion::Criterion;
use encoder_ingest::relay::block::BlockPool;
use encoder_ingest::relay::history::History;
use encoder_ingest::relay::receive::{Layout, ReceiveTools};

use crate::{packets, pool};

/// 49 fit into one run.
const BATCHES: [usize; 4] = [1, 8, 16, 49];

const PORT: u16 = 5079;

/// What was sent has come within this, or will not.
const COMES_WITHIN: Duration = Duration::from_secs(5);

/// How datagrams are sent and received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Sent one by one, received by `recvmmsg`.
    Packed,
    /// Sent in one piece, received so.
    Glued,
    /// Sent one by one, but received as if they might be glued: what the wrong mode costs.
    GluedInVain,
}

struct Bench {
    receiver: MulticastReceiver,
    sender: MulticastSender,
    tools: ReceiveTools,
    history: History,
    pool: BlockPool,
}

impl Bench {
    fn new() -> Self {
        let (receiver, sender) = (receiver(PORT), sender(PORT));
        Self {
            receiver,
            sender,
            tools: ReceiveTools::default(),
            history: History::default(),
            pool: pool(),
        }
    }

    /// Sends a burst, then receives it: how long that took.
    fn burst(&mut self, way: Way, burst: &Burst, layout: Layout) -> Duration {
        if way == Way::Glued {
            burst.send_glued(&self.sender);
        } else {
            burst.send(&self.sender);
        }
        let begin = Instant::now();
        let mut came = 0;
        while came < burst.datagrams() {
            came += self.receive(way, layout);
            assert!(begin.elapsed() < COMES_WITHIN, "{came} came");
        }
        while self.history.bytes() > HISTORY_BYTES {
            self.history.evict_oldest(&mut self.pool);
        }
        begin.elapsed()
    }

    /// One call. Answers how many datagrams it brought.
    fn receive(&mut self, way: Way, layout: Layout) -> usize {
        let mut room = self.history.room(&mut self.pool, 0);
        let first = room.first.len() / layout.slot_bytes;
        let socket = self.receiver.as_fd();
        let count = if way == Way::Packed {
            self.tools.batch(socket, &mut room, layout)
        } else {
            let received = self.tools.run(socket, &mut room, layout);
            received.map_or(0, |run| run.bytes / layout.stride())
        };
        let first = first.min(count);
        let (first, second) = (
            first * layout.slot_bytes,
            (count - first) * layout.slot_bytes,
        );
        self.history.commit(first, second, 0);
        count
    }
}

pub(crate) fn calls(c: &mut Criterion) {
    let mut bench = Bench::new();
    for (layout_name, header_bytes) in [("plain", 0), ("rtp", HEADER_BYTES)] {
        let layout = Layout {
            header_bytes,
            slot_bytes: DATAGRAM_PACKETS * PACKET_BYTES,
        };
        for (way_name, way) in [
            ("packed", Way::Packed),
            ("glued", Way::Glued),
            ("glued in vain", Way::GluedInVain),
        ] {
            let mut group = c.benchmark_group(format!("receive {layout_name}, {way_name}"));
            let glue = bench.receiver.set_coalescing(way != Way::Packed);
            if glue.is_err() {
                // A kernel without UDP_GRO.
                continue;
            }
            for datagrams in BATCHES {
                let mut burst = Burst::new(datagrams, (header_bytes > 0).then_some(1));
                burst.fill(&mut TestStream::default());
                group.throughput(packets(datagrams * DATAGRAM_PACKETS));
                group.bench_function(format!("{datagrams}"), |b| {
                    b.iter_custom(|iterations| {
                        (0..iterations)
                            .map(|_| bench.burst(way, &burst, layout))
                            .sum()
                    });
                });
            }
            group.finish();
        }
    }
}
