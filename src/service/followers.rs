//! Auditing the rows that follow the log: the index of references (`search.rs`), up to its watermark, and the scrub's
//! own note.

use std::collections::{BTreeMap, BTreeSet};

use super::scrub::ScrubStatus;
use super::search::{self, Naming};
use super::stored_log::{Fault, stray};
use crate::protocol::entry::UnverifiedEntry;
use crate::protocol::tree::EntryIndex;
use crate::storage::{Cursor, Engine, Family, layout};
use crate::verify::audit::Audit;

/// What the entries of a log name.
#[derive(Default)]
pub struct Names {
    named: Vec<(EntryIndex, Naming)>,
    /// Entries with details that are not there: what the index holds of them nobody can recompute.
    in_part: BTreeSet<u64>,
}

impl Names {
    /// Takes the next entry.
    pub fn take(&mut self, index: EntryIndex, entry: &UnverifiedEntry) {
        if entry.withheld().next().is_some() {
            self.in_part.insert(index.0);
        }
        self.named
            .extend(Naming::of(entry).map(|naming| (index, naming)));
    }
}

/// The rows of an index, by family and key.
type Expected = BTreeMap<(Family, Vec<u8>), Vec<u8>>;

/// Compares the rows that follow the log with what they should be.
pub fn check(engine: &dyn Engine, audit: &mut Audit<'_>, names: &Names) {
    let mut expected = match audit.is_whole() {
        true => Some(expected(engine, audit, names)),
        false => None,
    };
    let mut faults = Vec::new();
    for family in [Family::Search, Family::Named] {
        for row in Cursor::new(engine, family, b"") {
            let (key, value) = match row {
                Ok(row) => row,
                Err(damage) => {
                    faults.push(damage.into());
                    continue;
                }
            };
            let index = match family {
                Family::Search => key.get(32..40).map(|newest| !u64_of(newest)),
                _ => Some(u64_of(&value)),
            };
            let Some(expected) = expected.as_mut() else {
                continue;
            };
            let wanted = expected.remove(&(family, key.clone()));
            let in_part = index.is_some_and(|index| names.in_part.contains(&index));
            match wanted {
                Some(wanted) if wanted == value => {}
                _ if in_part => {}
                Some(_) => {
                    let words = "It does not lead to the entry that gives this name last.";
                    faults.push(differs(family, &key, words));
                }
                None => faults.push(stray(family, &key)),
            }
        }
    }
    for (family, key) in expected.unwrap_or_default().into_keys() {
        let words = "It is not stored; it can be rebuilt from the entries.";
        faults.push(differs(family, &key, words));
    }
    for row in Cursor::new(engine, Family::Scrub, b"") {
        match row {
            Err(damage) => faults.push(damage.into()),
            Ok((key, value)) => {
                let right =
                    key == b"progress" && serde_json::from_slice::<ScrubStatus>(&value).is_ok();
                if !right {
                    let words = "It is not a note of the scrub's progress.";
                    faults.push(differs(Family::Scrub, &key, words));
                }
            }
        }
    }
    for fault in faults {
        audit.found(fault.code, &fault.place, &fault.words);
    }
}

fn differs(family: Family, key: &[u8], words: &str) -> Fault {
    Fault::new("index-differs", layout::in_words(family, key), words)
}

/// What the index must hold, as far as it says that it followed.
fn expected(engine: &dyn Engine, audit: &Audit<'_>, names: &Names) -> Expected {
    let mut rows = Expected::new();
    let (Ok(Some(secret)), Ok(next)) = (
        engine.get(Family::Meta, search::SECRET),
        search::next(engine),
    ) else {
        return rows;
    };
    for (index, naming) in names.named.iter().filter(|(index, _)| index.0 < next) {
        for (family, key, value) in naming.rows(&secret, audit.state(), *index).changes {
            rows.insert((family, key), value.unwrap_or_default());
        }
    }
    rows
}

/// A number as keys hold it; one that no log reaches where it has not that form.
fn u64_of(bytes: &[u8]) -> u64 {
    layout::number(bytes, "").unwrap_or(u64::MAX)
}
