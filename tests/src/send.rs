//! Sending datagrams to a group from a host: one by one, or a stream at its rate until it is told
//! to stop, remembering what was sent.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_ip_multicast_if_with_ifindex;
use socket2::{Domain, Protocol, Socket, Type};

use crate::host::Host;
use crate::ts::{PACKET, TestStream};
use crate::wrap::Wrap;

/// Between two looks whether a silent broadcast shall go on.
const SILENT_PAUSE: Duration = Duration::from_millis(5);

/// What becomes of the TS in a broadcast's datagrams while it is damaged; given the datagram's number.
pub type Damage = fn(usize, &mut [u8]);

/// A socket that sends to one group.
#[derive(Debug)]
pub struct Sender {
    socket: Socket,
}

/// A stream that is being sent.
#[derive(Debug)]
pub struct Broadcast {
    sent: Arc<Mutex<Vec<u8>>>,
    stop: Arc<AtomicBool>,
    silent: Arc<AtomicBool>,
    damaged: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sender {
    /// Sends from `host` through `nic` to `group`, with the NIC's first address.
    ///
    /// # Panics
    /// When the NIC is missing.
    #[must_use]
    pub fn new(host: &Host, nic: &str, group: &str) -> Self {
        Self::open(host, nic, group, None)
    }

    /// The same with `source` as the sender's address.
    ///
    /// # Panics
    /// When the NIC or the address is missing.
    #[must_use]
    pub fn from_source(host: &Host, nic: &str, group: &str, source: &str) -> Self {
        let source = source.parse().expect("an address");
        Self::open(host, nic, group, Some(source))
    }

    fn open(host: &Host, nic: &str, group: &str, source: Option<IpAddr>) -> Self {
        let index = host.nic_index(nic);
        let group: SocketAddr = group.parse().expect("GROUP:PORT");
        let socket = host.enter(|| {
            let socket = Socket::new(Domain::for_address(group), Type::DGRAM, Some(Protocol::UDP));
            let socket = socket.expect("a socket");
            if let Some(source) = source {
                let local = SocketAddr::new(source, 0);
                socket.bind(&local.into()).expect("the source is local");
            }
            let group = match group {
                SocketAddr::V4(_) => {
                    let any = Ipv4Addr::UNSPECIFIED;
                    set_ip_multicast_if_with_ifindex(&socket, &any, &any, index).expect("the NIC");
                    socket.set_multicast_ttl_v4(4).expect("a TTL");
                    group
                }
                SocketAddr::V6(v6) => {
                    socket.set_multicast_if_v6(index).expect("the NIC");
                    SocketAddrV6::new(*v6.ip(), v6.port(), 0, index).into()
                }
            };
            socket.connect(&group.into()).expect("a route to the group");
            socket
        });
        Self { socket }
    }

    /// Sends one datagram; one that the NIC can't take (it is down) is lost, as on a real wire.
    pub fn send(&self, datagram: &[u8]) {
        let _ = self.socket.send(datagram);
    }

    /// Sends datagrams with `pause` between them.
    pub fn send_all<'a>(&self, datagrams: impl IntoIterator<Item = &'a Vec<u8>>, pause: Duration) {
        let started = Instant::now();
        for (index, datagram) in (0..).zip(datagrams) {
            sleep_until(started + pause * index);
            self.send(datagram);
        }
    }

    /// Sends `stream` at its rate until it is stopped.
    #[must_use]
    pub fn broadcast(self, stream: TestStream, wrap: Wrap) -> Broadcast {
        let broadcast = self.broadcast_damaged(stream, wrap, |_, _| {});
        broadcast.mend();
        broadcast
    }

    /// The same, damaged until it is mended.
    #[must_use]
    pub fn broadcast_damaged(
        self,
        mut stream: TestStream,
        mut wrap: Wrap,
        damage: Damage,
    ) -> Broadcast {
        let mut broadcast = Broadcast {
            sent: Arc::default(),
            stop: Arc::default(),
            silent: Arc::default(),
            damaged: Arc::new(AtomicBool::new(true)),
            thread: None,
        };
        let (record, end) = (Arc::clone(&broadcast.sent), Arc::clone(&broadcast.stop));
        let hold = Arc::clone(&broadcast.silent);
        let damaged = Arc::clone(&broadcast.damaged);
        broadcast.thread = Some(std::thread::spawn(move || {
            let mut started = beginning(&stream);
            let mut number = 0;
            while !end.load(Ordering::Relaxed) {
                if hold.load(Ordering::Relaxed) {
                    sleep_until(Instant::now() + SILENT_PAUSE);
                    started = beginning(&stream);
                    continue;
                }
                let (mut datagram, ts) = wrap.next(&mut stream);
                if damaged.load(Ordering::Relaxed) {
                    let header = datagram.len() % PACKET;
                    damage(number, &mut datagram[header..]);
                }
                number += 1;
                lock(&record).extend_from_slice(&ts);
                self.send(&datagram);
                sleep_until(started + stream.due());
            }
        }));
        broadcast
    }
}

/// When `stream` would have begun for its next packet to be due now.
fn beginning(stream: &TestStream) -> Instant {
    let now = Instant::now();
    now.checked_sub(stream.due()).unwrap_or(now)
}

impl Broadcast {
    /// From now on it is damaged.
    pub fn damage(&self) {
        self.damaged.store(true, Ordering::Relaxed);
    }

    /// From now on it is not.
    pub fn mend(&self) {
        self.damaged.store(false, Ordering::Relaxed);
    }

    /// The TS bytes sent so far, as they were before any damage.
    #[must_use]
    pub fn sent(&self) -> Vec<u8> {
        lock(&self.sent).clone()
    }

    /// Falls silent: the stream stands still until [`Self::go_on`].
    pub fn fall_silent(&self) {
        self.silent.store(true, Ordering::Relaxed);
    }

    /// Sends on where it fell silent.
    pub fn go_on(&self) {
        self.silent.store(false, Ordering::Relaxed);
    }

    /// Stops; answers all that was sent.
    #[must_use]
    pub fn stop(mut self) -> Vec<u8> {
        self.end();
        std::mem::take(&mut lock(&self.sent))
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        self.end();
    }
}

fn lock(bytes: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    bytes.lock().unwrap_or_else(PoisonError::into_inner)
}

fn sleep_until(time: Instant) {
    std::thread::sleep(time.saturating_duration_since(Instant::now()));
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;
    use crate::gate::{Need, can_run};

    #[test]
    fn a_datagram_crosses_from_host_to_host() {
        if !can_run(&[Need::Namespaces]) {
            return;
        }
        let (left, right) = (Host::new("left"), Host::new("right"));
        left.link("eth0", &["10.1.0.1/24"], &right, "eth7", &["10.1.0.2/24"]);
        let receiver = right.enter(|| {
            let socket = UdpSocket::bind("0.0.0.0:5000").expect("bind");
            let nic = Ipv4Addr::new(10, 1, 0, 2);
            let group = Ipv4Addr::new(239, 1, 1, 1);
            socket.join_multicast_v4(&group, &nic).expect("join");
            socket
        });
        let timeout = Some(Duration::from_secs(5));
        receiver.set_read_timeout(timeout).expect("a timeout");
        Sender::new(&left, "eth0", "239.1.1.1:5000").send(b"hello");
        let mut bytes = [0; 16];
        let (length, from) = receiver.recv_from(&mut bytes).expect("a datagram");
        assert_eq!(&bytes[..length], b"hello");
        assert_eq!(from.ip(), Ipv4Addr::new(10, 1, 0, 1));
    }
}
