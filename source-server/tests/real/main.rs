//! What only real things show: sockets on `lo`, a player, the process.

mod players;
mod process;
mod reading;
mod sending;

use common::ts::packet::Pcr;
use source_server::content::Material;
use source_server::datagram::DatagramWriter;
use source_server::definition::{ContentDefinition, Form, StreamDefinition};

/// A test card of 8 Mbit/s on `lo`, whose TTL of 0 keeps it on this host.
fn definition(id: &str, url: &str) -> StreamDefinition {
    StreamDefinition {
        id: id.parse().expect("id"),
        name: id.to_owned(),
        url: url.parse().expect("url"),
        interface: "lo".parse().expect("name"),
        source: None,
        ttl: 0,
        loopback: true,
        content: ContentDefinition::TestCard {
            bps: 8_000_000,
            clock_start: Pcr(0),
        },
        proof: true,
        form: Form::default(),
        gso: None,
    }
}

fn writer(definition: &StreamDefinition) -> DatagramWriter {
    let material = Material::new(definition, None).expect("card");
    DatagramWriter::new(definition, material.begin())
}

/// `seconds` of a stream's bytes, proofs stating `sent_ns`.
fn bytes(definition: &StreamDefinition, seconds: u64, sent_ns: u64) -> Vec<u8> {
    let mut writer = writer(definition);
    let mut bytes = Vec::new();
    let mut slot = vec![0; writer.datagram_bytes()];
    while writer.due_ticks() < seconds * Pcr::TICKS_PER_SECOND {
        writer.write(&mut slot, sent_ns, |_| {});
        bytes.extend_from_slice(&slot);
    }
    bytes
}
