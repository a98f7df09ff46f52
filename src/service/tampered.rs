//! Every row of a ledger changed, taken away and added to in turn: the audit must name each.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::audit::audit_store;
use super::faults::Bench;
use super::folder::{self, FolderError};
use super::search::{NEXT, Search};
use crate::protocol::hash::Hash;
use crate::storage::model::ModelDisk;
use crate::storage::{Family, Mode, Store, StoreError};
use crate::verify::Severity;

/// Places that an audit of the disk names as failed.
fn named(disk: &ModelDisk) -> Vec<String> {
    let store = disk.open(Mode::Read).unwrap();
    let findings = audit_store(&store).unwrap();
    findings
        .into_iter()
        .filter(|one| one.severity == Severity::Failed)
        .map(|one| one.to_string())
        .collect()
}

#[test]
fn a_ledger_of_other_rules_is_neither_served_nor_called_whole() {
    let bench = Bench::under(Hash::of(&[b"other rules"]));
    let store = bench.disk.open(Mode::Write).unwrap();
    let refused = folder::check(&store, &bench.identity).unwrap_err();
    assert!(
        matches!(refused, FolderError::Store(StoreError::OtherRules)),
        "{refused}"
    );
    let findings = audit_store(&store).unwrap();
    let said = findings.iter().find(|one| one.code == "other-rules");
    assert_eq!(said.unwrap().severity, Severity::Failed);
}

#[test]
fn every_row_changed_taken_away_or_added_is_named() {
    let bench = Bench::new();
    let disk = bench.disk.copy();
    bench.run(&disk, false);
    // The index of references follows the log as it does in the service.
    let store = Arc::new(disk.open(Mode::Write).unwrap());
    let size = store.size().unwrap().0;
    Search::new(Arc::clone(&store) as Arc<dyn Store>)
        .catch_up(size, None)
        .unwrap();
    drop(store);
    bench.refuse(&disk, 3);
    assert_eq!(named(&disk), Vec::<String>::new());
    let mut tried = 0;
    for family in Family::ALL {
        // The scrub has no note where no service ran.
        if family == Family::Scrub {
            continue;
        }
        let rows = disk.rows(family);
        assert!(!rows.is_empty(), "{family:?} has rows to try");
        for (at, (key, value)) in rows.iter().enumerate() {
            // A watermark set back has rows written again that are there already.
            if key == NEXT {
                continue;
            }
            let last = at + 1 == rows.len();
            let longer = [&key[..], b"\xff"].concat();
            let mut changes = vec![("added", longer, Some(value.clone()))];
            for byte in [0, value.len().saturating_sub(1)] {
                let mut changed = value.clone();
                match changed.get_mut(byte) {
                    Some(byte) => *byte ^= 1,
                    None => changed.push(0),
                }
                changes.push(("changed", key.clone(), Some(changed)));
            }
            // One checkpoint among many is missed by nobody.
            let optional = match family {
                Family::Checkpoints | Family::Published => !last,
                // Nobody was given it yet.
                Family::Security => last,
                Family::Meta => true,
                _ => false,
            };
            if !optional {
                changes.push(("taken away", key.clone(), None));
            }
            for (how, key, value) in changes {
                let tampered = disk.copy();
                tampered.tamper(family, &key, value.as_deref());
                if tampered.open(Mode::Read).is_err() {
                    continue; // not even opened: the format is unknown
                }
                let found = named(&tampered);
                assert!(!found.is_empty(), "{family:?} row {at} {how}");
                tried += 1;
            }
        }
    }
    assert!(tried > 200, "{tried} changes tried");
    let tampered = disk.copy();
    tampered.tamper_head(Some("no note"));
    assert!(named(&tampered)[0].contains("head-differs"));
}
