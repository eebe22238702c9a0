//! The analysis of every packet: from the header scan, which most packets never leave, to packets
//! that all have something to say.

use std::hint::black_box;

use benches::broadcast::BroadcastStream;
use benches::stream::{Packets, TestStream};
use common::ts::packet::PACKET_BYTES;
use criterion::{BatchSize, Criterion};
use encoder_ingest::signal::pids::in_sync;
use encoder_ingest::signal::{Scanned, Signal};

use crate::{BLOCK_PACKETS, packets};

pub(crate) fn scan(c: &mut Criterion) {
    let mut group = c.benchmark_group("signal");
    group.throughput(packets(BLOCK_PACKETS));
    let mut stream = TestStream::default();
    let begin = stream.packets(16);
    let block = stream.packets(BLOCK_PACKETS);
    group.bench_function("sync bytes of a block", |b| {
        b.iter(|| in_sync(black_box(&block)));
    });
    let mut signal = Signal::new(None);
    all(&mut signal, &begin, 0);
    group.bench_function("header scan of a block", |b| {
        b.iter(|| all(&mut signal, black_box(&block), 0));
    });
    // Else it was not the fast path.
    assert_eq!(signal.counts().missing_plain, 0);
    for (name, change) in [
        ("analysis of a broadcast's block", None),
        (
            "analysis of a scrambled broadcast's block",
            Some(scramble as Change),
        ),
        ("analysis of a block where no packet is plain", Some(speak)),
    ] {
        let (mut stream, mut signal) = (BroadcastStream::default(), Signal::new(None));
        let mut next = || {
            let mut block = stream.packets(BLOCK_PACKETS);
            if let Some(change) = change {
                block.chunks_mut(PACKET_BYTES).for_each(change);
            }
            (block, stream.ms())
        };
        group.bench_function(name, |b| {
            b.iter_batched_ref(
                &mut next,
                |(block, now_ms)| all(&mut signal, block, *now_ms),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

type Change = fn(&mut [u8]);

/// Marks what is no table as scrambled.
fn scramble(packet: &mut [u8]) {
    if packet[1] & 0x1f == 1 && packet[2] != 0 {
        packet[3] |= 0x80;
    }
}

/// Gives a packet of video or sound that has none an adaptation field, so that the header scan
/// leaves it to the analysis.
fn speak(packet: &mut [u8]) {
    if packet[1] == 1 && packet[2] != 0 && packet[3] & 0x20 == 0 {
        packet[3] |= 0x20;
        packet[4..6].copy_from_slice(&[1, 0]);
    }
}

/// As the recorder does, without the marks.
fn all(signal: &mut Signal, packets: &[u8], now_ms: u64) {
    let mut rest = packets;
    while let Scanned::RandomAccess(at) = signal.scan(rest, now_ms) {
        rest = &rest[at + PACKET_BYTES..];
    }
    signal.check(now_ms);
}
