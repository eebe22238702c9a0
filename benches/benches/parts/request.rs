//! The head of a request, as a player sends it: read, and understood.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use encoder_ingest::http::head;
use encoder_ingest::http::request::{Query, WatchRequest};

const HEADS: [(&str, &[u8]); 2] = [
    (
        "of a channel",
        b"GET /channels/news.ts HTTP/1.1\r\nHost: 127.0.0.1:9525\r\n\
          User-Agent: VLC/3.0.20 LibVLC/3.0.20\r\nRange: bytes=0-\r\nConnection: close\r\n\r\n",
    ),
    (
        "of a group",
        b"GET /udp/192.0.2.7@232.1.1.1:5000?interface=eth1&start=live HTTP/1.1\r\n\
          Host: ingest.example:9525\r\nUser-Agent: udpxy-user\r\nAccept: */*\r\n\r\n",
    ),
];

pub(crate) fn head_of_a_request(c: &mut Criterion) {
    let mut group = c.benchmark_group("request head");
    group.throughput(Throughput::Elements(1));
    for (name, bytes) in HEADS {
        group.bench_function(name, |b| {
            b.iter(|| {
                let head = head::parse(black_box(bytes)).expect("a head");
                let head = head.expect("complete");
                let query = Query::parse(&head.target);
                WatchRequest::parse(&head.method, &head.target, &query)
            });
        });
    }
    group.finish();
}
