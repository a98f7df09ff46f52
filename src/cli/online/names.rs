//! What people, exhibits and cases are called, as the service tells it: for sentences about what is not verified.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::reference;
use super::session::Session;
use super::told::Told;
use crate::cli::failure::Failure;
use crate::court::names::{name_of, plain, short};
use crate::court::telling::{Erased, Past, SERVICE, Telling};
use crate::ledger::Rules;
use crate::ledger::state::Role;
use crate::protocol::entry::EntryHash;
use crate::protocol::id::{ActorId, Strand, Subject};
use crate::protocol::tree::EntryIndex;

/// Most names asked for one by one; what is beyond is shown by its id. A case may have a hundred thousand exhibits.
const MAX_ASKED: usize = 1000;

/// Names, each asked for once.
pub struct Names<'a> {
    session: &'a Session,
    asked: Cell<usize>,
    people: BTreeMap<ActorId, Option<String>>,
    exhibits: BTreeMap<Subject, Option<String>>,
    titles: BTreeMap<Subject, String>,
    service: BTreeSet<ActorId>,
    authorities: BTreeSet<ActorId>,
    places: HashMap<EntryHash, EntryIndex>,
    flags: HashMap<EntryHash, BTreeSet<String>>,
    past: Past,
    erased: Erased,
    at: Cell<Option<EntryIndex>>,
}

impl<'a> Names<'a> {
    /// Nobody is known yet.
    pub fn new(session: &'a Session) -> Names<'a> {
        Names {
            session,
            asked: Cell::new(0),
            people: BTreeMap::new(),
            exhibits: BTreeMap::new(),
            titles: BTreeMap::new(),
            service: BTreeSet::new(),
            authorities: BTreeSet::new(),
            places: HashMap::new(),
            flags: HashMap::new(),
            past: Past::default(),
            erased: Erased::default(),
            at: Cell::new(None),
        }
    }

    /// "DC Jo Smith (northshire-police)".
    pub fn of(&mut self, actor: &ActorId) -> Result<String, Failure> {
        self.ask(actor)?;
        Ok(self.person(actor))
    }

    /// Learns who and what a history names, where its entries stand, and the digests in it.
    pub fn learn(&mut self, history: &[Told]) -> Result<(), Failure> {
        for told in history {
            let Some(entry) = &told.entry else { continue };
            let payload = entry.payload();
            self.places.insert(entry.hash(), told.index);
            let codes = told.flags.iter().map(|flag| flag.code.clone());
            self.flags.insert(entry.hash(), codes.collect());
            if !told.on_branch {
                self.past.read(entry, told.index);
            }
            self.erased.read(entry, told.index);
            let row = Rules::embedded().row(&payload.event);
            match row.is_some_and(|row| row.roles == [Role::Service]) {
                true => drop(self.service.insert(payload.actor.clone())),
                false => self.ask(&payload.actor)?,
            }
            // On the chain of somebody's keys nobody else may write.
            if told.strand == Strand::Keys && payload.actor.subject() != payload.subject {
                self.authorities.insert(payload.actor.clone());
            }
            self.look_up(&Value::from(payload.subject.as_str()))?;
            payload
                .body
                .values()
                .try_for_each(|one| self.look_up(one))?;
            if let (Strand::Case, Some(title)) = (told.strand, entry.detail("title")) {
                self.titles.insert(payload.subject.clone(), plain(title));
            }
            if let Some(reader) = entry.detail("reader") {
                self.look_up(reader)?;
            }
            for explanation in told.flags.iter().flat_map(|flag| &flag.explained) {
                self.ask(&explanation.by)?;
            }
        }
        Ok(())
    }

    /// Asks for what is named anywhere in a value.
    fn look_up(&mut self, value: &Value) -> Result<(), Failure> {
        match value {
            Value::String(text) => {
                if let Ok(actor) = ActorId::new(text.as_str()) {
                    return self.ask(&actor);
                }
                let Ok(subject) = Subject::new(text.as_str()) else {
                    return Ok(());
                };
                if self.exhibits.contains_key(&subject) || !self.may_ask() {
                    return Ok(());
                }
                let called = reference::called(self.session, &subject)?;
                let called = called.filter(|name| !name.is_empty());
                let called = called.map(|name| name_of(&Value::from(name)));
                self.exhibits.insert(subject, called);
                Ok(())
            }
            Value::Array(items) => items.iter().try_for_each(|one| self.look_up(one)),
            Value::Object(map) => map.values().try_for_each(|one| self.look_up(one)),
            _ => Ok(()),
        }
    }

    fn ask(&mut self, actor: &ActorId) -> Result<(), Failure> {
        if !self.people.contains_key(actor) && self.may_ask() {
            let name = reference::name(self.session, actor)?;
            let name = name.filter(|name| !name.is_empty());
            let name = name.map(|name| name_of(&Value::from(name)));
            self.people.insert(actor.clone(), name);
        }
        Ok(())
    }

    fn may_ask(&self) -> bool {
        let asked = self.asked.replace(self.asked.get() + 1);
        asked < MAX_ASKED
    }

    /// Exhibits are called from here on as they were when this entry was recorded.
    pub fn tell_as_of(&self, index: EntryIndex) {
        self.at.set(Some(index));
    }

    fn called(&self, subject: &Subject) -> Option<&String> {
        self.exhibits.get(subject).and_then(Option::as_ref)
    }
}

impl Telling for Names<'_> {
    fn person(&self, actor: &ActorId) -> String {
        let org = actor.org();
        match self.people.get(actor).and_then(Option::as_ref) {
            _ if self.service.contains(actor) => SERVICE.to_owned(),
            Some(name) => format!("{name} ({org})"),
            None if self.authorities.contains(actor) => format!("The authority of {org}"),
            None => format!("A person of {org} (id {})", short(actor.subject().as_str())),
        }
    }

    fn is_named(&self, actor: &ActorId) -> bool {
        self.people.get(actor).is_some_and(Option::is_some)
    }

    fn exhibit(&self, exhibit: &Subject) -> String {
        let then = self
            .at
            .get()
            .and_then(|at| self.past.reference(exhibit, EntryIndex(at.0 + 1)));
        match (then, self.called(exhibit)) {
            (Some(then), Some(now)) if then != now => format!("exhibit {then} (now {now})"),
            (_, Some(reference)) => format!("exhibit {reference}"),
            (Some(then), None) => format!("exhibit {then}"),
            (None, None) => format!("exhibit with id {}", short(exhibit.as_str())),
        }
    }

    fn case(&self, case: &Subject) -> String {
        match (self.titles.get(case), self.called(case)) {
            (Some(title), Some(reference)) => format!("the case \"{title}\" ({reference})"),
            (Some(title), None) => format!("the case \"{title}\""),
            (None, Some(reference)) => format!("the case {reference}"),
            (None, None) => format!("the case with id {}", short(case.as_str())),
        }
    }

    fn index(&self, e: EntryHash) -> Option<EntryIndex> {
        self.places.get(&e).copied()
    }

    fn is_flagged(&self, e: EntryHash, code: &str) -> bool {
        self.flags.get(&e).is_some_and(|codes| codes.contains(code))
    }

    fn has_digest(&self, exhibit: &Subject, before: EntryIndex) -> bool {
        self.past.digest(exhibit, before).is_some()
    }

    fn erased(&self, e: EntryHash, name: &str) -> Option<EntryIndex> {
        self.erased.under(e, name)
    }

    fn reference_before(&self, exhibit: &Subject, index: EntryIndex) -> Option<String> {
        self.past.reference(exhibit, index).map(str::to_owned)
    }
}
