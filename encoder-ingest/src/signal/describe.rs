//! Services as the API shows them, from all that is known of them.

use common::api::channel::{ElementaryStream, Service};
use common::ts::packet::{PACKET_BYTES, Pid};

use super::coding::Elementary;
use super::names::Names;
use super::pids::PidTable;
use super::tables::{Program, Tables};
use super::watch::Watches;

/// The programs whose PMT is known, with what came in the `elapsed_ms` since the last call.
pub fn services(
    tables: &Tables,
    names: &Names,
    pids: &mut PidTable,
    watches: &mut Watches,
    elapsed_ms: u64,
) -> Vec<Service> {
    let intervals = watches.take_pcr_intervals();
    let interval = |pid: Pid| {
        let of = intervals.iter().find(|(other, _)| *other == pid);
        of.and_then(|(_, interval)| *interval)
    };
    // A PID's packets are told once: several programs may share it.
    let mut rates = Rates {
        pids,
        known: Vec::new(),
        elapsed_ms,
    };
    let known = tables.known_programs();
    known
        .map(|program| {
            let name = names.of(program.number);
            let streams = program.streams.iter();
            let streams = streams
                .map(|one| stream(one, &mut rates, watches))
                .collect();
            Service {
                service_id: program.number,
                name: name.map(|one| one.name.clone()).unwrap_or_default(),
                provider: name.map(|one| one.provider.clone()).unwrap_or_default(),
                pmt_pid: program.pmt_pid.value(),
                pcr_pid: program.pcr_pid.value(),
                bitrate_bps: bitrate_bps(program, &mut rates),
                pcr_interval_ms: interval(program.pcr_pid),
                streams,
            }
        })
        .collect()
}

/// What each PID brought, asked once.
struct Rates<'a> {
    pids: &'a mut PidTable,
    known: Vec<(Pid, Rate)>,
    elapsed_ms: u64,
}

#[derive(Clone, Copy)]
struct Rate {
    bps: u64,
    scrambled: bool,
}

impl Rates<'_> {
    fn of(&mut self, pid: Pid) -> Rate {
        if let Some((_, rate)) = self.known.iter().find(|(other, _)| *other == pid) {
            return *rate;
        }
        let rate = self.pids.rate(pid);
        let bits = rate.packets * PACKET_BYTES as u64 * 8;
        let rate = Rate {
            bps: bits * 1000 / self.elapsed_ms.max(1),
            scrambled: rate.scrambled,
        };
        self.known.push((pid, rate));
        rate
    }
}

fn stream(one: &Elementary, rates: &mut Rates<'_>, watches: &mut Watches) -> ElementaryStream {
    let rate = rates.of(one.pid);
    let (detail, pts_interval_ms) = watches.describe(rates.pids, one.pid);
    ElementaryStream {
        pid: one.pid.value(),
        kind: one.coding.name().to_owned(),
        detail,
        language: one.language.clone(),
        bitrate_bps: rate.bps,
        pts_interval_ms,
        scrambled: rate.scrambled,
    }
}

/// Of its PIDs, each once.
fn bitrate_bps(program: &Program, rates: &mut Rates<'_>) -> u64 {
    let mut pids: Vec<Pid> = program.streams.iter().map(|stream| stream.pid).collect();
    pids.extend([program.pmt_pid, program.pcr_pid]);
    pids.sort_unstable();
    pids.dedup();
    pids.into_iter().map(|pid| rates.of(pid).bps).sum()
}
