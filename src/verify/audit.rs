//! Auditing a whole ledger: every entry in the order of the log, everything recomputed.
//!
//! In scope: leaves, times, `seen`, signatures, rules, the tree, checkpoints, and the state that the rules give. Out
//! of scope: reading storage and comparing its rows (the service does that), threads (it makes [`Prepared`] entries
//! on several), and the trust policy of a reader.
//!
//! Where an entry is missing, the rules cannot be run any further: what follows is still checked against its leaf,
//! its form and its signature, and the audit says from where on the rules were not run.

use std::collections::{BTreeMap, BTreeSet};

use super::access::Readings;
use super::audit_state::AuditState;
use super::finding::{Asked, Finding, Findings};
use super::owed::Owed;
use super::replay;
use crate::ledger::erasure::erased;
use crate::ledger::state::{Known as _, Record, RecordKey};
use crate::ledger::{Place, Rules, admit, map_value, signer};
use crate::protocol::checkpoint::{self, Checkpoint};
use crate::protocol::entry::{EntryHash, UnverifiedEntry, VerifiedEntry};
use crate::protocol::hash::Hash;
use crate::protocol::key::{KeyId, PublicKey};
use crate::protocol::leaf::{Commitment, map_leaf_data};
use crate::protocol::map_rows::{self, MemoryRows};
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

/// An entry with everything done that does not depend on the entries before it.
pub struct Prepared {
    recorded_at: LogTime,
    data: Vec<u8>,
    e: EntryHash,
    entry: Result<Checked, String>,
}

/// An entry whose form is right.
enum Checked {
    /// Signed by the key that its header names: a key id is a hash of the key, so it does not matter by whose word
    /// the key was found.
    Verified(Box<VerifiedEntry>),
    Unverified(Box<UnverifiedEntry>),
}

impl Prepared {
    /// Parses an entry, and checks its signature if the key that it names is known already.
    pub fn new(leaf: AuditLeaf, key: impl FnOnce(KeyId) -> Option<PublicKey>) -> Prepared {
        let disclosures = leaf.disclosures.iter().map(String::as_str);
        let entry = UnverifiedEntry::from_parts(&leaf.jws, disclosures);
        let entry = entry.map_err(|error| error.to_string());
        let checked = entry.map(|entry| {
            let verified = key(entry.kid()).and_then(|key| entry.clone().verify(&key).ok());
            match verified {
                Some(verified) => Checked::Verified(Box::new(verified)),
                None => Checked::Unverified(Box::new(entry)),
            }
        });
        Prepared {
            recorded_at: leaf.recorded_at,
            data: leaf.data,
            e: EntryHash(Hash::of(&[leaf.jws.as_bytes()])),
            entry: checked,
        }
    }

    /// The entry, if its form is right.
    pub fn entry(&self) -> Option<&UnverifiedEntry> {
        match &self.entry {
            Ok(Checked::Verified(entry)) => Some(entry),
            Ok(Checked::Unverified(entry)) => Some(entry),
            Err(_) => None,
        }
    }
}

/// An audit under way.
pub struct Audit<'r> {
    rules: &'r Rules,
    state: AuditState,
    tree: MemoryTree,
    last: LogTime,
    /// The first entry that the rules could not be run on, because it is not there or has no form.
    stopped: Option<EntryIndex>,
    /// Whether every leaf is in the tree.
    tree_whole: bool,
    /// The map as of the last map leaf, and what became of chains since.
    map: MemoryRows,
    changed: BTreeMap<Hash, Hash>,
    map_leaves: BTreeSet<u64>,
    owed: Owed,
    readings: Readings,
    /// Details that are not stored.
    missing: Vec<(EntryIndex, EntryHash, Vec<String>)>,
    findings: Findings,
}

impl<'r> Audit<'r> {
    /// Begins with an empty log.
    pub fn new(rules: &'r Rules) -> Audit<'r> {
        Audit {
            rules,
            state: AuditState::default(),
            tree: MemoryTree::default(),
            last: LogTime(0),
            stopped: None,
            tree_whole: true,
            map: MemoryRows::default(),
            changed: BTreeMap::new(),
            map_leaves: BTreeSet::new(),
            owed: Owed::default(),
            readings: Readings::default(),
            missing: Vec::new(),
            findings: Findings::default(),
        }
    }

    /// Takes the next entry of the log.
    pub fn step(&mut self, leaf: AuditLeaf) {
        self.take(Prepared::new(leaf, |_| None));
    }

    /// Takes the next entry of the log, prepared.
    pub fn take(&mut self, prepared: Prepared) {
        let index = EntryIndex(self.tree.size().0);
        let place = format!("entry {}", index.0);
        // 1. The leaf commits to the entry and its time, and time does not go back.
        if Commitment::new(prepared.recorded_at, prepared.e).leaf_data() != prepared.data {
            let words =
                "The leaf does not commit to the entry and the time that are stored for it.";
            self.history("leaf-differs", &place, words);
        }
        if prepared.recorded_at < self.last {
            let words = "It is said to have been recorded before the entry that precedes it.";
            self.history("time-backwards", &place, words);
        }
        self.last = self.last.max(prepared.recorded_at);
        // 2. to 4. Form, signature, rules.
        match prepared.entry {
            Ok(entry) => self.check_entry(index, prepared.recorded_at, entry, &place),
            Err(why) => {
                self.history("entry-form", &place, &format!("{why}."));
                self.stopped.get_or_insert(index);
            }
        }
        // 5. The leaf takes its place in the tree as published.
        self.tree.append(tree::leaf_hash(&prepared.data));
    }

    /// Takes the next place of the log, whose entry is not there; its leaf may be.
    pub fn take_hole(&mut self, data: Option<&[u8]>) {
        let index = EntryIndex(self.tree.size().0);
        self.stopped.get_or_insert(index);
        self.tree_whole &= data.is_some();
        self.tree.append(tree::leaf_hash(data.unwrap_or_default()));
    }

    /// Takes the next place of the log, which a map leaf has, or must have. Where it is not what the entries give, hands
    /// out what it should be, and with `mend` goes on with that.
    pub fn take_map_leaf(&mut self, data: Option<&[u8]>, mend: bool) -> Option<Vec<u8>> {
        let index = EntryIndex(self.tree.size().0);
        let place = format!("leaf {}", index.0);
        let updated = map_rows::update(&self.map, &std::mem::take(&mut self.changed));
        let updated = updated.expect("rows that only updates wrote are all there");
        self.map.extend(updated.rows);
        let expected = map_leaf_data(index, updated.root);
        if index.0 == 0 || self.map_leaves.contains(&(index.0 - 1)) {
            let words = "A map leaf stands where no entry came since the last one.";
            self.history("map-superfluous", &place, words);
        }
        self.map_leaves.insert(index.0);
        let differs = self.stopped.is_none() && data != Some(&expected[..]);
        // What is not there was named by whoever read it.
        if differs && data.is_some() {
            let words = "The map leaf is not the map of the entries before it: it hides entries, or names some that are not there.";
            self.history("map-differs", &place, words);
        }
        let taken = match (data, mend && differs) {
            (Some(data), false) => data,
            (None, false) => {
                self.tree_whole = false;
                &[]
            }
            (_, true) => &expected,
        };
        self.tree.append(tree::leaf_hash(taken));
        differs.then_some(expected)
    }

    /// A checkpoint of this size was published: a map leaf ends its tree.
    pub fn published(&mut self, size: TreeSize) {
        let last = size.0.checked_sub(1);
        if size <= self.tree.size() && last.is_none_or(|last| !self.map_leaves.contains(&last)) {
            let place = format!("published checkpoint of size {}", size.0);
            let words =
                "Its tree does not end in a map leaf, so it does not say which chains there are.";
            self.history("map-missing", &place, words);
        }
    }

    fn check_entry(
        &mut self,
        index: EntryIndex,
        recorded_at: LogTime,
        entry: Checked,
        place: &str,
    ) {
        let unverified = match &entry {
            Checked::Verified(entry) => entry,
            Checked::Unverified(entry) => &**entry,
        };
        if unverified.withheld().next().is_some() {
            // A later entry may say that the law had them erased.
            let names = unverified.withheld().map(str::to_owned).collect();
            self.missing.push((index, unverified.hash(), names));
        }
        if let (Some(seen), true) = (unverified.payload().seen, self.tree_whole) {
            let there = seen.size.0 > 0 && seen.size <= self.tree.size();
            if !there || tree::root(seen.size, &self.tree) != Ok(seen.root) {
                let words = "The signer saw a state of the log that is not part of this history.";
                self.history("seen-not-on-tree", place, words);
            }
        }
        let key = match signer(&self.state, unverified) {
            Ok(key) => key,
            // The entry that enrols the key may be what is not there.
            Err(_) if self.stopped.is_some() => return,
            Err(refusal) => {
                let words = refusal.why;
                return self
                    .findings
                    .failed(Asked::Signers, "signer-unknown", place, words);
            }
        };
        let verified = match entry {
            Checked::Verified(verified) => Ok(*verified),
            Checked::Unverified(entry) => entry.verify(&key),
        };
        let verified = match verified {
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
        if self.stopped.is_some() {
            return;
        }
        let at = Place { index, recorded_at };
        match admit(self.rules, &self.state, &verified, at) {
            Ok(admitted) => {
                if index.0 == 0 {
                    replay::check_rules(&verified, self.rules, &mut self.findings);
                }
                let (state, findings) = (&self.state, &mut self.findings);
                self.readings
                    .check(state, &verified, recorded_at, place, findings);
                self.owed.pay(&verified);
                self.owed.add(verified.hash(), &admitted);
                let changes = admitted.changes;
                let chains = changes
                    .iter()
                    .filter_map(|(key, record)| map_value(key, record));
                self.changed.extend(chains);
                self.state.apply(changes);
            }
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

    /// The log's keys, by the genesis entry.
    pub fn log_keys(&self) -> Vec<VerifierKey> {
        let keys = self.state.ledger().map(|ledger| ledger.log_keys);
        let keys = keys.unwrap_or_default();
        keys.iter()
            .filter_map(|key| VerifierKey::parse(key).ok())
            .collect()
    }

    /// Checks a signed checkpoint against the tree recomputed; call it when all entries it covers are in.
    pub fn checkpoint(&mut self, note: &str) {
        match open(note, &self.log_keys()) {
            Some(checkpoint) => self.opened_checkpoint(&checkpoint),
            None => self.history(
                "checkpoint",
                "checkpoints",
                "A checkpoint is not signed by the log's key.",
            ),
        }
    }

    /// The same for a checkpoint whose signature was checked.
    pub fn opened_checkpoint(&mut self, checkpoint: &Checkpoint) {
        let (size, root) = (checkpoint.size, checkpoint.root);
        if size > self.tree.size() {
            let words = format!(
                "The log signed a tree of {} entries; {} are stored, so entries were lost.",
                size.0,
                self.tree.size().0
            );
            let place = format!("checkpoint of size {}", size.0);
            self.history("root-differs", &place, &words);
        } else if self.tree_whole && tree::root(size, &self.tree) != Ok(root) {
            let words = "The entries stored do not give the root that the log signed.";
            let place = format!("checkpoint of size {}", size.0);
            self.history("root-differs", &place, words);
        }
    }

    /// Whether a checkpoint whose signature was checked is one of the tree recomputed.
    pub fn agrees(&self, checkpoint: &Checkpoint) -> bool {
        let there = checkpoint.size <= self.tree.size() && self.tree_whole;
        there && tree::root(checkpoint.size, &self.tree) == Ok(checkpoint.root)
    }

    /// Checks a stored record of the rules' state against the state recomputed.
    pub fn record(&mut self, key: &RecordKey, stored: Option<&Record>) {
        if self.state.get(key).as_ref() != stored {
            let words =
                "The stored state is not what the entries give; it can be rebuilt from them.";
            self.history("state-differs", &format!("{key:?}"), words);
        }
    }

    /// Checks a stored node of the tree.
    pub fn node(&mut self, id: NodeId, stored: Option<Hash>) {
        if self.tree.node(id).ok() != stored {
            let words =
                "The stored tree is not what the entries give; it can be rebuilt from them.";
            self.history("node-differs", &format!("{id:?}"), words);
        }
    }

    /// Something about what is stored that whoever reads it found.
    pub fn found(&mut self, code: &str, place: &str, words: &str) {
        self.history(code, place, words);
    }

    /// Something that could not be checked.
    pub fn unchecked(&mut self, code: &str, place: &str, words: &str) {
        self.findings.unchecked(Asked::History, code, place, words);
    }

    fn history(&mut self, code: &str, place: &str, words: &str) {
        self.findings.failed(Asked::History, code, place, words);
    }

    /// Number of leaves so far.
    pub fn size(&self) -> TreeSize {
        self.tree.size()
    }

    /// Whether the rules were run on every entry so far; else the state is not the ledger's.
    pub fn is_whole(&self) -> bool {
        self.stopped.is_none()
    }

    /// Whether anything failed so far.
    pub fn any_failed(&self) -> bool {
        self.findings.any_failed()
    }

    /// The state recomputed.
    pub fn state(&self) -> &AuditState {
        &self.state
    }

    /// Keys enrolled since this was last asked.
    pub fn new_keys(&mut self) -> Vec<(KeyId, PublicKey)> {
        self.state.new_keys()
    }

    /// The map recomputed, as of the last map leaf, and where that stands.
    pub fn map(&self) -> (&MemoryRows, Option<EntryIndex>) {
        (&self.map, self.map_leaves.last().copied().map(EntryIndex))
    }

    /// The tree recomputed, if every leaf was there.
    pub fn tree(&self) -> Option<&MemoryTree> {
        self.tree_whole.then_some(&self.tree)
    }

    /// Details that are not stored must have been erased by law.
    fn check_missing(&mut self) {
        for (index, e, mut names) in std::mem::take(&mut self.missing) {
            let erased = erased(&self.state, e);
            names.retain(|name| !erased.contains_key(name));
            if !names.is_empty() {
                let words = format!("Details are not stored: {}.", names.join(", "));
                let place = format!("entry {}", index.0);
                self.findings
                    .failed(Asked::Handling, "disclosure-missing", place, words);
            }
        }
    }

    /// What was found.
    pub fn finish(mut self) -> Vec<Finding> {
        self.readings.finish(&mut self.findings);
        self.check_missing();
        if self.stopped.is_none() {
            self.owed.finish(|_| true, &mut self.findings);
        }
        if let Some(index) = self.stopped {
            let place = format!("entry {} and later", index.0);
            let words =
                "The rules of custody were not run from here on, since this entry is not readable.";
            self.findings
                .unchecked(Asked::Handling, "rules-not-run", &place, words);
        }
        self.findings.into_list()
    }
}

/// Opens a checkpoint under any of the log's keys; a signature by another of them must be right too.
pub fn open(note: &str, keys: &[VerifierKey]) -> Option<Checkpoint> {
    let keys: Vec<&VerifierKey> = keys.iter().collect();
    let opened = checkpoint::open_with(note, &keys, &[]);
    opened.ok().map(|(checkpoint, _)| checkpoint)
}
