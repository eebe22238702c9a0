use common::rtp::RtpHeader;
use common::ts::packet::Pcr;
use proptest::prelude::*;

use super::*;
use crate::content::Material;
use crate::definition::{ContentDefinition, Form, RtpForm};
use crate::testcard::{Mux, MuxOptions};

fn definition(form: Form, proof: bool) -> StreamDefinition {
    StreamDefinition {
        id: "a".parse().expect("id"),
        name: "a".to_owned(),
        url: "udp://239.1.1.1:5000".parse().expect("url"),
        interface: "lo".parse().expect("name"),
        source: None,
        ttl: 1,
        loopback: true,
        content: ContentDefinition::TestCard {
            bps: 8_000_000,
            clock_start: Pcr(0),
        },
        proof,
        form,
        gso: None,
    }
}

fn writer(form: Form, proof: bool) -> DatagramWriter {
    let definition = definition(form, proof);
    let material = Material::new(&definition, None).expect("card");
    DatagramWriter::new(&definition, material.begin())
}

fn next(writer: &mut DatagramWriter) -> Vec<u8> {
    let mut slot = vec![0xaa; writer.datagram_bytes()];
    writer.write(&mut slot, 77, |_| {});
    slot
}

/// The card's bytes as they are.
fn plain(packets: usize) -> Vec<u8> {
    let mut mux = Mux::new(&MuxOptions {
        bps: 8_000_000,
        name: "a".to_owned(),
        proof: false,
        clock_start: Pcr(0),
    });
    let mut bytes = vec![0; packets * 188];
    for packet in bytes.chunks_exact_mut(188) {
        mux.next(packet.first_chunk_mut().expect("188"));
    }
    bytes
}

proptest! {
    #[test]
    fn every_form_carries_the_same_bytes(
        packets in 1_usize..=7,
        rs in any::<bool>(),
        cut in proptest::option::of(1_usize..2048),
        rtp in proptest::option::of((0_usize..16, proptest::option::of(0_usize..64), 0_usize..256)),
    ) {
        let form = Form {
            packets,
            packet_bytes: if rs { 204 } else { 188 },
            cut_bytes: cut,
            rtp: rtp.map(|(csrc, extension_words, padding)| RtpForm {
                sequence: Some(65_535), ssrc: Some(9), csrc, extension_words, padding, ..RtpForm::default()
            }),
        };
        let mut writer = writer(form.clone(), false);
        let mut bytes = Vec::new();
        for index in 0..40_u16 {
            let datagram = next(&mut writer);
            if form.rtp.is_some() {
                let header = RtpHeader::parse(&datagram).expect("RTP");
                prop_assert_eq!((header.sequence, header.ssrc, header.payload_type), (index.wrapping_sub(1), 9, 33));
                bytes.extend_from_slice(&datagram[header.payload]);
            } else {
                bytes.extend_from_slice(&datagram);
            }
        }
        let kept: Vec<u8> = bytes
            .chunks_exact(form.packet_bytes)
            .flat_map(|packet| packet[..188].to_vec())
            .collect();
        let plain = plain(kept.len() / 188);
        prop_assert!(kept == plain);
    }
}

#[test]
fn proofs_number_the_datagrams_and_cover_the_rest() {
    let mut writer = writer(Form::default(), true);
    for sequence in 0..40 {
        let datagram = next(&mut writer);
        let proof = Proof::read(datagram.first_chunk().expect("188")).expect("proof");
        assert_eq!(datagram[3], 0x10 | (sequence & 15) as u8);
        assert_eq!(
            proof,
            Proof {
                channel: proof::channel_of("a"),
                sequence,
                sent_ns: 77,
                packets: 6,
                crc: crc32fast::hash(&datagram[188..]),
            }
        );
    }
}

#[test]
fn rtp_time_is_that_of_the_first_byte_and_a_restart_changes_the_source() {
    let mut writer = writer(
        Form {
            rtp: Some(RtpForm::default()),
            ..Form::default()
        },
        false,
    );
    let mut headers = Vec::new();
    for _ in 0..100 {
        headers.push(RtpHeader::parse(&next(&mut writer)).expect("RTP"));
    }
    // 99 datagrams of 1316 bytes at 8 Mbit/s.
    let ran = headers[99].timestamp.wrapping_sub(headers[0].timestamp);
    assert_eq!(u64::from(ran), 99 * 1316 * 8 * 90_000 / 8_000_000);
    let material = Material::new(&definition(Form::default(), false), None).expect("card");
    writer.restart(material.begin());
    let after = RtpHeader::parse(&next(&mut writer)).expect("RTP");
    assert_ne!(after.ssrc, headers[0].ssrc);
    writer.set_rtp_sequence(65_000);
    assert_eq!(
        RtpHeader::parse(&next(&mut writer)).expect("RTP").sequence,
        65_000
    );
}
