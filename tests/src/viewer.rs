//! A viewer: a connection that watches a channel and records all it gets. It can stop reading and
//! go on, and it knows how the connection ended.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::SockRef;

use crate::http::{Head, Http, read_head};
use crate::wait::wait_for;

/// How a viewer's connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The other side closed it in order: FIN after the last byte.
    Fin,
    /// Reset, or another error.
    Reset(ErrorKind),
}

/// A connection that watches.
#[derive(Debug)]
pub struct Viewer {
    shared: Arc<Shared>,
    stream: TcpStream,
    reader: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    record: Mutex<Record>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Record {
    head: Option<Head>,
    body: Vec<u8>,
    end: Option<End>,
    paused: bool,
}

impl Viewer {
    /// Asks for `path` and records.
    ///
    /// # Panics
    /// When there is no connection.
    #[must_use]
    #[track_caller]
    pub fn open(http: &Http<'_>, path: &str) -> Self {
        Self::with_buffer(http, path, None)
    }

    /// The same with a small receive buffer, so that it soon takes nothing once paused.
    ///
    /// # Panics
    /// When there is no connection.
    #[must_use]
    #[track_caller]
    pub fn with_buffer(http: &Http<'_>, path: &str, buffer_bytes: Option<usize>) -> Self {
        let mut stream = http.connect().expect("a viewer connects");
        stream.set_read_timeout(None).expect("no read timeout");
        if let Some(bytes) = buffer_bytes {
            let socket = SockRef::from(&stream);
            socket.set_recv_buffer_size(bytes).expect("SO_RCVBUF");
        }
        let request = http.get_bytes(path);
        stream.write_all(&request).expect("a request is written");
        let shared = Arc::new(Shared::default());
        let reading = stream.try_clone().expect("a socket can be cloned");
        let theirs = Arc::clone(&shared);
        let reader = std::thread::spawn(move || theirs.read(reading));
        Self {
            shared,
            stream,
            reader: Some(reader),
        }
    }

    /// The answer's head, once it came.
    ///
    /// # Panics
    /// When it does not come within `timeout`.
    #[must_use]
    #[track_caller]
    pub fn head(&self, timeout: Duration) -> Head {
        wait_for("the head of the answer", timeout, || {
            self.shared.lock().head.clone()
        })
    }

    /// Bytes of the body so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.lock().body.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What came so far.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        self.shared.lock().body.clone()
    }

    /// Waits until `bytes` of the body came.
    ///
    /// # Panics
    /// When they don't within `timeout`.
    #[track_caller]
    pub fn wait_bytes(&self, bytes: usize, timeout: Duration) {
        let what = format!("{bytes} bytes at a viewer");
        wait_for(&what, timeout, || (self.len() >= bytes).then_some(()));
    }

    /// Waits for `bytes` more than there are.
    ///
    /// # Panics
    /// When they don't come within `timeout`.
    #[track_caller]
    pub fn wait_more(&self, bytes: usize, timeout: Duration) {
        self.wait_bytes(self.len() + bytes, timeout);
    }

    /// How the connection ended, if it did.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.shared.lock().end
    }

    /// Waits for the connection's end.
    ///
    /// # Panics
    /// When it does not come within `timeout`.
    #[track_caller]
    pub fn wait_end(&self, timeout: Duration) -> End {
        wait_for("the connection's end", timeout, || self.end())
    }

    /// Sends bytes that nobody asked for.
    ///
    /// # Panics
    /// When the connection takes none.
    pub fn chatter(&self, bytes: &[u8]) {
        let mut stream = &self.stream;
        stream.write_all(bytes).expect("the connection is open");
    }

    /// Stops reading: the kernel's buffers fill up.
    pub fn pause(&self) {
        self.shared.lock().paused = true;
    }

    /// Reads on.
    pub fn resume(&self) {
        self.shared.lock().paused = false;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, mut stream: TcpStream) {
        let end = match read_head(&mut stream) {
            Ok((head, rest)) => {
                let mut record = self.lock();
                record.head = Some(head);
                record.body = rest;
                drop(record);
                self.read_body(&mut stream)
            }
            Err(error) => End::Reset(error.kind()),
        };
        self.lock().end = Some(end);
    }

    fn read_body(&self, stream: &mut TcpStream) -> End {
        let mut piece = vec![0; 65536];
        loop {
            let mut record = self.lock();
            while record.paused {
                record = match self.changed.wait(record) {
                    Ok(record) => record,
                    Err(poisoned) => poisoned.into_inner(),
                };
            }
            drop(record);
            match stream.read(&mut piece) {
                Ok(0) => return End::Fin,
                Ok(read) => self.lock().body.extend_from_slice(&piece[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return End::Reset(error.kind()),
            }
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        self.resume();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}
