//! The history of an exhibit or case: the entries that a reader may see with what is flagged on them, a part at a time.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::branched::{Branched, adoption, stored_entry, with_branch};
use super::known::StoreKnown;
use super::problem::Problem;
use super::reads::{Target, keep, parse, text};
use super::writer::last_recorded;
use crate::ledger::state::Known as _;
use crate::ledger::{
    EntryView, Flag, Rules, exhibit_of, explain, flags_of, key_compromised, standing_flags,
};
use crate::protocol::bundle::ScopeKind;
use crate::protocol::entry::{EntryHash, UnverifiedEntry};
use crate::protocol::hash::Hash;
use crate::protocol::id::{ChainId, Strand};
use crate::protocol::time::LogTime;
use crate::protocol::tree::EntryIndex;
use crate::storage::{Store, StoreError, StoredEntry};

/// Most entries of one answer: a popular exhibit has 10^5 entries that say who looked.
const MAX_ENTRIES: usize = 1000;

/// Bytes of entries after which an answer ends, though it has fewer: one entry may be a MiB.
const MAX_BYTES: usize = 4 << 20;

/// What part of a history is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// Of this strand alone.
    pub strand: Option<Strand>,
    /// From this place of the log on.
    pub from: EntryIndex,
}

/// The entries of an exhibit or case that the reader may see, by log index; `next` is where the next part begins, where
/// this is not the last.
pub fn history(store: &dyn Store, target: &Target, part: Part) -> Result<Value, Problem> {
    let known = StoreKnown::new(store);
    let evaluated_at = last_recorded(store, store.size()?)?;
    let teller = Teller {
        store,
        known: &known,
        target,
        standing: standing(&known, target, evaluated_at),
    };
    let mut entries = Vec::new();
    let mut adoptions = BTreeSet::new();
    let (mut bytes, mut next) = (0, None);
    for index in places(store, target, part)? {
        if entries.len() >= MAX_ENTRIES || bytes >= MAX_BYTES {
            next = Some(index);
            break;
        }
        for one in with_branch(store, index)? {
            bytes += text(&one.0.jws, &one.0.disclosures).len();
            let told = teller.tell(&one, &mut adoptions)?;
            entries.push((one.0.index, told));
        }
    }
    // Who took in what was signed with a key that did not count, and why, is told with it.
    for e in adoptions {
        entries.extend(teller.tell_adoption(e)?);
    }
    known.check()?;
    entries.sort_by_key(|(index, _)| *index);
    let entries: Vec<Value> = entries.into_iter().map(|(_, entry)| entry).collect();
    Ok(json!({"evaluated_at": evaluated_at, "entries": entries, "next": next}))
}

/// Where the entries of the chains stand, in the order of the log.
fn places(store: &dyn Store, target: &Target, part: Part) -> Result<Vec<EntryIndex>, StoreError> {
    let strands: &[Strand] = match target.kind {
        ScopeKind::Exhibit => &[Strand::Custody, Strand::Notes, Strand::Access],
        ScopeKind::Case => &[Strand::Case, Strand::Exhibits, Strand::Access],
    };
    let wanted = |strand: &&Strand| part.strand.is_none_or(|one| one == **strand);
    let mut places = Vec::new();
    for strand in strands.iter().filter(wanted) {
        let subject = target.subject.clone();
        let strand = *strand;
        places.extend(store.chain(&ChainId { subject, strand })?);
    }
    places.retain(|index| part.from <= *index);
    places.sort();
    Ok(places)
}

/// Tells entries to one reader.
struct Teller<'a> {
    store: &'a dyn Store,
    known: &'a StoreKnown<'a>,
    target: &'a Target,
    /// What is flagged whatever was recorded last.
    standing: Vec<Flag>,
}

impl Teller<'_> {
    fn tell(
        &self,
        (stored, entry, on_branch): &Branched,
        adoptions: &mut BTreeSet<EntryHash>,
    ) -> Result<Value, StoreError> {
        let flags = flags_at(self.known, stored, entry, &self.standing);
        if flags.iter().any(|flag| flag.code == "adopted") {
            adoptions.extend(adoption(self.known, entry));
        }
        let content = match self.target.view(self.store, entry)? {
            EntryView::Whole => ("entry", json!(text(&stored.jws, &stored.disclosures))),
            EntryView::Without(names) => ("entry", json!(text(&stored.jws, &keep(entry, &names)))),
            EntryView::WithoutDetails => ("entry", json!(text(&stored.jws, &[]))),
            EntryView::Withheld => ("e", json!(EntryHash(Hash::of(&[stored.jws.as_bytes()])))),
        };
        Ok(json!({
            "index": stored.index,
            "recorded_at": stored.recorded_at,
            "flags": flags,
            "chain": {"subject": self.target.subject, "strand": entry.payload().strand},
            "on_branch": on_branch,
            content.0: content.1,
        }))
    }

    fn tell_adoption(&self, e: EntryHash) -> Result<Option<(EntryIndex, Value)>, StoreError> {
        let Some((index, stored)) = stored_entry(self.store, e)? else {
            return Ok(None);
        };
        let chain = parse(&stored)?.payload().chain();
        let told = json!({
            "index": index,
            "recorded_at": stored.recorded_at,
            "flags": flags_of(self.known, e),
            "chain": chain,
            "on_branch": false,
            "entry": text(&stored.jws, &stored.disclosures),
        });
        Ok(Some((index, told)))
    }
}

/// What is flagged of an exhibit at this log time, whatever was recorded last.
fn standing(known: &StoreKnown<'_>, target: &Target, at: LogTime) -> Vec<Flag> {
    if target.kind != ScopeKind::Exhibit {
        return Vec::new();
    }
    known.exhibit(&target.subject).map_or_else(Vec::new, |one| {
        standing_flags(Rules::embedded(), known, &target.subject, &one, at)
    })
}

/// The flags on an entry, with its explanations: those that its recording raised, then those that stand at the
/// stated time.
fn flags_at(
    known: &StoreKnown<'_>,
    stored: &StoredEntry,
    entry: &UnverifiedEntry,
    standing: &[Flag],
) -> Vec<Flag> {
    let e = entry.hash();
    let rules = Rules::embedded();
    let compromised = key_compromised(rules, known, entry.kid(), stored.recorded_at);
    let exhibit = exhibit_of(known, &entry.payload().chain());
    let of_key = compromised.map(|rule| rule.raise(e, exhibit));
    let of_time = standing.iter().filter(|flag| flag.entries.contains(&e));
    let mut later: Vec<Flag> = of_key.into_iter().chain(of_time.cloned()).collect();
    explain(known, &mut later);
    let mut flags = flags_of(known, e);
    flags.append(&mut later);
    flags
}
