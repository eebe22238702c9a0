use std::sync::Arc;

use super::*;
use crate::relay::block::BlockBudget;
use proptest::prelude::*;

fn pool(blocks: usize) -> BlockPool {
    BlockPool::new(Arc::new(BlockBudget::new(blocks * BLOCK_BYTES)))
}

/// `count` packets whose bytes tell their number in the stream.
fn packets(from: u64, count: usize) -> Vec<u8> {
    (0..count as u64)
        .flat_map(|index| packet(from + index))
        .collect()
}

fn packet(number: u64) -> [u8; PACKET_BYTES] {
    let mut packet = [0x47; PACKET_BYTES];
    packet[4..12].copy_from_slice(&number.to_be_bytes());
    packet
}

fn read_all(history: &History, position: u64) -> Vec<u8> {
    let mut slices = [IoSlice::new(&[]); 1000];
    let (count, bytes) = history.slices(position, history.head(), &mut slices);
    let read: Vec<u8> = slices[..count]
        .iter()
        .flat_map(|slice| slice.to_vec())
        .collect();
    assert_eq!(read.len(), bytes);
    read
}

#[test]
fn a_block_is_filled_over_several_turns_and_readers_get_what_is_there() {
    let (mut history, mut pool) = (History::default(), pool(10));
    history.append(&packets(0, 3), &mut pool, 1);
    let early = read_all(&history, 0);
    history.append(&packets(3, 2), &mut pool, 2);
    assert_eq!(early, packets(0, 3));
    assert_eq!(read_all(&history, 0), packets(0, 5));
    assert_eq!(read_all(&history, 4 * 188), packets(4, 1));
    assert!(read_all(&history, 5 * 188).is_empty());
    let mut slices = [IoSlice::new(&[]); 4];
    assert_eq!(history.slices(188, 3 * 188, &mut slices), (1, 2 * 188));
}

#[test]
fn eviction_takes_the_oldest_block_with_its_marks() {
    let (mut history, mut pool) = (History::default(), pool(100));
    for turn in 0..4 {
        history.mark(history.head(), turn, &Prelude::default());
        history.append(&packets(0, 348), &mut pool, turn * 100);
    }
    assert_eq!(history.start(400, 0).expect("mark").at_ms, 3);
    assert_eq!(history.start(400, 398).expect("mark").at_ms, 2);
    let end = history
        .overdue(&pool, 250, usize::MAX)
        .expect("the first came 300 ms before the last");
    assert_eq!(end, 348 * 188);
    history.evict_oldest(&mut pool);
    assert_eq!(history.tail(), end);
    assert_eq!(history.overdue(&pool, 250, usize::MAX), None);
    assert_eq!(
        history.start(400, 9999).expect("oldest that is left").at_ms,
        1
    );
    assert_eq!(
        history.overdue(&pool, 250, 2 * BLOCK_BYTES),
        Some(2 * 348 * 188)
    );
}

#[test]
fn over_the_budget_of_all_the_oldest_goes_but_two_blocks_stay() {
    let (mut history, mut pool) = (History::default(), pool(1));
    for _ in 0..4 {
        history.append(&packets(0, 348), &mut pool, 0);
    }
    let mut evicted = 0;
    while history.overdue(&pool, 1000, usize::MAX).is_some() {
        history.evict_oldest(&mut pool);
        evicted += 1;
    }
    assert_eq!(evicted, 2);
}

#[test]
fn marks_reach_as_far_back_as_the_history_however_many_there_were() {
    let (mut history, mut pool) = (History::default(), pool(100));
    for turn in 0..300 {
        history.mark(history.head(), turn * 100, &Prelude::default());
        history.append(&packets(0, 3), &mut pool, turn * 100);
        let newest = history.newest_mark_from(0).expect("mark");
        assert_eq!(newest.at_ms, turn * 100);
    }
    assert!(history.marks.len() <= MARKS_MAX);
    let oldest = history.start(29_900, u64::MAX).expect("mark");
    assert!(oldest.at_ms < 3_000, "{}", oldest.at_ms);
    let middle = history.start(29_900, 15_000).expect("mark");
    assert!(
        (12_000..=14_900).contains(&middle.at_ms),
        "{}",
        middle.at_ms
    );
}

#[test]
fn marks_before_a_cut_are_of_another_source() {
    let (mut history, mut pool) = (History::default(), pool(10));
    history.mark(0, 0, &Prelude::default());
    history.append(&packets(0, 3), &mut pool, 0);
    assert_eq!(history.cut(), 3 * 188);
    assert!(history.start(0, 0).is_none() && history.newest_mark_from(0).is_none());
    history.mark(3 * 188, 1, &Prelude::default());
    assert_eq!(
        history.start(1, 5000).expect("behind the cut").position,
        3 * 188
    );
}

#[test]
fn a_copy_begins_at_a_mark_of_this_source_that_leaves_it_small_enough() {
    const BLOCK: u64 = 348 * 188;
    let (mut history, mut pool) = (History::default(), pool(100));
    let mut prelude = Prelude::default();
    assert!(prelude.push(&packet(7)));
    for turn in 0..4 {
        history.mark(history.head(), turn * 100, &prelude);
        history.append(&packets(0, 348), &mut pool, turn * 100 + 99);
    }
    let start = |history: &History, backlog_ms, bytes_max| {
        let start = history.copy_start(backlog_ms, bytes_max);
        (start.position, start.at_ms, start.prelude.is_some())
    };
    assert_eq!(start(&history, 150, u64::MAX), (2 * BLOCK, 200, true));
    assert_eq!(start(&history, 9999, u64::MAX), (0, 0, true));
    assert_eq!(start(&history, 9999, 3 * BLOCK), (BLOCK, 100, true));
    assert_eq!(history.newest_ms(), Some(399));
    // Without marks, as after the end of a stream: from the oldest block.
    history.forget_marks();
    assert_eq!(start(&history, 9999, u64::MAX), (0, 99, false));
    assert_eq!(start(&history, 9999, 2 * BLOCK), (2 * BLOCK, 299, false));
    assert_eq!(start(&history, 150, u64::MAX), (2 * BLOCK, 299, false));
    // Nothing of another source.
    history.cut();
    assert_eq!(start(&history, 150, u64::MAX).0, history.head());
}

#[test]
fn the_rest_of_a_cut_packet_is_found() {
    let (mut history, mut pool) = (History::default(), pool(10));
    history.append(&packets(0, 3), &mut pool, 0);
    let mut rest = [0; PACKET_BYTES];
    assert_eq!(history.packet_rest(188, &mut rest), 0);
    assert_eq!(history.packet_rest(188 + 180, &mut rest), 8);
    assert_eq!(rest[..8], packet(1)[180..]);
}

#[test]
fn a_prelude_holds_whole_tables_or_none() {
    let mut prelude = Prelude::default();
    assert!(prelude.push(&packets(0, 5)));
    assert!(!prelude.push(&packets(5, 4)));
    assert!(prelude.push(&packets(5, 3)));
    assert_eq!(prelude.bytes(), packets(0, 8));
}

proptest! {
    /// Against the plainest model: all bytes ever appended, in one vector.
    #[test]
    fn a_history_is_a_window_of_what_was_appended(
        steps in proptest::collection::vec((1usize..340, any::<bool>(), any::<prop::sample::Index>()), 1..40),
    ) {
        let (mut history, mut pool) = (History::default(), pool(1000));
        let mut all: Vec<u8> = Vec::new();
        for (count, evict, at) in steps {
            let bytes = packets((all.len() / 188) as u64, count);
            history.append(&bytes, &mut pool, 0);
            all.extend_from_slice(&bytes);
            if evict {
                history.evict_oldest(&mut pool);
            }
            let tail = usize::try_from(history.tail()).expect("small");
            prop_assert_eq!(history.head(), all.len() as u64);
            prop_assert_eq!(history.bytes(), all.len() - tail);
            let position = tail + at.index(all.len() - tail + 1);
            prop_assert_eq!(read_all(&history, position as u64), &all[position..]);
        }
    }
}
