//! Streams that really leave and arrive, on `lo`. Each test has a group of its own.

use std::io::IoSliceMut;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::net::receive::MulticastReceiver;
use common::net::sys::ReceiveCalls;
use common::rtp::RtpHeader;
use common::ts::packet::Pcr;
use rustix::event::{PollFd, PollFlags, poll};
use source_server::definition::{ContentDefinition, Form, RtpForm, StreamDefinition};
use source_server::document::{StreamOrder, faults};
use source_server::limits::CATCH_UP_MAX;
use source_server::proof::Proof;
use source_server::sender::{FaultOrder, Sender};
use source_server::streams::Streams;
use source_server::verify::Checker;

use super::{definition, writer};

/// Index of `lo` in every namespace.
const LO: u32 = 1;

/// Nothing here takes longer, whatever the load.
const PATIENCE: Duration = Duration::from_secs(20);

struct Receiver {
    socket: MulticastReceiver,
    calls: ReceiveCalls,
}

impl Receiver {
    fn new(definition: &StreamDefinition) -> Self {
        let socket = MulticastReceiver::open(definition.url.group, LO, None).expect("receiver");
        Self {
            socket,
            calls: ReceiveCalls::new(),
        }
    }

    /// The next datagram and the kernel's time of its arrival in nanoseconds.
    fn next(&mut self) -> (Vec<u8>, u64) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut buffer = vec![0; 4096];
            let got = self
                .calls
                .receive(self.socket.as_fd(), &mut [[IoSliceMut::new(&mut buffer)]]);
            if got.is_ok() {
                let received = self.calls.received(0);
                buffer.truncate(received.bytes);
                return (buffer, received.stamp_ns);
            }
            assert!(Instant::now() < deadline, "nothing came");
            let _ = poll(
                &mut [PollFd::new(&self.socket, PollFlags::IN)],
                Some(&Duration::from_secs(1).try_into().expect("time")),
            );
        }
    }

    fn sequences(&mut self, count: usize) -> Vec<u64> {
        (0..count).map(|_| proof(&self.next().0).sequence).collect()
    }
}

fn proof(datagram: &[u8]) -> Proof {
    Proof::read(datagram.first_chunk().expect("188 bytes")).expect("proof")
}

fn start(definition: StreamDefinition, order: &str) -> (Arc<Streams>, Receiver) {
    let receiver = Receiver::new(&definition);
    let streams = Arc::new(Streams::new(Sender::start(1).expect("threads")));
    let faults = faults(order.as_bytes()).expect("faults");
    streams
        .create(StreamOrder { definition, faults })
        .expect("stream");
    (streams, receiver)
}

#[test]
fn what_arrives_is_what_was_made_in_every_form() {
    let rtp = |rtp| Form {
        rtp: Some(rtp),
        ..Form::default()
    };
    let all = RtpForm {
        csrc: 3,
        extension_words: Some(2),
        padding: 7,
        ..RtpForm::default()
    };
    for (index, (scheme, form, gso)) in [
        ("udp", Form::default(), false),
        ("udp", Form::default(), true),
        ("rtp", rtp(RtpForm::default()), false),
        ("rtp", rtp(RtpForm::default()), true),
        ("rtp", rtp(all), true),
        (
            "udp",
            Form {
                packets: 3,
                packet_bytes: 204,
                ..Form::default()
            },
            false,
        ),
        (
            "udp",
            Form {
                cut_bytes: Some(1472),
                ..Form::default()
            },
            false,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let mut wanted = definition("a", &format!("{scheme}://239.255.79.{}:5079", index + 1));
        wanted.proof = false;
        wanted.form = form;
        wanted.gso = Some(gso);
        let mut writer = writer(&wanted);
        let (streams, mut receiver) = start(wanted, "{}");
        for number in 0..200 {
            let mut made = vec![0; writer.datagram_bytes()];
            writer.write(&mut made, 0, |_| {});
            let (got, _) = receiver.next();
            // What RTP chooses by chance differs; the payload must not.
            let payload = |datagram: &[u8]| {
                RtpHeader::parse(datagram).map_or(datagram.to_vec(), |header| {
                    datagram[header.payload].to_vec()
                })
            };
            assert!(
                payload(&got) == payload(&made),
                "form {index}, datagram {number}"
            );
        }
        streams.stop();
    }
}

#[test]
fn the_rate_is_kept_and_being_late_is_not_made_up_for_at_once() {
    const BPS: u64 = 40_000_000;
    for (group, gso) in [(1, false), (2, true)] {
        let mut fast = definition("a", &format!("udp://239.255.80.{group}:5080"));
        fast.content = ContentDefinition::TestCard {
            bps: BPS,
            clock_start: Pcr(0),
        };
        fast.gso = Some(gso);
        let (streams, mut receiver) = start(fast, "{}");
        let (_, begin) = receiver.next();
        let mut end = begin;
        let mut bits = 0;
        while bits < BPS {
            let (datagram, stamp) = receiver.next();
            bits += datagram.len() as u64 * 8;
            end = stamp;
            // Whatever the load: never more than the rate allows, and what is caught up with.
            let allowed = BPS * (stamp - begin) / 1_000_000_000
                + BPS * u64::from(CATCH_UP_MAX.subsec_millis()) / 1000;
            assert!(
                bits <= allowed + 20 * 1316 * 8,
                "{bits} bits, {allowed} allowed"
            );
        }
        // A second of the stream takes a second, but for what the sender slipped by.
        let slipped_ms = streams.get("a").expect("stream").counters.slipped_ms;
        let took_ms = (end - begin) / 1_000_000;
        assert!(
            (940..1100 + slipped_ms).contains(&took_ms),
            "{took_ms} ms, slipped {slipped_ms} ms"
        );
        streams.stop();
    }
}

#[test]
fn faults_are_made_on_the_wire_and_counted() {
    let (streams, mut receiver) = start(
        definition("a", "udp://239.255.81.1:5081"),
        r#"{"loss_burst": {"length": 5, "every": 20}}"#,
    );
    let wanted: Vec<u64> = (0..100).filter(|n| n % 20 < 15).collect();
    assert_eq!(receiver.sequences(75), wanted);
    streams.remove("a");
    let view = streams.create(StreamOrder {
        definition: definition("a", "udp://239.255.81.2:5081"),
        faults: FaultOrder::default(),
    });
    let mut receiver = Receiver::new(&view.expect("stream").definition);
    let first = receiver.sequences(1)[0];
    streams
        .order(
            "a",
            faults(br#"{"duplicate": {"every": 10}}"#).expect("faults"),
        )
        .expect("stream");
    let got = receiver.sequences(200);
    let twice = got.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert!(twice > 5, "{twice} duplicates");
    assert!(got.windows(2).all(|pair| pair[1] - pair[0] <= 1) && got[0] == first + 1);
    let counted = streams.get("a").expect("stream").counters.faults
        [source_server::faults::FaultKind::Duplicate.index()];
    assert!(counted >= twice as u64);
    streams.stop();
}

#[test]
fn altered_packets_are_proven_and_damaged_ones_are_not() {
    let (streams, mut receiver) = start(
        definition("a", "udp://239.255.82.1:5082"),
        r#"{"cc_break": {"every": 5}, "scrambled": {}, "pcr_jump": {"ms": 700}, "pat_gap": {"ms": 1000}}"#,
    );
    let mut checker = Checker::new(0);
    (0..200).for_each(|_| checker.read(&receiver.next().0, 0));
    let findings = checker.finish().findings;
    assert!(
        !findings.failed() && findings.datagrams == 200,
        "{findings:?}"
    );
    streams
        .order(
            "a",
            faults(br#"{"corrupt_sync": {"every": 4}}"#).expect("faults"),
        )
        .expect("stream");
    let mut checker = Checker::new(0);
    (0..400).for_each(|_| checker.read(&receiver.next().0, 0));
    let findings = checker.finish().findings;
    assert!(findings.damaged > 50, "{findings:?}");
    streams.stop();
}

#[test]
fn jitter_and_silence_let_time_pass() {
    let (streams, mut receiver) = start(
        definition("a", "udp://239.255.83.1:5083"),
        r#"{"jitter": {"ms": 30}}"#,
    );
    assert_eq!(receiver.sequences(300), (0..300).collect::<Vec<u64>>());
    streams
        .order("a", faults(br#"{"silence": {"ms": 300}}"#).expect("faults"))
        .expect("stream");
    let (mut last, mut pause_ms) = (receiver.next().1, 0);
    while pause_ms < 250 {
        let (_, stamp) = receiver.next();
        pause_ms = (stamp - last) / 1_000_000;
        last = stamp;
    }
    streams.stop();
}

#[test]
fn a_restart_is_another_source_from_its_beginning() {
    let mut restarted = definition("a", "rtp://239.255.84.1:5084");
    restarted.form.rtp = Some(RtpForm {
        sequence: Some(65_530),
        ssrc: Some(7),
        ..RtpForm::default()
    });
    let (streams, mut receiver) = start(restarted, "{}");
    for wanted in (65_530..=u16::MAX).chain(0..10) {
        let header = RtpHeader::parse(&receiver.next().0).expect("RTP");
        assert_eq!((header.sequence, header.ssrc), (wanted, 7));
    }
    streams
        .order(
            "a",
            faults(br#"{"restart": true, "rtp_sequence": 500}"#).expect("faults"),
        )
        .expect("stream");
    let deadline = Instant::now() + PATIENCE;
    let header = loop {
        let (datagram, _) = receiver.next();
        let header = RtpHeader::parse(&datagram).expect("RTP");
        if header.ssrc != 7 {
            break header;
        }
        assert!(Instant::now() < deadline);
    };
    assert_eq!(header.sequence, 500);
    streams.stop();
}
