//! A copy of what the history holds, in bounded pieces: control asks for one after another, so that
//! no turn is longer for it.

use super::Channel;

/// Which piece of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The first of a capture of so long, that has so many bytes at most.
    First { backlog_ms: u64, bytes_max: u64 },
    /// The next, from `position` on.
    Next { position: u64, end: u64 },
}

/// A piece of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// TS packets; the first piece begins with PAT and PMT.
    pub bytes: Vec<u8>,
    /// Where this piece begins in the channel's stream, behind PAT and PMT.
    pub start: u64,
    /// Where the next piece begins.
    pub position: u64,
    /// Where the capture ends: the newest byte when it began.
    pub end: u64,
    /// The time between the capture's first and last byte; told with its first piece.
    pub span_ms: u64,
}

impl Channel {
    /// Fills `buffer`, as far as it has room. None: what comes next has left the history.
    pub fn capture(&self, wanted: Wanted, mut buffer: Vec<u8>) -> Option<Piece> {
        let history = self.recorder.history();
        let (start, end, span_ms) = match wanted {
            Wanted::Next { position, end } => (position, end, 0),
            Wanted::First {
                backlog_ms,
                bytes_max,
            } => {
                let start = history.copy_start(backlog_ms, bytes_max);
                match start.prelude {
                    Some(prelude) => buffer.extend_from_slice(prelude.bytes()),
                    None => buffer.extend_from_slice(self.recorder.signal().prelude().bytes()),
                }
                let newest_ms = history.newest_ms().unwrap_or(start.at_ms);
                let span_ms = newest_ms.saturating_sub(start.at_ms);
                (start.position, history.head(), span_ms)
            }
        };
        if start < history.tail() {
            return None;
        }
        let mut position = start;
        while position < end {
            let bytes = history.contiguous(position);
            let room = buffer.capacity() - buffer.len();
            let left = usize::try_from(end - position).unwrap_or(usize::MAX);
            let count = bytes.len().min(room).min(left);
            if count == 0 {
                break;
            }
            buffer.extend_from_slice(&bytes[..count]);
            position += count as u64;
        }
        Some(Piece {
            bytes: buffer,
            start,
            position,
            end,
            span_ms,
        })
    }
}
