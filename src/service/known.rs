//! What the rules know, read out of the store, with changes of the group in flight on top.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::ledger::state::{Known, Record, RecordKey};
use crate::protocol::hash::Hash;
use crate::protocol::id::Subject;
use crate::protocol::note::VerifierKey;
use crate::protocol::tree::{NodeId, NodeReader};
use crate::storage::{Family, Store, StoreError};

/// The state as committed, plus a group's own changes.
pub struct StoreKnown<'s> {
    store: &'s dyn Store,
    /// Changes of the group in flight.
    pub changes: BTreeMap<RecordKey, Record>,
    /// Tree nodes of the group in flight.
    pub nodes: BTreeMap<NodeId, Hash>,
    /// Records and nodes as committed, once read: the entries of a group need the same ones again and again.
    read: RefCell<BTreeMap<RecordKey, Option<Record>>>,
    read_nodes: RefCell<BTreeMap<NodeId, Hash>>,
    failed: RefCell<Option<StoreError>>,
}

impl<'s> StoreKnown<'s> {
    /// The state as committed.
    pub fn new(store: &'s dyn Store) -> StoreKnown<'s> {
        StoreKnown {
            store,
            changes: BTreeMap::new(),
            nodes: BTreeMap::new(),
            read: RefCell::default(),
            read_nodes: RefCell::default(),
            failed: RefCell::new(None),
        }
    }

    /// Reading cannot fail half way through a rule, so a failure is kept here: whoever asked the rules must
    /// call this before believing the answer.
    pub fn check(&self) -> Result<(), StoreError> {
        self.failed.borrow_mut().take().map_or(Ok(()), Err)
    }

    /// Every key that the log has had, by genesis and by later entries.
    pub fn log_keys(&self) -> Result<Vec<VerifierKey>, StoreError> {
        let ledger = self.ledger();
        self.check()?;
        let keys = ledger.map(|ledger| ledger.log_keys).unwrap_or_default();
        let keys = keys.iter().map(|key| VerifierKey::parse(key));
        keys.collect::<Result<_, _>>()
            .map_err(|_| StoreError::Corrupt("the log's keys".to_owned()))
    }

    /// The exhibits that a case's table of contents lists, as committed.
    pub fn exhibits_of(&self, case: &Subject) -> Result<Vec<Subject>, StoreError> {
        self.listed(|exhibit| RecordKey::CaseExhibit(case.clone(), exhibit))
    }

    /// The exhibits of other cases that a case took in, as committed.
    pub fn linked_into(&self, case: &Subject) -> Result<Vec<Subject>, StoreError> {
        self.listed(|exhibit| RecordKey::Linked(case.clone(), exhibit))
    }

    /// The exhibits under which there is a record of a kind.
    fn listed(&self, key_of: impl Fn(Subject) -> RecordKey) -> Result<Vec<Subject>, StoreError> {
        let first = key_of(Subject::from_bytes([0; 16])).to_bytes();
        let prefix = &first[..first.len() - 16];
        let mut exhibits = Vec::new();
        for row in self.store.engine().rows(Family::Records, &first) {
            let (key, _) = row?;
            if !key.starts_with(prefix) {
                break;
            }
            match RecordKey::from_bytes(&key) {
                Some(RecordKey::CaseExhibit(_, exhibit) | RecordKey::Linked(_, exhibit)) => {
                    exhibits.push(exhibit);
                }
                _ => break,
            }
        }
        Ok(exhibits)
    }

    fn read(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        let Some(bytes) = self.store.record(&key.to_bytes())? else {
            return Ok(None);
        };
        let record = serde_json::from_slice(&bytes);
        record
            .map(Some)
            .map_err(|_| StoreError::Corrupt(format!("record {key:?}")))
    }
}

impl Known for StoreKnown<'_> {
    fn get(&self, key: &RecordKey) -> Option<Record> {
        if let Some(record) = self.changes.get(key) {
            return Some(record.clone());
        }
        if let Some(record) = self.read.borrow().get(key) {
            return record.clone();
        }
        match self.read(key) {
            Ok(record) => {
                self.read.borrow_mut().insert(key.clone(), record.clone());
                record
            }
            Err(error) => {
                *self.failed.borrow_mut() = Some(error);
                None
            }
        }
    }
}

impl NodeReader for StoreKnown<'_> {
    type Error = StoreError;
    fn node(&self, id: NodeId) -> Result<Hash, StoreError> {
        if let Some(hash) = self.nodes.get(&id) {
            return Ok(*hash);
        }
        if let Some(hash) = self.read_nodes.borrow().get(&id) {
            return Ok(*hash);
        }
        let hash = self.store.node(id)?;
        let hash = hash.ok_or_else(|| StoreError::Corrupt(format!("tree node {id:?}")))?;
        self.read_nodes.borrow_mut().insert(id, hash);
        Ok(hash)
    }
}
