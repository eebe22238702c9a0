//! A channel to which nothing comes: where, since when, and what has been found out about it.

use std::time::Duration;

use common::group::MulticastGroup;

use super::drops::Filtered;

/// Nothing comes for a group, on a NIC that is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Silence {
    pub(super) group: MulticastGroup,
    pub(super) interface: String,
    pub(super) interface_index: u32,
    pub(super) since_ms: u64,
    /// Nothing usable has ever come.
    pub(super) never: bool,
}

/// What looking for a silent group has shown.
#[derive(Debug, Clone, Default)]
pub(super) struct Finding {
    pub(super) elsewhere: Option<Elsewhere>,
    pub(super) filtered: Option<Filtered>,
    /// When other NICs were looked at.
    pub(super) looked_ms: Option<u64>,
    /// When the filter was tested.
    pub(super) tested_ms: Option<u64>,
}

/// A group comes on another NIC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    pub interface: String,
    /// Who sends it there, where that is known.
    pub source: Option<String>,
}

impl Silence {
    /// It is the same group, on the same NIC.
    pub(super) fn same_place(&self, other: &Self) -> bool {
        self.group == other.group && self.interface_index == other.interface_index
    }

    pub(super) fn length(&self, now_ms: u64) -> Duration {
        since(self.since_ms, now_ms)
    }
}

pub(super) fn since(then_ms: u64, now_ms: u64) -> Duration {
    Duration::from_millis(now_ms.saturating_sub(then_ms))
}
