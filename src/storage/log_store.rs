//! A log in the rows of a backend: the [`Store`] trait over any [`Engine`]. `layout.rs` says what the rows hold.

use std::cmp::Ordering;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use super::engine::{Batch, Durability, Engine, Family};
use super::layout::{
    ERASING, FORMAT, MAP_LEAF, chain_key, chain_prefix, digest_key, disclosure_key, entry_value,
    fixed, node_key, number, open_disclosure, utf8,
};
use super::sealed;
use super::store::{Group, NewEntry, Row, Store, StoreError, StoredEntry};
use crate::protocol::entry::EntryHash;
use crate::protocol::hash::Hash;
use crate::protocol::id::{ChainId, Subject};
use crate::protocol::tree::{EntryIndex, NodeId, TreeSize};

/// How to open a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Make a new ledger; one that exists is an error.
    Create,
    /// Open a ledger to write; one that does not exist is an error.
    Write,
    /// Open a stopped ledger to read.
    Read,
}

/// A log in a backend's rows.
pub struct LogStore<E> {
    engine: E,
    grown: (Mutex<()>, Condvar),
}

impl<E: Engine> LogStore<E> {
    /// A log in rows that were just opened: a new one is marked with its format, an old one must bear it.
    pub fn new(engine: E, mode: Mode, shown: &str) -> Result<LogStore<E>, StoreError> {
        match (engine.get(Family::Meta, b"format")?, mode) {
            (None, Mode::Create) => {
                let mut batch = Batch::default();
                batch.put(Family::Meta, *b"format", FORMAT.to_be_bytes());
                engine.write(&batch, Durability::Synced)?;
            }
            (None, _) => return Err(StoreError::NotALedger(shown.to_owned())),
            (Some(_), Mode::Create) => return Err(StoreError::Exists(shown.to_owned())),
            (Some(found), _) => known_format(&found)?,
        }
        Ok(LogStore::over(engine))
    }

    /// A log in rows of which some are gone, the format's perhaps among them: the log says itself whether it is one.
    pub(super) fn salvaged(engine: E) -> Result<LogStore<E>, StoreError> {
        if let Ok(Some(found)) = engine.get(Family::Meta, b"format") {
            known_format(&found)?;
        }
        Ok(LogStore::over(engine))
    }

    fn over(engine: E) -> LogStore<E> {
        LogStore {
            engine,
            grown: Default::default(),
        }
    }

    fn with_prefix(&self, family: Family, prefix: &[u8]) -> Result<Vec<Row>, StoreError> {
        self.engine
            .rows(family, prefix)
            .take_while(|row| {
                row.as_ref()
                    .map_or(true, |(key, _)| key.starts_with(prefix))
            })
            .collect()
    }
}

/// Whether this software reads rows of this format.
fn known_format(found: &[u8]) -> Result<(), StoreError> {
    let found = u32::from_be_bytes(fixed(found, "format version")?);
    let known = FORMAT;
    match found.cmp(&known) {
        Ordering::Greater => Err(StoreError::NewerFormat { found, known }),
        Ordering::Less => Err(StoreError::OlderFormat { found, known }),
        Ordering::Equal => Ok(()),
    }
}

fn add_entry(batch: &mut Batch, index: u64, entry: &NewEntry) -> Result<(), StoreError> {
    let at = index.to_be_bytes();
    let value = [&entry.recorded_at.0.to_be_bytes()[..], entry.jws.as_bytes()].concat();
    batch.put(Family::Entries, at, value);
    batch.put(Family::ByHash, entry.e.0.0, at);
    if let Some((chain, seq)) = &entry.place {
        batch.put(Family::Chains, chain_key(chain, *seq), at);
    }
    for (name, text) in &entry.disclosures {
        let key = disclosure_key(EntryIndex(index), name);
        let (secret, sealed) = sealed::seal(text.as_bytes())
            .ok_or_else(|| StoreError::Io("the system gives no random bytes".to_owned()))?;
        batch.put(Family::Disclosures, key.clone(), sealed);
        batch.put(Family::DisclosureKeys, key, secret);
    }
    Ok(())
}

impl<E: Engine> Store for LogStore<E> {
    fn commit(&self, group: &Group) -> Result<(), StoreError> {
        let size = self.size()?;
        if size != group.expected_size {
            return Err(StoreError::Conflict {
                found: size.0,
                expected: group.expected_size.0,
            });
        }
        let mut batch = Batch::default();
        let mut end = size.0;
        for leaf in &group.leaves {
            batch.put(Family::Leaves, end.to_be_bytes(), leaf.data.as_slice());
            if let Some(entry) = &leaf.entry {
                add_entry(&mut batch, end, entry)?;
            }
            end += 1;
        }
        for (id, hash) in &group.nodes {
            batch.put(Family::Nodes, node_key(*id), hash.0);
        }
        for (key, value) in &group.records {
            batch.put(Family::Records, key.as_slice(), value.as_slice());
        }
        for (digest, exhibit) in &group.digests {
            batch.put(Family::Digests, digest_key(*digest, exhibit), []);
        }
        if let Some(erased) = &group.erased {
            for (index, name) in erased {
                let key = disclosure_key(*index, name);
                batch.delete(Family::Disclosures, key.clone());
                batch.delete(Family::DisclosureKeys, key);
            }
            batch.put(Family::Meta, ERASING, end.to_be_bytes());
        }
        let checkpoint = group.checkpoint.as_bytes();
        batch.put(Family::Checkpoints, end.to_be_bytes(), checkpoint);
        if let Some(published) = &group.published {
            let note = published.note.as_bytes();
            batch.put(Family::Published, end.to_be_bytes(), note);
            for (key, row) in &published.map {
                batch.put(Family::Map, key.as_slice(), row.as_slice());
            }
            let leaf = end.saturating_sub(1);
            batch.put(Family::Map, MAP_LEAF, leaf.to_be_bytes());
        }
        // The commit point. Before this line nothing happened; after it everything did.
        self.engine.write(&batch, Durability::Synced)?;
        if let Some(published) = &group.published {
            // After the row, so that the head never names what the database may still lose.
            self.engine.keep_head(&published.note)?;
        }
        let _held = self.grown.0.lock().expect("no holder of this lock panics");
        self.grown.1.notify_all();
        Ok(())
    }

    fn size(&self) -> Result<TreeSize, StoreError> {
        match self.engine.last(Family::Leaves, &[0xff; 9])? {
            None => Ok(TreeSize(0)),
            Some((key, _)) => Ok(TreeSize(number(&key, "leaves")?.saturating_add(1))),
        }
    }

    fn wait_beyond(&self, size: TreeSize, patience: Duration) -> Result<TreeSize, StoreError> {
        // Held from before the size is read: a commit meanwhile cannot slip its notice past us.
        let held = self.grown.0.lock().expect("no holder of this lock panics");
        let now = self.size()?;
        if now > size {
            return Ok(now);
        }
        let waited = self.grown.1.wait_timeout(held, patience);
        drop(waited.expect("no holder of this lock panics"));
        self.size()
    }

    fn leaf(&self, index: EntryIndex) -> Result<Option<Vec<u8>>, StoreError> {
        self.engine.get(Family::Leaves, &index.0.to_be_bytes())
    }

    fn entry(&self, index: EntryIndex) -> Result<Option<StoredEntry>, StoreError> {
        let at = index.0.to_be_bytes();
        let Some(value) = self.engine.get(Family::Entries, &at)? else {
            return Ok(None);
        };
        let (recorded_at, jws) = entry_value(index, value)?;
        let mut disclosures = Vec::new();
        for (key, sealed) in self.with_prefix(Family::Disclosures, &at)? {
            let Some(secret) = self.engine.get(Family::DisclosureKeys, &key)? else {
                continue;
            };
            disclosures.push(open_disclosure(index, &secret, &sealed)?);
        }
        Ok(Some(StoredEntry {
            index,
            recorded_at,
            jws,
            disclosures,
        }))
    }

    fn index_of(&self, e: EntryHash) -> Result<Option<EntryIndex>, StoreError> {
        let value = self.engine.get(Family::ByHash, &e.0.0)?;
        value
            .map(|value| number(&value, "by_hash").map(EntryIndex))
            .transpose()
    }

    fn chain(&self, chain: &ChainId) -> Result<Vec<EntryIndex>, StoreError> {
        let rows = self.with_prefix(Family::Chains, &chain_prefix(chain))?;
        rows.into_iter()
            .map(|(_, value)| number(&value, "chains").map(EntryIndex))
            .collect()
    }

    fn node(&self, id: NodeId) -> Result<Option<Hash>, StoreError> {
        self.engine
            .get(Family::Nodes, &node_key(id))?
            .map(|value| fixed(&value, "nodes").map(Hash))
            .transpose()
    }

    fn record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.engine.get(Family::Records, key)
    }

    fn checkpoint(&self) -> Result<Option<String>, StoreError> {
        let last = self.engine.last(Family::Checkpoints, &[0xff; 9])?;
        last.map(|(_, note)| utf8(note, "checkpoints")).transpose()
    }

    fn add_signatures(&self, size: TreeSize, note: &str) -> Result<(), StoreError> {
        // The head stays: it may be newer, and its own signatures are enough for it.
        let mut batch = Batch::default();
        batch.put(Family::Published, size.0.to_be_bytes(), note);
        self.engine.write(&batch, Durability::Synced)
    }

    fn published(&self) -> Result<Option<String>, StoreError> {
        let last = self.engine.last(Family::Published, &[0xff; 9])?;
        last.map(|(_, note)| utf8(note, "published")).transpose()
    }

    fn published_around(&self, index: EntryIndex) -> Result<[Option<String>; 2], StoreError> {
        // A tree of `index` leaves is the largest without the entry, one of `index + 1` the smallest with it.
        let before = self
            .engine
            .last(Family::Published, &index.0.to_be_bytes())?;
        let from = (index.0 + 1).to_be_bytes();
        let after = self
            .engine
            .rows(Family::Published, &from)
            .next()
            .transpose()?;
        let note = |row: Option<Row>| row.map(|(_, note)| utf8(note, "published"));
        Ok([note(before).transpose()?, note(after).transpose()?])
    }

    fn exhibits_with(&self, sha256: Hash) -> Result<Vec<Subject>, StoreError> {
        let rows = self.with_prefix(Family::Digests, &sha256.0)?;
        rows.iter()
            .map(|(key, _)| fixed(key.get(32..).unwrap_or(&[]), "digests").map(Subject::from_bytes))
            .collect()
    }

    fn engine(&self) -> &dyn Engine {
        &self.engine
    }
}
