//! What operators hold and have seen (pins and acknowledgements), in `--state-dir`, so that it
//! outlives the process.
//!
//! It is no part of a definition, and worth less than one: a file that can't be read is said and
//! left behind, and never keeps the ingest from starting. Written as the operator channels are.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use common::api::channel::{Acknowledgement, InputDocument};
use serde::{Deserialize, Serialize};

use super::store::{StoreError, replace};
use crate::limits::CARE_BYTES_MAX;

/// The shape of the file. One of another shape is left behind.
const FORMAT: u32 = 1;

const FILE: &str = "care.json";

/// By channel id.
pub type CareByChannel = BTreeMap<String, ChannelCare>;

/// What operators hold of one channel.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChannelCare {
    /// The input itself, not its place: the definition may have changed meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<InputDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledgement>,
}

/// The file, and what it holds.
#[derive(Debug)]
pub struct CareFile {
    path: PathBuf,
    written: Option<CareByChannel>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    channels: CareByChannel,
}

impl CareFile {
    /// The file in a state folder, and what was kept in it.
    #[must_use]
    pub fn open(folder: &Path) -> (Self, CareByChannel) {
        let path = folder.join(FILE);
        let kept = read(&path).unwrap_or_else(|error| {
            let path = path.display();
            tracing::warn!(%path, "pins and acknowledgements are lost: {error}");
            None
        });
        let file = Self {
            path,
            written: kept.clone(),
        };
        (file, kept.unwrap_or_default())
    }

    /// Keeps what there is now; the disk is spared when that is what is kept already.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn save(&mut self, channels: CareByChannel) -> Result<(), StoreError> {
        let before = self.written.as_ref();
        if before.map_or(channels.is_empty(), |before| *before == channels) {
            return Ok(());
        }
        let stored = Stored {
            format: FORMAT,
            channels,
        };
        // Texts and maps: this can't fail.
        let mut bytes = serde_json::to_vec_pretty(&stored).unwrap_or_default();
        bytes.push(b'\n');
        let path = &self.path;
        replace(path, &bytes, &mut |_| Ok(())).map_err(|source| StoreError::Write {
            path: path.clone(),
            source,
        })?;
        self.written = Some(stored.channels);
        Ok(())
    }
}

/// None: there is no file.
fn read(path: &Path) -> Result<Option<CareByChannel>, String> {
    let file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| error.to_string())?,
    };
    let mut bytes = Vec::new();
    let read = file.take(CARE_BYTES_MAX + 1).read_to_end(&mut bytes);
    if read.map_err(|error| error.to_string())? as u64 > CARE_BYTES_MAX {
        return Err(format!("more than {CARE_BYTES_MAX} bytes"));
    }
    let stored: Stored = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if stored.format != FORMAT {
        return Err(format!("format {}, not {FORMAT}", stored.format));
    }
    Ok(Some(stored.channels))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn care() -> CareByChannel {
        let pinned = InputDocument {
            url: "udp://239.1.1.2:5000".to_owned(),
            interface: None,
        };
        let care = ChannelCare {
            pinned: Some(pinned),
            acknowledged: None,
        };
        CareByChannel::from([("news".to_owned(), care)])
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let folder = tempfile::tempdir().expect("folder");
        let (mut file, kept) = CareFile::open(folder.path());
        assert!(kept.is_empty());
        file.save(CareByChannel::new()).expect("nothing to keep");
        assert!(!folder.path().join(FILE).exists());
        file.save(care()).expect("kept");
        let (mut file, kept) = CareFile::open(folder.path());
        assert_eq!(kept, care());
        file.save(CareByChannel::new()).expect("kept");
        assert!(CareFile::open(folder.path()).1.is_empty());
    }

    #[test]
    fn a_broken_file_is_left_behind() {
        let folder = tempfile::tempdir().expect("folder");
        let size = usize::try_from(CARE_BYTES_MAX).expect("a size") + 1;
        for wrong in ["{", "{\"format\":2,\"channels\":{}}", &" ".repeat(size)] {
            std::fs::write(folder.path().join(FILE), wrong).expect("written");
            let (mut file, kept) = CareFile::open(folder.path());
            assert!(kept.is_empty());
            file.save(care()).expect("kept");
            assert_eq!(CareFile::open(folder.path()).1, care());
        }
    }
}
