//! The tables that a viewer's start needs in front, as they were on the wire.

use common::ts::packet::PACKET_BYTES;

use crate::limits::PRELUDE_PACKETS_MAX;

/// The last PAT and PMT packets before a mark, as they were on the wire.
#[derive(Clone)]
pub struct Prelude {
    packets: [u8; PRELUDE_PACKETS_MAX * PACKET_BYTES],
    len: usize,
}

impl Default for Prelude {
    fn default() -> Self {
        Self {
            packets: [0; PRELUDE_PACKETS_MAX * PACKET_BYTES],
            len: 0,
        }
    }
}

impl std::fmt::Debug for Prelude {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prelude").field("bytes", &self.len).finish()
    }
}

impl Prelude {
    /// Adds packets; false, and nothing added, when there is no room for all of them.
    pub fn push(&mut self, packets: &[u8]) -> bool {
        let Some(room) = self.packets.get_mut(self.len..self.len + packets.len()) else {
            return false;
        };
        room.copy_from_slice(packets);
        self.len += packets.len();
        true
    }

    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.packets[..self.len]
    }
}
