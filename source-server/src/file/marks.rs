//! A file's time line, and how it is shortened: bytes that last longer than the pictures and the
//! sound in them would make a loop wait at its seam. Null packets at the end are left out instead,
//! and what stands behind each leaves earlier.

use common::ts::packet::{Pid, TsPacket};

use crate::psi::PacketBytes;

/// A packet and its time, in ticks since packet 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) packet: usize,
    pub(super) ticks: u64,
    /// How much earlier it leaves than its PCR says.
    pub(super) advance: u64,
}

/// Shortens `packets` and their time line by up to `excess` ticks, from the end.
pub(super) fn tighten(packets: &mut Vec<PacketBytes>, marks: &mut [Mark], mut excess: u64) {
    let null =
        |packet: &PacketBytes| TsPacket::new(packet).is_some_and(|view| view.pid() == Pid::NULL);
    let mut keep = vec![true; packets.len()];
    // For each pair of marks: packets left out between them, and the time that these took.
    let mut left_out = vec![(0_usize, 0_u64); marks.len()];
    for index in (1..marks.len()).rev() {
        let (from, to) = (marks[index - 1], marks[index]);
        let (count, ticks) = ((to.packet - from.packet) as u64, to.ticks - from.ticks);
        let each = (ticks / count.max(1)).max(1);
        let nulls = (from.packet..to.packet)
            .rev()
            .filter(|at| null(&packets[*at]));
        let wanted = usize::try_from(excess / each).unwrap_or(usize::MAX);
        let mut removed = 0;
        for at in nulls.take(wanted) {
            keep[at] = false;
            removed += 1;
        }
        excess -= removed as u64 * each;
        left_out[index] = (removed, ticks * removed as u64 / count.max(1));
    }
    let (mut removed, mut advance) = (0, 0);
    for (mark, (packets, ticks)) in marks.iter_mut().zip(left_out) {
        removed += packets;
        advance += ticks;
        mark.packet -= removed;
        mark.ticks -= advance;
        mark.advance = advance;
    }
    let mut keep = keep.into_iter();
    packets.retain(|_| keep.next().unwrap_or(true));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testcard::NULL_PACKET;

    #[test]
    fn nulls_go_from_the_end_and_the_rest_moves_up() {
        let full = |number| {
            let mut packet = NULL_PACKET;
            packet[1..5].copy_from_slice(&[0, 50, 0x10, number]);
            packet
        };
        let mark = |packet, ticks| Mark {
            packet,
            ticks,
            advance: 0,
        };
        let mut packets = vec![
            full(0),
            NULL_PACKET,
            full(1),
            NULL_PACKET,
            NULL_PACKET,
            full(2),
        ];
        let mut marks = [mark(0, 0), mark(2, 200), mark(6, 600)];
        tighten(&mut packets, &mut marks, 250);
        assert!(packets == [full(0), NULL_PACKET, full(1), full(2)]);
        let advanced = |packet, ticks, advance| Mark {
            packet,
            ticks,
            advance,
        };
        assert_eq!(marks, [mark(0, 0), mark(2, 200), advanced(4, 400, 200)]);
        // Never more than there is, nor anything but nulls.
        tighten(&mut packets, &mut marks, 10_000);
        assert!(packets == [full(0), full(1), full(2)]);
        assert_eq!(marks[2].packet, 3);
    }
}
