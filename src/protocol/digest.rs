//! The evidence digest: what ties a file or folder to its registration.
//!
//! ```text
//! {"kind":"file"|"manifest","sha256":"<base64url>","size":<bytes>,"chunks":"<base64url>"}
//! ```
//!
//! One pass over the bytes gives all of it. `sha256` is over the whole, what every other tool computes.
//! `chunks` is the RFC 6962 root over chunks of 1 MiB, each a leaf, the last one short; an empty file has
//! no chunk and gets SHA-256 of nothing. The chunk tree is hashed on all cores, checked in constant memory,
//! and proves a part without the rest.

use serde::{Deserialize, Serialize};

use super::hash::Hash;
use super::tree::{empty_root, leaf_hash, node_hash};

/// Size of a chunk in bytes. Small enough for a browser's memory, large enough that the tree of the
/// largest image stays below a gigabyte.
pub const CHUNK: usize = 1 << 20;

/// Largest exhibit: 16 TiB, the largest disc image met in practice with room to spare.
pub const MAX_SIZE: u64 = 1 << 44;

/// What was digested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DigestKind {
    /// The bytes of one file.
    File,
    /// The bytes of a folder's manifest.
    Manifest,
}

/// Size and digests of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, try_from = "Raw")]
pub struct EvidenceDigest {
    /// File or folder.
    pub kind: DigestKind,
    /// SHA-256 of all bytes.
    pub sha256: Hash,
    /// Size in bytes.
    pub size: u64,
    /// Root of the chunk tree.
    pub chunks: Hash,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    kind: DigestKind,
    sha256: Hash,
    size: u64,
    chunks: Hash,
}

impl TryFrom<Raw> for EvidenceDigest {
    type Error = &'static str;
    fn try_from(raw: Raw) -> Result<EvidenceDigest, Self::Error> {
        if raw.size > MAX_SIZE {
            return Err("evidence is limited to 16 TiB");
        }
        Ok(EvidenceDigest {
            kind: raw.kind,
            sha256: raw.sha256,
            size: raw.size,
            chunks: raw.chunks,
        })
    }
}

/// Leaf hash of one chunk.
pub fn chunk_leaf(chunk: &[u8]) -> Hash {
    leaf_hash(chunk).0
}

/// The chunk tree as it grows, in memory that grows with the logarithm of the size.
#[derive(Debug, Clone, Default)]
pub struct ChunkTree {
    /// Roots of complete subtrees with the binary digits of the number of leaves, largest first.
    roots: Vec<Hash>,
    leaves: u64,
}

impl ChunkTree {
    /// Adds the next chunk's leaf hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.leaves.trailing_ones() {
            let left = self
                .roots
                .pop()
                .expect("one root stands for each set bit of the count");
            hash = node_hash(left, hash);
        }
        self.roots.push(hash);
        self.leaves += 1;
    }

    /// Root over all chunks so far.
    pub fn root(&self) -> Hash {
        let mut roots = self.roots.iter().rev();
        let Some(last) = roots.next() else {
            return empty_root().0;
        };
        roots.fold(*last, |right, left| node_hash(*left, right))
    }
}

impl EvidenceDigest {
    /// Digest of bytes in memory.
    pub fn of_bytes(kind: DigestKind, bytes: &[u8]) -> EvidenceDigest {
        let mut tree = ChunkTree::default();
        bytes
            .chunks(CHUNK)
            .for_each(|chunk| tree.push(chunk_leaf(chunk)));
        EvidenceDigest {
            kind,
            sha256: Hash::of(&[bytes]),
            size: bytes.len() as u64,
            chunks: tree.root(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::tree::{LeafHash, MemoryTree};

    #[test]
    fn the_chunk_tree_is_the_merkle_tree() {
        let mut whole = MemoryTree::default();
        let mut tree = ChunkTree::default();
        for n in 0u8..40 {
            assert_eq!(tree.root(), whole.root().0, "{n} chunks");
            let leaf = chunk_leaf(&[n]);
            tree.push(leaf);
            whole.append(LeafHash(leaf));
        }
        let empty = EvidenceDigest::of_bytes(DigestKind::File, b"");
        assert_eq!(empty.chunks, empty.sha256);
    }
}
