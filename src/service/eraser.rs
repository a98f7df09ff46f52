//! Erasure on disk: what an entry had erased by law is destroyed in every place where the service keeps it.
//!
//! The commit that records an erasure deletes the texts and their keys from the rows and moves the mark [`ERASING`].
//! Here follows what takes longer: rows of the index of references, files, frozen copies, and the files of the
//! database itself, in which deleted rows stay until they are written anew. When all of it is done the mark
//! [`ERASED`] moves too. A service that starts with the marks apart does it first.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::known::StoreKnown;
use super::say::say;
use super::search::Search;
use crate::ledger::RecordKey;
use crate::ledger::erasure::is_erased_file;
use crate::protocol::hash::Hash;
use crate::protocol::tree::{EntryIndex, TreeSize};
use crate::storage::layout::{ERASED, ERASING};
use crate::storage::{Batch, BlobFolder, Durability, Engine, Family, Store, StoreError, layout};

/// How long it sleeps when nobody wakes it; bounds how long a stop takes.
const IDLE: Duration = Duration::from_millis(250);

/// Destroys what was erased.
pub struct Eraser {
    store: Arc<dyn Store>,
    blobs: Arc<BlobFolder>,
    search: Arc<Search>,
    /// Held by an audit while it reads a frozen copy.
    audits: Arc<tokio::sync::Semaphore>,
}

impl Eraser {
    /// For a ledger.
    pub fn new(
        store: Arc<dyn Store>,
        blobs: Arc<BlobFolder>,
        search: Arc<Search>,
        audits: Arc<tokio::sync::Semaphore>,
    ) -> Eraser {
        Eraser {
            store,
            blobs,
            search,
            audits,
        }
    }

    /// Follows the log while it is told to; what was recorded before it is told to stop is done before it ends.
    pub fn follow(&self, following: &AtomicBool) {
        let mut size = TreeSize(0);
        let mut said = false;
        loop {
            let last = !following.load(Ordering::SeqCst);
            match self.catch_up() {
                Ok(()) => said = false,
                Err(error) if !said => {
                    said = true;
                    say(format_args!(
                        "what was erased by law is not destroyed yet: {error}; the service goes on trying"
                    ));
                }
                Err(_) => {}
            }
            if last {
                return;
            }
            size = self.store.wait_beyond(size, IDLE).unwrap_or(size);
        }
    }

    /// Destroys what is to be destroyed, if anything is.
    pub fn catch_up(&self) -> Result<(), StoreError> {
        let Some(upto) = pending(self.store.engine())? else {
            return Ok(());
        };
        // A frozen copy holds what it froze. One audit at a time has one; the next waits for this.
        let Ok(_place) = self.audits.try_acquire() else {
            return Ok(()); // asked again in a moment
        };
        self.search.forget(&self.erased_entries()?)?;
        for file in self.erased_files()? {
            let erased = self.blobs.erase(file);
            erased.map_err(|error| StoreError::Io(error.to_string()))?;
        }
        self.store.engine().destroy_deleted()?;
        let mut batch = Batch::default();
        batch.put(Family::Meta, ERASED, upto.to_be_bytes());
        self.store.engine().write(&batch, Durability::Synced)?;
        say(format_args!(
            "what was erased by law up to entry {} is destroyed in this folder; copies of it made before are not",
            upto.saturating_sub(1)
        ));
        Ok(())
    }

    fn erased_entries(&self) -> Result<BTreeSet<EntryIndex>, StoreError> {
        let mut entries = BTreeSet::new();
        for key in self.records(b"Z")? {
            if let Some(RecordKey::Erased(e)) = RecordKey::from_bytes(&key) {
                entries.extend(self.store.index_of(e)?);
            }
        }
        Ok(entries)
    }

    fn erased_files(&self) -> Result<Vec<Hash>, StoreError> {
        let keys = self.records(b"Y")?;
        let files = keys.iter().filter_map(|key| RecordKey::from_bytes(key));
        Ok(files
            .filter_map(|key| match key {
                RecordKey::ErasedFile(sha256) => Some(sha256),
                _ => None,
            })
            .collect())
    }

    fn records(&self, letter: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut keys = Vec::new();
        for row in self.store.engine().rows(Family::Records, letter) {
            let (key, _) = row?;
            if !key.starts_with(letter) {
                break;
            }
            keys.push(key);
        }
        Ok(keys)
    }
}

/// Whether a file was erased by law.
pub fn is_erased(store: &dyn Store, sha256: Hash) -> Result<bool, StoreError> {
    let known = StoreKnown::new(store);
    let erased = is_erased_file(&known, sha256);
    known.check()?;
    Ok(erased)
}

/// The size of the log up to which something is to be destroyed, if anything is.
pub fn pending(engine: &dyn Engine) -> Result<Option<u64>, StoreError> {
    let mark = |key| match engine.get(Family::Meta, key)? {
        Some(value) => layout::number(&value, "meta"),
        None => Ok(0),
    };
    let (erasing, erased) = (mark(ERASING)?, mark(ERASED)?);
    Ok((erasing > erased).then_some(erasing))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::sync::Semaphore;

    use super::super::faults::Bench;
    use super::*;
    use crate::storage::Mode;

    #[test]
    fn it_waits_for_an_audit_that_reads_a_frozen_copy_and_is_asked_until_it_is_done() {
        let store: Arc<dyn Store> = Arc::new(Bench::new().disk.open(Mode::Write).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let audits = Arc::new(Semaphore::new(1));
        let eraser = Eraser::new(
            Arc::clone(&store),
            Arc::new(BlobFolder::open(folder.path()).unwrap()),
            Arc::new(Search::new(Arc::clone(&store))),
            Arc::clone(&audits),
        );
        let mut batch = Batch::default();
        batch.put(Family::Meta, ERASING, 3u64.to_be_bytes());
        store.engine().write(&batch, Durability::Synced).unwrap();
        let audit = audits.try_acquire().unwrap();
        eraser.catch_up().unwrap();
        assert_eq!(pending(store.engine()).unwrap(), Some(3));
        drop(audit);
        eraser.catch_up().unwrap();
        assert_eq!(pending(store.engine()).unwrap(), None);
        eraser.catch_up().unwrap();
    }
}
