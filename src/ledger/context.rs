//! What predicates and effects look at: the entry, its place, and what was known before it.

use serde::de::DeserializeOwned;

use super::admit::Place;
use super::schema;
use super::state::{CaseRecord, ExhibitRecord, Known, Offer};
use crate::protocol::entry::VerifiedEntry;
use crate::protocol::id::{ActorId, Subject};

/// What predicates look at.
pub struct Context<'a, K: Known + ?Sized> {
    /// What is known before the entry.
    pub known: &'a K,
    /// The entry.
    pub entry: &'a VerifiedEntry,
    /// Where and when the log takes it in.
    pub place: Place,
}

impl<'a, K: Known + ?Sized> Context<'a, K> {
    /// Puts the three together.
    pub fn new(known: &'a K, entry: &'a VerifiedEntry, place: Place) -> Context<'a, K> {
        Context {
            known,
            entry,
            place,
        }
    }

    /// Reads a body member.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        schema::read(&self.entry.payload().body, name)
    }

    /// Reads a text member of the body.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.entry.payload().body.get(name)?.as_str()
    }

    /// Who signs.
    pub fn actor(&self) -> &ActorId {
        &self.entry.payload().actor
    }

    /// What the entry is about.
    pub fn subject(&self) -> &Subject {
        &self.entry.payload().subject
    }

    /// The case, where the subject is one.
    pub fn case(&self) -> Option<CaseRecord> {
        self.known.case(self.subject())
    }

    /// The exhibit, where the subject is one.
    pub fn exhibit(&self) -> Option<ExhibitRecord> {
        self.known.exhibit(self.subject())
    }

    /// Whether the signer's organisation is a party of a case.
    pub fn is_party(&self, case: &Subject) -> bool {
        self.known
            .case(case)
            .is_some_and(|case| case.parties.contains_key(&self.actor().org()))
    }

    /// The exhibit's open offer, if there is one.
    pub fn open_offer(&self) -> Option<Offer> {
        self.exhibit().and_then(|exhibit| exhibit.offer)
    }
}
