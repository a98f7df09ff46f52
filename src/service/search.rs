//! References and names that people use, and the subjects they stand for. Built from the entries' details at
//! start and kept up as entries come; in memory alone.

use std::collections::BTreeMap;
use std::sync::RwLock;

use serde_json::{Value, json};

use super::known::StoreKnown;
use crate::ledger::state::Known as _;
use crate::ledger::{ReadRight, may_read};
use crate::protocol::entry::UnverifiedEntry;
use crate::protocol::id::{ActorId, Subject};
use crate::protocol::tree::EntryIndex;
use crate::storage::{Store, StoreError};

#[derive(Default)]
struct Names {
    /// Log index up to which entries were read.
    read: u64,
    cases: BTreeMap<Subject, String>,
    exhibits: BTreeMap<Subject, String>,
    actors: BTreeMap<ActorId, String>,
}

/// The index.
#[derive(Default)]
pub struct Search {
    names: RwLock<Names>,
}

impl Search {
    /// Reads entries that came since.
    pub fn catch_up(&self, store: &dyn Store) -> Result<(), StoreError> {
        let size = store.size()?.0;
        if self
            .names
            .read()
            .expect("no holder of this lock panics")
            .read
            >= size
        {
            return Ok(());
        }
        let mut names = self.names.write().expect("no holder of this lock panics");
        while names.read < size {
            if let Some(stored) = store.entry(EntryIndex(names.read))? {
                let disclosures = stored.disclosures.iter().map(String::as_str);
                let entry =
                    UnverifiedEntry::from_parts(&stored.jws, disclosures).map_err(|error| {
                        StoreError::Corrupt(format!("entry {}: {error}", names.read))
                    })?;
                names.take_in(&entry);
            }
            names.read += 1;
        }
        Ok(())
    }

    /// What a reference may stand for, among what `actor` may see.
    pub fn resolve(
        &self,
        store: &dyn Store,
        actor: &ActorId,
        reference: &str,
    ) -> Result<Vec<Value>, StoreError> {
        self.catch_up(store)?;
        let names = self.names.read().expect("no holder of this lock panics");
        let known = StoreKnown::new(store);
        let mut found = Vec::new();
        let visible = |case: &Subject| may_read(&known, actor, case);
        let mut seen_cases: BTreeMap<Subject, ReadRight> = BTreeMap::new();
        for (case, name) in &names.cases {
            if (name == reference || case.as_str() == reference) && visible(case) != ReadRight::None
            {
                found.push(
                    json!({"kind": "case", "subject": case, "reference": name, "case": null}),
                );
            }
        }
        for (exhibit, name) in &names.exhibits {
            let Some(record) = known.exhibit(exhibit) else {
                continue;
            };
            let case_name = names.cases.get(&record.case).map_or("", String::as_str);
            let full = reference
                .strip_prefix(case_name)
                .is_some_and(|rest| rest.trim_start() == name)
                && !case_name.is_empty();
            if !full && name != reference && exhibit.as_str() != reference {
                continue;
            }
            let right = seen_cases
                .entry(record.case.clone())
                .or_insert_with(|| visible(&record.case));
            if right.covers(&known, exhibit) {
                found.push(json!({"kind": "exhibit", "subject": exhibit, "reference": name, "case": record.case}));
            }
        }
        for (other, name) in &names.actors {
            if name == reference || other.as_str() == reference {
                found.push(json!({"kind": "actor", "subject": other.subject(), "actor": other, "reference": name, "name": name, "case": null}));
            }
        }
        known.check()?;
        Ok(found)
    }
}

impl Names {
    fn take_in(&mut self, entry: &UnverifiedEntry) {
        let payload = entry.payload();
        let text = |name: &str| {
            entry
                .detail(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        match payload.event.as_str() {
            "case-opened" => {
                let name = text("reference").unwrap_or_default();
                self.cases.insert(payload.subject.clone(), name);
            }
            "case-reference-set" => {
                self.cases
                    .extend(text("reference").map(|name| (payload.subject.clone(), name)));
            }
            "seized" | "registered" | "acquired" => {
                let name = text("reference").unwrap_or_default();
                self.exhibits.insert(payload.subject.clone(), name);
            }
            "key-enrolled" => {
                let actor = payload.body.get("actor").and_then(Value::as_str);
                let actor = actor.and_then(|text| ActorId::new(text).ok());
                self.actors.extend(actor.zip(text("name")));
            }
            _ => {}
        }
    }
}
