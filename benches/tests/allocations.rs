//! ARCHITECTURE.md, invariant 2: nothing is allocated per packet after start. Real datagrams on
//! `lo`, relayed to real connections out of a history whose oldest blocks go, counted by the
//! allocator itself.
//!
//! First each way that a packet may take, in a channel turned by hand: nothing at all is allocated.
//! Then the whole data plane with its threads: what they allocate does not grow with the packets.

use std::alloc::System;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use benches::audience::Audience;
use benches::broadcast::BroadcastStream;
use benches::loopback::{Burst, group, receiver, sender};
use benches::turning::{HISTORY_BYTES, Turning, definition};
use common::net::receive::MulticastReceiver;
use common::net::send::MulticastSender;
use common::ts::packet::PACKET_BYTES;
use encoder_ingest::live::LiveChannel;
use encoder_ingest::plane::{NewViewer, Notice, Plane, PlaneOptions, ProbeInterfaces, Start};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::sync::mpsc::Receiver;

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Few enough for the smallest socket buffer.
const BURST_DATAGRAMS: usize = 40;
const VIEWERS: usize = 8;

/// What was sent has come within this, or will not.
const COMES_WITHIN: Duration = Duration::from_secs(10);

/// How a burst goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Datagrams one by one: received packed.
    Single,
    /// In one piece: received so.
    Glued,
    /// Every two swapped: the careful path.
    Swapped,
    /// In datagrams that hold no whole packets: joined on the careful path.
    Unaligned,
}

/// A channel that is turned by hand, and what goes in and out of it.
struct Relay {
    turning: Turning,
    sender: MulticastSender,
    stream: BroadcastStream,
    burst: Burst,
    way: Way,
    audience: Audience,
    /// Bytes that its audience gets.
    sent: u64,
}

fn allocations(region: &Region<'_, System>) -> usize {
    let stats = region.change();
    stats.allocations + stats.reallocations
}

impl Relay {
    fn new(port: u16, rtp: bool, way: Way) -> Self {
        let (receiver, sender) = (receiver(port), sender(port));
        let (audience, near) = Audience::new(VIEWERS);
        let mut relay = Self {
            turning: Turning::new(receiver),
            sender,
            stream: BroadcastStream::default(),
            burst: Burst::new(BURST_DATAGRAMS, rtp.then_some(65_000)),
            way,
            audience,
            sent: 0,
        };
        relay.relay_bursts(1);
        for socket in near {
            relay.sent += relay.turning.watch(socket).expect("a viewer") as u64;
        }
        relay
    }

    fn ts_bytes(&self) -> u64 {
        self.turning.live().counters.ts_bytes.load(Relaxed)
    }

    /// Sends bursts, each when the one before has been relayed; what is allocated on the way.
    fn relay_bursts(&mut self, count: usize) -> usize {
        let region = Region::new(COUNTED);
        for _ in 0..count {
            self.burst.fill(&mut self.stream);
            let datagrams = match self.way {
                Way::Single => self.burst.send(&self.sender),
                Way::Glued => self.burst.send_glued(&self.sender),
                Way::Swapped => self.burst.send_swapped(&self.sender),
                Way::Unaligned => self.burst.send_unaligned(&self.sender),
            };
            self.relay(datagrams);
        }
        allocations(&region)
    }

    fn relay(&mut self, datagrams: usize) {
        let deadline = Instant::now() + COMES_WITHIN;
        let (mut came, before) = (0, self.ts_bytes());
        while came < datagrams as u64 {
            assert!(Instant::now() < deadline, "{came} of {datagrams} came");
            came += self.turning.turn().datagrams;
        }
        self.sent += (self.ts_bytes() - before) * self.turning.viewers() as u64;
        self.audience.wait(self.sent);
    }
}

/// Three histories of warm-up, then as much again that counts.
fn nothing_is_allocated(port: u16, rtp: bool, way: Way) {
    let mut relay = Relay::new(port, rtp, way);
    let bursts = 3 * HISTORY_BYTES / relay.burst.ts_bytes();
    assert!(
        relay.relay_bursts(bursts) > 0,
        "the allocator counts nothing"
    );
    let counters = &relay.turning.live().counters;
    let before = [&counters.copied_bytes, &counters.ts_bytes].map(|c| c.load(Relaxed));
    let allocated = relay.relay_bursts(bursts);
    let counters = &relay.turning.live().counters;
    let [copied, ts] = [&counters.copied_bytes, &counters.ts_bytes].map(|c| c.load(Relaxed));
    let what = format!("{way:?}, rtp: {rtp}, in {} bytes", ts - before[1]);
    assert_eq!(allocated, 0, "{what}");
    // It was the way that is meant.
    match way {
        Way::Single | Way::Glued => assert_eq!(copied, before[0], "{what}"),
        Way::Swapped | Way::Unaligned => assert_eq!(copied - before[0], ts - before[1], "{what}"),
    }
    let coalescing = relay
        .turning
        .receiver()
        .is_some_and(MulticastReceiver::coalescing);
    assert_eq!(coalescing, way == Way::Glued, "{what}");
    whole(relay.turning.live());
    assert_eq!(relay.turning.viewers(), VIEWERS, "{what}");
    assert_eq!(relay.audience.bytes(), relay.sent, "{what}");
}

fn whole(live: &LiveChannel) {
    let counters = &live.counters;
    for count in [
        &counters.malformed,
        &counters.lost_network,
        &counters.lost_kernel,
        &counters.lost_unattributed,
        &counters.lost_upstream,
        &counters.viewer_skipped_bytes,
    ] {
        assert_eq!(count.load(Relaxed), 0, "{counters:?}");
    }
}

/// The data plane as the process has it: a worker that sleeps and wakes, its gauges, the keeper.
struct Running {
    plane: Plane,
    _notices: Receiver<Notice>,
    live: Arc<LiveChannel>,
    sender: MulticastSender,
    stream: BroadcastStream,
    audience: Audience,
}

/// What a stretch of time brought.
#[derive(Debug)]
struct Stretch {
    allocations: usize,
    packets: u64,
    /// Times that the worker woke and relayed.
    turns: u64,
    read_bytes: u64,
}

impl Running {
    fn new(port: u16) -> Self {
        let options = PlaneOptions {
            interfaces: vec!["lo".parse().expect("a NIC")],
            workers: 1,
            latency: Duration::from_millis(20),
            history: Duration::from_millis(200),
            history_bytes_max: 2 * HISTORY_BYTES,
            receive_buffer_bytes: None,
            probe: ProbeInterfaces::Off,
            silence: Duration::from_secs(1),
            viewer_idle: Duration::from_secs(60),
            viewers_max: VIEWERS,
            analysed: true,
        };
        let (plane, notices) = Plane::start(options).expect("threads");
        let live = plane.apply(definition(&group(port).to_string()));
        let (audience, near) = Audience::new(VIEWERS);
        for socket in near {
            let viewer = NewViewer {
                channel: live.id.clone(),
                socket,
                user_agent: String::new(),
                start: Start::Live,
                head: b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
                only: None,
            };
            plane.watch(viewer).expect("a viewer");
        }
        Self {
            plane,
            _notices: notices,
            live,
            sender: sender(port),
            stream: BroadcastStream::default(),
            audience,
        }
    }

    /// Sends bursts of so many datagrams at intervals for a while.
    fn stretch(&mut self, datagrams: usize, interval: Duration, bursts: u32) -> Stretch {
        let mut burst = Burst::new(datagrams, None);
        let (packets, turns, read) = (self.packets(), self.turns(), self.audience.bytes());
        let region = Region::new(COUNTED);
        let begin = Instant::now();
        for number in 1..=bursts {
            burst.fill(&mut self.stream);
            burst.send(&self.sender);
            let next = begin + interval * number;
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        let allocations = allocations(&region);
        Stretch {
            allocations,
            packets: self.packets() - packets,
            turns: self.turns() - turns,
            read_bytes: self.audience.bytes() - read,
        }
    }

    fn packets(&self) -> u64 {
        self.live.counters.ts_bytes.load(Relaxed) / PACKET_BYTES as u64
    }

    fn turns(&self) -> u64 {
        let (buckets, _) = self.plane.relay_delay();
        buckets.iter().map(|(_, count)| count).sum()
    }

    fn end(self) {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(self.plane.drain());
    }
}

/// A hundred times the packets and many times the turns, but control's work alone is allocated for.
fn threads_allocate_no_more_for_more_packets(port: u16) {
    let mut running = Running::new(port);
    let (rare, often) = (Duration::from_millis(20), Duration::from_millis(1));
    let deadline = Instant::now() + COMES_WITHIN;
    while running.packets() == 0 {
        assert!(Instant::now() < deadline, "nothing comes");
        running.stretch(1, rare, 5);
    }
    // What is allocated once: the history, the lists, the first looks.
    running.stretch(16, often, 1000);
    let few = [running.stretch(1, rare, 75), running.stretch(1, rare, 75)];
    let many = running.stretch(16, often, 1500);
    let shown = format!("{few:?}, {many:?}");
    eprintln!("{shown}");
    assert!(many.packets > 50 * few[0].packets, "{shown}");
    assert!(many.turns > 2 * few[0].turns, "{shown}");
    let wanted = many.packets * (PACKET_BYTES * VIEWERS) as u64;
    assert!(many.read_bytes > wanted / 2, "{shown}");
    let control = few.iter().map(|few| few.allocations).max().unwrap_or(0);
    // Not even one for each fourth turn.
    let most = control + usize::try_from(many.turns / 4).unwrap_or(0);
    assert!(many.allocations <= most, "{shown}");
    running.end();
}

/// One test: the allocator counts for the whole process.
#[test]
fn a_steady_stream_allocates_nothing_per_packet() {
    for (port, rtp, way) in [
        (5070, false, Way::Single),
        (5071, false, Way::Glued),
        (5072, true, Way::Single),
        (5073, true, Way::Glued),
        (5074, true, Way::Swapped),
        (5075, false, Way::Unaligned),
    ] {
        nothing_is_allocated(port, rtp, way);
    }
    threads_allocate_no_more_for_more_packets(5076);
}
