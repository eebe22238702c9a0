//! JSON into the tree. Read by hand into [`Node`], not into `serde_json::Value`, which would
//! silently keep the last of two equal keys. serde tells no positions, so the lines are written in
//! afterwards, by a second walk over a text that is known to be right.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{
    DOCUMENT_DEPTH_MAX, DOCUMENT_NODES_MAX, Entry, Mistake, MistakeCode, Mistakes, Node, Value,
};

pub(super) fn read(bytes: &[u8], mistakes: &Mistakes) -> Option<Node> {
    let nodes = Cell::new(0);
    let limit = Cell::new(None);
    let builder = Builder {
        nodes: &nodes,
        limit: &limit,
        depth: 0,
    };
    let mut source = serde_json::Deserializer::from_slice(bytes);
    match builder
        .deserialize(&mut source)
        .and_then(|node| source.end().map(|()| node))
    {
        Ok(mut node) => {
            Lines { bytes, line: 1 }.of_value(&mut node);
            Some(node)
        }
        Err(error) => {
            mistakes.push(describe(&error, limit.get()));
            None
        }
    }
}

fn describe(error: &serde_json::Error, limit: Option<&'static str>) -> Mistake {
    if let Some(limit) = limit {
        return Mistake::new(MistakeCode::TooLarge, limit).at("", Some(error.line()));
    }
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let suffix = format!(" at line {line} column {column}");
    let text = text.strip_suffix(&suffix).unwrap_or(&text);
    Mistake::new(
        MistakeCode::Syntax,
        format!("not JSON: {text} (line {line}, column {column})"),
    )
    .param("line", &line)
    .param("column", &column)
    .at("", Some(line))
}

#[derive(Clone, Copy)]
struct Builder<'a> {
    nodes: &'a Cell<usize>,
    /// Which limit ended the reading, if one did.
    limit: &'a Cell<Option<&'static str>>,
    depth: usize,
}

impl Builder<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth >= DOCUMENT_DEPTH_MAX {
            return Err(self.refuse("the document has too many lists and maps within each other"));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }

    fn refuse<E: Error>(self, limit: &'static str) -> E {
        self.limit.set(Some(limit));
        E::custom(limit)
    }
}

impl<'de> DeserializeSeed<'de> for Builder<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        self.nodes.set(self.nodes.get() + 1);
        if self.nodes.get() > DOCUMENT_NODES_MAX {
            return Err(self.refuse("the document has too many values"));
        }
        let value = deserializer.deserialize_any(self)?;
        Ok(Node { value, line: None })
    }
}

impl<'de> Visitor<'de> for Builder<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "beyond i64 a number is out of every range anyway"
    )]
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = source.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut entries = Vec::new();
        while let Some(key) = source.next_key()? {
            let value = source.next_value_seed(inner)?;
            let line = None;
            entries.push(Entry { key, line, value });
        }
        Ok(Value::Map(entries))
    }
}

/// Walks a text along the tree that was made of it, and counts lines on the way.
struct Lines<'a> {
    /// What is left.
    bytes: &'a [u8],
    line: usize,
}

impl Lines<'_> {
    /// Lists and maps are as deep as [`DOCUMENT_DEPTH_MAX`] allows, and so is this.
    fn of_value(&mut self, node: &mut Node) {
        self.skip(|byte| byte.is_ascii_whitespace());
        node.line = Some(self.line);
        match &mut node.value {
            Value::List(items) => {
                self.next();
                for item in items {
                    self.of_value(item);
                    self.separator();
                }
                self.end();
            }
            Value::Map(entries) => {
                self.next();
                for entry in entries {
                    self.skip(|byte| byte.is_ascii_whitespace());
                    entry.line = Some(self.line);
                    self.skip_text();
                    self.skip(|byte| byte.is_ascii_whitespace() || byte == b':');
                    self.of_value(&mut entry.value);
                    self.separator();
                }
                self.end();
            }
            Value::Text(_) => self.skip_text(),
            _ => self.skip(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)),
        }
    }

    /// Past the comma, where one follows.
    fn separator(&mut self) {
        self.skip(|byte| byte.is_ascii_whitespace() || byte == b',');
    }

    /// Past the bracket.
    fn end(&mut self) {
        self.skip(|byte| byte.is_ascii_whitespace());
        self.next();
    }

    fn skip_text(&mut self) {
        self.next();
        while let Some(byte) = self.next() {
            match byte {
                b'"' => return,
                b'\\' => {
                    self.next();
                }
                _ => {}
            }
        }
    }

    fn skip(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.bytes.first().is_some_and(|byte| wanted(*byte)) {
            self.next();
        }
    }

    fn next(&mut self) -> Option<u8> {
        let (byte, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        self.line += usize::from(*byte == b'\n');
        Some(*byte)
    }
}
