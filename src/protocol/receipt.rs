//! The receipt: what the service acknowledges an entry with.
//!
//! ```text
//! {"ledger","index","recorded_at","e","checkpoint","proof":[…],"witnessed"}
//! ```
//!
//! It says: the entry is on disk (synced), in the tree, under this signed checkpoint. `witnessed` is a
//! further state that a receipt reaches, told by the service; what proves it are cosignatures on the
//! checkpoint.

use serde::{Deserialize, Serialize};

use super::checkpoint::{self, CheckpointError};
use super::entry::EntryHash;
use super::id::Origin;
use super::leaf::Commitment;
use super::note::VerifierKey;
use super::time::LogTime;
use super::tree::{EntryIndex, InclusionProof, ProofError};

/// A receipt, not yet checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Origin of the ledger.
    pub ledger: Origin,
    /// Place in the log.
    pub index: EntryIndex,
    /// When the log recorded it, milliseconds since the Unix epoch.
    pub recorded_at: LogTime,
    /// The entry.
    pub e: EntryHash,
    /// A signed checkpoint that covers the entry.
    pub checkpoint: String,
    /// From the entry's leaf to the checkpoint's root.
    pub proof: InclusionProof,
    /// Whether a quorum of witnesses has cosigned a checkpoint that covers it.
    pub witnessed: bool,
}

/// Why a receipt proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The checkpoint is bad.
    #[error("receipt: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The inclusion proof is bad.
    #[error("receipt: {0}")]
    Proof(#[from] ProofError),
}

impl Receipt {
    /// Checks that the log's checkpoint covers the entry at the stated index and time.
    pub fn verify(&self, log: &VerifierKey) -> Result<(), ReceiptError> {
        let (checkpoint, _) = checkpoint::open(&self.checkpoint, log)?;
        let leaf = Commitment::new(self.recorded_at, self.e).leaf_hash();
        Ok(self
            .proof
            .verify(self.index, checkpoint.size, leaf, checkpoint.root)?)
    }
}
