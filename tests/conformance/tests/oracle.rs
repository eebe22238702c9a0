//! The same streams through `dvb-conformance`, another's analyser: where it differs, and why.

use std::collections::BTreeMap;
use std::time::Duration;

use common::api::tr101290::Indicator;
use common::ts::packet::Pcr;
use conformance::damage::{ALL, Damage, END_MS};
use conformance::stream::{CARD, Timed, card};
use dvb_conformance::{ConformanceMonitor, Indicator as Other};

const BPS: u64 = 4_000_000;

/// A damage's name, what the other counts instead, and why.
type Difference = (&'static str, &'static [(Indicator, u64)], &'static str);

/// Where the two differ.
const DIFFERENCES: &[Difference] = &[
    (
        "four bad sync bytes in a row",
        &[
            (Indicator::TsSyncLoss, 1),
            (Indicator::SyncByteError, 4),
            (Indicator::ContinuityCountError, 1),
        ],
        "it forgets the packets without sync and then misses them; here a fault counts once",
    ),
    (
        "a scrambled PAT for 300 ms",
        &[(Indicator::PatError, 3), (Indicator::CatError, 1)],
        "it counts each scrambled packet, here the state counts once; and it wants a CAT at once, \
         where here it has 2 s to come",
    ),
    (
        "a scrambled PMT for 300 ms",
        &[(Indicator::PmtError, 3), (Indicator::CatError, 1)],
        "as with the PAT",
    ),
    (
        "no sound for 7 s",
        &[(Indicator::PidError, 1), (Indicator::PtsError, 1)],
        "a PID that is away has no PTS either: here that is told by its cause alone",
    ),
    (
        "no PCR for 300 ms, twice",
        &[
            (Indicator::PcrRepetitionError, 2),
            (Indicator::PcrDiscontinuityError, 2),
        ],
        "a PCR that is late, and says so itself, is by the letter of 2.3.b a jump too; here one \
         that tells the time that passed is late alone",
    ),
    (
        "three PCRs off by 2 microseconds",
        &[],
        "it does not judge 2.4",
    ),
];

/// The indicators that both have.
fn ours(indicator: Other) -> Option<Indicator> {
    Some(match indicator {
        Other::TsSyncLoss => Indicator::TsSyncLoss,
        Other::SyncByteError => Indicator::SyncByteError,
        Other::PatError2 => Indicator::PatError,
        Other::ContinuityCountError => Indicator::ContinuityCountError,
        Other::PmtError2 => Indicator::PmtError,
        Other::PidError => Indicator::PidError,
        Other::TransportError => Indicator::TransportError,
        Other::CrcError => Indicator::CrcError,
        Other::PcrRepetitionError => Indicator::PcrRepetitionError,
        Other::PcrDiscontinuityError => Indicator::PcrDiscontinuityError,
        Other::PtsError => Indicator::PtsError,
        Other::CatError => Indicator::CatError,
        _ => return None,
    })
}

/// What the other analyser counts, each packet with its own time.
fn other(damage: &Damage) -> BTreeMap<Indicator, u64> {
    let stream = card(BPS, Pcr(0)).take_while(|timed| timed.ms() < END_MS);
    let mut monitor = ConformanceMonitor::new();
    let mut counts = BTreeMap::new();
    for Timed { ticks, packet } in damage.of(stream, CARD) {
        let at = Duration::from_nanos(ticks * 1000 / 27);
        for event in monitor.feed(&packet, at) {
            if let Some(indicator) = ours(event.indicator) {
                *counts.entry(indicator).or_default() += 1;
            }
        }
    }
    counts
}

#[test]
fn dvb_conformance_agrees_but_where_it_is_known_not_to() {
    let mut surprises = Vec::new();
    for damage in ALL {
        let known = DIFFERENCES.iter().find(|(name, ..)| *name == damage.name);
        let expected = known.map_or(damage.raises, |(_, counts, _)| counts);
        let expected: BTreeMap<Indicator, u64> = expected.iter().copied().collect();
        let counts = other(damage);
        if counts != expected {
            surprises.push(format!("{}: {counts:?}, not {expected:?}", damage.name));
        }
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}

#[test]
fn every_difference_is_one() {
    for (name, counts, reason) in DIFFERENCES {
        let damage = ALL.iter().find(|damage| damage.name == *name);
        let damage = damage.unwrap_or_else(|| panic!("no damage {name}"));
        assert_ne!(damage.raises, *counts, "{name}: {reason}");
    }
}
