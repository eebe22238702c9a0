//! Operator channels, and the last good copy of the channels file, in `--state-dir`.
//!
//! A file is only ever replaced whole: written beside, flushed, renamed over the old one, and the
//! folder flushed; only then is a change acknowledged. Whatever moment the power fails at, the file
//! is the old one or the new one. One process at a time owns the folder, by a lock that dies with
//! it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::api::channel::ChannelDocument;
use common::document::Mistake;
use serde::{Deserialize, Serialize};

use super::difference::ChannelSet;
use super::file::read_stored;
use crate::limits::STORE_BYTES_MAX;

/// The shape of the file with the operator channels. A file of another one is not touched.
pub const FORMAT: u32 = 1;

const CHANNELS_FILE: &str = "channels.json";
const LAST_GOOD_FILE: &str = "declared.last-good.yaml";
const LOCK_FILE: &str = "lock";
const PROBE_FILE: &str = "probe";

/// The folder, owned.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// Held, not read: the lock ends with it.
    _lock: File,
}

/// What is written.
#[derive(Serialize)]
struct Stored {
    format: u32,
    channels: Vec<ChannelDocument>,
}

/// The part of a stored file that must be understood first.
#[derive(Deserialize)]
struct StoredFormat {
    format: u32,
}

/// Why the folder can't be used, or a change not be kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot use state folder {folder:?}: {source}")]
    Folder { folder: PathBuf, source: io::Error },
    #[error(
        "state folder {0:?} is in use by another process: give each ingest its own --state-dir"
    )]
    InUse(PathBuf),
    #[error("cannot read {path:?}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {path:?}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "{path:?} is broken: {}; put a backup in its place, or move it away to start without operator channels",
        lines(mistakes)
    )]
    Broken {
        path: PathBuf,
        mistakes: Vec<Mistake>,
    },
    #[error(
        "{path:?} has format {found}, this version knows {FORMAT}: start the version that wrote it, or move it away to start without operator channels"
    )]
    Format { path: PathBuf, found: u32 },
    #[error("the operator channels would take {0} bytes; at most {STORE_BYTES_MAX} are kept")]
    TooLarge(usize),
}

/// A moment in the replacement of a file after which the process may be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Created,
    HalfWritten,
    Written,
    FileFlushed,
    Renamed,
    FolderFlushed,
}

impl Store {
    /// Takes the folder, making it if there is none, and reads the operator channels in it.
    ///
    /// # Errors
    /// When the folder can't be used, another process has it, or the file in it is broken.
    pub fn open(folder: &Path) -> Result<(Self, ChannelSet), StoreError> {
        let wrong = |source| StoreError::Folder {
            folder: folder.to_owned(),
            source,
        };
        make(folder).map_err(wrong)?;
        let mut options = File::options();
        let lock = options.create(true).truncate(false).write(true);
        let lock = lock.open(folder.join(LOCK_FILE)).map_err(wrong)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse(folder.to_owned())),
            Err(TryLockError::Error(source)) => return Err(wrong(source)),
        }
        let store = Self {
            folder: folder.to_owned(),
            _lock: lock,
        };
        let channels = store.load()?;
        Ok((store, channels))
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps the operator channels. Once it returns they survive kill and power failure.
    ///
    /// # Errors
    /// When they could not be written; what was kept before then counts.
    pub fn save(&self, channels: &ChannelSet) -> Result<(), StoreError> {
        let path = self.folder.join(CHANNELS_FILE);
        let bytes = encode(channels)?;
        replace(&path, &bytes, &mut |_| Ok(())).map_err(|source| StoreError::Write { path, source })
    }

    /// Keeps the text of a channels file that is in force.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn save_last_good(&self, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.last_good_path();
        // Each start and each reload comes by here; the disk is spared when nothing is new.
        if fs::read(&path).is_ok_and(|before| before == bytes) {
            return Ok(());
        }
        replace(&path, bytes, &mut |_| Ok(())).map_err(|source| StoreError::Write { path, source })
    }

    /// The text of the last channels file that was in force, if one was.
    ///
    /// # Errors
    /// When it is there and can't be read.
    pub fn last_good(&self) -> Result<Option<Vec<u8>>, StoreError> {
        read_if_there(&self.last_good_path())
    }

    #[must_use]
    pub fn last_good_path(&self) -> PathBuf {
        self.folder.join(LAST_GOOD_FILE)
    }

    /// Whether a file can be made in the folder at this moment.
    ///
    /// # Errors
    /// When none can.
    pub fn probe(&self) -> io::Result<()> {
        let path = self.folder.join(PROBE_FILE);
        fs::write(&path, b"is the folder writable?\n")?;
        fs::remove_file(&path)
    }

    fn load(&self) -> Result<ChannelSet, StoreError> {
        let path = self.folder.join(CHANNELS_FILE);
        match read_if_there(&path)? {
            None => Ok(ChannelSet::new()),
            Some(bytes) => decode(&path, &bytes),
        }
    }
}

/// Makes a folder, with those above it, so that a power failure does not take it away again.
fn make(folder: &Path) -> io::Result<()> {
    let above = |path: &Path| match path.parent() {
        Some(above) if above.as_os_str().is_empty() => PathBuf::from("."),
        Some(above) => above.to_owned(),
        None => path.to_owned(),
    };
    let missing: Vec<PathBuf> = folder
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
        .map(above)
        .collect();
    fs::create_dir_all(folder)?;
    // Each new folder is an entry in the one above it.
    missing
        .iter()
        .try_for_each(|above| File::open(above)?.sync_all())
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

fn encode(channels: &ChannelSet) -> Result<Vec<u8>, StoreError> {
    let stored = Stored {
        format: FORMAT,
        channels: channels.values().map(|one| one.document()).collect(),
    };
    // Texts, numbers and lists: this can't fail.
    let mut bytes = serde_json::to_vec_pretty(&stored).unwrap_or_default();
    bytes.push(b'\n');
    if bytes.len() > STORE_BYTES_MAX {
        return Err(StoreError::TooLarge(bytes.len()));
    }
    Ok(bytes)
}

fn decode(path: &Path, bytes: &[u8]) -> Result<ChannelSet, StoreError> {
    // The format first: of another one nothing else can be said.
    if let Ok(StoredFormat { format }) = serde_json::from_slice(bytes)
        && format != FORMAT
    {
        return Err(StoreError::Format {
            path: path.to_owned(),
            found: format,
        });
    }
    let broken = |mistakes| StoreError::Broken {
        path: path.to_owned(),
        mistakes,
    };
    let channels = read_stored(bytes).map_err(broken)?;
    let channels = channels.into_iter().map(Arc::new);
    Ok(channels.map(|one| (one.id.clone(), one)).collect())
}

/// Replaces a file. `between` is told each moment; its error ends the work there, as a kill would.
pub(super) fn replace(
    path: &Path,
    bytes: &[u8],
    between: &mut dyn FnMut(Moment) -> io::Result<()>,
) -> io::Result<()> {
    // The name is always the same: what an interrupted run left is overwritten, not gathered.
    let beside = path.with_added_extension("new");
    let mut file = File::create(&beside)?;
    between(Moment::Created)?;
    let (first, second) = bytes.split_at(bytes.len() / 2);
    file.write_all(first)?;
    between(Moment::HalfWritten)?;
    file.write_all(second)?;
    between(Moment::Written)?;
    file.sync_all()?;
    between(Moment::FileFlushed)?;
    fs::rename(&beside, path)?;
    between(Moment::Renamed)?;
    // The rename itself lives in the folder (open(2), fsync(2): "a fsync() on the directory").
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()?;
    between(Moment::FolderFlushed)
}

fn lines(mistakes: &[Mistake]) -> String {
    let texts: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

#[cfg(test)]
mod tests;
