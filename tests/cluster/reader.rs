//! A viewer outside the cluster that comes again whenever it is cut off, and how long it missed.

use std::io::Read;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::lab::{Held, outside};

/// A reader that runs.
#[derive(Debug)]
pub(crate) struct Reader {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    bytes: AtomicU64,
    connections: AtomicU64,
    /// When something came last, and the longest pause before it.
    seen: Mutex<(Instant, Duration)>,
}

impl Reader {
    pub(crate) fn start(url: &str) -> Self {
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            bytes: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            seen: Mutex::new((Instant::now(), Duration::ZERO)),
        });
        let (theirs, url) = (Arc::clone(&shared), url.to_owned());
        let thread = std::thread::spawn(move || {
            while !theirs.stop.load(Ordering::Relaxed) {
                theirs.read(&url);
            }
        });
        Self {
            shared,
            thread: Some(thread),
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Connections that brought something.
    pub(crate) fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// The longest time without a byte, that which goes on included.
    pub(crate) fn longest_pause(&self) -> Duration {
        let seen = self.shared.seen.lock();
        let (last, longest) = *seen.unwrap_or_else(PoisonError::into_inner);
        longest.max(last.elapsed())
    }
}

impl Shared {
    /// One connection, until its end.
    fn read(&self, url: &str) {
        let child = outside("curl")
            .args(["-sfN", "--connect-timeout", "1", url])
            .stdout(Stdio::piped())
            .spawn();
        let mut child = Held(child.expect("curl starts"));
        let mut from = child.0.stdout.take().expect("it is piped");
        let mut piece = vec![0; 1 << 16];
        let mut first = true;
        while let Ok(read @ 1..) = from.read(&mut piece) {
            if first {
                first = false;
                self.connections.fetch_add(1, Ordering::Relaxed);
            }
            let before = self.bytes.fetch_add(read as u64, Ordering::Relaxed);
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            // Before its first byte a viewer only comes: nothing was interrupted.
            let pause = match before {
                0 => Duration::ZERO,
                _ => seen.0.elapsed(),
            };
            *seen = (Instant::now(), seen.1.max(pause));
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // A reader of a relay that is silent would wait for ever: its next byte or its end frees it.
        if let Some(thread) = self.thread.take()
            && thread.is_finished()
        {
            let _ = thread.join();
        }
    }
}
