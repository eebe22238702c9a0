//! With a real connection, and a history made up here.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;

use common::api::channel::{ChannelStatus, Origin, Reason, SlowViewer, State};
use common::ts::packet::PACKET_BYTES;

use super::*;
use crate::definition::ChannelDefinition;
use crate::live::{LiveChannel, ViewerCounters, ViewerId};
use crate::relay::block::{BlockBudget, BlockPool};
use crate::signal::prelude::Prelude;

struct Rig {
    history: History,
    pool: BlockPool,
    viewer: Viewer,
    client: TcpStream,
    now_ms: u64,
}

impl Rig {
    fn new(start: Start, head: &[u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listener");
        let address = listener.local_addr().expect("address");
        let client = TcpStream::connect(address).expect("client");
        client.set_nonblocking(true).expect("option");
        let (socket, address) = listener.accept().expect("socket");
        let live = LiveViewer {
            id: ViewerId(1),
            channel: Arc::new(channel()),
            address,
            user_agent: String::new(),
            since: String::new(),
            counters: ViewerCounters::default(),
        };
        Self {
            history: History::default(),
            pool: BlockPool::new(Arc::new(BlockBudget::new(1 << 26))),
            viewer: Viewer::new(Arc::new(live), socket, head.to_vec(), start, 0),
            client,
            now_ms: 0,
        }
    }

    fn append(&mut self, source: u8, packets: usize) {
        let bytes = vec![source; packets * PACKET_BYTES];
        self.history.append(&bytes, &mut self.pool, self.now_ms);
    }

    /// A random access point at the head, with one packet of tables in front.
    fn mark(&mut self, tables: u8) {
        let mut prelude = Prelude::default();
        assert!(prelude.push(&[tables; PACKET_BYTES]));
        self.history
            .mark(self.history.head(), self.now_ms, &prelude);
    }

    fn cut(&mut self) {
        let place = self.history.cut();
        self.viewer.cut(place, self.now_ms);
    }

    fn pump(&mut self, flowing: bool) {
        let view = View {
            history: &self.history,
            flowing,
            now_ms: self.now_ms,
        };
        assert_eq!(self.viewer.pump(view), Pumped::Done);
    }

    /// What has come at the client: sources and the packets of each, in their order.
    fn came(&mut self) -> Vec<(u8, usize)> {
        let mut bytes = vec![0; 1 << 20];
        let count = self.client.read(&mut bytes).unwrap_or(0);
        assert_eq!(count % PACKET_BYTES, 0);
        let packets: Vec<u8> = bytes[..count]
            .iter()
            .step_by(PACKET_BYTES)
            .copied()
            .collect();
        let runs = packets.chunk_by(|one, other| one == other);
        runs.map(|run| (run[0], run.len())).collect()
    }
}

fn channel() -> LiveChannel {
    let definition = ChannelDefinition {
        id: "news".parse().expect("id"),
        origin: Origin::Operator,
        name: String::new(),
        inputs: Vec::new(),
        slow_viewer: SlowViewer::Skip,
        renditions: Vec::new(),
        ingests: None,
        enabled: true,
        number: None,
        group: None,
        logo: None,
        labels: BTreeMap::default(),
        program: None,
        scrambled: None,
    };
    let status = ChannelStatus::new(
        State::Waiting,
        Reason::NeverReceived,
        String::new(),
        String::new(),
    );
    LiveChannel::new(Arc::new(definition), status)
}

#[test]
fn after_a_long_silence_it_still_goes_on_at_a_random_access_point() {
    let mut rig = Rig::new(Start::Live, &[]);
    rig.append(1, 3);
    rig.pump(true);
    assert_eq!(rig.came(), vec![(1, 3)]);
    rig.cut();
    for _ in 0..20 {
        rig.now_ms += 250;
        rig.pump(false);
    }
    // The new source begins in the middle of a picture.
    rig.append(2, 2);
    rig.pump(true);
    assert_eq!(rig.came(), vec![]);
    rig.now_ms += 500;
    rig.mark(9);
    rig.append(2, 4);
    rig.pump(true);
    assert_eq!(rig.came(), vec![(9, 1), (2, 4)]);
    assert_eq!(rig.viewer.skipped_bytes(), 2 * 188);
}

#[test]
fn without_a_random_access_point_it_goes_on_after_a_while_of_data() {
    let mut rig = Rig::new(Start::Live, &[]);
    rig.pump(true);
    rig.cut();
    rig.append(2, 2);
    for _ in 0..8 {
        rig.pump(true);
        rig.append(2, 1);
        rig.now_ms += 250;
    }
    assert_eq!(rig.came(), vec![(2, 1)]);
}

#[test]
fn no_viewer_goes_over_a_cut_but_from_a_mark() {
    // Two cuts lie ahead of it.
    let mut rig = Rig::new(Start::Live, &[]);
    rig.append(1, 3);
    rig.viewer.settle(View {
        history: &rig.history,
        flowing: true,
        now_ms: 0,
    });
    rig.cut();
    rig.append(2, 3);
    rig.cut();
    rig.append(3, 1);
    rig.mark(9);
    rig.append(3, 3);
    rig.pump(true);
    assert_eq!(rig.came(), vec![(1, 3), (9, 1), (3, 3)]);

    // It has not begun yet.
    let backlog = Duration::ZERO;
    let mut rig = Rig::new(Start::RandomAccess { backlog }, &[]);
    rig.append(1, 3);
    rig.pump(true);
    rig.cut();
    rig.append(2, 3);
    rig.now_ms += 1600;
    rig.pump(true);
    assert_eq!(rig.came(), vec![(2, 3)]);
}

#[test]
fn with_the_rest_of_a_packet_to_send_it_has_not_caught_up() {
    let mut rig = Rig::new(Start::Live, &vec![1; 16 << 20]);
    rig.append(1, 3);
    rig.pump(true);
    assert!(rig.viewer.blocked());
    let head = rig.history.head();
    rig.viewer
        .overtaken(head, SlowViewer::Skip, &rig.history, 0);
    assert!(!rig.viewer.caught_up(&rig.history));
}

#[test]
fn one_that_is_closed_while_it_takes_nothing_gets_whole_packets() {
    let mut within = 0;
    for filled in 1..=8 {
        let mut rig = Rig::new(Start::Live, &[]);
        rig.pump(true);
        while !rig.viewer.blocked() {
            rig.append(filled, 300 + usize::from(filled));
            let view = View {
                history: &rig.history,
                flowing: true,
                now_ms: rig.now_ms,
            };
            rig.viewer.pump(view);
        }
        within += usize::from(!rig.viewer.sent_bytes().is_multiple_of(PACKET_BYTES as u64));
        rig.viewer.finish_packet(&rig.history);
        rig.viewer.close();
        let mut bytes = Vec::new();
        rig.client.set_nonblocking(false).expect("option");
        rig.client.read_to_end(&mut bytes).expect("an orderly end");
        assert!(!bytes.is_empty());
        assert_eq!(bytes.len() % PACKET_BYTES, 0, "{} bytes", bytes.len());
    }
    assert!(within > 0, "the kernel never stopped within a packet");
}
