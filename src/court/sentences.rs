//! One sentence for each event: "PC Jo Smith (northshire-police) recorded that they ...".
//!
//! The sentences are data (`sentences.json`), one an event:
//!
//! ```text
//! {x}      the body member x, or where the event has none, the detail x; {X} the same in capitals
//! {~x}     the same with spaces for hyphens, where a code reads as words
//! {this}   the exhibit, case or ledger that the entry is about
//! {-x}     nothing, but the detail x is not told a second time
//! {?x}     nothing, but x must be stated for what stands in the same brackets
//! [...]    left out where a value in it is not stated or withheld; [...|...] puts the second in its place
//! ```
//!
//! Details that a sentence does not use follow it by name; withheld ones are named as withheld.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde_json::Value;

use super::names::{Names, plain, quoted, short};
use super::telling::Telling;
use crate::ledger::Rules;
use crate::ledger::erasure::Erasure;
use crate::ledger::rules::Row;
use crate::ledger::schema::{ExhibitDigest, MemberType};
use crate::protocol::digest::EvidenceDigest;
use crate::protocol::entry::{EntryHash, UnverifiedEntry};
use crate::protocol::hash::Hash;
use crate::protocol::id::{ActorId, Code, Strand, Subject};
use crate::protocol::time::{LogTime, Moment};
use crate::protocol::tree::EntryIndex;
use crate::verify::VerifiedItem;

/// How long after it happened something counts as logged at once, in seconds.
const AT_ONCE: u64 = 60;

/// "14 March 2026 09:12:00 UTC: PC Jo Smith (northshire-police) recorded that ... [entry 12, logged at once]".
pub fn line(names: &Names<'_>, item: &VerifiedItem) -> String {
    let index = item.index.0;
    let Some(entry) = &item.entry else {
        return format!(
            "{}: an entry of the {} chain that is wholly withheld. [entry {index}]",
            item.recorded_at.in_words(),
            item.chain.strand
        );
    };
    let mut line = told(&names.as_of(item.index), entry, item.index);
    line.push_str(&format!(
        " [entry {index}{}, logged {}",
        beside(item.on_branch),
        logged(entry, item.recorded_at)
    ));
    if let Some(bounds) = item.bracket.in_words() {
        line.push_str(&format!(", recorded {bounds}"));
    } else if let Some(latest) = item.bracket.after.as_ref().and_then(|seen| seen.earliest()) {
        line.push_str(&format!(", seen by a witness by {}", latest.in_words()));
    }
    line.push(']');
    line
}

/// That an entry stands beside its chain.
pub fn beside(on_branch: bool) -> &'static str {
    match on_branch {
        true => ", on a branch",
        false => "",
    }
}

/// When the log recorded an entry: "at once", or when.
pub fn logged(entry: &UnverifiedEntry, at: LogTime) -> String {
    let happened = u64::try_from(entry.payload().occurred_at.earliest()).unwrap_or(0);
    match (at.0 / 1000).abs_diff(happened) <= AT_ONCE {
        true => "at once".to_owned(),
        false => at.in_words(),
    }
}

/// When it happened, who recorded it, and what, with what is withheld. The entry need not be verified: whoever
/// prints this says whether it was.
pub fn told(telling: &dyn Telling, entry: &UnverifiedEntry, index: EntryIndex) -> String {
    let when = entry.payload().occurred_at.in_words();
    let who = telling.person(&entry.payload().actor);
    let writer = Writer {
        telling,
        entry,
        index,
    };
    let (what, used) = writer.sentence();
    let mut told = format!("{when}: {who} recorded that {what}.");
    let rest: Vec<String> = entry
        .disclosures()
        .iter()
        .filter(|one| !used.contains(one.name()))
        .map(|one| format!("{}: {}", one.name().replace('_', " "), quoted(one.value())))
        .collect();
    if !rest.is_empty() {
        told.push_str(&format!(" Also recorded: {}.", rest.join("; ")));
    }
    let e = entry.hash();
    let mut withheld = Vec::new();
    for name in entry.withheld() {
        match telling.erased(e, name) {
            Some(under) => {
                told.push_str(&format!(" Erased by law under entry {}: {name}.", under.0))
            }
            None => withheld.push(name),
        }
    }
    if !withheld.is_empty() {
        told.push_str(&format!(" Withheld here: {}.", withheld.join(", ")));
    }
    told
}

/// What somebody read or took, by an access entry: "the history of exhibit JSM/1".
pub fn what_was_read(telling: &dyn Telling, entry: &UnverifiedEntry, index: EntryIndex) -> String {
    let writer = Writer {
        telling,
        entry,
        index,
    };
    let row = Rules::embedded().row(&entry.payload().event);
    let template = "{extent} [{exhibit}, taken into ]{this}";
    writer.fill(template, row, &mut BTreeSet::new())
}

/// The template of each event.
fn templates() -> &'static BTreeMap<String, String> {
    static TEMPLATES: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    TEMPLATES.get_or_init(|| {
        let text = include_str!("sentences.json");
        serde_json::from_str(text).expect("the embedded sentences load; a test loads them")
    })
}

struct Writer<'a> {
    telling: &'a dyn Telling,
    entry: &'a UnverifiedEntry,
    index: EntryIndex,
}

impl Writer<'_> {
    /// What was recorded, and the details that the sentence already holds.
    fn sentence(&self) -> (String, BTreeSet<String>) {
        let event = self.entry.payload().event.as_str();
        let row = Rules::embedded().row(event);
        let mut used = BTreeSet::new();
        // A reference that the entry itself gives is in the name of what it is about.
        used.extend(row.and_then(|row| Some(row.names.as_ref()?.detail.clone())));
        let text = match templates().get(event) {
            Some(template) => self.fill(template, row, &mut used),
            None => format!("there was the event \"{event}\" of {}", self.this()),
        };
        (text, used)
    }

    fn fill(&self, template: &str, row: Option<&Row>, used: &mut BTreeSet<String>) -> String {
        let mut text = String::new();
        let mut rest = template;
        while let Some(open) = rest.find('[') {
            let (before, group) = rest.split_at(open);
            let (group, after) = group[1..].split_once(']').unwrap_or((&group[1..], ""));
            let (wanted, instead) = group.split_once('|').unwrap_or((group, ""));
            text.push_str(&self.put(before, row, used).0);
            let mut used_here = BTreeSet::new();
            match self.put(wanted, row, &mut used_here) {
                (words, true) => {
                    text.push_str(&words);
                    used.append(&mut used_here);
                }
                (_, false) => text.push_str(&self.put(instead, row, used).0),
            }
            rest = after;
        }
        text.push_str(&self.put(rest, row, used).0);
        text
    }

    /// A piece of a template with its values, and whether all of them are there.
    fn put(&self, piece: &str, row: Option<&Row>, used: &mut BTreeSet<String>) -> (String, bool) {
        let mut text = String::new();
        let mut whole = true;
        let mut rest = piece;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            text.push_str(before);
            rest = after;
            let mark = name.chars().next().filter(|mark| "-~?".contains(*mark));
            let name = name.trim_start_matches(['-', '~', '?']);
            let lower = name.to_lowercase();
            let value = self.value(&lower, row);
            if mark != Some('?') {
                used.insert(lower);
            }
            if mark == Some('-') {
                continue;
            }
            whole &= value.is_some();
            let value = value.unwrap_or_else(|| "(not stated)".to_owned());
            match mark {
                Some('?') => {}
                Some(_) => text.push_str(&value.replace('-', " ")),
                None if name.chars().all(|c| c.is_ascii_uppercase()) => {
                    text.push_str(&value.to_uppercase());
                }
                None => text.push_str(&value),
            }
        }
        text.push_str(rest);
        (text, whole)
    }

    fn value(&self, name: &str, row: Option<&Row>) -> Option<String> {
        match name {
            "this" => return Some(self.this()),
            "ledger" => return Some(self.entry.payload().ledger.to_string()),
            "own digest" => return Some(self.received()),
            "called before" => {
                let exhibit = &self.entry.payload().subject;
                return self.telling.reference_before(exhibit, self.index);
            }
            "extent" => return self.body("extent").map(|value| extent(&plain(value))),
            _ => {}
        }
        let Some(member) = row.and_then(|row| row.body.get(name)) else {
            return self.entry.detail(name).map(|value| self.said(value));
        };
        let value = self.body(name)?;
        let text = value.as_str().unwrap_or_default();
        use MemberType as T;
        Some(match member.kind {
            T::Subject if name == "case" => self.telling.case(&Subject::new(text).ok()?),
            T::Subject => self.exhibit(text),
            T::Subjects => list(value, |item| {
                Some(self.exhibit(item.as_str().unwrap_or_default()))
            })?,
            T::Parents => list(value, |item| {
                Some(self.exhibit(item.get("exhibit")?.as_str()?))
            })?,
            T::Codes => list(value, |item| Some(plain(item).replace('_', " ")))?,
            T::Orgs | T::Roles => list(value, |item| Some(plain(item)))?,
            T::Actor | T::ActorOrNull => self.telling.person_within(&ActorId::new(text).ok()?),
            T::Recipient => self.recipient(value),
            T::Hash | T::HashOrNull => self.pointed(Hash::from_base64url(text).ok()?),
            T::Hashes => list(value, |item| {
                let e = Hash::from_base64url(item.as_str()?).ok()?;
                Some(self.pointed(e))
            })?,
            T::Erasures => list(value, |item| {
                let one: Erasure = serde_json::from_value(item.clone()).ok()?;
                let names: Vec<&str> = one.names.iter().map(Code::as_str).collect();
                let place = self.pointed(one.entry.0);
                Some(format!(
                    "{} of {place}",
                    names.join(" and ").replace('_', " ")
                ))
            })?,
            T::ExhibitDigests => list(value, |item| {
                let one: ExhibitDigest = serde_json::from_value(item.clone()).ok()?;
                let name = self.telling.exhibit(&one.exhibit);
                Some(format!(
                    "{name} with SHA-256 {}",
                    one.digest.sha256.to_hex()
                ))
            })?,
            T::TimeOrNull => match Moment::parse(text) {
                Ok(moment) => moment.in_words(),
                Err(_) => plain(value),
            },
            T::KeyId => short(text),
            T::Digest | T::DigestOrNull => {
                let digest = self.digest(name)?;
                let sha256 = digest.sha256.to_hex();
                format!("{} bytes and SHA-256 {sha256}", digest.size)
            }
            // Abbreviations, as courts write them.
            T::Enum if matches!(text, "idpc" | "ptph") => text.to_uppercase(),
            T::Enum => text.replace('-', " "),
            _ => plain(value),
        })
    }

    /// What the entry is about.
    fn this(&self) -> String {
        let payload = self.entry.payload();
        let case = match payload.strand {
            Strand::Case | Strand::Exhibits => true,
            Strand::Access => self.body("target").and_then(Value::as_str) == Some("case"),
            _ => false,
        };
        match case {
            true => self.telling.case(&payload.subject),
            false => self.telling.exhibit(&payload.subject),
        }
    }

    fn body(&self, name: &str) -> Option<&Value> {
        let body = &self.entry.payload().body;
        body.get(name).filter(|value| !value.is_null())
    }

    /// The value of a detail: somebody's name where it is an actor's id.
    fn said(&self, value: &Value) -> String {
        match value.as_str().map(ActorId::new) {
            Some(Ok(actor)) => self.telling.person_within(&actor),
            _ => quoted(value),
        }
    }

    fn exhibit(&self, text: &str) -> String {
        match Subject::new(text) {
            Ok(subject) => self.telling.exhibit(&subject),
            Err(_) => "an exhibit".to_owned(),
        }
    }

    fn recipient(&self, to: &Value) -> String {
        let actor = to.get("actor").and_then(Value::as_str).map(ActorId::new);
        if let Some(Ok(actor)) = actor {
            return self.telling.person_within(&actor);
        }
        let part = |of: &Value, name: &str| of.get(name).map_or_else(String::new, plain);
        match to.get("store") {
            Some(store) => format!(
                "the store \"{}\" of {}",
                part(store, "place"),
                part(store, "org")
            ),
            None => part(to, "org"),
        }
    }

    fn digest(&self, name: &str) -> Option<EvidenceDigest> {
        serde_json::from_value(self.body(name)?.clone()).ok()
    }

    /// What the receiver found, against what was registered when they received it.
    fn received(&self) -> String {
        let e = self.entry.hash();
        let flagged = |code: &str| self.telling.is_flagged(e, code);
        let exhibit = &self.entry.payload().subject;
        match self.digest("digest").map(|own| own.sha256.to_hex()) {
            None if flagged("accepted-without-digest") => {
                "; they did not compute a digest of their own".to_owned()
            }
            // A thing, such as a phone.
            None => String::new(),
            Some(own) if flagged("accepted-digest-differs") => format!(
                "; they digested the bytes and the digest is NOT the registered one (SHA-256 {own})"
            ),
            Some(_) if self.telling.has_digest(exhibit, self.index) => {
                "; they digested the bytes and the digest is the registered one".to_owned()
            }
            Some(own) => format!("; they digested the bytes: SHA-256 {own}"),
        }
    }

    fn pointed(&self, e: Hash) -> String {
        match self.telling.index(EntryHash(e)) {
            Some(index) => format!("entry {}", index.0),
            None => "an entry that is not here".to_owned(),
        }
    }
}

/// How much of something was read or taken, in words.
fn extent(code: &str) -> String {
    match code {
        "history" => "the history of".to_owned(),
        "entry" => "an entry of".to_owned(),
        "bundle" => "a bundle of".to_owned(),
        "blob" => "a file of".to_owned(),
        "lookup" => "by its digest the id of".to_owned(),
        other => format!("({}) of", other.replace('-', " ")),
    }
}

/// The items that have words, with commas between; nothing if none has.
fn list(value: &Value, word: impl Fn(&Value) -> Option<String>) -> Option<String> {
    let items = value.as_array()?.iter().filter_map(word);
    let words: Vec<String> = items.collect();
    (!words.is_empty()).then(|| words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_a_sentence_and_every_sentence_an_event() {
        let events: BTreeSet<&str> = Rules::embedded()
            .rows()
            .map(|row| row.event.as_str())
            .collect();
        let told: BTreeSet<&str> = templates().keys().map(String::as_str).collect();
        assert_eq!(told, events);
    }

    #[test]
    fn brackets_and_braces_are_closed_and_not_put_into_one_another() {
        for (event, template) in templates() {
            for (open, close) in [('[', ']'), ('{', '}')] {
                let mut inside = false;
                for c in template.chars().filter(|c| *c == open || *c == close) {
                    assert_eq!(c == close, inside, "{event}: {template}");
                    inside = c == open;
                }
                assert!(!inside, "{event}: {template}");
            }
        }
    }
}
