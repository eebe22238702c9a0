//! With a real socket on `lo`.

use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use common::group::MulticastGroup;
use common::net::send::{MulticastSender, SendOptions};
use common::rtp::plain_header;

use super::*;
use crate::relay::block::{BlockBudget, BlockPool};
use crate::relay::recorder::Recorder;

struct Rig {
    input: Input,
    sender: MulticastSender,
    recorder: Recorder,
    pool: BlockPool,
    tools: ReceiveTools,
    now_ms: u64,
    sent: u16,
    received: u64,
}

impl Rig {
    fn new(last: u8, buffer_bytes: usize) -> Self {
        let address = IpAddr::V4(Ipv4Addr::new(239, 77, 9, last));
        let group = MulticastGroup::new(address, 5000, None).expect("group");
        let options = SendOptions {
            interface_index: 1,
            source: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            ttl: 1,
            loopback: true,
        };
        let receiver = MulticastReceiver::open(group, 1, Some(buffer_bytes)).expect("receiver");
        Self {
            input: Input::new(receiver),
            sender: MulticastSender::open(group, options).expect("sender"),
            recorder: Recorder::new(None),
            pool: BlockPool::new(Arc::new(BlockBudget::new(1 << 24))),
            tools: ReceiveTools::default(),
            now_ms: 0,
            sent: 0,
            received: 0,
        }
    }

    fn send(&mut self, count: u16, rtp: bool) {
        for _ in 0..count {
            let mut datagram = if rtp {
                plain_header(self.sent, 0, 7).to_vec()
            } else {
                Vec::new()
            };
            for index in 0..7 {
                let mut packet = [0x33; PACKET_BYTES];
                let cc = u8::try_from((self.sent * 7 + index) & 15).expect("four bits");
                packet[..4].copy_from_slice(&[0x47, 1, 0, 0x10 | cc]);
                datagram.extend_from_slice(&packet);
            }
            self.sender
                .send(&[IoSlice::new(&datagram)], None)
                .expect("sent");
            self.sent += 1;
        }
    }

    fn drain(&mut self) {
        self.now_ms += 20;
        let mut out = Out {
            recorder: &mut self.recorder,
            pool: &mut self.pool,
            now_ms: self.now_ms,
        };
        self.received += self.input.drain(&mut self.tools, &mut out).datagrams;
    }

    /// Overruns the socket several times, with a look at its counter at any moment; answers how
    /// many datagrams it dropped.
    fn overrun(&mut self, rtp: bool) -> u64 {
        for _ in 0..4 {
            self.send(200, rtp);
            self.input.check_drops();
            self.drain();
            self.send(3, rtp);
        }
        // Nothing is held back any more behind a gap.
        (0..5).for_each(|_| self.drain());
        u64::from(self.sent) - self.received
    }
}

#[test]
fn datagrams_queued_before_a_drop_that_is_known_do_not_count_it_again() {
    let mut rig = Rig::new(1, 20_000);
    let dropped = rig.overrun(false);
    assert!(dropped > 400, "{dropped}");
    assert_eq!(rig.input.counts().lost_kernel, dropped);
    assert_eq!(rig.recorder.signal().counts().missing_plain, 0);
}

#[test]
fn every_gap_of_rtp_that_the_socket_made_is_the_kernels() {
    let mut rig = Rig::new(2, 20_000);
    let dropped = rig.overrun(true);
    assert!(dropped > 400, "{dropped}");
    let counts = rig.input.counts();
    assert_eq!((counts.lost_kernel, counts.lost_network), (dropped, 0));
    assert_eq!(rig.recorder.signal().counts().missing_rtp, 0);
}

/// The source ends while the socket is full: no datagram ever shows the gap.
#[test]
fn drops_of_rtp_that_nothing_follows_are_counted_once() {
    let mut rig = Rig::new(7, 20_000);
    rig.send(3, true);
    rig.drain();
    rig.input.check_drops();
    rig.send(300, true);
    rig.drain();
    rig.input.check_drops();
    assert_eq!(
        rig.input.counts().lost_kernel,
        0,
        "a gap may still be shown"
    );
    for _ in 0..3 {
        rig.drain();
        rig.input.check_drops();
    }
    let dropped = u64::from(rig.sent) - rig.received;
    assert!(dropped > 200, "{dropped}");
    assert_eq!(rig.input.counts().lost_kernel, dropped);
    // The source goes on after all.
    rig.send(3, true);
    (0..5).for_each(|_| rig.drain());
    (0..3).for_each(|_| rig.input.check_drops());
    assert_eq!(rig.input.counts().lost_kernel, dropped);
    let more = rig.overrun(true);
    assert!(more > dropped + 400);
    assert_eq!(rig.input.counts().lost_kernel, more);
    assert_eq!(rig.input.counts().lost_network, 0);
}

/// Headers with an extension can't be told apart by the kernel: every run goes the careful path.
#[test]
fn glued_runs_on_the_careful_path_come_out_whole() {
    let mut rig = Rig::new(3, 1 << 20);
    rig.input.receiver.set_coalescing(true).expect("GRO");
    rig.input.mode.switched(true, 0);
    let mut numbers = 0..;
    for count in [5, 40, 1, 17] {
        let mut run = Vec::new();
        for _ in 0..count {
            let mut header = plain_header(rig.sent, 0, 7);
            header[0] |= 0x10;
            run.extend_from_slice(&header);
            run.extend_from_slice(&[0xbe, 0xde, 0, 0]);
            for number in numbers.by_ref().take(7) {
                let mut packet = [0x33; PACKET_BYTES];
                packet[..4].copy_from_slice(&[
                    0x47,
                    1,
                    0,
                    0x10 | u8::try_from(number & 15).expect("four bits"),
                ]);
                packet[4..8].copy_from_slice(&u32::to_be_bytes(number));
                run.extend_from_slice(&packet);
            }
            rig.sent += 1;
        }
        let sent = rig.sender.send(&[IoSlice::new(&run)], Some(1332));
        assert_eq!(sent.expect("sent"), 1);
        rig.drain();
    }
    assert_eq!(rig.received, u64::from(rig.sent));
    let history = rig.recorder.history();
    let bytes = (0..).map_while(|at| history.contiguous(at * 188).get(..PACKET_BYTES));
    let came: Vec<u32> = bytes
        .map(|packet| u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]))
        .collect();
    assert_eq!(came, (0..u32::from(rig.sent) * 7).collect::<Vec<u32>>());
}

/// An input that was tried goes over to a channel as a socket that has dropped and may be glueing.
#[test]
fn a_socket_that_was_anothers_brings_none_of_its_losses() {
    for rtp in [false, true] {
        let mut rig = Rig::new(if rtp { 5 } else { 4 }, 20_000);
        assert!(rig.overrun(rtp) > 400);
        // Queued before it goes over.
        rig.send(3, rtp);
        rig.input = Input::new(rig.input.into_receiver());
        rig.received = 0;
        rig.send(3, rtp);
        (0..5).for_each(|_| rig.drain());
        rig.input.check_drops();
        assert_eq!(rig.received, 6);
        let counts = rig.input.counts();
        let lost = (counts.lost_kernel, counts.lost_network, counts.malformed);
        assert_eq!(lost, (0, 0, 0), "RTP: {rtp}");
    }
}

#[test]
fn a_socket_that_glues_already_is_gone_on_with() {
    let mut rig = Rig::new(6, 1 << 20);
    rig.input.receiver.set_coalescing(true).expect("GRO");
    rig.input = Input::new(rig.input.into_receiver());
    let mut run = Vec::new();
    for sequence in 0..30 {
        run.extend_from_slice(&plain_header(sequence, 0, 7));
        for index in 0..7 {
            let mut packet = [0x33; PACKET_BYTES];
            let cc = u8::try_from((sequence * 7 + index) & 15).expect("four bits");
            packet[..4].copy_from_slice(&[0x47, 1, 0, 0x10 | cc]);
            run.extend_from_slice(&packet);
        }
    }
    let sent = rig.sender.send(&[IoSlice::new(&run)], Some(1328));
    assert_eq!(sent.expect("sent"), 1);
    rig.drain();
    assert_eq!(rig.received, 30);
    assert_eq!(rig.input.counts().malformed, 0);
    assert_eq!(rig.recorder.history().head(), 30 * 1316);
}
