//! How long chains are, and how they end, shown by the map of a published checkpoint: what the service answers to
//! `GET /v1/{kind}/{subject}/completeness` (`docs/FORMATS.md`, section 18).
//!
//! In scope: the form. Out of scope: checking it (`verify`).

use serde::{Deserialize, Serialize};

use super::hash::Hash;
use super::id::{Strand, Subject};
use super::leaf::ChainHead;
use super::tree::{EntryIndex, InclusionProof};

/// Ends of some chains, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainEnds {
    /// A published checkpoint, a signed note.
    pub checkpoint: String,
    /// The map leaf that ends its tree.
    pub leaf: EntryIndex,
    /// Its inclusion proof.
    pub proof: InclusionProof,
    /// By subject, then strand.
    pub chains: Vec<ChainEnd>,
}

/// The end of one chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainEnd {
    /// Subject of the chain.
    pub subject: Subject,
    /// Which chain of it.
    pub strand: Strand,
    /// Number of its entries under the checkpoint; 0 where the ledger has no such chain.
    pub entries: u64,
    /// Its head; 32 zero bytes where it has no entries.
    pub head: ChainHead,
    /// Its path in the map: 256 bits, base64url.
    pub present: String,
    /// The siblings that are there, the topmost first.
    pub siblings: Vec<Hash>,
}
