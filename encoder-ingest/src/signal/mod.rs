//! What the TS itself says: continuity per PID, the tables, where a viewer can begin.
//!
//! Pure: given whole packets, their place in the channel's stream and `now`. It knows no socket and
//! no clock, changes no byte, and allocates only when a table changes.
//!
//! Packets that continue their PID plainly cost one lookup; what is deeper is read where a table, a
//! PES packet or a PCR begins. Time is that of arrival, given with each block, and the stream's own.
//!
//! - [`counts`]: what control is shown
//! - [`time`]: both clocks
//! - [`judge`]: what is counted, and when it may be
//! - [`pids`]: the state of each PID, and the scan that most packets never leave
//! - [`prelude`]: the tables in front of a viewer's start
//! - [`section`]: sections out of packets
//! - [`coding`]: what a PMT says of a stream
//! - [`tables`]: PAT and PMT, and the packets that brought them
//! - [`si`]: CAT, NIT, EIT, TOT
//! - [`text`], [`names`]: what services call themselves (SDT)
//! - [`access`]: random access points
//! - [`pes`], [`content`]: time stamps, and what streams say of themselves
//! - [`pcr`], [`accuracy`]: the clocks of programs
//! - [`watch`]: what is followed of each PID that a PMT names
//! - [`due`]: what must have come by now
//! - [`describe`]: services as the API shows them
//! - [`jitter`]: how unevenly datagrams arrive
//! - [`recent`]: when each kind of error was counted last
//! - [`reason`]: one verdict from all of it

pub mod access;
pub mod accuracy;
pub mod coding;
pub mod content;
pub mod counts;
pub mod describe;
mod due;
pub mod jitter;
pub mod judge;
pub mod names;
pub mod pcr;
pub mod pes;
pub mod pids;
pub mod prelude;
pub mod reason;
pub mod recent;
pub mod section;
pub mod si;
pub mod tables;
pub mod text;
pub mod time;
pub mod watch;

use common::api::channel::Service;
use common::api::tr101290::Indicator;
use common::ts::packet::{PACKET_BYTES, Pid, TsPacket};

use counts::Losses;
pub use counts::SignalCounts;
use jitter::ArrivalJitter;
use judge::Judge;
use names::Names;
use pids::{Arrival, Known, PidTable, Role, Seen};
use prelude::Prelude;
use si::ServiceInformation;
use tables::Tables;
use time::{Moment, Times};
use watch::{Place, Watches};

/// The analysis of one channel.
#[derive(Debug)]
pub struct Signal {
    pids: PidTable,
    tables: Tables,
    si: ServiceInformation,
    names: Names,
    watches: Watches,
    times: Times,
    judge: Judge,
    jitter: ArrivalJitter,
    checked_ms: u64,
    aged_ms: u64,
    /// Program that random access points are looked for in; none: the first in the PAT.
    program: Option<u16>,
    /// The datagrams have RTP sequence numbers, and they are whole but where a gap was told.
    numbered: bool,
    counts: Losses,
    /// Scrambled packets of sources before this one.
    scrambled_before: u64,
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
        Self {
            pids,
            tables: Tables::default(),
            si: ServiceInformation::default(),
            names: Names::default(),
            watches: Watches::default(),
            times: Times::default(),
            judge: Judge::default(),
            jitter: ArrivalJitter::default(),
            checked_ms: 0,
            aged_ms: 0,
            program,
            numbered: false,
            counts: Losses::default(),
            scrambled_before: 0,
        }
    }

    /// Scans whole packets that begin with a sync byte and came at `now_ms`. Stops behind a random
    /// access point.
    pub fn scan(&mut self, packets: &[u8], now_ms: u64) -> Scanned {
        if self.times.arrive(now_ms) {
            self.restart_time();
        }
        if self.judge.watches_sync() {
            self.regain_sync(packets);
        }
        for (index, bytes) in packets.chunks_exact(PACKET_BYTES).enumerate() {
            if self.pids.expected(bytes) {
                continue;
            }
            if self.unexpected(packets, index) {
                self.times.pass(index + 1);
                return Scanned::RandomAccess(index * PACKET_BYTES);
            }
        }
        self.times.pass(packets.len() / PACKET_BYTES);
        Scanned::All
    }

    /// A packet has a bad sync byte; it goes no further.
    pub fn bad_sync(&mut self, packet: &[u8]) {
        self.judge.bad_sync();
        // It took its place in the stream.
        self.times.pass(1);
        if !self.pids.pass_over(packet) {
            self.pids.gap(Known::OutOfSync);
        }
    }

    /// A packet whose sync byte can't be believed seems to be one of this stream.
    #[must_use]
    pub fn knows(&self, packet: &[u8]) -> bool {
        self.pids.knows(packet)
    }

    /// What arrived first since [`Self::stream_ticks`] was asked came at `stamp_ns`.
    pub fn arrived(&mut self, ticks: Option<u64>, stamp_ns: u64) {
        if let Some(ticks) = ticks
            && stamp_ns > 0
        {
            self.jitter.sample(ticks, stamp_ns);
        }
    }

    /// What the stream's own clock shows at the next packet, in ticks of 27 MHz.
    #[must_use]
    pub fn stream_ticks(&self) -> Option<u64> {
        self.times.stream_ticks()
    }

    /// Something is missing here, and counted elsewhere: what the continuity counters then show is
    /// explained by it, once for each PID.
    pub fn gap(&mut self) {
        self.pids.gap(Known::Lost);
        self.watches.gap();
    }

    /// Another source begins: what was known of PIDs and tables does not hold any more.
    pub fn restart(&mut self) {
        self.count_scrambled();
        self.judge.restart(self.pids.unfollowed());
        *self = Self {
            numbered: self.numbered,
            counts: self.counts,
            scrambled_before: self.counts.scrambled,
            judge: std::mem::take(&mut self.judge),
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
        SignalCounts {
            indicators: self.judge.counts(),
            missing_rtp: self.counts.missing_rtp,
            missing_plain: self.counts.missing_plain,
            scrambled_packets: self.counts.scrambled,
            limits_reached: self.judge.limits_reached() + self.pids.unfollowed(),
        }
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

    /// PIDs that a PMT names and that must come, but have not yet, or were found absent since.
    #[must_use]
    pub fn awaited_pids(&self) -> u64 {
        self.watches.awaited() as u64
    }

    /// The programs as the API shows them, with bitrates over the `elapsed_ms` since the last call.
    pub fn services(&mut self, elapsed_ms: u64) -> Vec<Service> {
        let (tables, names) = (&self.tables, &self.names);
        describe::services(tables, names, &mut self.pids, &mut self.watches, elapsed_ms)
    }

    /// The spread of the datagrams' delay since the last call, in microseconds; none where the rate
    /// is not constant.
    pub fn take_arrival_jitter_us(&mut self) -> Option<u64> {
        let spread_us = self.jitter.take_us();
        self.watches.rate_is_constant().then_some(spread_us)?
    }

    /// The packet at `index` is none that continues its PID plainly. Answers whether a viewer can
    /// begin here.
    #[cold]
    fn unexpected(&mut self, packets: &[u8], index: usize) -> bool {
        let (before, here) = packets.split_at(index * PACKET_BYTES);
        let Some(packet) = TsPacket::new(here) else {
            return false;
        };
        if packet.tei() {
            self.judge.raise(Indicator::TransportError);
            self.pids.pass_over(packet.bytes());
            return false;
        }
        let Some(seen) = self.pids.arrive(packet, before) else {
            return false;
        };
        let now = self.times.at(index);
        if seen.scrambled_now {
            self.tables.scrambled(seen.role, &mut self.judge);
        }
        match seen.arrival {
            Arrival::Continues => {}
            Arrival::Duplicate => {
                // A packet more than were made, or a datagram of them: null packets do not tell.
                self.watches.gap();
                return false;
            }
            Arrival::Gap { missing, known } => self.missing(seen, missing, known),
        }
        if let Some(watch) = seen.watch {
            let place = Place {
                packet,
                position: self.times.position(index),
                now,
            };
            if self
                .watches
                .packet(watch, place, &mut self.times, &mut self.judge)
            {
                self.pids.look_closely(packet.pid());
            }
        }
        self.role_packet(seen.role, packet, now)
    }

    fn role_packet(&mut self, role: Role, packet: TsPacket<'_>, now: Moment) -> bool {
        match role {
            Role::Other => false,
            Role::Pat | Role::Pmt(_) => {
                if !packet.scrambled() {
                    self.table_packet(role, packet, now);
                }
                false
            }
            Role::Video(kind) => packet.random_access() || access::begins(kind, packet),
            Role::Sdt => {
                self.names.packet(packet, &mut self.judge);
                false
            }
            Role::Cat | Role::Nit | Role::Eit | Role::Tot => {
                self.si.packet(role, packet, now, &mut self.judge);
                false
            }
            Role::Audio => packet.pusi(),
        }
    }

    fn missing(&mut self, seen: Seen, missing: u8, known: Option<Known>) {
        // What was out of sync has been counted as that.
        if known != Some(Known::OutOfSync) {
            self.judge.raise(Indicator::ContinuityCountError);
        }
        if known.is_none() {
            let counts = &mut self.counts;
            let count = if self.numbered {
                &mut counts.missing_rtp
            } else {
                &mut counts.missing_plain
            };
            *count += u64::from(missing);
            self.watches.gap();
        }
        self.tables.interrupted(seen.role);
        self.si.interrupted(seen.role);
        if seen.role == Role::Sdt {
            self.names.interrupted();
        }
        if let Some(watch) = seen.watch {
            self.watches.interrupted(watch);
        }
    }

    fn table_packet(&mut self, role: Role, packet: TsPacket<'_>, now: Moment) {
        if self.tables.packet(role, packet, now, &mut self.judge) {
            self.tables.assign_roles(self.program, &mut self.pids);
            self.watches
                .assign(&self.tables, &mut self.pids, now, &mut self.judge);
        }
    }

    /// Good packets behind bad ones: five of them, and time goes on.
    #[cold]
    fn regain_sync(&mut self, packets: &[u8]) {
        let count = packets.len() / PACKET_BYTES;
        let regained = (0..count.min(8)).any(|_| self.judge.good_sync());
        if regained {
            self.restart_time();
        }
    }
}

#[cfg(test)]
mod tests;
