//! The right edge of a Merkle tree: the roots of the complete subtrees that its leaves fall into, one for each bit of
//! the size that is set, the largest first. Leaves can be added to it and its root computed without any other leaf.
//!
//! In scope: adding, and the root. Out of scope: proofs of what is in the tree (`tree`).

use super::hash::Hash;
use super::tree::{LeafHash, RootHash, TreeSize, empty_root, node_hash};

/// The right edge of a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// The edge of the tree of this size; nothing where there are more or fewer subtrees than such a tree has.
    pub fn new(size: TreeSize, subtrees: Vec<Hash>) -> Option<Frontier> {
        let fits = subtrees.len() == size.0.count_ones() as usize;
        fits.then_some(Frontier {
            size: size.0,
            subtrees,
        })
    }

    /// Number of leaves.
    pub fn size(&self) -> TreeSize {
        TreeSize(self.size)
    }

    /// Roots of the complete subtrees, the largest first.
    pub fn subtrees(&self) -> &[Hash] {
        &self.subtrees
    }

    /// Adds a leaf.
    pub fn append(&mut self, leaf: LeafHash) {
        let mut hash = leaf.0;
        // Each subtree at the end that is as large as the new one is its left half.
        for _ in 0..self.size.trailing_ones() {
            let left = self.subtrees.pop();
            let left = left.expect("a subtree stands for each bit of the size that is set");
            hash = node_hash(left, hash);
        }
        self.subtrees.push(hash);
        self.size += 1;
    }

    /// The root of the tree.
    pub fn root(&self) -> RootHash {
        let mut hashes = self.subtrees.iter().rev().copied();
        let last = hashes.next();
        last.map_or_else(empty_root, |last| {
            RootHash(hashes.fold(last, |right, left| node_hash(left, right)))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::protocol::tree::{MemoryTree, leaf_hash};

    #[test]
    fn its_root_is_the_trees_at_every_size() {
        let (mut edge, mut tree) = (Frontier::default(), MemoryTree::default());
        for n in 0u64..200 {
            assert_eq!((edge.size(), edge.root()), (tree.size(), tree.root()));
            let subtrees = edge.subtrees().to_vec();
            let read = Frontier::new(TreeSize(n), subtrees.clone()).unwrap();
            assert_eq!(read, edge);
            assert_eq!(
                Frontier::new(TreeSize(n), [subtrees, vec![Hash::ZERO]].concat()),
                None
            );
            let leaf = leaf_hash(&n.to_be_bytes());
            edge.append(leaf);
            tree.append(leaf);
        }
    }
}
