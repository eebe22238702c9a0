//! What shall be broken, in the parsed form.

use common::ts::packet::Pid;

/// How often.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum When {
    /// The first one, and no other.
    Once,
    /// Each with this probability.
    Probability(f64),
    /// Each so-many-th.
    Every(u64),
}

/// All faults of one stream. The default breaks nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FaultPlan {
    pub seed: u64,
    /// Datagrams that are not sent.
    pub loss: Option<When>,
    pub loss_burst: Option<LossBurst>,
    pub reorder: Option<Reorder>,
    /// Datagrams that are sent twice.
    pub duplicate: Option<When>,
    /// Each datagram is late by up to so much, in order.
    pub jitter_ms: Option<u64>,
    pub silence: Option<Silence>,
    pub cc_break: Option<PacketFault>,
    pub pcr_jump: Option<PcrJump>,
    /// No PAT for so long.
    pub pat_gap_ms: Option<u64>,
    pub corrupt_sync: Option<CorruptSync>,
    /// Packets are marked as scrambled, their bytes left: of one PID, or of all with picture, sound
    /// and data.
    pub scrambled: Option<Option<Pid>>,
    pub garbage: Option<Garbage>,
}

/// A run of datagrams that are not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LossBurst {
    pub length: u64,
    /// A burst ends each group of so many; none: one burst, at once.
    pub every: Option<u64>,
}

/// Datagrams that are sent later than those behind them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reorder {
    pub when: When,
    /// Behind so many others.
    pub distance: u32,
}

/// Nothing is sent; the stream's clock goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// None: until the plan changes.
    pub ms: Option<u64>,
}

/// Continuity counters that skip a value, on one PID or on any but null packets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PacketFault {
    pub when: When,
    pub pid: Option<Pid>,
}

/// The PCR jumps and stays there until the plan changes; time stamps of frames do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PcrJump {
    pub ms: i64,
    /// Another jump each so long; none: one.
    pub every_ms: Option<u64>,
}

/// Sync bytes that are not 0x47, of so many packets in a row in a datagram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CorruptSync {
    pub when: When,
    pub packets: usize,
}

/// A datagram of random bytes in front of others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Garbage {
    pub when: When,
    pub bytes: usize,
}
