//! Leaves and chain heads: public proof, private content.
//!
//! ```text
//! e           = SHA-256( JWS bytes )
//! commitment  = SHA-256( "custodes/entry/v1" || 0x00 || u64be(recorded_at_ms) || e )
//! entry leaf  = 0x01 || commitment                                   33 bytes
//! map leaf    = 0x02 || u64be(own index) || map root                 41 bytes
//! chain head  : a[k] = SHA-256( "custodes/chain/v1" || 0x00 || a[k-1] || u64be(index) || commitment )
//!               a[-1] = 32 zero bytes
//! ```
//!
//! The leaf data is what tiles and entry bundles publish: a commitment gives nothing of the entry away.

use serde::{Deserialize, Serialize};

use super::entry::EntryHash;
use super::hash::Hash;
use super::time::LogTime;
use super::tree::{EntryIndex, LeafHash, leaf_hash};

/// Commits to one entry and the time the log recorded it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Commitment(pub Hash);

impl Commitment {
    /// The commitment to entry `e`, recorded at `recorded_at`.
    pub fn new(recorded_at: LogTime, e: EntryHash) -> Commitment {
        Commitment(Hash::of(&[
            b"custodes/entry/v1\0",
            &recorded_at.0.to_be_bytes(),
            &e.0.0,
        ]))
    }

    /// The 33 bytes that the tree holds.
    pub fn leaf_data(self) -> Vec<u8> {
        let mut data = vec![0x01];
        data.extend_from_slice(&self.0.0);
        data
    }

    /// The leaf hash of those bytes.
    pub fn leaf_hash(self) -> LeafHash {
        leaf_hash(&self.leaf_data())
    }
}

/// The head of one chain after some entry: commits to every entry of the chain, in order, with its
/// place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChainHead(pub Hash);

impl ChainHead {
    /// The head of a chain that has no entry.
    pub const EMPTY: ChainHead = ChainHead(Hash::ZERO);

    /// The head after one more entry.
    pub fn extend(self, index: EntryIndex, commitment: Commitment) -> ChainHead {
        ChainHead(Hash::of(&[
            b"custodes/chain/v1\0",
            &self.0.0,
            &index.0.to_be_bytes(),
            &commitment.0.0,
        ]))
    }
}

/// The 41 bytes of a map leaf.
pub fn map_leaf_data(own_index: EntryIndex, map_root: Hash) -> Vec<u8> {
    let mut data = vec![0x02];
    data.extend_from_slice(&own_index.0.to_be_bytes());
    data.extend_from_slice(&map_root.0);
    data
}
