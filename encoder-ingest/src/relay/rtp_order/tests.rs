use super::*;
use proptest::prelude::*;

/// What an order gave: payload numbers, and what was lost, repeated or late.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    out: Vec<u16>,
    lost: u64,
    duplicates: u64,
    late: u64,
    restarts: u64,
}

struct Feeder {
    order: RtpOrder,
    outcome: Outcome,
}

impl Feeder {
    fn new() -> Self {
        Self {
            order: RtpOrder::default(),
            outcome: Outcome::default(),
        }
    }

    fn feed(&mut self, ssrc: u32, sequence: u16, now_ms: u64) {
        if self.order.restarts(ssrc, sequence) {
            while let Some(release) = self.order.flush() {
                self.take(release);
            }
        }
        match self
            .order
            .place(ssrc, sequence, &sequence.to_be_bytes(), now_ms)
        {
            Placed::Now => self.outcome.out.push(sequence),
            Placed::Restart => {
                self.outcome.restarts += 1;
                self.outcome.out.push(sequence);
            }
            Placed::Held | Placed::Doubted => {}
            Placed::Confirmed(first) => {
                self.outcome.restarts += 1;
                let first = u16::from_be_bytes([first[0], first[1]]);
                self.outcome.out.extend([first, sequence]);
            }
            Placed::Duplicate => self.outcome.duplicates += 1,
            Placed::Late => self.outcome.late += 1,
        }
        while let Some(release) = self.order.release(now_ms) {
            self.take(release);
        }
    }

    fn take(&mut self, release: Release) {
        match release {
            Release::Lost { count, .. } => self.outcome.lost += count,
            Release::Packet(payload) => self
                .outcome
                .out
                .push(u16::from_be_bytes([payload[0], payload[1]])),
        }
    }

    fn run(sequences: &[u16]) -> Outcome {
        let mut feeder = Self::new();
        for sequence in sequences {
            feeder.feed(1, *sequence, 0);
        }
        while let Some(release) = feeder.order.flush() {
            feeder.take(release);
        }
        feeder.outcome
    }
}

#[test]
fn swapped_and_double_packets_are_put_right() {
    let outcome = Feeder::run(&[65_534, 65_535, 1, 0, 0, 2, 4, 4, 3, 5]);
    assert_eq!(outcome.out, vec![65_534, 65_535, 0, 1, 2, 3, 4, 5]);
    assert_eq!((outcome.lost, outcome.duplicates, outcome.late), (0, 2, 0));
    let mut feeder = Feeder::new();
    [10, 13, 12, 11, 14]
        .into_iter()
        .for_each(|sequence| feeder.feed(1, sequence, 0));
    assert_eq!(feeder.order.reordered(), 2);
}

#[test]
fn a_gap_is_given_up_after_its_time_and_what_comes_later_is_late() {
    let mut feeder = Feeder::new();
    for (sequence, now_ms) in [(10, 0), (12, 0), (13, 20)] {
        feeder.feed(1, sequence, now_ms);
    }
    assert_eq!(feeder.outcome.out, vec![10]);
    assert_eq!(feeder.order.deadline_ms(), Some(50));
    assert_eq!(feeder.order.release(49), None);
    assert_eq!(
        feeder.order.release(50),
        Some(Release::Lost {
            count: 1,
            kernel: false
        })
    );
    feeder.feed(1, 11, 51);
    assert_eq!(feeder.outcome.late, 1);
    assert_eq!(feeder.outcome.out, vec![10, 12, 13]);
    assert!(feeder.order.in_order(1, 14, 5) && !feeder.order.in_order(1, 14, 1));
}

#[test]
fn a_jump_of_3000_is_loss_and_a_larger_one_a_restart() {
    let outcome = Feeder::run(&[100, 100 + 3000]);
    assert_eq!((outcome.lost, outcome.restarts), (2999, 0));
    let outcome = Feeder::run(&[100, 100 + 3002]);
    assert_eq!((outcome.lost, outcome.restarts), (0, 1));
    let outcome = Feeder::run(&[100, 101, 60_000, 60_001]);
    assert_eq!(
        (outcome.lost, outcome.restarts, outcome.out.len()),
        (0, 1, 4)
    );
}

#[test]
fn a_gap_where_the_kernel_dropped_is_the_kernels() {
    let mut order = RtpOrder::default();
    order.place(1, 10, &[], 0);
    // The second drop is told while the first gap still waits.
    for dropped in [13, 16] {
        order.dropped_before(dropped);
        order.place(1, dropped, &[], 0);
    }
    order.place(1, 19, &[], 0);
    for kernel in [true, true, false] {
        let lost = Release::Lost { count: 2, kernel };
        assert_eq!(order.flush(), Some(lost));
        assert!(matches!(order.flush(), Some(Release::Packet(_))));
    }
}

/// RFC 3550, A.1.
#[test]
fn one_packet_from_long_ago_is_no_restart_and_two_in_sequence_are() {
    let mut feeder = Feeder::new();
    let all = (1000..1300).chain([1001, 1300, 1005, 900, 1301]);
    all.for_each(|sequence| feeder.feed(1, sequence, 0));
    assert_eq!(feeder.outcome.out, (1000..1302).collect::<Vec<u16>>());
    assert_eq!(feeder.outcome.restarts, 0);
    assert_eq!(feeder.order.strays(), 3);
    // What waits behind a gap goes out before the source that has started anew.
    for sequence in [1303, 7, 8, 9] {
        feeder.feed(1, sequence, 0);
    }
    assert_eq!(feeder.outcome.out[302..], [1303, 7, 8, 9]);
    assert_eq!((feeder.outcome.lost, feeder.outcome.restarts), (1, 1));
    assert_eq!(feeder.order.strays(), 3);
}

/// A stall of the process: the same source goes on far behind what the socket had no room for. More
/// than half of the numbers ahead can't be told from behind.
#[test]
fn a_large_gap_that_our_own_socket_made_is_no_restart() {
    for (ahead, held) in [(3001, true), (30_000, true), (33_000, false)] {
        let mut order = RtpOrder::default();
        order.place(1, 60_000, &[], 0);
        let next = 60_001_u16.wrapping_add(ahead);
        order.dropped_before(next);
        assert!(!order.restarts(1, next), "{ahead}");
        let placed = order.place(1, next, &[], 0);
        if held {
            assert_eq!(placed, Placed::Held, "{ahead}");
            let (count, kernel) = (u64::from(ahead), true);
            assert_eq!(order.flush(), Some(Release::Lost { count, kernel }));
        } else {
            assert_eq!(placed, Placed::Doubted, "{ahead}");
            assert!(order.restarts(1, next + 1));
        }
    }
}

#[test]
fn another_ssrc_starts_anew_with_its_second_packet_and_loses_nothing_that_was_held() {
    let mut feeder = Feeder::new();
    feeder.feed(1, 10, 0);
    feeder.feed(1, 12, 0);
    feeder.feed(2, 500, 0);
    assert_eq!(feeder.outcome.out, vec![10]);
    feeder.feed(2, 501, 0);
    assert_eq!(feeder.outcome.out, vec![10, 12, 500, 501]);
    assert_eq!((feeder.outcome.lost, feeder.outcome.restarts), (1, 1));
}

#[test]
fn packets_of_another_ssrc_among_ours_are_not_spliced_in() {
    let mut feeder = Feeder::new();
    for number in 0..20 {
        feeder.feed(1, number, 0);
        // Neither in turns with ours, nor two in a row that do not follow each other.
        feeder.feed(2, number, 0);
        feeder.feed(2, number + 700, 0);
    }
    feeder.feed(1, 20, 0);
    assert_eq!(feeder.outcome.out, (0..=20).collect::<Vec<u16>>());
    assert_eq!((feeder.outcome.lost, feeder.outcome.restarts), (0, 0));
    assert_eq!((feeder.order.foreign(), feeder.order.strays()), (40, 0));
}

#[test]
fn two_senders_in_turns_are_seen_to_be_two() {
    let mut feeder = Feeder::new();
    for number in (0..40).step_by(2) {
        for ssrc in [1, 2] {
            feeder.feed(ssrc, number, 0);
            feeder.feed(ssrc, number + 1, 0);
        }
    }
    assert_eq!(feeder.outcome.restarts, 39);
    assert_eq!(feeder.order.second_sender(), 38);
    let mut moved = Feeder::new();
    for (ssrc, sequence) in [(1, 5), (1, 6), (2, 9), (2, 10), (3, 7), (3, 8)] {
        moved.feed(ssrc, sequence, 0);
    }
    assert_eq!(
        (moved.outcome.restarts, moved.order.second_sender()),
        (2, 0)
    );
}

/// How far on from the last number the next one is: mostly in order, now and then as far as any bound.
const STEPS: [u16; 16] = [
    1, 1, 1, 1, 1, 1, 1, 2, 5, 3500, 40_000, 65_535, 65_533, 65_400, 65_300, 60_000,
];

proptest! {
    /// Whatever comes, each packet goes out, or is counted as double or late, or is still in doubt.
    #[test]
    fn every_packet_has_one_fate(
        steps in proptest::collection::vec((0..STEPS.len(), 0u8..20, 0u64..30), 1..300),
    ) {
        let (mut feeder, mut sequence, mut ssrc, mut now_ms) = (Feeder::new(), 65_400_u16, 1, 0);
        for (step, chance, pause_ms) in &steps {
            sequence = sequence.wrapping_add(STEPS[*step]);
            ssrc += u32::from(*chance == 0);
            if *chance == 1 {
                feeder.order.dropped_before(sequence);
            }
            now_ms += pause_ms;
            feeder.feed(ssrc, sequence, now_ms);
            prop_assert!(feeder.order.held.len() < REORDER_PACKETS_MAX);
        }
        while let Some(release) = feeder.order.flush() {
            feeder.take(release);
        }
        let strays = feeder.order.strays() + feeder.order.foreign();
        let doubted = strays + u64::from(feeder.order.doubt.is_some());
        let Outcome { out, duplicates, late, .. } = feeder.outcome;
        prop_assert_eq!(out.len() as u64 + duplicates + late + doubted, steps.len() as u64);
    }
}

proptest! {
    /// Whatever the network does within the window, each packet that came at least once and in time
    /// goes out once, in order, and everything else is counted.
    #[test]
    fn every_packet_goes_out_once_or_is_counted(
        start in any::<u16>(),
        fates in proptest::collection::vec((0u8..20, 0usize..6), 2..300),
    ) {
        let mut wire: Vec<(usize, u16)> = Vec::new();
        let mut dropped = 0_u64;
        for (index, (fate, shift)) in fates.iter().enumerate() {
            let sequence = start.wrapping_add(u16::try_from(index).expect("small"));
            let first_or_last = index == 0 || index == fates.len() - 1;
            match fate {
                0 if !first_or_last => dropped += 1,
                1 => wire.extend([(index * 2, sequence), (index * 2 + shift, sequence)]),
                2 if !first_or_last => wire.push((index * 2 + shift, sequence)),
                _ => wire.push((index * 2, sequence)),
            }
        }
        wire.sort_by_key(|(at, _)| *at);
        let last = start.wrapping_add(u16::try_from(fates.len() - 1).expect("small"));
        prop_assume!(wire[0].1 == start);
        let sequences: Vec<u16> = wire.iter().map(|(_, sequence)| *sequence).collect();
        let outcome = Feeder::run(&sequences);
        prop_assert_eq!(outcome.lost, dropped);
        prop_assert_eq!(outcome.restarts, 0);
        prop_assert_eq!(outcome.out.len() as u64 + outcome.duplicates + outcome.late, sequences.len() as u64);
        prop_assert!(outcome.out.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) as i16 > 0));
        prop_assert_eq!(*outcome.out.last().expect("some"), last);
    }
}
