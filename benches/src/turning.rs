//! A channel of the relay that is turned by hand: without worker, keeper or clock.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use common::api::channel::{ChannelStatus, Origin, Reason, State};
use common::net::receive::MulticastReceiver;
use encoder_ingest::channels::file::{Context, Known, read_channel};
use encoder_ingest::definition::ChannelDefinition;
use encoder_ingest::live::{LiveChannel, LiveViewer, ViewerCounters, ViewerId};
use encoder_ingest::relay::block::{BlockBudget, BlockPool};
use encoder_ingest::relay::channel::{Bench, Channel, ChannelKey, ChannelPlan, Ended, Now, Timing};
use encoder_ingest::relay::input::{Drained, Input};
use encoder_ingest::relay::receive::ReceiveTools;
use encoder_ingest::relay::viewer::{Start, Viewer};

/// What the history may hold, by bytes and by time.
pub const HISTORY_BYTES: usize = 4 << 20;
const HISTORY: Duration = Duration::from_secs(2);

/// Between two turns: a block's worth at 40 Mbit/s.
const TURN: Duration = Duration::from_millis(13);

/// The answer's head, as long as a real one.
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n";

/// A channel and all that its worker would have for it.
#[derive(Debug)]
pub struct Turning {
    channel: Channel,
    tools: ReceiveTools,
    pool: BlockPool,
    ended: Vec<Ended>,
    live: Arc<LiveChannel>,
    now: Now,
}

impl Turning {
    /// A channel that receives from `receiver`.
    #[must_use]
    pub fn new(receiver: MulticastReceiver) -> Self {
        let now = Now { ns: 0, ms: 0 };
        let definition = definition(&receiver.group().to_string());
        let plan = ChannelPlan {
            slow_viewer: definition.slow_viewer,
            program: definition.program,
        };
        let status = ChannelStatus::new(
            State::Waiting,
            Reason::NeverReceived,
            String::new(),
            String::new(),
        );
        let live = LiveChannel::new(definition, status);
        let share = &live.counters.history_bytes_max;
        share.store(HISTORY_BYTES as u64, Relaxed);
        let live = Arc::new(live);
        let timing = Timing {
            latency: Duration::from_millis(20),
            history: HISTORY,
            silence: Duration::from_secs(1),
            viewer_idle: Duration::from_secs(60),
            analysed: true,
        };
        let mut channel = Channel::new(ChannelKey(1), Arc::clone(&live), plan, timing, now);
        channel.set_receiver(Some(receiver), false, now);
        Self {
            channel,
            tools: ReceiveTools::default(),
            pool: BlockPool::new(Arc::new(BlockBudget::new(2 * HISTORY_BYTES))),
            ended: Vec::new(),
            live,
            now,
        }
    }

    #[must_use]
    pub fn live(&self) -> &LiveChannel {
        &self.live
    }

    #[must_use]
    pub fn viewers(&self) -> usize {
        self.channel.viewers().len()
    }

    /// The socket.
    #[must_use]
    pub fn receiver(&self) -> Option<&MulticastReceiver> {
        self.channel.input().map(Input::receiver)
    }

    /// A viewer that begins with the newest byte. Answers what it is sent before.
    ///
    /// # Errors
    /// When the connection has gone already.
    pub fn watch(&mut self, socket: TcpStream) -> io::Result<usize> {
        let viewer = LiveViewer {
            id: ViewerId(self.viewers() as u64 + 1),
            channel: Arc::clone(&self.live),
            address: socket.peer_addr()?,
            user_agent: String::new(),
            since: String::new(),
            counters: ViewerCounters::default(),
        };
        let viewer = Viewer::new(
            Arc::new(viewer),
            socket,
            HEAD.to_vec(),
            Start::Live,
            self.now.ms,
        );
        let mut bench = Bench {
            tools: &mut self.tools,
            pool: &mut self.pool,
            ended: &mut self.ended,
        };
        self.channel.watch(viewer, self.now, &mut bench);
        Ok(HEAD.len())
    }

    /// The kernel tells that there is room again for the `index`-th viewer that came. False when it
    /// has gone.
    pub fn viewer_event(&mut self, index: usize) -> bool {
        let id = ViewerId(index as u64 + 1);
        let mut bench = Bench {
            tools: &mut self.tools,
            pool: &mut self.pool,
            ended: &mut self.ended,
        };
        self.channel.viewer_event(id, false, self.now, &mut bench)
    }

    /// One turn.
    pub fn turn(&mut self) -> Drained {
        self.now.ns += u64::try_from(TURN.as_nanos()).unwrap_or(0);
        self.now.ms = self.now.ns / 1_000_000;
        let mut bench = Bench {
            tools: &mut self.tools,
            pool: &mut self.pool,
            ended: &mut self.ended,
        };
        self.channel.turn(self.now, &mut bench)
    }
}

/// A channel of one group, with everything else as it is by default.
///
/// # Panics
/// When `group` is none.
#[must_use]
pub fn definition(group: &str) -> Arc<ChannelDefinition> {
    let text = format!(r#"{{"id": "news", "inputs": [{{"url": "udp://{group}"}}]}}"#);
    let context = Context {
        origin: Origin::Operator,
        profiles: Known::Any,
        channels_max: 1,
    };
    let definition = read_channel(text.as_bytes(), None, context);
    Arc::new(definition.expect("a definition"))
}
