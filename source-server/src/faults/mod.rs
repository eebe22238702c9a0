//! Breaking a stream on demand. Pure and seeded: the same plan with the same seed does the same to
//! the same datagrams, counted from the first one after the plan was set.
//!
//! - [`plan`]: what shall be broken
//! - [`chance`]: when, by a generator of its own for each kind
//! - [`packets`]: faults inside TS packets, as an encoder makes them; proofs are made after them
//! - [`datagrams`]: faults of whole datagrams, as a network makes them; proofs show them
//! - [`outbox`]: datagrams that wait for their turn

mod chance;
mod datagrams;
mod outbox;
mod packets;
mod plan;

pub use datagrams::{DatagramFaults, Fate};
pub use outbox::Outbox;
pub use packets::PacketFaults;
pub use plan::{
    CorruptSync, FaultPlan, Garbage, LossBurst, PacketFault, PcrJump, Reorder, Silence, When,
};

/// The kinds that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultKind {
    Loss,
    LossBurst,
    Reorder,
    Duplicate,
    Jitter,
    Silence,
    CcBreak,
    PcrJump,
    PatGap,
    CorruptSync,
    Scrambled,
    Garbage,
}

impl FaultKind {
    pub const ALL: [Self; 12] = [
        Self::Loss,
        Self::LossBurst,
        Self::Reorder,
        Self::Duplicate,
        Self::Jitter,
        Self::Silence,
        Self::CcBreak,
        Self::PcrJump,
        Self::PatGap,
        Self::CorruptSync,
        Self::Scrambled,
        Self::Garbage,
    ];

    /// The key in plans, counters and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::LossBurst => "loss_burst",
            Self::Reorder => "reorder",
            Self::Duplicate => "duplicate",
            Self::Jitter => "jitter",
            Self::Silence => "silence",
            Self::CcBreak => "cc_break",
            Self::PcrJump => "pcr_jump",
            Self::PatGap => "pat_gap",
            Self::CorruptSync => "corrupt_sync",
            Self::Scrambled => "scrambled",
            Self::Garbage => "garbage",
        }
    }

    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests;
