//! Requests to an ingest, each on a connection of its own: an ingest answers one a connection.
//!
//! The token goes into a header and nowhere else. A request that is dropped closes its connection.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::limits::{CONNECT_WITHIN, PEER_GONE_AFTER, TOKEN_FILE_BYTES_MAX};

/// Why there is no answer that can be used. Who was asked stands beside it.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("it can't be reached: {0}")]
    Unreachable(String),
    #[error("it did not answer within {} s", .0.as_secs())]
    Slow(Duration),
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("it answered by more than {0} bytes")]
    Long(usize),
}

/// An answer whose body is still to come.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Incoming,
    /// Moves the connection's bytes for as long as the answer lives.
    _connection: JoinSet<()>,
}

/// The token of `--token-file`, read again while the node runs: it may be replaced.
#[derive(Debug)]
pub struct Credentials {
    file: Option<std::path::PathBuf>,
    /// `Bearer TOKEN`. Held for the time of a copy.
    header: Mutex<Option<HeaderValue>>,
}

/// Why a file holds no token. The message never shows what it holds.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("cannot read {file}: {source}")]
    Read {
        file: String,
        source: std::io::Error,
    },
    #[error("{0} must hold one token and nothing else")]
    NotOne(String),
    #[error("{0} holds characters that no token has")]
    Characters(String),
}

impl Credentials {
    /// # Errors
    /// When the file holds anything but one token.
    pub fn open(file: Option<&Path>) -> Result<Self, TokenError> {
        let header = match file {
            Some(file) => Some(read_token(file)?),
            None => None,
        };
        Ok(Self {
            file: file.map(Path::to_owned),
            header: Mutex::new(header),
        })
    }

    /// Reads the file again; one that is wrong now leaves the token in force.
    pub fn refresh(&self) {
        if let Some(Ok(header)) = self.file.as_deref().map(read_token) {
            *self.header.lock().unwrap_or_else(PoisonError::into_inner) = Some(header);
        }
    }

    #[must_use]
    pub fn header(&self) -> Option<HeaderValue> {
        let header = self.header.lock().unwrap_or_else(PoisonError::into_inner);
        header.clone()
    }
}

fn read_token(path: &Path) -> Result<HeaderValue, TokenError> {
    use std::io::Read;
    let file = path.display().to_string();
    let read = |source| TokenError::Read {
        file: file.clone(),
        source,
    };
    let mut text = String::new();
    let opened = std::fs::File::open(path).map_err(read)?;
    opened
        .take(TOKEN_FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(read)?;
    let mut words = text.split_whitespace();
    let (Some(token), None) = (words.next(), words.next()) else {
        return Err(TokenError::NotOne(file));
    };
    let header = HeaderValue::from_str(&format!("Bearer {token}"));
    let mut header = header.map_err(|_| TokenError::Characters(file))?;
    header.set_sensitive(true);
    Ok(header)
}

/// A request to `address`, with what every one has.
#[must_use]
pub fn request<B>(
    method: Method,
    address: SocketAddr,
    path: &str,
    credentials: &Credentials,
    body: B,
) -> Request<B> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    // Paths are made of ids that an ingest gave; one that is no path asks for nothing that exists.
    *request.uri_mut() = path.parse().unwrap_or_default();
    let headers = request.headers_mut();
    let host = HeaderValue::from_str(&address.to_string());
    headers.extend(host.ok().map(|host| (header::HOST, host)));
    let authorization = credentials.header();
    headers.extend(authorization.map(|token| (header::AUTHORIZATION, token)));
    let agent = concat!("encoder-node/", env!("CARGO_PKG_VERSION"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
    request
}

/// Sends it; answers as soon as the answer's head is there, also before the body was sent whole.
///
/// # Errors
/// When there is no connection or it breaks.
pub async fn send<B>(address: SocketAddr, request: Request<B>) -> Result<Answer, ClientError>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let unreachable = |error: std::io::Error| ClientError::Unreachable(error.to_string());
    let connecting = timeout(CONNECT_WITHIN, TcpStream::connect(address));
    let Ok(connected) = connecting.await else {
        return Err(ClientError::Unreachable(format!(
            "no connection within {} s",
            CONNECT_WITHIN.as_secs()
        )));
    };
    let socket = connected.map_err(unreachable)?;
    watch_peer(&socket).map_err(unreachable)?;
    let made = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await;
    let (mut sender, connection) = made.map_err(|error| broken(&error))?;
    let mut moving = JoinSet::new();
    moving.spawn(async move {
        // What went wrong is told by the request or by its body.
        let _ = connection.await;
    });
    let response = sender.send_request(request).await;
    let response = response.map_err(|error| broken(&error))?;
    let (head, body) = response.into_parts();
    Ok(Answer {
        status: head.status,
        body,
        _connection: moving,
    })
}

/// A peer that lost power or its network sends no FIN: TCP itself must ask.
fn watch_peer(socket: &TcpStream) -> std::io::Result<()> {
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(PEER_GONE_AFTER / 2)
        .with_interval(PEER_GONE_AFTER / 4)
        .with_retries(2);
    let options = socket2::SockRef::from(socket);
    options.set_tcp_keepalive(&keepalive)?;
    options.set_tcp_user_timeout(Some(PEER_GONE_AFTER))?;
    socket.set_nodelay(true)
}

impl Answer {
    /// The whole body.
    ///
    /// # Errors
    /// When it is longer than `bytes_max`, or the connection breaks.
    pub async fn into_bytes(self, bytes_max: usize) -> Result<Bytes, ClientError> {
        match Limited::new(self.body, bytes_max).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(ClientError::Long(bytes_max)),
            Err(error) => Err(broken(error.as_ref())),
        }
    }

    /// The next piece of the body; none at its end.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
                Some(Err(error)) => return Err(broken(&error)),
            }
        }
    }
}

fn broken(error: &dyn std::error::Error) -> ClientError {
    ClientError::Broken(common::chain(error))
}

/// What stays as it is within one part of a path (RFC 3986, 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'.')
    .remove(b'_')
    .remove(b'-')
    .remove(b'~');

/// An id as one part of a path.
#[must_use]
pub fn encoded(id: &str) -> String {
    utf8_percent_encode(id, UNRESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Result<Credentials, TokenError> {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), text).expect("write");
        Credentials::open(Some(file.path()))
    }

    #[test]
    fn the_token_is_sent_and_never_shown() {
        let credentials = token(" s3cret \n").expect("a token");
        assert_eq!(credentials.header().expect("header"), "Bearer s3cret");
        assert!(!format!("{credentials:?}").contains("s3cret"));
        let address = SocketAddr::from(([127, 0, 0, 1], 9525));
        let request = request(
            Method::GET,
            address,
            "/channels/news.ts?a=1",
            &credentials,
            (),
        );
        assert_eq!(request.headers()["authorization"], "Bearer s3cret");
        assert_eq!(request.headers()["host"], "127.0.0.1:9525");
        assert!(!format!("{request:?}").contains("s3cret"));
    }

    #[test]
    fn a_file_with_anything_else_is_a_mistake_that_keeps_the_secret() {
        for wrong in ["", "\n", "first second", "tok\u{1}en"] {
            let error = token(wrong).expect_err(wrong).to_string();
            assert!(
                !error.contains("tok\u{1}") && !error.contains("first"),
                "{error}"
            );
        }
        assert!(Credentials::open(Some(Path::new("/nonexistent/token"))).is_err());
    }

    #[test]
    fn a_replaced_token_is_taken_and_a_broken_file_is_not() {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), "one").expect("write");
        let credentials = Credentials::open(Some(file.path())).expect("a token");
        let after = |text: &str| {
            std::fs::write(file.path(), text).expect("write");
            credentials.refresh();
            credentials.header().expect("header")
        };
        assert_eq!(after("two"), "Bearer two");
        assert_eq!(after("three four"), "Bearer two");
    }

    #[test]
    fn ids_stay_within_their_part_of_a_path() {
        assert_eq!(
            encoded("udp.239.1.1.1.5000.eth1"),
            "udp.239.1.1.1.5000.eth1"
        );
        assert_eq!(encoded("../a b?c"), "..%2Fa%20b%3Fc");
    }
}
