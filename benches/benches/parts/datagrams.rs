//! What a datagram is, and its place: classification, RTP order, and the careful path, which
//! copies.

use std::hint::black_box;

use benches::loopback::{Burst, DATAGRAM_PACKETS};
use benches::stream::TestStream;
use benches::turning::HISTORY_BYTES;
use common::rtp::{HEADER_BYTES, RtpHeader};
use criterion::{Criterion, Throughput};
use encoder_ingest::relay::datagram::classify;
use encoder_ingest::relay::ingress::{Ingress, Out};
use encoder_ingest::relay::recorder::Recorder;
use encoder_ingest::relay::rtp_order::{Release, RtpOrder};

use crate::{BLOCK_DATAGRAMS, packets, pool};

/// How RTP packets come out of order.
#[derive(Debug, Clone, Copy)]
enum Disorder {
    Swapped,
    /// Fifteen wait for it.
    FirstIsLast,
}

impl Disorder {
    /// The number that comes at this place.
    fn number(self, place: u16) -> u16 {
        match self {
            Self::Swapped => place ^ 1,
            Self::FirstIsLast => (place & !15) | (place.wrapping_add(1) & 15),
        }
    }
}

fn burst(rtp: bool) -> Burst {
    let mut burst = Burst::new(BLOCK_DATAGRAMS, rtp.then_some(1));
    burst.fill(&mut TestStream::default());
    burst
}

pub(crate) fn classification(c: &mut Criterion) {
    let mut group = c.benchmark_group("classify a datagram");
    group.throughput(packets(DATAGRAM_PACKETS));
    for (name, rtp) in [("ts", false), ("rtp", true)] {
        let burst = burst(rtp);
        let datagram = burst.iter().next().unwrap_or_default();
        group.bench_function(name, |b| b.iter(|| classify(black_box(datagram))));
    }
    group.finish();
}

/// The place of RTP packets alone: what is held is copied, and handed on.
pub(crate) fn order(c: &mut Criterion) {
    let burst = burst(true);
    let payload = burst.iter().next().unwrap_or_default();
    let payload = &payload[HEADER_BYTES..];
    let mut group = c.benchmark_group("rtp order");
    group.throughput(Throughput::Elements(BLOCK_DATAGRAMS as u64));
    let count = u16::try_from(BLOCK_DATAGRAMS).unwrap_or(0);
    let (mut order, mut next) = (RtpOrder::default(), 1_u16);
    order.place(7, 0, payload, 0);
    group.bench_function("a run in order", |b| {
        b.iter(|| {
            assert!(order.in_order(7, black_box(next), count));
            next = next.wrapping_add(count);
        });
    });
    for (name, disorder) in [
        ("every two swapped", Disorder::Swapped),
        ("the first of 16 comes last", Disorder::FirstIsLast),
    ] {
        let (mut order, mut next) = (RtpOrder::default(), 0_u16);
        order.place(7, u16::MAX, payload, 0);
        group.bench_function(name, |b| {
            b.iter(|| {
                for _ in 0..BLOCK_DATAGRAMS {
                    let number = disorder.number(next);
                    order.place(7, number, black_box(payload), 0);
                    next = next.wrapping_add(1);
                    while let Some(Release::Packet(payload)) = order.release(0) {
                        order.recycle(payload);
                    }
                }
            });
        });
        // A filter may have left it out.
        assert!(next == 0 || order.reordered() > 0);
    }
    group.bench_function("headers", |b| {
        b.iter(|| {
            let headers = burst.iter().map(RtpHeader::parse);
            headers.filter(Result::is_ok).count()
        });
    });
    group.finish();
}

/// What odd datagrams cost, and those of a stream that needs work on each.
pub(crate) fn careful_path(c: &mut Criterion) {
    let mut group = c.benchmark_group("careful path of a block");
    group.throughput(packets(BLOCK_DATAGRAMS * DATAGRAM_PACKETS));
    for (name, rtp, swapped) in [
        ("ts", false, false),
        ("rtp", true, false),
        ("rtp, every two swapped", true, true),
    ] {
        let mut stream = TestStream::default();
        let mut burst = Burst::new(BLOCK_DATAGRAMS, rtp.then_some(1));
        let (mut ingress, mut recorder, mut pool) =
            (Ingress::default(), Recorder::new(None), pool());
        group.bench_function(name, |b| {
            b.iter_custom(|iterations| {
                let mut spent = std::time::Duration::ZERO;
                for _ in 0..iterations {
                    burst.fill(&mut stream);
                    let mut out = Out {
                        recorder: &mut recorder,
                        pool: &mut pool,
                        now_ms: 0,
                    };
                    let begin = std::time::Instant::now();
                    if swapped {
                        let datagrams: [&[u8]; BLOCK_DATAGRAMS] = in_array(&burst);
                        for pair in datagrams.chunks_exact(2) {
                            ingress.datagram(pair[1], &mut out);
                            ingress.datagram(pair[0], &mut out);
                        }
                    } else {
                        burst.iter().for_each(|one| ingress.datagram(one, &mut out));
                    }
                    while recorder.history().bytes() > HISTORY_BYTES {
                        recorder.evict_oldest(&mut pool);
                    }
                    spent += begin.elapsed();
                }
                spent
            });
        });
        assert_eq!(ingress.counts().malformed, 0);
    }
    group.finish();
}

fn in_array(burst: &Burst) -> [&[u8]; BLOCK_DATAGRAMS] {
    let mut datagrams = burst.iter();
    std::array::from_fn(|_| datagrams.next().unwrap_or_default())
}
