//! The repository's own files, for the tests that hold the rules of the house.

use std::path::{Path, PathBuf};

/// A file of the repository.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// From the repository's root.
    pub path: String,
    pub text: String,
}

/// The repository's root: the folder above this package.
#[must_use]
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

/// All files below `folder` with one of `extensions`, without what is built or fetched.
///
/// # Panics
/// When a folder can't be read.
#[must_use]
pub fn files(folder: &str, extensions: &[&str]) -> Vec<SourceFile> {
    let root = root();
    let mut found = Vec::new();
    walk(&root.join(folder), extensions, &mut found);
    found.sort();
    let read = |path: PathBuf| SourceFile {
        path: path
            .strip_prefix(&root)
            .unwrap_or(&path)
            .to_string_lossy()
            .into_owned(),
        text: std::fs::read_to_string(&path).unwrap_or_default(),
    };
    found.into_iter().map(read).collect()
}

fn walk(folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if path.is_dir() && !path.is_symlink() {
            if !matches!(&*name, "target" | "node_modules" | ".git" | "dist") {
                walk(&path, extensions, found);
            }
        } else if extensions.is_empty()
            || extensions
                .iter()
                .any(|end| name.ends_with(&format!(".{end}")))
        {
            found.push(path);
        }
    }
}

/// A file's text, by its path from the root.
///
/// # Panics
/// When it can't be read.
#[must_use]
#[track_caller]
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
