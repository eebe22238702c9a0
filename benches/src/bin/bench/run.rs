//! One run: a relay is started, watched, measured in its steady state, and judged.

use std::thread::sleep;
use std::time::{Duration, Instant};

use e2e::process::Program;
use serde::{Deserialize, Serialize};

use crate::judge::{Findings, Judges, Percentiles};
use crate::lab::{Lab, Sender};
use crate::losses::{Drops, Losses, RelayAccount};
use crate::meter::{CpuMeter, MachineShare, MachineTime, Memory};
use crate::plan::Scenario;
use crate::relay::Contender;

/// From the last viewer's start to the begin of the measurement.
const SETTLE: Duration = Duration::from_millis(1500);

/// Readers go on for so long behind the measurement, and for more where starting them takes time.
const SPARE: Duration = Duration::from_millis(300);
const SPARE_PER_READER: Duration = Duration::from_millis(20);

/// A history is filled for so long before viewers begin in it.
const FILL: Duration = Duration::from_millis(3000);

/// For starting and stopping the processes of a run.
const BESIDES: Duration = Duration::from_millis(250);

/// Between two looks at the threads, so that none ends unseen.
const LOOK: Duration = Duration::from_secs(1);

/// What one run gave.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) round: u32,
    /// Of one core.
    pub(crate) cpu_percent: f64,
    pub(crate) delay_ms: Option<Percentiles>,
    pub(crate) first_byte_ms: Option<Percentiles>,
    pub(crate) memory: Memory,
    pub(crate) received_mbps: f64,
    pub(crate) machine: MachineShare,
    /// What was counted on the way; also where nothing of it reached a viewer's data.
    pub(crate) losses: Losses,
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
            losses: Losses::default(),
            faults: vec![fault],
            sender_faults: Vec::new(),
        }
    }
}

/// How the time of a run is spent.
#[derive(Debug, Clone, Copy)]
struct Lengths {
    /// A history is filled.
    fill: Duration,
    /// Between two viewers' starts: many at once would measure the start.
    stagger: Duration,
    /// Until the last viewer of a channel has begun.
    starting: Duration,
    window: Duration,
    /// Each viewer reads for so long.
    reading: Duration,
}

impl Lengths {
    fn of(scenario: &Scenario, seconds: u64) -> Self {
        let each = scenario.viewers / scenario.watched();
        let stagger = if scenario.from_memory {
            // Each start is one measurement, and not the burst of all the others.
            Duration::from_millis(20)
        } else if each > 20 {
            Duration::from_millis(2)
        } else {
            Duration::ZERO
        };
        let (window, starting) = (Duration::from_secs(seconds), stagger * each);
        let spare = SPARE + SPARE_PER_READER * scenario.watched();
        let reading = (window + SETTLE + starting + spare).as_secs_f64().ceil();
        Self {
            fill: if scenario.from_memory {
                FILL
            } else {
                Duration::ZERO
            },
            stagger,
            starting,
            window,
            reading: Duration::from_secs_f64(reading),
        }
    }
}

/// About how long a run takes, all in all.
pub(crate) fn estimate(scenario: &Scenario, seconds: u64) -> Duration {
    let lengths = Lengths::of(scenario, seconds);
    lengths.fill + lengths.starting + lengths.reading + BESIDES
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
    let begin = Drops::now(lab);
    let mut relay = contender.start(lab, scenario)?;
    if !lab.wait_open(&mut relay.process) {
        let log = relay.process.log();
        let fault = format!("{} ended at its start: {}", contender.name(), log.trim());
        return Ok(Run::failed(round, fault));
    }
    let _neighbour = scenario.neighbour.then(|| neighbour(lab));
    let lengths = Lengths::of(scenario, seconds);
    sleep(lengths.fill);
    let judges = Judges::start(lab, scenario, contender, lengths.reading, lengths.stagger)?;
    sleep(SETTLE + lengths.starting);
    let at_start = Drops::now(lab);
    let (cpu_percent, machine) = steady(relay.process.pid(), lengths.window);
    let memory = Memory::of(relay.process.pid());
    let patience = lengths.reading + lengths.starting + Duration::from_secs(30);
    let findings = judges.finish(patience, scenario)?;
    let own = matches!(contender, Contender::Ingest | Contender::Unanalysed);
    let account = own.then(|| RelayAccount::ask(lab)).flatten();
    let losses = Losses::between((begin, at_start, Drops::now(lab)), account);
    let faults = faults(&findings, &losses, scenario, relay.process.runs());
    Ok(Run {
        round,
        cpu_percent,
        delay_ms: findings.delay_ms,
        first_byte_ms: findings.first_byte_ms,
        memory,
        received_mbps: findings.received_mbps,
        machine,
        losses,
        faults,
        sender_faults: sender.faults().since(sent_before),
    })
}

/// All that was wrong behind the sender, with the place of a loss.
fn faults(findings: &Findings, losses: &Losses, scenario: &Scenario, runs: bool) -> Vec<String> {
    let mut faults = findings.faults.clone();
    if !runs {
        faults.push("the relay ended".to_owned());
    }
    let unwatched = scenario.watched() < scenario.channels;
    let lost = losses.relay.as_ref().map_or(0.0, RelayAccount::lost);
    if unwatched && lost > 0.0 {
        faults.push(format!("{lost} lost, in channels without viewers too"));
    }
    if !faults.is_empty() {
        faults.push(losses.to_string());
    }
    faults
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
