//! The parts that every byte or every request goes through, each alone. The whole process is
//! measured elsewhere: these tell which part a change has touched.
//!
//! - [`signal`]: the analysis of a block
//! - [`datagrams`]: what a datagram is, and its place
//! - [`history`]: blocks in, cursors out
//! - [`receive`]: from the kernel into a block
//! - [`turn`]: a whole turn of a channel, by its viewers
//! - [`request`]: the head of a request

mod datagrams;
mod history;
mod receive;
mod request;
mod signal;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use common::ts::packet::PACKET_BYTES;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use encoder_ingest::limits::BLOCK_BYTES;
use encoder_ingest::relay::block::{BlockBudget, BlockPool};

use benches::loopback::DATAGRAM_PACKETS;
use benches::turning::HISTORY_BYTES;

/// A block's worth: whole datagrams, and of each PID of a plain stream as many packets as its
/// counter of continuity needs to come round, so that the same block may follow itself.
const BLOCK_DATAGRAMS: usize = 48;
const BLOCK_PACKETS: usize = BLOCK_DATAGRAMS * DATAGRAM_PACKETS;
const _: () =
    assert!(BLOCK_PACKETS.is_multiple_of(16) && BLOCK_PACKETS * PACKET_BYTES < BLOCK_BYTES);

fn pool() -> BlockPool {
    BlockPool::new(Arc::new(BlockBudget::new(2 * HISTORY_BYTES)))
}

/// Packets, so that a time is one for each; and their bytes.
fn packets(count: usize) -> Throughput {
    Throughput::ElementsAndBytes {
        elements: count as u64,
        bytes: (count * PACKET_BYTES) as u64,
    }
}

/// All of them together in under three minutes.
fn config() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(600))
        .sample_size(30)
}

criterion_group!(
    name = parts;
    config = config();
    targets =
        signal::scan,
        datagrams::classification,
        datagrams::order,
        datagrams::careful_path,
        history::append,
        history::cursor,
        receive::calls,
        turn::viewers,
        turn::event, turn::herd,
        request::head_of_a_request,
);
criterion_main!(parts);
