use common::ts::packet::Pcr;
use proptest::prelude::*;

use super::*;
use crate::content::Material;
use crate::datagram::DatagramWriter;
use crate::definition::{ContentDefinition, Form, StreamDefinition};

const NOW_NS: u64 = 5_000_000;

/// Datagrams of a proven stream, sent at 2 ms.
fn datagrams(id: &str, count: usize) -> Vec<Vec<u8>> {
    let definition = StreamDefinition {
        id: id.parse().expect("id"),
        name: "a".to_owned(),
        url: "udp://239.1.1.1:5000".parse().expect("url"),
        interface: "lo".parse().expect("name"),
        source: None,
        ttl: 1,
        loopback: true,
        content: ContentDefinition::TestCard {
            bps: 8_000_000,
            clock_start: Pcr(0),
        },
        proof: true,
        form: Form::default(),
        gso: None,
    };
    let material = Material::new(&definition, None).expect("card");
    let mut writer = DatagramWriter::new(&definition, material.begin());
    let one = |_| {
        let mut slot = vec![0; writer.datagram_bytes()];
        writer.write(&mut slot, 2_000_000, |_| {});
        slot
    };
    (0..count).map(one).collect()
}

fn check(body: &[u8]) -> Findings {
    let mut checker = Checker::new(0);
    checker.read(body, NOW_NS);
    checker.finish().findings
}

#[test]
fn what_came_whole_is_counted_and_its_delay_measured() {
    let body = datagrams("a", 100).concat();
    let mut checker = Checker::new(0);
    checker.read(&body, NOW_NS);
    let Checked {
        findings, delays, ..
    } = checker.finish();
    assert!(!findings.failed(), "{findings:?}");
    assert_eq!(
        (findings.datagrams, findings.packets, findings.bytes),
        (100, 700, 131_600)
    );
    assert_eq!(
        delays.percentiles().expect("delays").max.to_bits(),
        3.0_f64.to_bits()
    );
}

#[test]
fn what_was_sent_before_the_viewer_began_is_backlog_and_no_delay() {
    let body = datagrams("a", 10).concat();
    let mut checker = Checker::new(3_500_000);
    checker.read(&body, NOW_NS);
    let checked = checker.finish();
    assert_eq!(checked.backlog_ns, Some(1_500_000));
    assert_eq!(checked.delays.percentiles(), None);
    assert_eq!(checked.findings.datagrams, 10);
    assert_eq!(Checker::new(0).finish().backlog_ns, None);
}

#[test]
fn a_relays_begin_and_a_cut_end_are_no_faults() {
    let all = datagrams("a", 10).concat();
    let tables = &datagrams("a", 1)[0][188..3 * 188];
    let body = [tables, &all[3 * 188..all.len() - 2 * 188 - 50]].concat();
    let findings = check(&body);
    assert!(!findings.failed(), "{findings:?}");
    assert_eq!((findings.datagrams, findings.prelude_packets), (8, 6));
    assert_eq!(findings.tail_packets, 4);
}

#[test]
fn each_fault_is_named() {
    let all = datagrams("a", 20);
    let other = datagrams("b", 20);
    let with = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut changed = all.clone();
        change(&mut changed);
        check(&changed.concat())
    };
    let lost = with(&|all| drop(all.drain(5..8)));
    assert_eq!((lost.lost, lost.datagrams), (3, 17));
    let repeated = with(&|all| all.insert(6, all[5].clone()));
    assert_eq!(
        (repeated.repeated, repeated.datagrams, repeated.lost),
        (1, 20, 0)
    );
    let late = with(&|all| all.swap(5, 6));
    assert_eq!((late.late, late.lost, late.datagrams), (1, 0, 20));
    let foreign = with(&|all| all[5].clone_from(&other[5]));
    assert_eq!((foreign.foreign, foreign.lost), (1, 1));
    let changed = with(&|all| all[5][700] ^= 1);
    assert_eq!((changed.damaged, changed.datagrams), (1, 19));
    let torn = with(&|all| drop(all[5].drain(188..376)));
    assert_eq!((torn.damaged, torn.uncovered), (1, 0));
    let swapped = with(&|all| all[5][188..].rotate_left(188));
    assert_eq!(swapped.damaged, 1);
    let added = with(&|all| all[5].extend_from_slice(&[[0x47].as_slice(), &[0; 187]].concat()));
    assert_eq!((added.uncovered, added.damaged), (1, 0));
    let proof_gone = with(&|all| drop(all[5].drain(..188)));
    assert_eq!((proof_gone.lost, proof_gone.uncovered), (1, 6));
    let no_sync = with(&|all| all[5][188] = 0);
    assert_eq!(
        no_sync.damaged, 2,
        "the packet, and its datagram that misses it"
    );
    for findings in [
        lost, repeated, late, foreign, changed, torn, swapped, added, proof_gone, no_sync,
    ] {
        assert!(findings.failed(), "{findings:?}");
    }
}

#[test]
fn packets_without_proofs_are_uncovered() {
    let bare: Vec<u8> = datagrams("a", 10)
        .concat()
        .chunks(188)
        .filter(|p| p[1..3] != [0x41, 0xf0])
        .flatten()
        .copied()
        .collect();
    let findings = check(&bare);
    assert_eq!((findings.prelude_packets, findings.uncovered), (16, 44));
}

#[test]
fn a_gap_larger_than_what_is_remembered_is_counted_whole() {
    let mut sequences = Sequences::default();
    assert_eq!(sequences.came(10), Order::New { missing: 0 });
    assert_eq!(sequences.came(1_000_011), Order::New { missing: 1_000_000 });
    assert_eq!(sequences.came(10), Order::Late { counted: false });
    assert_eq!(sequences.came(1_000_010), Order::Late { counted: true });
    assert_eq!(sequences.came(1_000_010), Order::Repeated);
    assert!(sequences.came.len() <= REMEMBERED);
}

proptest! {
    #[test]
    fn however_the_body_is_cut_it_is_read_alike(cuts in proptest::collection::vec(1_usize..3000, 1..60)) {
        let body = datagrams("a", 30).concat();
        let mut checker = Checker::new(0);
        let mut rest = &body[..];
        for cut in cuts {
            let (now, after) = rest.split_at(cut.min(rest.len()));
            checker.read(now, NOW_NS);
            rest = after;
        }
        checker.read(rest, NOW_NS);
        prop_assert_eq!(checker.finish().findings, check(&body));
    }
}
