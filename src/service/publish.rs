//! Published checkpoints and receipts: what the log says about itself.

use super::folder::Identity;
use super::known::StoreKnown;
use super::writer::Written;
use crate::protocol::checkpoint::{self, Checkpoint};
use crate::protocol::entry::EntryHash;
use crate::protocol::receipt::Receipt;
use crate::protocol::time::LogTime;
use crate::protocol::tree::{self, EntryIndex, TreeSize};
use crate::storage::{Store, StoreError};

/// A commit's checkpoint with every signature of the log: what is published.
pub(super) fn published_note(identity: &Identity, checkpoint: &Checkpoint, signed: &str) -> String {
    format!("{signed}{}", identity.sign_post_quantum(checkpoint))
}

/// The receipt of an entry under the newest checkpoint that witnesses have seen, if it covers the entry, else under
/// the newest of all.
pub fn receipt(
    store: &dyn Store,
    identity: &Identity,
    witnessed: TreeSize,
    index: EntryIndex,
    recorded_at: LogTime,
    e: EntryHash,
) -> Result<Receipt, StoreError> {
    let missing = || StoreError::Corrupt("checkpoints: none for a log with entries".to_owned());
    let is_witnessed = index.0 < witnessed.0;
    let (size, checkpoint) = match is_witnessed {
        true => {
            let [_, at] = store.published_around(EntryIndex(witnessed.0 - 1))?;
            (witnessed, at.ok_or_else(missing)?)
        }
        false => {
            let newest = store.checkpoint()?.ok_or_else(missing)?;
            let (opened, _) =
                checkpoint::open(&newest, &identity.log_vkey()).map_err(|_| missing())?;
            (opened.size, newest)
        }
    };
    let proof = tree::prove_inclusion(index, size, &StoreKnown::new(store))?;
    Ok(Receipt {
        ledger: identity.origin.clone(),
        index,
        recorded_at,
        e,
        checkpoint,
        proof,
        witnessed: is_witnessed,
    })
}

/// The receipt of an entry just written, under the checkpoint of its group.
pub(super) fn receipt_under(
    store: &dyn Store,
    identity: &Identity,
    written: &Written,
) -> Result<Receipt, StoreError> {
    let head = &written.head;
    let proof = tree::prove_inclusion(written.index, head.size, &StoreKnown::new(store))?;
    Ok(Receipt {
        ledger: identity.origin.clone(),
        index: written.index,
        recorded_at: written.recorded_at,
        e: written.e,
        checkpoint: head.checkpoint.clone(),
        proof,
        witnessed: false,
    })
}
