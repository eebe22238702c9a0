//! What the fuzzer calls, one function a target: any bytes must be answered without panic, and
//! what is answered must hold together.
//!
//! The binaries in `fuzz/` hand libFuzzer's bytes over; `tests/corpus.rs` feeds the committed
//! corpus, so that what was found once stays found on every `cargo test`.

use common::document::{Mistakes, Syntax, read};
use common::group::ChannelUrl;
use common::rtp::RtpHeader;
use common::ts::packet::{PACKET_BYTES, TsPacket};

/// A target's name, which is also its folder in the corpus, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All of them. A test compares them with the binaries in `fuzz/`.
pub const TARGETS: [Target; 4] = [
    ("channel_url", channel_url),
    ("channels_file", channels_file),
    ("rtp", rtp),
    ("ts", ts),
];

/// TS packets, one behind the other.
pub fn ts(bytes: &[u8]) {
    for piece in bytes.chunks(PACKET_BYTES) {
        let Some(packet) = TsPacket::new(piece) else {
            continue;
        };
        let field = packet.adaptation_field().len();
        let payload = packet.payload().len();
        assert!(field <= PACKET_BYTES - 5 && payload <= PACKET_BYTES - 4);
        assert!(field == 0 || payload == 0 || field + payload == PACKET_BYTES - 5);
        let _ = (packet.pcr(), packet.discontinuity(), packet.random_access());
    }
}

/// One datagram as RTP.
pub fn rtp(datagram: &[u8]) {
    if let Ok(header) = RtpHeader::parse(datagram) {
        assert!(!header.payload.is_empty() && header.payload.end <= datagram.len());
    }
}

/// A channel URL; what is read is written so that it is read alike.
pub fn channel_url(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(url) = text.parse::<ChannelUrl>() {
        assert_eq!(url.to_string().parse(), Ok(url));
        assert!(url.group.group().is_multicast());
    }
}

/// A channels file, and the same bytes as a request body.
pub fn channels_file(bytes: &[u8]) {
    for syntax in [Syntax::Yaml, Syntax::Json] {
        let mistakes = Mistakes::new();
        let node = read(bytes, syntax, &mistakes);
        assert!(node.is_some() || !mistakes.is_empty());
    }
}
