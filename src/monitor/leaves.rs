//! Leaves of a ledger as its entry bundles hold them.

use crate::protocol::hash::Hash;
use crate::protocol::tree::{EntryIndex, leaf_hash};

/// Leaf hashes of an entry bundle whose first leaf has this index; nothing if it holds what is no leaf of ours.
pub fn read_bundle(mut body: &[u8], first: u64) -> Option<Vec<Hash>> {
    let mut hashes = Vec::new();
    while !body.is_empty() {
        let (length, rest) = body.split_first_chunk::<2>()?;
        let leaf = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
        body = &rest[leaf.len()..];
        let own = EntryIndex(first + hashes.len() as u64);
        let good = match (leaf.first(), leaf.len()) {
            (Some(0x01), 33) => true,
            (Some(0x02), 41) => leaf[1..9] == own.0.to_be_bytes(),
            _ => false,
        };
        hashes.push(good.then(|| leaf_hash(leaf).0)?);
    }
    Some(hashes)
}
