//! `.tlog-proof` (C2SP tlog-proof): one leaf's inclusion in a signed checkpoint, as a small text file.
//!
//! ```text
//! c2sp.org/tlog-proof@v1 LF
//! extra <base64> LF                optional in the specification, always there in ours: u64be(recorded_at)
//! index <decimal> LF
//! <base64 hash> LF                 none or more: the inclusion proof
//! LF
//! <checkpoint, a signed note>
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::{self, Checkpoint, CheckpointError};
use super::entry::EntryHash;
use super::hash::Hash;
use super::json::MAX_INTEGER;
use super::leaf::Commitment;
use super::note::VerifierKey;
use super::time::LogTime;
use super::tree::{EntryIndex, InclusionProof, ProofError};

/// First line.
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Most hashes: a tree of 2^63 leaves has paths of 63.
const MAX_HASHES: usize = 63;

/// A proof, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// When the log recorded the entry.
    pub recorded_at: LogTime,
    /// Place in the log.
    pub index: EntryIndex,
    /// From the leaf to the checkpoint's root.
    pub proof: InclusionProof,
    /// The signed note.
    pub checkpoint: String,
}

/// Why a proof was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// The file is not of the form; the number is a line, from 1.
    #[error("line {0} is not what a .tlog-proof has there")]
    Form(usize),
    /// The checkpoint is bad.
    #[error("{0}")]
    Checkpoint(#[from] CheckpointError),
    /// The inclusion proof is bad.
    #[error("{0}")]
    Proof(#[from] ProofError),
}

impl TlogProof {
    /// Reads a proof.
    pub fn parse(text: &str) -> Result<TlogProof, TlogProofError> {
        let form = TlogProofError::Form;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(form(1))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(form(1));
        }
        let extra = lines
            .next()
            .and_then(|line| line.strip_prefix("extra "))
            .ok_or(form(2))?;
        let extra: [u8; 8] = STANDARD
            .decode(extra)
            .ok()
            .and_then(|b| b.try_into().ok())
            .ok_or(form(2))?;
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .ok_or(form(3))?;
        let number: u64 = index.parse().map_err(|_| form(3))?;
        if number.to_string() != index || number > MAX_INTEGER {
            return Err(form(3));
        }
        let mut hashes = Vec::new();
        for (at, line) in lines.enumerate() {
            let hash = STANDARD
                .decode(line)
                .ok()
                .and_then(|bytes| bytes.try_into().ok());
            hashes.push(Hash(hash.filter(|_| at < MAX_HASHES).ok_or(form(4 + at))?));
        }
        Ok(TlogProof {
            recorded_at: LogTime(u64::from_be_bytes(extra)),
            index: EntryIndex(number),
            proof: InclusionProof(hashes),
            checkpoint: checkpoint.to_owned(),
        })
    }

    /// Writes the proof.
    pub fn to_text(&self) -> String {
        let extra = STANDARD.encode(self.recorded_at.0.to_be_bytes());
        let hashes: String = self
            .proof
            .0
            .iter()
            .map(|hash| STANDARD.encode(hash.0) + "\n")
            .collect();
        format!(
            "{HEADER}\nextra {extra}\nindex {}\n{hashes}\n{}",
            self.index.0, self.checkpoint
        )
    }

    /// Checks that the log's checkpoint covers entry `e`.
    pub fn verify(&self, e: EntryHash, log: &VerifierKey) -> Result<Checkpoint, TlogProofError> {
        let (checkpoint, _) = checkpoint::open(&self.checkpoint, log)?;
        let leaf = Commitment::new(self.recorded_at, e).leaf_hash();
        self.proof
            .verify(self.index, checkpoint.size, leaf, checkpoint.root)?;
        Ok(checkpoint)
    }
}
