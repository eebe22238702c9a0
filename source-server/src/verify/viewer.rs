//! One connection to a relay: the request, the answer's head, the body until time is up.

use std::cell::RefCell;
use std::io;
use std::time::{Duration, SystemTime};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use super::check::{Checked, Checker, Findings};
use super::delay::Delays;
use super::{HttpUrl, VerifyOptions};
use crate::limits::HEAD_BYTES_MAX;

/// What one call reads at most. One buffer a thread: viewers read one after the other.
const READ_BYTES: usize = 1 << 20;

/// A relay answers within this, even when it waits 10 s for the channel's first data.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// What became of one viewer.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// It could not watch, or not to the end; and why.
    pub(super) failure: Option<String>,
    pub(super) findings: Findings,
    pub(super) delays: Delays,
    pub(super) backlog: Option<Duration>,
    /// From the begin of connecting.
    pub(super) first_byte: Option<Duration>,
    /// From the first byte to the last.
    pub(super) watched: Duration,
    /// The longest time without a byte.
    pub(super) pause_max: Duration,
}

impl Outcome {
    pub(super) fn failed(why: String) -> Self {
        Self {
            failure: Some(why),
            ..Self::default()
        }
    }
}

/// What a read brought.
enum Read {
    More,
    End,
}

/// The body while it is read.
struct Body {
    checker: Checker,
    begin: Instant,
    first: Option<Instant>,
    last: Instant,
    pause_max: Duration,
}

pub(super) async fn watch(options: &VerifyOptions) -> Outcome {
    let begin = Instant::now();
    let begin_ns = wall_clock_ns();
    let until = options.duration.map(|duration| begin + duration);
    let opened = timeout(ANSWER_WITHIN, open(options)).await;
    let (socket, rest) = match opened {
        Ok(Ok(opened)) => opened,
        Ok(Err(why)) => return Outcome::failed(why),
        Err(_) => {
            return Outcome::failed(format!("no answer within {} s", ANSWER_WITHIN.as_secs()));
        }
    };
    let mut body = Body {
        checker: Checker::new(begin_ns),
        begin,
        first: None,
        last: Instant::now(),
        pause_max: Duration::ZERO,
    };
    if !rest.is_empty() {
        body.read(&rest);
    }
    let failure = follow(&socket, &mut body, until).await;
    body.finish(failure)
}

async fn open(options: &VerifyOptions) -> Result<(TcpStream, Vec<u8>), String> {
    let url = &options.url;
    let fail = |error: io::Error| format!("cannot connect to {}: {error}", url.authority());
    let mut socket = TcpStream::connect((url.host(), url.port()))
        .await
        .map_err(fail)?;
    let request = request(url, options.token.as_deref());
    socket.write_all(request.as_bytes()).await.map_err(fail)?;
    let head = read_head(&socket).await?;
    let rest = judge_head(&head)?;
    let rest = head[rest..].to_vec();
    Ok((socket, rest))
}

fn request(url: &HttpUrl, token: Option<&str>) -> String {
    let authorization = token.map_or_else(String::new, |token| {
        format!("Authorization: Bearer {token}\r\n")
    });
    format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: source-server-verify/{}\r\nAccept: */*\r\n{authorization}Connection: close\r\n\r\n",
        url.path(),
        url.authority(),
        env!("CARGO_PKG_VERSION"),
    )
}

/// The head and whatever of the body came with it; of a refusal all that it says, as far as it fits.
async fn read_head(socket: &TcpStream) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    loop {
        let more = read(socket, |read| bytes.extend_from_slice(read)).await;
        let more = more.map_err(|error| format!("the answer broke off: {error}"))?;
        let ok = bytes.starts_with(b"HTTP/1.1 200 ") || bytes.starts_with(b"HTTP/1.0 200 ");
        let (whole, full) = (is_whole(&bytes), bytes.len() >= HEAD_BYTES_MAX);
        match more {
            Read::End if bytes.is_empty() => return Err("closed without an answer".to_owned()),
            Read::End => return Ok(bytes),
            Read::More if whole && (ok || full) => return Ok(bytes),
            Read::More if full => {
                return Err(format!(
                    "the answer's head has more than {HEAD_BYTES_MAX} bytes"
                ));
            }
            Read::More => {}
        }
    }
}

fn is_whole(head: &[u8]) -> bool {
    head.windows(4).any(|bytes| bytes == b"\r\n\r\n")
}

/// Where the body begins; or why this is no answer of a relay, with what it says.
fn judge_head(bytes: &[u8]) -> Result<usize, String> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response
        .parse(bytes)
        .map_err(|error| format!("the answer is no HTTP: {error}"))?;
    let httparse::Status::Complete(end) = parsed else {
        return Err("the answer's head broke off".to_owned());
    };
    let status = response.code.unwrap_or(0);
    if status != 200 {
        let body = String::from_utf8_lossy(&bytes[end..]);
        return Err(format!("status {status}: {}", body.trim()));
    }
    let coded = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("transfer-encoding"));
    match coded {
        Some(header) => Err(format!(
            "the body has a transfer coding ({}): a relay sends it raw",
            String::from_utf8_lossy(header.value)
        )),
        None => Ok(end),
    }
}

/// Reads until `until`, or the end. Answers what was wrong with the end.
async fn follow(socket: &TcpStream, body: &mut Body, until: Option<Instant>) -> Option<String> {
    loop {
        let time_up = async {
            match until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let read = tokio::select! {
            biased;
            () = time_up => return None,
            read = read(socket, |bytes| body.read(bytes)) => read,
        };
        match read {
            Ok(Read::More) => {}
            Ok(Read::End) => {
                let after = body.begin.elapsed().as_secs_f64();
                return until.map(|_| format!("the relay closed after {after:.1} s"));
            }
            Err(error) => return Some(format!("the connection broke: {error}")),
        }
    }
}

/// Waits for bytes and gives them to `take`.
async fn read(socket: &TcpStream, mut take: impl FnMut(&[u8])) -> io::Result<Read> {
    loop {
        socket.readable().await?;
        let got = BUFFER.with_borrow_mut(|buffer| {
            let got = socket.try_read(buffer)?;
            if got > 0 {
                take(&buffer[..got]);
            }
            Ok::<_, io::Error>(got)
        });
        match got {
            Ok(0) => return Ok(Read::End),
            Ok(_) => return Ok(Read::More),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

impl Body {
    fn read(&mut self, bytes: &[u8]) {
        let now = Instant::now();
        if self.first.is_some() {
            self.pause_max = self.pause_max.max(now - self.last);
        }
        self.first.get_or_insert(now);
        self.last = now;
        self.checker.read(bytes, wall_clock_ns());
    }

    fn finish(self, failure: Option<String>) -> Outcome {
        let Checked {
            findings,
            delays,
            backlog_ns,
        } = self.checker.finish();
        let nothing = (findings.datagrams == 0).then(|| match findings.packets {
            0 => "no data came".to_owned(),
            packets => format!("{packets} packets came, but no whole datagram with a proof: was it sent with --proof?"),
        });
        Outcome {
            failure: failure.or(nothing),
            first_byte: self.first.map(|first| first - self.begin),
            watched: self.first.map_or(Duration::ZERO, |first| self.last - first),
            // A pause that lasts to the end is one as well.
            pause_max: self
                .pause_max
                .max(self.first.map_or(Duration::ZERO, |_| self.last.elapsed())),
            findings,
            delays,
            backlog: backlog_ns.map(Duration::from_nanos),
        }
    }
}

fn wall_clock_ns() -> u64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
