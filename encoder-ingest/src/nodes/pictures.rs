//! The newest picture of each channel, for who asks.
//!
//! There are as many as snapshots are wanted, of a bounded size each; one goes with its job.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;

use super::jpeg::{self, NotJpeg};

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub bytes: Bytes,
    /// When it came.
    pub at: SystemTime,
    /// Another one for another picture.
    pub tag: String,
}

/// By job.
#[derive(Debug, Default)]
pub struct Pictures {
    newest: Mutex<BTreeMap<String, Arc<Picture>>>,
}

impl Pictures {
    /// Takes a picture.
    ///
    /// # Errors
    /// When it is none.
    pub fn put(&self, job: &str, epoch: u64, bytes: Bytes, at: SystemTime) -> Result<(), NotJpeg> {
        jpeg::check(&bytes)?;
        let unix_ms = at
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_millis());
        let picture = Picture {
            tag: format!("\"{epoch:x}-{unix_ms:x}-{:x}\"", bytes.len()),
            bytes,
            at,
        };
        self.lock().insert(job.to_owned(), Arc::new(picture));
        Ok(())
    }

    #[must_use]
    pub fn newest(&self, job: &str) -> Option<Arc<Picture>> {
        self.lock().get(job).cloned()
    }

    /// Forgets those of jobs that are not wanted any more.
    pub fn keep(&self, wanted: impl Fn(&str) -> bool) {
        self.lock().retain(|job, _| wanted(job));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Picture>>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_kept_for_as_long_as_it_is_wanted() {
        let pictures = Pictures::default();
        let at = |ms| SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(ms);
        let bytes = |width| Bytes::from(jpeg::tests::picture(width, 90));
        pictures
            .put("a.snapshot", 1, bytes(160), at(1))
            .expect("a picture");
        let first = pictures.newest("a.snapshot").expect("kept");
        pictures
            .put("a.snapshot", 1, bytes(161), at(2))
            .expect("a picture");
        let second = pictures.newest("a.snapshot").expect("kept");
        assert_ne!(first.tag, second.tag);
        assert!(
            pictures
                .put("a.snapshot", 1, Bytes::from("GIF89a"), at(3))
                .is_err()
        );
        assert_eq!(pictures.newest("a.snapshot"), Some(second));
        pictures.keep(|job| job != "a.snapshot");
        assert_eq!(pictures.newest("a.snapshot"), None);
    }
}
