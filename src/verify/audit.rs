//! Auditing a whole ledger: every entry in the order of the log, everything recomputed.
//!
//! In scope: leaves, times, `seen`, signatures, rules, the tree, and the state that the rules give. Out of scope:
//! reading storage (the service feeds this, one entry at a time) and the trust policy of a reader.

use super::finding::{Asked, Finding, Findings};
use crate::ledger::state::{Known as _, MemoryState, Record, RecordKey};
use crate::ledger::{Place, Rules, admit, signer};
use crate::protocol::checkpoint;
use crate::protocol::entry::{EntryHash, UnverifiedEntry};
use crate::protocol::hash::Hash;
use crate::protocol::leaf::Commitment;
use crate::protocol::note::VerifierKey;
use crate::protocol::time::LogTime;
use crate::protocol::tree::{self, EntryIndex, MemoryTree, NodeId, NodeReader as _, TreeSize};

/// One entry as it is stored.
pub struct AuditLeaf {
    /// When the log says it recorded it.
    pub recorded_at: LogTime,
    /// Leaf data, as tiles publish it.
    pub data: Vec<u8>,
    /// Signed part.
    pub jws: String,
    /// Disclosures that are there, sorted by name.
    pub disclosures: Vec<String>,
}

/// An audit under way.
pub struct Audit<'r> {
    rules: &'r Rules,
    state: MemoryState,
    tree: MemoryTree,
    last: LogTime,
    findings: Findings,
}

impl<'r> Audit<'r> {
    /// Begins with an empty log.
    pub fn new(rules: &'r Rules) -> Audit<'r> {
        Audit {
            rules,
            state: MemoryState::default(),
            tree: MemoryTree::default(),
            last: LogTime(0),
            findings: Findings::default(),
        }
    }

    /// Takes the next entry of the log.
    pub fn step(&mut self, leaf: &AuditLeaf) {
        let index = EntryIndex(self.tree.size().0);
        let place = format!("entry {}", index.0);
        let e = EntryHash(Hash::of(&[leaf.jws.as_bytes()]));
        // 1. The leaf commits to the entry and its time, and time does not go back.
        if Commitment::new(leaf.recorded_at, e).leaf_data() != leaf.data {
            let words =
                "The leaf does not commit to the entry and the time that are stored for it.";
            self.findings
                .failed(Asked::History, "leaf-differs", &place, words);
        }
        if leaf.recorded_at < self.last {
            let words = "It is said to have been recorded before the entry that precedes it.";
            self.findings
                .failed(Asked::History, "time-backwards", &place, words);
        }
        self.last = self.last.max(leaf.recorded_at);
        // 2. to 4. Form, signature, rules.
        self.check_entry(index, leaf, &place);
        // 5. The leaf takes its place in the tree as published.
        self.tree.append(tree::leaf_hash(&leaf.data));
    }

    fn check_entry(&mut self, index: EntryIndex, leaf: &AuditLeaf, place: &str) {
        let disclosures = leaf.disclosures.iter().map(String::as_str);
        let entry = match UnverifiedEntry::from_parts(&leaf.jws, disclosures) {
            Ok(entry) => entry,
            Err(error) => {
                return self.findings.failed(
                    Asked::History,
                    "entry-form",
                    place,
                    format!("{error}."),
                );
            }
        };
        if entry.withheld().next().is_some() {
            let names: Vec<&str> = entry.withheld().collect();
            let words = format!("Details are not stored: {}.", names.join(", "));
            self.findings
                .failed(Asked::Handling, "disclosure-missing", place, words);
        }
        if let Some(seen) = entry.payload().seen {
            let there = seen.size.0 > 0 && seen.size <= self.tree.size();
            if !there || tree::root(seen.size, &self.tree) != Ok(seen.root) {
                let words = "The signer saw a state of the log that is not part of this history.";
                self.findings
                    .failed(Asked::History, "seen-not-on-tree", place, words);
            }
        }
        let key = match signer(&self.state, &entry) {
            Ok(key) => key,
            Err(refusal) => {
                return self
                    .findings
                    .failed(Asked::Signers, "signer-unknown", place, refusal.why);
            }
        };
        let verified = match entry.verify(&key) {
            Ok(verified) => verified,
            Err(error) => {
                return self.findings.failed(
                    Asked::Signers,
                    "signature",
                    place,
                    format!("{error}."),
                );
            }
        };
        let at = Place {
            index,
            recorded_at: leaf.recorded_at,
        };
        match admit(self.rules, &self.state, &verified, at) {
            Ok(admitted) => self.state.apply(admitted.changes),
            Err(refusal) => {
                let words = format!(
                    "The rules of custody refuse this entry ({}): {}",
                    refusal.code, refusal.why
                );
                self.findings
                    .failed(Asked::Handling, "rule-broken", place, words);
            }
        }
    }

    /// Checks a signed checkpoint against the tree recomputed; call it when all entries it covers are in.
    pub fn checkpoint(&mut self, note: &str) {
        let keys = self
            .state
            .ledger()
            .map_or_else(Vec::new, |ledger| ledger.log_keys);
        let keys = keys.iter().filter_map(|key| VerifierKey::parse(key).ok());
        let Some(checkpoint) = keys
            .into_iter()
            .find_map(|key| checkpoint::open(note, &key).ok())
        else {
            let words = "A checkpoint is not signed by the log's key.";
            return self
                .findings
                .failed(Asked::History, "checkpoint", "checkpoints", words);
        };
        let (size, root) = (checkpoint.0.size, checkpoint.0.root);
        if size > self.tree.size() || tree::root(size, &self.tree) != Ok(root) {
            let words = "The entries stored do not give the root that the log signed.";
            let place = format!("checkpoint of size {}", size.0);
            self.findings
                .failed(Asked::History, "root-differs", place, words);
        }
    }

    /// Checks a stored record of the rules' state against the state recomputed.
    pub fn record(&mut self, key: &RecordKey, stored: Option<&Record>) {
        if self.state.get(key).as_ref() != stored {
            let words =
                "The stored state is not what the entries give; it can be rebuilt from them.";
            self.findings
                .failed(Asked::History, "state-differs", format!("{key:?}"), words);
        }
    }

    /// Checks a stored node of the tree.
    pub fn node(&mut self, id: NodeId, stored: Option<Hash>) {
        if self.tree.node(id).ok() != stored {
            let words =
                "The stored tree is not what the entries give; it can be rebuilt from them.";
            self.findings
                .failed(Asked::History, "node-differs", format!("{id:?}"), words);
        }
    }

    /// Something stored that could not be read at all.
    pub fn unreadable(&mut self, place: &str, why: &str) {
        self.findings
            .failed(Asked::History, "unreadable", place, why);
    }

    /// Number of entries so far.
    pub fn size(&self) -> TreeSize {
        self.tree.size()
    }

    /// Every record of the state recomputed.
    pub fn state(&self) -> &MemoryState {
        &self.state
    }

    /// What was found.
    pub fn finish(self) -> Vec<Finding> {
        self.findings.into_list()
    }
}
