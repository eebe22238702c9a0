//! What the TS itself says: continuity per PID, the tables, where a viewer can begin.
//!
//! Pure: given whole packets, their place in the channel's stream and `now`. It knows no socket and
//! no clock, changes no byte, and allocates only when a table changes.
//!
//! - [`pids`]: the state of each PID, and the scan that most packets never leave
//! - [`prelude`]: the tables in front of a viewer's start
//! - [`section`]: sections out of packets
//! - [`tables`]: PAT and PMT, and the packets that brought them
//! - [`text`], [`names`]: what services call themselves (SDT)
//! - [`access`]: random access points
//! - [`reason`]: one verdict from all of it

pub mod access;
pub mod names;
pub mod pids;
pub mod prelude;
pub mod reason;
pub mod section;
pub mod tables;
pub mod text;

use common::api::channel::Service;
use common::ts::packet::{PACKET_BYTES, Pid, TsPacket};

use self::names::Names;
use self::prelude::Prelude;
use pids::{Arrival, PidTable, Role};
use tables::Tables;

/// The analysis of one channel.
#[derive(Debug)]
pub struct Signal {
    pids: PidTable,
    tables: Tables,
    names: Names,
    /// Program that random access points are looked for in; none: the first in the PAT.
    program: Option<u16>,
    /// The datagrams have RTP sequence numbers, and they are whole but where a gap was told.
    numbered: bool,
    counts: SignalCounts,
}

/// What has been found since the channel began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SignalCounts {
    /// Errors of the continuity counter (ISO/IEC 13818-1, 2.4.3.3), one a PID and gap.
    pub continuity_errors: u64,
    /// TS packets that are missing by the continuity counter while the RTP sequence is whole: a
    /// lower bound, since the counter has four bits.
    pub missing_rtp: u64,
    /// The same in plain TS, where no drop of the kernel explains it.
    pub missing_plain: u64,
    /// Sections whose CRC-32 is wrong.
    pub crc_errors: u64,
    /// Packets with `transport_error_indicator`.
    pub transport_errors: u64,
    pub scrambled_packets: u64,
}

/// How far a scan came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scanned {
    All,
    /// A random access point begins with the packet at this offset, which has been scanned. The
    /// scan goes on behind it.
    RandomAccess(usize),
}

impl Signal {
    #[must_use]
    pub fn new(program: Option<u16>) -> Self {
        let mut pids = PidTable::default();
        pids.set_role(Pid::PAT, Role::Pat);
        pids.set_role(Pid::SDT, Role::Sdt);
        Self {
            pids,
            tables: Tables::default(),
            names: Names::default(),
            program,
            numbered: false,
            counts: SignalCounts::default(),
        }
    }

    /// Scans whole packets that begin with a sync byte. Stops behind a random access point.
    pub fn scan(&mut self, packets: &[u8]) -> Scanned {
        for (index, bytes) in packets.chunks_exact(PACKET_BYTES).enumerate() {
            if self.pids.expected(bytes) {
                continue;
            }
            if self.unexpected(bytes) {
                return Scanned::RandomAccess(index * PACKET_BYTES);
            }
        }
        Scanned::All
    }

    /// Something is missing here, and counted elsewhere: what the continuity counters then show is
    /// explained by it, once for each PID.
    pub fn gap(&mut self) {
        self.pids.gap();
    }

    /// Another source begins: what was known of PIDs and tables does not hold any more.
    pub fn restart(&mut self) {
        *self = Self {
            numbered: self.numbered,
            counts: self.counts,
            ..Self::new(self.program)
        };
    }

    /// From now on random access points are looked for in `program`.
    pub fn choose(&mut self, program: Option<u16>) {
        self.program = program;
        self.tables.assign_roles(program, &mut self.pids);
    }

    /// Another input takes over: as [`Self::restart`], and random access points are looked for in
    /// `program`.
    pub fn switch(&mut self, program: Option<u16>) {
        self.program = program;
        self.restart();
    }

    /// Whether the datagrams carry RTP sequence numbers.
    pub fn set_numbered(&mut self, numbered: bool) {
        self.numbered = numbered;
    }

    #[must_use]
    pub fn counts(&self) -> SignalCounts {
        self.counts
    }

    /// The newest PAT and PMT packets, those of the chosen program first.
    #[must_use]
    pub fn prelude(&self) -> Prelude {
        self.tables.prelude(self.program)
    }

    /// PAT and the PMT of the chosen program are known.
    #[must_use]
    pub fn has_tables(&self) -> bool {
        self.tables.are_known(self.program)
    }

    /// The programs as the API shows them, with bitrates over the `elapsed_ms` since the last call.
    pub fn services(&mut self, elapsed_ms: u64) -> Vec<Service> {
        self.tables
            .services(&mut self.pids, &self.names, elapsed_ms)
    }

    /// The packet is none that continues its PID plainly. Answers whether a viewer can begin here.
    #[cold]
    fn unexpected(&mut self, bytes: &[u8]) -> bool {
        let Some(packet) = TsPacket::new(bytes) else {
            return false;
        };
        if packet.tei() {
            self.counts.transport_errors += 1;
            return false;
        }
        let Some((role, arrival)) = self.pids.arrive(packet) else {
            return false;
        };
        self.counts.scrambled_packets += u64::from(packet.scrambled());
        match arrival {
            Arrival::Continues => {}
            Arrival::Duplicate => return false,
            Arrival::Gap { missing, explained } => {
                self.counts.continuity_errors += 1;
                if !explained {
                    let numbered = self.numbered;
                    let counts = &mut self.counts;
                    let count = if numbered {
                        &mut counts.missing_rtp
                    } else {
                        &mut counts.missing_plain
                    };
                    *count += u64::from(missing);
                }
                self.tables.interrupted(role);
                if role == Role::Sdt {
                    self.names.interrupted();
                }
            }
        }
        match role {
            Role::Other => false,
            Role::Pat | Role::Pmt(_) => {
                if !packet.scrambled() {
                    self.table_packet(role, packet);
                }
                false
            }
            Role::Video(kind) => packet.random_access() || access::begins(kind, packet),
            Role::Sdt => {
                self.names.packet(packet, &mut self.counts.crc_errors);
                false
            }
            Role::Audio => packet.pusi(),
        }
    }

    fn table_packet(&mut self, role: Role, packet: TsPacket<'_>) {
        let changed = self
            .tables
            .packet(role, packet, &mut self.counts.crc_errors);
        if changed {
            self.tables.assign_roles(self.program, &mut self.pids);
        }
    }
}

#[cfg(test)]
mod tests;
