//! Where cargo put the programs: beside the tests' own executable, in a profile's folder.

use std::path::PathBuf;

/// How a program was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// The profile of the tests themselves.
    Same,
    /// For what must be fast.
    Release,
}

/// The executable of one of the workspace's programs.
///
/// # Panics
/// When it was not built, naming the command that builds it.
#[must_use]
pub fn binary(name: &str, profile: Profile) -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its own executable");
    // target/PROFILE/deps/TEST-HASH
    let built = own.ancestors().nth(2).expect("target/PROFILE/deps");
    let folder = match profile {
        Profile::Same => built.to_path_buf(),
        Profile::Release => built.with_file_name("release"),
    };
    let path = folder.join(name);
    let option = match profile {
        Profile::Same => "",
        Profile::Release => " --release",
    };
    assert!(
        path.exists(),
        "{} is missing: build it first by `cargo build --workspace{option}` (`make test` does)",
        path.display()
    );
    path
}
