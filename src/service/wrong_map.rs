//! Where a stopped ledger's map is wrong, and the proof of it.

use std::path::Path;

use super::auditors::place;
use super::known::StoreKnown;
use super::nearest::size_of;
use crate::protocol::tree::{self, EntryIndex};
use crate::storage::{Mode, RocksStore, Store, StoreError};
use crate::verify::map_audit::{MapAudit, Recomputed};
use crate::verify::map_fault::{Shown, Stretch};

/// What came of looking for it.
#[derive(Debug)]
pub enum WrongMap {
    /// The map is right, wherever the log commits to one.
    Nowhere,
    /// It is not, or an entry does not stand where it can; the proof.
    Shown(Box<Shown>),
    /// Something is wrong, and what is stored does not show that the log signed it.
    NotShown(String),
}

/// Recomputes the map of the ledger in `folder`, which no service may have open meanwhile, up to the first place where
/// something is wrong.
pub fn wrong_map(folder: &Path) -> Result<WrongMap, StoreError> {
    let store = RocksStore::open(&folder.join("db"), Mode::Read)?;
    let mut audit = MapAudit::resume(Recomputed::default());
    for index in 0..store.size()?.0 {
        let place = place(&store, EntryIndex(index))?;
        if let Err(wrong) = audit.take(&place) {
            return match audit.wrong() {
                Some(stretch) => prove(&store, stretch),
                None => Ok(WrongMap::NotShown(wrong.to_string())),
            };
        }
    }
    Ok(WrongMap::Nowhere)
}

/// Under the first published checkpoint that covers it, or the newest of all.
fn prove(store: &dyn Store, stretch: &Stretch) -> Result<WrongMap, StoreError> {
    let end = stretch.end();
    let known = StoreKnown::new(store);
    let keys = known.log_keys()?;
    let [_, published] = store.published_around(EntryIndex(end.0 - 1))?;
    let note = match published {
        Some(note) => Some(note),
        None => store.checkpoint()?,
    };
    let Some(note) = note else {
        return Ok(WrongMap::NotShown("no checkpoint covers it".to_owned()));
    };
    let size = size_of(&note)?;
    if size < end {
        return Ok(WrongMap::NotShown("no checkpoint covers it".to_owned()));
    }
    let proof = tree::prove_consistency(end, size, &known)?;
    known.check()?;
    Ok(match stretch.signed(&note, &keys, proof) {
        Ok(shown) => WrongMap::Shown(Box::new(shown)),
        Err(why) => WrongMap::NotShown(why.to_string()),
    })
}
