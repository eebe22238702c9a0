//! The tables beside PAT and PMT: conditional access (CAT), and those of DVB, whose CRC is judged
//! (TR 101 290, 2.2 and 2.6). Names of services are read in [`super::names`].

use common::api::tr101290::Indicator;
use common::ts::packet::TsPacket;

use super::judge::{Absence, Judge};
use super::pids::Role;
use super::section::{Read, SectionReader};
use super::time::Moment;

const CAT_TABLE_ID: u8 = 0x01;

/// After the first scrambled packet a CAT must have come within so long, and again within so long.
/// TR 101 290 gives no time; a CAT each second is usual.
const CAT_LIMIT_MS: u64 = 2000;

/// A PID that was scrambled within so long is still scrambled.
const SCRAMBLED_MS: u64 = 1000;

/// CAT, NIT, EIT and TOT of one channel.
#[derive(Debug, Default)]
pub struct ServiceInformation {
    cat: SectionReader,
    nit: SectionReader,
    eit: SectionReader,
    tot: SectionReader,
    cat_absence: Absence,
    /// When a scrambled packet last came.
    scrambled: Option<Moment>,
}

impl ServiceInformation {
    /// Takes a packet of one of the PIDs.
    pub fn packet(&mut self, role: Role, packet: TsPacket<'_>, now: Moment, judge: &mut Judge) {
        let Some(reader) = self.reader(role) else {
            return;
        };
        let mut reader = std::mem::take(reader);
        reader.packet(packet, |read| match (role, read) {
            (Role::Cat, Read::Whole(section)) if section.table_id == CAT_TABLE_ID => {
                self.cat_absence.seen(now);
            }
            (Role::Cat, Read::Whole(_) | Read::Short(_)) => judge.raise(Indicator::CatError),
            (_, Read::CrcError(table_id)) if has_crc(role, table_id) => {
                judge.raise(Indicator::CrcError);
            }
            (_, Read::TooLong) => judge.limit(),
            (_, Read::CrcError(_) | Read::Whole(_) | Read::Short(_)) => {}
        });
        if let Some(place) = self.reader(role) {
            *place = reader;
        }
    }

    /// A packet of this PID is missing.
    pub fn interrupted(&mut self, role: Role) {
        if let Some(reader) = self.reader(role) {
            reader.interrupt();
        }
    }

    /// A scrambled packet: there must be a CAT.
    pub fn scrambled(&mut self, now: Moment) {
        if !self.is_scrambled(now) {
            self.cat_absence.seen(now);
        }
        self.scrambled = Some(now);
    }

    /// Whether scrambled packets come without a CAT.
    pub fn check(&mut self, now: Moment, judge: &mut Judge) {
        if self.is_scrambled(now) && self.cat_absence.overdue(now, CAT_LIMIT_MS) {
            judge.raise(Indicator::CatError);
        }
    }

    pub fn restart_time(&mut self, now: Moment) {
        self.cat_absence.seen(now);
        self.scrambled = None;
    }

    fn is_scrambled(&self, now: Moment) -> bool {
        self.scrambled
            .is_some_and(|last| now.since_ms(last) < SCRAMBLED_MS)
    }

    fn reader(&mut self, role: Role) -> Option<&mut SectionReader> {
        match role {
            Role::Cat => Some(&mut self.cat),
            Role::Nit => Some(&mut self.nit),
            Role::Eit => Some(&mut self.eit),
            Role::Tot => Some(&mut self.tot),
            _ => None,
        }
    }
}

/// Tables whose CRC is judged (2.2), where they belong (EN 300 468, table 2). A PID may be used for
/// something else by who does not follow DVB.
#[must_use]
pub fn has_crc(role: Role, table_id: u8) -> bool {
    match role {
        Role::Cat => true,
        Role::Nit => matches!(table_id, 0x40 | 0x41),
        Role::Sdt => matches!(table_id, 0x42 | 0x46 | 0x4a),
        Role::Eit => matches!(table_id, 0x4e..=0x6f),
        Role::Tot => table_id == 0x73,
        _ => false,
    }
}
