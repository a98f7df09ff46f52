//! What predicates and effects look at: the entry, its place, and what was known before it.

use serde::de::DeserializeOwned;

use super::admit::Place;
use super::read::CUSTODIAN;
use super::rules::Rules;
use super::schema;
use super::standing;
use super::state::{CaseRecord, ExhibitRecord, Known, Offer, Role};
use crate::protocol::entry::{EntryHash, VerifiedEntry};
use crate::protocol::id::{ActorId, OrgId, Subject};

/// What predicates look at.
pub struct Context<'a, K: Known + ?Sized> {
    /// What is known before the entry.
    pub known: &'a K,
    /// The entry.
    pub entry: &'a VerifiedEntry,
    /// Where and when the log takes it in.
    pub place: Place,
    /// The table.
    pub rules: &'a Rules,
}

impl<'a, K: Known + ?Sized> Context<'a, K> {
    /// Puts the three together.
    pub fn new(
        rules: &'a Rules,
        known: &'a K,
        entry: &'a VerifiedEntry,
        place: Place,
    ) -> Context<'a, K> {
        Context {
            known,
            entry,
            place,
            rules,
        }
    }

    /// A threshold in seconds: as the parties changed it, or as the table has it.
    pub fn threshold(&self, name: &str) -> i64 {
        standing::threshold(self.rules, self.known, name)
    }

    /// Whether an entry is one about the same subject.
    pub fn is_of_subject(&self, e: EntryHash) -> bool {
        let entry = self.known.entry(e);
        entry.is_some_and(|entry| entry.chain.subject == *self.subject())
    }

    /// Whether a hold is in force on the exhibit, on what is in it or on its case, or on the case itself.
    pub fn is_held(&self) -> bool {
        let exhibit = self.exhibit();
        let case = match &exhibit {
            Some(exhibit) => self.known.case(&exhibit.case),
            None => self.case(),
        };
        let contents = exhibit.iter().flat_map(|one| one.contents.clone());
        let in_it: Vec<ExhibitRecord> = contents
            .filter_map(|content| self.known.exhibit(&content))
            .collect();
        let of_exhibits = exhibit.into_iter().chain(in_it);
        let mut holds = of_exhibits
            .flat_map(|one| one.holds)
            .chain(case.into_iter().flat_map(|one| one.holds));
        holds.any(|(_, hold)| hold.is_in_force(self.place.recorded_at))
    }

    /// Whether a hold is in force elsewhere: on the container that the exhibit is in, or on another case that took it, or
    /// what is in it, in. A bundle of the exhibit need not show it.
    pub fn is_held_elsewhere(&self) -> bool {
        let exhibit = self.exhibit();
        let container = exhibit.as_ref().and_then(|one| one.container.as_ref());
        let container = container.and_then(|container| self.known.exhibit(container));
        let contents = exhibit.into_iter().flat_map(|one| one.contents);
        let of_cases = contents
            .chain([self.subject().clone()])
            .flat_map(|exhibit| self.known.links(&exhibit).into_keys())
            .filter_map(|case| self.known.case(&case))
            .flat_map(|case| case.holds.into_values());
        let of_container = container
            .into_iter()
            .flat_map(|one| one.holds.into_values());
        of_cases
            .chain(of_container)
            .any(|hold| hold.is_in_force(self.place.recorded_at))
    }

    /// Who placed the hold that the body names on this very exhibit or case, if nobody has lifted it.
    pub fn named_hold(&self) -> Option<OrgId> {
        let named = self.read::<EntryHash>("hold")?;
        let holds = match self.exhibit() {
            Some(exhibit) => exhibit.holds,
            None => self.case()?.holds,
        };
        holds.get(&named).map(|hold| hold.by.clone())
    }

    /// Whether the signer has one of these roles.
    pub fn has_role(&self, roles: &[Role]) -> bool {
        let signer = self.known.actor(self.actor());
        signer.is_some_and(|signer| roles.iter().any(|role| signer.roles.contains(role)))
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

    /// Whether the signer's organisation is in a case as a custodian: it runs nothing there.
    pub fn is_custodian(&self, case: &Subject) -> bool {
        let case = self.known.case(case);
        case.is_some_and(|case| {
            case.parties.get(&self.actor().org()).map(String::as_str) == Some(CUSTODIAN)
        })
    }

    /// Whether the signer's organisation may speak of the exhibit: it holds it, or is a party of its case; a custodian
    /// of the case where it held the exhibit once, or is offered it.
    pub fn stands_at_exhibit(&self) -> bool {
        let org = self.actor().org();
        let exhibit = self.exhibit();
        exhibit.is_some_and(|exhibit| standing::stands_at(self.known, &org, &exhibit))
    }

    /// The exhibit's open offer, if there is one.
    pub fn open_offer(&self) -> Option<Offer> {
        self.exhibit().and_then(|exhibit| exhibit.offer)
    }
}
