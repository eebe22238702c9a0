//! Which datagrams are a channel's: by group, source, NIC and IP version, and no other byte.

use std::net::{Ipv4Addr, UdpSocket};

use e2e::check;
use e2e::gate::{Need, can_run};
use e2e::ingest::{Ingest, Options};
use e2e::scene::{GROUP, RATE_BPS, Scene, URL};
use e2e::send::{Broadcast, Sender};
use e2e::ts::TestStream;
use e2e::wait::{seconds, wait_until};
use e2e::wrap::Wrap;

/// What is recorded of each channel: three seconds of picture, nearly.
const RECORD_BYTES: usize = 1_000_000;

fn records_only(ingest: &Ingest<'_>, channel: &str, broadcast: &Broadcast, mark: u16) {
    ingest.wait_receiving(channel);
    let viewer = ingest.watch(&format!("/channels/{channel}.ts"));
    viewer.wait_bytes(RECORD_BYTES, seconds(10));
    let body = viewer.body();
    check::only_mark(&body, mark);
    check::one_piece_of(&body, &broadcast.sent());
    assert_eq!(check::continuity_breaks(&body), Vec::<String>::new());
}

pub(super) fn nothing_lost(ingest: &Ingest<'_>) {
    let shown = ingest.channel("news")["status"]["lost"].take();
    for cause in ["network", "kernel", "upstream", "unattributed"] {
        assert_eq!(shown[cause], 0, "{shown}");
        let labels = [("channel", "news"), ("cause", cause)];
        assert_eq!(ingest.metric("lost_total", &labels), 0.0, "{cause}");
    }
}

#[test]
fn any_source_multicast_is_relayed_as_it_was_sent() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let broadcast = scene.broadcast(GROUP, Wrap::Plain);
    records_only(&ingest, "news", &broadcast, 1);
    let expected = f64::from(u32::try_from(RATE_BPS).expect("a small rate"));
    wait_until("its rate is shown", seconds(3), || {
        let bitrate = ingest.metric("bitrate_bps", &[("channel", "news")]);
        (bitrate / expected - 1.0).abs() < 0.1
    });
    let status = ingest.channel("news")["status"].take();
    nothing_lost(&ingest);
    let service = &status["services"][0];
    assert_eq!(service["service_id"], 1, "{status}");
    assert_eq!(service["name"], "Test 0001", "{status}");
    assert_eq!(service["provider"], "e2e", "{status}");
    assert_eq!(service["streams"][0]["type"], "h264", "{status}");
}

#[test]
fn of_a_source_specific_group_no_byte_of_another_source_arrives() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    scene.source.ip("addr add 10.0.0.9/24 dev eth0");
    let channel = "udp://10.0.0.1@232.1.1.1:5000";
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(channel));
    let group = "232.1.1.1:5000";
    let foreign = Sender::from_source(&scene.source, "eth0", group, "10.0.0.9")
        .broadcast(TestStream::new(2, RATE_BPS), Wrap::Plain);
    wait_until("the foreign source sends", seconds(5), || {
        foreign.sent().len() > RECORD_BYTES / 2
    });
    assert_eq!(ingest.metric("received_datagrams_total", &[]), 0.0);
    ingest.wait_status("news", "waiting", "never_received", seconds(5));
    let own = Sender::from_source(&scene.source, "eth0", group, "10.0.0.1")
        .broadcast(TestStream::new(1, RATE_BPS), Wrap::Plain);
    records_only(&ingest, "news", &own, 1);
}

#[test]
fn ipv6_groups_are_received_from_any_and_from_one_source() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let text = "channels:
  - id: any
    name: Any
    inputs: [{url: 'udp://[ff15::101]:5000'}]
  - id: one
    name: One
    inputs: [{url: 'udp://[fd00::1]@[ff3e::8000:1]:5000'}]
";
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channels(text));
    let any = scene.broadcast("[ff15::101]:5000", Wrap::Plain);
    let one = scene.broadcast_mark("[ff3e::8000:1]:5000", Wrap::Plain, 2);
    records_only(&ingest, "any", &any, 1);
    records_only(&ingest, "one", &one, 2);
}

fn one_group_on_two_nics(group: &str) {
    let scene = Scene::new();
    scene.second_cable();
    let input = |nic| format!("inputs: [{{url: 'udp://{group}', interface: {nic}}}]");
    let text = format!(
        "channels:\n- {{id: first, name: First, {}}}\n- {{id: second, name: Second, {}}}\n",
        input("eth0"),
        input("eth1")
    );
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channels(&text));
    let first = scene.broadcast(group, Wrap::Plain);
    let second = Sender::new(&scene.source, "eth1", group)
        .broadcast(TestStream::new(2, RATE_BPS), Wrap::Plain);
    records_only(&ingest, "first", &first, 1);
    records_only(&ingest, "second", &second, 2);
}

#[test]
fn one_ipv4_group_and_port_on_two_nics_stay_apart() {
    if can_run(&[Need::Namespaces]) {
        one_group_on_two_nics(GROUP);
    }
}

#[test]
fn one_ipv6_group_and_port_on_two_nics_stay_apart() {
    if can_run(&[Need::Namespaces]) {
        one_group_on_two_nics("[ff15::101]:5000");
    }
}

/// The socket of another process that knows no better: bound to all addresses, port 5000.
fn careless(scene: &Scene) -> UdpSocket {
    scene.node.enter(|| {
        let any = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::DGRAM, None);
        let any = any.expect("a socket");
        any.set_reuse_address(true).expect("SO_REUSEADDR");
        let all: std::net::SocketAddr = "[::]:5000".parse().expect("an address");
        any.bind(&all.into()).expect("the port is shared");
        UdpSocket::from(any)
    })
}

/// The group comes on both NICs; the channel is of the first, another process joined on the second.
fn joined_by_another_on_the_second_nic(group: &str, join: impl Fn(&UdpSocket, u32)) {
    let scene = Scene::new();
    scene.second_cable();
    let url = format!("udp://{group}");
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(&url));
    let other = careless(&scene);
    join(&other, scene.node.nic_index("eth1"));
    let own = scene.broadcast(group, Wrap::Plain);
    let foreign = Sender::new(&scene.source, "eth1", group)
        .broadcast(TestStream::new(2, RATE_BPS), Wrap::Plain);
    let timeout = Some(seconds(5));
    other.set_read_timeout(timeout).expect("a timeout");
    wait_until("the other process gets its own", seconds(5), || {
        let mut datagram = [0; 2048];
        let length = other.recv(&mut datagram).expect("the other receives");
        e2e::http::find(&datagram[..length], b"<0002:").is_some()
    });
    records_only(&ingest, "news", &own, 1);
    assert!(!foreign.sent().is_empty());
}

#[test]
fn an_ipv4_group_that_another_process_joined_on_another_nic_stays_out() {
    if can_run(&[Need::Namespaces]) {
        joined_by_another_on_the_second_nic(GROUP, |socket, _| {
            let group = Ipv4Addr::new(239, 1, 1, 1);
            let nic = Ipv4Addr::new(10, 0, 1, 2);
            socket.join_multicast_v4(&group, &nic).expect("a join");
        });
    }
}

#[test]
fn an_ipv6_group_that_another_process_joined_on_another_nic_stays_out() {
    if can_run(&[Need::Namespaces]) {
        joined_by_another_on_the_second_nic("[ff15::101]:5000", |socket, index| {
            let group = "ff15::101".parse().expect("a group");
            socket.join_multicast_v6(&group, index).expect("a join");
        });
    }
}

#[test]
fn a_group_that_another_process_joined_on_the_same_port_stays_out() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channel(URL));
    let other = careless(&scene);
    let nic = Ipv4Addr::new(10, 0, 0, 2);
    for group in [Ipv4Addr::new(239, 1, 1, 2), Ipv4Addr::new(239, 1, 1, 1)] {
        other.join_multicast_v4(&group, &nic).expect("a join");
    }
    let foreign = scene.broadcast_mark("239.1.1.2:5000", Wrap::Plain, 2);
    let own = scene.broadcast(GROUP, Wrap::Plain);
    records_only(&ingest, "news", &own, 1);
    assert!(!foreign.sent().is_empty());
    let mut datagram = [0; 2048];
    let timeout = Some(seconds(5));
    other.set_read_timeout(timeout).expect("a timeout");
    let (length, _) = other.recv_from(&mut datagram).expect("the other receives");
    assert_eq!(length, 1316);
    assert_eq!(ingest.metric("malformed_datagrams_total", &[]), 0.0);
}

#[test]
fn two_channels_of_two_groups_on_one_port_stay_apart() {
    if !can_run(&[Need::Namespaces]) {
        return;
    }
    let scene = Scene::new();
    let text = "channels:
- {id: first, name: First, inputs: [{url: 'udp://239.1.1.1:5000'}]}
- {id: second, name: Second, inputs: [{url: 'udp://239.1.1.2:5000'}]}
";
    let ingest = Ingest::start(&scene.node, &Options::new("eth0").channels(text));
    let first = scene.broadcast("239.1.1.1:5000", Wrap::Plain);
    let second = scene.broadcast_mark("239.1.1.2:5000", Wrap::Plain, 2);
    records_only(&ingest, "first", &first, 1);
    records_only(&ingest, "second", &second, 2);
}
