//! The sparse Merkle map from chain to (length, head), for completeness. The bytes are fixed now; the
//! service commits to map roots from a later version on.
//!
//! ```text
//! key      = SHA-256( "custodes/map/v1"       || 0x00 || 16 subject bytes || ASCII strand )
//! value    = SHA-256( "custodes/map-value/v1" || 0x00 || key || u64be(n) || a[n-1] )
//! node     = SHA-256( "custodes/map-node/v1"  || 0x00 || left || right )
//! empty    : E[256] = SHA-256( "custodes/map-empty/v1" || 0x00 ),   E[d] = node(E[d+1], E[d+1])
//! ```
//!
//! Depth 0 is the root, depth 256 the values. Bit `d` of the key, the most significant bit of the first
//! byte being bit 0, says left (0) or right (1) at depth `d`. A chain without entries is an empty place.

use super::hash::Hash;
use super::id::ChainId;
use super::leaf::ChainHead;

/// Levels between root and values.
pub const DEPTH: usize = 256;

/// The place of a chain in the map.
pub fn key(chain: &ChainId) -> Hash {
    Hash::of(&[
        b"custodes/map/v1\0",
        &chain.subject.to_bytes(),
        chain.strand.as_str().as_bytes(),
    ])
}

/// The value at `key` for a chain of `length` entries, at least one, with this head.
pub fn value(key: Hash, length: u64, head: ChainHead) -> Hash {
    Hash::of(&[
        b"custodes/map-value/v1\0",
        &key.0,
        &length.to_be_bytes(),
        &head.0.0,
    ])
}

/// An inner node.
pub fn node(left: Hash, right: Hash) -> Hash {
    Hash::of(&[b"custodes/map-node/v1\0", &left.0, &right.0])
}

/// Hashes of empty subtrees, by depth: `[0]` is the root of an empty map, `[256]` an empty value.
pub fn empty_subtrees() -> Vec<Hash> {
    let mut hashes = vec![Hash::of(&[b"custodes/map-empty/v1\0"]); DEPTH + 1];
    for depth in (0..DEPTH).rev() {
        hashes[depth] = node(hashes[depth + 1], hashes[depth + 1]);
    }
    hashes
}

/// The root that `value` at `key` gives with these siblings, the topmost first.
///
/// Returns nothing unless there are exactly [`DEPTH`] siblings.
pub fn root_from(key: Hash, value: Hash, siblings: &[Hash]) -> Option<Hash> {
    if siblings.len() != DEPTH {
        return None;
    }
    let mut hash = value;
    for depth in (0..DEPTH).rev() {
        let right = key.0[depth / 8] >> (7 - depth % 8) & 1 == 1;
        hash = if right {
            node(siblings[depth], hash)
        } else {
            node(hash, siblings[depth])
        };
    }
    Some(hash)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::protocol::id::{Strand, Subject};

    #[test]
    fn one_chain_among_empty_places() {
        let empty = empty_subtrees();
        let chain = ChainId {
            subject: Subject::from_bytes([7; 16]),
            strand: Strand::Custody,
        };
        let key = key(&chain);
        let value = value(key, 3, ChainHead(Hash([9; 32])));
        let root = root_from(key, value, &empty[1..]).unwrap();
        assert_ne!(root, empty[0]);
        assert_eq!(root_from(key, empty[DEPTH], &empty[1..]), Some(empty[0]));
        assert_eq!(root_from(key, value, &empty), None);
    }
}
