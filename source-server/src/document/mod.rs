//! Streams and faults as people write them: the streams file (YAML) and the API's bodies (JSON),
//! read with every mistake at once.

mod faults;

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;

use common::document::{Cursor, Fields, Mistake, MistakeCode, Mistakes, Syntax, read};
use common::group::{ChannelUrl, InterfaceName, Scheme};
use common::ts::packet::{PACKET_BYTES, PACKET_RS_BYTES, Pcr};

use crate::definition::{ContentDefinition, Form, RtpForm, StreamDefinition, StreamId};
use crate::limits::{
    CUT_BYTES_MAX, RTP_EXTENSION_WORDS_MAX, STREAM_BPS_MAX, STREAM_BPS_MIN, STREAMS_MAX,
};
use crate::sender::FaultOrder;

/// What a stream is that does not say otherwise.
#[derive(Debug, Clone)]
pub struct Defaults {
    pub interface: InterfaceName,
    /// Only for groups of its own IP version.
    pub source: Option<IpAddr>,
    pub ttl: u8,
    pub loopback: bool,
    pub bps: u64,
    pub proof: bool,
}

/// A stream to begin with, and how it is broken.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamOrder {
    pub definition: StreamDefinition,
    pub faults: FaultOrder,
}

const STREAM_KEYS: [&str; 17] = [
    "id",
    "name",
    "url",
    "interface",
    "source",
    "ttl",
    "loopback",
    "mbps",
    "file",
    "proof",
    "packets",
    "packet_bytes",
    "datagram_bytes",
    "gso",
    "clock_start_s",
    "rtp",
    "faults",
];

const NAME_CHARACTERS_MAX: usize = 60;

/// Seconds until the PCR wraps, less a tick: 26.5 hours.
const CLOCK_START_S_MAX: f64 = 95_443.0;

/// The streams of a file.
///
/// # Errors
/// With every mistake.
pub fn streams_file(bytes: &[u8], defaults: &Defaults) -> Result<Vec<StreamOrder>, Vec<Mistake>> {
    let mistakes = Mistakes::new();
    let streams = read(bytes, Syntax::Yaml, &mistakes).and_then(|node| {
        let root = Cursor::root(&node, &mistakes);
        let items = root
            .fields(&["streams"])?
            .required("streams")?
            .items(0..=STREAMS_MAX)?;
        let mut seen = Seen::new();
        // Every one is read, so that all mistakes are told.
        let streams: Vec<_> = items
            .iter()
            .map(|item| stream_at(item, defaults, &mut seen))
            .collect();
        streams.into_iter().collect()
    });
    mistakes.or(streams)
}

/// The stream of a request body.
///
/// # Errors
/// With every mistake.
pub fn stream(body: &[u8], defaults: &Defaults) -> Result<StreamOrder, Vec<Mistake>> {
    let mistakes = Mistakes::new();
    let stream = read(body, Syntax::Json, &mistakes)
        .and_then(|node| stream_at(&Cursor::root(&node, &mistakes), defaults, &mut Seen::new()));
    mistakes.or(stream)
}

/// The faults of a request body.
///
/// # Errors
/// With every mistake.
pub fn faults(body: &[u8]) -> Result<FaultOrder, Vec<Mistake>> {
    let mistakes = Mistakes::new();
    let order = read(body, Syntax::Json, &mistakes)
        .and_then(|node| faults::order(&Cursor::root(&node, &mistakes)));
    mistakes.or(order)
}

/// The ids so far, with their lines.
type Seen = HashMap<StreamId, Option<usize>>;

fn id_at(at: &Cursor<'_>, seen: &mut Seen) -> Option<StreamId> {
    let id = at.parse::<StreamId>()?;
    if let Some(line) = seen.get(&id) {
        let line = line.map_or_else(String::new, |line| format!(" in line {line}"));
        let detail = format!("another stream{line} has the id \"{id}\"");
        at.reject(MistakeCode::Duplicate, detail);
    }
    seen.insert(id.clone(), at.line());
    Some(id)
}

fn stream_at(at: &Cursor<'_>, defaults: &Defaults, seen: &mut Seen) -> Option<StreamOrder> {
    let fields = at.fields(&STREAM_KEYS)?;
    let id = fields.required("id").and_then(|at| id_at(&at, seen));
    let url = fields
        .required("url")
        .and_then(|at| at.parse::<ChannelUrl>());
    let name = optional(&fields, "name", |at| at.text(1..=NAME_CHARACTERS_MAX));
    let interface = optional(&fields, "interface", Cursor::parse::<InterfaceName>);
    let source = optional(&fields, "source", Cursor::parse::<IpAddr>);
    let ttl = optional(&fields, "ttl", |at| at.integer(0..=255_u8));
    let loopback = optional(&fields, "loopback", Cursor::boolean);
    let proof = optional(&fields, "proof", Cursor::boolean);
    let gso = optional(&fields, "gso", Cursor::boolean);
    let content = content(&fields, defaults);
    let form = form(&fields, url.as_ref());
    let faults = optional(&fields, "faults", faults::order);
    let proof = proof?.unwrap_or(defaults.proof);
    if proof && form.as_ref().is_some_and(|form| form.packets < 2) {
        let detail = "a proof needs a packet that it covers: use packets: 2 or more";
        fields
            .get("packets")
            .as_ref()
            .unwrap_or(at)
            .reject(MistakeCode::Invalid, detail);
    }
    let (id, url) = (id?, url?);
    let source = source_of(&fields, url, source?, defaults);
    Some(StreamOrder {
        definition: StreamDefinition {
            name: name?.map_or_else(|| id.to_string(), str::to_owned),
            url,
            interface: interface?.unwrap_or_else(|| defaults.interface.clone()),
            source: source?,
            ttl: ttl?.unwrap_or(defaults.ttl),
            loopback: loopback?.unwrap_or(defaults.loopback),
            content: content?,
            proof,
            form: form?,
            gso: gso?,
            id,
        },
        faults: faults?.unwrap_or_default(),
    })
}

/// None: it is given and wrong. Some(None): it is not given.
#[expect(
    clippy::option_option,
    reason = "wrong, absent and given are three things"
)]
fn optional<'a, T>(
    fields: &Fields<'a>,
    key: &str,
    take: impl FnOnce(&Cursor<'a>) -> Option<T>,
) -> Option<Option<T>> {
    match fields.get(key) {
        Some(at) => take(&at).map(Some),
        None => Some(None),
    }
}

/// The address to send from: the URL's, the stream's own, or the default of that IP version.
#[expect(
    clippy::option_option,
    reason = "wrong, absent and given are three things"
)]
fn source_of(
    fields: &Fields<'_>,
    url: ChannelUrl,
    own: Option<IpAddr>,
    defaults: &Defaults,
) -> Option<Option<IpAddr>> {
    let group = url.group;
    let fits = |source: &IpAddr| source.is_ipv4() == group.group().is_ipv4();
    if let (Some(own), Some(at)) = (own, fields.get("source")) {
        if !fits(&own) || own.is_multicast() || own.is_unspecified() {
            at.reject(
                MistakeCode::Invalid,
                format!("{own} can't send to {}", group.group()),
            );
            return None;
        }
        if group.source().is_some_and(|source| source != own) {
            at.reject(MistakeCode::Invalid, "the URL names another source");
            return None;
        }
    }
    Some(
        group
            .source()
            .or(own)
            .or_else(|| defaults.source.filter(fits)),
    )
}

fn content(fields: &Fields<'_>, defaults: &Defaults) -> Option<ContentDefinition> {
    let file = optional(fields, "file", |at| at.text(1..=4096));
    let mbps = optional(fields, "mbps", |at| {
        at.number(megabits(STREAM_BPS_MIN)..=megabits(STREAM_BPS_MAX))
    });
    let clock_start_s = optional(fields, "clock_start_s", |at| {
        at.number(0.0..=CLOCK_START_S_MAX)
    });
    let Some(path) = file? else {
        let seconds = clock_start_s?.unwrap_or(0.0);
        return Some(ContentDefinition::TestCard {
            bps: mbps?.map_or(defaults.bps, bits),
            clock_start: Pcr(ticks(seconds)),
        });
    };
    for key in ["mbps", "clock_start_s"] {
        if let Some(at) = fields.get(key) {
            at.reject(
                MistakeCode::Invalid,
                "is the test card's: a file has its own rate and clock",
            );
        }
    }
    Some(ContentDefinition::File(PathBuf::from(path)))
}

fn form(fields: &Fields<'_>, url: Option<&ChannelUrl>) -> Option<Form> {
    let plain = Form::default();
    let packets = optional(fields, "packets", |at| at.integer(1..=7_usize));
    let packet_bytes = optional(fields, "packet_bytes", |at| {
        let bytes = at.integer(PACKET_BYTES..=PACKET_RS_BYTES)?;
        if bytes != PACKET_BYTES && bytes != PACKET_RS_BYTES {
            at.reject(
                MistakeCode::NotOneOf,
                format!("use {PACKET_BYTES} or {PACKET_RS_BYTES}"),
            );
        }
        Some(bytes)
    });
    let cut_bytes = optional(fields, "datagram_bytes", |at| at.integer(1..=CUT_BYTES_MAX));
    let rtp = optional(fields, "rtp", rtp);
    let is_rtp = url.is_some_and(|url| url.scheme == Scheme::Rtp);
    if url.is_some()
        && !is_rtp
        && let Some(at) = fields.get("rtp")
    {
        at.reject(MistakeCode::Invalid, "the URL is not rtp://");
    }
    if is_rtp && let Some(at) = fields.get("datagram_bytes") {
        at.reject(
            MistakeCode::Invalid,
            "RTP carries whole packets: use packets",
        );
    }
    Some(Form {
        packets: packets?.unwrap_or(plain.packets),
        packet_bytes: packet_bytes?.unwrap_or(plain.packet_bytes),
        cut_bytes: cut_bytes?,
        rtp: rtp?.or_else(|| is_rtp.then(RtpForm::default)),
    })
}

fn rtp(at: &Cursor<'_>) -> Option<RtpForm> {
    let fields = at.fields(&[
        "sequence",
        "ssrc",
        "payload_type",
        "csrc",
        "extension_words",
        "padding",
    ])?;
    let sequence = optional(&fields, "sequence", |at| at.integer(0..=u16::MAX));
    let ssrc = optional(&fields, "ssrc", |at| at.integer(0..=u32::MAX));
    let payload_type = optional(&fields, "payload_type", |at| at.integer(0..=127_u8));
    let csrc = optional(&fields, "csrc", |at| at.integer(0..=15_usize));
    let extension = optional(&fields, "extension_words", |at| {
        at.integer(0..=RTP_EXTENSION_WORDS_MAX)
    });
    let padding = optional(&fields, "padding", |at| at.integer(0..=255_usize));
    let plain = RtpForm::default();
    Some(RtpForm {
        sequence: sequence?,
        ssrc: ssrc?,
        payload_type: payload_type?.unwrap_or(plain.payload_type),
        csrc: csrc?.unwrap_or(plain.csrc),
        extension_words: extension?,
        padding: padding?.unwrap_or(plain.padding),
    })
}

#[expect(clippy::cast_precision_loss, reason = "rates are far below 2^53")]
pub(crate) fn megabits(bps: u64) -> f64 {
    bps as f64 / 1e6
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounded by the caller"
)]
pub(crate) fn bits(mbps: f64) -> u64 {
    (mbps * 1e6).round() as u64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounded by the caller"
)]
fn ticks(seconds: f64) -> u64 {
    (seconds * 27e6).round() as u64
}

#[cfg(test)]
mod tests;
