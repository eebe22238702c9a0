//! Blocks in, cursors out.

use std::hint::black_box;
use std::io::IoSlice;

use benches::loopback::DATAGRAM_PACKETS;
use benches::stream::{Packets, TestStream};
use benches::turning::HISTORY_BYTES;
use common::ts::packet::PACKET_BYTES;
use criterion::Criterion;
use encoder_ingest::limits::WRITE_SLICES_MAX;
use encoder_ingest::relay::block::BlockPool;
use encoder_ingest::relay::history::History;

use crate::{BLOCK_DATAGRAMS, BLOCK_PACKETS, packets, pool};

fn evict(history: &mut History, pool: &mut BlockPool) {
    while history.bytes() > HISTORY_BYTES {
        history.evict_oldest(pool);
    }
}

/// What was received in place is only committed; what was not is copied.
pub(crate) fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("history");
    group.throughput(packets(BLOCK_PACKETS));
    let run = TestStream::default().packets(BLOCK_PACKETS);
    let (mut history, mut pool) = (History::default(), pool());
    group.bench_function("append a block by copy", |b| {
        b.iter(|| {
            history.append(black_box(&run), &mut pool, 0);
            evict(&mut history, &mut pool);
        });
    });
    let datagram_bytes = DATAGRAM_PACKETS * PACKET_BYTES;
    group.bench_function("commit a block in place", |b| {
        b.iter(|| {
            let room = history.room(&mut pool, 0);
            let first = (room.first.len() / datagram_bytes).min(BLOCK_DATAGRAMS);
            let second = BLOCK_DATAGRAMS - first;
            history.commit(first * datagram_bytes, second * datagram_bytes, 0);
            evict(&mut history, &mut pool);
        });
    });
    group.finish();
}

/// Nothing is moved: what it costs to find what one write sends.
pub(crate) fn cursor(c: &mut Criterion) {
    let run = TestStream::default().packets(BLOCK_PACKETS);
    let (mut history, mut pool) = (History::default(), pool());
    while history.bytes() < HISTORY_BYTES {
        history.append(&run, &mut pool, 0);
    }
    let mut group = c.benchmark_group("cursor");
    for behind in [64 << 10, 1 << 20, HISTORY_BYTES as u64] {
        group.bench_function(format!("{} KiB behind", behind >> 10), |b| {
            b.iter(|| {
                let mut slices = [IoSlice::new(&[]); WRITE_SLICES_MAX];
                history.slices(
                    black_box(history.head() - behind),
                    history.head(),
                    &mut slices,
                )
            });
        });
    }
    group.finish();
}
