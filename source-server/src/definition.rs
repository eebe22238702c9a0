//! What a stream should be: the parsed form, from flags, file or API. A value of these types is
//! valid and nothing here is checked again.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use common::document::{Explained, MistakeCode};
use common::group::{ChannelUrl, InterfaceName};
use common::id::is_id;
use common::rtp::{HEADER_BYTES, PAYLOAD_TYPE_MP2T};
use common::ts::packet::{PACKET_BYTES, PACKET_RS_BYTES, Pcr};

use crate::limits::GSO_BPS_MIN;

/// `[a-z0-9][a-z0-9_-]{0,62}`, as a channel's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(String);

/// Why a text can't be the id of a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} can't be a stream id: use a-z, 0-9, \"_\" and \"-\", at most 63 characters, first a letter or digit"
)]
pub struct StreamIdError(String);

impl Explained for StreamIdError {
    fn code(&self) -> MistakeCode {
        MistakeCode::BadId
    }
}

/// A stream as its user wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamDefinition {
    pub id: StreamId,
    /// Service name of the test card.
    pub name: String,
    pub url: ChannelUrl,
    pub interface: InterfaceName,
    /// Address to send from; none: the kernel chooses one of the NIC's.
    pub source: Option<IpAddr>,
    pub ttl: u8,
    /// Receivers on this host get it too.
    pub loopback: bool,
    pub content: ContentDefinition,
    pub proof: bool,
    pub form: Form,
    /// Runs cut by the kernel (UDP GSO); none: by the rate.
    pub gso: Option<bool>,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentDefinition {
    /// The built-in card at a constant rate; its first PCR.
    TestCard { bps: u64, clock_start: Pcr },
    /// A TS file, looped.
    File(PathBuf),
}

/// How TS packets become datagrams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// TS packets in a datagram, 1 to 7.
    pub packets: usize,
    /// 188, or 204: 16 bytes of FF stand behind each packet, where DVB has its parity.
    pub packet_bytes: usize,
    /// The bytes are cut in datagrams of this size, without regard to packets.
    pub cut_bytes: Option<usize>,
    pub rtp: Option<RtpForm>,
}

/// The RTP header and what may be around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpForm {
    /// First sequence number; none: by chance, as RFC 3550 (5.1) wants it.
    pub sequence: Option<u16>,
    /// None: by chance.
    pub ssrc: Option<u32>,
    pub payload_type: u8,
    pub csrc: usize,
    /// Words of four bytes in a header extension.
    pub extension_words: Option<usize>,
    /// Bytes behind the payload, their count in the last.
    pub padding: usize,
}

impl StreamId {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An id that the program makes itself, of the same form.
    #[must_use]
    pub(crate) fn made(text: String) -> Self {
        Self(text)
    }
}

impl FromStr for StreamId {
    type Err = StreamIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_id(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(StreamIdError(text.to_owned()))
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StreamDefinition {
    /// Whether runs of datagrams leave by GSO.
    #[must_use]
    pub fn uses_gso(&self) -> bool {
        let fast =
            matches!(self.content, ContentDefinition::TestCard { bps, .. } if bps >= GSO_BPS_MIN);
        self.gso.unwrap_or(fast)
    }
}

impl Default for Form {
    fn default() -> Self {
        Self {
            packets: 7,
            packet_bytes: PACKET_BYTES,
            cut_bytes: None,
            rtp: None,
        }
    }
}

impl Form {
    /// Bytes of TS packets, with what stands behind each, in a group of [`Self::packets`].
    #[must_use]
    pub fn group_bytes(&self) -> usize {
        self.packets * self.packet_bytes
    }

    /// Bytes behind each packet.
    #[must_use]
    pub fn parity_bytes(&self) -> usize {
        self.packet_bytes.min(PACKET_RS_BYTES) - PACKET_BYTES
    }

    /// Puts `byte` where the sync bytes of `count` packets stand in a datagram, from packet `first`
    /// on. Where datagrams are cut without regard to packets, any byte is as good.
    pub fn corrupt_sync(&self, datagram: &mut [u8], first: usize, count: usize, byte: u8) {
        let start = self.rtp.as_ref().map_or(0, RtpForm::header_bytes);
        let places = datagram.iter_mut().skip(start).step_by(self.packet_bytes);
        for place in places.skip(first).take(count) {
            *place = byte;
        }
    }

    /// Size of every datagram.
    #[must_use]
    pub fn datagram_bytes(&self) -> usize {
        let around = self
            .rtp
            .as_ref()
            .map_or(0, |rtp| rtp.header_bytes() + rtp.padding);
        around + self.cut_bytes.unwrap_or_else(|| self.group_bytes())
    }
}

impl Default for RtpForm {
    fn default() -> Self {
        Self {
            sequence: None,
            ssrc: None,
            payload_type: PAYLOAD_TYPE_MP2T,
            csrc: 0,
            extension_words: None,
            padding: 0,
        }
    }
}

impl RtpForm {
    #[must_use]
    pub fn header_bytes(&self) -> usize {
        HEADER_BYTES + 4 * self.csrc + self.extension_words.map_or(0, |words| 4 + 4 * words)
    }
}
