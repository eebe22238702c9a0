//! source-server's seeded faults: as often as they were made they are found, and by their indicator.

use std::collections::BTreeMap;

use common::api::tr101290::{Indicator, Tr101290};
use common::ts::packet::{PACKET_BYTES, Pcr, Pid, SYNC_BYTE};
use conformance::play::Player;
use conformance::stream::{CARD, Timed, card};
use source_server::faults::{
    CorruptSync, DatagramFaults, FaultKind, FaultPlan, PacketFault, PacketFaults, PcrJump, Silence,
    When,
};

const BPS: u64 = 4_000_000;
const DATAGRAM_PACKETS: usize = 7;

/// The faults begin when the stream has run for so long, and end so long before its end.
const CALM_MS: u64 = 3000;
const STREAM_MS: u64 = 23_000;

struct Outcome {
    made: BTreeMap<FaultKind, u64>,
    counts: Tr101290,
    found: String,
}

/// The test card, broken by a plan as the sender breaks it: packets first, then datagrams.
fn play(plan: &FaultPlan) -> Outcome {
    let mut packets = PacketFaults::new(&[Pid::new(CARD.pmt)]);
    let mut datagrams = DatagramFaults::new(&FaultPlan::default(), DATAGRAM_PACKETS);
    let mut made = BTreeMap::new();
    let mut player = Player::default();
    let mut set = false;
    let all: Vec<Timed> = card(BPS, Pcr(0))
        .take_while(|timed| timed.ms() < STREAM_MS)
        .collect();
    for datagram in all.chunks(DATAGRAM_PACKETS) {
        let (ticks, at_ms) = (datagram[0].ticks, datagram[0].ms());
        if !set && at_ms >= CALM_MS {
            set = true;
            packets.set(plan);
            datagrams = DatagramFaults::new(plan, DATAGRAM_PACKETS);
        }
        let mut bytes = Vec::new();
        for mut timed in datagram.iter().copied() {
            let count = |kind| *made.entry(kind).or_default() += 1;
            packets.alter(&mut timed.packet, timed.ticks, count);
            bytes.extend_from_slice(&timed.packet);
        }
        let fate = datagrams.fate(ticks);
        if let Some(kind) = fate.lost {
            *made.entry(kind).or_default() += 1;
            continue;
        }
        if let Some((first, count)) = fate.corrupt {
            *made.entry(FaultKind::CorruptSync).or_default() += 1;
            for packet in bytes.chunks_mut(PACKET_BYTES).skip(first).take(count) {
                packet[0] = !SYNC_BYTE;
            }
        }
        if fate.twice {
            *made.entry(FaultKind::Duplicate).or_default() += 1;
            bytes.extend_from_within(..);
        }
        for packet in bytes.chunks(PACKET_BYTES) {
            player.packet(packet, at_ms);
        }
    }
    player.gap();
    Outcome {
        made,
        counts: player.counts(),
        found: format!("{:?}", player.found()),
    }
}

/// Raises `indicator` alone, `times` for each fault of `kind`.
fn raises_alone(plan: &FaultPlan, kind: FaultKind, indicator: Indicator, times: u64) {
    let outcome = play(plan);
    let made = outcome.made.get(&kind).copied().unwrap_or(0);
    assert!(made > 0, "{kind:?}: none was made");
    let expected = Tr101290::from_counts(|other| if other == indicator { made * times } else { 0 });
    assert_eq!(outcome.counts, expected, "{kind:?}: {}", outcome.found);
}

#[test]
fn broken_counters_are_continuity_errors() {
    let plan = FaultPlan {
        seed: 3,
        cc_break: Some(PacketFault {
            when: When::Probability(0.001),
            pid: None,
        }),
        ..FaultPlan::default()
    };
    raises_alone(
        &plan,
        FaultKind::CcBreak,
        Indicator::ContinuityCountError,
        1,
    );
}

#[test]
fn each_jump_of_the_pcr_is_a_discontinuity() {
    for ms in [700, -5000, 150, -20] {
        let plan = FaultPlan {
            pcr_jump: Some(PcrJump {
                ms,
                every_ms: Some(2500),
            }),
            ..FaultPlan::default()
        };
        raises_alone(
            &plan,
            FaultKind::PcrJump,
            Indicator::PcrDiscontinuityError,
            1,
        );
    }
}

#[test]
fn a_gap_of_the_pat_counts_once() {
    for (ms, errors) in [(300, 0), (800, 1), (5000, 1)] {
        let outcome = play(&FaultPlan {
            pat_gap_ms: Some(ms),
            ..FaultPlan::default()
        });
        let expected = Tr101290 {
            pat_error: errors,
            ..Tr101290::default()
        };
        assert_eq!(outcome.counts, expected, "{ms}: {}", outcome.found);
    }
}

#[test]
fn corrupt_sync_bytes_are_counted_and_their_neighbours_judged() {
    let corrupt = |packets| FaultPlan {
        seed: 5,
        corrupt_sync: Some(CorruptSync {
            when: When::Every(40),
            packets,
        }),
        ..FaultPlan::default()
    };
    raises_alone(
        &corrupt(1),
        FaultKind::CorruptSync,
        Indicator::SyncByteError,
        1,
    );
    let outcome = play(&corrupt(3));
    let made = outcome.made[&FaultKind::CorruptSync];
    let expected = Tr101290 {
        ts_sync_loss: made,
        sync_byte_error: made * 3,
        ..Tr101290::default()
    };
    assert_eq!(outcome.counts, expected, "{}", outcome.found);
}

#[test]
fn scrambled_packets_want_a_cat() {
    for pid in [None, Some(Pid::new(CARD.video))] {
        let outcome = play(&FaultPlan {
            scrambled: Some(pid),
            ..FaultPlan::default()
        });
        let expected = Tr101290 {
            cat_error: 1,
            ..Tr101290::default()
        };
        assert_eq!(outcome.counts, expected, "{}", outcome.found);
    }
}

#[test]
fn lost_datagrams_are_continuity_errors_alone() {
    let outcome = play(&FaultPlan {
        seed: 11,
        loss: Some(When::Probability(0.01)),
        ..FaultPlan::default()
    });
    let lost = outcome.made[&FaultKind::Loss];
    let counts = outcome.counts;
    // A datagram holds packets of a few PIDs, or of none but null packets.
    assert!((lost / 2..=lost * 3).contains(&counts.continuity_count_error));
    let others = Tr101290 {
        continuity_count_error: 0,
        ..counts
    };
    assert_eq!(others, Tr101290::default(), "{}", outcome.found);
}

#[test]
fn datagrams_that_came_twice_are_out_of_order_and_nothing_else() {
    let outcome = play(&FaultPlan {
        seed: 7,
        duplicate: Some(When::Probability(0.01)),
        ..FaultPlan::default()
    });
    let made = outcome.made[&FaultKind::Duplicate];
    let errors = outcome.counts.continuity_count_error;
    // Several packets of a PID, and the first again: that is no duplicate by ISO/IEC 13818-1.
    assert!(errors > 0 && errors <= made * 2, "{errors} of {made}");
    let others = Tr101290 {
        continuity_count_error: 0,
        ..outcome.counts
    };
    assert_eq!(others, Tr101290::default(), "{}", outcome.found);
}

#[test]
fn silence_is_no_absence() {
    let outcome = play(&FaultPlan {
        silence: Some(Silence { ms: Some(4000) }),
        ..FaultPlan::default()
    });
    let others = Tr101290 {
        continuity_count_error: 0,
        ..outcome.counts
    };
    assert_eq!(others, Tr101290::default(), "{}", outcome.found);
}
