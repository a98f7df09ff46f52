//! A file held against other processes.
//!
//! The operating system lets go when a process ends, however it ends. We let go by ourselves when a [`Held`] is
//! dropped: closing the file is not enough while a child process that is just being started has it open too.

use std::fs::{File, TryLockError};
#[cfg(feature = "service")]
use std::io;
use std::ops::{Deref, DerefMut};

/// An open file, held until it is dropped.
#[derive(Debug)]
pub struct Held(File);

impl Held {
    /// Holds it against everyone, or fails at once.
    pub fn alone(file: File) -> Result<Held, TryLockError> {
        file.try_lock().map(|()| Held(file))
    }

    /// Holds it against whoever wants it alone, or fails at once.
    #[cfg(feature = "service")]
    pub fn shared(file: File) -> Result<Held, TryLockError> {
        file.try_lock_shared().map(|()| Held(file))
    }

    /// Holds it against everyone, as soon as the others have let go.
    #[cfg(feature = "service")]
    pub fn in_turn(file: File) -> io::Result<Held> {
        file.lock().map(|()| Held(file))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Where this fails, closing the file is what is left.
        let _ = self.0.unlock();
    }
}

impl Deref for Held {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut File {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_free_again_though_a_child_still_has_it_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = Held::alone(File::create(&path).unwrap()).unwrap();
        // What a child has between its start and its program: the same open file.
        let inherited = held.try_clone().unwrap();
        let refused = Held::shared(File::open(&path).unwrap());
        assert!(matches!(refused, Err(TryLockError::WouldBlock)));
        drop(held);
        Held::alone(File::open(&path).unwrap()).unwrap();
        drop(inherited);
    }
}
