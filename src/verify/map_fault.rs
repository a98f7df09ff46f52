//! Proof of a wrong map (`*.custody-map-fault`): a stretch of a log from one map leaf to the next, whose second map is
//! not what the first and the entries between them give; or a stretch of which an entry cannot stand where it does.
//! Whoever recomputes the map writes one; whoever has it needs nothing else to check it.
//!
//! ```text
//! custody-map-fault-v1 LF
//! key <vkey> LF                    one or more, ascending: keys of the log that signed the checkpoint
//! [ map <index> <root> LF          the map leaf before the stretch; absent where that begins with the log
//!   *( tree <hash> LF ) ]          the complete subtrees of the leaves before it, the largest first
//! present <bits> LF                multiproof of the chains touched, under the map before (protocol::map_multiproof)
//! *( sibling <hash> LF )
//! *( [ chain <n> <head> LF ]       what the chain of the next entry had before, where that is its first here
//!    entry <recorded_at> <JWS> LF
//!  | raw <recorded_at> <bytes> LF ) what is no entry
//! [ map <root> LF ]                the map leaf after them; absent where the last of them is what is wrong
//! *( proof <hash> LF )             consistency from there to the checkpoint
//! LF
//! <checkpoint, a signed note>
//! ```
//!
//! Hashes, bits and bytes are base64 with padding. A chain that had no entry is `chain 0`.
//!
//! It is sound against an honest log: the leaves given give the root that was signed, so they are the log's own; no
//! map leaf of such a log differs from what the map leaf before it and its entries give, and none of its entries is
//! other than section 4 and 5 of `docs/FORMATS.md` say.
//!
//! In scope: whether it shows anything, and what ([`MapFault::verify`]). Out of scope: whether anyone trusts the key
//! ([`verify_map_fault`] asks a policy); finding the stretch (`map_audit`). The text is in `file`.

use std::collections::{BTreeMap, VecDeque};

use super::finding::{Asked, Finding, Findings};
use super::fork::check_known;
use crate::ledger::taken_in;
use crate::protocol::checkpoint::{Checkpoint, CheckpointError};
use crate::protocol::entry::{EntryHash, UnverifiedEntry};
use crate::protocol::frontier::Frontier;
use crate::protocol::hash::Hash;
use crate::protocol::id::ChainId;
use crate::protocol::leaf::{ChainHead, Commitment, map_leaf_data};
use crate::protocol::map::{self, DEPTH, PathError};
use crate::protocol::map_multiproof::MapMultiproof;
use crate::protocol::note::{NoteError, SignatureKind, UnverifiedNote, VerifierKey};
use crate::protocol::policy::Policy;
use crate::protocol::time::LogTime;
use crate::protocol::tree::{
    ConsistencyProof, EntryIndex, ProofError, RootHash, TreeSize, leaf_hash,
};

mod file;

pub use file::{HEADER, MAX_FAULT};

/// What a chain had before the stretch: its length, and its head.
pub type Before = (u64, ChainHead);

/// One leaf of the stretch that should be an entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// When the log says it recorded it.
    pub recorded_at: LogTime,
    /// What it committed to.
    pub content: Content,
    /// What its chain had before, where it is the first of its chain here.
    pub before: Option<Before>,
}

/// What an entry leaf commits to.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// An entry; only its signed part is here.
    Entry(Box<UnverifiedEntry>),
    /// Bytes that do not read as one.
    Raw(Vec<u8>),
}

impl Content {
    /// What these bytes are.
    pub fn read(bytes: &[u8]) -> Content {
        let text = std::str::from_utf8(bytes).ok();
        let entry = text.and_then(|text| UnverifiedEntry::from_parts(text, []).ok());
        entry.map_or_else(
            || Content::Raw(bytes.to_vec()),
            |entry| Content::Entry(Box::new(entry)),
        )
    }

    fn hash(&self) -> EntryHash {
        match self {
            Content::Entry(entry) => entry.hash(),
            Content::Raw(bytes) => EntryHash(Hash::of(&[bytes])),
        }
    }
}

/// A stretch of a log in which something is wrong, without the checkpoint that makes the log answer for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// The map leaf before it and its root; nothing where it begins with the log.
    pub map_before: Option<Hash>,
    /// The tree before that map leaf.
    pub tree_before: Frontier,
    /// The siblings of the chains touched, under the map before.
    pub siblings: MapMultiproof,
    /// The leaves after that map leaf.
    pub entries: Vec<Given>,
    /// The root in the map leaf after them; nothing where the last of them is what is wrong.
    pub map: Option<Hash>,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// The map that the log commits to is another.
    #[error(
        "its map is not the map of the entries before it: it hides entries, or names some that are not there"
    )]
    Map,
    /// Nothing was recorded since the last one.
    #[error("it is a map leaf, and no entry stands between it and the one before")]
    MapSuperfluous,
    /// A map leaf stands where an entry of a branch must.
    #[error("it is a map leaf, and stands where an entry of a branch must")]
    MapInBranch,
    /// What the leaf commits to does not read as an entry.
    #[error("it commits to something that is no entry")]
    NotAnEntry,
    /// The branch before it names another.
    #[error("it is not the entry that the branch before it names")]
    Branch,
    /// It states another place.
    #[error(
        "its signer put it at position {stated} of its chain, which has {length} entries before it"
    )]
    Position {
        /// What its signer stated.
        stated: u64,
        /// How long its chain is.
        length: u64,
    },
    /// It states another entry before it.
    #[error("the entry before it in its chain is not the one that its signer named")]
    Previous,
}

/// Why a file shows nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapFaultError {
    /// It is not of the form.
    #[error("not a proof of a wrong map: {0}")]
    Form(&'static str),
    /// The checkpoint is bad, or not signed by each of the keys.
    #[error("{0}")]
    Checkpoint(#[from] CheckpointError),
    /// The leaves are not those of the tree that was signed.
    #[error("the leaves are not of the signed tree: {0}")]
    Tree(#[from] ProofError),
    /// The chains are not those of the map before.
    #[error("the chains are not those of the map before: {0}")]
    Map(#[from] PathError),
    /// As far as it shows, the log is as it should be.
    #[error("nothing wrong: {0}")]
    Nothing(&'static str),
}

impl From<NoteError> for MapFaultError {
    fn from(error: NoteError) -> MapFaultError {
        MapFaultError::Checkpoint(error.into())
    }
}

/// A file, not yet checked.
#[derive(Debug, Clone, PartialEq)]
pub struct MapFault {
    keys: Vec<VerifierKey>,
    stretch: Stretch,
    /// From the end of the stretch to the checkpoint.
    proof: ConsistencyProof,
    note: String,
}

/// What was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// What the log signed.
    pub checkpoint: Checkpoint,
    /// Its keys.
    pub guilty: Vec<VerifierKey>,
    /// Where.
    pub index: EntryIndex,
    /// What.
    pub wrong: Wrong,
    /// The file.
    pub text: String,
}

impl Stretch {
    /// Number of leaves of the log up to its end.
    pub fn end(&self) -> TreeSize {
        let leaves = u64::from(self.map_before.is_some()) + self.entries.len() as u64;
        TreeSize(self.tree_before.size().0 + leaves + u64::from(self.map.is_some()))
    }

    /// Makes the log answer for it with a checkpoint that it signed, at the stretch's end or, with a consistency proof
    /// from there, later. What is handed out is shown.
    ///
    /// # Errors
    /// The stretch is not part of what was signed, or nothing is wrong with it.
    pub fn signed<'k>(
        &self,
        note: &str,
        keys: impl IntoIterator<Item = &'k VerifierKey>,
        proof: ConsistencyProof,
    ) -> Result<Shown, MapFaultError> {
        let keys: Vec<&VerifierKey> = keys.into_iter().collect();
        let open = UnverifiedNote::parse(note)?.verify(keys.iter().copied())?;
        let mut guilty: Vec<VerifierKey> = Vec::new();
        let mut lines = String::new();
        let mut signed: Vec<_> = open.verified.iter().collect();
        signed.sort_by_key(|one| one.key.to_string());
        for one in signed {
            if keys.contains(&&one.key) && !guilty.contains(&one.key) {
                guilty.push(one.key.clone());
                lines.push_str(&one.line);
            }
        }
        let fault = MapFault {
            keys: guilty,
            stretch: self.clone(),
            proof,
            note: format!("{}\n{lines}", open.text),
        };
        fault.verify()
    }

    /// The root of the tree up to its end, and what is wrong where.
    fn judge(&self) -> Result<(RootHash, EntryIndex, Wrong), MapFaultError> {
        // 1. The leaves before.
        let mut tree = self.tree_before.clone();
        match self.map_before {
            Some(map) => tree.append(leaf_hash(&map_leaf_data(EntryIndex(tree.size().0), map))),
            None if tree.size().0 > 0 => return Err(form("leaves before, and no map leaf")),
            None => {}
        }
        // 2. The entries, each into the chain that it names.
        let mut chains = Chains::default();
        let mut wrong = None;
        for given in &self.entries {
            if wrong.is_some() {
                return Err(form("something stands behind the entry that is wrong"));
            }
            let index = EntryIndex(tree.size().0);
            let commitment = Commitment::new(given.recorded_at, given.content.hash());
            tree.append(commitment.leaf_hash());
            wrong = chains.take(given, index, commitment)?;
        }
        // 3. The chains are those of the map before; what they became gives the map after.
        let [before, after] = self.siblings.roots(&chains.values())?;
        if before != self.map_before.unwrap_or(map::empty(0)) {
            return Err(MapFaultError::Nothing(
                "the chains are not those of the map before",
            ));
        }
        if let Some(map) = self.map {
            if wrong.is_some() {
                return Err(form("something stands behind the entry that is wrong"));
            }
            wrong = match (self.entries.is_empty(), chains.branch.is_empty()) {
                (true, _) => Some(Wrong::MapSuperfluous),
                (_, false) => Some(Wrong::MapInBranch),
                _ => (map != after).then_some(Wrong::Map),
            };
            tree.append(leaf_hash(&map_leaf_data(EntryIndex(tree.size().0), map)));
        }
        let wrong = wrong.ok_or(MapFaultError::Nothing(
            "every entry fits, and the map is that of the entries before it",
        ))?;
        let last = tree.size().0.checked_sub(1);
        let last = last.ok_or(form("it holds no leaf"))?;
        Ok((tree.root(), EntryIndex(last), wrong))
    }
}

fn form(why: &'static str) -> MapFaultError {
    MapFaultError::Form(why)
}

/// Chains that entries of the stretch stand in.
#[derive(Default)]
struct Chains {
    touched: BTreeMap<ChainId, Touched>,
    /// Entries of a branch that must come next.
    branch: VecDeque<EntryHash>,
}

struct Touched {
    before: Before,
    length: u64,
    head: ChainHead,
    last: Option<EntryHash>,
}

impl Chains {
    /// What is wrong with the next entry, if anything is.
    fn take(
        &mut self,
        given: &Given,
        index: EntryIndex,
        commitment: Commitment,
    ) -> Result<Option<Wrong>, MapFaultError> {
        let untouched = |wrong| match given.before {
            None => Ok(wrong),
            Some(_) => Err(form("a chain is given for what touches none")),
        };
        let Content::Entry(entry) = &given.content else {
            return untouched(Some(Wrong::NotAnEntry));
        };
        if let Some(named) = self.branch.pop_front() {
            // It takes no place in its chain.
            return untouched((named != entry.hash()).then_some(Wrong::Branch));
        }
        let payload = entry.payload();
        let chain = payload.chain();
        match (given.before, self.touched.contains_key(&chain)) {
            (Some(before), false) => {
                let (length, head) = before;
                let touched = Touched {
                    before,
                    length,
                    head,
                    last: None,
                };
                self.touched.insert(chain.clone(), touched);
            }
            (None, true) => {}
            _ => return Err(form("a chain is not given once, where it is first touched")),
        }
        let touched = self.touched.get_mut(&chain);
        let touched = touched.expect("it was put there if it was not");
        let wrong = if payload.seq != touched.length {
            Some(Wrong::Position {
                stated: payload.seq,
                length: touched.length,
            })
        } else {
            // What the last entry before the stretch was, its map does not say.
            let other = touched.last.is_some_and(|last| payload.prev != Some(last));
            other.then_some(Wrong::Previous)
        };
        touched.length += 1;
        touched.head = touched.head.extend(index, commitment);
        touched.last = Some(entry.hash());
        self.branch = taken_in(entry).into();
        Ok(wrong)
    }

    /// Before and after, by key.
    fn values(&self) -> BTreeMap<Hash, [Hash; 2]> {
        let values = self.touched.iter().map(|(chain, touched)| {
            let key = map::key(chain);
            let before = match touched.before {
                (0, _) => map::empty(DEPTH),
                (length, head) => map::value(key, length, head),
            };
            (key, [before, map::value(key, touched.length, touched.head)])
        });
        values.collect()
    }
}

impl MapFault {
    /// Checks that it shows something.
    pub fn verify(&self) -> Result<Shown, MapFaultError> {
        // 1. Each key signed the checkpoint, no other line is there, and each is a key of that log.
        if self.keys.is_empty() {
            return Err(MapFaultError::Nothing("no key signed the checkpoint"));
        }
        let note = UnverifiedNote::parse(&self.note)?.verify(&self.keys)?;
        if note.verified.len() != self.keys.len() {
            return Err(MapFaultError::Nothing("a key did not sign the checkpoint"));
        }
        if !note.unverified.is_empty() {
            return Err(form("a signature is not of a key named above"));
        }
        let checkpoint = Checkpoint::parse_text(&note.text)?;
        let is_of_log = |key: &VerifierKey| {
            key.kind() != SignatureKind::CosignatureV1 && *key.name() == checkpoint.origin
        };
        if !self.keys.iter().all(is_of_log) {
            return Err(MapFaultError::Nothing("a key is not one of this log"));
        }
        // 2. The stretch, and what is wrong in it.
        let (root, index, wrong) = self.stretch.judge()?;
        // 3. It is a stretch of the tree that was signed.
        let end = TreeSize(index.0 + 1);
        self.proof
            .verify(end, root, checkpoint.size, checkpoint.root)?;
        Ok(Shown {
            checkpoint,
            guilty: self.keys.clone(),
            index,
            wrong,
            text: self.to_text(),
        })
    }
}

/// Checks a proof of a wrong map. It holds by itself; whose the keys are, a trust policy says.
pub fn verify_map_fault(text: &str, policy: Option<&Policy>) -> (Vec<Finding>, Option<Shown>) {
    let mut findings = Findings::default();
    let shown = match MapFault::parse(text).and_then(|fault| fault.verify()) {
        Ok(shown) => Some(shown),
        Err(error) => {
            let place = "proof of a wrong map";
            findings.failed(Asked::History, "map-fault-not-shown", place, error);
            None
        }
    };
    for key in shown.iter().flat_map(|shown| &shown.guilty) {
        check_known(key, "signed it", policy, &mut findings);
    }
    (findings.into_list(), shown)
}

#[cfg(test)]
mod tests;
