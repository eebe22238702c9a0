//! Who may do what: the token file, `name role token` one a line, re-read when it changes.
//!
//! A wrong new file leaves the old one in force. Tokens are compared in constant time and are
//! never logged.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use subtle::ConstantTimeEq;

use crate::mistakes::ConfigMistakes;
use crate::shutdown::Shutdown;

/// The largest token file that is read; a larger one is a mistake.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// How often the file is looked at. Its content is compared, so a Secret's symlink swap and an edit
/// within the clock's grain are seen alike.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything.
    Admin,
    /// What a processing node does: heartbeat, output, watching.
    Node,
    /// Watching and reading.
    Watch,
}

/// Whose token was presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub name: String,
    pub role: Role,
}

/// The tokens of one file.
#[derive(Debug, Default)]
pub struct Tokens {
    entries: Vec<Entry>,
}

struct Entry {
    identity: Identity,
    secret: String,
}

/// Why a token file is not taken: every mistake with its line.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    #[error("cannot read token file {path:?}")]
    Read { path: PathBuf, source: io::Error },
    #[error("token file {path:?}: {}", lines(mistakes))]
    Wrong {
        path: PathBuf,
        mistakes: Vec<TokenMistake>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind}")]
pub struct TokenMistake {
    pub line: usize,
    pub kind: TokenMistakeKind,
}

/// The token itself is never repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenMistakeKind {
    #[error("{0} words instead of three: write NAME ROLE TOKEN")]
    Words(usize),
    #[error("role {0:?} is not known: use admin, node or watch")]
    Role(String),
    #[error("token of {0:?} has characters that no header can carry: use visible ASCII")]
    Characters(String),
    #[error("{0:?} and {1:?} have the same token")]
    Twice(String, String),
    #[error("name {0:?} is used twice")]
    Name(String),
    #[error("no token in the file: nobody could get in")]
    Empty,
}

/// A token file that is followed. Shared; readers take the set that is in force.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    in_force: Mutex<Arc<Tokens>>,
}

impl FromStr for Role {
    type Err = TokenMistakeKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "admin" => Ok(Self::Admin),
            "node" => Ok(Self::Node),
            "watch" => Ok(Self::Watch),
            other => Err(TokenMistakeKind::Role(other.to_owned())),
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

impl Tokens {
    /// Reads the text of a token file. Empty lines, and lines that begin with `#`, say nothing.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn parse(text: &str) -> Result<Self, Vec<TokenMistake>> {
        let mut tokens = Self::default();
        let mut seen = Vec::new();
        let mut mistakes = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line_text = line.trim();
            if line_text.is_empty() || line_text.starts_with('#') {
                continue;
            }
            match entry(line_text, &mut seen) {
                Ok(entry) => tokens.entries.push(entry),
                Err(kind) => mistakes.push(TokenMistake {
                    line: index + 1,
                    kind,
                }),
            }
        }
        if tokens.entries.is_empty() && mistakes.is_empty() {
            let kind = TokenMistakeKind::Empty;
            mistakes.push(TokenMistake { line: 1, kind });
        }
        if mistakes.is_empty() {
            Ok(tokens)
        } else {
            Err(mistakes)
        }
    }

    /// Whose token this is. Takes as long for a wrong one as for a right one of the same length.
    #[must_use]
    pub fn identify(&self, presented: &str) -> Option<&Identity> {
        let mut found = None;
        for entry in &self.entries {
            if bool::from(entry.secret.as_bytes().ct_eq(presented.as_bytes())) {
                found = Some(&entry.identity);
            }
        }
        found
    }
}

impl TokenFile {
    /// `--token-file`: its mistakes are told with all others.
    pub fn judged(path: Option<&Path>, mistakes: &mut ConfigMistakes) -> Option<Arc<Self>> {
        match Self::open(path?) {
            Ok(tokens) => return Some(Arc::new(tokens)),
            Err(TokenFileError::Wrong {
                path,
                mistakes: found,
            }) => {
                for mistake in found {
                    mistakes.push(format!("--token-file {}: {mistake}", path.display()));
                }
            }
            Err(error) => mistakes.push(format!("--token-file: {}", crate::chain(&error))),
        }
        None
    }

    /// Reads the file for the first time.
    ///
    /// # Errors
    /// When it can't be read, or holds mistakes.
    pub fn open(path: &Path) -> Result<Self, TokenFileError> {
        let text = read(path)?;
        let tokens = parse(path, &text)?;
        Ok(Self {
            path: path.to_owned(),
            in_force: Mutex::new(Arc::new(tokens)),
        })
    }

    #[must_use]
    pub fn tokens(&self) -> Arc<Tokens> {
        let in_force = self.in_force.lock();
        Arc::clone(&in_force.unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes changes of the file into force until the process ends.
    pub async fn follow(self: Arc<Self>, mut shutdown: Shutdown) {
        let mut seen = read(&self.path).ok();
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
                () = shutdown.requested() => return,
            }
            self.look(&mut seen);
        }
    }

    /// Looks once; `seen` is the content that was judged last, None when it could not be read.
    fn look(&self, seen: &mut Option<String>) {
        let read = read(&self.path);
        let now = read.as_ref().ok();
        if now == seen.as_ref() {
            return;
        }
        *seen = now.cloned();
        match read.and_then(|text| parse(&self.path, &text)) {
            Ok(tokens) => {
                let count = tokens.entries.len();
                let in_force = self.in_force.lock();
                *in_force.unwrap_or_else(PoisonError::into_inner) = Arc::new(tokens);
                tracing::info!(path = %self.path.display(), count, "tokens read anew");
            }
            Err(error) => {
                let error = crate::chain(&error);
                tracing::error!(error, "the tokens read before stay in force");
            }
        }
    }
}

/// `seen`: name and token of the lines before, also of those that are wrong.
fn entry<'a>(line: &'a str, seen: &mut Vec<(&'a str, &'a str)>) -> Result<Entry, TokenMistakeKind> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let &[name, role, secret] = words.as_slice() else {
        return Err(TokenMistakeKind::Words(words.len()));
    };
    let same_token = seen.iter().find(|(_, other)| *other == secret).copied();
    let same_name = seen.iter().any(|(other, _)| *other == name);
    seen.push((name, secret));
    if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TokenMistakeKind::Characters(name.to_owned()));
    }
    // Under one name twice it is the name that is told.
    if let Some((other, _)) = same_token.filter(|(other, _)| *other != name) {
        return Err(TokenMistakeKind::Twice(other.to_owned(), name.to_owned()));
    }
    if same_name {
        return Err(TokenMistakeKind::Name(name.to_owned()));
    }
    Ok(Entry {
        identity: Identity {
            name: name.to_owned(),
            role: role.parse()?,
        },
        secret: secret.to_owned(),
    })
}

fn parse(path: &Path, text: &str) -> Result<Tokens, TokenFileError> {
    Tokens::parse(text).map_err(|mistakes| TokenFileError::Wrong {
        path: path.to_owned(),
        mistakes,
    })
}

fn read(path: &Path) -> Result<String, TokenFileError> {
    use io::Read;
    let wrong = |source| TokenFileError::Read {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(wrong)?;
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    match read.map_err(wrong)? {
        bytes if bytes as u64 > FILE_BYTES_MAX => Err(wrong(io::ErrorKind::FileTooLarge.into())),
        _ => Ok(text),
    }
}

fn lines(mistakes: &[TokenMistake]) -> String {
    let texts: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_name_their_holder() {
        let text = "# who may\nanna admin s3cret\n\n  n1\tnode  t0ken  \nplayer watch w\n";
        let tokens = Tokens::parse(text).expect("tokens");
        let who = |token| tokens.identify(token).map(|id| (id.name.as_str(), id.role));
        assert_eq!(who("s3cret"), Some(("anna", Role::Admin)));
        assert_eq!(who("t0ken"), Some(("n1", Role::Node)));
        assert_eq!(who("w"), Some(("player", Role::Watch)));
        for wrong in ["", "s3cre", "s3crets", "S3CRET", "#"] {
            assert_eq!(who(wrong), None, "{wrong:?}");
        }
        assert!(!format!("{tokens:?}").contains("s3cret"));
    }

    #[test]
    fn all_mistakes_come_at_once_and_no_token_with_them() {
        let text = "a admin s1\nb boss s2\nc\na watch s3\nd watch s1\ne node sé\n";
        let mistakes = Tokens::parse(text).expect_err("mistakes");
        let found: Vec<(usize, String)> = mistakes
            .iter()
            .map(|mistake| (mistake.line, mistake.kind.to_string()))
            .collect();
        let at: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(at, [2, 3, 4, 5, 6]);
        assert!(found[0].1.contains("role \"boss\""));
        let twice = Tokens::parse("bob boss same\nanna watch same\n").expect_err("one token");
        assert_eq!(twice.len(), 2, "of a line that is wrong too: {twice:?}");
        assert!(twice[1].to_string().contains("have the same token"));
        assert!(!lines(&mistakes).contains("s1"));
        assert!(Tokens::parse("# nobody\n").is_err());
    }

    #[test]
    fn a_wrong_new_file_leaves_the_old_one_in_force() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("tokens");
        std::fs::write(&path, "a admin one\n").expect("write");
        let file = TokenFile::open(&path).expect("tokens");
        let mut seen = None;
        let mut after = |text: Option<&str>| {
            match text {
                Some(text) => std::fs::write(&path, text).expect("write"),
                None => std::fs::remove_file(&path).expect("remove"),
            }
            file.look(&mut seen);
            ["one", "two"].map(|token| file.tokens().identify(token).is_some())
        };
        assert_eq!(after(Some("a admin")), [true, false]);
        assert_eq!(after(None), [true, false]);
        assert_eq!(after(Some("a admin two\n")), [false, true]);
    }

    #[test]
    fn a_swapped_symlink_is_followed() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("tokens");
        for (name, token) in [("..1", "one"), ("..2", "two")] {
            std::fs::create_dir(dir.path().join(name)).expect("dir");
            let text = format!("a admin {token}\n");
            std::fs::write(dir.path().join(name).join("tokens"), text).expect("write");
        }
        let data = dir.path().join("..data");
        std::os::unix::fs::symlink("..1", &data).expect("link");
        std::os::unix::fs::symlink("..data/tokens", &path).expect("link");
        let file = TokenFile::open(&path).expect("tokens");
        let next = dir.path().join("..data_tmp");
        std::os::unix::fs::symlink("..2", &next).expect("link");
        std::fs::rename(next, data).expect("swap");
        file.look(&mut None);
        assert!(file.tokens().identify("two").is_some());
    }
}
