//! A small HTTP/1.1 client that sees every byte: the head as it came, the body raw.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::host::Host;

const TIMEOUT: Duration = Duration::from_secs(20);

/// Where requests go, and with what credentials.
#[derive(Debug, Clone, Copy)]
pub struct Http<'a> {
    host: &'a Host,
    address: SocketAddr,
    token: Option<&'a str>,
}

/// The head of an answer.
#[derive(Debug, Clone, Default)]
pub struct Head {
    pub status: u16,
    pub headers: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
pub struct Response {
    pub head: Head,
    /// Without the chunks' framing, where the transfer coding is chunked.
    pub body: Vec<u8>,
}

impl<'a> Http<'a> {
    /// Requests from `host` to `address`.
    #[must_use]
    pub const fn new(host: &'a Host, address: SocketAddr) -> Self {
        Self {
            host,
            address,
            token: None,
        }
    }

    /// The same with a bearer token.
    #[must_use]
    pub const fn token(self, token: &'a str) -> Self {
        Self {
            token: Some(token),
            ..self
        }
    }

    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// # Panics
    /// When there is no answer.
    #[must_use]
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[], b"")
    }

    /// # Panics
    /// When there is no answer.
    #[must_use]
    #[track_caller]
    pub fn send_json(&self, method: &str, path: &str, body: &serde_json::Value) -> Response {
        let body = body.to_string();
        let headers = [("Content-Type", "application/json")];
        self.request(method, path, &headers, body.as_bytes())
    }

    /// # Panics
    /// When there is no answer.
    #[must_use]
    #[track_caller]
    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        self.try_request(method, path, headers, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// # Errors
    /// When there is no connection, or no whole answer.
    pub fn try_request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        let mut text = self.head(method, path, headers);
        if !body.is_empty() || matches!(method, "POST" | "PUT") {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(body);
        self.raw(&bytes, method == "HEAD")
    }

    /// The request's lines, without the empty one at the end. A `Host` among `headers` stands
    /// for the usual one.
    fn head(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> String {
        let mut text = format!("{method} {path} HTTP/1.1\r\n");
        let named = |name: &str| {
            headers
                .iter()
                .any(|(key, _)| key.eq_ignore_ascii_case(name))
        };
        if !named("host") {
            text.push_str(&format!("Host: {}\r\n", self.address));
        }
        if !named("connection") {
            text.push_str("Connection: close\r\n");
        }
        if let Some(token) = self.token {
            text.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        for (key, value) in headers {
            text.push_str(&format!("{key}: {value}\r\n"));
        }
        text
    }

    /// Sends `bytes` as they are and reads one answer.
    ///
    /// # Errors
    /// When there is no connection, or no whole answer.
    pub fn raw(&self, bytes: &[u8], head_only: bool) -> io::Result<Response> {
        let mut stream = self.connect()?;
        stream.write_all(bytes)?;
        read_response(&mut stream, head_only)
    }

    /// A connection to the address.
    ///
    /// # Errors
    /// Those of connecting.
    pub fn connect(&self) -> io::Result<TcpStream> {
        let stream = self.host.connect(self.address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(stream)
    }

    /// A GET request for `path`, ready to be written.
    #[must_use]
    pub fn get_bytes(&self, path: &str) -> Vec<u8> {
        (self.head("GET", path, &[]) + "\r\n").into_bytes()
    }
}

impl Head {
    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Parses the lines up to, and without, the empty one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let pair = |line: &str| {
            let (key, value) = line.split_once(':')?;
            Some((key.to_owned(), value.trim().to_owned()))
        };
        let headers = lines.filter(|line| !line.is_empty()).map(pair);
        Some(Self {
            status,
            headers: headers.collect::<Option<_>>()?,
        })
    }
}

impl Response {
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.head.status
    }

    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// # Panics
    /// When the body is no JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }

    /// The body as RFC 9457 problem details, checked for what every problem must have.
    ///
    /// # Panics
    /// When the answer is none.
    #[must_use]
    #[track_caller]
    pub fn problem(&self, status: u16) -> serde_json::Value {
        assert_eq!(self.status(), status, "{}", self.text());
        let kind = self.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("application/problem+json"), "{kind:?}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{problem}");
        for member in ["type", "title", "detail"] {
            assert!(problem[member].is_string(), "no {member} in {problem}");
        }
        problem
    }
}

/// Reads one answer: by its length, by chunks, or until the other side closes.
///
/// # Errors
/// When the connection ends early or what came is no answer.
pub fn read_response(stream: &mut impl Read, head_only: bool) -> io::Result<Response> {
    let (head, rest) = read_head(stream)?;
    let length = head.header("content-length").and_then(|n| n.parse().ok());
    let chunked = head.header("transfer-encoding") == Some("chunked");
    let mut body = rest;
    match length {
        _ if head_only => {}
        Some(length) => {
            let mut missing = vec![0; usize::saturating_sub(length, body.len())];
            stream.read_exact(&mut missing)?;
            body.extend_from_slice(&missing);
        }
        None => {
            stream.read_to_end(&mut body)?;
        }
    }
    if chunked && !head_only {
        body = dechunk(&body).ok_or(io::ErrorKind::InvalidData)?;
    }
    Ok(Response { head, body })
}

/// Reads up to the empty line; answers the head and what came after it.
///
/// # Errors
/// When the connection ends before, or what came is no head.
pub fn read_head(stream: &mut impl Read) -> io::Result<(Head, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        if let Some(at) = find(&bytes, b"\r\n\r\n") {
            let rest = bytes.split_off(at + 4);
            let text = String::from_utf8_lossy(&bytes[..at]);
            let head = Head::parse(&text).ok_or(io::ErrorKind::InvalidData)?;
            return Ok((head, rest));
        }
        match stream.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

fn dechunk(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let at = find(bytes, b"\r\n")?;
        let size = std::str::from_utf8(&bytes[..at]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(bytes.get(at + 2..at + 2 + size)?);
        bytes = bytes.get(at + 2 + size + 2..)?;
    }
}

/// Where `needle` first lies in `bytes`.
#[must_use]
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|part| part == needle)
}
