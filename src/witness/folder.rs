//! What a witness remembers, in plain files.
//!
//! | file | what |
//! |---|---|
//! | `lock` | locked by the one process that may cosign with this folder |
//! | `logs/<SHA-256 of the origin, hex>` | the newest checkpoint cosigned: signed by the log, cosigned by this witness. `new` and a line end before the first |
//! | `forks/<SHA-256 of the origin, hex>.refused` | a checkpoint that the log signed and that was refused |
//! | `forks/<SHA-256 of the origin, hex>.cosigned` | the newest checkpoint cosigned when that was refused |
//! | `forks/<SHA-256 of the origin, hex>.custody-fork` | the proof of fork, where the two show one |
//!
//! A file that is not there is not the same as one that says that nothing was cosigned: a witness that forgets could
//! cosign another history. So [`introduce`] writes the file when the witness is told of the log, and nothing else does.
//!
//! A file is replaced whole: written beside (`.new`), synced, renamed, and the folder synced. When
//! [`Folder::keep`] has returned, the checkpoint survives a crash of the process, the system and the power.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::held::Held;
use crate::protocol::hash::Hash;
use crate::protocol::id::Origin;

/// What the file of a log says before the first checkpoint is cosigned.
const NEW: &str = "new\n";

/// The folder of a running witness.
pub struct Folder {
    logs: PathBuf,
    forks: PathBuf,
    /// Held for as long as the process runs; the system lets go of it whatever way that ends.
    _lock: Held,
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

/// What a witness remembers of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remembered {
    /// The newest checkpoint cosigned.
    Newest(String),
    /// Nothing was cosigned yet.
    New,
    /// There is no file: it was lost.
    Lost,
}

/// Notes for good that a witness was told of a log. What is remembered already stays.
pub fn introduce(path: &Path, origin: &Origin) -> Result<(), FolderError> {
    let logs = path.join("logs");
    let file = logs.join(origin_hash(origin));
    let fail = |error| FolderError::File(file.display().to_string(), error);
    std::fs::create_dir_all(&logs).map_err(fail)?;
    let made = OpenOptions::new().write(true).create_new(true).open(&file);
    match made {
        Ok(mut file) => file
            .write_all(NEW.as_bytes())
            .and_then(|()| file.sync_all()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
    .and_then(|()| sync(&logs))
    .and_then(|()| sync(path))
    .map_err(fail)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Writes a file whole beside its place, on disk.
fn write_beside(path: &Path, text: &str) -> io::Result<PathBuf> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(new)
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
        let lock = match Held::alone(lock) {
            Ok(held) => held,
            Err(TryLockError::WouldBlock) => {
                return Err(FolderError::InUse(path.display().to_string()));
            }
            Err(TryLockError::Error(error)) => return Err(fail(&file)(error)),
        };
        sync(path).map_err(fail(path))?;
        let forks = path.join("forks");
        Ok(Folder {
            logs,
            forks,
            _lock: lock,
        })
    }

    /// What is remembered of a log.
    pub fn read(&self, origin: &Origin) -> Result<Remembered, FolderError> {
        let path = self.logs.join(origin_hash(origin));
        match std::fs::read_to_string(&path) {
            Ok(text) if text == NEW => Ok(Remembered::New),
            Ok(note) => Ok(Remembered::Newest(note)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Remembered::Lost),
            Err(error) => Err(FolderError::File(path.display().to_string(), error)),
        }
    }

    /// Keeps a checkpoint as the newest of its log.
    pub fn keep(&self, origin: &Origin, note: &str) -> Result<(), KeepError> {
        let path = self.logs.join(origin_hash(origin));
        let new = write_beside(&path, note).map_err(KeepError::Before)?;
        // The commit point. Before this line the old checkpoint stands; after the sync the new one does.
        std::fs::rename(&new, &path).map_err(KeepError::Unknown)?;
        sync(&self.logs).map_err(KeepError::Unknown)
    }

    /// Keeps a checkpoint that was refused beside the one cosigned, once for each log: two that show a fork, with the
    /// proof, take the place of two that do not. Says whether they were kept now.
    pub fn keep_fork(
        &self,
        origin: &Origin,
        refused: &str,
        cosigned: Option<&str>,
        proof: Option<&str>,
    ) -> io::Result<bool> {
        let path = |kind| self.forks.join(origin_hash(origin)).with_extension(kind);
        let (first, second, third) = (path("refused"), path("cosigned"), path("custody-fork"));
        if third.exists() || (first.exists() && proof.is_none()) {
            return Ok(false);
        }
        std::fs::create_dir_all(&self.forks)?;
        let files = [
            (&second, cosigned.or(Some(NEW))),
            (&first, Some(refused)),
            (&third, proof),
        ];
        for (path, text) in files {
            if let Some(text) = text {
                std::fs::rename(write_beside(path, text)?, path)?;
            }
        }
        sync(&self.forks)?;
        Ok(true)
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
        assert_eq!(folder.read(&origin).unwrap(), Remembered::Lost);
        introduce(home.path(), &origin).unwrap();
        assert_eq!(folder.read(&origin).unwrap(), Remembered::New);
        folder.keep(&origin, "one").unwrap();
        folder.keep(&origin, "two").unwrap();
        drop(folder);
        let folder = Folder::open(home.path()).unwrap();
        introduce(home.path(), &origin).unwrap();
        let newest = Remembered::Newest("two".to_owned());
        assert_eq!(folder.read(&origin).unwrap(), newest);
        // A folder that is gone: nothing is kept, and it says so.
        std::fs::remove_dir_all(home.path().join("logs")).unwrap();
        assert!(matches!(
            folder.keep(&origin, "three"),
            Err(KeepError::Before(_))
        ));
    }

    #[test]
    fn one_fork_for_each_log_and_the_better_proof_stays() {
        let home = tempfile::tempdir().unwrap();
        let origin = Origin::new("log.example").unwrap();
        let folder = Folder::open(home.path()).unwrap();
        let keep = |refused: &str, proof| {
            let cosigned = Some("log.example\n7\nB");
            folder.keep_fork(&origin, refused, cosigned, proof).unwrap()
        };
        assert!(keep("log.example\n9\nA", None));
        assert!(!keep("log.example\n8\nA", None), "the first is kept");
        assert!(
            keep("log.example\n7\nA", Some("proof")),
            "a proof is better"
        );
        assert!(!keep("log.example\n7\nC", Some("another")));
        let name = origin_hash(&origin) + ".refused";
        let kept = std::fs::read_to_string(home.path().join("forks").join(name));
        assert_eq!(kept.unwrap(), "log.example\n7\nA");
        assert_eq!(
            std::fs::read_dir(home.path().join("forks"))
                .unwrap()
                .count(),
            3
        );
    }
}
