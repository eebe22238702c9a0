//! The form of the datagrams that can be received in place.

use common::ts::packet::PACKET_BYTES;

/// What the next datagrams will most likely look like, so that they can be received in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    pub header_bytes: usize,
    /// TS bytes in a datagram; 0: no guess.
    pub payload_bytes: usize,
    /// Shorter datagrams in a row.
    shorter: u32,
}

/// Datagrams that must be shorter in a row before a smaller shape is believed.
const SHORTER_DATAGRAMS: u32 = 64;

/// The largest payload that is received in place: a jumbo frame. Longer ones are copied.
const PAYLOAD_BYTES_MAX: usize = 9000 / PACKET_BYTES * PACKET_BYTES;

impl Shape {
    /// Remembers the form of a datagram that could have been received in place.
    pub(super) fn learn(&mut self, header_bytes: usize, payload_bytes: usize, stride: usize) {
        if stride != PACKET_BYTES || payload_bytes > PAYLOAD_BYTES_MAX {
            return;
        }
        let same_header = self.header_bytes == header_bytes;
        if same_header && payload_bytes < self.payload_bytes {
            self.shorter += 1;
            if self.shorter < SHORTER_DATAGRAMS {
                return;
            }
        }
        *self = Self {
            header_bytes,
            payload_bytes,
            shorter: 0,
        };
    }

    /// Datagrams of this form came.
    #[inline]
    pub(super) fn confirm(&mut self) {
        self.shorter = 0;
    }
}
