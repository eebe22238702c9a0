use std::io::IoSlice;
use std::sync::Arc;

use super::*;
use crate::relay::block::BlockBudget;
use common::rtp::plain_header;

struct Rig {
    ingress: Ingress,
    recorder: Recorder,
    pool: BlockPool,
    now_ms: u64,
}

impl Rig {
    fn new() -> Self {
        let pool = BlockPool::new(Arc::new(BlockBudget::new(1 << 24)));
        Self {
            ingress: Ingress::default(),
            recorder: Recorder::new(None),
            pool,
            now_ms: 0,
        }
    }

    fn feed(&mut self, datagram: &[u8]) {
        let mut out = Out {
            recorder: &mut self.recorder,
            pool: &mut self.pool,
            now_ms: self.now_ms,
        };
        self.ingress.datagram(datagram, &mut out);
    }

    fn wait(&mut self, ms: u64) {
        self.now_ms += ms;
        let mut out = Out {
            recorder: &mut self.recorder,
            pool: &mut self.pool,
            now_ms: self.now_ms,
        };
        self.ingress.release(&mut out);
    }

    /// Numbers of the packets that were forwarded.
    fn forwarded(&self) -> Vec<u32> {
        let mut slices = [IoSlice::new(&[]); 100];
        let history = self.recorder.history();
        let (count, _) = history.slices(0, history.head(), &mut slices);
        let bytes: Vec<u8> = slices[..count]
            .iter()
            .flat_map(|slice| slice.to_vec())
            .collect();
        bytes
            .chunks(PACKET_BYTES)
            .map(|packet| u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]))
            .collect()
    }
}

fn packet(number: u32, stride: usize) -> Vec<u8> {
    let mut packet = vec![0x33; stride];
    packet[..4].copy_from_slice(&[SYNC_BYTE, 1, 0, 0x10 | (number & 15) as u8]);
    packet[4..8].copy_from_slice(&number.to_be_bytes());
    packet
}

/// A datagram of seven packets, numbered from `number * 7`.
fn payload(number: u32, stride: usize) -> Vec<u8> {
    (number * 7..number * 7 + 7)
        .flat_map(|number| packet(number, stride))
        .collect()
}

fn rtp(sequence: u16, number: u32) -> Vec<u8> {
    [&plain_header(sequence, 0, 9)[..], &payload(number, 188)].concat()
}

#[test]
fn each_kind_comes_out_as_plain_packets() {
    for stride in [188, 204] {
        let mut rig = Rig::new();
        (0..3).for_each(|number| rig.feed(&payload(number, stride)));
        assert_eq!(rig.forwarded(), (0..21).collect::<Vec<u32>>());
        assert_eq!(rig.ingress.counts().malformed, 0);
    }
    let mut rig = Rig::new();
    rig.feed(&rtp(65_535, 0));
    rig.feed(&rtp(0, 1));
    assert_eq!(rig.forwarded(), (0..14).collect::<Vec<u32>>());
    assert_eq!(rig.ingress.shape().header_bytes, 12);
}

#[test]
fn strays_are_counted_and_not_one_byte_goes_on() {
    let mut rig = Rig::new();
    rig.feed(&payload(0, 188));
    rig.feed(b"hello, this is a text");
    rig.feed(&[0xaa; 1316]);
    rig.feed(&rtp(1, 50));
    rig.feed(&payload(1, 188)[..1000]);
    rig.feed(&payload(1, 188));
    assert_eq!(rig.forwarded(), (0..14).collect::<Vec<u32>>());
    assert_eq!(rig.ingress.counts().malformed, 4);
}

#[test]
fn another_kind_takes_over_after_several_in_a_row() {
    let mut rig = Rig::new();
    rig.feed(&payload(0, 188));
    (1..20).for_each(|number| rig.feed(&rtp(u16::try_from(number).expect("small"), number)));
    assert_eq!(
        rig.ingress.counts().malformed,
        u64::from(KIND_CHANGE_DATAGRAMS) - 1
    );
    assert_eq!(
        rig.forwarded().len(),
        7 + 7 * (19 - (KIND_CHANGE_DATAGRAMS as usize - 1))
    );
    assert_eq!(rig.ingress.is_rtp(), Some(true));
}

#[test]
fn a_packet_with_a_bad_sync_byte_falls_alone() {
    let mut rig = Rig::new();
    rig.feed(&payload(0, 188));
    let mut damaged = payload(1, 188);
    damaged[188 * 2] = 0;
    rig.feed(&damaged);
    assert_eq!(
        rig.forwarded(),
        (0..14).filter(|number| *number != 9).collect::<Vec<u32>>()
    );
    assert_eq!(rig.ingress.counts().bad_sync_packets, 1);
    // It is counted once: not as missing too.
    assert_eq!(rig.recorder.signal().counts().missing_plain, 0);
}

#[test]
fn datagrams_that_lost_most_sync_bytes_are_still_ours() {
    use common::api::tr101290::Indicator;
    let plain = |number| payload(number, 188);
    let numbered = |number: u32| rtp(u16::try_from(number).expect("small"), number);
    type Make<'a> = &'a dyn Fn(u32) -> Vec<u8>;
    for (make, header) in [(&plain as Make<'_>, 0), (&numbered as Make<'_>, 12)] {
        let mut rig = Rig::new();
        rig.feed(&make(0));
        // Four of seven, then two datagrams whole.
        for (number, bad) in [(1, 2..6), (2, 0..7), (3, 0..7)] {
            let mut damaged = make(number);
            bad.for_each(|index| damaged[header + 188 * index] = 0xb8);
            rig.feed(&damaged);
        }
        rig.feed(&make(4));
        rig.wait(60);
        let expected = (0..9).chain([13]).chain(28..35);
        assert_eq!(rig.forwarded(), expected.collect::<Vec<u32>>());
        let counts = rig.ingress.counts();
        assert_eq!((counts.bad_sync_packets, counts.malformed), (18, 0));
        assert_eq!(counts.lost_network, 0);
        let signal = rig.recorder.signal().counts();
        assert_eq!(signal.of(Indicator::SyncByteError), 18);
        assert_eq!(signal.of(Indicator::TsSyncLoss), 1);
        assert_eq!((signal.missing_plain, signal.missing_rtp), (0, 0));
    }
}

#[test]
fn filled_datagrams_are_no_damaged_packets() {
    let mut rig = Rig::new();
    rig.feed(&payload(0, 188));
    for fill in [0, 0x11, 0x80, 0xff] {
        rig.feed(&[fill; 1316]);
    }
    let counts = rig.ingress.counts();
    assert_eq!((counts.bad_sync_packets, counts.malformed), (0, 4));
}

#[test]
fn ffmpegs_default_size_is_joined_and_counted() {
    let mut rig = Rig::new();
    let stream: Vec<u8> = (0..30).flat_map(|number| payload(number, 188)).collect();
    stream.chunks(1472).for_each(|datagram| rig.feed(datagram));
    assert_eq!(rig.forwarded(), (0..210).collect::<Vec<u32>>());
    assert_eq!(
        rig.ingress.counts().unaligned,
        stream.chunks(1472).count() as u64
    );
    assert_eq!(rig.ingress.counts().malformed, 0);
}

#[test]
fn rtp_is_put_in_order_and_every_loss_is_counted_once() {
    let mut rig = Rig::new();
    for (sequence, number) in [(10, 0), (12, 2), (11, 1), (11, 1), (14, 4)] {
        rig.feed(&rtp(sequence, number));
    }
    assert_eq!(rig.forwarded(), (0..21).collect::<Vec<u32>>());
    rig.wait(60);
    assert_eq!(rig.forwarded(), (0..21).chain(28..35).collect::<Vec<u32>>());
    let counts = rig.ingress.counts();
    assert_eq!(
        (counts.reordered, counts.duplicates, counts.lost_network),
        (1, 1, 1)
    );
    // The gap is explained by the sequence: continuity has nothing to add.
    assert_eq!(rig.recorder.signal().counts().missing_rtp, 0);
}

#[test]
fn kernel_drops_are_not_the_networks() {
    let mut rig = Rig::new();
    rig.feed(&rtp(10, 0));
    let mut out = Out {
        recorder: &mut rig.recorder,
        pool: &mut rig.pool,
        now_ms: 0,
    };
    rig.ingress.dropped(1);
    rig.ingress.dropped_before(&rtp(13, 3), &mut out);
    rig.feed(&rtp(13, 3));
    rig.wait(60);
    assert_eq!(
        (
            rig.ingress.counts().lost_kernel,
            rig.ingress.counts().lost_network
        ),
        (2, 0)
    );

    let mut rig = Rig::new();
    rig.feed(&payload(0, 188));
    let mut out = Out {
        recorder: &mut rig.recorder,
        pool: &mut rig.pool,
        now_ms: 0,
    };
    rig.ingress.dropped(2);
    rig.ingress.dropped_before(&payload(3, 188), &mut out);
    rig.feed(&payload(3, 188));
    assert_eq!(rig.ingress.counts().lost_kernel, 2);
    assert_eq!(rig.recorder.signal().counts().missing_plain, 0);
}

#[test]
fn a_gap_in_plain_ts_is_seen_by_continuity() {
    let mut rig = Rig::new();
    rig.feed(&payload(0, 188));
    rig.feed(&payload(2, 188));
    assert_eq!(rig.recorder.signal().counts().missing_plain, 7);
}

/// An encoder that sends each picture at once: the end of one is a datagram of its own, and a small
/// one is a datagram of whole packets.
#[test]
fn unaligned_streams_may_be_aligned_now_and_then() {
    let mut rig = Rig::new();
    let stream: Vec<u8> = (0..1300)
        .map(|number| packet(number, 188))
        .collect::<Vec<_>>()
        .concat();
    for pictures in stream.chunks(13 * 188) {
        let (small, large) = pictures.split_at(2 * 188);
        rig.feed(small);
        large.chunks(1472).for_each(|datagram| rig.feed(datagram));
    }
    let forwarded = rig.forwarded();
    // At first it looks aligned; once it does not, nothing is lost.
    let from = forwarded.len() - 1200;
    assert_eq!(forwarded[from..], (100..1300).collect::<Vec<u32>>());

    // Aligned for good, it is received in place again, and nothing is lost on the way.
    (186..800).for_each(|number| rig.feed(&payload(number, 188)));
    assert_eq!(rig.ingress.shape().payload_bytes, 1316);
    assert_eq!(
        rig.forwarded()[forwarded.len()..],
        (1302..5600).collect::<Vec<u32>>()
    );
}

/// Sound alone, or a still picture: many short datagrams of whole packets in a row.
#[test]
fn an_unaligned_stream_stays_one_over_a_run_of_short_datagrams() {
    let mut rig = Rig::new();
    let stream: Vec<u8> = (0..30).flat_map(|number| payload(number, 188)).collect();
    stream.chunks(1472).for_each(|datagram| rig.feed(datagram));
    (30..60).for_each(|number| rig.feed(&payload(number, 188)));
    let more: Vec<u8> = (60..90).flat_map(|number| payload(number, 188)).collect();
    more.chunks(1472).for_each(|datagram| rig.feed(datagram));
    assert_eq!(rig.forwarded(), (0..630).collect::<Vec<u32>>());
    assert_eq!(rig.ingress.counts().malformed, 0);
}

/// A datagram that begins within a packet may read as an RTP header, a packet behind it.
#[test]
fn a_piece_of_an_unaligned_stream_that_reads_as_rtp_is_joined() {
    let mut rig = Rig::new();
    let mut stream: Vec<u8> = (0..21).flat_map(|number| payload(number, 188)).collect();
    let cut = 80 * 188 - HEADER_BYTES;
    stream[cut..cut + HEADER_BYTES].copy_from_slice(&plain_header(1, 2, 3));
    stream[..cut]
        .chunks(1472)
        .for_each(|datagram| rig.feed(datagram));
    rig.feed(&stream[cut..cut + HEADER_BYTES + 188]);
    stream[cut + HEADER_BYTES + 188..]
        .chunks(1472)
        .for_each(|datagram| rig.feed(datagram));
    assert_eq!(rig.forwarded(), (0..147).collect::<Vec<u32>>());
    assert_eq!(rig.ingress.counts().malformed, 0);

    // A sender that has changed to RTP is believed after several datagrams.
    (21..60)
        .zip(0..)
        .for_each(|(number, sequence)| rig.feed(&rtp(sequence, number)));
    assert_eq!(rig.ingress.is_rtp(), Some(true));
    let forwarded = rig.forwarded();
    let from = forwarded.len() - 140;
    assert_eq!(forwarded[from..], (280..420).collect::<Vec<u32>>());
}

#[test]
fn a_second_sender_of_unaligned_packets_is_not_spliced_in() {
    let mut rig = Rig::new();
    let foreign: Vec<u8> = (5000..6000)
        .map(|number| packet(number, 188))
        .collect::<Vec<_>>()
        .concat();
    for (number, datagram) in (0..100).zip(foreign.chunks(1472)) {
        rig.feed(&payload(number, 188));
        rig.feed(datagram);
    }
    assert_eq!(rig.forwarded(), (0..700).collect::<Vec<u32>>());
}
