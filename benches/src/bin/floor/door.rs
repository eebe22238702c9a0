//! Who watches what: a thread that answers requests and hands the sockets over.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use anyhow::Context;

/// Sockets that wait to be taken. When it is full, no more are accepted.
const WAITING_MAX: usize = 1024;

/// A request must be there whole after this.
const REQUEST_WITHIN: Duration = Duration::from_secs(5);

const REQUEST_BYTES_MAX: usize = 2048;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nConnection: close\r\n\r\n";

/// A viewer that has got its answer's head.
pub(crate) struct Request {
    pub(crate) group: SocketAddrV4,
    /// It never waits.
    pub(crate) socket: TcpStream,
}

/// Listens on `port`, all addresses.
pub(crate) fn open(port: u16) -> anyhow::Result<Receiver<Request>> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
        .with_context(|| format!("port {port} can't be listened on"))?;
    let (sender, receiver) = sync_channel(WAITING_MAX);
    std::thread::Builder::new()
        .name("door".to_owned())
        .spawn(move || answer_all(&listener, &sender))?;
    Ok(receiver)
}

fn answer_all(listener: &TcpListener, sender: &SyncSender<Request>) {
    for socket in listener.incoming().flatten() {
        if let Ok(Some(request)) = answer(socket)
            && sender.send(request).is_err()
        {
            return;
        }
    }
}

/// None when it asks for no group; the socket is then closed.
fn answer(mut socket: TcpStream) -> io::Result<Option<Request>> {
    socket.set_read_timeout(Some(REQUEST_WITHIN))?;
    let mut bytes = Vec::new();
    let mut piece = [0; REQUEST_BYTES_MAX];
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        let got = socket.read(&mut piece)?;
        bytes.extend_from_slice(&piece[..got]);
        if got == 0 || bytes.len() > REQUEST_BYTES_MAX {
            return Ok(None);
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let group = text.strip_prefix("GET /udp/").and_then(|rest| {
        let end = rest.find([' ', '?', '/'])?;
        rest[..end].parse().ok()
    });
    let Some(group) = group else {
        return Ok(None);
    };
    socket.write_all(ANSWER)?;
    socket.set_nodelay(true)?;
    socket.set_nonblocking(true)?;
    Ok(Some(Request { group, socket }))
}
