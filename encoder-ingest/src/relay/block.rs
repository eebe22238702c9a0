//! A block: an immutable piece of a channel's TS once it is written, and the spare ones that wait
//! to be written.
//!
//! A block belongs to one history, which writes behind `len` only: what readers have seen never
//! changes. Blocks never leave their worker's thread, so nothing counts references.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::limits::{BLOCK_BYTES, WORKER_SPARE_BLOCKS_MAX};

/// A piece of TS: whole packets, at a place in the channel's stream.
#[derive(Debug)]
pub(super) struct Block {
    data: Box<[u8]>,
    len: usize,
    /// Offset of its first byte in the channel's stream.
    pub(super) start: u64,
    /// When its last byte came, in milliseconds of the worker's clock.
    pub(super) last_ms: u64,
}

/// The blocks of all workers together: how many there may be.
#[derive(Debug)]
pub struct BlockBudget {
    blocks: AtomicUsize,
    blocks_max: usize,
}

/// One worker's spare blocks.
#[derive(Debug)]
pub struct BlockPool {
    spare: Vec<Box<[u8]>>,
    budget: Arc<BlockBudget>,
}

impl Block {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.data[..self.len]
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn end(&self) -> u64 {
        self.start + self.len as u64
    }

    /// Where `position` of the stream lies in [`Self::bytes`]: at its end for what is behind it.
    pub(super) fn offset(&self, position: u64) -> usize {
        let offset = position.saturating_sub(self.start);
        usize::try_from(offset).map_or(self.len, |offset| offset.min(self.len))
    }

    /// What is not written yet.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.data[self.len..]
    }

    pub(super) fn room_bytes(&self) -> usize {
        self.data.len() - self.len
    }

    /// The first `bytes` of the room have been written.
    pub(super) fn commit(&mut self, bytes: usize, now_ms: u64) {
        debug_assert!(bytes <= self.room_bytes());
        self.len += bytes;
        self.last_ms = now_ms;
    }
}

impl BlockBudget {
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self {
            blocks: AtomicUsize::new(0),
            blocks_max: bytes_max.div_ceil(BLOCK_BYTES),
        }
    }

    fn over(&self) -> bool {
        self.blocks.load(Ordering::Relaxed) > self.blocks_max
    }

    fn give_back(&self) {
        self.blocks.fetch_sub(1, Ordering::Relaxed);
    }
}

impl BlockPool {
    #[must_use]
    pub fn new(budget: Arc<BlockBudget>) -> Self {
        Self {
            spare: Vec::with_capacity(WORKER_SPARE_BLOCKS_MAX),
            budget,
        }
    }

    /// An empty block. There always is one: who takes it gives an old one back in the same turn
    /// where [`Self::over_budget`] says so.
    pub(super) fn take(&mut self, now_ms: u64) -> Block {
        let data = self.spare.pop().unwrap_or_else(|| {
            self.budget.blocks.fetch_add(1, Ordering::Relaxed);
            vec![0; BLOCK_BYTES].into_boxed_slice()
        });
        Block {
            data,
            len: 0,
            start: 0,
            last_ms: now_ms,
        }
    }

    /// All workers together hold more blocks than they may.
    #[must_use]
    pub fn over_budget(&self) -> bool {
        self.budget.over()
    }

    pub(super) fn give_back(&mut self, block: Block) {
        if self.spare.len() < WORKER_SPARE_BLOCKS_MAX {
            self.spare.push(block.data);
        } else {
            self.budget.give_back();
        }
    }
}

impl Drop for BlockPool {
    fn drop(&mut self) {
        for _ in self.spare.drain(..) {
            self.budget.give_back();
        }
    }
}
