use common::document::Mistake;

use super::*;
use crate::faults::{CorruptSync, FaultPlan, LossBurst, PcrJump, Reorder, Silence, When};

fn defaults() -> Defaults {
    Defaults {
        interface: "eth0".parse().expect("name"),
        source: Some("192.0.2.1".parse().expect("ip")),
        ttl: 3,
        loopback: true,
        bps: 8_000_000,
        proof: false,
    }
}

fn file(text: &str) -> Result<Vec<StreamOrder>, Vec<Mistake>> {
    streams_file(text.as_bytes(), &defaults())
}

/// The mistakes of `text`, one a line as the log shows them.
fn mistakes(text: &str) -> Vec<String> {
    let found = file(text).expect_err("mistakes");
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn a_stream_takes_what_it_does_not_say_from_the_flags() {
    let text = "streams:\n- {id: a, url: 'udp://239.1.1.1:5000'}\n- {id: b, url: 'rtp://[ff3e::1]:5000'}\n";
    let streams = file(text).expect("streams");
    let a = &streams[0].definition;
    assert_eq!(
        (a.name.as_str(), a.ttl, a.loopback, a.proof),
        ("a", 3, true, false)
    );
    assert_eq!(a.interface.as_str(), "eth0");
    assert_eq!(a.source, defaults().source);
    assert_eq!(a.form, Form::default());
    let card = ContentDefinition::TestCard {
        bps: 8_000_000,
        clock_start: Pcr(0),
    };
    assert_eq!(a.content, card);
    assert_eq!(streams[0].faults, FaultOrder::default());
    let b = &streams[1].definition;
    assert_eq!(b.form.rtp, Some(RtpForm::default()));
    assert_eq!(b.source, None, "an IPv4 source can't send to an IPv6 group");
}

#[test]
fn everything_that_is_said_is_taken() {
    let text = "
streams:
- id: odd
  name: Odd one
  url: rtp://192.0.2.7@232.1.1.1:5000
  interface: eth1
  ttl: 9
  loopback: false
  mbps: 12.5
  clock_start_s: 2
  proof: true
  packets: 4
  packet_bytes: 204
  gso: true
  rtp: {sequence: 65000, ssrc: 4294967295, payload_type: 96, csrc: 2, extension_words: 0, padding: 4}
- id: cut
  url: udp://239.1.1.2:5000
  file: /a/b.ts
  datagram_bytes: 1472
";
    let streams = file(text).expect("streams");
    let odd = &streams[0].definition;
    assert_eq!(odd.source, Some("192.0.2.7".parse().expect("ip")));
    assert_eq!(
        (odd.interface.as_str(), odd.ttl, odd.loopback),
        ("eth1", 9, false)
    );
    let card = ContentDefinition::TestCard {
        bps: 12_500_000,
        clock_start: Pcr(54_000_000),
    };
    assert_eq!(odd.content, card);
    assert_eq!((odd.proof, odd.gso), (true, Some(true)));
    let rtp = RtpForm {
        sequence: Some(65_000),
        ssrc: Some(u32::MAX),
        payload_type: 96,
        csrc: 2,
        extension_words: Some(0),
        padding: 4,
    };
    let form = Form {
        packets: 4,
        packet_bytes: 204,
        cut_bytes: None,
        rtp: Some(rtp),
    };
    assert_eq!(odd.form, form);
    assert_eq!(odd.form.datagram_bytes(), 12 + 8 + 4 + 4 * 204 + 4);
    let cut = &streams[1].definition;
    assert_eq!(cut.content, ContentDefinition::File("/a/b.ts".into()));
    assert_eq!(cut.form.datagram_bytes(), 1472);
}

#[test]
fn every_mistake_is_told_at_once_with_its_line() {
    let text = "streams:
- id: A
  url: udp://10.0.0.1:5000
- id: b
  url: udp://239.1.1.1:5000
  mpbs: 8
  ttl: 256
  packets: 8
  rtp: {}
- id: b
  url: rtp://239.1.1.2:5000
  file: x.ts
  mbps: 8
  datagram_bytes: 1472
- id: c
  url: udp://239.1.1.3:5000
  source: ff02::1
  packets: 1
  proof: true
  packet_bytes: 190
  mbps: 1
  faults: {loss: {}, silnce: {}}
";
    let found = mistakes(text);
    for part in [
        "line 2: /streams/0/id: \"A\" can't be a stream id",
        "line 3: /streams/0/url: 10.0.0.1 is not a multicast address",
        "line 6: /streams/1/mpbs: unknown key \"mpbs\": did you mean \"mbps\"?",
        "line 7: /streams/1/ttl: 256 is out of range",
        "line 8: /streams/1/packets: 8 is out of range",
        "line 9: /streams/1/rtp: the URL is not rtp://",
        "line 10: /streams/2/id: another stream in line 4 has the id \"b\"",
        "line 13: /streams/2/mbps: is the test card's",
        "line 14: /streams/2/datagram_bytes: RTP carries whole packets",
        "line 17: /streams/3/source: ff02::1 can't send to 239.1.1.3",
        "line 18: /streams/3/packets: a proof needs a packet that it covers",
        "line 20: /streams/3/packet_bytes: use 188 or 204",
        "line 21: /streams/3/mbps: 1 is out of range",
        "line 22: /streams/3/faults/loss: say when",
        "line 22: /streams/3/faults/silnce: unknown key \"silnce\": did you mean \"silence\"?",
    ] {
        assert!(
            found.iter().any(|line| line.contains(part)),
            "no {part:?} in {found:#?}"
        );
    }
    assert_eq!(found.len(), 15, "{found:#?}");
}

#[test]
fn other_documents_are_refused() {
    for (text, part) in [
        ("streams: 7", "must be a list"),
        ("- id: a", "must be a map"),
        ("channels: []", "unknown key \"channels\""),
        ("streams: [{}]", "key \"id\" is missing"),
        ("streams: [", ""),
    ] {
        let found = mistakes(text);
        assert!(
            found.iter().any(|line| line.contains(part)),
            "{text}: {found:?}"
        );
    }
    assert_eq!(file("streams: []").expect("none").len(), 0);
}

fn plan(body: &str) -> FaultPlan {
    faults(body.as_bytes()).expect(body).plan
}

#[test]
fn every_fault_is_read() {
    let all = r#"{"seed": 9, "loss": {"probability": 0.5}, "loss_burst": {"length": 2999, "once": true},
        "reorder": {"every": 7, "distance": 3}, "duplicate": {"once": true}, "jitter": {"ms": 20},
        "silence": {"ms": 5000}, "cc_break": {"once": true, "pid": 257}, "pcr_jump": {"ms": -500, "every_ms": 1000},
        "pat_gap": {"ms": 600}, "corrupt_sync": {"every": 100, "packets": 2}, "scrambled": {"pid": 258},
        "garbage": {"probability": 1, "bytes": 100}, "restart": true, "rtp_sequence": 65000}"#;
    let order = faults(all.as_bytes()).expect("faults");
    assert!(order.restart);
    assert_eq!(order.rtp_sequence, Some(65_000));
    let plan = order.plan;
    assert_eq!(
        (plan.seed, plan.loss, plan.duplicate),
        (9, Some(When::Probability(0.5)), Some(When::Once))
    );
    assert_eq!(
        plan.loss_burst,
        Some(LossBurst {
            length: 2999,
            every: None
        })
    );
    assert_eq!(
        plan.reorder,
        Some(Reorder {
            when: When::Every(7),
            distance: 3
        })
    );
    assert_eq!((plan.jitter_ms, plan.pat_gap_ms), (Some(20), Some(600)));
    assert_eq!(plan.silence, Some(Silence { ms: Some(5000) }));
    assert_eq!(plan.cc_break.expect("fault").pid.expect("pid").value(), 257);
    assert_eq!(
        plan.pcr_jump,
        Some(PcrJump {
            ms: -500,
            every_ms: Some(1000)
        })
    );
    assert_eq!(
        plan.corrupt_sync,
        Some(CorruptSync {
            when: When::Every(100),
            packets: 2
        })
    );
    assert_eq!(plan.scrambled.expect("fault").expect("pid").value(), 258);
    assert_eq!(plan.garbage.expect("fault").bytes, 100);
}

#[test]
fn an_empty_order_breaks_nothing_and_bare_ones_have_their_meaning() {
    assert_eq!(faults(b"{}").expect("order"), FaultOrder::default());
    assert_eq!(
        plan(r#"{"silence": {}}"#).silence,
        Some(Silence { ms: None })
    );
    assert_eq!(plan(r#"{"scrambled": {}}"#).scrambled, Some(None));
    assert_eq!(
        plan(r#"{"reorder": {"once": true}}"#)
            .reorder
            .expect("fault")
            .distance,
        1
    );
}

#[test]
fn wrong_faults_are_told_all_at_once() {
    let body = r#"{"seed": -1, "loss": {"probability": 1.5}, "loss_burst": {"length": 5, "every": 4},
        "duplicate": {"once": true, "every": 3}, "jitter": {"ms": 2001}, "scrambled": {"pid": 8191},
        "corrupt_sync": {"once": true, "packets": 8}, "losss": {}, "loss_bursts": 1}"#;
    let found = faults(body.as_bytes()).expect_err("mistakes");
    let pointers: Vec<&str> = found
        .iter()
        .map(|mistake| mistake.pointer.as_str())
        .collect();
    for pointer in [
        "/seed",
        "/loss/probability",
        "/loss_burst",
        "/duplicate",
        "/jitter/ms",
        "/scrambled/pid",
        "/corrupt_sync/packets",
        "/losss",
        "/loss_bursts",
    ] {
        assert!(pointers.contains(&pointer), "{pointer}: {found:#?}");
    }
    assert!(faults(b"[]").is_err() && faults(b"").is_err());
}
