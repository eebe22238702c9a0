use common::ts::packet::{Pcr, Pid, TsPacket};
use proptest::prelude::*;

use super::*;
use crate::limits::HELD_DATAGRAMS_MAX;
use crate::testcard::{Mux, MuxOptions, PMT_PID, VIDEO_PID};

const MS: u64 = 27_000;

fn fates(plan: &FaultPlan, count: u64) -> Vec<Fate> {
    let mut faults = DatagramFaults::new(plan, 7);
    (0..count).map(|n| faults.fate(n * MS)).collect()
}

fn lost(plan: &FaultPlan, count: u64) -> Vec<usize> {
    let fates = fates(plan, count);
    (0..fates.len())
        .filter(|n| fates[*n].lost.is_some())
        .collect()
}

#[test]
fn a_seed_decides_and_another_decides_otherwise() {
    let plan = |seed| FaultPlan {
        seed,
        loss: Some(When::Probability(0.1)),
        reorder: Some(Reorder {
            when: When::Probability(0.1),
            distance: 3,
        }),
        duplicate: Some(When::Probability(0.1)),
        jitter_ms: Some(10),
        corrupt_sync: Some(CorruptSync {
            when: When::Probability(0.1),
            packets: 2,
        }),
        garbage: Some(Garbage {
            when: When::Probability(0.1),
            bytes: 20,
        }),
        ..FaultPlan::default()
    };
    assert_eq!(fates(&plan(7), 1000), fates(&plan(7), 1000));
    assert_ne!(fates(&plan(7), 1000), fates(&plan(8), 1000));
    // One kind does not move another.
    let alone = FaultPlan {
        seed: 7,
        loss: Some(When::Probability(0.1)),
        ..FaultPlan::default()
    };
    assert_eq!(lost(&plan(7), 1000), lost(&alone, 1000));
}

#[test]
fn a_seed_does_the_same_in_every_version() {
    let plan = FaultPlan {
        seed: 42,
        loss: Some(When::Probability(0.05)),
        ..FaultPlan::default()
    };
    assert_eq!(lost(&plan, 100), [7, 96]);
}

#[test]
fn losses_are_as_many_as_asked_for() {
    let of = |loss| FaultPlan {
        loss: Some(loss),
        ..FaultPlan::default()
    };
    let count = lost(&of(When::Probability(0.01)), 100_000).len();
    assert!((800..1200).contains(&count), "{count}");
    assert_eq!(lost(&of(When::Once), 1000), [0]);
    assert_eq!(lost(&of(When::Every(250)), 1000), [249, 499, 749, 999]);
    assert_eq!(lost(&of(When::Probability(1.0)), 50).len(), 50);
    assert_eq!(lost(&of(When::Probability(0.0)), 50).len(), 0);
}

#[test]
fn bursts_and_silence_have_their_length() {
    let burst = |every| FaultPlan {
        loss_burst: Some(LossBurst { length: 3, every }),
        ..FaultPlan::default()
    };
    assert_eq!(lost(&burst(None), 100), [0, 1, 2]);
    assert_eq!(lost(&burst(Some(10)), 25), [7, 8, 9, 17, 18, 19]);
    let silence = |ms| FaultPlan {
        silence: Some(Silence { ms }),
        ..FaultPlan::default()
    };
    assert_eq!(lost(&silence(Some(20)), 100).len(), 20);
    assert_eq!(lost(&silence(None), 100).len(), 100);
    assert_eq!(fates(&silence(None), 1)[0].lost, Some(FaultKind::Silence));
}

/// Numbered datagrams through the outbox, one each millisecond; what left, in order.
fn through(plan: &FaultPlan, count: u8) -> Vec<u8> {
    let mut faults = DatagramFaults::new(plan, 7);
    let mut outbox = Outbox::default();
    let mut left = Vec::new();
    for n in 0..count {
        let now_ns = u64::from(n) * 1_000_000;
        outbox.release(now_ns, &mut |bytes: &[u8]| left.push(bytes[0]));
        let fate = faults.fate(u64::from(n) * MS);
        outbox.pass(&[n], &fate, now_ns, &mut |bytes: &[u8]| left.push(bytes[0]));
    }
    outbox.flush(&mut |bytes: &[u8]| left.push(bytes[0]));
    left
}

#[test]
fn order_and_number_change_as_asked_for() {
    let reorder = FaultPlan {
        reorder: Some(Reorder {
            when: When::Every(4),
            distance: 2,
        }),
        ..FaultPlan::default()
    };
    assert_eq!(through(&reorder, 10), [0, 1, 2, 4, 5, 3, 6, 8, 9, 7]);
    let twice = FaultPlan {
        duplicate: Some(When::Every(3)),
        ..FaultPlan::default()
    };
    assert_eq!(through(&twice, 6), [0, 1, 2, 2, 3, 4, 5, 5]);
    let late = FaultPlan {
        jitter_ms: Some(5),
        ..FaultPlan::default()
    };
    assert_eq!(through(&late, 50), (0..50).collect::<Vec<u8>>());
    assert!(
        fates(&late, 1000)
            .iter()
            .any(|fate| fate.delay_ns > 4_000_000)
    );
    assert!(
        fates(&late, 1000)
            .iter()
            .all(|fate| fate.delay_ns <= 5_000_000)
    );
}

#[test]
fn what_waits_is_bounded() {
    let mut outbox = Outbox::default();
    let fate = Fate {
        delay_ns: u64::MAX / 2,
        ..Fate::default()
    };
    let mut left = 0;
    let mut early = 0;
    for _ in 0..HELD_DATAGRAMS_MAX + 10 {
        early += outbox.pass(&[0], &fate, 0, &mut |_: &[u8]| left += 1);
    }
    assert_eq!((left, early), (10, 10));
}

/// Packets of the card with `plan`, and the faults counted.
fn altered(plan: &FaultPlan, count: u64) -> (Vec<[u8; 188]>, Vec<FaultKind>) {
    let options = MuxOptions {
        bps: 4_000_000,
        name: "a".to_owned(),
        proof: false,
        clock_start: Pcr(0),
    };
    let mut mux = Mux::new(&options);
    let mut faults = PacketFaults::new(&[PMT_PID]);
    faults.set(plan);
    let mut kinds = Vec::new();
    let packets = (0..count)
        .map(|_| {
            let mut packet = [0; 188];
            let ticks = mux.ticks();
            mux.next(&mut packet);
            faults.alter(&mut packet, ticks, |kind| kinds.push(kind));
            packet
        })
        .collect();
    (packets, kinds)
}

fn cc_errors(packets: &[[u8; 188]]) -> Vec<Pid> {
    let mut last = std::collections::HashMap::new();
    let views = packets.iter().filter_map(|bytes| TsPacket::new(bytes));
    views
        .filter(|view| view.pid() != Pid::NULL)
        .filter(|view| {
            let wanted = last
                .insert(view.pid(), view.cc())
                .map(|cc| (cc + u8::from(view.has_payload())) & 15);
            wanted.is_some_and(|wanted| wanted != view.cc())
        })
        .map(TsPacket::pid)
        .collect()
}

#[test]
fn counters_break_once_and_go_on_when_the_plan_ends() {
    let fault = PacketFault {
        when: When::Every(100),
        pid: Some(VIDEO_PID),
    };
    let plan = FaultPlan {
        cc_break: Some(fault),
        ..FaultPlan::default()
    };
    let (packets, kinds) = altered(&plan, 5000);
    let errors = cc_errors(&packets);
    assert!(errors.len() > 5 && errors.iter().all(|pid| *pid == VIDEO_PID));
    assert_eq!(errors.len(), kinds.len());
    let mut faults = PacketFaults::new(&[]);
    let mut packet = packets[0];
    faults.set(&FaultPlan {
        cc_break: Some(PacketFault {
            when: When::Once,
            pid: None,
        }),
        ..FaultPlan::default()
    });
    faults.alter(&mut packet, 0, |_| {});
    let broken = packet[3];
    faults.set(&FaultPlan::default());
    packet = packets[0];
    faults.alter(&mut packet, 0, |_| {});
    assert_eq!(
        packet[3], broken,
        "clearing the plan would be another break"
    );
}

#[test]
fn a_gap_in_the_pat_is_nothing_but_that() {
    let plan = FaultPlan {
        pat_gap_ms: Some(600),
        ..FaultPlan::default()
    };
    let (packets, kinds) = altered(&plan, 4000);
    assert!(cc_errors(&packets).is_empty());
    let first = packets
        .iter()
        .position(|packet| packet[1] & 0x1f == 0 && packet[2] == 0)
        .expect("PAT");
    // Packets of 376 us.
    assert!((1590..1900).contains(&first), "first PAT at packet {first}");
    assert!(kinds.len() >= 6 && kinds.iter().all(|kind| *kind == FaultKind::PatGap));
}

#[test]
fn the_clock_jumps_by_what_was_asked_for() {
    for ms in [5000, -5000] {
        let plan = FaultPlan {
            pcr_jump: Some(PcrJump {
                ms,
                every_ms: Some(500),
            }),
            ..FaultPlan::default()
        };
        let (packets, kinds) = altered(&plan, 3500);
        let pcrs: Vec<Pcr> = packets
            .iter()
            .filter_map(|p| TsPacket::new(p)?.pcr())
            .collect();
        let by = u64::try_from(i128::from(ms) * 27_000 + i128::from(Pcr::WRAP)).expect("positive")
            % Pcr::WRAP;
        assert!(pcrs[0].since(Pcr(by)) < 100 * MS);
        let jumps = pcrs.windows(2).filter(|pair| {
            let step = pair[1].since(pair[0]);
            step.wrapping_sub(by) < 100 * MS || (step + Pcr::WRAP - by) % Pcr::WRAP < 100 * MS
        });
        assert_eq!(jumps.count(), 2, "{ms}");
        assert_eq!(kinds, [FaultKind::PcrJump; 3]);
    }
}

#[test]
fn scrambling_leaves_the_tables() {
    let (packets, _) = altered(
        &FaultPlan {
            scrambled: Some(None),
            ..FaultPlan::default()
        },
        3000,
    );
    let views: Vec<_> = packets
        .iter()
        .filter_map(|bytes| TsPacket::new(bytes))
        .collect();
    assert!(
        views.iter().all(|v| v.scrambled()
            == (v.has_payload() && v.pid().value() > 0x100 && v.pid() != Pid::NULL))
    );
    assert!(views.iter().any(|view| view.scrambled()));
}

proptest! {
    #[test]
    fn nothing_is_lost_in_the_outbox(every in 1_u64..9, distance in 1_u32..9, jitter_ms in 0_u64..20, count in 1_u8..100) {
        let plan = FaultPlan {
            reorder: Some(Reorder { when: When::Every(every), distance }),
            jitter_ms: Some(jitter_ms),
            ..FaultPlan::default()
        };
        let mut left = through(&plan, count);
        left.sort_unstable();
        prop_assert_eq!(left, (0..count).collect::<Vec<u8>>());
    }
}
