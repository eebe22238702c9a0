//! Players: TCP connections on `lo` whose far ends a thread reads as fast as bytes come, throwing
//! them away where they are.

use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::net::{RecvFlags, recv};
use rustix::process::{Resource, getrlimit, setrlimit};

/// Discarded in one call at most. Only its length counts: nothing is written there.
const READ_BYTES: usize = 1 << 20;

/// How often the reader looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);

/// Bytes that were written are read within this, or something is wrong.
const READ_WITHIN: Duration = Duration::from_secs(20);

/// The far ends and the thread that reads them.
#[derive(Debug)]
pub struct Audience {
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    bytes: AtomicU64,
    stop: AtomicBool,
}

impl Audience {
    /// So many connections: the near ends are for the relay.
    ///
    /// # Panics
    /// When the machine allows so many no sockets.
    #[must_use]
    pub fn new(count: usize) -> (Self, Vec<TcpStream>) {
        allow_sockets();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("its address");
        let connect = |_| {
            let far = TcpStream::connect(address).expect("a connection");
            (far, listener.accept().expect("its near end").0)
        };
        let (far, near): (Vec<_>, Vec<_>) = (0..count).map(connect).unzip();
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let reader = std::thread::spawn(move || theirs.read(&far));
        let audience = Self {
            shared,
            reader: Some(reader),
        };
        (audience, near)
    }

    /// Bytes that have been read, of all together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Acquire)
    }

    /// Waits until so many have been read. Allocates nothing.
    ///
    /// # Panics
    /// When they don't come.
    pub fn wait(&self, bytes: u64) {
        let deadline = Instant::now() + READ_WITHIN;
        while self.bytes() < bytes {
            assert!(Instant::now() < deadline, "{} of {bytes}", self.bytes());
            std::thread::yield_now();
        }
    }
}

impl Drop for Audience {
    fn drop(&mut self) {
        self.shared.stop.store(true, Release);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Shared {
    fn read(&self, sockets: &[TcpStream]) {
        let epoll = epoll::create(CreateFlags::CLOEXEC).expect("epoll");
        for (index, socket) in sockets.iter().enumerate() {
            socket.set_nonblocking(true).expect("an option");
            let token = EventData::new_u64(index as u64);
            epoll::add(&epoll, socket, token, EventFlags::IN).expect("watched");
        }
        let mut buffer = vec![0; READ_BYTES];
        while !self.stop.load(Acquire) {
            self.look(&epoll, sockets, &mut buffer);
        }
    }

    fn look(&self, epoll: &OwnedFd, sockets: &[TcpStream], buffer: &mut [u8]) {
        let mut room = [const { MaybeUninit::<Event>::uninit() }; 256];
        let timeout = Timespec::try_from(LOOK).unwrap_or_default();
        let Ok((events, _)) = epoll::wait(epoll, &mut room, Some(&timeout)) else {
            return;
        };
        for event in events.iter() {
            let index = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
            let Some(socket) = sockets.get(index) else {
                continue;
            };
            // tcp(7): with MSG_TRUNC what has come is discarded instead of copied.
            match recv(socket, &mut *buffer, RecvFlags::TRUNC) {
                Ok((_, 0)) => drop(epoll::delete(epoll, socket)),
                Ok((_, bytes)) => drop(self.bytes.fetch_add(bytes as u64, Release)),
                Err(_) => {}
            }
        }
    }
}

/// A thousand viewers are two thousand sockets: more than many a shell allows at first.
fn allow_sockets() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
