//! RTP around a group of packets (RFC 3550, RFC 2250), with whatever optional parts a receiver
//! must cope with.

use std::hash::{BuildHasher, RandomState};

use common::rtp::plain_header;

use crate::definition::RtpForm;

/// First bits of a header extension by the "defined by profile" field; any value will do.
const EXTENSION_PROFILE: [u8; 2] = [0xbe, 0xde];

#[derive(Debug)]
pub(super) struct RtpWriter {
    form: RtpForm,
    pub(super) sequence: u16,
    ssrc: u32,
    timestamp_offset: u32,
}

impl RtpWriter {
    pub(super) fn new(form: &RtpForm) -> Self {
        Self {
            sequence: form.sequence.unwrap_or_else(|| low_bits(chance())),
            ssrc: form.ssrc.unwrap_or_else(chance),
            timestamp_offset: chance(),
            form: form.clone(),
        }
    }

    pub(super) fn restart(&mut self) {
        let old = self.ssrc;
        while self.ssrc == old {
            self.ssrc = chance();
        }
        self.sequence = low_bits(chance());
        self.timestamp_offset = chance();
    }

    pub(super) fn header_bytes(&self) -> usize {
        self.form.header_bytes()
    }

    /// Writes the header in front of the payload in `datagram`, and the padding behind it.
    pub(super) fn write(&mut self, datagram: &mut [u8], ticks: u64) {
        // RFC 2250, 2: the timestamp is of 90 kHz.
        let timestamp = self.timestamp_offset.wrapping_add(low_word(ticks / 300));
        let plain = plain_header(self.sequence, timestamp, self.ssrc);
        self.sequence = self.sequence.wrapping_add(1);
        let (header, rest) = datagram.split_at_mut(self.form.header_bytes());
        let (fixed, optional) = header.split_at_mut(plain.len());
        fixed.copy_from_slice(&plain);
        fixed[0] |= u8::try_from(self.form.csrc).unwrap_or(0) & 0x0f;
        fixed[1] = self.form.payload_type;
        let (csrc, extension) = optional.split_at_mut(4 * self.form.csrc);
        csrc.fill(0xc5);
        if let Some(words) = self.form.extension_words {
            let [.., high, low] = words.to_be_bytes();
            fixed[0] |= 0x10;
            extension[..2].copy_from_slice(&EXTENSION_PROFILE);
            extension[2..4].copy_from_slice(&[high, low]);
            extension[4..].fill(0xe7);
        }
        if self.form.padding > 0 {
            fixed[0] |= 0x20;
            let (_, padding) = rest.split_at_mut(rest.len() - self.form.padding);
            padding.fill(0);
            padding[self.form.padding - 1] = u8::try_from(self.form.padding).unwrap_or(0);
        }
    }
}

/// A number that nobody can foresee; quality does not matter here.
fn chance() -> u32 {
    low_word(RandomState::new().hash_one(0))
}

#[expect(clippy::cast_possible_truncation, reason = "the low bits are wanted")]
fn low_word(value: u64) -> u32 {
    value as u32
}

#[expect(clippy::cast_possible_truncation, reason = "the low bits are wanted")]
fn low_bits(value: u32) -> u16 {
    value as u16
}
