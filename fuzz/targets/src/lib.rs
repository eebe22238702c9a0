//! What the fuzzer calls, one function a target: any bytes must be answered without panic, and
//! what is answered must hold together.
//!
//! The binaries in `fuzz/` hand libFuzzer's bytes over; `tests/corpus.rs` feeds the committed
//! corpus, so that what was found once stays found on every `cargo test`.

pub mod signal;

use std::sync::Arc;

use common::api::channel::Origin;
use common::document::Syntax;
use common::group::ChannelUrl;
use common::rtp::RtpHeader;
use common::ts::packet::{PACKET_BYTES, SYNC_BYTE, TsPacket};
use encoder_ingest::channels::file;
use encoder_ingest::definition::ChannelDefinition;
use encoder_ingest::http::head;
use encoder_ingest::http::request::{self, Query, WatchRequest};
use encoder_ingest::relay::block::{BlockBudget, BlockPool};
use encoder_ingest::relay::ingress::{Ingress, Out};
use encoder_ingest::relay::recorder::Recorder;
use encoder_ingest::signal::{Scanned, Signal};

/// A target's name, which is also its folder in the corpus, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All of them. A test compares them with the binaries in `fuzz/`.
pub const TARGETS: [Target; 7] = [
    ("channel_url", channel_url),
    ("channels_file", channels_file),
    ("datagrams", datagrams),
    ("request_head", request_head),
    ("rtp", rtp),
    ("signal", signal::signal),
    ("ts", ts),
];

/// TS packets, one behind the other, read field by field and by the signal analysis.
pub fn ts(bytes: &[u8]) {
    let (mut signal, mut now_ms) = (Signal::new(None), 0);
    for piece in bytes.chunks_exact(PACKET_BYTES) {
        let Some(packet) = TsPacket::new(piece) else {
            signal.bad_sync(piece);
            continue;
        };
        let field = packet.adaptation_field().len();
        let payload = packet.payload().len();
        assert!(field <= PACKET_BYTES - 5 && payload <= PACKET_BYTES - 4);
        assert!(field == 0 || payload == 0 || field + payload == PACKET_BYTES - 5);
        let _ = packet.pcr();
        // Time passes as the packet says: seldom much.
        now_ms += u64::from(piece[PACKET_BYTES - 1]).pow(2) / 64;
        let scanned = signal.scan(piece, now_ms);
        signal.check(now_ms);
        assert!(matches!(scanned, Scanned::All | Scanned::RandomAccess(0)));
    }
    assert!(signal.prelude().bytes().len().is_multiple_of(PACKET_BYTES));
    let _ = (signal.services(1000), signal.counts());
}

/// Datagrams one after the other through the careful path into a history: 16 bits before each say
/// how long it is (the low 11) and how many ticks of 10 ms have passed (the high 5).
pub fn datagrams(bytes: &[u8]) {
    let mut ingress = Ingress::default();
    let mut recorder = Recorder::new(None);
    let mut pool = BlockPool::new(Arc::new(BlockBudget::new(1 << 20)));
    let (mut rest, mut now_ms) = (bytes, 0);
    while let Some((head, behind)) = rest.split_at_checked(2) {
        let head = u16::from_be_bytes([head[0], head[1]]);
        now_ms += u64::from(head >> 11) * 10;
        let (datagram, behind) = behind.split_at(usize::from(head & 0x7ff).min(behind.len()));
        rest = behind;
        let mut out = Out {
            recorder: &mut recorder,
            pool: &mut pool,
            now_ms,
        };
        if ingress
            .deadline_ms()
            .is_some_and(|deadline| deadline <= now_ms)
        {
            ingress.release(&mut out);
        }
        ingress.datagram(datagram, &mut out);
    }
    whole_packets_only(&recorder);
}

/// The promise to every viewer: what the history holds is whole packets.
fn whole_packets_only(recorder: &Recorder) {
    let history = recorder.history();
    let mut position = history.tail();
    while position < history.head() {
        let piece = history.contiguous(position);
        assert!(!piece.is_empty() && piece.len().is_multiple_of(PACKET_BYTES));
        assert!(
            piece
                .chunks(PACKET_BYTES)
                .all(|packet| packet[0] == SYNC_BYTE)
        );
        position += piece.len() as u64;
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

/// What a connection sends first. A head that is complete is the same whatever comes behind it, and
/// is answered: as a request to watch where its path says so.
pub fn request_head(bytes: &[u8]) {
    let Ok(Some(head)) = head::parse(bytes) else {
        return;
    };
    let again = head::parse(&[bytes, b"GET"].concat());
    let again = again.expect("still a head").expect("still complete");
    assert_eq!((&again.method, &again.target), (&head.method, &head.target));
    assert_eq!(again.headers, head.headers);
    if request::is_watching(head.target.path()) {
        let query = Query::parse(&head.target);
        let _ = WatchRequest::parse(&head.method, &head.target, &query);
    }
}

/// A channels file, and the same bytes as a request body. What is taken is shown by the API in a
/// form that is taken again, and means the same.
pub fn channels_file(bytes: &[u8]) {
    for syntax in [Syntax::Yaml, Syntax::Json] {
        match file::read(bytes, syntax, CONTEXT) {
            Ok(file) => file.channels.iter().for_each(shown_is_taken_again),
            Err(mistakes) => assert!(!mistakes.is_empty()),
        }
    }
}

const CONTEXT: file::Context<'_> = file::Context {
    origin: Origin::Declared,
    profiles: file::Known::Any,
    channels_max: 100,
};

fn shown_is_taken_again(channel: &ChannelDefinition) {
    assert!(!channel.inputs.is_empty());
    let shown = serde_json::to_vec(&channel.document()).expect("a document is JSON");
    let again = file::read_channel(&shown, None, CONTEXT);
    assert_eq!(again.as_ref(), Ok(channel));
}
