//! Chains with the branches beside them, and who took in what would not have counted.

use super::known::StoreKnown;
use super::reads::parse;
use crate::ledger::state::{Known as _, Record, RecordKey};
use crate::ledger::taken_in;
use crate::protocol::entry::{EntryHash, UnverifiedEntry};
use crate::protocol::id::ChainId;
use crate::protocol::tree::EntryIndex;
use crate::storage::{Store, StoreError, StoredEntry};

/// The `adopted` entry by which an entry counts.
pub fn adoption(known: &StoreKnown<'_>, entry: &UnverifiedEntry) -> Option<EntryHash> {
    let key = RecordKey::Adopted(entry.payload().actor.subject(), entry.hash());
    match known.get(&key)? {
        Record::Fact(by) => Some(by),
        _ => None,
    }
}

/// An entry of the log and its place, by its hash.
pub fn stored_entry(
    store: &dyn Store,
    e: EntryHash,
) -> Result<Option<(EntryIndex, StoredEntry)>, StoreError> {
    let Some(index) = store.index_of(e)? else {
        return Ok(None);
    };
    Ok(store.entry(index)?.map(|stored| (index, stored)))
}

/// An entry, and whether it is of a branch.
pub type Branched = (StoredEntry, UnverifiedEntry, bool);

/// The entries of a chain in order, and behind each that takes in a branch the entries of that.
pub fn with_branches(store: &dyn Store, chain: &ChainId) -> Result<Vec<Branched>, StoreError> {
    let mut all = Vec::new();
    for index in store.chain(chain)? {
        all.extend(with_branch(store, index)?);
    }
    Ok(all)
}

/// An entry of a chain, and behind it the entries of the branch that it takes in, if it does.
pub fn with_branch(store: &dyn Store, index: EntryIndex) -> Result<Vec<Branched>, StoreError> {
    let read = |index: EntryIndex| {
        let stored = store.entry(index)?;
        let stored = stored.ok_or_else(|| StoreError::Corrupt(format!("entry {}", index.0)))?;
        let entry = parse(&stored)?;
        Ok::<_, StoreError>((stored, entry))
    };
    let (stored, entry) = read(index)?;
    let branch = taken_in(&entry).len() as u64;
    let mut all = vec![(stored, entry, false)];
    for at in 1..=branch {
        let (stored, entry) = read(EntryIndex(index.0 + at))?;
        all.push((stored, entry, true));
    }
    Ok(all)
}
