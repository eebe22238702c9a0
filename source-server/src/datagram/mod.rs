//! TS packets become datagrams: grouped, with a proof in front and an RTP header around, or cut
//! without regard to packets.
//!
//! Pure: it is told the time that a proof states. It knows no socket.

mod rtp;

use common::ts::packet::PACKET_BYTES;

use crate::content::Content;
use crate::definition::StreamDefinition;
use crate::limits::{CUT_BYTES_MAX, DATAGRAM_SLOT_BYTES};
use crate::proof::{self, Proof};
use rtp::RtpWriter;

/// Makes one datagram of a stream after the other. All have the same size.
#[derive(Debug)]
pub struct DatagramWriter {
    content: Content,
    packets: usize,
    packet_bytes: usize,
    datagram_bytes: usize,
    proof: Option<ProofWriter>,
    rtp: Option<RtpWriter>,
    cut: Option<Cut>,
}

#[derive(Debug)]
struct ProofWriter {
    channel: u64,
    sequence: u64,
}

/// Groups wait here until a datagram can be cut from them.
#[derive(Debug)]
struct Cut {
    bytes: usize,
    pending: Vec<u8>,
}

impl DatagramWriter {
    #[must_use]
    pub fn new(definition: &StreamDefinition, content: Content) -> Self {
        let form = &definition.form;
        Self {
            content,
            packets: form.packets,
            packet_bytes: form.packet_bytes,
            datagram_bytes: form.datagram_bytes().min(DATAGRAM_SLOT_BYTES),
            proof: definition.proof.then(|| ProofWriter {
                channel: proof::channel_of(definition.id.as_str()),
                sequence: 0,
            }),
            rtp: form.rtp.as_ref().map(RtpWriter::new),
            cut: form.cut_bytes.map(|bytes| Cut {
                bytes,
                pending: Vec::with_capacity(CUT_BYTES_MAX + DATAGRAM_SLOT_BYTES),
            }),
        }
    }

    /// Size of every datagram.
    #[must_use]
    pub fn datagram_bytes(&self) -> usize {
        self.datagram_bytes
    }

    /// When the next datagram is due, in ticks of 27 MHz since the stream began.
    #[must_use]
    pub fn due_ticks(&self) -> u64 {
        self.content.ticks()
    }

    /// The content begins anew, as a restarted encoder's: `content` from now on, other RTP numbers.
    /// Proofs go on counting.
    pub fn restart(&mut self, content: Content) {
        self.content = content;
        if let Some(rtp) = &mut self.rtp {
            rtp.restart();
        }
    }

    /// The sequence number of the next RTP packet.
    pub fn set_rtp_sequence(&mut self, sequence: u16) {
        if let Some(rtp) = &mut self.rtp {
            rtp.sequence = sequence;
        }
    }

    /// Writes the next datagram over `slot`, which has [`Self::datagram_bytes`]. `sent_ns` is for
    /// the proof; `alter` may change each packet before its proof is made.
    pub fn write(
        &mut self,
        slot: &mut [u8],
        sent_ns: u64,
        alter: impl FnMut(&mut [u8; PACKET_BYTES]),
    ) {
        let timestamp_ticks = self.content.ticks();
        let start = self.rtp.as_ref().map_or(0, RtpWriter::header_bytes);
        if let Some(cut) = self.cut.take() {
            let cut = self.write_cut(cut, &mut slot[start..], sent_ns, alter);
            self.cut = Some(cut);
        } else {
            let bytes = self.packets * self.packet_bytes;
            self.write_group(&mut slot[start..start + bytes], sent_ns, alter);
        }
        if let Some(rtp) = &mut self.rtp {
            rtp.write(slot, timestamp_ticks);
        }
    }

    fn write_cut(
        &mut self,
        mut cut: Cut,
        slot: &mut [u8],
        sent_ns: u64,
        mut alter: impl FnMut(&mut [u8; PACKET_BYTES]),
    ) -> Cut {
        while cut.pending.len() < cut.bytes {
            let start = cut.pending.len();
            cut.pending
                .resize(start + self.packets * self.packet_bytes, 0);
            self.write_group(&mut cut.pending[start..], sent_ns, &mut alter);
        }
        slot[..cut.bytes].copy_from_slice(&cut.pending[..cut.bytes]);
        cut.pending.drain(..cut.bytes);
        cut
    }

    fn write_group(
        &mut self,
        group: &mut [u8],
        sent_ns: u64,
        mut alter: impl FnMut(&mut [u8; PACKET_BYTES]),
    ) {
        let mut crc = self.proof.as_ref().map(|_| crc32fast::Hasher::new());
        for (index, place) in group.chunks_exact_mut(self.packet_bytes).enumerate() {
            place[PACKET_BYTES..].fill(0xff);
            let Some(packet) = place.first_chunk_mut::<PACKET_BYTES>() else {
                continue;
            };
            if index == 0 && crc.is_some() {
                self.content.skip();
                continue;
            }
            self.content.next(packet);
            alter(packet);
            if let Some(crc) = &mut crc {
                crc.update(packet);
            }
        }
        if let (Some(crc), Some(proof), Some(packet)) = (
            crc,
            &mut self.proof,
            group.first_chunk_mut::<PACKET_BYTES>(),
        ) {
            proof.write(packet, self.packets - 1, crc.finalize(), sent_ns);
        }
    }
}

impl ProofWriter {
    fn write(&mut self, packet: &mut [u8; PACKET_BYTES], covered: usize, crc: u32, sent_ns: u64) {
        let proof = Proof {
            channel: self.channel,
            sequence: self.sequence,
            sent_ns,
            packets: u8::try_from(covered).unwrap_or(0),
            crc,
        };
        let [.., low] = self.sequence.to_be_bytes();
        proof.write(low & 0x0f, packet);
        self.sequence += 1;
    }
}

#[cfg(test)]
mod tests;
