//! A processing node without ffmpeg: it says heartbeats, and sends streams in which every packet is
//! known.

use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, scope, sleep};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::{Http, Response, read_response};
use crate::ts::{PACKET, TestStream};
use crate::wait::wait_for;

/// A node as its heartbeats show it.
#[derive(Debug, Clone)]
pub struct FakeNode<'a> {
    http: Http<'a>,
    pub name: String,
    pub instance: String,
    pub slots: f64,
    pub draining: bool,
    revision: u64,
    /// The orders that came last.
    pub orders: Vec<Value>,
}

/// Heartbeats, one a second or sooner, for as long as `work` goes on.
#[derive(Debug)]
pub struct Beating<'n, 'a>(&'n Mutex<FakeNode<'a>>);

/// An upload that goes on until it is told to end.
#[derive(Debug)]
pub struct Sending {
    stream: TcpStream,
    stop: Arc<AtomicBool>,
    answer: Option<JoinHandle<io::Result<Response>>>,
    writer: Option<JoinHandle<()>>,
}

/// A pause between two looks at what is due.
const PAUSE: Duration = Duration::from_millis(5);

/// How long a node waits between two heartbeats.
const BEAT: Duration = Duration::from_secs(1);

impl<'a> FakeNode<'a> {
    #[must_use]
    pub fn new(http: Http<'a>, name: &str, slots: f64) -> Self {
        Self {
            http,
            name: name.to_owned(),
            instance: format!("{name}-1"),
            slots,
            draining: false,
            revision: 0,
            orders: Vec::new(),
        }
    }

    /// What it says: every job that it was ordered runs.
    #[must_use]
    pub fn says(&self) -> Value {
        let cost = |order: &Value| order["cost"].as_f64().unwrap_or_default();
        let used: f64 = self.orders.iter().map(cost).sum();
        let report = |order: &Value| {
            json!({"id": order["id"], "epoch": order["epoch"], "state": "running", "reason": null,
                "params": {}, "detail": "", "fps": 25.0, "speed": 1.0})
        };
        json!({
            "version": "0", "instance": self.instance, "slots": self.slots,
            "free_slots": self.slots - used, "encoders": ["libx264", "aac", "mjpeg"],
            "ffmpeg": "5.1.9", "draining": self.draining, "revision": self.revision,
            "jobs": self.orders.iter().map(report).collect::<Vec<_>>(),
        })
    }

    /// One heartbeat, whatever the answer.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn say(&self, what: &Value) -> Response {
        let path = format!("/api/v1/nodes/{}/heartbeat", self.name);
        self.http.send_json("POST", &path, what)
    }

    /// A heartbeat whose answer is not waited for: its connection, which ends when it is dropped.
    ///
    /// # Panics
    /// When there is no connection.
    #[must_use]
    #[track_caller]
    pub fn begin_beat(&self) -> TcpStream {
        let mut stream = self.http.connect().expect("a connection");
        let body = self.says().to_string();
        let head = format!(
            "POST /api/v1/nodes/{}/heartbeat HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
            self.name,
            self.http.address(),
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("a head");
        stream.write_all(body.as_bytes()).expect("a heartbeat");
        stream
    }

    fn take(&mut self, answer: &Response) {
        let orders = answer.json();
        self.revision = orders["revision"].as_u64().expect("a revision");
        self.orders = orders["jobs"].as_array().cloned().expect("jobs");
    }

    /// One heartbeat that is answered with orders.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn beat(&mut self) {
        let answer = self.say(&self.says());
        assert_eq!(answer.status(), 200, "{}", answer.text());
        self.take(&answer);
    }

    /// The epoch of a job that it was ordered.
    #[must_use]
    pub fn epoch(&self, job: &str) -> Option<u64> {
        let order = self.orders.iter().find(|order| order["id"] == job)?;
        order["epoch"].as_u64()
    }

    /// Beats until a job was ordered; answers its epoch.
    ///
    /// # Panics
    /// When it was not within `timeout`.
    #[track_caller]
    pub fn wait_order(&mut self, job: &str, timeout: Duration) -> u64 {
        let what = format!("{} is ordered {job}", self.name);
        wait_for(&what, timeout, || {
            self.beat();
            self.epoch(job)
        })
    }

    /// Begins to send `stream` as a job's output, at its rate.
    ///
    /// # Panics
    /// When there is no connection.
    #[must_use]
    #[track_caller]
    pub fn send(&self, job: &str, epoch: u64, stream: TestStream) -> Sending {
        Sending::start(&self.http, job, epoch, stream)
    }

    /// Sends one picture.
    #[must_use]
    #[track_caller]
    pub fn send_picture(&self, job: &str, epoch: u64, bytes: &[u8]) -> Response {
        let path = format!("/api/v1/jobs/{job}/output?epoch={epoch}");
        let kind = [("Content-Type", "image/jpeg")];
        self.http.request("PUT", &path, &kind, bytes)
    }
}

/// Lets nodes beat beside `work`.
pub fn beating<'a, T>(nodes: &[&Mutex<FakeNode<'a>>], work: impl FnOnce() -> T) -> T {
    /// Ends the others, also when a check has failed.
    struct End<'e>(&'e AtomicBool);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let ended = AtomicBool::new(false);
    scope(|threads| {
        for node in nodes {
            threads.spawn(|| Beating(node).run(&ended));
        }
        let _end = End(&ended);
        work()
    })
}

impl Beating<'_, '_> {
    fn run(&self, ended: &AtomicBool) {
        while !ended.load(Ordering::Relaxed) {
            let begun = Instant::now();
            let node = locked(self.0).clone();
            // What can't be said now is said with the next one.
            let path = format!("/api/v1/nodes/{}/heartbeat", node.name);
            let body = node.says().to_string();
            let kind = [("Content-Type", "application/json")];
            let answer = node.http.try_request("POST", &path, &kind, body.as_bytes());
            let changed = match answer.ok().filter(|answer| answer.status() == 200) {
                Some(answer) => {
                    let mut node = locked(self.0);
                    let before = node.revision;
                    node.take(&answer);
                    node.revision != before
                }
                None => false,
            };
            while !changed && begun.elapsed() < BEAT && !ended.load(Ordering::Relaxed) {
                sleep(PAUSE);
            }
        }
    }
}

/// The node within.
pub fn locked<'m, 'a>(node: &'m Mutex<FakeNode<'a>>) -> MutexGuard<'m, FakeNode<'a>> {
    node.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sending {
    #[track_caller]
    fn start(http: &Http<'_>, job: &str, epoch: u64, mut packets: TestStream) -> Self {
        let mut stream = http.connect().expect("a connection");
        let head = format!(
            "PUT /api/v1/jobs/{job}/output?epoch={epoch} HTTP/1.1\r\nHost: {}\r\n\
             Content-Type: video/mp2t\r\nTransfer-Encoding: chunked\r\n\r\n",
            http.address()
        );
        stream.write_all(head.as_bytes()).expect("a request");
        let stop = Arc::new(AtomicBool::new(false));
        let (mut reader, mut writer) = (
            stream.try_clone().expect("a handle"),
            stream.try_clone().expect("a handle"),
        );
        reader.set_read_timeout(None).expect("no timeout");
        let answer = std::thread::spawn(move || read_response(&mut reader, false));
        let end = Arc::clone(&stop);
        let writer = std::thread::spawn(move || {
            let (begun, first) = (Instant::now(), packets.due());
            let mut chunk = Vec::new();
            while !end.load(Ordering::Relaxed) {
                chunk.clear();
                while packets.due() <= first + begun.elapsed() {
                    chunk.extend(packets.next().expect("without end"));
                }
                if !chunk.is_empty() && write_chunk(&mut writer, &chunk).is_err() {
                    return;
                }
                sleep(PAUSE);
            }
        });
        Self {
            stream,
            stop,
            answer: Some(answer),
            writer: Some(writer),
        }
    }

    fn stop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }

    /// Ends it as its sender wants it; answers the answer's status.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    #[track_caller]
    pub fn finish(mut self) -> u16 {
        self.stop();
        let _ = self.stream.write_all(b"0\r\n\r\n");
        self.answered()
    }

    /// The connection ends in the middle, as by a killed process.
    pub fn reset(mut self) {
        self.stop();
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Waits for the answer, which comes only when it is refused; answers its status.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    #[track_caller]
    pub fn answered(&mut self) -> u16 {
        let answer = self.answer.take().expect("it is read once");
        let answer = answer.join().expect("the reader ends");
        answer.expect("an answer").status()
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Never less than a packet, and not always whole ones: boundaries are the other side's business.
fn write_chunk(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    for piece in bytes.chunks(3 * PACKET + 50) {
        let mut framed = format!("{:x}\r\n", piece.len()).into_bytes();
        framed.extend_from_slice(piece);
        framed.extend_from_slice(b"\r\n");
        stream.write_all(&framed)?;
    }
    Ok(())
}
