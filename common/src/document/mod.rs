//! What people write: files in YAML and bodies in JSON, read into one tree that remembers lines,
//! with every mistake collected instead of the first.
//!
//! [`read`] makes the tree, [`Cursor`] and [`Fields`] take values out of it. Nothing here knows what
//! a document is about. All sizes are bounded before anything is built: YAML anchors, aliases and
//! merge keys are refused, so a small file can't mean a large tree.

mod explained;
mod json;
mod mistake;
mod nearest;
mod reader;
#[cfg(test)]
mod tests;
mod yaml;

use std::collections::HashMap;

pub use explained::Explained;
pub use mistake::{Mistake, MistakeCode, Mistakes};
pub use reader::{Cursor, Fields};

/// The largest document: as much as a ConfigMap holds. Larger ones are refused unread.
pub const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;

/// Values in one document. A larger one is refused: some thousand channels fit.
pub const DOCUMENT_NODES_MAX: usize = 100_000;

/// Lists and maps within each other. A deeper document is refused; ours need six.
pub const DOCUMENT_DEPTH_MAX: usize = 32;

/// Which language a document is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    Yaml,
    Json,
}

/// A value, and the line that it begins in (from 1).
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub value: Value,
    pub line: Option<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value, in the order of the document.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: String,
    /// The line of the key.
    pub line: Option<usize>,
    pub value: Node,
}

/// Reads a document. None when it can't be made a tree at all; `mistakes` then says why. A tree
/// with keys given twice is returned with the mistakes told, so that others can be found too.
///
/// An empty YAML document is [`Value::Null`].
#[must_use]
pub fn read(bytes: &[u8], syntax: Syntax, mistakes: &Mistakes) -> Option<Node> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        let detail = format!(
            "the document has {} bytes; at most {DOCUMENT_BYTES_MAX} are read",
            bytes.len()
        );
        mistakes.push(Mistake::new(MistakeCode::TooLarge, detail));
        return None;
    }
    let node = match syntax {
        Syntax::Yaml => {
            let text = utf8(bytes, mistakes)?;
            yaml::read(text, mistakes)?
        }
        Syntax::Json => json::read(bytes, mistakes)?,
    };
    report_duplicate_keys(&node, "", mistakes);
    Some(node)
}

/// The line of the value that a JSON pointer (RFC 6901) names; none where there is no such value.
/// For mistakes that are found only after a document was read and let go.
#[must_use]
pub fn line_of(bytes: &[u8], syntax: Syntax, pointer: &str) -> Option<usize> {
    let mut node = &read(bytes, syntax, &Mistakes::new())?;
    for token in pointer.split('/').skip(1) {
        node = match &node.value {
            Value::List(items) => items.get(token.parse::<usize>().ok()?)?,
            Value::Map(entries) => {
                let found = entries
                    .iter()
                    .find(|entry| pointer_token(&entry.key) == token);
                &found?.value
            }
            _ => return None,
        };
    }
    node.line
}

fn utf8<'a>(bytes: &'a [u8], mistakes: &Mistakes) -> Option<&'a str> {
    match std::str::from_utf8(bytes) {
        // A byte order mark is allowed at the start (YAML 1.2, section 5.2) and means nothing.
        Ok(text) => Some(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let before = &bytes[..error.valid_up_to()];
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            let detail = "the document is not UTF-8 text".to_owned();
            mistakes.push(Mistake::new(MistakeCode::Encoding, detail).at("", Some(line)));
            None
        }
    }
}

/// A key that stands twice in one map: which of the two counts is anybody's guess.
fn report_duplicate_keys(node: &Node, pointer: &str, mistakes: &Mistakes) {
    match &node.value {
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                report_duplicate_keys(item, &format!("{pointer}/{index}"), mistakes);
            }
        }
        Value::Map(entries) => {
            let mut first: HashMap<&str, Option<usize>> = HashMap::new();
            for entry in entries {
                let pointer = format!("{pointer}/{}", pointer_token(&entry.key));
                if let Some(before) = first.get(entry.key.as_str()) {
                    let at =
                        before.map_or_else(String::new, |line| format!(", first in line {line}"));
                    let detail = format!("key {:?} is given twice{at}", entry.key);
                    let mistake = Mistake::new(MistakeCode::DuplicateKey, detail)
                        .param("key", &entry.key)
                        .at(&pointer, entry.line);
                    mistakes.push(mistake);
                } else {
                    first.insert(&entry.key, entry.line);
                }
                report_duplicate_keys(&entry.value, &pointer, mistakes);
            }
        }
        _ => {}
    }
}

/// A key as a part of a JSON pointer (RFC 6901, section 3).
fn pointer_token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

impl Value {
    /// What this is, for a person.
    fn describe(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Boolean(_) => "true or false",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}
