//! The Merkle tree of RFC 6962 section 2.1: roots, inclusion proofs, consistency proofs.
//!
//! ```text
//! leaf hash = SHA-256( 0x00 || leaf data )      node = SHA-256( 0x01 || left || right )
//! root of the empty tree = SHA-256( "" )
//! ```
//!
//! A tree of n leaves splits at the largest power of two below n. Only complete subtrees are stored
//! ([`NodeId`]); every proof of every size is computed from those.
//!
//! In scope: hashing, proving, checking. Out of scope: where nodes are kept (`storage`, tiles).

use serde::{Deserialize, Serialize};

use super::hash::Hash;

/// Place of a leaf in the log, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryIndex(pub u64);

/// Number of leaves of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TreeSize(pub u64);

/// Hash of one leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeafHash(pub Hash);

/// Hash of a whole tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RootHash(pub Hash);

/// Hashes that lead from one leaf to a root, from the leaf upward (RFC 6962 section 2.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InclusionProof(pub Vec<Hash>);

/// Hashes that show that one tree is a prefix of another (RFC 6962 section 2.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConsistencyProof(pub Vec<Hash>);

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The index is not in a tree of that size, or the old tree is larger than the new or empty.
    #[error("the proof is about a place that a tree of this size does not have")]
    OutOfRange,
    /// The number of hashes is not the one this place asks for.
    #[error("the proof has the wrong number of hashes")]
    Length,
    /// The hashes do not lead to the root.
    #[error("the proof does not lead to the root")]
    Root,
}

/// Hash of a leaf's data.
pub fn leaf_hash(data: &[u8]) -> LeafHash {
    LeafHash(Hash::of(&[&[0x00], data]))
}

/// Hash of an inner node.
pub fn node_hash(left: Hash, right: Hash) -> Hash {
    Hash::of(&[&[0x01], &left.0, &right.0])
}

/// Root of the tree without leaves.
pub fn empty_root() -> RootHash {
    RootHash(Hash::of(&[]))
}

impl InclusionProof {
    /// Checks that `leaf` stands at `index` in the tree of `size` leaves with this `root`
    /// (RFC 9162 section 2.1.3.2).
    pub fn verify(
        &self,
        index: EntryIndex,
        size: TreeSize,
        leaf: LeafHash,
        root: RootHash,
    ) -> Result<(), ProofError> {
        // 1. The index must be in the tree.
        if index.0 >= size.0 {
            return Err(ProofError::OutOfRange);
        }
        // 2. Set fn to the index and sn to size - 1.
        let (mut node, mut last) = (index.0, size.0 - 1);
        // 3. Set r to the leaf hash.
        let mut hash = leaf.0;
        // 4. For each value p in the path:
        for sibling in &self.0 {
            // a. If sn is 0, the proof is too long.
            if last == 0 {
                return Err(ProofError::Length);
            }
            // b. If the lowest bit of fn is set, or fn equals sn, p is to the left...
            if node & 1 == 1 || node == last {
                hash = node_hash(*sibling, hash);
                // ...and levels where the node has no sibling are passed over.
                while node & 1 == 0 && node != 0 {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                hash = node_hash(hash, *sibling);
            }
            // c. Go up one level.
            node >>= 1;
            last >>= 1;
        }
        // 5. sn must have become 0, and r must be the root.
        if last != 0 {
            return Err(ProofError::Length);
        }
        if hash == root.0 {
            Ok(())
        } else {
            Err(ProofError::Root)
        }
    }
}

impl ConsistencyProof {
    /// Checks that the tree of `old` leaves with `old_root` is a prefix of the tree of `new` leaves
    /// with `new_root` (RFC 9162 section 2.1.4.2). An empty old tree proves nothing and is refused.
    pub fn verify(
        &self,
        old: TreeSize,
        old_root: RootHash,
        new: TreeSize,
        new_root: RootHash,
    ) -> Result<(), ProofError> {
        if old.0 == 0 || old.0 > new.0 {
            return Err(ProofError::OutOfRange);
        }
        if old == new {
            return match (self.0.is_empty(), old_root == new_root) {
                (false, _) => Err(ProofError::Length),
                (true, false) => Err(ProofError::Root),
                (true, true) => Ok(()),
            };
        }
        let roots = self.roots(old, new, old_root)?;
        match roots == (old_root, new_root) {
            true => Ok(()),
            false => Err(ProofError::Root),
        }
    }

    /// The roots of the two trees, `0 < old < new`, that the hashes lead to. Where `old` is a power of two the proof
    /// does not hold the root of the old tree, so that it is `given`.
    pub fn roots(
        &self,
        old: TreeSize,
        new: TreeSize,
        given: RootHash,
    ) -> Result<(RootHash, RootHash), ProofError> {
        if old.0 == 0 || old >= new {
            return Err(ProofError::OutOfRange);
        }
        // 1. and 2. If old is a power of two, the old root stands first in the path.
        let old_first = [given.0];
        let first: &[Hash] = match old.0.is_power_of_two() {
            true => &old_first,
            false => &[],
        };
        let mut path = first.iter().chain(&self.0);
        // 3. Set fn to old - 1 and sn to new - 1; 4. while the lowest bit of fn is set, shift both.
        let (mut node, mut last) = (old.0 - 1, new.0 - 1);
        while node & 1 == 1 {
            node >>= 1;
            last >>= 1;
        }
        // 5. Set fr and sr to the first value.
        let first = *path.next().ok_or(ProofError::Length)?;
        let (mut old_hash, mut new_hash) = (first, first);
        // 6. For each further value c:
        for sibling in path {
            if last == 0 {
                return Err(ProofError::Length);
            }
            if node & 1 == 1 || node == last {
                old_hash = node_hash(*sibling, old_hash);
                new_hash = node_hash(*sibling, new_hash);
                while node & 1 == 0 && node != 0 {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                new_hash = node_hash(new_hash, *sibling);
            }
            node >>= 1;
            last >>= 1;
        }
        // 7. sn must have become 0; fr is the old root, sr the new.
        if last != 0 {
            return Err(ProofError::Length);
        }
        Ok((RootHash(old_hash), RootHash(new_hash)))
    }
}

/// The complete subtree of `2^level` leaves that begins at leaf `index << level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// Height above the leaves.
    pub level: u8,
    /// Position among the nodes of this level.
    pub index: u64,
}

/// Where complete nodes are read from.
pub trait NodeReader {
    /// What reading can fail with.
    type Error;
    /// The hash of a complete subtree.
    fn node(&self, id: NodeId) -> Result<Hash, Self::Error>;
}

/// The complete nodes that appending `leaf` at `index` finishes, lowest first, the leaf included.
pub fn nodes_completed_by<R: NodeReader>(
    index: EntryIndex,
    leaf: LeafHash,
    reader: &R,
) -> Result<Vec<(NodeId, Hash)>, R::Error> {
    let mut id = NodeId {
        level: 0,
        index: index.0,
    };
    let mut hash = leaf.0;
    let mut nodes = vec![(id, hash)];
    while id.index & 1 == 1 {
        let left = reader.node(NodeId {
            index: id.index - 1,
            ..id
        })?;
        hash = node_hash(left, hash);
        id = NodeId {
            level: id.level + 1,
            index: id.index >> 1,
        };
        nodes.push((id, hash));
    }
    Ok(nodes)
}

/// A run of leaves `[start, end)` that the tree's splitting gives.
#[derive(Clone, Copy)]
struct Span {
    start: u64,
    end: u64,
}

impl Span {
    fn split(self) -> (Span, Span) {
        let count = self.end - self.start;
        debug_assert!(count > 1, "only runs of two leaves or more are split");
        let middle = self.start + (1 << (u64::BITS - 1 - (count - 1).leading_zeros()));
        (
            Span {
                end: middle,
                ..self
            },
            Span {
                start: middle,
                ..self
            },
        )
    }

    fn hash<R: NodeReader>(self, reader: &R) -> Result<Hash, R::Error> {
        let count = self.end - self.start;
        if count.is_power_of_two() {
            let level = count.trailing_zeros();
            return reader.node(NodeId {
                level: level as u8,
                index: self.start >> level,
            });
        }
        let (left, right) = self.split();
        Ok(node_hash(left.hash(reader)?, right.hash(reader)?))
    }
}

/// Root of the first `size` leaves.
pub fn root<R: NodeReader>(size: TreeSize, reader: &R) -> Result<RootHash, R::Error> {
    match size.0 {
        0 => Ok(empty_root()),
        end => Span { start: 0, end }.hash(reader).map(RootHash),
    }
}

/// Proves that leaf `index` is in the tree of `size` leaves.
///
/// # Panics
/// When `index` is not below `size`: callers check what they are asked for.
pub fn prove_inclusion<R: NodeReader>(
    index: EntryIndex,
    size: TreeSize,
    reader: &R,
) -> Result<InclusionProof, R::Error> {
    assert!(
        index.0 < size.0,
        "an inclusion proof was asked for a leaf outside the tree"
    );
    let mut span = Span {
        start: 0,
        end: size.0,
    };
    let mut path = Vec::new();
    while span.end - span.start > 1 {
        let (left, right) = span.split();
        let (inside, outside) = if index.0 < left.end {
            (left, right)
        } else {
            (right, left)
        };
        path.push(outside.hash(reader)?);
        span = inside;
    }
    path.reverse();
    Ok(InclusionProof(path))
}

/// Proves that the first `old` leaves are a prefix of the first `new`.
///
/// # Panics
/// When `old` is 0 or above `new`: callers check what they are asked for.
pub fn prove_consistency<R: NodeReader>(
    old: TreeSize,
    new: TreeSize,
    reader: &R,
) -> Result<ConsistencyProof, R::Error> {
    assert!(
        0 < old.0 && old.0 <= new.0,
        "a consistency proof was asked for sizes out of order"
    );
    let mut span = Span {
        start: 0,
        end: new.0,
    };
    let mut path = Vec::new();
    // Go down towards the right edge of the old tree (RFC 6962 SUBPROOF).
    while span.end != old.0 {
        let (left, right) = span.split();
        if old.0 <= left.end {
            path.push(right.hash(reader)?);
            span = left;
        } else {
            path.push(left.hash(reader)?);
            span = right;
        }
    }
    // The old root itself is known to whoever checks, so it is left out.
    if span.start != 0 {
        path.push(span.hash(reader)?);
    }
    path.reverse();
    Ok(ConsistencyProof(path))
}

/// A whole tree in memory, for audits, clients and tests.
#[derive(Debug, Clone, Default)]
pub struct MemoryTree {
    levels: Vec<Vec<Hash>>,
}

/// A node that a [`MemoryTree`] does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tree has no node {0:?}")]
pub struct NoSuchNode(pub NodeId);

impl NodeReader for MemoryTree {
    type Error = NoSuchNode;
    fn node(&self, id: NodeId) -> Result<Hash, NoSuchNode> {
        let level = self.levels.get(usize::from(id.level));
        let index = usize::try_from(id.index).unwrap_or(usize::MAX);
        level
            .and_then(|nodes| nodes.get(index))
            .copied()
            .ok_or(NoSuchNode(id))
    }
}

impl MemoryTree {
    /// Number of leaves.
    pub fn size(&self) -> TreeSize {
        TreeSize(self.levels.first().map_or(0, |leaves| leaves.len() as u64))
    }

    /// Adds a leaf.
    pub fn append(&mut self, leaf: LeafHash) -> EntryIndex {
        let index = EntryIndex(self.size().0);
        let nodes = nodes_completed_by(index, leaf, self)
            .expect("every complete node to the left of a new leaf is in memory");
        for (id, hash) in nodes {
            let level = usize::from(id.level);
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(hash);
        }
        index
    }

    /// Root of the whole tree.
    pub fn root(&self) -> RootHash {
        root(self.size(), self).expect("every complete node of the tree is in memory")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn naive(leaves: &[LeafHash]) -> Hash {
        match leaves {
            [] => empty_root().0,
            [one] => one.0,
            _ => {
                let middle = leaves.len().next_power_of_two() / 2;
                node_hash(naive(&leaves[..middle]), naive(&leaves[middle..]))
            }
        }
    }

    fn corrupted(proof: &[Hash]) -> Vec<Vec<Hash>> {
        let mut all = vec![
            [proof, &[Hash::ZERO]].concat(),
            [&[Hash::ZERO], proof].concat(),
        ];
        for at in 0..proof.len() {
            let mut one = proof.to_vec();
            one[at].0[at % 32] ^= 1;
            all.push(one);
            let mut shorter = proof.to_vec();
            shorter.remove(at);
            all.push(shorter);
        }
        all
    }

    #[test]
    fn every_proof_up_to_forty_leaves_and_each_hash_corrupted() {
        let mut tree = MemoryTree::default();
        let mut leaves = Vec::new();
        let mut roots = vec![empty_root()];
        for n in 0u64..40 {
            let leaf = leaf_hash(&n.to_be_bytes());
            leaves.push(leaf);
            tree.append(leaf);
            assert_eq!(tree.root().0, naive(&leaves));
            roots.push(tree.root());
        }
        for size in 1..=40u64 {
            let (n, root_n) = (TreeSize(size), roots[size as usize]);
            for index in 0..size {
                let proof = prove_inclusion(EntryIndex(index), n, &tree).unwrap();
                let leaf = leaves[index as usize];
                proof.verify(EntryIndex(index), n, leaf, root_n).unwrap();
                for bad in corrupted(&proof.0) {
                    InclusionProof(bad)
                        .verify(EntryIndex(index), n, leaf, root_n)
                        .unwrap_err();
                }
                proof.verify(EntryIndex(size), n, leaf, root_n).unwrap_err();
            }
            for old in 1..=size {
                let (o, root_o) = (TreeSize(old), roots[old as usize]);
                let proof = prove_consistency(o, n, &tree).unwrap();
                proof.verify(o, root_o, n, root_n).unwrap();
                for bad in corrupted(&proof.0) {
                    ConsistencyProof(bad)
                        .verify(o, root_o, n, root_n)
                        .unwrap_err();
                }
                proof
                    .verify(o, RootHash(Hash::ZERO), n, root_n)
                    .unwrap_err();
            }
        }
    }
}
