//! Recomputing the map of completeness over every entry of a log, a stretch at a time: what an auditor does before
//! saying "I recomputed the map". Where something is wrong, it hands out what proves it ([`map_fault`]).
//!
//! In scope: leaves, chains (position and previous entry, as each signer stated them), branches, every map leaf, and the
//! root of the tree. Out of scope: signatures and the rules of custody, which [`super::audit`] checks; reading the log.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::map_fault::{Before, Content, Given, Stretch};
use crate::ledger::taken_in;
use crate::protocol::entry::{EntryHash, UnverifiedEntry};
use crate::protocol::frontier::Frontier;
use crate::protocol::hash::Hash;
use crate::protocol::id::{ChainId, Strand, Subject};
use crate::protocol::leaf::{ChainHead, Commitment, map_leaf_data};
use crate::protocol::map;
use crate::protocol::map_multiproof::MapMultiproof;
use crate::protocol::map_rows::{self, MemoryRows};
use crate::protocol::time::LogTime;
use crate::protocol::tree::{EntryIndex, RootHash, TreeSize, leaf_hash};

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
pub struct ChainEnd {
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
    /// Number of leaves, that map leaf included.
    pub size: u64,
    /// The tree before that map leaf: roots of the complete subtrees that it is made of, the largest first.
    pub before: Vec<Hash>,
    /// Every chain; of one that stands there twice, the later.
    pub chains: Vec<ChainEnd>,
}

/// A recomputation under way.
pub struct MapAudit {
    tree: Frontier,
    chains: BTreeMap<ChainId, ChainEnd>,
    /// The map as of the last map leaf, that leaf's root, and the tree before it.
    rows: MemoryRows,
    map: Option<Hash>,
    before: Frontier,
    /// What came since.
    since: Vec<Since>,
    changed: BTreeMap<Hash, Hash>,
    /// Chains that grew since what was kept last.
    grown: BTreeSet<ChainId>,
    /// Entries of a branch that must come next.
    branch: VecDeque<EntryHash>,
    wrong: Option<Stretch>,
}

/// An entry since the last map leaf.
struct Since {
    recorded_at: LogTime,
    jws: String,
    /// What its chain had before, where it is the first of its chain.
    before: Option<Before>,
}

impl MapAudit {
    /// Goes on from what was kept; from the beginning with what [`Recomputed::default`] gives, or where the kept is of
    /// no use.
    pub fn resume(kept: Recomputed) -> MapAudit {
        let mut audit = MapAudit {
            tree: Frontier::default(),
            chains: BTreeMap::new(),
            rows: MemoryRows::default(),
            map: None,
            before: Frontier::default(),
            since: Vec::new(),
            changed: BTreeMap::new(),
            grown: BTreeSet::new(),
            branch: VecDeque::new(),
            wrong: None,
        };
        let before = kept.size.checked_sub(1);
        let Some(before) = before.and_then(|size| Frontier::new(TreeSize(size), kept.before))
        else {
            return audit;
        };
        for end in kept.chains {
            let chain = ChainId {
                subject: end.subject.clone(),
                strand: end.strand,
            };
            let key = map::key(&chain);
            let value = map::value(key, end.length, end.head);
            audit.changed.insert(key, value);
            audit.chains.insert(chain, end);
        }
        audit.tree = before;
        let map = audit.work_in();
        audit.end_stretch(map);
        audit
    }

    /// Works what changed into the map: its root.
    fn work_in(&mut self) -> Hash {
        let updated = map_rows::update(&self.rows, &std::mem::take(&mut self.changed))
            .expect("rows that only updates wrote are all there");
        self.rows.extend(updated.rows);
        updated.root
    }

    /// A map leaf with this root, which is right.
    fn end_stretch(&mut self, map: Hash) {
        self.before = self.tree.clone();
        let index = EntryIndex(self.tree.size().0);
        self.tree.append(leaf_hash(&map_leaf_data(index, map)));
        self.map = Some(map);
        self.since.clear();
    }

    /// Number of leaves so far.
    pub fn size(&self) -> TreeSize {
        self.tree.size()
    }

    /// Number of chains so far.
    pub fn chain_count(&self) -> usize {
        self.chains.len()
    }

    /// How each chain ended.
    pub fn chain_ends(&self) -> impl Iterator<Item = &ChainEnd> {
        self.chains.values()
    }

    /// Number of entries that stand in chains so far.
    pub fn entry_count(&self) -> u64 {
        self.chains.values().map(|end| end.length).sum()
    }

    /// Takes the next place of the log.
    ///
    /// # Errors
    /// It cannot stand there, or a map leaf is not the map of the entries before it. Nothing more can be said then; what
    /// shows it is [`MapAudit::wrong`].
    pub fn take(&mut self, place: &LogPlace) -> Result<(), WrongLog> {
        let at = self.tree.size().0;
        let (LogPlace::Entry { index, .. } | LogPlace::Map { index, .. }) = place;
        let wrong = |code, words: String| WrongLog {
            code,
            index: at,
            words,
        };
        if index.0 != at {
            let words = format!("The place {} was given in its stead.", index.0);
            return Err(wrong("place-missing", words));
        }
        let taken = match place {
            LogPlace::Entry {
                recorded_at, jws, ..
            } => self.take_entry(*recorded_at, jws),
            LogPlace::Map { map, .. } => self.take_map(*map),
        };
        taken.map_err(|(code, words)| {
            let map = match place {
                LogPlace::Entry { .. } => None,
                LogPlace::Map { map, .. } => Some(*map),
            };
            self.wrong = Some(self.stretch(map));
            wrong(code, words)
        })
    }

    fn take_map(&mut self, map: Hash) -> Result<(), (&'static str, String)> {
        if self.since.is_empty() || !self.branch.is_empty() {
            let words = "A map leaf stands where none can stand.";
            return Err(("map-superfluous", words.to_owned()));
        }
        let updated = map_rows::update(&self.rows, &self.changed)
            .expect("rows that only updates wrote are all there");
        if updated.root != map {
            let words = "The log's map is not the map of the entries before it: it hides entries, or names some that \
                         are not there.";
            return Err(("map-differs", words.to_owned()));
        }
        self.changed.clear();
        self.rows.extend(updated.rows);
        self.end_stretch(map);
        Ok(())
    }

    fn take_entry(
        &mut self,
        recorded_at: LogTime,
        jws: &str,
    ) -> Result<(), (&'static str, String)> {
        self.since.push(Since {
            recorded_at,
            jws: jws.to_owned(),
            before: None,
        });
        let entry = UnverifiedEntry::from_parts(jws, std::iter::empty())
            .map_err(|error| ("entry-form", format!("{error}.")))?;
        let commitment = Commitment::new(recorded_at, entry.hash());
        self.extend(&entry, commitment)
            .map_err(|words| ("chain-differs", words))?;
        self.tree.append(commitment.leaf_hash());
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
        let key = map::key(&chain);
        if !self.changed.contains_key(&key)
            && let Some(since) = self.since.last_mut()
        {
            since.before = Some((length, head));
        }
        let index = EntryIndex(self.tree.size().0);
        let head = head.extend(index, commitment);
        self.changed.insert(key, map::value(key, length + 1, head));
        if (payload.seq, payload.prev) != (length, last) {
            return Err(match payload.seq == length {
                true => "Its signer named another entry before it in its chain.".to_owned(),
                false => format!(
                    "Its signer put it at position {} of its chain, which has {length} entries before it.",
                    payload.seq
                ),
            });
        }
        let end = ChainEnd {
            subject: chain.subject.clone(),
            strand: chain.strand,
            length: length + 1,
            last: entry.hash(),
            head,
        };
        self.grown.insert(chain.clone());
        self.chains.insert(chain, end);
        self.branch = taken_in(entry).into();
        Ok(())
    }

    /// What came since the last map leaf, as anyone can check it.
    fn stretch(&self, map: Option<Hash>) -> Stretch {
        let keys: Vec<Hash> = self.changed.keys().copied().collect();
        let siblings = MapMultiproof::prove(&self.rows, &keys)
            .expect("rows that only updates wrote are all there");
        let entries = self.since.iter().map(|since| Given {
            recorded_at: since.recorded_at,
            content: Content::read(since.jws.as_bytes()),
            before: since.before,
        });
        Stretch {
            map_before: self.map,
            tree_before: self.before.clone(),
            siblings,
            entries: entries.collect(),
            map,
        }
    }

    /// The stretch of the log in which something is wrong, once it was said that something is; none where that is a
    /// place that was not given, which is no fault of the log.
    pub fn wrong(&self) -> Option<&Stretch> {
        self.wrong.as_ref()
    }

    /// The root of the tree so far; nothing for an empty one.
    pub fn root(&self) -> Option<RootHash> {
        (self.tree.size().0 > 0).then(|| self.tree.root())
    }

    /// What to keep, if the last leaf was a map leaf.
    pub fn keep(&self) -> Option<Recomputed> {
        self.kept_with(self.chains.values().cloned().collect())
    }

    /// What to add to what was kept, which is what this was resumed from or gave out last; if the last leaf was a map leaf.
    pub fn keep_new(&mut self) -> Option<Recomputed> {
        let chains = self.grown.iter().map(|chain| self.chains[chain].clone());
        let kept = self.kept_with(chains.collect())?;
        self.grown.clear();
        Some(kept)
    }

    fn kept_with(&self, chains: Vec<ChainEnd>) -> Option<Recomputed> {
        let in_map = self.map.is_some() && self.since.is_empty();
        in_map.then(|| Recomputed {
            size: self.tree.size().0,
            before: self.before.subtrees().to_vec(),
            chains,
        })
    }
}
