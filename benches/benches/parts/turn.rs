//! A whole turn of a channel: what has gathered is received from a socket and analysed, one write
//! for each viewer, real connections on `lo` that a thread of its own reads, and what is shown of it.
//! With no viewer it is what each turn costs before them.

use std::time::{Duration, Instant};

use benches::audience::Audience;
use benches::broadcast::BroadcastStream;
use benches::loopback::{Burst, receiver, sender};
use benches::turning::Turning;
use common::net::send::MulticastSender;
use criterion::{Criterion, Throughput};

use crate::BLOCK_DATAGRAMS;

const PORT: u16 = 5080;

/// What a turn brings: by the latency bound of 20 ms, and a block's worth.
const RATES: [(&str, usize); 2] = [("4 Mbit/s", 8), ("40 Mbit/s", BLOCK_DATAGRAMS)];

struct Bench {
    turning: Turning,
    sender: MulticastSender,
    stream: BroadcastStream,
    burst: Burst,
    audience: Audience,
    /// Bytes that its audience gets.
    sent: u64,
}

impl Bench {
    fn new(viewers: usize, datagrams: usize) -> Self {
        let (receiver, sender) = (receiver(PORT), sender(PORT));
        let (audience, sockets) = Audience::new(viewers);
        let mut bench = Self {
            turning: Turning::new(receiver),
            sender,
            stream: BroadcastStream::default(),
            burst: Burst::new(datagrams, None),
            audience,
            sent: 0,
        };
        // Viewers begin at the newest byte of a stream that flows.
        bench.turn();
        for socket in sockets {
            bench.sent += bench.turning.watch(socket).expect("a viewer") as u64;
        }
        bench
    }

    /// Sends a turn's worth; how long the turn took that relays it.
    fn turn(&mut self) -> Duration {
        self.burst.fill(&mut self.stream);
        self.burst.send(&self.sender);
        let begin = Instant::now();
        let mut spent = Duration::ZERO;
        let mut came = 0;
        while came < self.burst.datagrams() as u64 {
            let turn = Instant::now();
            came += self.turning.turn().datagrams;
            spent += turn.elapsed();
            assert!(begin.elapsed() < Duration::from_secs(5), "{came} came");
        }
        self.sent += (self.burst.ts_bytes() * self.turning.viewers()) as u64;
        // A viewer that reads lets the next turn find its socket empty.
        self.audience.wait(self.sent);
        spent
    }
}

pub(crate) fn viewers(c: &mut Criterion) {
    for (rate, datagrams) in RATES {
        let mut group = c.benchmark_group(format!("turn of a channel of {rate}, by viewers"));
        for viewers in [0, 1, 10, 100, 1000] {
            let mut bench = Bench::new(viewers, datagrams);
            // A write for each viewer; with none, the one receive.
            let writes = viewers.max(1);
            group.throughput(Throughput::ElementsAndBytes {
                elements: writes as u64,
                bytes: (writes * bench.burst.ts_bytes()) as u64,
            });
            group.sample_size(if viewers < 100 { 30 } else { 10 });
            group.bench_function(format!("{viewers}"), |b| {
                b.iter_custom(|iterations| (0..iterations).map(|_| bench.turn()).sum());
            });
            assert_eq!(bench.turning.viewers(), viewers, "none has gone");
        }
        group.finish();
    }
}

/// The kernel tells that a viewer has room again: on a machine that is too slow, of each viewer in
/// each turn. The one that came last is the worst to find.
pub(crate) fn event(c: &mut Criterion) {
    let mut group = c.benchmark_group("event of one viewer, by how many there are");
    for viewers in [1, 10, 100, 1000] {
        let mut bench = Bench::new(viewers, BLOCK_DATAGRAMS);
        bench.turn();
        group.bench_function(format!("{viewers}"), |b| {
            b.iter(|| assert!(bench.turning.viewer_event(viewers - 1)));
        });
    }
    group.finish();
}

/// Viewers that come one right after the other, as after a restart: each is taken and served.
pub(crate) fn herd(c: &mut Criterion) {
    let mut group = c.benchmark_group("viewers come, by how many");
    group.sample_size(10);
    for viewers in [10, 100, 1000] {
        group.throughput(Throughput::Elements(viewers as u64));
        group.bench_function(format!("{viewers}"), |b| {
            b.iter_custom(|iterations| (0..iterations).map(|_| come(viewers)).sum());
        });
    }
    group.finish();
}

fn come(viewers: usize) -> Duration {
    let mut bench = Bench::new(0, BLOCK_DATAGRAMS);
    let (audience, sockets) = Audience::new(viewers);
    let begin = Instant::now();
    for socket in sockets {
        bench.turning.watch(socket).expect("a viewer");
    }
    let spent = begin.elapsed();
    drop((bench, audience));
    spent
}
