//! Taking values out of a tree: each call gives a valid value, or tells the mistake and gives none.
//!
//! Null is absence: `logo: null` is as if the key was not there.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::nearest::nearest;
use super::{Entry, Explained, Mistake, MistakeCode, Mistakes, Node, Value, pointer_token};

/// A place in a tree.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    node: &'a Node,
    pointer: String,
    mistakes: &'a Mistakes,
}

/// A map whose keys are known.
#[derive(Debug)]
pub struct Fields<'a> {
    at: Cursor<'a>,
    entries: &'a [Entry],
}

impl<'a> Cursor<'a> {
    #[must_use]
    pub fn root(node: &'a Node, mistakes: &'a Mistakes) -> Self {
        Self {
            node,
            pointer: String::new(),
            mistakes,
        }
    }

    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.node.line
    }

    #[must_use]
    pub fn is_null(&self) -> bool {
        self.node.value == Value::Null
    }

    /// Tells a mistake of this place.
    pub fn reject(&self, code: MistakeCode, detail: impl Into<String>) {
        self.push(Mistake::new(code, detail));
    }

    /// Tells a mistake, placing it here.
    pub fn push(&self, mistake: Mistake) {
        self.mistakes.push(mistake.at(&self.pointer, self.line()));
    }

    /// Tells that a key of this map is missing; `hint` says more of it. The place is that of the key,
    /// where a form shows it; the line that of its map.
    pub fn missing_key(&self, key: &str, hint: &str) {
        let pointer = format!("{}/{}", self.pointer, pointer_token(key));
        let detail = format!("key {key:?} is missing{hint}");
        let mistake = Mistake::new(MistakeCode::MissingKey, detail).param("key", key);
        self.mistakes.push(mistake.at(&pointer, self.line()));
    }

    /// A map with no other keys than `known`. Unknown ones are mistakes, and the others still read.
    #[must_use]
    pub fn fields(&self, known: &[&str]) -> Option<Fields<'a>> {
        let Value::Map(entries) = &self.node.value else {
            self.wrong_type("a map");
            return None;
        };
        for entry in entries {
            if !known.contains(&entry.key.as_str()) {
                self.unknown_key(entry, known);
            }
        }
        Some(Fields {
            at: self.clone(),
            entries,
        })
    }

    /// A map whose keys are the writer's: `labels`.
    #[must_use]
    pub fn entries(&self, max: usize) -> Option<Vec<(&'a str, Self)>> {
        let Value::Map(entries) = &self.node.value else {
            self.wrong_type("a map");
            return None;
        };
        self.within("entries", entries.len(), 0, max)?;
        Some(
            entries
                .iter()
                .map(|entry| (entry.key.as_str(), self.child(&entry.key, &entry.value)))
                .collect(),
        )
    }

    /// The items of a list.
    #[must_use]
    pub fn items(&self, count: RangeInclusive<usize>) -> Option<Vec<Self>> {
        let Value::List(items) = &self.node.value else {
            self.wrong_type("a list");
            return None;
        };
        self.within("items", items.len(), *count.start(), *count.end())?;
        let child = |(index, item)| self.child(&format!("{index}"), item);
        Some(items.iter().enumerate().map(child).collect())
    }

    /// Text of so many characters, none of which is a control character: what is shown on one line.
    #[must_use]
    pub fn text(&self, characters: RangeInclusive<usize>) -> Option<&'a str> {
        let text = self.prose(characters)?;
        if text.chars().any(char::is_control) {
            self.reject(
                MistakeCode::ControlCharacters,
                "control characters and line breaks are not taken",
            );
            return None;
        }
        Some(text)
    }

    /// Text of so many characters, whichever: what another program has written.
    #[must_use]
    pub fn prose(&self, characters: RangeInclusive<usize>) -> Option<&'a str> {
        let Value::Text(text) = &self.node.value else {
            self.wrong_type("text");
            return None;
        };
        let (min, max) = (*characters.start(), *characters.end());
        self.within("characters", text.chars().count(), min, max)?;
        Some(text)
    }

    /// Text that a type of its own understands.
    #[must_use]
    pub fn parse<T>(&self) -> Option<T>
    where
        T: FromStr<Err: Explained>,
    {
        let Value::Text(text) = &self.node.value else {
            self.wrong_type("text");
            return None;
        };
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.push(Mistake::explained(&error, text));
                None
            }
        }
    }

    /// A whole number.
    #[must_use]
    pub fn integer<T>(&self, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<i64> + PartialOrd + Display,
    {
        let value = match self.node.value {
            Value::Integer(value) => T::try_from(value).ok(),
            Value::Float(_) => None,
            _ => {
                self.wrong_type("a whole number");
                return None;
            }
        };
        let value = value.filter(|value| range.contains(value));
        if value.is_none() {
            self.out_of_range("a whole number", range.start(), range.end());
        }
        value
    }

    /// A number, whole or not.
    #[must_use]
    pub fn number(&self, range: RangeInclusive<f64>) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "ranges of numbers end far below 2^53"
        )]
        let value = match self.node.value {
            Value::Integer(value) => value as f64,
            Value::Float(value) => value,
            _ => {
                self.wrong_type("a number");
                return None;
            }
        };
        if range.contains(&value) {
            return Some(value);
        }
        self.out_of_range("a number", range.start(), range.end());
        None
    }

    #[must_use]
    pub fn boolean(&self) -> Option<bool> {
        if let Value::Boolean(value) = self.node.value {
            return Some(value);
        }
        self.wrong_type("true or false");
        None
    }

    /// One word of a few.
    #[must_use]
    pub fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let Value::Text(text) = &self.node.value else {
            self.wrong_type("text");
            return None;
        };
        if let Some((_, value)) = choices.iter().find(|(word, _)| word == text) {
            return Some(*value);
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let meant = nearest(text, &words)
            .map_or_else(String::new, |word| format!("; did you mean {word:?}?"));
        let detail = format!("{text:?} is not known: use {}{meant}", words.join(", "));
        self.push(
            Mistake::new(MistakeCode::NotOneOf, detail)
                .param("value", text)
                .param("known", &words.join(", ")),
        );
        None
    }

    fn child(&self, token: &str, node: &'a Node) -> Self {
        Self {
            node,
            pointer: format!("{}/{}", self.pointer, pointer_token(token)),
            mistakes: self.mistakes,
        }
    }

    fn wrong_type(&self, wanted: &str) {
        let found = self.node.value.describe();
        let scalar = matches!(
            self.node.value,
            Value::Boolean(_) | Value::Integer(_) | Value::Float(_)
        );
        let hint = if wanted == "text" && scalar {
            ": write it in quotes"
        } else {
            ""
        };
        self.push(
            Mistake::new(
                MistakeCode::WrongType,
                format!("must be {wanted}, not {found}{hint}"),
            )
            .param("wanted", wanted)
            .param("found", found),
        );
    }

    fn unknown_key(&self, entry: &Entry, known: &[&str]) {
        let meant = nearest(&entry.key, known);
        let hint = meant.map_or_else(
            || format!("known are {}", known.join(", ")),
            |word| format!("did you mean {word:?}?"),
        );
        let pointer = format!("{}/{}", self.pointer, pointer_token(&entry.key));
        let mut mistake = Mistake::new(
            MistakeCode::UnknownKey,
            format!("unknown key {:?}: {hint}", entry.key),
        )
        .param("key", &entry.key)
        .at(&pointer, entry.line);
        if let Some(word) = meant {
            mistake = mistake.param("meant", word);
        }
        self.mistakes.push(mistake);
    }

    fn out_of_range(&self, wanted: &str, min: &impl Display, max: &impl Display) {
        let value = match &self.node.value {
            Value::Integer(value) => value.to_string(),
            Value::Float(value) => value.to_string(),
            other => other.describe().to_owned(),
        };
        self.push(
            Mistake::new(
                MistakeCode::OutOfRange,
                format!("{value} is out of range: use {wanted} from {min} to {max}"),
            )
            .param("value", &value)
            .param("min", &min)
            .param("max", &max),
        );
    }

    fn within(&self, what: &str, count: usize, min: usize, max: usize) -> Option<()> {
        if (min..=max).contains(&count) {
            return Some(());
        }
        let bound = if count < min {
            format!("at least {min}")
        } else {
            format!("at most {max}")
        };
        self.push(
            Mistake::new(
                MistakeCode::WrongLength,
                format!("has {count} {what}; {bound} are taken"),
            )
            .param("count", &count)
            .param("min", &min)
            .param("max", &max),
        );
        None
    }
}

impl<'a> Fields<'a> {
    /// The place of the map itself.
    #[must_use]
    pub fn at(&self) -> &Cursor<'a> {
        &self.at
    }

    /// The value of a key, if it is given.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Cursor<'a>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        let cursor = self.at.child(key, &entry.value);
        (!cursor.is_null()).then_some(cursor)
    }

    /// The value of a key that must be given.
    #[must_use]
    pub fn required(&self, key: &str) -> Option<Cursor<'a>> {
        let found = self.get(key);
        if found.is_none() {
            self.at.missing_key(key, "");
        }
        found
    }
}
