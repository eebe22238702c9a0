//! The one token that goes to every ingest: read from its file, and again when that changes. A wrong
//! new file leaves the old token in force. The token is never told.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderValue;
use common::shutdown::Shutdown;

use crate::followed::FollowedFile;
use crate::limits::TOKEN_FILE_BYTES_MAX;

/// Why a file holds no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{0} must hold one token and nothing else")]
    NotOne(PathBuf),
    #[error("{0} holds characters that no token has")]
    Characters(PathBuf),
}

/// A token file that is followed. Shared; each request takes what is in force.
#[derive(Debug)]
pub struct IngestToken {
    file: FollowedFile,
    /// `Bearer TOKEN`. Held for the time of a copy.
    in_force: Mutex<HeaderValue>,
}

impl IngestToken {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// When it holds anything but one token.
    pub fn open(path: &Path) -> Result<Self, TokenError> {
        let file = FollowedFile::open(path, TOKEN_FILE_BYTES_MAX);
        let file = file.map_err(|source| unread(path, source))?;
        let header = parse(path, file.opened())?;
        Ok(Self {
            file,
            in_force: Mutex::new(header),
        })
    }

    /// What goes with a request now.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        let in_force = self.in_force.lock();
        in_force.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes changes of the file into force until the end.
    pub async fn follow(self: Arc<Self>, shutdown: Shutdown) {
        let judge = |found| self.judge(found);
        self.file.follow(shutdown, judge).await;
    }

    fn judge(&self, found: io::Result<Vec<u8>>) {
        let path = self.file.path();
        let found = found.map_err(|source| unread(path, source));
        match found.and_then(|bytes| parse(path, &bytes)) {
            Ok(header) => {
                let in_force = self.in_force.lock();
                *in_force.unwrap_or_else(PoisonError::into_inner) = header;
                tracing::info!(path = %path.display(), "the token for ingests was read anew");
            }
            Err(error) => tracing::error!(%error, "the token read before stays in force"),
        }
    }
}

fn unread(path: &Path, source: io::Error) -> TokenError {
    TokenError::Read {
        path: path.to_owned(),
        source,
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<HeaderValue, TokenError> {
    let text = std::str::from_utf8(bytes).map_err(|_| TokenError::Characters(path.to_owned()))?;
    let mut words = text.split_whitespace();
    let (Some(token), None, true) = (
        words.next(),
        words.next(),
        bytes.len() <= TOKEN_FILE_BYTES_MAX,
    ) else {
        return Err(TokenError::NotOne(path.to_owned()));
    };
    let value = HeaderValue::from_str(&format!("Bearer {token}"));
    let mut value = value.map_err(|_| TokenError::Characters(path.to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_with_one_token_takes_the_place_of_the_one_in_force() {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), " one\n").expect("write");
        let token = IngestToken::open(file.path()).expect("a token");
        assert_eq!(token.header(), "Bearer one");
        let long = vec![b'a'; TOKEN_FILE_BYTES_MAX + 1];
        for wrong in [&b""[..], b"one two", b"t\x07ken", b"\xff", &long] {
            token.judge(Ok(wrong.to_vec()));
            assert_eq!(token.header(), "Bearer one", "{wrong:?}");
        }
        token.judge(Err(io::ErrorKind::NotFound.into()));
        assert_eq!(token.header(), "Bearer one");
        token.judge(Ok(b"two\n".to_vec()));
        assert_eq!(token.header(), "Bearer two");
        assert!(!format!("{token:?}").contains("two"), "{token:?}");
    }
}
