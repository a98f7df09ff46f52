//! What a sentence needs beside its entry: what people and things are called, where other entries stand, and which
//! bytes were known before. A report takes it from a verified bundle ([`super::names`]); the command line's
//! `history` from what the service says.

use std::collections::{BTreeMap, HashMap};

use super::names::name_of;
use crate::ledger::effects::Effect;
use crate::ledger::{Rules, erasure};
use crate::protocol::digest::EvidenceDigest;
use crate::protocol::entry::{EntryHash, UnverifiedEntry};
use crate::protocol::id::{ActorId, Subject};
use crate::protocol::tree::EntryIndex;

/// What the ledger's own service is called.
pub const SERVICE: &str = "The ledger's service";

/// Names and places.
pub trait Telling {
    /// "PC Jo Smith (northshire-police)", at the beginning of a sentence.
    fn person(&self, actor: &ActorId) -> String;
    /// Whether a person's own name is known.
    fn is_named(&self, actor: &ActorId) -> bool;
    /// "exhibit JSM/1".
    fn exhibit(&self, exhibit: &Subject) -> String;
    /// "the case \"R v Doe\" (44NS1234526)".
    fn case(&self, case: &Subject) -> String;
    /// Where an entry stands, if it is known here.
    fn index(&self, e: EntryHash) -> Option<EntryIndex>;
    /// Whether the rules flag an entry with this category.
    fn is_flagged(&self, e: EntryHash, code: &str) -> bool;
    /// Whether an exhibit had a registered digest before an entry.
    fn has_digest(&self, exhibit: &Subject, before: EntryIndex) -> bool;
    /// Under which entry a detail of an entry was erased by law, if it was.
    fn erased(&self, e: EntryHash, name: &str) -> Option<EntryIndex>;
    /// What an exhibit was called before an entry.
    fn reference_before(&self, exhibit: &Subject, index: EntryIndex) -> Option<String>;

    /// A person in the middle of a sentence.
    fn person_within(&self, actor: &ActorId) -> String {
        let name = self.person(actor);
        for (start, within) in [("The ", "the "), ("A person of ", "a person of ")] {
            if let (false, Some(rest)) = (self.is_named(actor), name.strip_prefix(start)) {
                return format!("{within}{rest}");
            }
        }
        name
    }
}

/// Which details were erased by law, and under which entries.
#[derive(Debug, Default)]
pub struct Erased(HashMap<EntryHash, BTreeMap<String, EntryIndex>>);

impl Erased {
    /// Takes in an entry; entries come by ascending index.
    pub fn read(&mut self, entry: &UnverifiedEntry, index: EntryIndex) {
        for one in erasure::named(entry.payload()) {
            let names = self.0.entry(one.entry).or_default();
            for name in one.names {
                names.entry(name.as_str().to_owned()).or_insert(index);
            }
        }
    }

    /// Under which entry a detail was erased.
    pub fn under(&self, e: EntryHash, name: &str) -> Option<EntryIndex> {
        self.0.get(&e)?.get(name).copied()
    }
}

/// What is recorded of each exhibit over time: its digest, and what it is called.
#[derive(Debug, Default)]
pub struct Past {
    digests: HashMap<Subject, Vec<(EntryIndex, EvidenceDigest)>>,
    references: HashMap<Subject, Vec<(EntryIndex, String)>>,
}

impl Past {
    /// Takes in an entry; entries come by ascending index.
    pub fn read(&mut self, entry: &UnverifiedEntry, index: EntryIndex) {
        let payload = entry.payload();
        let Some(row) = Rules::embedded().row(&payload.event) else {
            return;
        };
        let subject = || payload.subject.clone();
        if let (Some(_), Some(reference)) = (&row.names, entry.detail("reference")) {
            let known = self.references.entry(subject()).or_default();
            known.push((index, name_of(reference)));
        }
        // The receiver of an exhibit states what they found, which changes nothing; nor does another first digest.
        let stated = |name: &str| payload.body.get(name).cloned();
        let read = |name: &str| serde_json::from_value::<EvidenceDigest>(stated(name)?).ok();
        let known = self.digests.entry(subject()).or_default();
        let registered = known.last().map(|(_, digest)| digest);
        let counts = match row.effect {
            Effect::OpenExhibit => true,
            Effect::SetDigest => registered.is_none(),
            Effect::Extend => registered.is_none() || registered == read("previous").as_ref(),
            _ => false,
        };
        if let (true, Some(digest)) = (counts, read("digest")) {
            known.push((index, digest));
        }
    }

    /// The registered digest of an exhibit before an entry.
    pub fn digest(&self, exhibit: &Subject, before: EntryIndex) -> Option<EvidenceDigest> {
        newest(self.digests.get(exhibit)?, before).cloned()
    }

    /// What an exhibit was called before an entry.
    pub fn reference(&self, exhibit: &Subject, before: EntryIndex) -> Option<&str> {
        newest(self.references.get(exhibit)?, before).map(String::as_str)
    }
}

fn newest<T>(known: &[(EntryIndex, T)], before: EntryIndex) -> Option<&T> {
    let newest = known.iter().rev().find(|(at, _)| *at < before);
    newest.map(|(_, one)| one)
}
