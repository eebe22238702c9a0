//! Server-Sent Events (WHATWG HTML, 9.2): reading those of an ingest, writing those for browsers.

use bytes::Bytes;

use crate::limits::EVENT_LINE_BYTES_MAX;

/// A comment: the stream lives.
pub const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// One message of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    pub id: Option<String>,
    pub data: String,
}

/// Takes a stream apart, piece by piece.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    message: Message,
    has_data: bool,
}

/// A line of the stream is longer than [`EVENT_LINE_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line of /api/v1/events is longer than {EVENT_LINE_BYTES_MAX} bytes")]
pub struct LineTooLong;

impl Parser {
    /// Takes the next piece; answers with the messages that end in it.
    ///
    /// # Errors
    /// When a line is too long: the stream is of no further use.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<Vec<Message>, LineTooLong> {
        let mut messages = Vec::new();
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            self.extend(&piece[..end])?;
            piece = &piece[end + 1..];
            let line = std::mem::take(&mut self.line);
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            messages.extend(self.take(&String::from_utf8_lossy(line)));
        }
        self.extend(piece)?;
        Ok(messages)
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), LineTooLong> {
        let held = self.line.len() + self.message.data.len() + bytes.len();
        if held > EVENT_LINE_BYTES_MAX {
            return Err(LineTooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn take(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let message = std::mem::take(&mut self.message);
            return std::mem::take(&mut self.has_data).then_some(message);
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "data" => {
                if self.has_data {
                    self.message.data.push('\n');
                }
                self.message.data.push_str(value);
                self.has_data = true;
            }
            "id" => self.message.id = Some(value.to_owned()),
            _ => {}
        }
        None
    }
}

/// A message for browsers; `json` is one line.
#[must_use]
pub fn message(event: &str, json: &str) -> Bytes {
    Bytes::from(format!("event: {event}\ndata: {json}\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_however_the_stream_is_cut() {
        let text =
            b": hello\n\nid: 5-1\ndata: {\"a\":1}\n\nevent: x\r\ndata: b\r\ndata:c\r\n\r\n:\n\n";
        let wanted = [
            Message {
                id: Some("5-1".to_owned()),
                data: "{\"a\":1}".to_owned(),
            },
            Message {
                id: None,
                data: "b\nc".to_owned(),
            },
        ];
        for size in 1..text.len() {
            let mut parser = Parser::default();
            let pieces = text.chunks(size);
            let messages = pieces.flat_map(|piece| parser.push(piece).expect("short lines"));
            assert_eq!(messages.collect::<Vec<_>>(), wanted, "pieces of {size}");
        }
    }

    #[test]
    fn a_line_without_end_is_not_kept() {
        let mut parser = Parser::default();
        let piece = vec![b'a'; EVENT_LINE_BYTES_MAX / 2];
        assert_eq!(parser.push(&piece), Ok(Vec::new()));
        assert_eq!(parser.push(&piece), Ok(Vec::new()));
        assert_eq!(parser.push(b"a"), Err(LineTooLong));
        let mut parser = Parser::default();
        let lines = b"data: a\n".repeat(EVENT_LINE_BYTES_MAX);
        assert_eq!(parser.push(&lines), Err(LineTooLong), "nor many of them");
    }
}
