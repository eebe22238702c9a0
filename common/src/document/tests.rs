use proptest::prelude::*;

use super::*;

fn mistakes_of(text: &str, syntax: Syntax) -> Vec<String> {
    let mistakes = Mistakes::new();
    let node = read(text.as_bytes(), syntax, &mistakes);
    match mistakes.or(node) {
        Ok(_) => Vec::new(),
        Err(found) => found.iter().map(ToString::to_string).collect(),
    }
}

/// A document of every type, read with all readers.
fn everything(node: &Node, mistakes: &Mistakes) -> Option<()> {
    let fields = Cursor::root(node, mistakes).fields(&[
        "name", "port", "rate", "on", "policy", "items", "labels", "source",
    ])?;
    let _ = fields.required("name").and_then(|at| at.text(1..=5));
    let _ = fields.get("port").and_then(|at| at.integer(1..=65_535_u16));
    let _ = fields.get("rate").and_then(|at| at.number(0.1..=10.0));
    let _ = fields.get("on").and_then(|at| at.boolean());
    let choices = [("skip", 1), ("disconnect", 2)];
    let _ = fields.get("policy").and_then(|at| at.choice(&choices));
    for item in fields.get("items").and_then(|at| at.items(1..=2))? {
        let _ = item.text(0..=3);
    }
    for (_, value) in fields.get("labels").and_then(|at| at.entries(1))? {
        let _ = value.text(0..=3);
    }
    let _ = fields
        .get("source")
        .and_then(|at| at.parse::<std::net::IpAddr>());
    Some(())
}

fn read_everything(text: &str, syntax: Syntax) -> Vec<Mistake> {
    let mistakes = Mistakes::new();
    let node = read(text.as_bytes(), syntax, &mistakes);
    let value = node.as_ref().and_then(|node| everything(node, &mistakes));
    mistakes.or(value).err().unwrap_or_default()
}

#[test]
fn a_right_document_reads_the_same_in_both_languages() {
    let yaml = "# comment\nname: news\nport: 5000\nrate: 8\non: true\npolicy: skip\nitems: [a, 'b']\nlabels: {a: b}\nsource: 10.0.0.1\n";
    let json = r#"{"name":"news","port":5000,"rate":8,"on":true,"policy":"skip","items":["a","b"],"labels":{"a":"b"},"source":"10.0.0.1"}"#;
    assert_eq!(read_everything(yaml, Syntax::Yaml), []);
    assert_eq!(read_everything(json, Syntax::Json), []);
    let mistakes = Mistakes::new();
    let node = read(b"a: {b: [1, ~]}", Syntax::Yaml, &mistakes).expect("tree");
    assert!(mistakes.is_empty() && node.line == Some(1));
    let empty = read(b"\n# nothing\n", Syntax::Yaml, &mistakes).expect("tree");
    assert_eq!(empty.value, Value::Null);
}

#[test]
fn every_mistake_is_told_at_once_with_line_and_pointer() {
    let yaml = "\
port: 70000
rate: 0.01
on: yes
polcy: skip
policy: skp
items:
  - abcd
  - 12
labels:
  a/b~: 1
source: nowhere
source: 10.0.0.1
";
    let found = read_everything(yaml, Syntax::Yaml);
    let short: Vec<(Option<usize>, &str, MistakeCode)> = found
        .iter()
        .map(|mistake| (mistake.line, mistake.pointer.as_str(), mistake.code))
        .collect();
    assert_eq!(
        short,
        [
            (Some(1), "/name", MistakeCode::MissingKey),
            (Some(1), "/port", MistakeCode::OutOfRange),
            (Some(2), "/rate", MistakeCode::OutOfRange),
            (Some(3), "/on", MistakeCode::WrongType),
            (Some(4), "/polcy", MistakeCode::UnknownKey),
            (Some(5), "/policy", MistakeCode::NotOneOf),
            (Some(7), "/items/0", MistakeCode::WrongLength),
            (Some(8), "/items/1", MistakeCode::WrongType),
            (Some(10), "/labels/a~1b~0", MistakeCode::WrongType),
            (Some(11), "/source", MistakeCode::BadAddress),
            (Some(12), "/source", MistakeCode::DuplicateKey),
        ]
    );
    let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts[4],
        "line 4: /polcy: unknown key \"polcy\": did you mean \"policy\"?"
    );
    assert_eq!(
        texts[7],
        "line 8: /items/1: must be text, not a number: write it in quotes"
    );
}

#[test]
fn json_mistakes_have_pointers_and_syntax_errors_a_place() {
    let found = read_everything(
        r#"{"name":"x","name":"y","items":[],"labels":{}}"#,
        Syntax::Json,
    );
    let short: Vec<(&str, MistakeCode)> = found
        .iter()
        .map(|mistake| (mistake.pointer.as_str(), mistake.code))
        .collect();
    assert_eq!(
        short,
        [
            ("/name", MistakeCode::DuplicateKey),
            ("/items", MistakeCode::WrongLength)
        ]
    );
    let syntax = mistakes_of("{\n  \"a\": x\n}", Syntax::Json);
    assert!(
        syntax[0].starts_with("line 2: not JSON:") && syntax[0].contains("column"),
        "{syntax:?}"
    );
    assert!(mistakes_of("{} {}", Syntax::Json)[0].contains("trailing"));
    assert!(mistakes_of("", Syntax::Json)[0].contains("not JSON"));
}

#[test]
fn json_mistakes_have_lines() {
    let text = "\n{\n \"name\": \"a\\\"\\\\\",\"nmae\" :\n 1,\n \"port\"\n:\n-1e9,\n \"items\": [\"b\", 2,\n {}\n],\n \"labels\": {}, \"on\": [\n\n [],[[1]]\n],\n\"policy\":null,\"polcy\": 1}\n";
    let found = read_everything(text, Syntax::Json);
    let short: Vec<(Option<usize>, &str)> = found
        .iter()
        .map(|mistake| (mistake.line, mistake.pointer.as_str()))
        .collect();
    assert_eq!(
        short,
        [
            (Some(3), "/nmae"),
            (Some(7), "/port"),
            (Some(8), "/items"),
            (Some(11), "/on"),
            (Some(15), "/polcy"),
        ]
    );
}

#[test]
fn a_pointer_has_a_line() {
    let text = b"{\"a/b\":\n[0,\n{\"c\":\n1}]}";
    let line = |pointer| line_of(text, Syntax::Json, pointer);
    assert_eq!(line(""), Some(1));
    assert_eq!(line("/a~1b"), Some(2));
    assert_eq!(line("/a~1b/1"), Some(3));
    assert_eq!(line("/a~1b/1/c"), Some(4));
    for nothing in ["/a", "/a~1b/2", "/a~1b/x", "/a~1b/0/c"] {
        assert_eq!(line(nothing), None, "{nothing}");
    }
}

/// Writes a tree, each value on a line of its own, and notes the lines.
fn written(node: &mut Node, line: &mut usize, text: &mut String) {
    node.line = Some(*line);
    let (open, close) = match node.value {
        Value::List(_) => ('[', ']'),
        Value::Map(_) => ('{', '}'),
        _ => return text.push_str(&scalar(&node.value)),
    };
    text.push(open);
    let mut between = "";
    let mut new_line = |text: &mut String, line: &mut usize| {
        *line += 1;
        text.push_str(between);
        text.push('\n');
        between = " ,";
    };
    match &mut node.value {
        Value::List(items) => {
            for item in items {
                new_line(text, line);
                written(item, line, text);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                new_line(text, line);
                entry.line = Some(*line);
                text.push_str(&scalar(&Value::Text(entry.key.clone())));
                text.push_str(" :\r\n\t");
                *line += 1;
                written(&mut entry.value, line, text);
            }
        }
        _ => {}
    }
    *line += 1;
    text.push('\n');
    text.push(close);
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Text(text) => serde_json::to_string(text).expect("json"),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(value) => value.to_string(),
        _ => "null".to_owned(),
    }
}

fn any_tree() -> impl Strategy<Value = Node> {
    let node = |value| Node { value, line: None };
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        "[a\"\\\\\n,:\\[\\]{}\u{e9}]{0,6}".prop_map(Value::Text),
    ];
    leaf.prop_map(node).prop_recursive(4, 24, 4, move |inner| {
        let entry = ("[a\"\\\\\n,:{}]{0,4}", inner.clone());
        let entry = entry.prop_map(|(key, value)| Entry {
            key,
            line: None,
            value,
        });
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Value::List),
            proptest::collection::vec(entry, 0..4).prop_map(Value::Map),
        ]
        .prop_map(node)
    })
}

#[test]
fn what_yaml_could_hide_is_refused() {
    for (text, expected) in [
        ("a: &x 1\nb: 2", "line 1: anchors are not taken"),
        ("a: &x 1\nb: *x", "line 2: aliases are not taken"),
        ("a: *x", "line 1: not YAML"),
        ("a: !vault x", "line 1: tag"),
        ("a: 1\n---\nb: 1", "line 2: a second document is not taken"),
        ("{a: b}: c", "line 1: a key must be text"),
        ("a:\n\t- b", "line 2: not YAML"),
        ("a: [1, 2", "line 2: not YAML"),
    ] {
        let found = mistakes_of(text, Syntax::Yaml);
        assert!(
            found.iter().any(|line| line.starts_with(expected)),
            "{text:?}: {found:?}"
        );
    }
    let mistakes = Mistakes::new();
    assert!(read(b"a: 1\nb: \xff", Syntax::Yaml, &mistakes).is_none());
    let found = mistakes.or(Some(())).expect_err("not UTF-8");
    assert_eq!(
        (found[0].code, found[0].line),
        (MistakeCode::Encoding, Some(2))
    );
}

#[test]
fn a_small_text_cannot_mean_a_large_tree() {
    for syntax in [Syntax::Yaml, Syntax::Json] {
        let deep = "[".repeat(40) + &"]".repeat(40);
        let wide = format!("[{}1]", "1,".repeat(DOCUMENT_NODES_MAX));
        let large = format!("[{}]", " ".repeat(DOCUMENT_BYTES_MAX));
        for text in [deep, wide, large] {
            let mistakes = Mistakes::new();
            let node = read(text.as_bytes(), syntax, &mistakes);
            let found = mistakes.or(node).expect_err("too large");
            assert_eq!(found[0].code, MistakeCode::TooLarge, "{syntax:?}");
        }
    }
}

/// A reader that takes quadratic time would need minutes for one of these.
#[test]
fn a_large_text_is_answered_in_time_that_grows_with_it() {
    let full = |piece: &str| piece.repeat(DOCUMENT_BYTES_MAX / piece.len());
    let keys: String = (0..60_000).map(|n| format!("k{n}: {n}\n")).collect();
    for text in [
        keys,
        full("a: b\n"),
        full("- "),
        full("? "),
        full("[a, "),
        full("{a: "),
        full("\"\\n"),
        full("'' "),
        full("# x\n"),
        full("\n"),
        full(" "),
        full("a"),
        full("a "),
        full("!a "),
        full("&a "),
        format!("a: |\n{}", full("  x\n")),
        format!("a: >\n{}", full("  x\n")),
        format!("a: {}", full("x\n  ")),
        format!("[{}", full("\"a\": 1, ")),
        format!("[{}]", full("{}, ")),
    ] {
        let text = &text[..text.len().min(DOCUMENT_BYTES_MAX)];
        for syntax in [Syntax::Yaml, Syntax::Json] {
            let begin = std::time::Instant::now();
            let _ = mistakes_of(text, syntax);
            let took = begin.elapsed().as_secs();
            assert!(took < 20, "{took} s for {syntax:?} {:?}...", &text[..20]);
        }
    }
}

#[test]
fn thousands_of_mistakes_are_counted_not_listed() {
    let text: String = (0..1000).map(|n| format!("key{n}: 1\n")).collect();
    let found = read_everything(&text, Syntax::Yaml);
    assert_eq!(found.len(), 101);
    assert_eq!(found[100].code, MistakeCode::More);
    assert_eq!(found[100].params["count"], "901");
}

proptest! {
    #[test]
    fn json_is_read_with_the_line_of_every_value(mut tree in any_tree()) {
        let mut text = String::new();
        written(&mut tree, &mut 1, &mut text);
        let found = json::read(text.as_bytes(), &Mistakes::new());
        prop_assert_eq!(found, Some(tree), "{}", text);
    }

    #[test]
    fn any_text_is_answered_without_panic(text in "[-a-z0-9:{}\\[\\]&*!|>'\"#%@,?~\n\t \u{e9}]{0,80}") {
        read_everything(&text, Syntax::Yaml);
        read_everything(&text, Syntax::Json);
    }

    #[test]
    fn any_bytes_are_answered_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        for syntax in [Syntax::Yaml, Syntax::Json] {
            let mistakes = Mistakes::new();
            let node = read(&bytes, syntax, &mistakes);
            prop_assert!(node.is_some() || !mistakes.is_empty());
        }
    }
}
