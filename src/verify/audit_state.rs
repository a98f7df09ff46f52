//! What the rules know during an audit, with the one record that every entry has kept small, so that a ledger of
//! millions of entries is audited within ordinary memory.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash as Hashable;

use crate::ledger::MemoryState;
use crate::ledger::state::{EntryRecord, Known, Record, RecordKey, file_named};
use crate::protocol::entry::EntryHash;
use crate::protocol::hash::Hash;
use crate::protocol::id::{ActorId, ChainId, Subject};
use crate::protocol::key::{KeyId, PublicKey};
use crate::protocol::tree::EntryIndex;

/// The state recomputed, and what derived rows follow from it.
#[derive(Default)]
pub struct AuditState {
    records: MemoryState,
    indexes: HashMap<EntryHash, u64>,
    places: Vec<Option<PlaceInLog>>,
    chains: Numbered<ChainId>,
    events: Numbered<String>,
    actors: Numbered<ActorId>,
    /// Places in the log of entries of branches.
    branches: BTreeSet<u64>,
    digests: BTreeSet<(Hash, Subject)>,
    new_keys: Vec<(KeyId, PublicKey)>,
}

#[derive(Clone, Copy)]
struct PlaceInLog {
    chain: u32,
    event: u32,
    actor: u32,
    seq: u64,
}

/// Values under small numbers.
struct Numbered<T> {
    numbers: HashMap<T, u32>,
    values: Vec<T>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Numbered<T> {
        Numbered {
            numbers: HashMap::new(),
            values: Vec::new(),
        }
    }
}

impl<T: Clone + Eq + Hashable> Numbered<T> {
    fn number(&mut self, value: T) -> u32 {
        if let Some(number) = self.numbers.get(&value) {
            return *number;
        }
        let number = u32::try_from(self.values.len()).expect("a log has fewer than 2^32 chains");
        self.numbers.insert(value.clone(), number);
        self.values.push(value);
        number
    }

    fn value(&self, number: u32) -> &T {
        &self.values[number as usize]
    }
}

impl AuditState {
    /// Takes in what an admitted entry changed.
    pub(super) fn apply(&mut self, changes: Vec<(RecordKey, Record)>) {
        for (key, record) in changes {
            match record {
                Record::Entry(entry) => {
                    if let RecordKey::Entry(e) = key {
                        self.add_entry(e, entry);
                    }
                }
                record => {
                    self.remember(&key, &record);
                    self.records.apply([(key, record)]);
                }
            }
        }
    }

    /// What of a record other rows or threads need.
    fn remember(&mut self, key: &RecordKey, record: &Record) {
        match (key, record) {
            (RecordKey::Key(kid), Record::Key(record)) => self.new_keys.push((*kid, record.key)),
            _ => self.digests.extend(file_named(key, record)),
        }
    }

    fn add_entry(&mut self, e: EntryHash, record: EntryRecord) {
        let EntryRecord {
            index,
            chain,
            seq,
            event,
            actor,
        } = record;
        let chain = self.chains.number(chain);
        let place = PlaceInLog {
            chain,
            event: self.events.number(event),
            actor: self.actors.number(actor),
            seq,
        };
        if self.records.branch(e).is_some() {
            self.branches.insert(index.0);
        }
        self.indexes.insert(e, index.0);
        let at = usize::try_from(index.0).expect("an index in memory fits the machine's words");
        if self.places.len() <= at {
            self.places.resize(at + 1, None);
        }
        self.places[at] = Some(place);
    }

    /// Keys enrolled since this was last asked.
    pub fn new_keys(&mut self) -> Vec<(KeyId, PublicKey)> {
        std::mem::take(&mut self.new_keys)
    }

    /// Number of entries that the rules admitted.
    pub fn entry_count(&self) -> u64 {
        self.indexes.len() as u64
    }

    /// Every entry and its place in the log, in no order.
    pub fn entries(&self) -> impl Iterator<Item = (EntryHash, EntryIndex)> {
        let entries = self.indexes.iter();
        entries.map(|(e, index)| (*e, EntryIndex(*index)))
    }

    /// Where an entry stands in the log.
    pub fn index_of(&self, e: EntryHash) -> Option<EntryIndex> {
        self.indexes.get(&e).copied().map(EntryIndex)
    }

    /// Chain and position of the entry at an index, if it takes a place there: one of a branch does not.
    pub fn in_chain(&self, index: EntryIndex) -> Option<(&ChainId, u64)> {
        let place = (*self.places.get(usize::try_from(index.0).ok()?)?)?;
        if self.branches.contains(&index.0) {
            return None;
        }
        Some((self.chains.value(place.chain), place.seq))
    }

    /// Number of entries of branches.
    pub fn branch_count(&self) -> u64 {
        self.branches.len() as u64
    }

    /// Every evidence digest that an exhibit ever had, and every file that entries about it name.
    pub fn digests(&self) -> &BTreeSet<(Hash, Subject)> {
        &self.digests
    }

    /// Every record but those of entries.
    pub fn other_records(&self) -> impl Iterator<Item = (&RecordKey, &Record)> {
        self.records.records()
    }

    /// Number of all records.
    pub fn record_count(&self) -> u64 {
        self.records.records().count() as u64 + self.entry_count()
    }
}

impl Known for AuditState {
    fn get(&self, key: &RecordKey) -> Option<Record> {
        let RecordKey::Entry(e) = key else {
            return self.records.get(key);
        };
        let index = *self.indexes.get(e)?;
        let place = (*self.places.get(usize::try_from(index).ok()?)?)?;
        Some(Record::Entry(EntryRecord {
            index: EntryIndex(index),
            chain: self.chains.value(place.chain).clone(),
            seq: place.seq,
            event: self.events.value(place.event).clone(),
            actor: self.actors.value(place.actor).clone(),
        }))
    }
}
