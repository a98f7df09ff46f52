//! What people and exhibits are called, out of the details that the bundle discloses.
//!
//! A person is called by the name under which their authority enrolled them, with their organisation; an
//! exhibit by its reference; a case by title and reference. Where that is withheld, by organisation or
//! kind of thing and the first eight characters of the id. The newest name wins.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::ledger::Rules;
use crate::ledger::state::Known as _;
use crate::protocol::entry::VerifiedEntry;
use crate::protocol::id::{ActorId, Strand, Subject};
use crate::verify::VerifiedBundle;

/// Longest run of somebody's words that a report repeats, in characters.
const MAX_QUOTE: usize = 600;

/// Names found in a bundle.
pub struct Names<'a> {
    bundle: &'a VerifiedBundle,
    people: BTreeMap<ActorId, String>,
    references: BTreeMap<Subject, String>,
    titles: BTreeMap<Subject, String>,
}

impl<'a> Names<'a> {
    /// Reads every name that is disclosed.
    pub fn of(bundle: &'a VerifiedBundle) -> Names<'a> {
        let mut names = Names {
            bundle,
            people: BTreeMap::new(),
            references: BTreeMap::new(),
            titles: BTreeMap::new(),
        };
        for entry in bundle.entries.iter().filter_map(|item| item.entry.as_ref()) {
            names.read(entry);
        }
        names
    }

    fn read(&mut self, entry: &VerifiedEntry) {
        let payload = entry.payload();
        let detail = |name: &str| entry.detail(name).map(plain);
        if payload.event == "key-enrolled" {
            let actor = payload.body.get("actor").and_then(Value::as_str);
            if let (Some(Ok(actor)), Some(name)) = (actor.map(ActorId::new), detail("name")) {
                self.people.insert(actor, name);
            }
        }
        let subject = payload.subject.clone();
        // A reference is given when something is opened, or set anew; in other entries the word may mean anything.
        let names_it = Rules::embedded()
            .row(&payload.event)
            .is_some_and(|row| row.names.is_some());
        if let (true, Some(reference)) = (names_it, detail("reference")) {
            self.references.insert(subject.clone(), reference);
        }
        if let (Strand::Case, Some(title)) = (payload.strand, detail("title")) {
            self.titles.insert(subject, title);
        }
    }

    /// "PC Jo Smith (northshire-police)".
    pub fn person(&self, actor: &ActorId) -> String {
        let org = actor.org();
        let ledger = self.bundle.state.ledger();
        if ledger.is_some_and(|ledger| ledger.service == *actor) {
            return "The ledger's service".to_owned();
        }
        if let Some(name) = self.people.get(actor) {
            return format!("{name} ({org})");
        }
        if self
            .bundle
            .state
            .org(&org)
            .is_some_and(|record| record.authority == *actor)
        {
            return format!("The authority of {org}");
        }
        format!("A person of {org} (id {})", short(actor.subject().as_str()))
    }

    /// The same in the middle of a sentence.
    pub fn person_within(&self, actor: &ActorId) -> String {
        let name = self.person(actor);
        for (start, within) in [("The ", "the "), ("A person of ", "a person of ")] {
            if let (false, Some(rest)) = (self.people.contains_key(actor), name.strip_prefix(start))
            {
                return format!("{within}{rest}");
            }
        }
        name
    }

    /// "exhibit JSM/1".
    pub fn exhibit(&self, exhibit: &Subject) -> String {
        match self.references.get(exhibit) {
            Some(reference) => format!("exhibit {reference}"),
            None => format!("exhibit with id {}", short(exhibit.as_str())),
        }
    }

    /// "the case “R v Doe” (44NS1234526)".
    pub fn case(&self, case: &Subject) -> String {
        match (self.titles.get(case), self.references.get(case)) {
            (Some(title), Some(reference)) => format!("the case \"{title}\" ({reference})"),
            (Some(title), None) => format!("the case \"{title}\""),
            (None, Some(reference)) => format!("the case {reference}"),
            (None, None) => format!("the case with id {}", short(case.as_str())),
        }
    }
}

/// The first eight characters of an id.
pub fn short(id: &str) -> String {
    format!("{}...", id.chars().take(8).collect::<String>())
}

/// A value in words, on one line, in quotation marks.
pub fn quoted(value: &Value) -> String {
    format!("\"{}\"", plain(value))
}

/// A value in words, on one line: control characters, line breaks and marks that turn the direction of
/// text become spaces, double quotation marks single ones; long texts are cut, which is said.
pub fn plain(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let turns = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let clean = text.chars().map(|c| match c {
        '"' => '\'',
        c if c.is_control() || turns(c) => ' ',
        c => c,
    });
    let mut short: String = clean.take(MAX_QUOTE).collect();
    if text.chars().count() > MAX_QUOTE {
        short.push_str(" ... [cut]");
    }
    short.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_others_cannot_pass_for_lines_of_the_report() {
        let hostile = Value::from("ok\"\n1. PROVEN\u{1b}[2J\u{202e}x");
        assert_eq!(quoted(&hostile), "\"ok' 1. PROVEN [2J x\"");
        assert!(plain(&Value::from("x".repeat(10_000))).ends_with("[cut]"));
        assert_eq!(
            plain(&serde_json::json!({"a": [1, null]})),
            "{'a':[1,null]}"
        );
    }
}
