//! What the kernel says beside a datagram: its control messages (cmsg(3)), read as bytes.

use std::mem::size_of;

/// Length, level and kind in front of each message's data.
pub(super) const HEADER_BYTES: usize = size_of::<libc::cmsghdr>();

/// Messages begin at multiples of it.
pub(super) const ALIGNMENT: usize = 8;

/// What the kernel says about one received datagram, or one run of datagrams glued by GRO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Received {
    /// Bytes written into the slots given.
    pub bytes: usize,
    /// It was longer than the slots: the rest is gone.
    pub truncated: bool,
    /// Size of each datagram of a run glued by GRO; the last may be shorter. 0: a lone datagram.
    pub segment_bytes: usize,
    /// Kernel's time of arrival, nanoseconds since the epoch; 0 when it gave none.
    pub stamp_ns: u64,
    /// The socket's count of dropped buffers when this one was queued (`SO_RXQ_OVFL`).
    pub dropped: Option<u32>,
}

/// Reads what `control` holds into `received`; what is not asked for is passed over.
pub(super) fn read(mut control: &[u8], received: &mut Received) {
    while control.len() >= HEADER_BYTES {
        let length = usize::from_ne_bytes(array(control, 0));
        let (level, kind) = (
            i32::from_ne_bytes(array(control, 8)),
            i32::from_ne_bytes(array(control, 12)),
        );
        let Some(data) = control.get(HEADER_BYTES..length) else {
            return;
        };
        match (level, kind) {
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) if data.len() >= 16 => {
                let (seconds, nanos) = (
                    u64::from_ne_bytes(array(data, 0)),
                    u64::from_ne_bytes(array(data, 8)),
                );
                received.stamp_ns = seconds.wrapping_mul(1_000_000_000).wrapping_add(nanos);
            }
            (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) if data.len() >= 4 => {
                received.dropped = Some(u32::from_ne_bytes(array(data, 0)));
            }
            (libc::SOL_UDP, libc::UDP_GRO) if data.len() >= 4 => {
                received.segment_bytes = u32::from_ne_bytes(array(data, 0)) as usize;
            }
            _ => {}
        }
        control = control
            .get(length.next_multiple_of(ALIGNMENT)..)
            .unwrap_or_default();
    }
}

/// `N` bytes at `at`; the callers have checked that they are there.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}
