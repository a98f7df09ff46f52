//! Auditing the stored security log: its chain, its signatures, and that it is what auditors were given.

use std::collections::BTreeMap;

use super::stored_log::Fault;
use crate::ledger::service_key_at;
use crate::ledger::state::Known as _;
use crate::protocol::checkpoint::Checkpoint;
use crate::protocol::entry::UnverifiedEntry;
use crate::protocol::id::{ChainId, Strand, Subject};
use crate::protocol::tree::EntryIndex;
use crate::storage::{Cursor, Engine, Family, layout};
use crate::verify::audit::Audit;
use crate::verify::security::{ChainEnd, SecurityChain};

/// Checks every record; call it when the log of entries was run again.
pub fn check(engine: &dyn Engine, audit: &mut Audit<'_>) {
    let Some(ledger) = audit.state().ledger() else {
        return;
    };
    let mut faults = Vec::new();
    let mut given = ends_given(engine, &ledger.subject);
    let mut chain = SecurityChain::after(ledger.origin.clone(), ChainEnd::default());
    for row in Cursor::new(engine, Family::Security, b"") {
        let (key, value) = match row {
            Ok(row) => row,
            Err(damage) => {
                faults.push(damage.into());
                continue;
            }
        };
        let place = layout::in_words(Family::Security, &key);
        let mut fault =
            |words: String| faults.push(Fault::new("security-log", place.clone(), words));
        let due = chain.end();
        if key != due.length.to_be_bytes() {
            fault(format!(
                "Record {} was due here; one is missing or has no such key.",
                due.length
            ));
            if let Ok(length) = layout::number(&key, "") {
                chain = SecurityChain::after(ledger.origin.clone(), ChainEnd { length, ..due });
            }
        }
        let text = String::from_utf8_lossy(&value);
        let taken = chain.take(&text, |size| service_key_at(audit.state(), size));
        match taken {
            Err(why) => fault(format!("It is not as it was signed: {why}.")),
            Ok(record) => {
                let seen = Checkpoint {
                    origin: ledger.origin.clone(),
                    size: record.seen.size,
                    root: record.seen.root,
                };
                if audit.tree().is_some() && !audit.agrees(&seen) {
                    fault("It saw a state of the log that is not part of this history.".to_owned());
                }
            }
        }
        let end = chain.end();
        for other in given.remove(&end.length).unwrap_or_default() {
            if other != end {
                fault("An auditor was given another record in its place.".to_owned());
            }
        }
    }
    let length = chain.end().length;
    if let Some((most, _)) = given.split_off(&length.saturating_add(1)).pop_last() {
        let words =
            format!("An auditor was given {most} records; {length} are stored, so some were lost.");
        faults.push(Fault::new("security-log", "security log".to_owned(), words));
    }
    for fault in faults {
        audit.found(fault.code, &fault.place, &fault.words);
    }
}

/// How the security log ended each time when it was read, by its length, as the entries of those readings say.
fn ends_given(engine: &dyn Engine, ledger: &Subject) -> BTreeMap<u64, Vec<ChainEnd>> {
    let prefix = layout::chain_prefix(&ChainId {
        subject: ledger.clone(),
        strand: Strand::Access,
    });
    let rows = Cursor::new(engine, Family::Chains, &prefix);
    let rows = rows.take_while(|row| row.as_ref().is_ok_and(|(key, _)| key.starts_with(&prefix)));
    let mut ends = BTreeMap::<u64, Vec<ChainEnd>>::new();
    // What cannot be read here was named when the entries were run again.
    for end in rows
        .flatten()
        .filter_map(|(_, index)| end_given(engine, &index))
    {
        ends.entry(end.length).or_default().push(end);
    }
    ends
}

fn end_given(engine: &dyn Engine, index: &[u8]) -> Option<ChainEnd> {
    let value = engine.get(Family::Entries, index).ok()??;
    let index = EntryIndex(layout::number(index, "").ok()?);
    let (_, jws) = layout::entry_value(index, value).ok()?;
    let entry = UnverifiedEntry::from_parts(&jws, []).ok()?;
    ChainEnd::of_extent(entry.payload().body.get("extent")?.as_str()?)
}
