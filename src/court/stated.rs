//! What a detail of an entry says in a report: its words, or why there are none. And who acted.

use serde_json::{Value, json};

use super::names::{Names, plain, quoted};
use super::telling::Telling as _;
use crate::protocol::entry::VerifiedEntry;
use crate::protocol::id::{ActorId, Strand};
use crate::protocol::tree::EntryIndex;

/// What was stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stated {
    /// This, on one line.
    Words(String),
    /// It stands in the entry, and the recipient of the bundle is not told.
    Withheld,
    /// It was erased by law, under this entry.
    Erased(EntryIndex),
    /// Nothing was stated.
    Nothing,
}

impl Stated {
    /// The first of these details that says something; else why none does.
    pub fn first(names: &Names<'_>, entry: &VerifiedEntry, details: &[&str]) -> Stated {
        let said = |name: &&str| entry.detail(name).map(plain);
        if let Some(words) = details
            .iter()
            .find_map(said)
            .filter(|words| !words.is_empty())
        {
            return Stated::Words(words);
        }
        let left_out = |name: &&&str| entry.withheld().any(|one| one == **name);
        let Some(name) = details.iter().find(left_out) else {
            return Stated::Nothing;
        };
        match names.erased(entry.hash(), name) {
            Some(under) => Stated::Erased(under),
            None => Stated::Withheld,
        }
    }

    /// In words, in quotation marks where somebody wrote them.
    pub fn in_words(&self) -> String {
        match self {
            Stated::Words(words) => quoted(&Value::from(words.as_str())),
            Stated::Withheld => "withheld".to_owned(),
            Stated::Erased(under) => format!("erased by law under entry {}", under.0),
            Stated::Nothing => "nothing stated".to_owned(),
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        match self {
            Stated::Words(words) => json!({"state": "stated", "words": words}),
            Stated::Withheld => json!({"state": "withheld"}),
            Stated::Erased(under) => json!({"state": "erased", "under": under}),
            Stated::Nothing => json!({"state": "nothing-stated"}),
        }
    }
}

/// Whose act an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Person {
    /// Theirs.
    Named(ActorId),
    /// A reader's whom the recipient of the bundle is not told.
    Withheld,
    /// A reader's who was erased by law, under this entry.
    Erased(EntryIndex),
}

impl Person {
    /// The signer; of what the service records of a reading, the reader.
    pub fn of(names: &Names<'_>, entry: &VerifiedEntry) -> Person {
        let payload = entry.payload();
        if payload.strand != Strand::Access {
            return Person::Named(payload.actor.clone());
        }
        let reader = entry.detail("reader").and_then(Value::as_str);
        match reader.map(ActorId::new) {
            Some(Ok(reader)) => Person::Named(reader),
            _ => match names.erased(entry.hash(), "reader") {
                Some(under) => Person::Erased(under),
                None => Person::Withheld,
            },
        }
    }

    /// In words.
    pub fn in_words(&self, names: &Names<'_>) -> String {
        match self {
            Person::Named(actor) => names.person(actor),
            Person::Withheld => "Readers who are withheld here".to_owned(),
            Person::Erased(under) => format!("A reader erased by law under entry {}", under.0),
        }
    }

    /// For programs.
    pub fn json(&self, names: &Names<'_>) -> Value {
        match self {
            Person::Named(actor) => {
                json!({"state": "named", "actor": actor, "name": names.person(actor)})
            }
            Person::Withheld => json!({"state": "withheld"}),
            Person::Erased(under) => json!({"state": "erased", "under": under}),
        }
    }
}

/// Puts what has the same key together, in the order in which the keys come up.
pub fn grouped<K: PartialEq, T>(all: impl IntoIterator<Item = (K, T)>) -> Vec<(K, Vec<T>)> {
    let mut groups: Vec<(K, Vec<T>)> = Vec::new();
    for (key, one) in all {
        match groups.iter_mut().find(|(same, _)| *same == key) {
            Some((_, these)) => these.push(one),
            None => groups.push((key, vec![one])),
        }
    }
    groups
}
