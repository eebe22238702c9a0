//! YAML 1.2 (core schema) into the tree, from the parser's events: nothing is expanded, and the
//! depth and the number of values are bounded while reading.

use std::borrow::Cow;

use saphyr::Scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::{
    DOCUMENT_DEPTH_MAX, DOCUMENT_NODES_MAX, Entry, Mistake, MistakeCode, Mistakes, Node, Value,
};

pub(super) fn read(text: &str, mistakes: &Mistakes) -> Option<Node> {
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    loop {
        let (event, span) = match parser.next_event()? {
            Ok(next) => next,
            Err(error) => {
                mistakes.push(syntax(&error));
                return None;
            }
        };
        match builder.take(event, span) {
            Ok(false) => {}
            Ok(true) => break,
            Err(mistake) => {
                mistakes.push(mistake);
                return None;
            }
        }
    }
    for mistake in builder.minor {
        mistakes.push(mistake);
    }
    Some(builder.root.unwrap_or(Node {
        value: Value::Null,
        line: Some(1),
    }))
}

fn syntax(error: &saphyr_parser::ScanError) -> Mistake {
    let (line, column) = (error.marker().line(), error.marker().col() + 1);
    let detail = format!("not YAML: {} (column {column})", error.info());
    Mistake::new(MistakeCode::Syntax, detail)
        .param("line", &line)
        .param("column", &column)
        .at("", Some(line))
}

/// A list or map that has begun and not ended.
enum Open {
    List(usize, Vec<Node>),
    Map(usize, Vec<Entry>, Option<(String, usize)>),
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    /// Mistakes that don't hinder the reading of the rest.
    minor: Vec<Mistake>,
}

impl Builder {
    /// Takes an event; true at the end, an error where the rest can't be understood.
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<bool, Mistake> {
        let line = span.start.line();
        match event {
            Event::StreamEnd => return Ok(true),
            Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
            Event::DocumentStart(_) if self.root.is_some() => {
                return Err(not_taken("a second document is not taken", line));
            }
            Event::DocumentStart(_) => {}
            Event::Alias(_) => {
                return Err(not_taken(
                    "aliases are not taken: write the value out",
                    line,
                ));
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.note_anchor(anchor, line);
                self.scalar(text, style, tag.as_ref(), line)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(anchor, tag.as_ref(), line)?;
                self.open.push(Open::List(line, Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                self.begin(anchor, tag.as_ref(), line)?;
                self.open.push(Open::Map(line, Vec::new(), None));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (value, line) = match self.open.pop() {
                    Some(Open::List(line, items)) => (Value::List(items), line),
                    Some(Open::Map(line, entries, _)) => (Value::Map(entries), line),
                    None => return Ok(false),
                };
                self.put(value, line);
            }
        }
        Ok(false)
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        tag: Option<&Cow<'_, Tag>>,
        line: usize,
    ) -> Result<(), Mistake> {
        self.count(line)?;
        if let Some(Open::Map(_, _, key @ None)) = self.open.last_mut() {
            *key = Some((text.into_owned(), line));
            return Ok(());
        }
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
            return Err(not_taken(&format!("tag {tag} is not known"), line));
        }
        let value = match Scalar::parse_from_cow_and_metadata(text, style, tag) {
            Some(Scalar::Null) => Value::Null,
            Some(Scalar::Boolean(value)) => Value::Boolean(value),
            Some(Scalar::Integer(value)) => Value::Integer(value),
            Some(Scalar::FloatingPoint(value)) => Value::Float(value.into_inner()),
            Some(Scalar::String(value)) => Value::Text(value.into_owned()),
            None => return Err(not_taken("the value is not of the type of its tag", line)),
        };
        self.put(value, line);
        Ok(())
    }

    /// What holds for the begin of a list and of a map.
    fn begin(
        &mut self,
        anchor: usize,
        tag: Option<&Cow<'_, Tag>>,
        line: usize,
    ) -> Result<(), Mistake> {
        self.count(line)?;
        self.note_anchor(anchor, line);
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
            return Err(not_taken(&format!("tag {tag} is not known"), line));
        }
        if matches!(self.open.last(), Some(Open::Map(_, _, None))) {
            return Err(not_taken("a key must be text, not a list or map", line));
        }
        if self.open.len() >= DOCUMENT_DEPTH_MAX {
            let detail = "the document has too many lists and maps within each other";
            return Err(Mistake::new(MistakeCode::TooLarge, detail).at("", Some(line)));
        }
        Ok(())
    }

    fn count(&mut self, line: usize) -> Result<(), Mistake> {
        self.nodes += 1;
        if self.nodes > DOCUMENT_NODES_MAX {
            let detail = "the document has too many values";
            return Err(Mistake::new(MistakeCode::TooLarge, detail).at("", Some(line)));
        }
        Ok(())
    }

    fn note_anchor(&mut self, anchor: usize, line: usize) {
        // Zero means none (saphyr-parser, `Event`).
        if anchor != 0 {
            let detail = "anchors are not taken: write the value out";
            self.minor.push(not_taken(detail, line));
        }
    }

    fn put(&mut self, value: Value, line: usize) {
        let node = Node {
            value,
            line: Some(line),
        };
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, entries, key)) => {
                if let Some((key, line)) = key.take() {
                    entries.push(Entry {
                        key,
                        line: Some(line),
                        value: node,
                    });
                }
            }
        }
    }
}

fn not_taken(detail: &str, line: usize) -> Mistake {
    Mistake::new(MistakeCode::NotTaken, detail).at("", Some(line))
}
