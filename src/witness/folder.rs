//! What a witness remembers, in plain files.
//!
//! | file | what |
//! |---|---|
//! | `lock` | locked by the one process that may cosign with this folder |
//! | `logs/<SHA-256 of the origin, hex>` | the newest checkpoint cosigned: signed by the log, cosigned by this witness |
//!
//! A file is replaced whole: written beside (`.new`), synced, renamed, and the folder synced. When
//! [`Folder::keep`] has returned, the checkpoint survives a crash of the process, the system and the power.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::protocol::hash::Hash;
use crate::protocol::id::Origin;

/// The folder of a running witness.
pub struct Folder {
    logs: PathBuf,
    /// Held for as long as the process runs; the system lets go of it whatever way that ends.
    _lock: File,
}

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process has it.
    #[error(
        "{0} is in use by another witness process; two with one key could cosign two histories"
    )]
    InUse(String),
    /// A file.
    #[error("cannot use {0}: {1}")]
    File(String, io::Error),
}

/// Whether a checkpoint that could not be kept may be on disk all the same.
#[derive(Debug)]
pub enum KeepError {
    /// Nothing was changed.
    Before(io::Error),
    /// It may be there, now or after a crash.
    Unknown(io::Error),
}

impl Folder {
    /// Takes the folder for this process.
    pub fn open(path: &Path) -> Result<Folder, FolderError> {
        let fail = |path: &Path| {
            let shown = path.display().to_string();
            move |error| FolderError::File(shown, error)
        };
        let logs = path.join("logs");
        std::fs::create_dir_all(&logs).map_err(fail(&logs))?;
        let file = path.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&file);
        let lock = lock.map_err(fail(&file))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(FolderError::InUse(path.display().to_string()));
            }
            Err(TryLockError::Error(error)) => return Err(fail(&file)(error)),
        }
        File::open(path)
            .and_then(|folder| folder.sync_all())
            .map_err(fail(path))?;
        Ok(Folder { logs, _lock: lock })
    }

    /// The newest checkpoint of a log.
    pub fn read(&self, origin: &Origin) -> Result<Option<String>, FolderError> {
        let path = self.logs.join(origin_hash(origin));
        match std::fs::read_to_string(&path) {
            Ok(note) => Ok(Some(note)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FolderError::File(path.display().to_string(), error)),
        }
    }

    /// Keeps a checkpoint as the newest of its log.
    pub fn keep(&self, origin: &Origin, note: &str) -> Result<(), KeepError> {
        let path = self.logs.join(origin_hash(origin));
        let new = path.with_extension("new");
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(note.as_bytes())?;
            file.sync_all()
        });
        written.map_err(KeepError::Before)?;
        // The commit point. Before this line the old checkpoint stands; after the sync the new one does.
        std::fs::rename(&new, &path).map_err(KeepError::Unknown)?;
        File::open(&self.logs)
            .and_then(|folder| folder.sync_all())
            .map_err(KeepError::Unknown)
    }
}

/// What tlog-witness calls a log by: SHA-256 of its origin, in lower-case hex.
pub fn origin_hash(origin: &Origin) -> String {
    Hash::of(&[origin.as_str().as_bytes()]).to_hex()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_process_and_one_newest_checkpoint() {
        let home = tempfile::tempdir().unwrap();
        let origin = Origin::new("log.example").unwrap();
        let folder = Folder::open(home.path()).unwrap();
        assert!(matches!(
            Folder::open(home.path()),
            Err(FolderError::InUse(_))
        ));
        assert_eq!(folder.read(&origin).unwrap(), None);
        folder.keep(&origin, "one").unwrap();
        folder.keep(&origin, "two").unwrap();
        drop(folder);
        let folder = Folder::open(home.path()).unwrap();
        assert_eq!(folder.read(&origin).unwrap().as_deref(), Some("two"));
        // A folder that is gone: nothing is kept, and it says so.
        std::fs::remove_dir_all(home.path().join("logs")).unwrap();
        assert!(matches!(
            folder.keep(&origin, "three"),
            Err(KeepError::Before(_))
        ));
    }
}
