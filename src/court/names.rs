//! What people and exhibits are called, out of the details that the bundle discloses.
//!
//! A person is called by the name under which their authority enrolled them, with their organisation; an
//! exhibit by its reference; a case by title and reference. Where that is withheld, by organisation or
//! kind of thing and the first eight characters of the id. In what is said of an entry, people and things have
//! the name they had then; what an exhibit or a person is called now follows it.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value;

use super::telling::{Erased, SERVICE, Telling};
use crate::ledger::Rules;
use crate::ledger::state::Known as _;
use crate::protocol::entry::{EntryHash, VerifiedEntry};
use crate::protocol::id::{ActorId, Strand, Subject};
use crate::protocol::tree::EntryIndex;
use crate::verify::plain::{CUT, misleads};
use crate::verify::{Descent, VerifiedBundle};

/// Longest run of somebody's words that a report repeats, in characters.
const MAX_QUOTE: usize = 600;

/// Names found in a bundle, as they are now or as they were.
pub struct Names<'a> {
    bundle: &'a VerifiedBundle,
    given: Rc<Given>,
    at: Option<EntryIndex>,
}

/// Every name, with the entries that gave it, in the order of the log.
#[derive(Default)]
struct Given {
    people: BTreeMap<ActorId, Vec<(EntryIndex, String)>>,
    references: BTreeMap<Subject, Vec<(EntryIndex, String)>>,
    titles: BTreeMap<Subject, Vec<(EntryIndex, String)>>,
    erased: Erased,
}

impl<'a> Names<'a> {
    /// Reads every name that is disclosed.
    pub fn of(bundle: &'a VerifiedBundle) -> Names<'a> {
        let mut given = Given::default();
        for item in &bundle.entries {
            if let Some(entry) = &item.entry {
                given.read(item.index, entry);
            }
        }
        let (given, at) = (Rc::new(given), None);
        Names { bundle, given, at }
    }

    /// The names as they were when this entry was recorded, what it says itself included.
    pub fn as_of(&self, index: EntryIndex) -> Names<'a> {
        Names {
            bundle: self.bundle,
            given: self.given.clone(),
            at: Some(index),
        }
    }

    /// What an exhibit or a case is called now, without its title.
    pub fn reference(&self, subject: &Subject) -> Option<&str> {
        let given = self.given.references.get(subject)?;
        given.last().map(|(_, name)| name.as_str())
    }

    /// The name then, and the name now if it is another.
    fn called<'n, K: Ord>(
        &self,
        names: &'n BTreeMap<K, Vec<(EntryIndex, String)>>,
        of: &K,
    ) -> Option<(&'n str, Option<&'n str>)> {
        let all = names.get(of)?;
        let (_, now) = all.last()?;
        let then = match self.at {
            Some(at) => all.iter().rev().find(|(given, _)| *given <= at),
            None => None,
        };
        // Where the name of that time is not here, the first that is.
        let (_, then) = then.or(if self.at.is_some() {
            all.first()
        } else {
            all.last()
        })?;
        Some((then, (then != now).then_some(now.as_str())))
    }
}

impl Given {
    fn read(&mut self, index: EntryIndex, entry: &VerifiedEntry) {
        self.erased.read(entry, index);
        let payload = entry.payload();
        let detail = |name: &str| entry.detail(name).map(name_of);
        if payload.event == "key-enrolled" {
            let actor = payload.body.get("actor").and_then(Value::as_str);
            if let (Some(Ok(actor)), Some(name)) = (actor.map(ActorId::new), detail("name")) {
                self.people.entry(actor).or_default().push((index, name));
            }
        }
        let subject = payload.subject.clone();
        // A reference is given when something is opened, or set anew; in other entries the word may mean anything.
        let names_it = Rules::embedded()
            .row(&payload.event)
            .is_some_and(|row| row.names.is_some());
        if let (true, Some(reference)) = (names_it, detail("reference")) {
            let given = self.references.entry(subject.clone()).or_default();
            given.push((index, reference));
        }
        if let (Strand::Case, Some(title)) = (payload.strand, detail("title")) {
            self.titles.entry(subject).or_default().push((index, title));
        }
    }
}

impl Telling for Names<'_> {
    fn person(&self, actor: &ActorId) -> String {
        let org = actor.org();
        let ledger = self.bundle.state.ledger();
        if ledger.is_some_and(|ledger| ledger.service == *actor) {
            return SERVICE.to_owned();
        }
        if let Some((then, now)) = self.called(&self.given.people, actor) {
            let now = now.map_or_else(String::new, |now| format!(", now {now}"));
            return format!("{then}{now} ({org})");
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

    fn is_named(&self, actor: &ActorId) -> bool {
        self.given.people.contains_key(actor)
    }

    fn exhibit(&self, exhibit: &Subject) -> String {
        match self.called(&self.given.references, exhibit) {
            Some((then, Some(now))) => format!("exhibit {then} (now {now})"),
            Some((then, None)) => format!("exhibit {then}"),
            None => format!("exhibit with id {}", short(exhibit.as_str())),
        }
    }

    fn case(&self, case: &Subject) -> String {
        let title = self.called(&self.given.titles, case).map(|(then, _)| then);
        let reference = self.called(&self.given.references, case);
        match (title, reference.map(|(then, _)| then)) {
            (Some(title), Some(reference)) => {
                format!("the case \"{}\" ({reference})", unquoted(title))
            }
            (Some(title), None) => format!("the case \"{}\"", unquoted(title)),
            (None, Some(reference)) => format!("the case {reference}"),
            (None, None) => format!("the case with id {}", short(case.as_str())),
        }
    }

    fn index(&self, e: EntryHash) -> Option<EntryIndex> {
        self.bundle.state.entry(e).map(|record| record.index)
    }

    fn is_flagged(&self, e: EntryHash, code: &str) -> bool {
        let mut raised = self.bundle.flags.iter();
        raised.any(|flag| flag.code == code && flag.entries.contains(&e))
    }

    fn has_digest(&self, exhibit: &Subject, before: EntryIndex) -> bool {
        let versions = self.bundle.versions.iter();
        versions
            .filter(|version| version.exhibit == *exhibit && version.index < before)
            .any(|version| version.descent != Descent::Other)
    }

    fn erased(&self, e: EntryHash, name: &str) -> Option<EntryIndex> {
        self.given.erased.under(e, name)
    }

    fn reference_before(&self, exhibit: &Subject, index: EntryIndex) -> Option<String> {
        let given = self.given.references.get(exhibit)?;
        let before = given.iter().rev().find(|(at, _)| *at < index);
        before.map(|(_, name)| name.clone())
    }
}

/// The first eight characters of an id.
pub fn short(id: &str) -> String {
    format!("{}...", id.chars().take(8).collect::<String>())
}

/// A name as it stands in a sentence: in quotation marks unless it looks like one, so that nobody's name can pass
/// for words of the report.
pub fn name_of(value: &Value) -> String {
    let text = plain(value);
    let usual = |c: char| c.is_alphanumeric() || " /.'-".contains(c);
    match text.chars().count() <= 40 && text.chars().all(usual) {
        true => text,
        false => format!("\"{text}\""),
    }
}

/// The same where quotation marks stand already.
fn unquoted(name: &str) -> &str {
    name.trim_matches('"')
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
    let clean = text.chars().map(|c| match c {
        '"' => '\'',
        c if misleads(c) => ' ',
        c => c,
    });
    let mut short: String = clean.take(MAX_QUOTE).collect();
    if text.chars().count() > MAX_QUOTE {
        short.push_str(CUT);
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
