//! Answers that are written by hand, to connections that axum never sees.

use std::io;

use common::problem::Problem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::limits::{LINGER, REFUSAL_WRITE_WAIT};

/// Tells the client what is wrong and closes the connection.
pub async fn refuse(stream: TcpStream, problem: &Problem, head_only: bool) {
    write_and_close(stream, &problem.response_bytes(head_only)).await;
}

/// Tells the client of a socket that the data plane gave back.
pub async fn refuse_std(socket: std::net::TcpStream, problem: &Problem) {
    match TcpStream::from_std(socket) {
        Ok(stream) => refuse(stream, problem, false).await,
        Err(error) => tracing::debug!(%error, "a socket came back that can't be answered"),
    }
}

/// Writes a whole answer and closes the connection.
pub async fn write_and_close(mut stream: TcpStream, bytes: &[u8]) {
    let written = timeout(REFUSAL_WRITE_WAIT, stream.write_all(bytes)).await;
    if matches!(written, Ok(Ok(()))) {
        close(stream).await;
    }
}

/// Closes the writing side first and reads what still comes: the kernel resets a connection that
/// is closed with unread bytes, and the client may then lose the answer.
pub async fn close(mut stream: TcpStream) {
    let drain = async {
        stream.shutdown().await?;
        let mut sink = [0; 4096];
        while stream.read(&mut sink).await? > 0 {}
        io::Result::Ok(())
    };
    // Whether the client closes, resets or goes on: the connection ends here.
    let _ = timeout(LINGER, drain).await;
}
