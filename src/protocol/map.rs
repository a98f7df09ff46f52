//! The sparse Merkle map from chain to (length, head): what shows that a chain has no further entry.
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
//!
//! A path shows one place: of the 256 siblings on the way down those that are not empty, and which these are. It
//! tells nothing of other chains: a sibling is a hash over keys, each of which hides a subject of 128 random bits.
//!
//! In scope: the bytes, and checking a path. Out of scope: keeping a map (`map_rows`).

use std::sync::LazyLock;

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

static EMPTY: LazyLock<[Hash; DEPTH + 1]> = LazyLock::new(|| {
    let mut hashes = [Hash::of(&[b"custodes/map-empty/v1\0"]); DEPTH + 1];
    for depth in (0..DEPTH).rev() {
        hashes[depth] = node(hashes[depth + 1], hashes[depth + 1]);
    }
    hashes
});

/// Hash of an empty subtree at a depth: at 0 the root of an empty map, at 256 an empty value.
///
/// # Panics
/// If `depth` is above [`DEPTH`].
pub fn empty(depth: usize) -> Hash {
    EMPTY[depth]
}

/// Whether the key goes right at this depth.
pub(super) fn goes_right(key: Hash, depth: usize) -> bool {
    bit(&key.0, depth)
}

fn bit(bits: &[u8; 32], at: usize) -> bool {
    bits[at / 8] >> (7 - at % 8) & 1 == 1
}

/// The node at `depth` above `hash` at depth `from`, where nothing else is below it.
pub(super) fn alone(key: Hash, hash: Hash, from: usize, depth: usize) -> Hash {
    (depth..from).rev().fold(hash, |hash, depth| {
        above(key, hash, empty(depth + 1), depth)
    })
}

/// The node at `depth` on the way to `key`, whose child there is `hash`.
pub(super) fn above(key: Hash, hash: Hash, sibling: Hash, depth: usize) -> Hash {
    match goes_right(key, depth) {
        true => node(sibling, hash),
        false => node(hash, sibling),
    }
}

/// The siblings of one place of the map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapPath {
    /// Bit `d` (the most significant of the first byte is bit 0) says whether the sibling at depth `d + 1` is not an
    /// empty subtree.
    pub present: [u8; 32],
    /// The siblings that are not empty, the topmost first.
    pub siblings: Vec<Hash>,
}

/// Why siblings are no path: there are too few or too many, or an empty subtree is spelled out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Fewer than the bits say.
    #[error("the map proof has too few siblings")]
    TooFew,
    /// More than the bits say.
    #[error("the map proof has too many siblings")]
    TooMany,
    /// A path has one spelling.
    #[error("the map proof spells out an empty subtree")]
    EmptySpelled,
}

impl MapPath {
    /// The path with these siblings, by ascending depth; depth 1 is that of the root's children.
    pub(super) fn new(siblings: impl IntoIterator<Item = (usize, Hash)>) -> MapPath {
        let mut path = MapPath {
            present: [0; 32],
            siblings: Vec::new(),
        };
        for (depth, sibling) in siblings {
            if sibling != empty(depth) {
                path.present[(depth - 1) / 8] |= 1 << (7 - (depth - 1) % 8);
                path.siblings.push(sibling);
            }
        }
        path
    }

    /// The sibling at a depth, 1 to [`DEPTH`].
    pub(super) fn sibling(&self, depth: usize) -> Hash {
        let at = depth - 1;
        if !bit(&self.present, at) {
            return empty(depth);
        }
        let whole: u32 = self.present[..at / 8]
            .iter()
            .map(|it| it.count_ones())
            .sum();
        let above = self.present[at / 8] & !(0xff >> (at % 8));
        self.siblings[(whole + above.count_ones()) as usize]
    }

    /// The root of the map that has `value` at `key` and these siblings on the way; an absent chain has the value
    /// [`empty`]`(DEPTH)`.
    pub fn root(&self, key: Hash, value: Hash) -> Result<Hash, PathError> {
        let mut given = self.siblings.iter().rev();
        let mut hash = value;
        for depth in (0..DEPTH).rev() {
            let sibling = match bit(&self.present, depth) {
                false => empty(depth + 1),
                true => match given.next() {
                    None => return Err(PathError::TooFew),
                    Some(sibling) if *sibling == empty(depth + 1) => {
                        return Err(PathError::EmptySpelled);
                    }
                    Some(sibling) => *sibling,
                },
            };
            hash = above(key, hash, sibling, depth);
        }
        match given.next() {
            None => Ok(hash),
            Some(_) => Err(PathError::TooMany),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::protocol::id::{Strand, Subject};

    #[test]
    fn one_chain_among_empty_places() {
        let chain = ChainId {
            subject: Subject::from_bytes([7; 16]),
            strand: Strand::Custody,
        };
        let key = key(&chain);
        let value = value(key, 3, ChainHead(Hash([9; 32])));
        let path = MapPath::new([]);
        let root = path.root(key, value).unwrap();
        assert_eq!(root, alone(key, value, DEPTH, 0));
        assert_ne!(root, empty(0));
        assert_eq!(path.root(key, empty(DEPTH)), Ok(empty(0)));
    }

    #[test]
    fn a_path_has_one_spelling() {
        let (key, value) = (Hash([7; 32]), Hash([8; 32]));
        let path = MapPath::new([(1, Hash([1; 32])), (2, empty(2)), (256, Hash([2; 32]))]);
        assert_eq!(path.siblings, [Hash([1; 32]), Hash([2; 32])]);
        path.root(key, value).unwrap();
        let with = |siblings: Vec<Hash>| MapPath {
            siblings,
            ..path.clone()
        };
        let [first, last] = [path.siblings[0], path.siblings[1]];
        assert_eq!(with(vec![last]).root(key, value), Err(PathError::TooFew));
        let three = with(vec![first, first, last]);
        assert_eq!(three.root(key, value), Err(PathError::TooMany));
        let spelled = with(vec![empty(1), last]);
        assert_eq!(spelled.root(key, value), Err(PathError::EmptySpelled));
    }
}
