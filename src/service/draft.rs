//! A group of entries while it is put together: what is known with the group's own changes, and the leaves, nodes
//! and records that one commit will write.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::known::StoreKnown;
use crate::ledger::admit::Place;
use crate::ledger::effects::Effect;
use crate::ledger::state::{Known as _, Record, RecordKey};
use crate::ledger::{Refusal, Rules, erasure};
use crate::protocol::entry::VerifiedEntry;
use crate::protocol::hash::Hash;
use crate::protocol::leaf::{Commitment, map_leaf_data};
use crate::protocol::time::LogTime;
use crate::protocol::tree::{self, EntryIndex, NodeId, RootHash, TreeSize};
use crate::storage::{Group, NewEntry, NewLeaf, Store, StoreError};

/// A group while it is put together.
pub struct DraftGroup<'a> {
    /// What is known, the group included.
    pub known: StoreKnown<'a>,
    /// What will be committed.
    pub group: Group,
    /// Log time of all of it.
    pub recorded_at: LogTime,
    /// Roots of the tree before the group that were asked for: signers name the same few again and again.
    roots: RefCell<BTreeMap<TreeSize, RootHash>>,
}

/// A group as it stood at some time.
pub struct Mark {
    changes: BTreeMap<RecordKey, Record>,
    nodes: BTreeMap<NodeId, Hash>,
    leaves: usize,
    erased: Option<Vec<(EntryIndex, String)>>,
}

impl<'a> DraftGroup<'a> {
    /// A group that begins at the end of a log with so many leaves.
    pub fn new(store: &'a dyn Store, size: TreeSize, recorded_at: LogTime) -> DraftGroup<'a> {
        DraftGroup {
            known: StoreKnown::new(store),
            group: Group::after(size),
            recorded_at,
            roots: RefCell::default(),
        }
    }

    /// How it stands.
    pub fn mark(&self) -> Mark {
        Mark {
            changes: self.known.changes.clone(),
            nodes: self.known.nodes.clone(),
            leaves: self.group.leaves.len(),
            erased: self.group.erased.clone(),
        }
    }

    /// As it stood.
    pub fn back_to(&mut self, mark: Mark) {
        self.known.changes = mark.changes;
        self.known.nodes = mark.nodes;
        self.group.leaves.truncate(mark.leaves);
        self.group.erased = mark.erased;
    }

    /// The root of the tree before the group at a size.
    pub fn root(&self, size: TreeSize) -> Result<RootHash, StoreError> {
        if let Some(root) = self.roots.borrow().get(&size) {
            return Ok(*root);
        }
        let root = tree::root(size, &self.known)?;
        self.roots.borrow_mut().insert(size, root);
        Ok(root)
    }

    /// `seen` must be a state of this very tree.
    pub fn check_seen(&self, entry: &VerifiedEntry) -> Result<Option<Refusal>, StoreError> {
        let Some(seen) = entry.payload().seen else {
            return Ok(None);
        };
        let ours = seen.size.0 > 0 && seen.size <= self.group.expected_size;
        if ours && self.root(seen.size)? == seen.root {
            return Ok(None);
        }
        Ok(Some(Refusal::new(
            "seen-not-on-tree",
            "The checkpoint that the signer says to have seen is not part of this log's history.",
            "If you did see it, this log was changed or replaced: keep your checkpoint and tell your witness.",
        )))
    }

    /// What an entry erases by law goes with the group that records it.
    pub fn erase(&mut self, entry: &VerifiedEntry) -> Result<(), StoreError> {
        let row = Rules::embedded().row(&entry.payload().event);
        if row.is_none_or(|row| row.effect != Effect::Erase) {
            return Ok(());
        }
        let mut erased = self.group.erased.take().unwrap_or_default();
        for one in erasure::named(entry.payload()) {
            let target = self.known.entry(one.entry);
            self.known.check()?;
            let target = target.expect("the rules admit no erasure of unknown entries");
            let names = one.names.iter().map(|name| name.as_str().to_owned());
            erased.extend(names.map(|name| (target.index, name)));
        }
        self.group.erased = Some(erased);
        Ok(())
    }

    /// Where the next leaf will stand.
    pub fn next(&self) -> EntryIndex {
        EntryIndex(self.group.expected_size.0 + self.group.leaves.len() as u64)
    }

    /// Adds the map leaf that commits to all before it.
    pub fn append_map(&mut self, root: Hash) -> Result<(), StoreError> {
        let data = map_leaf_data(self.next(), root);
        let nodes = tree::nodes_completed_by(self.next(), tree::leaf_hash(&data), &self.known)?;
        self.known.nodes.extend(nodes);
        self.group.leaves.push(NewLeaf { data, entry: None });
        Ok(())
    }

    /// Adds a leaf and what the tree gains by it.
    pub fn append(
        &mut self,
        entry: &VerifiedEntry,
        place: Place,
        in_chain: bool,
    ) -> Result<(), StoreError> {
        let e = entry.hash();
        let commitment = Commitment::new(place.recorded_at, e);
        let nodes = tree::nodes_completed_by(place.index, commitment.leaf_hash(), &self.known)?;
        self.known.nodes.extend(nodes);
        let payload = entry.payload();
        let disclosures = entry.disclosures().iter();
        self.group.leaves.push(NewLeaf {
            data: commitment.leaf_data(),
            entry: Some(NewEntry {
                recorded_at: place.recorded_at,
                e,
                jws: entry.jws().to_owned(),
                disclosures: disclosures
                    .map(|one| (one.name().to_owned(), one.as_str().to_owned()))
                    .collect(),
                place: in_chain.then(|| (payload.chain(), payload.seq)),
            }),
        });
        Ok(())
    }
}
