//! One run: a relay is started, watched, measured in its steady state, and judged.

use std::thread::sleep;
use std::time::{Duration, Instant};

use e2e::process::Program;
use serde::Serialize;

use crate::judge::{Judges, Percentiles};
use crate::lab::{Lab, Sender};
use crate::meter::{CpuMeter, MachineShare, MachineTime, Memory};
use crate::plan::Scenario;
use crate::relay::Contender;

/// From the last viewer's start to the begin of the measurement.
const SETTLE: Duration = Duration::from_millis(1500);

/// Readers go on for so long behind the measurement, and for more where starting them takes time.
const SPARE: Duration = Duration::from_millis(500);
const SPARE_PER_READER: Duration = Duration::from_millis(20);

/// A history is filled for so long before viewers begin in it.
const FILL: Duration = Duration::from_millis(3000);

/// Between two looks at the threads, so that none ends unseen.
const LOOK: Duration = Duration::from_secs(1);

/// What one run gave.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Run {
    pub(crate) round: u32,
    /// Of one core.
    pub(crate) cpu_percent: f64,
    pub(crate) delay_ms: Option<Percentiles>,
    pub(crate) first_byte_ms: Option<Percentiles>,
    pub(crate) memory: Memory,
    pub(crate) received_mbps: f64,
    pub(crate) machine: MachineShare,
    /// What was wrong with what came; a run with anything here or below does not count.
    pub(crate) faults: Vec<String>,
    /// What the sender did not do as it should: then the relay is not judged.
    pub(crate) sender_faults: Vec<String>,
}

impl Run {
    pub(crate) fn is_valid(&self) -> bool {
        self.faults.is_empty() && self.sender_faults.is_empty()
    }

    /// All that was wrong.
    pub(crate) fn complaints(&self) -> String {
        [&self.sender_faults[..], &self.faults].concat().join("; ")
    }

    fn failed(round: u32, fault: String) -> Self {
        Self {
            round,
            cpu_percent: 0.0,
            delay_ms: None,
            first_byte_ms: None,
            memory: Memory::default(),
            received_mbps: 0.0,
            machine: MachineShare::default(),
            faults: vec![fault],
            sender_faults: Vec::new(),
        }
    }
}

/// Between two viewers' starts: many at once would measure the start.
fn stagger(scenario: &Scenario) -> Duration {
    let each = scenario.viewers / scenario.watched();
    if scenario.from_memory {
        // Each start is one measurement, and not the burst of all the others.
        Duration::from_millis(20)
    } else if each > 20 {
        Duration::from_millis(2)
    } else {
        Duration::ZERO
    }
}

/// Measures `contender` for `seconds`.
pub(crate) fn run(
    lab: &Lab,
    sender: &Sender<'_>,
    scenario: &Scenario,
    contender: &Contender,
    (round, seconds): (u32, u64),
) -> anyhow::Result<Run> {
    let sent_before = sender.faults();
    let drops_before = lab.buffer_drops();
    let mut relay = contender.start(lab, scenario)?;
    if !lab.wait_open(&mut relay.process) {
        let log = relay.process.log();
        let fault = format!("{} ended at its start: {}", contender.name(), log.trim());
        return Ok(Run::failed(round, fault));
    }
    let _neighbour = scenario.neighbour.then(|| neighbour(lab));
    if scenario.from_memory {
        sleep(FILL);
    }
    let (window, stagger) = (Duration::from_secs(seconds), stagger(scenario));
    let starting = stagger * (scenario.viewers / scenario.watched());
    let spare = SPARE + SPARE_PER_READER * scenario.watched();
    let reading = (window + SETTLE + starting + spare).as_secs_f64().ceil();
    let reading = Duration::from_secs_f64(reading);
    let judges = Judges::start(lab, scenario, contender, reading, stagger)?;
    sleep(SETTLE + starting);
    let drops_at_start = lab.buffer_drops() - drops_before;
    let (cpu_percent, machine) = steady(relay.process.pid(), window);
    let memory = Memory::of(relay.process.pid());
    let own = contender.own_account(lab);
    let findings = judges.finish(reading + starting + Duration::from_secs(30), scenario)?;
    let mut faults = findings.faults;
    if !relay.process.runs() {
        faults.push(format!("{} ended", contender.name()));
    }
    let unwatched = scenario.watched() < scenario.channels;
    if let Some(own) = own.filter(|own| unwatched && own.lost > 0.0) {
        faults.push(format!(
            "{} lost, in channels without viewers too",
            own.lost
        ));
    }
    if !faults.is_empty() {
        let drops = lab.buffer_drops() - drops_before;
        faults.push(format!(
            "the kernel dropped {drops} buffers at full sockets, {drops_at_start} of them before the steady state"
        ));
        faults.extend(own.map(|own| own.to_string()));
    }
    let sender_faults = sender.faults().since(sent_before);
    Ok(Run {
        round,
        cpu_percent,
        delay_ms: findings.delay_ms,
        first_byte_ms: findings.first_byte_ms,
        memory,
        received_mbps: findings.received_mbps,
        machine,
        faults,
        sender_faults,
    })
}

/// Watches a process for `window`: its share of a core, and the machine's load.
fn steady(pid: u32, window: Duration) -> (f64, MachineShare) {
    let mut meter = CpuMeter::new(pid);
    let before = meter.sample();
    let (begin, machine) = (Instant::now(), MachineTime::now());
    while let Some(left) = window.checked_sub(begin.elapsed()) {
        sleep(left.min(LOOK));
        meter.sample();
    }
    let spent = Duration::from_nanos(meter.sample() - before);
    let percent = 100.0 * spent.as_secs_f64() / begin.elapsed().as_secs_f64();
    (percent, MachineTime::now().share_since(machine))
}

/// A process that never sleeps, on the last core.
fn neighbour(lab: &Lab) -> e2e::process::Process {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let core = (cores - 1).to_string();
    Program::new(lab.node(), "taskset")
        .dies_with_parent()
        .args(["-c", &core, "sh", "-c", "while :; do :; done"])
        .start()
}
