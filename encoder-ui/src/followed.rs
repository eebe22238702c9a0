//! Files that are read again while the program runs: what they hold now takes the place of what they
//! held.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use common::shutdown::Shutdown;
use tokio::time::{MissedTickBehavior, interval};

use crate::limits::FILE_LOOK_PERIOD;

/// A file, and what it held when it was opened.
pub struct FollowedFile {
    path: PathBuf,
    bytes_max: usize,
    opened: Vec<u8>,
}

impl std::fmt::Debug for FollowedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never what it holds.
        f.debug_tuple("FollowedFile").field(&self.path).finish()
    }
}

impl FollowedFile {
    /// Reads it for the first time. Of one that is longer than `bytes_max` one byte more is read, so
    /// that whoever judges it can tell.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn open(path: &Path, bytes_max: usize) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            bytes_max,
            opened: read(path, bytes_max)?,
        })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it held when it was opened.
    #[must_use]
    pub fn opened(&self) -> &[u8] {
        &self.opened
    }

    /// Hands each new content to `judge`, until the end. The content is compared, so a Secret's
    /// symlink swap and an edit within the clock's grain are seen alike; it counts once it was found
    /// twice, so that a file which is just being written is not taken for a wrong one.
    pub async fn follow(
        &self,
        mut shutdown: Shutdown,
        mut judge: impl FnMut(io::Result<Vec<u8>>) + Send,
    ) {
        let mut turn = interval(FILE_LOOK_PERIOD);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut judged = Some(self.opened.clone());
        let mut fresh = None;
        loop {
            tokio::select! {
                _ = turn.tick() => {}
                () = shutdown.requested() => return,
            }
            let found = read(&self.path, self.bytes_max);
            let content = found.as_ref().ok().cloned();
            if content == judged {
                fresh = None;
            } else if fresh.as_ref() == Some(&content) {
                judged = content;
                fresh = None;
                judge(found);
            } else {
                fresh = Some(content);
            }
        }
    }
}

fn read(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}
