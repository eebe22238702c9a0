//! Directories made ready for an ingest that runs as another user.
//!
//! A hostPath that kubelet made belongs to root, 0755, and `fsGroup` does not touch it. Root without
//! a capability may give what it owns to a group that it is in, and nothing else: that is enough.

use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Owner and group may do all, others nothing; what is made inside gets the directory's group.
const MODE: u32 = 0o2770;

/// The bits of a mode that are permissions.
const MODE_BITS: u32 = 0o7777;

/// Directories, and the group that shall write in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preparation {
    pub dirs: Vec<PathBuf>,
    pub gid: u32,
}

/// Why a directory is not ready.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error("cannot make {}", dir.display())]
    Make { dir: PathBuf, source: io::Error },
    #[error("cannot open {}", dir.display())]
    Open { dir: PathBuf, source: io::Error },
    #[error("{} is no directory", dir.display())]
    NoDirectory { dir: PathBuf },
    #[error(
        "cannot give {} to group {gid}: run as its owner (uid {owner}) and with {gid} among the groups",
        dir.display()
    )]
    Give {
        dir: PathBuf,
        gid: u32,
        owner: u32,
        source: io::Error,
    },
    #[error("{} has mode {mode:o} and group {found}, not {MODE:o} and {gid}", dir.display())]
    NotKept {
        dir: PathBuf,
        gid: u32,
        found: u32,
        mode: u32,
    },
}

impl Preparation {
    /// # Errors
    /// With the first directory that can't be made ready.
    pub fn run(self) -> Result<(), PrepareError> {
        self.dirs.iter().try_for_each(|dir| prepare(dir, self.gid))
    }
}

fn prepare(dir: &Path, gid: u32) -> Result<(), PrepareError> {
    let path = || dir.to_path_buf();
    if !dir.exists() {
        let made = DirBuilder::new().mode(MODE).create(dir);
        made.map_err(|source| PrepareError::Make {
            dir: path(),
            source,
        })?;
    }
    let opened = |source| PrepareError::Open {
        dir: path(),
        source,
    };
    // By its descriptor, so that what is judged is what is changed.
    let folder = File::open(dir).map_err(opened)?;
    let before = folder.metadata().map_err(opened)?;
    if !before.is_dir() {
        return Err(PrepareError::NoDirectory { dir: path() });
    }
    let ready = |mode: u32, group: u32| mode & MODE_BITS == MODE && group == gid;
    if ready(before.mode(), before.gid()) {
        return Ok(());
    }
    let given = fchown(&folder, None, Some(gid))
        .and_then(|()| folder.set_permissions(Permissions::from_mode(MODE)));
    given.map_err(|source| PrepareError::Give {
        dir: path(),
        gid,
        owner: before.uid(),
        source,
    })?;
    // chmod(2): without a word the kernel drops the group bit for who is not in the group.
    let after = folder.metadata().map_err(opened)?;
    if ready(after.mode(), after.gid()) {
        return Ok(());
    }
    Err(PrepareError::NotKept {
        dir: path(),
        gid,
        found: after.gid(),
        mode: after.mode() & MODE_BITS,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own_group() -> u32 {
        rustix::process::getegid().as_raw()
    }

    #[test]
    fn a_directory_becomes_the_groups_and_stays_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let there = folder.path().join("there");
        std::fs::create_dir(&there).expect("a folder");
        std::fs::set_permissions(&there, Permissions::from_mode(0o755)).expect("a mode");
        let missing = folder.path().join("missing");
        let gid = own_group();
        for _ in 0..2 {
            let dirs = vec![there.clone(), missing.clone()];
            Preparation { dirs, gid }.run().expect("they are ready");
            for dir in [&there, &missing] {
                let found = dir.metadata().expect("it is there");
                assert_eq!(found.mode() & MODE_BITS, MODE);
                assert_eq!(found.gid(), gid);
            }
        }
    }

    #[test]
    fn a_file_and_a_place_that_is_nowhere_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "").expect("a file");
        let gid = own_group();
        let refused = |dir: PathBuf| {
            let dirs = vec![dir];
            let error = Preparation { dirs, gid }.run().expect_err("refused");
            common::chain(&error)
        };
        let told = refused(file.clone());
        assert_eq!(told, format!("{} is no directory", file.display()));
        let told = refused(folder.path().join("no/where"));
        assert!(told.starts_with("cannot make "), "{told}");
    }
}
