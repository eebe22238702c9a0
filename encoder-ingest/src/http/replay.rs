//! A connection whose first bytes were read already: hyper reads them again from here.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Gives `first` to its reader, then what `stream` has.
#[derive(Debug)]
pub struct Replay<S> {
    first: Vec<u8>,
    read: usize,
    stream: S,
}

impl<S> Replay<S> {
    #[must_use]
    pub fn new(first: Vec<u8>, stream: S) -> Self {
        Self {
            first,
            read: 0,
            stream,
        }
    }

    #[must_use]
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// The connection; what was not read again is dropped.
    #[must_use]
    pub fn into_stream(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Replay<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = &self.first[self.read..];
        if rest.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let now = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..now]);
        self.read += now;
        if self.read == self.first.len() {
            self.first = Vec::new();
            self.read = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Replay<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn what_was_read_comes_first_and_once() {
        let (mut client, server) = tokio::io::duplex(64);
        client.write_all(b"second").await.expect("write");
        client.shutdown().await.expect("shutdown");
        let mut replay = Replay::new(b"first ".to_vec(), server);
        let mut small = [0; 4];
        replay.read_exact(&mut small).await.expect("read");
        let mut rest = String::new();
        replay.read_to_string(&mut rest).await.expect("read");
        assert_eq!((&small, rest.as_str()), (b"firs", "t second"));
        replay.write_all(b"answer").await.expect("write");
        drop(replay);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("read");
        assert_eq!(answer, "answer");
    }
}
