//! The files of one key of a ledger while it is rotated, moved so that a command cut short can be run again.
//!
//! | state | present | next | retired |
//! |---|---|---|---|
//! | at rest | there | - | - |
//! | rotating | there | there | - |
//! | cut short while the next key takes its place | - | there | there |
//! | taken over | there, the new one | - | there |

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::cli::keyfile::KeyInFile;
use crate::cli::keys;

/// Where one key lies.
pub struct Slot {
    /// The key that signs.
    pub present: PathBuf,
    /// The one that is to sign in its place.
    pub next: PathBuf,
    /// The one that signed before, to be destroyed.
    pub retired: PathBuf,
}

impl Slot {
    /// Of the key that is called so in the ledger's folder.
    pub fn of(dir: &Path, present: &str, next: &str, retired: &str) -> Slot {
        let [present, next, retired] =
            [present, next, retired].map(|name| dir.join("keys").join(name));
        Slot {
            present,
            next,
            retired,
        }
    }

    /// Makes the next key. It has its name only once all of it is on disk.
    pub fn make_next<K: KeyInFile>(&self, passphrase: Option<&str>) -> Result<K, Failure> {
        let part = self.next.with_extension("part");
        match std::fs::remove_file(&part) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::file("remove", &part, &error));
            }
            _ => {}
        }
        let key = keys::create(&part, passphrase)?;
        rename(&part, &self.next)?;
        Ok(key)
    }

    /// The file of the next key, or of the present one where the next has taken its place already.
    pub fn newest(&self) -> &Path {
        match self.next.exists() {
            true => &self.next,
            false => &self.present,
        }
    }

    /// Whether a key that was retired at an earlier rotation is in the way of retiring the present one.
    pub fn is_blocked(&self) -> bool {
        self.next.exists() && self.present.exists() && self.retired.exists()
    }

    /// The next key takes the place of the present one, or what of that was not done yet.
    pub fn take_over(&self) -> Result<(), Failure> {
        if !self.next.exists() {
            return Ok(());
        }
        if self.present.exists() {
            rename(&self.present, &self.retired)?;
        }
        rename(&self.next, &self.present)
    }
}

/// Why a rotation cannot begin or end while the key retired before is still there.
pub fn blocked(retired: &Path) -> Failure {
    Failure::new(
        "key-exists",
        format!("{} exists already", retired.display()),
    )
    .next("destroy the keys that were retired before")
}

/// Moves a file for good: it is where it was or where it is to be, also after a power cut.
fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    std::fs::rename(from, to).map_err(|error| Failure::file("rename", from, &error))?;
    let folder = to.parent().unwrap_or(to);
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| Failure::file("sync", folder, &error))
}
