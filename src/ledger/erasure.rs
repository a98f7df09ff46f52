//! Erasure by law: which details and files an entry has destroyed, and what may be erased at all.
//!
//! Signatures, chains and proofs rest on digests, so nothing of them changes; the name of an erased detail stays, and
//! this says under which entry its text went.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::context::Context;
use super::effects::{Changes, Effect};
use super::rules::Rules;
use super::state::{Known, Record, RecordKey, Role};
use crate::protocol::entry::{EntryHash, MAX_DETAILS, Payload};
use crate::protocol::hash::Hash;
use crate::protocol::id::{Code, Strand};

/// Details of one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// The entry that has them.
    pub entry: EntryHash,
    /// Their names.
    pub names: BTreeSet<Code>,
}

impl Erasure {
    /// Whether it names as many details as an entry can have.
    pub fn has_form(&self) -> bool {
        (1..=MAX_DETAILS).contains(&self.names.len())
    }
}

/// What an entry erases; nothing if it is of another kind.
pub fn named(payload: &Payload) -> Vec<Erasure> {
    let row = Rules::embedded().row(&payload.event);
    if row.is_none_or(|row| row.effect != Effect::Erase) {
        return Vec::new();
    }
    super::schema::read(&payload.body, "erase").unwrap_or_default()
}

/// The details of an entry that are erased, and under which entries.
pub fn erased(known: &(impl Known + ?Sized), e: EntryHash) -> BTreeMap<String, EntryHash> {
    match known.get(&RecordKey::Erased(e)) {
        Some(Record::Erased(names)) => names,
        _ => BTreeMap::new(),
    }
}

/// Whether a file is erased.
pub fn is_erased_file(known: &(impl Known + ?Sized), sha256: Hash) -> bool {
    known.get(&RecordKey::ErasedFile(sha256)).is_some()
}

/// The details and files are erased from here on; what was erased before stays erased under the first entry.
pub(super) fn erase<K: Known + ?Sized>(context: &Context<'_, K>) -> Changes {
    let under = context.entry.hash();
    let mut by_entry: BTreeMap<EntryHash, BTreeMap<String, EntryHash>> = BTreeMap::new();
    for one in named(context.entry.payload()) {
        let names = by_entry
            .entry(one.entry)
            .or_insert_with(|| erased(context.known, one.entry));
        for name in one.names {
            names.entry(name.as_str().to_owned()).or_insert(under);
        }
    }
    let details = by_entry
        .into_iter()
        .map(|(e, names)| (RecordKey::Erased(e), Record::Erased(names)));
    let files = files(context).into_iter();
    let files = files
        .filter(|sha256| !is_erased_file(context.known, *sha256))
        .map(|sha256| (RecordKey::ErasedFile(sha256), Record::Fact(under)));
    details.chain(files).collect()
}

fn files<K: Known + ?Sized>(context: &Context<'_, K>) -> Vec<Hash> {
    context.read("files").unwrap_or_default()
}

/// Whether all that the entry names may be erased, by its signer.
pub(super) fn may<K: Known + ?Sized>(context: &Context<'_, K>) -> bool {
    let known = context.known;
    let (details, files) = (named(context.entry.payload()), files(context));
    let org = context.actor().org();
    let court = known
        .actor(context.actor())
        .is_some_and(|actor| actor.roles.contains(&Role::Court));
    let recorded_by_us = |e: EntryHash| {
        known.entry(e).is_some_and(|entry| {
            let row = Rules::embedded().row(&entry.event);
            entry.chain.subject == *context.subject()
                && entry.chain.strand != Strand::Access
                && row.is_some_and(|row| row.effect != Effect::Erase)
                && (court || entry.actor.org() == org)
        })
    };
    let of_exhibit = |sha256: Hash| {
        let attached = RecordKey::Attached(sha256, context.subject().clone());
        let digest = context.exhibit().and_then(|exhibit| exhibit.digest);
        match (known.get(&attached), digest) {
            (Some(Record::Fact(e)), _) => recorded_by_us(e),
            (_, Some(digest)) if digest.sha256 == sha256 => context
                .exhibit()
                .is_some_and(|exhibit| recorded_by_us(exhibit.opened)),
            _ => false,
        }
    };
    (!details.is_empty() || !files.is_empty())
        && details.iter().all(|one| recorded_by_us(one.entry))
        && files.into_iter().all(of_exhibit)
}
