//! `encoder-ui hash-password`: a password in, the line for the users file out. The password comes from
//! the terminal, unseen and twice, or as a line of stdin; never from the command line, which other
//! users of the machine can read.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::limits::PASSWORD_BYTES_MAX;
use crate::login::password::{HashedPassword, MakeError};

#[derive(Debug, thiserror::Error)]
pub enum HashPasswordError {
    #[error("cannot read a password")]
    Read(#[source] io::Error),
    #[error("the two are not the same")]
    Different,
    #[error(transparent)]
    Make(#[from] MakeError),
    #[error("cannot print the hash")]
    Write(#[source] io::Error),
}

/// Runs it.
///
/// # Errors
/// When there is no password that can be hashed.
pub fn run() -> Result<(), HashPasswordError> {
    let password = if io::stdin().is_terminal() {
        ask()
            .map_err(HashPasswordError::Read)?
            .ok_or(HashPasswordError::Different)?
    } else {
        read_line(io::stdin().lock()).map_err(HashPasswordError::Read)?
    };
    let hash = HashedPassword::make(&password)?;
    writeln!(io::stdout(), "{}", hash.line()).map_err(HashPasswordError::Write)
}

/// None: it was typed differently the second time.
fn ask() -> io::Result<Option<String>> {
    let first = rpassword::prompt_password("Password: ")?;
    let second = rpassword::prompt_password("Once more: ")?;
    Ok((first == second).then_some(first))
}

fn read_line(from: impl BufRead) -> io::Result<String> {
    // With room for one character too many and a line break, so that a long one is said and not cut.
    let limit = u64::try_from(PASSWORD_BYTES_MAX).unwrap_or(u64::MAX) + 3;
    let mut line = String::new();
    from.take(limit).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_without_its_end() {
        let read = |text: &str| read_line(text.as_bytes()).expect("utf-8");
        assert_eq!(read("secret\n"), "secret");
        assert_eq!(read(" two words \r\nmore\n"), " two words ");
        assert_eq!(read("no end"), "no end");
        assert_eq!(read(""), "");
        assert!(read(&"a".repeat(2000)).len() > PASSWORD_BYTES_MAX);
    }
}
