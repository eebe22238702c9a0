//! A mistake in a document: where, which, and what to do about it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Mistakes that are listed. Further ones are counted, and the last entry says how many.
const MISTAKES_MAX: usize = 100;

/// One mistake in a file or a request body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mistake {
    /// Where in the document (RFC 6901); empty: the whole of it.
    pub pointer: String,
    pub code: MistakeCode,
    /// The facts in `detail`, for a user interface that speaks another language.
    #[serde(default)]
    #[schema(required = true)]
    pub params: BTreeMap<String, String>,
    /// English.
    pub detail: String,
    /// Line in the file or body, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MistakeCode {
    /// There is no document: the file can't be read.
    Unreadable,
    /// Not the language that it should be in.
    Syntax,
    /// Not UTF-8.
    Encoding,
    /// More bytes, values or levels than are read.
    TooLarge,
    /// A YAML feature that is not taken: anchor, alias, tag, second document.
    NotTaken,
    DuplicateKey,
    UnknownKey,
    MissingKey,
    WrongType,
    OutOfRange,
    /// More or fewer characters or items than allowed.
    WrongLength,
    /// Not one of the values that there are.
    NotOneOf,
    /// Well-formed, but does not mean what it should; `detail` says why.
    Invalid,
    /// No URL of the kind that is taken: scheme, or what follows the port.
    BadUrl,
    /// No port, or none from 1 to 65535.
    BadPort,
    /// No IP address.
    BadAddress,
    /// An address, but not a multicast group.
    NotMulticast,
    /// An address that can't be the source of this group.
    BadSource,
    /// No name that a NIC can have.
    BadInterface,
    /// No id that a channel or stream can have.
    BadId,
    /// No name that a profile can have.
    BadName,
    /// A width or height that is not even.
    NotEven,
    ControlCharacters,
    /// The id in the body is not that of the path.
    OtherId,
    /// A channel for other ingests alone.
    OtherIngest,
    /// Another one in the same document has this already.
    Duplicate,
    /// There are more mistakes than are listed.
    More,
}

/// All mistakes of one document, in the order in which they were found.
#[derive(Debug, Default)]
pub struct Mistakes {
    found: RefCell<Vec<Mistake>>,
    unlisted: RefCell<usize>,
}

impl Mistake {
    /// A mistake of the whole document.
    #[must_use]
    pub fn new(code: MistakeCode, detail: impl Into<String>) -> Self {
        Self {
            pointer: String::new(),
            code,
            params: BTreeMap::new(),
            detail: detail.into(),
            line: None,
        }
    }

    /// Names the place.
    #[must_use]
    pub fn at(mut self, pointer: &str, line: Option<usize>) -> Self {
        pointer.clone_into(&mut self.pointer);
        self.line = line;
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn param(mut self, name: &str, value: &(impl ToString + ?Sized)) -> Self {
        self.params.insert(name.to_owned(), value.to_string());
        self
    }
}

/// As a line of a log: `line 7: /channels/0/name: must be text, not a number`.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        f.write_str(&self.detail)
    }
}

impl Mistakes {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub fn push(&self, mistake: Mistake) {
        let mut found = self.found.borrow_mut();
        if found.len() < MISTAKES_MAX {
            found.push(mistake);
        } else {
            *self.unlisted.borrow_mut() += 1;
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// `value` when nothing was wrong, else all that was, in the order of the document.
    ///
    /// # Errors
    /// When a mistake was found.
    pub fn or<T>(self, value: Option<T>) -> Result<T, Vec<Mistake>> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|mistake| mistake.line);
        let unlisted = self.unlisted.into_inner();
        if unlisted > 0 {
            let detail = format!("{unlisted} more mistakes are not listed");
            found.push(Mistake::new(MistakeCode::More, detail).param("count", &unlisted));
        }
        match value {
            Some(value) if found.is_empty() => Ok(value),
            // A reader that gives no value has said why; this holds should one forget to.
            None if found.is_empty() => Err(vec![Mistake::new(
                MistakeCode::Invalid,
                "the document can't be used",
            )]),
            _ => Err(found),
        }
    }
}
