//! Who may know whom: programs never each other, and a module only those above it in the list of
//! its `lib.rs`.

use std::collections::BTreeSet;

use e2e::tree::{SourceFile, files, read};
use syn::visit::Visit;

use crate::none;

const PROGRAMS: [&str; 4] = [
    "encoder-ingest",
    "encoder-ui",
    "encoder-node",
    "source-server",
];

/// Packages whose modules stand in order.
const ORDERED: [&str; 6] = [
    "common",
    "encoder-ingest",
    "encoder-node",
    "encoder-ui",
    "source-server",
    "tests",
];

#[test]
fn programs_never_depend_on_each_other_and_common_on_none() {
    let metadata = std::process::Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(e2e::tree::root())
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value =
        serde_json::from_slice(&metadata.stdout).expect("cargo metadata answers JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let mut seen = 0;
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        if !PROGRAMS.contains(&name) && name != "common" {
            continue;
        }
        seen += 1;
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let other = dependency["name"].as_str().unwrap_or_default();
            assert!(!PROGRAMS.contains(&other), "{name} depends on {other}");
        }
    }
    assert!(seen >= 3, "{seen} packages");
}

/// The modules of a package as its `lib.rs` lists them: "//! - [`name`]: what it is".
fn listed(package: &str) -> Vec<String> {
    let text = read(&format!("{package}/src/lib.rs"));
    let entries = text.lines().filter_map(|line| {
        let name = line.strip_prefix("//! - [`")?;
        Some(name.split('`').next()?.to_owned())
    });
    entries.collect()
}

/// First names of paths that begin with `crate`.
#[derive(Default)]
struct Uses {
    names: BTreeSet<String>,
}

impl Uses {
    fn tree(&mut self, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                self.names.insert(path.ident.to_string());
            }
            syn::UseTree::Name(name) => {
                self.names.insert(name.ident.to_string());
            }
            syn::UseTree::Rename(name) => {
                self.names.insert(name.ident.to_string());
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(item)),
            syn::UseTree::Glob(_) => {}
        }
    }
}

impl<'a> Visit<'a> for Uses {
    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        if let syn::UseTree::Path(path) = &item.tree
            && path.ident == "crate"
        {
            self.tree(&path.tree);
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let mut segments = path.segments.iter();
        if segments.next().is_some_and(|first| first.ident == "crate") {
            let second = segments.next().map(|segment| segment.ident.to_string());
            self.names.extend(second);
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        // Tests may look wherever they like.
        if item.ident != "tests" {
            syn::visit::visit_item_mod(self, item);
        }
    }
}

/// The module at the root that a file belongs to; none for `lib.rs` and `main.rs`.
fn module(package: &str, file: &SourceFile) -> Option<String> {
    let inner = file.path.strip_prefix(&format!("{package}/src/"))?;
    let first = inner.split('/').next()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(name, "lib" | "main") && !inner.ends_with("tests.rs")).then(|| name.to_owned())
}

#[test]
fn a_module_uses_only_those_above_it() {
    let mut findings = Vec::new();
    for package in ORDERED {
        let order = listed(package);
        if order.is_empty() {
            findings.push(format!("{package}/src/lib.rs lists no modules"));
            continue;
        }
        for file in files(&format!("{package}/src"), &["rs"]) {
            if let Some(own) = module(package, &file) {
                findings.extend(judged(&order, &own, &file));
            }
        }
    }
    none(&findings);
}

/// What a file of the module `own` uses and must not.
fn judged(order: &[String], own: &str, file: &SourceFile) -> Vec<String> {
    let Some(place) = order.iter().position(|name| name == own) else {
        return vec![format!("lib.rs does not list {own} ({})", file.path)];
    };
    let parsed = syn::parse_file(&file.text).expect("Rust");
    let mut uses = Uses::default();
    uses.visit_file(&parsed);
    let below = order[place + 1..]
        .iter()
        .filter(|name| uses.names.contains(*name));
    below
        .map(|name| format!("{} uses {name}, which stands below {own}", file.path))
        .collect()
}
