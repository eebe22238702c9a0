//! How long a file and a function may be.

use e2e::tree::{SourceFile, files};
use syn::spanned::Spanned;
use syn::visit::Visit;

use crate::none;

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// Longer files, each with its reason.
const LONG_FILES: [(&str, &str); 0] = [];

/// Longer functions, each with its reason.
const LONG_FUNCTIONS: [(&str, &str, &str); 0] = [];

#[derive(Default)]
struct Lengths {
    functions: Vec<(String, usize)>,
    /// Lines of modules that are only compiled for tests.
    test_lines: usize,
}

impl Lengths {
    fn note(&mut self, name: &syn::Ident, block: &syn::Block) {
        let span = block.span();
        let lines = span.end().line - span.start().line + 1;
        self.functions.push((name.to_string(), lines));
    }
}

fn for_tests(attributes: &[syn::Attribute]) -> bool {
    let text = |attribute: &syn::Attribute| match &attribute.meta {
        syn::Meta::List(list) => list.tokens.to_string(),
        _ => String::new(),
    };
    let mut configured = attributes.iter().filter(|a| a.path().is_ident("cfg"));
    configured.any(|attribute| text(attribute) == "test")
}

impl<'a> Visit<'a> for Lengths {
    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        if for_tests(&item.attrs) {
            let span = item.span();
            self.test_lines += span.end().line - span.start().line + 1;
        }
        syn::visit::visit_item_mod(self, item);
    }

    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.note(&item.sig.ident, &item.block);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.note(&item.sig.ident, &item.block);
        syn::visit::visit_impl_item_fn(self, item);
    }
}

fn lengths(file: &SourceFile) -> Lengths {
    let parsed = syn::parse_file(&file.text);
    let parsed = parsed.unwrap_or_else(|error| panic!("{}: {error}", file.path));
    let mut lengths = Lengths::default();
    lengths.visit_file(&parsed);
    lengths
}

#[test]
fn no_file_is_longer_than_400_lines_without_its_tests() {
    let mut findings = Vec::new();
    for file in files("", &["rs"]) {
        let lines = file.text.lines().count() - lengths(&file).test_lines;
        let excepted = LONG_FILES.iter().any(|(path, _)| *path == file.path);
        let tests = file.path.ends_with("tests.rs");
        if lines > FILE_LINES_MAX && !excepted && !tests {
            findings.push(format!("{} has {lines} lines", file.path));
        }
    }
    none(&findings);
}

#[test]
fn no_function_is_longer_than_70_lines() {
    let mut findings = Vec::new();
    for file in files("", &["rs"]) {
        for (name, lines) in lengths(&file).functions {
            let mut exceptions = LONG_FUNCTIONS.iter();
            let excepted = exceptions.any(|(path, own, _)| *path == file.path && *own == name);
            if lines > FUNCTION_LINES_MAX && !excepted {
                findings.push(format!("{name} in {} has {lines} lines", file.path));
            }
        }
    }
    none(&findings);
}

#[test]
fn no_exception_is_stale() {
    for (path, reason) in LONG_FILES {
        let file = e2e::tree::read(path);
        assert!(file.lines().count() > FILE_LINES_MAX, "{path}: {reason}");
    }
    for (path, name, reason) in LONG_FUNCTIONS {
        let text = e2e::tree::read(path);
        let file = SourceFile {
            path: path.to_owned(),
            text,
        };
        let functions = lengths(&file).functions;
        let long = functions
            .iter()
            .any(|(own, lines)| own == name && *lines > FUNCTION_LINES_MAX);
        assert!(long, "{name} in {path}: {reason}");
    }
}
