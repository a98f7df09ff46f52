//! Auditing a stopped ledger's folder: everything stored is read and checked again.

use std::path::Path;

use crate::ledger::Rules;
use crate::ledger::state::{Record, RecordKey};
use crate::protocol::tree::{EntryIndex, NodeId};
use crate::storage::{Family, Mode, RocksStore, Store, StoreError};
use crate::verify::Finding;
use crate::verify::audit::{Audit, AuditLeaf};

/// Recomputes the ledger in `folder`, which no service may have open for writing meanwhile.
pub fn audit(folder: &Path) -> Result<Vec<Finding>, StoreError> {
    let store = RocksStore::open(&folder.join("db"), Mode::Read)?;
    audit_store(&store)
}

/// Recomputes a ledger that nobody writes meanwhile.
pub(super) fn audit_store(store: &dyn Store) -> Result<Vec<Finding>, StoreError> {
    let mut audit = Audit::new(Rules::embedded());
    let size = store.size()?.0;
    for index in 0..size {
        let at = EntryIndex(index);
        let place = format!("entry {index}");
        match read(store, at) {
            Ok(Some(leaf)) => audit.step(&leaf),
            Ok(None) => audit.unreadable(&place, "It is not stored."),
            Err(error) => audit.unreadable(&place, &error.to_string()),
        }
    }
    for note in [store.checkpoint()?, store.published()?]
        .into_iter()
        .flatten()
    {
        audit.checkpoint(&note);
    }
    let keys: Vec<RecordKey> = audit
        .state()
        .records()
        .map(|(key, _)| key.clone())
        .collect();
    for key in &keys {
        let stored = store.record(&key.to_bytes())?;
        let stored = stored.and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
        audit.record(key, stored.as_ref());
    }
    if store.engine().rows(Family::Records, b"").count() != keys.len() {
        audit.unreadable("records", "There are records that no entry gives.");
    }
    let mut width = size;
    for level in 0.. {
        for index in 0..width {
            let id = NodeId { level, index };
            audit.node(id, store.node(id)?);
        }
        width /= 2;
        if width == 0 {
            break;
        }
    }
    Ok(audit.finish())
}

fn read(store: &dyn Store, at: EntryIndex) -> Result<Option<AuditLeaf>, StoreError> {
    let (Some(data), Some(stored)) = (store.leaf(at)?, store.entry(at)?) else {
        return Ok(None);
    };
    Ok(Some(AuditLeaf {
        recorded_at: stored.recorded_at,
        data,
        jws: stored.jws,
        disclosures: stored.disclosures,
    }))
}
