//! Datagrams around a stream: plain, with Reed-Solomon bytes, RTP in its forms, cut without regard
//! to packets.

use crate::ts::{PACKET, TestStream};

/// TS packets of a datagram that fits Ethernet.
pub const PACKETS: usize = 7;

/// How the stream is cut into datagrams.
#[derive(Debug)]
pub enum Wrap {
    /// Seven TS packets.
    Plain,
    /// Seven packets of 204 bytes (16 bytes of Reed-Solomon each).
    ReedSolomon,
    /// Seven TS packets behind an RTP header.
    Rtp(Rtp),
    /// So many bytes, wherever packets end (ffmpeg's default is 1472).
    Cut { bytes: usize, rest: Vec<u8> },
}

/// The RTP header's fields that go on (RFC 3550, 5.1).
#[derive(Debug, Clone)]
pub struct Rtp {
    pub sequence: u16,
    pub ssrc: u32,
    pub payload_type: u8,
    pub contributors: u8,
    /// Words of a header extension; none: no extension.
    pub extension_words: Option<u16>,
    pub padding_bytes: u8,
}

impl Wrap {
    #[must_use]
    pub const fn cut(bytes: usize) -> Self {
        Self::Cut {
            bytes,
            rest: Vec::new(),
        }
    }

    /// The next datagram, and the TS bytes that it consumed from `stream`.
    pub fn next(&mut self, stream: &mut TestStream) -> (Vec<u8>, Vec<u8>) {
        match self {
            Self::Plain => {
                let ts = stream.take_bytes(PACKETS);
                (ts.clone(), ts)
            }
            Self::ReedSolomon => {
                let ts = stream.take_bytes(PACKETS);
                (with_reed_solomon(&ts), ts)
            }
            Self::Rtp(rtp) => {
                let ts = stream.take_bytes(PACKETS);
                (rtp.wrap(&ts), ts)
            }
            Self::Cut { bytes, rest } => {
                let mut ts = Vec::new();
                while rest.len() < *bytes {
                    let packet = stream.take_bytes(1);
                    rest.extend_from_slice(&packet);
                    ts.extend_from_slice(&packet);
                }
                (rest.drain(..*bytes).collect(), ts)
            }
        }
    }
}

impl Rtp {
    /// A plain header: payload type 33, nothing beside it.
    #[must_use]
    pub const fn new(sequence: u16, ssrc: u32) -> Self {
        Self {
            sequence,
            ssrc,
            payload_type: 33,
            contributors: 0,
            extension_words: None,
            padding_bytes: 0,
        }
    }

    /// `payload` behind the next header.
    pub fn wrap(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x80 | self.contributors];
        if self.extension_words.is_some() {
            bytes[0] |= 0x10;
        }
        if self.padding_bytes > 0 {
            bytes[0] |= 0x20;
        }
        bytes.push(self.payload_type);
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&(u32::from(self.sequence) * 1000).to_be_bytes());
        bytes.extend_from_slice(&self.ssrc.to_be_bytes());
        for contributor in 0..self.contributors {
            bytes.extend_from_slice(&u32::from(contributor).to_be_bytes());
        }
        if let Some(words) = self.extension_words {
            bytes.extend_from_slice(&[0xbe, 0xde]);
            bytes.extend_from_slice(&words.to_be_bytes());
            bytes.resize(bytes.len() + usize::from(words) * 4, 0x47);
        }
        bytes.extend_from_slice(payload);
        if self.padding_bytes > 0 {
            bytes.resize(bytes.len() + usize::from(self.padding_bytes) - 1, 0x47);
            bytes.push(self.padding_bytes);
        }
        self.sequence = self.sequence.wrapping_add(1);
        bytes
    }
}

/// Each packet of `ts` with 16 bytes behind it.
#[must_use]
pub fn with_reed_solomon(ts: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for packet in ts.chunks_exact(PACKET) {
        bytes.extend_from_slice(packet);
        bytes.extend_from_slice(&[0xa5; 16]);
    }
    bytes
}
