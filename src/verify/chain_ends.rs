//! What the map of a published checkpoint shows of how long chains are, and whether what somebody was told of them is
//! all.
//!
//! In scope: the proof, and comparing. Out of scope: whether the entries themselves are good, which a bundle shows.

use std::collections::BTreeMap;

use super::answers::as_of;
use super::bundle::Cosigned;
use super::chains::{check_end, place};
use super::checkpoints::open_one;
use crate::protocol::base64url;
use crate::protocol::chain_ends::ChainEnds;
use crate::protocol::checkpoint::Checkpoint;
use crate::protocol::id::{ChainId, Origin};
use crate::protocol::leaf::{ChainHead, Commitment};
use crate::protocol::map::MapPath;
use crate::protocol::policy::Policy;
use crate::protocol::tree::EntryIndex;

/// Why it shows nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotShown(String);

/// Why what was told is not what stands in a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrue {
    /// There are more than were told.
    #[error("{0}")]
    NotAll(String),
    /// They are others.
    #[error("{0}")]
    Others(String),
}

/// Ends of chains, as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownEnds {
    /// The checkpoint whose map shows them.
    pub checkpoint: Checkpoint,
    /// Length and head of each.
    pub chains: BTreeMap<ChainId, (u64, ChainHead)>,
    /// Auditors of the reader's policy who recomputed the map.
    pub auditors: Vec<String>,
    cosigned: Vec<Cosigned>,
}

/// An entry as somebody was told of it.
#[derive(Debug, Clone, Copy)]
pub struct ToldEntry {
    /// Place in the log.
    pub index: EntryIndex,
    /// What its leaf commits to.
    pub commitment: Commitment,
}

impl ShownEnds {
    /// Checks the proofs, under a log key of the policy.
    pub fn verify(
        ends: &ChainEnds,
        ledger: &Origin,
        policy: &Policy,
    ) -> Result<ShownEnds, NotShown> {
        let opened = open_one(&ends.checkpoint, &policy.logs_for(ledger), policy)
            .map_err(|error| NotShown(format!("the checkpoint cannot be trusted: {error}")))?;
        let mut chains = BTreeMap::new();
        for end in &ends.chains {
            let chain = ChainId {
                subject: end.subject.clone(),
                strand: end.strand,
            };
            let bad = |why: String| NotShown(format!("{}: {why}", place(&chain)));
            let present = base64url::decode_array::<32>(&end.present);
            let path = MapPath {
                present: present.map_err(|_| bad("its path is not 256 bits".to_owned()))?,
                siblings: end.siblings.clone(),
            };
            let (leaf, proof) = (ends.leaf, ends.proof.clone());
            let length = (end.entries, end.head);
            check_end(&chain, length, &path, (leaf, proof), &opened.checkpoint)
                .map_err(|(_, words)| bad(words))?;
            if end.entries == 0 && end.head != ChainHead::EMPTY {
                return Err(bad("a chain without entries has no head".to_owned()));
            }
            if chains.insert(chain.clone(), length).is_some() {
                return Err(bad("it is given twice".to_owned()));
            }
        }
        Ok(ShownEnds {
            auditors: opened.auditors(policy),
            checkpoint: opened.checkpoint,
            chains,
            cosigned: opened.cosigned,
        })
    }

    /// Whether these are all entries that stand in a chain under the checkpoint, in order: how many they are.
    pub fn check(&self, chain: &ChainId, told: &[ToldEntry]) -> Result<u64, Untrue> {
        let place = place(chain);
        let Some((length, head)) = self.chains.get(chain) else {
            return Err(Untrue::Others(format!(
                "{place}: nothing shows how long it is"
            )));
        };
        let covered = told
            .iter()
            .filter(|one| one.index.0 < self.checkpoint.size.0);
        let (mut count, mut end) = (0, ChainHead::EMPTY);
        for one in covered {
            (count, end) = (count + 1, end.extend(one.index, one.commitment));
        }
        if count < *length {
            return Err(Untrue::NotAll(format!(
                "{place}: {count} of {length} entries were told"
            )));
        }
        match end == *head {
            true => Ok(count),
            false => Err(Untrue::Others(format!(
                "{place}: what was told are not its {length} entries"
            ))),
        }
    }

    /// "complete as committed by the operator: 41 of 41 entries as of 14 March 2026 09:12:04 UTC (tree size 1204331)".
    pub fn in_words(&self, entries: u64) -> String {
        let of = as_of(entries, &self.cosigned, &self.checkpoint);
        format!("{}: {of}", self.by_whom())
    }

    /// Whose word it is.
    pub fn by_whom(&self) -> String {
        match self.auditors.as_slice() {
            [] => "complete as committed by the operator".to_owned(),
            auditors => format!("complete, recomputed by {}", auditors.join(", ")),
        }
    }
}
