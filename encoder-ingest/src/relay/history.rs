//! A channel's recent TS: blocks in a row, with marks where a viewer may begin.
//!
//! The one writer appends behind the head; readers hold a position (a cursor: an offset in the
//! channel's stream) and get slices. What is too old goes from the tail; a cursor that falls behind
//! the tail has lagged. It does no I/O and reads no clock.

use std::collections::VecDeque;
use std::io::IoSlice;

use common::ts::packet::PACKET_BYTES;

use super::block::{Block, BlockPool};
use crate::limits::{BLOCK_BYTES, CHANNEL_BLOCKS_MIN, MARKS_MAX};
use crate::signal::prelude::Prelude;

/// Recent blocks and marks of one channel.
#[derive(Debug, Default)]
pub struct History {
    blocks: VecDeque<Block>,
    /// A block taken for the next receive, not yet part of the stream.
    next: Option<Block>,
    /// Offset behind the last byte: where the next is appended.
    head: u64,
    bytes: usize,
    marks: VecDeque<Mark>,
    /// Marks before this offset belong to another source: viewers must not go on from them.
    cut: u64,
}

/// A random access point, with the tables that were in force there.
#[derive(Debug, Clone)]
pub struct Mark {
    pub position: u64,
    pub at_ms: u64,
    pub prelude: Prelude,
}

/// Where a copy of the history begins.
#[derive(Debug)]
pub struct CopyStart<'a> {
    pub position: u64,
    pub at_ms: u64,
    /// The tables in force there; none: no random access point is known.
    pub prelude: Option<&'a Prelude>,
}

/// Where a receive call may write: behind the head, then into the block that follows.
#[derive(Debug)]
pub struct Room<'a> {
    pub first: &'a mut [u8],
    pub second: &'a mut [u8],
}

impl History {
    /// Offset behind the newest byte.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.head
    }

    /// Offset of the oldest byte that is still here.
    #[must_use]
    pub fn tail(&self) -> u64 {
        self.blocks.front().map_or(self.head, |block| block.start)
    }

    /// Bytes of TS kept.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Age of the oldest byte's block, judged by when the block was closed.
    #[must_use]
    pub fn span_ms(&self, now_ms: u64) -> u64 {
        self.blocks
            .front()
            .map_or(0, |block| now_ms.saturating_sub(block.last_ms))
    }

    /// How long ago the block at `position` was closed: how far a reader there is behind.
    #[must_use]
    pub fn lag_ms(&self, position: u64, now_ms: u64) -> u64 {
        if position >= self.head {
            return 0;
        }
        self.blocks
            .get(self.block_of(position))
            .map_or(0, |block| now_ms.saturating_sub(block.last_ms))
    }

    /// The stream has stopped: its random access points are no place to begin any more.
    pub fn forget_marks(&mut self) {
        self.marks.clear();
    }

    /// Room for at least [`BLOCK_BYTES`] in two pieces.
    pub fn room(&mut self, pool: &mut BlockPool, now_ms: u64) -> Room<'_> {
        let first = self.blocks.back_mut().map(Block::room).unwrap_or_default();
        let second = self.next.get_or_insert_with(|| pool.take(now_ms)).room();
        Room { first, second }
    }

    /// What a receive wrote into the [`Room`]: `first` bytes of its first piece and, the first
    /// being closed by that, `second` of its second.
    pub fn commit(&mut self, first: usize, second: usize, now_ms: u64) {
        if first > 0
            && let Some(block) = self.blocks.back_mut()
        {
            block.commit(first, now_ms);
        }
        self.head += first as u64;
        self.bytes += first;
        if second > 0
            && let Some(mut block) = self.next.take()
        {
            block.start = self.head;
            block.commit(second, now_ms);
            self.blocks.push_back(block);
            self.head += second as u64;
            self.bytes += second;
        }
    }

    /// Copies `packets` (at most a block's worth) behind the head: the rare path, for what could
    /// not be received in place.
    pub fn append(&mut self, packets: &[u8], pool: &mut BlockPool, now_ms: u64) {
        debug_assert!(packets.len() <= BLOCK_BYTES);
        let room = self.room(pool, now_ms);
        if packets.len() <= room.first.len() {
            room.first[..packets.len()].copy_from_slice(packets);
            self.commit(packets.len(), 0, now_ms);
        } else {
            room.second[..packets.len()].copy_from_slice(packets);
            self.commit(0, packets.len(), now_ms);
        }
    }

    /// Remembers a random access point at `position`.
    pub fn mark(&mut self, position: u64, at_ms: u64, prelude: &Prelude) {
        if self.marks.len() == MARKS_MAX {
            // The oldest and the newest stay.
            let mut index = 0;
            self.marks.retain(|_| {
                index += 1;
                index % 2 == 1 || index == MARKS_MAX
            });
        }
        self.marks.push_back(Mark {
            position,
            at_ms,
            prelude: prelude.clone(),
        });
    }

    /// The newest mark that is at least `backlog_ms` old, else the oldest.
    #[must_use]
    pub fn start(&self, now_ms: u64, backlog_ms: u64) -> Option<&Mark> {
        let old_enough = |mark: &&Mark| now_ms.saturating_sub(mark.at_ms) >= backlog_ms;
        let usable = self.marks.iter().filter(|mark| mark.position >= self.cut);
        usable
            .clone()
            .rev()
            .find(old_enough)
            .or_else(|| usable.clone().next())
    }

    /// Where a copy of the last `backlog_ms` begins that has `bytes_max` at most: a mark, or, where
    /// there is none, the oldest block of this source that ended within them.
    #[must_use]
    pub fn copy_start(&self, backlog_ms: u64, bytes_max: u64) -> CopyStart<'_> {
        let newest_ms = self.newest_ms().unwrap_or(0);
        let fits = |mark: &&Mark| self.head - mark.position <= bytes_max;
        let wanted = self.start(newest_ms, backlog_ms).filter(fits);
        let usable = || {
            self.marks
                .iter()
                .find(|mark| mark.position >= self.cut && fits(mark))
        };
        if let Some(mark) = wanted.or_else(usable) {
            return CopyStart {
                position: mark.position,
                at_ms: mark.at_ms,
                prelude: Some(&mark.prelude),
            };
        }
        let first = self.blocks.iter().find(|block| {
            block.start >= self.cut
                && self.head - block.start <= bytes_max
                && self.age_ms(block.last_ms) <= backlog_ms
        });
        CopyStart {
            position: first.map_or(self.head, |block| block.start),
            at_ms: first.map_or(newest_ms, |block| block.last_ms),
            prelude: None,
        }
    }

    /// When the newest byte came; none: there is none.
    #[must_use]
    pub fn newest_ms(&self) -> Option<u64> {
        self.blocks.back().map(|block| block.last_ms)
    }

    /// How long before the newest byte something came.
    fn age_ms(&self, at_ms: u64) -> u64 {
        self.newest_ms().unwrap_or(at_ms).saturating_sub(at_ms)
    }

    /// The newest mark at or behind `position`.
    #[must_use]
    pub fn newest_mark_from(&self, position: u64) -> Option<&Mark> {
        self.marks
            .back()
            .filter(|mark| mark.position >= position.max(self.cut))
    }

    /// From here on comes another source: no viewer may go on over this place but from a mark.
    /// Answers the place.
    pub fn cut(&mut self) -> u64 {
        self.cut = self.head;
        self.head
    }

    /// Fills `slices` with what lies from `position` to `end` at most; answers how many slices and
    /// bytes. `position` must not be before the tail.
    pub fn slices<'a>(
        &'a self,
        position: u64,
        end: u64,
        slices: &mut [IoSlice<'a>],
    ) -> (usize, usize) {
        let (mut count, mut bytes) = (0, 0);
        let mut position = position;
        for block in self.blocks.range(self.block_of(position)..) {
            if count == slices.len() || position >= end {
                break;
            }
            let slice = &block.bytes()[block.offset(position)..block.offset(end)];
            if !slice.is_empty() {
                slices[count] = IoSlice::new(slice);
                count += 1;
                bytes += slice.len();
            }
            position = block.end();
        }
        (count, bytes)
    }

    /// What lies from `position` on in one piece; empty at the head.
    #[must_use]
    pub fn contiguous(&self, position: u64) -> &[u8] {
        let Some(block) = self.blocks.get(self.block_of(position)) else {
            return &[];
        };
        &block.bytes()[block.offset(position)..]
    }

    /// Copies the rest of the TS packet in which `position` lies into `rest`; answers its length:
    /// 0 on a packet boundary. Packets lie at multiples of 188 from each block's start.
    pub fn packet_rest(&self, position: u64, rest: &mut [u8; PACKET_BYTES]) -> usize {
        let Some(block) = self.blocks.get(self.block_of(position)) else {
            return 0;
        };
        let at = usize::try_from(position.saturating_sub(block.start)).unwrap_or(0);
        let end = at.next_multiple_of(PACKET_BYTES).min(block.len());
        let slice = block.bytes().get(at..end).unwrap_or_default();
        rest[..slice.len()].copy_from_slice(slice);
        slice.len()
    }

    /// The oldest block must go, by its age, the channel's share or the budget of all: offset where
    /// it ends. Age counts from the newest byte: what came before a silence stays to be looked at.
    #[must_use]
    pub fn overdue(&self, pool: &BlockPool, history_ms: u64, bytes_max: usize) -> Option<u64> {
        let block = self.blocks.front()?;
        let old = self.age_ms(block.last_ms) > history_ms;
        let over = self.bytes > bytes_max || pool.over_budget();
        (self.blocks.len() > CHANNEL_BLOCKS_MIN && (old || over)).then(|| block.end())
    }

    /// Gives the oldest block back; its marks go with it.
    pub fn evict_oldest(&mut self, pool: &mut BlockPool) {
        let Some(block) = self.blocks.pop_front() else {
            return;
        };
        self.bytes -= block.len();
        let tail = block.end();
        pool.give_back(block);
        while self.marks.front().is_some_and(|mark| mark.position < tail) {
            self.marks.pop_front();
        }
    }

    /// Gives everything back; the head stays where it is.
    pub fn clear(&mut self, pool: &mut BlockPool) {
        while !self.blocks.is_empty() {
            self.evict_oldest(pool);
        }
        if let Some(block) = self.next.take() {
            pool.give_back(block);
        }
        self.marks.clear();
    }

    /// Index of the block that holds `position`, looked for from the newest, where viewers are.
    fn block_of(&self, position: u64) -> usize {
        let newer = self
            .blocks
            .iter()
            .rev()
            .take_while(|block| block.start > position)
            .count();
        self.blocks.len().saturating_sub(newer + 1)
    }
}

#[cfg(test)]
mod tests;
