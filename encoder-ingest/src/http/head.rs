//! The head of a request: read into a bounded buffer within a deadline, then parsed.
//!
//! It is read, never peeked at: a head that is there in part would be readable for ever, and one
//! slow client would keep a core busy.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use common::problem::Problem;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::limits::{REQUEST_HEAD_BYTES_MAX, REQUEST_HEAD_WAIT, REQUEST_HEADERS_MAX};
use crate::metrics::Refusal;

/// What is read at once while the head is not complete.
const PIECE_BYTES: usize = 2048;

/// The head of a request.
#[derive(Debug, Clone)]
pub struct RequestHead {
    pub method: Method,
    pub target: Uri,
    pub headers: HeaderMap,
}

/// Why there is no head.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Nobody is there to be answered.
    #[error("the client closed the connection")]
    Closed,
    #[error("the request head was not complete within {} s", REQUEST_HEAD_WAIT.as_secs())]
    Timeout,
    #[error("the request head is larger than {REQUEST_HEAD_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the request has more than {REQUEST_HEADERS_MAX} header fields")]
    TooManyHeaders,
    #[error("this is no HTTP/1.1 request: {0}")]
    Malformed(String),
    #[error("more than one Host")]
    Hosts,
    #[error("the body's length is given more than once")]
    Lengths,
}

impl RequestHead {
    /// The value of a header field, when it is text.
    #[must_use]
    pub fn text(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl HeadError {
    /// What the client is told; None when there is nobody to tell.
    #[must_use]
    pub fn problem(&self) -> Option<(Problem, Refusal)> {
        let (status, refusal) = match self {
            Self::Closed => return None,
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, Refusal::HeadTimeout),
            Self::TooLarge | Self::TooManyHeaders => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                Refusal::HeadTooLarge,
            ),
            Self::Malformed(_) | Self::Hosts | Self::Lengths => {
                (StatusCode::BAD_REQUEST, Refusal::Malformed)
            }
        };
        let problem = Problem::new(status, self.to_string()).reason(refusal.as_str());
        Some((problem, refusal))
    }
}

/// Reads a head. The bytes are all that came: the head, and what may follow it already.
///
/// # Errors
/// When it is too large, too slow, or no head.
pub async fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
) -> Result<(RequestHead, Vec<u8>), HeadError> {
    let reading = read_until_complete(stream);
    match tokio::time::timeout(REQUEST_HEAD_WAIT, reading).await {
        Ok(result) => result,
        Err(_) => Err(HeadError::Timeout),
    }
}

async fn read_until_complete<S: AsyncRead + Unpin>(
    stream: &mut S,
) -> Result<(RequestHead, Vec<u8>), HeadError> {
    let mut bytes = Vec::with_capacity(PIECE_BYTES);
    loop {
        let room = REQUEST_HEAD_BYTES_MAX - bytes.len();
        let mut piece = stream.take(room.min(PIECE_BYTES) as u64);
        let before = bytes.len();
        if !matches!(piece.read_buf(&mut bytes).await, Ok(1..)) {
            return Err(HeadError::Closed);
        }
        // A head can only have become complete, or a line wrong, where a line ended. The first
        // piece is looked at in any case: another protocol need not have lines.
        let look = before == 0 || bytes[before..].contains(&b'\n');
        if look && let Some(head) = parse(&bytes)? {
            return Ok((head, bytes));
        }
        if bytes.len() >= REQUEST_HEAD_BYTES_MAX {
            return Err(HeadError::TooLarge);
        }
    }
}

/// Parses a head at the beginning of `bytes`; None when it is not complete.
///
/// # Errors
/// When it is no head, or has too many fields.
pub fn parse(bytes: &[u8]) -> Result<Option<RequestHead>, HeadError> {
    let mut fields = [httparse::EMPTY_HEADER; REQUEST_HEADERS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooManyHeaders),
        Err(error) => return Err(HeadError::Malformed(error.to_string())),
    }
    let malformed = |what: &str| HeadError::Malformed(format!("invalid {what}"));
    let method = request.method.unwrap_or_default();
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| malformed("method"))?;
    let target = request.path.unwrap_or_default();
    let target: Uri = target.parse().map_err(|_| malformed("request target"))?;
    if !target.path().starts_with('/') {
        return Err(malformed("request target"));
    }
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    for field in request.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes());
        let value = HeaderValue::from_bytes(field.value);
        headers.append(
            name.map_err(|_| malformed("header name"))?,
            value.map_err(|_| malformed("header value"))?,
        );
    }
    // RFC 9112, 3.2: a request with more than one is answered 400.
    if headers.get_all(header::HOST).iter().count() > 1 {
        return Err(HeadError::Hosts);
    }
    // RFC 9112, 6.3: such a request may be an attempt to smuggle another.
    let lengths = headers.get_all(header::CONTENT_LENGTH).iter().count();
    let codings = headers.get_all(header::TRANSFER_ENCODING).iter().count();
    if lengths + codings.min(1) > 1 {
        return Err(HeadError::Lengths);
    }
    Ok(Some(RequestHead {
        method,
        target,
        headers,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt;

    const REQUEST: &[u8] = b"GET /channels/news.ts?token=a HTTP/1.1\r\nHost: a:9525\r\n\r\n";

    #[test]
    fn a_whole_head_is_parsed() {
        let head = parse(REQUEST).expect("head").expect("complete");
        assert_eq!(head.method, Method::GET);
        assert_eq!(head.target.path(), "/channels/news.ts");
        assert_eq!(head.target.query(), Some("token=a"));
        assert_eq!(head.text(header::HOST), Some("a:9525"));
        let old = parse(b"GET /udp/[ff3e::1]:5000 HTTP/1.0\n\n").expect("head");
        assert_eq!(old.expect("complete").target.path(), "/udp/[ff3e::1]:5000");
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for bytes in [
            b"\x16\x03\x01\x02\x00".as_slice(),
            b"NONSENSE\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET / HTTP/1.1\r\nBad Name : x\r\n\r\n",
            b"GET nowhere HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        ] {
            let status = parse(bytes).map_err(|error| error.problem().map(|told| told.0.status));
            assert_eq!(status.err(), Some(Some(400)), "{bytes:?}");
        }
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65));
        let error = parse(many.as_bytes()).expect_err("too many");
        assert_eq!(error, HeadError::TooManyHeaders);
    }

    #[tokio::test]
    async fn pieces_make_a_head_and_the_rest_is_kept() {
        let (mut client, mut server) = tokio::io::duplex(64);
        let sending = async {
            for byte in REQUEST {
                client.write_all(&[*byte]).await.expect("write");
                tokio::task::yield_now().await;
            }
            client
        };
        let (read, _client) = tokio::join!(read(&mut server), sending);
        let (head, bytes) = read.expect("head");
        assert_eq!(head.target.path(), "/channels/news.ts");
        assert_eq!(bytes, REQUEST);

        let (mut client, mut server) = tokio::io::duplex(4096);
        let post = b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody";
        client.write_all(post).await.expect("write");
        let (_, bytes) = super::read(&mut server).await.expect("head");
        assert!(bytes.ends_with(b"\r\n\r\nbody"));
    }

    #[tokio::test]
    async fn a_huge_head_ends_at_the_bound() {
        let (mut client, mut server) = tokio::io::duplex(1024);
        let sending = async {
            let line = [b'x'; 1024];
            client.write_all(b"GET / HTTP/1.1\r\na: ").await?;
            loop {
                client.write_all(&line).await?;
            }
            #[expect(unreachable_code, reason = "names the type of the block")]
            Ok::<(), std::io::Error>(())
        };
        let reading = async { read(&mut server).await.map(|_| ()) };
        tokio::select! {
            result = reading => assert_eq!(result, Err(HeadError::TooLarge)),
            _ = sending => panic!("nobody reads"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_head_ends_at_the_deadline() {
        let (mut client, mut server) = tokio::io::duplex(1024);
        let started = tokio::time::Instant::now();
        let sending = async {
            for byte in REQUEST {
                client.write_all(&[*byte]).await.expect("write");
                tokio::time::sleep(REQUEST_HEAD_WAIT / 10).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            result = read(&mut server) => {
                assert_eq!(result.map(|_| ()), Err(HeadError::Timeout));
            }
            () = sending => unreachable!(),
        }
        assert_eq!(started.elapsed(), REQUEST_HEAD_WAIT);
    }

    #[tokio::test]
    async fn a_client_that_leaves_is_not_answered() {
        let (client, mut server) = tokio::io::duplex(1024);
        drop(client);
        let error = read(&mut server).await.map(|_| ()).expect_err("closed");
        assert!(error.problem().is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn a_head_cut_short_is_incomplete(at in 0..REQUEST.len()) {
            prop_assert!(parse(&REQUEST[..at]).expect("no mistake").is_none());
        }
    }
}
