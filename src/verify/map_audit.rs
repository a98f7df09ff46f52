//! Recomputing the map of completeness over every entry of a log, a stretch at a time: what an auditor does before
//! saying "I recomputed the map".
//!
//! In scope: leaves, chains (position and previous entry, as each signer stated them), branches, every map leaf, and the
//! root of the tree. Out of scope: signatures and the rules of custody, which [`super::audit`] checks; reading the log.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::ledger::taken_in;
use crate::protocol::entry::{EntryHash, UnverifiedEntry};
use crate::protocol::hash::Hash;
use crate::protocol::id::{ChainId, Strand, Subject};
use crate::protocol::leaf::{ChainHead, Commitment, map_leaf_data};
use crate::protocol::map;
use crate::protocol::map_rows::{self, MemoryRows};
use crate::protocol::time::LogTime;
use crate::protocol::tree::{EntryIndex, LeafHash, RootHash, TreeSize, leaf_hash, node_hash};

/// One place of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum LogPlace {
    /// An entry, without its disclosures: chains do not need them.
    Entry {
        /// Place in the log.
        index: EntryIndex,
        /// Log time.
        recorded_at: LogTime,
        /// Signed part.
        jws: String,
    },
    /// A map leaf.
    Map {
        /// Place in the log.
        index: EntryIndex,
        /// The root that it commits to.
        map: Hash,
    },
}

/// What is wrong with a log, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[{code}] entry {index}: {words}")]
pub struct WrongLog {
    /// Stable code.
    pub code: &'static str,
    /// Place in the log.
    pub index: u64,
    /// A sentence.
    pub words: String,
}

/// How one chain ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChainEnd {
    subject: Subject,
    strand: Strand,
    length: u64,
    last: EntryHash,
    head: ChainHead,
}

/// What is kept between two stretches. It stands behind a map leaf.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recomputed {
    size: u64,
    /// Roots of the complete subtrees that the tree is made of, the largest first: level and hash.
    subtrees: Vec<(u8, Hash)>,
    chains: Vec<ChainEnd>,
}

/// A recomputation under way.
pub struct MapAudit {
    size: u64,
    subtrees: Vec<(u8, Hash)>,
    chains: BTreeMap<ChainId, ChainEnd>,
    rows: MemoryRows,
    changed: BTreeMap<Hash, Hash>,
    /// Entries of a branch that must come next.
    branch: VecDeque<EntryHash>,
    /// Whether the last leaf was a map leaf.
    in_map: bool,
}

impl MapAudit {
    /// Goes on from what was kept; from the beginning with what [`Recomputed::default`] gives.
    pub fn resume(kept: Recomputed) -> MapAudit {
        let chains = kept.chains.into_iter().map(|end| {
            let chain = ChainId {
                subject: end.subject.clone(),
                strand: end.strand,
            };
            (chain, end)
        });
        let mut audit = MapAudit {
            size: kept.size,
            subtrees: kept.subtrees,
            chains: chains.collect(),
            rows: MemoryRows::default(),
            changed: BTreeMap::new(),
            branch: VecDeque::new(),
            in_map: kept.size > 0,
        };
        audit.changed = audit
            .chains
            .iter()
            .map(|(chain, end)| {
                let key = map::key(chain);
                (key, map::value(key, end.length, end.head))
            })
            .collect();
        audit
    }

    /// Number of leaves so far.
    pub fn size(&self) -> TreeSize {
        TreeSize(self.size)
    }

    /// Number of chains so far.
    pub fn chain_count(&self) -> usize {
        self.chains.len()
    }

    /// Number of entries that stand in chains so far.
    pub fn entry_count(&self) -> u64 {
        self.chains.values().map(|end| end.length).sum()
    }

    /// Takes the next place of the log.
    ///
    /// # Errors
    /// It cannot stand there, or a map leaf is not the map of the entries before it. Nothing more can be said then.
    pub fn take(&mut self, place: &LogPlace) -> Result<(), WrongLog> {
        let at = self.size;
        let wrong = |code, words: String| WrongLog {
            code,
            index: at,
            words,
        };
        let (index, leaf) = match place {
            LogPlace::Entry {
                index,
                recorded_at,
                jws,
            } => {
                let entry = UnverifiedEntry::from_parts(jws, std::iter::empty())
                    .map_err(|error| wrong("entry-form", format!("{error}.")))?;
                let commitment = Commitment::new(*recorded_at, entry.hash());
                self.extend(&entry, commitment)
                    .map_err(|words| wrong("chain-differs", words))?;
                self.in_map = false;
                (*index, commitment.leaf_hash())
            }
            LogPlace::Map { index, map } => {
                if self.in_map || at == 0 || !self.branch.is_empty() {
                    let words = "A map leaf stands where none can stand.";
                    return Err(wrong("map-superfluous", words.to_owned()));
                }
                let updated = map_rows::update(&self.rows, &std::mem::take(&mut self.changed))
                    .expect("rows that only updates wrote are all there");
                self.rows.extend(updated.rows);
                if updated.root != *map {
                    let words = "The log's map is not the map of the entries before it: it hides entries, or names \
                                 some that are not there.";
                    return Err(wrong("map-differs", words.to_owned()));
                }
                self.in_map = true;
                (*index, leaf_hash(&map_leaf_data(EntryIndex(at), *map)))
            }
        };
        if index.0 != at {
            let words = format!("The place {} was given in its stead.", index.0);
            return Err(wrong("place-missing", words));
        }
        self.append(leaf);
        Ok(())
    }

    fn extend(&mut self, entry: &UnverifiedEntry, commitment: Commitment) -> Result<(), String> {
        if let Some(named) = self.branch.pop_front() {
            // It takes no place in its chain.
            return match named == entry.hash() {
                true => Ok(()),
                false => Err("It is not the entry that the branch before it names.".to_owned()),
            };
        }
        let payload = entry.payload();
        let chain = payload.chain();
        let end = self.chains.get(&chain);
        let (length, last, head) = end.map_or((0, None, ChainHead::EMPTY), |end| {
            (end.length, Some(end.last), end.head)
        });
        if (payload.seq, payload.prev) != (length, last) {
            return Err(format!(
                "Its signer put it at position {} of its chain, which has {length} entries before it.",
                payload.seq
            ));
        }
        let head = head.extend(EntryIndex(self.size), commitment);
        let key = map::key(&chain);
        self.changed.insert(key, map::value(key, length + 1, head));
        let end = ChainEnd {
            subject: chain.subject.clone(),
            strand: chain.strand,
            length: length + 1,
            last: entry.hash(),
            head,
        };
        self.chains.insert(chain, end);
        self.branch = taken_in(entry).into();
        Ok(())
    }

    fn append(&mut self, leaf: LeafHash) {
        self.size += 1;
        let mut new = (0, leaf.0);
        while let Some((_, left)) = self.subtrees.pop_if(|(level, _)| *level == new.0) {
            new = (new.0 + 1, node_hash(left, new.1));
        }
        self.subtrees.push(new);
    }

    /// The root of the tree so far; nothing for an empty one.
    pub fn root(&self) -> Option<RootHash> {
        let mut hashes = self.subtrees.iter().rev().map(|(_, hash)| *hash);
        let last = hashes.next()?;
        Some(RootHash(
            hashes.fold(last, |right, left| node_hash(left, right)),
        ))
    }

    /// What to keep, if the last leaf was a map leaf.
    pub fn keep(&self) -> Option<Recomputed> {
        self.in_map.then(|| Recomputed {
            size: self.size,
            subtrees: self.subtrees.clone(),
            chains: self.chains.values().cloned().collect(),
        })
    }
}
