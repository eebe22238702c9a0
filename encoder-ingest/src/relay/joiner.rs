//! TS that does not care about datagrams, such as ffmpeg's default of 1472 bytes: packets put
//! together over their borders. The slow path: every byte is copied once here.

use common::ts::packet::{PACKET_BYTES, SYNC_BYTE};

/// Sync bytes in a row, 188 apart, that make a stream (ETSI TR 101 290, 5.2.1: regained after 5).
const SYNCS_WANTED: usize = 5;

/// What is looked at for a beginning: three Ethernet frames. Older bytes are forgotten.
const SEARCH_BYTES_MAX: usize = 3 * 1500;

/// The border between datagrams, and the packets joined over it.
#[derive(Debug, Default)]
pub struct Joiner {
    /// Bytes that are no whole packet yet; once locked, they begin with a sync byte.
    rest: Vec<u8>,
    locked: bool,
    mismatches: u32,
}

/// Whether a datagram continued the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    Yes,
    /// It fits nowhere: a stray, or the stream has shifted.
    No,
}

impl Joiner {
    #[must_use]
    pub fn locked(&self) -> bool {
        self.locked
    }

    /// The stream so far ends with a whole packet.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes a datagram; whole packets are appended to `out`.
    pub fn datagram(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Joined {
        if self.locked && !self.continues(bytes) {
            // One stray is left out; two in a row mean that something is missing: begin again.
            self.mismatches += 1;
            if self.mismatches < 2 {
                return Joined::No;
            }
            *self = Self::default();
        }
        self.mismatches = 0;
        self.rest.extend_from_slice(bytes);
        if !self.locked && !self.search() {
            return Joined::No;
        }
        let whole = self.rest.len() / PACKET_BYTES * PACKET_BYTES;
        let packets = self.rest[..whole].chunks_exact(PACKET_BYTES);
        packets
            .filter(|packet| packet[0] == SYNC_BYTE)
            .for_each(|packet| out.extend_from_slice(packet));
        self.rest.drain(..whole);
        Joined::Yes
    }

    /// Most sync bytes are where the stream so far puts them, the first among them or the second.
    fn continues(&self, bytes: &[u8]) -> bool {
        let first = (PACKET_BYTES - self.rest.len() % PACKET_BYTES) % PACKET_BYTES;
        let expected = bytes.iter().skip(first).step_by(PACKET_BYTES);
        let (all, good) = expected.fold((0, 0), |(all, good), byte| {
            (all + 1, good + usize::from(*byte == SYNC_BYTE))
        });
        // A datagram that ends within the packet shows no sync byte: nothing contradicts it.
        all == 0 || good * 2 > all
    }

    fn search(&mut self) -> bool {
        let span = PACKET_BYTES * (SYNCS_WANTED - 1);
        let begins = |at: &usize| {
            self.rest[*at..]
                .iter()
                .step_by(PACKET_BYTES)
                .take(SYNCS_WANTED)
                .all(|byte| *byte == SYNC_BYTE)
        };
        match (0..self.rest.len().saturating_sub(span)).find(begins) {
            Some(start) => {
                self.rest.drain(..start);
                self.locked = true;
            }
            None => {
                let old = self.rest.len().saturating_sub(SEARCH_BYTES_MAX);
                self.rest.drain(..old);
            }
        }
        self.locked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stream(packets: usize) -> Vec<u8> {
        (0..packets)
            .flat_map(|number| {
                let mut packet = [0x11; PACKET_BYTES];
                packet[0] = SYNC_BYTE;
                packet[4..12].copy_from_slice(&number.to_be_bytes());
                packet
            })
            .collect()
    }

    #[test]
    fn a_stray_is_left_out_and_a_shift_is_found_again() {
        let stream = stream(200);
        let (mut joiner, mut out) = (Joiner::default(), Vec::new());
        let datagrams: Vec<&[u8]> = stream.chunks(1472).collect();
        assert_eq!(joiner.datagram(&[0; 900], &mut out), Joined::No);
        assert_eq!(joiner.datagram(datagrams[0], &mut out), Joined::Yes);
        assert_eq!(
            joiner.datagram(b"stray stray stray".repeat(60).as_slice(), &mut out),
            Joined::No
        );
        assert_eq!(joiner.datagram(datagrams[1], &mut out), Joined::Yes);
        assert_eq!(out, stream[..out.len()]);
        // Two datagrams are lost: the first behind the gap is mistaken for a stray.
        let before = out.len();
        for datagram in &datagrams[4..8] {
            joiner.datagram(datagram, &mut out);
        }
        assert!(out.len() > before + 2 * 1472);
        assert!(
            out.chunks(PACKET_BYTES)
                .all(|packet| packet[0] == SYNC_BYTE)
        );
    }

    proptest! {
        #[test]
        fn a_stream_comes_out_as_it_went_in(sizes in proptest::collection::vec(1usize..2000, 1..60)) {
            let stream = stream(200);
            let (mut joiner, mut out, mut at) = (Joiner::default(), Vec::new(), 0);
            for size in sizes {
                let end = (at + size).min(stream.len());
                joiner.datagram(&stream[at..end], &mut out);
                at = end;
            }
            prop_assert_eq!(&out[..], &stream[..out.len()]);
            prop_assert!(!joiner.locked() || at - out.len() < PACKET_BYTES);
        }

        #[test]
        fn garbage_stays_bounded_and_gives_whole_packets(datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..1500), 0..20)) {
            let (mut joiner, mut out) = (Joiner::default(), Vec::new());
            for datagram in &datagrams {
                joiner.datagram(datagram, &mut out);
                prop_assert!(joiner.rest.len() <= SEARCH_BYTES_MAX + 1500);
            }
            prop_assert!(out.len() % PACKET_BYTES == 0);
        }
    }
}
