//! The data plane with real sockets on `lo`: what a viewer gets is what was sent.

use std::io::{IoSlice, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::api::channel::{Origin, SlowViewer, State};
use common::group::{ChannelUrl, MulticastGroup, Scheme};
use common::net::send::{MulticastSender, SendOptions};
use common::rtp::plain_header;
use encoder_ingest::definition::{ChannelDefinition, ChannelId, InputDefinition};
use encoder_ingest::plane::{
    NewViewer, Notice, Plane, PlaneOptions, ProbeInterfaces, Start, WatchRefusal,
};
use tokio::sync::mpsc::Receiver;

const PATIENCE: Duration = Duration::from_secs(10);

struct Rig {
    plane: Plane,
    notices: Receiver<Notice>,
    listener: TcpListener,
}

impl Rig {
    fn new() -> Self {
        let (plane, notices) = Plane::start(PlaneOptions {
            interfaces: vec!["lo".parse().expect("nic")],
            workers: 2,
            latency: Duration::from_millis(20),
            history: Duration::from_secs(2),
            history_bytes_max: 64 << 20,
            receive_buffer_bytes: None,
            probe: ProbeInterfaces::Off,
            silence: Duration::from_secs(1),
            viewer_idle: Duration::from_secs(60),
            viewers_max: 100,
            analysed: true,
        })
        .expect("plane");
        Self {
            plane,
            notices,
            listener: TcpListener::bind("127.0.0.1:0").expect("listener"),
        }
    }

    fn channel(&self, id: &str, group: MulticastGroup) -> ChannelId {
        let id: ChannelId = id.parse().expect("id");
        self.plane.apply(Arc::new(ChannelDefinition {
            id: id.clone(),
            origin: Origin::Operator,
            name: id.to_string(),
            inputs: vec![input(group)],
            slow_viewer: SlowViewer::Skip,
            renditions: Vec::new(),
            ingests: None,
            enabled: true,
            number: None,
            group: None,
            logo: None,
            labels: std::collections::BTreeMap::default(),
            program: None,
            scrambled: None,
        }));
        self.wait(|| {
            self.plane.channel(&id).is_some_and(|live| {
                live.counters
                    .receive_buffer_bytes
                    .load(std::sync::atomic::Ordering::Relaxed)
                    > 0
            })
        });
        id
    }

    fn viewer(&self, channel: &ChannelId, start: Start) -> TcpStream {
        self.seat(channel, start, None).expect("taken")
    }

    fn seat(
        &self,
        channel: &ChannelId,
        start: Start,
        only: Option<InputDefinition>,
    ) -> Result<TcpStream, WatchRefusal> {
        let client =
            TcpStream::connect(self.listener.local_addr().expect("address")).expect("connect");
        let (socket, _) = self.listener.accept().expect("accept");
        let viewer = NewViewer {
            channel: channel.clone(),
            socket,
            user_agent: "test".to_owned(),
            start,
            head: b"HEAD".to_vec(),
            only,
        };
        self.plane.watch(viewer).map_err(|refused| refused.reason)?;
        client.set_read_timeout(Some(PATIENCE)).expect("timeout");
        Ok(client)
    }

    fn wait(&self, condition: impl Fn() -> bool) {
        let since = Instant::now();
        while !condition() {
            assert!(since.elapsed() < PATIENCE, "condition never held");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn drain(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("runtime");
        runtime.block_on(self.plane.drain());
    }
}

fn input(group: MulticastGroup) -> InputDefinition {
    let url = ChannelUrl {
        scheme: Scheme::Udp,
        group,
    };
    InputDefinition {
        url,
        interface: None,
    }
}

fn group(last: u8) -> MulticastGroup {
    MulticastGroup::new(IpAddr::V4(Ipv4Addr::new(239, 77, 1, last)), 5000, None).expect("group")
}

fn sender(group: MulticastGroup) -> MulticastSender {
    let options = SendOptions {
        interface_index: 1,
        source: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        ttl: 1,
        loopback: true,
    };
    MulticastSender::open(group, options).expect("sender")
}

fn packet(number: u32) -> Vec<u8> {
    let mut packet = vec![0x5a; 188];
    packet[..4].copy_from_slice(&[0x47, 1, 0, 0x10 | (number & 15) as u8]);
    packet[4..8].copy_from_slice(&number.to_be_bytes());
    packet
}

fn payload(number: u32) -> Vec<u8> {
    (number * 7..number * 7 + 7).flat_map(packet).collect()
}

fn read(client: &mut TcpStream, bytes: usize) -> Vec<u8> {
    let mut buffer = vec![0; bytes];
    client.read_exact(&mut buffer).expect("data");
    buffer
}

#[test]
fn viewers_get_what_was_sent_and_nothing_else() {
    let rig = Rig::new();
    for (last, rtp) in [(1, false), (2, true)] {
        let id = rig.channel(&format!("c{last}"), group(last));
        let sender = sender(group(last));
        let mut clients: Vec<TcpStream> = (0..3).map(|_| rig.viewer(&id, Start::Live)).collect();
        // A first datagram makes data flow; from then on the viewers are at the live end.
        let send = |number: u32| {
            let header = plain_header(u16::try_from(number % 65_536).expect("u16"), 0, 7);
            let datagram = if rtp {
                [&header[..], &payload(number)].concat()
            } else {
                payload(number)
            };
            sender.send(&[IoSlice::new(&datagram)], None).expect("sent");
        };
        send(0);
        let heads: Vec<Vec<u8>> = clients
            .iter_mut()
            .map(|client| read(client, 4 + 1316))
            .collect();
        assert!(heads.iter().all(|head| head.starts_with(b"HEAD")));
        let firsts: Vec<u32> = heads
            .iter()
            .map(|head| u32::from_be_bytes([head[8], head[9], head[10], head[11]]))
            .collect();
        assert_eq!(firsts, vec![0; 3]);
        (1..200).for_each(send);
        let expected: Vec<u8> = (1..200).flat_map(payload).collect();
        for client in &mut clients {
            assert_eq!(read(client, expected.len()), expected);
        }
        let live = rig.plane.channel(&id).expect("live");
        rig.wait(|| live.status.load().state == State::Receiving);
        assert_eq!(rig.plane.viewers(Some(&id)).len(), 3);
        drop(clients);
        rig.wait(|| rig.plane.viewers(Some(&id)).is_empty());
    }
    rig.drain();
}

/// Each is found among the others by its id, in whatever order they go.
#[test]
fn one_viewer_of_many_goes_and_the_others_stay() {
    let rig = Rig::new();
    let ids = [6, 7, 8].map(|last| rig.channel(&format!("many{last}"), group(last)));
    let senders = [6, 7, 8].map(|last| sender(group(last)));
    let send = |number: u32| {
        for sender in &senders {
            sender
                .send(&[IoSlice::new(&payload(number))], None)
                .expect("sent");
        }
    };
    let mut clients: Vec<(usize, TcpStream)> = (0..12)
        .map(|index| (index, rig.viewer(&ids[index % 3], Start::Live)))
        .collect();
    send(0);
    for (_, client) in &mut clients {
        read(client, 4 + 1316);
    }
    // The API lists viewers in the order of their coming.
    let all = rig.plane.viewers(None);
    let mut there: Vec<_> = all.iter().map(|viewer| viewer.id).collect();
    for (round, place) in [4, 0, 9, 5, 0].into_iter().enumerate() {
        let (_, mut client) = clients.remove(place);
        let id = there.remove(place);
        if round % 2 == 0 {
            assert!(rig.plane.kick(id));
            assert_eq!(client.read(&mut [0; 8]).expect("a clean end"), 0);
        } else {
            drop(client);
        }
        rig.wait(|| {
            let left = rig.plane.viewers(None);
            left.iter()
                .map(|viewer| viewer.id)
                .eq(there.iter().copied())
        });
        let number = u32::try_from(round).expect("u32") + 1;
        send(number);
        for (index, client) in &mut clients {
            assert_eq!(read(client, 1316), payload(number), "viewer {index}");
        }
    }
    rig.drain();
}

/// Fewer than one turn's worth come at a time, so that no turn sees many of the new kind in a row.
#[test]
fn a_slow_source_may_change_from_plain_ts_to_rtp() {
    let rig = Rig::new();
    let id = rig.channel("kinds", group(5));
    let sender = sender(group(5));
    let live = rig.plane.channel(&id).expect("live");
    let send = |datagram: &[u8]| {
        sender.send(&[IoSlice::new(datagram)], None).expect("sent");
        std::thread::sleep(Duration::from_millis(30));
    };
    (0..3).for_each(|number| send(&payload(number)));
    for number in 3..20_u16 {
        let header = plain_header(number, 0, 7);
        send(&[&header[..], &payload(u32::from(number))].concat());
    }
    rig.wait(|| {
        live.counters
            .kind_is_rtp
            .load(std::sync::atomic::Ordering::Relaxed)
    });
    rig.drain();
}

#[test]
fn a_channel_without_data_gives_the_socket_back() {
    let mut rig = Rig::new();
    let id = rig.channel("silent", group(3));
    let mut client = rig.viewer(&id, Start::Live);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime");
    let since = Instant::now();
    loop {
        let notice = runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(15), rig.notices.recv()).await
        });
        if let Some(Notice::NoData {
            mut socket,
            channel,
        }) = notice.expect("in time")
        {
            assert_eq!(channel.id, id);
            socket.write_all(b"504").expect("still open");
            break;
        }
    }
    assert!(since.elapsed() >= Duration::from_millis(9_500));
    assert_eq!(read(&mut client, 3), b"504");
    rig.drain();
}

#[test]
fn draining_sends_the_rest_and_ends_cleanly() {
    let rig = Rig::new();
    let id = rig.channel("last", group(4));
    let sender = sender(group(4));
    let mut client = rig.viewer(&id, Start::Live);
    sender
        .send(&[IoSlice::new(&payload(0))], None)
        .expect("sent");
    read(&mut client, 4 + 1316);
    (1..20).for_each(|number| {
        sender
            .send(&[IoSlice::new(&payload(number))], None)
            .expect("sent");
    });
    let expected: Vec<u8> = (1..20).flat_map(payload).collect();
    assert_eq!(read(&mut client, expected.len()), expected);
    rig.drain();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).expect("a clean end");
    assert!(rest.is_empty());
}

#[test]
fn who_asked_for_one_input_gets_no_other() {
    let rig = Rig::new();
    let (one, other) = (group(9), group(10));
    let id = rig.channel("edited", one);
    let send = |sender: &MulticastSender, number: u32| {
        sender
            .send(&[IoSlice::new(&payload(number))], None)
            .expect("sent");
    };
    let seat = || rig.seat(&id, Start::Live, Some(input(one)));
    let mut bound = seat().expect("taken");
    let mut free = rig.viewer(&id, Start::Live);
    assert_eq!(rig.plane.viewers(Some(&id)).len(), 2);
    send(&sender(one), 0);
    for client in [&mut bound, &mut free] {
        assert!(read(client, 4 + 1316).ends_with(&payload(0)));
    }
    // The same again is no change.
    rig.channel("edited", one);
    send(&sender(one), 1);
    assert_eq!(read(&mut bound, 1316), payload(1));
    rig.channel("edited", other);
    assert_eq!(seat().err(), Some(WatchRefusal::Changed));
    let fresh = sender(other);
    rig.wait(|| {
        send(&fresh, 9);
        rig.plane.viewers(Some(&id)).len() == 1
    });
    let mut rest = Vec::new();
    bound.read_to_end(&mut rest).expect("a clean end");
    assert_eq!(rest, Vec::<u8>::new());
    read(&mut free, 1316);
    rig.drain();
}
