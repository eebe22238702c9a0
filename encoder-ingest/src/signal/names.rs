//! Names of services: the SDT of this transport stream (ETSI EN 300 468, 5.2.3).

use common::api::tr101290::Indicator;
use common::ts::packet::TsPacket;

use super::judge::Judge;
use super::pids::Role;
use super::section::{Read, Section, SectionReader};
use super::si::has_crc;
use super::text::decode;
use crate::limits::PROGRAMS_MAX;

/// `service_description_section` of the actual transport stream.
const SDT_ACTUAL_TABLE_ID: u8 = 0x42;

/// `service_descriptor` (6.2.33).
const SERVICE_DESCRIPTOR: u8 = 0x48;

/// What the services call themselves.
#[derive(Debug, Default)]
pub struct Names {
    reader: SectionReader,
    names: Vec<ServiceName>,
}

/// The name of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceName {
    pub service_id: u16,
    pub name: String,
    pub provider: String,
}

impl Names {
    /// Takes a packet of the SDT's PID.
    pub fn packet(&mut self, packet: TsPacket<'_>, judge: &mut Judge) {
        let names = &mut self.names;
        self.reader.packet(packet, |read| match read {
            Read::Whole(section) if section.table_id == SDT_ACTUAL_TABLE_ID && section.current => {
                for name in services(&section) {
                    remember(names, name, judge);
                }
            }
            Read::CrcError(table_id) if has_crc(Role::Sdt, table_id) => {
                judge.raise(Indicator::CrcError);
            }
            Read::TooLong => judge.limit(),
            Read::CrcError(_) | Read::Whole(_) | Read::Short(_) => {}
        });
    }

    /// A packet of this PID is missing.
    pub fn interrupted(&mut self) {
        self.reader.interrupt();
    }

    #[must_use]
    pub fn of(&self, service_id: u16) -> Option<&ServiceName> {
        self.names.iter().find(|name| name.service_id == service_id)
    }
}

fn remember(names: &mut Vec<ServiceName>, name: ServiceName, judge: &mut Judge) {
    let known = names
        .iter()
        .position(|known| known.service_id == name.service_id);
    match known {
        Some(index) => names[index] = name,
        None if names.len() < PROGRAMS_MAX => names.push(name),
        None => judge.limit(),
    }
}

/// The services of a section; what is cut short ends the list.
fn services<'a>(section: &Section<'a>) -> impl Iterator<Item = ServiceName> + use<'a> {
    // Behind original_network_id and a reserved byte.
    let mut rest = section.body.get(3..).unwrap_or_default();
    std::iter::from_fn(move || {
        let [id_high, id_low, _, length_high, length_low, ..] = *rest else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([length_high & 0x0f, length_low]));
        let descriptors = rest.get(5..5 + length)?;
        rest = &rest[5 + length..];
        let service_id = u16::from_be_bytes([id_high, id_low]);
        Some(name_of(service_id, descriptors))
    })
}

fn name_of(service_id: u16, mut descriptors: &[u8]) -> ServiceName {
    while let [tag, length, rest @ ..] = descriptors {
        let Some((content, rest)) = rest.split_at_checked(usize::from(*length)) else {
            break;
        };
        if *tag == SERVICE_DESCRIPTOR
            && let Some((provider, name)) = provider_and_name(content)
        {
            return ServiceName {
                service_id,
                name: decode(name),
                provider: decode(provider),
            };
        }
        descriptors = rest;
    }
    ServiceName {
        service_id,
        name: String::new(),
        provider: String::new(),
    }
}

/// `service_type`, then two texts with their lengths in front.
fn provider_and_name(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let (provider_length, rest) = content.get(1..)?.split_first()?;
    let (provider, rest) = rest.split_at_checked(usize::from(*provider_length))?;
    let (name_length, rest) = rest.split_first()?;
    Some((provider, rest.get(..usize::from(*name_length))?))
}
