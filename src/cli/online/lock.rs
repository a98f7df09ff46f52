//! One command at a time at a file. The operating system lets go of a lock when its command ends, however it ends.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::held::Held;

/// Locks an open file, or says that another command has it.
pub fn take(file: File, path: &Path) -> Result<Held, Failure> {
    Held::alone(file).map_err(|error| match error {
        TryLockError::WouldBlock => Failure::new(
            "in-use",
            format!("{} is in use by another command", path.display()),
        )
        .next("wait until that has ended, then run this again"),
        TryLockError::Error(error) => Failure::file("lock", path, &error),
    })
}

/// A lock on a file that is replaced when it is written: it lies beside it, as `FILE.lock`, empty.
#[derive(Debug)]
pub struct Lock {
    _held: Held,
}

impl Lock {
    /// Locks, or says that another command has it.
    pub fn take(path: &Path) -> Result<Lock, Failure> {
        let (file, path) = open(path)?;
        let held = take(file, &path)?;
        Ok(Lock { _held: held })
    }

    /// Locks as soon as the other commands have let go.
    pub fn wait(path: &Path) -> Result<Lock, Failure> {
        let (file, path) = open(path)?;
        let held = Held::in_turn(file).map_err(|error| Failure::file("lock", &path, &error))?;
        Ok(Lock { _held: held })
    }
}

fn open(path: &Path) -> Result<(File, PathBuf), Failure> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let beside = PathBuf::from(beside);
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&beside)
        .map_err(|error| Failure::file("lock", &beside, &error))?;
    Ok((file, beside))
}
