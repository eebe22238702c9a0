//! What may be wrong with a stream: each a change of some packets, in a time of its own.

use common::api::tr101290::Indicator;
use common::ts::packet::{Pcr, TsPacket};

use crate::stream::{Layout, Timed};

/// When damage begins: by then the analysis knows all that it wants to know.
pub const BEGIN_MS: u64 = 4000;

/// How long a stream goes on behind.
pub const END_MS: u64 = 14_000;

/// A stream that is wrong in one way, and what that must raise.
#[derive(Debug)]
pub struct Damage {
    pub name: &'static str,
    /// Alters packets from [`BEGIN_MS`] on; `nth` counts those it altered before.
    pub alter: fn(timed: &mut Timed, after_ms: u64, nth: u64, layout: Layout) -> bool,
    /// How often, and within how long of the damage's beginning the first is found.
    pub raises: &'static [(Indicator, u64)],
    pub within_ms: u64,
}

impl Damage {
    /// The stream with its damage.
    pub fn of(
        &self,
        stream: impl Iterator<Item = Timed>,
        layout: Layout,
    ) -> impl Iterator<Item = Timed> {
        let (alter, mut altered) = (self.alter, 0);
        let mut left_out = Counters::default();
        stream.map(move |mut timed| {
            if let Some(after_ms) = timed.ms().checked_sub(BEGIN_MS) {
                let before = timed;
                altered += u64::from(alter(&mut timed, after_ms, altered, layout));
                left_out.restamp(&before, &mut timed);
            }
            timed
        })
    }
}

/// Packets of each PID that an encoder never made: its counters do not show them.
#[derive(Default)]
struct Counters(std::collections::BTreeMap<u16, u8>);

impl Counters {
    fn restamp(&mut self, before: &Timed, after: &mut Timed) {
        let pid = before.pid();
        if after.packet[..2] == LEFT_OUT {
            let count = self.0.entry(pid).or_default();
            *count = (*count + u8::from(before.view().has_payload())) & 0xf;
            after.nullify();
        } else if let Some(left_out) = self.0.get(&pid) {
            let counter = after.packet[3].wrapping_sub(*left_out) & 0xf;
            after.packet[3] = after.packet[3] & 0xf0 | counter;
        }
    }
}

/// Stands in a packet for one that was never made.
const LEFT_OUT: [u8; 2] = [0, 0];

/// Damage of every kind.
pub const ALL: &[Damage] = &[
    Damage {
        name: "nothing",
        alter: |_, _, _, _| false,
        raises: &[],
        within_ms: 0,
    },
    Damage {
        name: "four bad sync bytes in a row",
        alter: |timed, _, nth, _| nth < 4 && bad_sync(timed),
        raises: &[(Indicator::TsSyncLoss, 1), (Indicator::SyncByteError, 4)],
        within_ms: 0,
    },
    Damage {
        name: "one bad sync byte",
        alter: |timed, _, nth, layout| nth == 0 && timed.pid() == layout.video && bad_sync(timed),
        raises: &[(Indicator::SyncByteError, 1)],
        within_ms: 0,
    },
    Damage {
        name: "no PAT for 1.2 s",
        alter: |timed, after_ms, _, _| after_ms < 1200 && gone(timed, 0),
        raises: &[(Indicator::PatError, 1)],
        within_ms: 620,
    },
    Damage {
        name: "another table in place of a PAT",
        alter: |timed, _, nth, _| nth == 0 && timed.pid() == 0 && other_table(timed),
        raises: &[(Indicator::PatError, 1)],
        within_ms: 100,
    },
    Damage {
        name: "a scrambled PAT for 300 ms",
        alter: |timed, after_ms, _, _| after_ms < 300 && timed.pid() == 0 && scrambled(timed),
        raises: &[(Indicator::PatError, 1)],
        within_ms: 100,
    },
    Damage {
        name: "a video packet that is missing",
        alter: |timed, _, nth, layout| nth == 0 && plain(timed, layout.video) && lost(timed),
        raises: &[(Indicator::ContinuityCountError, 1)],
        within_ms: 40,
    },
    Damage {
        name: "no PMT for 1.2 s",
        alter: |timed, after_ms, _, layout| after_ms < 1200 && gone(timed, layout.pmt),
        raises: &[(Indicator::PmtError, 1)],
        within_ms: 620,
    },
    Damage {
        name: "a scrambled PMT for 300 ms",
        alter: |timed, after_ms, _, layout| {
            after_ms < 300 && timed.pid() == layout.pmt && scrambled(timed)
        },
        raises: &[(Indicator::PmtError, 1)],
        within_ms: 100,
    },
    Damage {
        name: "no sound for 7 s",
        alter: |timed, after_ms, _, layout| after_ms < 7000 && gone(timed, layout.audio),
        raises: &[(Indicator::PidError, 1)],
        within_ms: 5100,
    },
    Damage {
        name: "three packets marked as erroneous",
        alter: |timed, _, nth, layout| nth < 3 && plain(timed, layout.video) && erroneous(timed),
        raises: &[(Indicator::TransportError, 3)],
        within_ms: 0,
    },
    Damage {
        name: "a PMT with a wrong CRC, twice",
        alter: |timed, _, nth, layout| {
            nth < 2 && timed.pid() == layout.pmt && {
                timed.packet[20] ^= 1;
                true
            }
        },
        raises: &[(Indicator::CrcError, 2)],
        within_ms: 100,
    },
    Damage {
        name: "no PCR for 300 ms, twice",
        alter: |timed, after_ms, _, _| after_ms % 1000 < 300 && after_ms < 2000 && no_pcr(timed),
        raises: &[(Indicator::PcrRepetitionError, 2)],
        within_ms: 160,
    },
    Damage {
        name: "the PCR jumps ahead by 2 s",
        alter: |timed, _, _, _| shifted_pcr(timed, 2 * 27_000_000),
        raises: &[(Indicator::PcrDiscontinuityError, 1)],
        within_ms: 40,
    },
    Damage {
        name: "the PCR jumps back by 2 s, and ahead again",
        alter: |timed, after_ms, _, _| {
            after_ms < 1000 && shifted_pcr(timed, Pcr::WRAP - 2 * 27_000_000)
        },
        raises: &[(Indicator::PcrDiscontinuityError, 2)],
        within_ms: 40,
    },
    Damage {
        name: "three PCRs off by 2 microseconds",
        alter: |timed, _, nth, _| nth < 3 && shifted_pcr(timed, if nth == 1 { 54 } else { 108 }),
        raises: &[(Indicator::PcrAccuracyError, 3)],
        within_ms: 120,
    },
    Damage {
        name: "sound without PTS for 1 s",
        alter: |timed, after_ms, _, layout| {
            after_ms < 1000 && timed.pid() == layout.audio && no_pts(timed)
        },
        raises: &[(Indicator::PtsError, 1)],
        within_ms: 800,
    },
    Damage {
        name: "scrambled sound without CAT",
        alter: |timed, _, _, layout| timed.pid() == layout.audio && scrambled(timed),
        raises: &[(Indicator::CatError, 1)],
        within_ms: 2100,
    },
    Damage {
        name: "another table in place of a CAT, twice",
        alter: |timed, _, nth, _| nth < 2 && timed.pid() == 0x1fff && on_cat_pid(timed, nth),
        raises: &[(Indicator::CatError, 2)],
        within_ms: 40,
    },
];

fn bad_sync(timed: &mut Timed) -> bool {
    timed.packet[0] = 0x46;
    true
}

/// The encoder does not make the PID: null packets are in its place, and its counter stands still.
fn gone(timed: &mut Timed, pid: u16) -> bool {
    let it_is = timed.pid() == pid;
    if it_is {
        timed.packet[..2].copy_from_slice(&LEFT_OUT);
    }
    it_is
}

/// A packet that neither begins a PES packet nor has an adaptation field.
fn plain(timed: &Timed, pid: u16) -> bool {
    let packet = timed.view();
    packet.pid().value() == pid && !packet.pusi() && !packet.has_adaptation_field()
}

fn lost(timed: &mut Timed) -> bool {
    timed.nullify();
    true
}

fn other_table(timed: &mut Timed) -> bool {
    let section = &mut timed.packet[5..];
    let length = 3 + usize::from(section[2]);
    section[0] = 0x80;
    let crc = common::ts::crc::crc32(&section[..length - 4]);
    section[length - 4..length].copy_from_slice(&crc.to_be_bytes());
    true
}

fn on_cat_pid(timed: &mut Timed, nth: u64) -> bool {
    let mut section = vec![0x80, 0xb0, 9, 0, 1, 0xc1, 0, 0];
    section.extend_from_slice(&common::ts::crc::crc32(&section).to_be_bytes());
    let counter = u8::try_from(nth & 0xf).unwrap_or(0);
    timed.packet[..5].copy_from_slice(&[0x47, 0x40, 1, 0x10 | counter, 0]);
    timed.packet[5..5 + section.len()].copy_from_slice(&section);
    true
}

fn scrambled(timed: &mut Timed) -> bool {
    let has_payload = timed.view().has_payload();
    if has_payload {
        timed.packet[3] |= 0x80;
    }
    has_payload
}

fn erroneous(timed: &mut Timed) -> bool {
    timed.packet[1] |= 0x80;
    true
}

fn no_pcr(timed: &mut Timed) -> bool {
    let has_pcr = timed.view().pcr().is_some();
    if has_pcr {
        timed.packet[5] &= !0x10;
    }
    has_pcr
}

fn no_pts(timed: &mut Timed) -> bool {
    let packet = timed.view();
    if !packet.pusi() {
        return false;
    }
    let at = 188 - packet.payload().len();
    timed.packet[at + 7] &= !0xc0;
    true
}

/// Writes another PCR, so many ticks later over the wrap.
fn shifted_pcr(timed: &mut Timed, ticks: u64) -> bool {
    let Some(Pcr(pcr)) = TsPacket::new(&timed.packet).and_then(TsPacket::pcr) else {
        return false;
    };
    let pcr = (pcr + ticks) % Pcr::WRAP;
    let (base, extension) = (pcr / 300, pcr % 300);
    let bits = base << 15 | 0x7e00 | extension;
    timed.packet[6..12].copy_from_slice(&bits.to_be_bytes()[2..]);
    true
}
