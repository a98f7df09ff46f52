//! All that the rules know, held in memory.

use std::collections::{BTreeMap, BTreeSet};

use super::record_key::RecordKey;
use super::state::{Known, Record};
use crate::protocol::id::Subject;

/// Everything known, in memory: for verification, audits and tests.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MemoryState {
    records: BTreeMap<RecordKey, Record>,
}

impl MemoryState {
    /// Takes in what an admitted entry changed.
    pub fn apply(&mut self, changes: impl IntoIterator<Item = (RecordKey, Record)>) {
        self.records.extend(changes);
    }

    /// The exhibits that a case's table of contents lists.
    pub fn exhibits_of(&self, case: &Subject) -> BTreeSet<Subject> {
        // Keys are in the order of their texts, in which "-" comes first.
        let least = Subject::new("---------------------A").expect("the text of 16 bytes");
        let first = RecordKey::CaseExhibit(case.clone(), least);
        self.records
            .range(first..)
            .map_while(|(key, _)| match key {
                RecordKey::CaseExhibit(of, exhibit) if of == case => Some(exhibit.clone()),
                _ => None,
            })
            .collect()
    }

    /// Every record.
    pub fn records(&self) -> impl Iterator<Item = (&RecordKey, &Record)> {
        self.records.iter()
    }
}

impl Known for MemoryState {
    fn get(&self, key: &RecordKey) -> Option<Record> {
        self.records.get(key).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::entry::EntryHash;
    use crate::protocol::hash::Hash;

    #[test]
    fn a_record_is_small_since_there_are_several_for_each_entry() {
        assert!(size_of::<Record>() <= 112, "{}", size_of::<Record>());
    }

    #[test]
    fn every_exhibit_of_a_case_is_listed_whatever_its_id_begins_with() {
        let case = Subject::from_bytes([7; 16]);
        let other = Subject::from_bytes([8; 16]);
        let mut state = MemoryState::default();
        let mut all = BTreeSet::new();
        let least = Subject::new("---------------------A").unwrap();
        let some = (0..=255).map(|first| Subject::from_bytes([first; 16]));
        for exhibit in some.chain([least]) {
            for of in [&case, &other] {
                let key = RecordKey::CaseExhibit(of.clone(), exhibit.clone());
                state.apply([(key, Record::Fact(EntryHash(Hash::of(&[b"e"]))))]);
            }
            all.insert(exhibit);
        }
        assert_eq!(state.exhibits_of(&case), all);
    }
}
