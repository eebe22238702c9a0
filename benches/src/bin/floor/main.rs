//! The floor: the least that plain sockets can do for a relay, as a yardstick of the benches and
//! never as a product.
//!
//! One thread, a socket a channel, a ring of what came. A channel is drained when about
//! [`GATHER_BYTES`] should have come, after `--latency-ms` at the latest, and each viewer gets one
//! write. Nothing is checked: every datagram is taken for 1316 bytes of TS. There is no RTP, no
//! history, no control. What a relay costs above it is what its features cost.

mod channel;
mod door;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::SocketAddrV4;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use common::net::interfaces::links;
use common::net::sys::ReceiveCalls;

use channel::{Channel, ReceiveOptions};
use door::Request;

/// What one wake shall move: larger writes gain little, smaller ones cost.
const GATHER_BYTES: f64 = 56.0 * 1024.0;

/// However fast a channel is, it is not drained more often.
const SLEEP_MIN: Duration = Duration::from_micros(500);

/// In bytes a second, until a channel's own rate is known: too low a guess would let the socket's
/// buffer run over.
const RATE_AT_FIRST: f64 = 250e6;

/// The least that plain sockets can do for a relay: a yardstick, serving GET /udp/GROUP:PORT.
#[derive(Debug, Parser)]
#[command(name = "floor")]
struct Arguments {
    /// TCP port to listen on
    #[arg(long, value_name = "PORT")]
    port: u16,

    /// NIC that groups are joined on
    #[arg(long, value_name = "NIC")]
    interface: String,

    /// The most that a byte is held to make larger writes
    #[arg(long, value_name = "MS", default_value_t = 20)]
    latency_ms: u64,

    /// Let the kernel glue datagrams (UDP GRO) instead of receiving many in one call (recvmmsg)
    #[arg(long)]
    gro: bool,

    /// Socket buffer asked for, per channel [default: the most granted]
    #[arg(long, value_name = "KB")]
    receive_buffer_kb: Option<usize>,
}

/// The channels that somebody has watched.
struct Floor {
    options: ReceiveOptions,
    latency: Duration,
    requests: Receiver<Request>,
    channels: HashMap<SocketAddrV4, usize>,
    scheduled: Vec<Scheduled>,
}

struct Scheduled {
    channel: Channel,
    bytes_per_second: f64,
    drained: Instant,
    due: Instant,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let links = links().context("the NICs can't be listed")?;
    let mut links = links.iter();
    let link = links.find(|link| link.name == arguments.interface);
    let link = link.with_context(|| format!("there is no NIC {}", arguments.interface))?;
    let requests = door::open(arguments.port)?;
    let mut floor = Floor {
        options: ReceiveOptions {
            interface_index: link.index,
            coalesce: arguments.gro,
            buffer_bytes: arguments.receive_buffer_kb.map(|kb| kb << 10),
        },
        latency: Duration::from_millis(arguments.latency_ms),
        requests,
        channels: HashMap::new(),
        scheduled: Vec::new(),
    };
    floor.run()
}

impl Floor {
    fn run(&mut self) -> anyhow::Result<()> {
        let mut calls = ReceiveCalls::new();
        loop {
            self.welcome()?;
            let now = Instant::now();
            let mut next = now + self.latency;
            for scheduled in &mut self.scheduled {
                if scheduled.due <= now {
                    scheduled.turn(now, self.latency, &mut calls);
                }
                next = next.min(scheduled.due);
            }
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }

    /// Lets in who has asked since the last turn.
    fn welcome(&mut self) -> anyhow::Result<()> {
        while let Ok(request) = self.requests.try_recv() {
            let index = match self.channels.entry(request.group) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(unknown) => {
                    let channel = Channel::open(request.group, &self.options)
                        .with_context(|| format!("{} can't be joined", request.group))?;
                    self.scheduled.push(Scheduled::new(channel));
                    *unknown.insert(self.scheduled.len() - 1)
                }
            };
            self.scheduled[index].channel.watch(request.socket);
        }
        Ok(())
    }
}

impl Scheduled {
    fn new(channel: Channel) -> Self {
        let now = Instant::now();
        Self {
            channel,
            bytes_per_second: RATE_AT_FIRST,
            drained: now,
            due: now,
        }
    }

    fn turn(&mut self, now: Instant, latency: Duration, calls: &mut ReceiveCalls) {
        let bytes = self.channel.drain(calls);
        let seconds = (now - self.drained).as_secs_f64().max(1e-4);
        self.drained = now;
        self.bytes_per_second += 0.1 * (bytes / seconds - self.bytes_per_second);
        let gather = Duration::from_secs_f64(GATHER_BYTES / self.bytes_per_second.max(1.0));
        self.due = now + gather.clamp(SLEEP_MIN, latency);
        if bytes > 0.0 {
            self.channel.send();
        }
    }
}

/// Whether a call on a socket that never waits has nothing to do.
fn would_wait(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
