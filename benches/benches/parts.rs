//! The parts that every byte or every request goes through, each alone. The whole process is
//! measured elsewhere: these tell which part a change has touched.

use std::hint::black_box;
use std::io::IoSlice;
use std::sync::Arc;

use benches::TestStream;
use benches::broadcast::BroadcastStream;
use common::rtp::plain_header;
use common::ts::packet::PACKET_BYTES;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use encoder_ingest::http::head;
use encoder_ingest::http::request::{Query, WatchRequest};
use encoder_ingest::limits::{BLOCK_BYTES, WRITE_SLICES_MAX};
use encoder_ingest::relay::block::{BlockBudget, BlockPool};
use encoder_ingest::relay::datagram::classify;
use encoder_ingest::relay::history::History;
use encoder_ingest::relay::ingress::{Ingress, Out};
use encoder_ingest::relay::recorder::Recorder;
use encoder_ingest::signal::{Scanned, Signal};

const DATAGRAM_PACKETS: usize = 7;
const BLOCK_PACKETS: usize = BLOCK_BYTES / PACKET_BYTES;
const HISTORY_BYTES: usize = 4 << 20;

fn pool() -> BlockPool {
    BlockPool::new(Arc::new(BlockBudget::new(2 * HISTORY_BYTES)))
}

/// The analysis that every packet of every channel gets.
fn scan_of_a_block(c: &mut Criterion) {
    let mut stream = TestStream::default();
    let mut signal = Signal::new(None);
    let mut group = c.benchmark_group("signal");
    group.throughput(Throughput::Bytes((BLOCK_PACKETS * PACKET_BYTES) as u64));
    group.bench_function("scan a block", |b| {
        b.iter_batched_ref(
            || stream.packets(BLOCK_PACKETS),
            |block| {
                let mut rest = &block[..];
                while let Scanned::RandomAccess(at) = signal.scan(rest, 0) {
                    rest = &rest[at + PACKET_BYTES..];
                }
            },
            BatchSize::SmallInput,
        );
    });
    for (name, scrambled) in [
        ("scan a block of a broadcast", false),
        ("scan a block of a scrambled broadcast", true),
    ] {
        let (mut stream, mut signal) = (BroadcastStream::default(), Signal::new(None));
        let mut block = || {
            let mut block = stream.packets(BLOCK_PACKETS);
            if scrambled {
                block.chunks_mut(PACKET_BYTES).for_each(scramble);
            }
            (block, stream.ms())
        };
        group.bench_function(name, |b| {
            b.iter_batched_ref(
                &mut block,
                |(block, now_ms)| {
                    let mut rest = &block[..];
                    while let Scanned::RandomAccess(at) = signal.scan(rest, *now_ms) {
                        rest = &rest[at + PACKET_BYTES..];
                    }
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// Marks what is no table as scrambled.
fn scramble(packet: &mut [u8]) {
    if packet[1] & 0x1f == 1 && packet[2] != 0 {
        packet[3] |= 0x80;
    }
}

fn classification(c: &mut Criterion) {
    let packets = TestStream::default().packets(DATAGRAM_PACKETS);
    let rtp = [&plain_header(1, 0, 7)[..], &packets].concat();
    let mut group = c.benchmark_group("classify a datagram");
    group.bench_function("ts", |b| b.iter(|| classify(black_box(&packets))));
    group.bench_function("rtp", |b| b.iter(|| classify(black_box(&rtp))));
    group.finish();
}

/// The careful path, which copies: what odd datagrams cost.
fn careful_path(c: &mut Criterion) {
    let mut group = c.benchmark_group("careful path of a datagram");
    group.throughput(Throughput::Bytes((DATAGRAM_PACKETS * PACKET_BYTES) as u64));
    for (name, is_rtp, swapped) in [
        ("ts", false, false),
        ("rtp", true, false),
        ("rtp, two of two swapped", true, true),
    ] {
        let mut stream = TestStream::default();
        let mut sequence = 0_u16;
        let (mut ingress, mut recorder, mut pool) =
            (Ingress::default(), Recorder::new(None), pool());
        let mut datagram = || {
            let header = plain_header(if swapped { sequence ^ 1 } else { sequence }, 0, 7);
            sequence = sequence.wrapping_add(1);
            let header = if is_rtp { &header[..] } else { &[] };
            [header, &stream.packets(DATAGRAM_PACKETS)].concat()
        };
        group.bench_function(name, |b| {
            b.iter_batched_ref(
                &mut datagram,
                |bytes| {
                    let mut out = Out {
                        recorder: &mut recorder,
                        pool: &mut pool,
                        now_ms: 0,
                    };
                    ingress.datagram(bytes, &mut out);
                    while recorder.history().bytes() > HISTORY_BYTES {
                        recorder.evict_oldest(&mut pool);
                    }
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn history(c: &mut Criterion) {
    let mut group = c.benchmark_group("history");
    let run = TestStream::default().packets(49 * DATAGRAM_PACKETS);
    group.throughput(Throughput::Bytes(run.len() as u64));
    let (mut kept, mut pool) = (History::default(), pool());
    group.bench_function("append 49 datagrams", |b| {
        b.iter(|| {
            kept.append(&run, &mut pool, 0);
            while kept.bytes() > HISTORY_BYTES {
                kept.evict_oldest(&mut pool);
            }
        });
    });
    group.finish();
    // Nothing is moved: what it costs to find what one write sends.
    let mut group = c.benchmark_group("cursor");
    for behind in [64 << 10, 1 << 20] {
        group.bench_function(format!("slices of {} KiB", behind >> 10), |b| {
            b.iter(|| {
                let mut slices = [IoSlice::new(&[]); WRITE_SLICES_MAX];
                kept.slices(kept.head() - behind, kept.head(), &mut slices)
            });
        });
    }
    group.finish();
}

fn request_head(c: &mut Criterion) {
    let bytes = b"GET /channels/news.ts HTTP/1.1\r\nHost: 127.0.0.1:9525\r\n\
        User-Agent: VLC/3.0.20 LibVLC/3.0.20\r\nRange: bytes=0-\r\nConnection: close\r\n\r\n";
    c.bench_function("request head", |b| {
        b.iter(|| {
            let head = head::parse(black_box(bytes)).expect("a head");
            let head = head.expect("complete");
            let query = Query::parse(&head.target);
            WatchRequest::parse(&head.method, &head.target, &query)
        });
    });
}

criterion_group!(
    parts,
    scan_of_a_block,
    classification,
    careful_path,
    history,
    request_head
);
criterion_main!(parts);
