//! What may stand in a source file.

use e2e::tree::{SourceFile, files};
use syn::visit::Visit;

use crate::none;

/// The only room with `unsafe`.
const UNSAFE_ROOM: &str = "common/src/net/sys.rs";

/// Words that say nothing alone.
const BARE_NAMES: [&str; 7] = [
    "Stream", "Session", "Client", "Source", "Manager", "Handler", "Util",
];

fn sources() -> Vec<SourceFile> {
    let found = files("", &["rs"]);
    assert!(found.len() > 40, "only {} files were found", found.len());
    found
}

#[derive(Default)]
struct Facts {
    unsafe_lines: Vec<usize>,
    type_names: Vec<String>,
}

impl Facts {
    fn of(file: &SourceFile) -> Self {
        let parsed = syn::parse_file(&file.text);
        let parsed = parsed.unwrap_or_else(|error| panic!("{}: {error}", file.path));
        let mut facts = Self::default();
        facts.visit_file(&parsed);
        facts
    }

    fn note(&mut self, token: Option<&syn::Token![unsafe]>) {
        let line = token.map(|token| token.span.start().line);
        self.unsafe_lines.extend(line);
    }
}

impl<'a> Visit<'a> for Facts {
    fn visit_expr_unsafe(&mut self, block: &'a syn::ExprUnsafe) {
        self.note(Some(&block.unsafe_token));
        syn::visit::visit_expr_unsafe(self, block);
    }

    fn visit_item_impl(&mut self, item: &'a syn::ItemImpl) {
        self.note(item.unsafety.as_ref());
        syn::visit::visit_item_impl(self, item);
    }

    fn visit_item_struct(&mut self, item: &'a syn::ItemStruct) {
        self.type_names.push(item.ident.to_string());
        syn::visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'a syn::ItemEnum) {
        self.type_names.push(item.ident.to_string());
        syn::visit::visit_item_enum(self, item);
    }

    fn visit_item_trait(&mut self, item: &'a syn::ItemTrait) {
        self.type_names.push(item.ident.to_string());
        syn::visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'a syn::ItemType) {
        self.type_names.push(item.ident.to_string());
        syn::visit::visit_item_type(self, item);
    }
}

/// The comment above a line (attributes and the statement's own beginning may stand between).
fn explained(lines: &[&str], line: usize) -> bool {
    let above = lines[..line].iter().rev().take(8);
    above
        .take_while(|text| !text.trim().is_empty())
        .any(|text| text.contains("SAFETY:"))
}

#[test]
fn unsafe_stands_only_in_its_room_and_says_why_it_is_sound() {
    let mut findings = Vec::new();
    let mut blocks = 0;
    for file in sources() {
        let facts = Facts::of(&file);
        let lines: Vec<_> = file.text.lines().collect();
        for line in facts.unsafe_lines {
            blocks += 1;
            if file.path != UNSAFE_ROOM {
                findings.push(format!("unsafe in {}:{line}", file.path));
            } else if !explained(&lines, line) {
                findings.push(format!("no SAFETY line above {}:{line}", file.path));
            }
        }
    }
    none(&findings);
    assert!(blocks > 0, "the room is empty: has it moved?");
}

#[test]
fn every_file_says_in_its_head_what_it_is() {
    let mut findings = Vec::new();
    for file in sources() {
        let mut lines = file.text.lines().filter(|line| !line.starts_with("#!["));
        let first = lines.next().unwrap_or_default();
        let said = first.starts_with("//! ") && first.len() > 12;
        // Tests of a module in a file of their own are described by their module.
        if !said && !file.path.ends_with("tests.rs") {
            findings.push(format!("{} begins with {first:?}", file.path));
        }
    }
    none(&findings);
}

#[test]
fn no_type_has_a_name_that_says_nothing() {
    let mut findings = Vec::new();
    for file in sources() {
        let names = Facts::of(&file).type_names.into_iter();
        let bare = names.filter(|name| BARE_NAMES.contains(&name.as_str()));
        findings.extend(bare.map(|name| format!("{name} in {}", file.path)));
    }
    none(&findings);
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file is none of its own findings.
    let banned = [
        ["to", "do!("].concat(),
        ["unimpl", "emented!("].concat(),
        ["db", "g!("].concat(),
        ["#[ign", "ore"].concat(),
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
    ];
    let kinds = [
        "rs", "sh", "yaml", "toml", "Makefile", "ts", "svelte", "html",
    ];
    let mut findings = Vec::new();
    for file in files("", &kinds) {
        for word in &banned {
            if file.text.contains(word) {
                findings.push(format!("{word} in {}", file.path));
            }
        }
    }
    none(&findings);
}

#[test]
fn only_main_ends_the_process() {
    let word = ["process::", "exit("].concat();
    let ends = |file: &SourceFile| !file.path.ends_with("main.rs") && file.text.contains(&word);
    let findings = sources().into_iter().filter(ends).map(|file| file.path);
    let findings: Vec<_> = findings.collect();
    none(&findings);
}
