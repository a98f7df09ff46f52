//! From what people type to what the rules read: exhibits by reference, people by name, entries by the number that
//! `custodes history` shows, whole numbers and yes or no as words.

use std::cell::OnceCell;

use serde_json::{Map, Value, json};

use super::reference;
use super::session::Session;
use super::told::{self, Told};
use super::when;
use crate::cli::failure::Failure;
use crate::ledger::rules::Row;
use crate::ledger::schema::{Member, MemberType};
use crate::protocol::hash::Hash;
use crate::protocol::id::{ActorId, OrgId, Strand, Subject};

/// Members that name another entry, and the events that it may be of; none where it may be any.
const POINTERS: &[(&str, &[&str])] = &[
    ("authorisation", &["disposal-authorised"]),
    ("countersigns", &["custody-restated"]),
    ("disclosure", &["disclosed"]),
    ("hold", &["hold-placed", "case-hold-placed"]),
    ("offer", &["transfer-offered"]),
    ("request", &["disclosure-requested"]),
    ("target", &[]),
    ("targets", &[]),
    ("undertaking", &["undertaking-given"]),
];

/// The events that the entry named by a member may be of, if the member names entries.
pub fn points_at(name: &str) -> Option<&'static [&'static str]> {
    let found = POINTERS.iter().find(|(pointer, _)| *pointer == name);
    found.map(|(_, events)| *events)
}

/// Reads what people type about one subject.
pub struct Members<'a> {
    session: &'a Session,
    row: &'a Row,
    subject: &'a Subject,
    history: OnceCell<Vec<Told>>,
}

impl<'a> Members<'a> {
    /// For an event about this subject.
    pub fn new(session: &'a Session, row: &'a Row, subject: &'a Subject) -> Members<'a> {
        Members {
            session,
            row,
            subject,
            history: OnceCell::new(),
        }
    }

    /// Every member of a body that was typed as text becomes what the rules read there.
    pub fn read_all(&self, body: &mut Map<String, Value>) -> Result<(), Failure> {
        for (name, member) in &self.row.body {
            if let Some(Value::String(text)) = body.get(name) {
                let value = self.read(name, member, text)?;
                body.insert(name.clone(), value);
            }
        }
        Ok(())
    }

    /// One of them. What is not understood is left as it is, for the schema to say what was expected.
    pub fn read(&self, name: &str, member: &Member, text: &str) -> Result<Value, Failure> {
        use MemberType as T;
        Ok(match member.kind {
            T::Subject if name != "case" => json!(reference::exhibit(self.session, text, None)?),
            T::Subjects => list(text)
                .map(|one| reference::exhibit(self.session, one, None).map(|one| json!(one)))
                .collect::<Result<Vec<_>, _>>()?
                .into(),
            T::Actor | T::ActorOrNull => json!(reference::actor(self.session, text)?),
            T::Recipient => recipient(self.session, text, None)?,
            T::Orgs | T::Roles | T::Codes => list(text).collect::<Vec<_>>().into(),
            T::Parents => list(text)
                .map(|one| {
                    let exhibit = reference::exhibit(self.session, one, None)?;
                    Ok(json!({ "exhibit": exhibit, "digest": null }))
                })
                .collect::<Result<Vec<_>, Failure>>()?
                .into(),
            T::TimeOrNull => when::stated(text).map_or(json!(text), |time| json!(time.as_str())),
            T::Integer => text.trim().parse::<u64>().map_or(json!(text), Value::from),
            T::Bool => match text.trim() {
                "yes" | "true" => json!(true),
                "no" | "false" => json!(false),
                other => json!(other),
            },
            T::Hash | T::HashOrNull if points_at(name).is_some() => json!(self.entry(text)?),
            T::Hashes if points_at(name).is_some() => list(text)
                .map(|one| self.entry(one).map(|e| json!(e)))
                .collect::<Result<Vec<_>, _>>()?
                .into(),
            _ => json!(text),
        })
    }

    /// An entry of the subject's history, by its number; its hash is taken as it is.
    pub fn entry(&self, text: &str) -> Result<Hash, Failure> {
        let text = text.trim();
        if let Ok(e) = Hash::from_base64url(text) {
            return Ok(e);
        }
        let number = text.strip_prefix("entry").unwrap_or(text).trim();
        let bad = |why: String| {
            Failure::new("entry-unknown", why)
                .next("name the entry by the number that `custodes history` shows, such as 12")
        };
        let number: u64 = number
            .parse()
            .map_err(|_| bad(format!("{text:?} is not the number of an entry")))?;
        let mut found = self.history()?.iter().filter(|told| told.index.0 == number);
        let entry = found.next().and_then(|told| told.entry.as_ref());
        let entry = entry.ok_or_else(|| bad(format!("entry {number} is not in this history")))?;
        Ok(entry.hash().0)
    }

    /// The newest entry that a member may name, by its number.
    pub fn newest(&self, name: &str) -> Result<Option<u64>, Failure> {
        let Some(events) = points_at(name).filter(|events| !events.is_empty()) else {
            return Ok(None);
        };
        let newest = self.history()?.iter().rev().find(|told| {
            let event = told
                .entry
                .as_ref()
                .map(|entry| entry.payload().event.as_str());
            event.is_some_and(|event| events.contains(&event))
        });
        Ok(newest.map(|told| told.index.0))
    }

    fn history(&self) -> Result<&[Told], Failure> {
        if let Some(known) = self.history.get() {
            return Ok(known);
        }
        let kind = match self.row.strand {
            Strand::Case => "cases",
            _ => "exhibits",
        };
        let path = format!("/v1/{kind}/{}/history", self.subject);
        let purpose = format!("recording {}", self.row.event.replace('-', " "));
        let answer = self.session.history_for(&path, &purpose)?;
        let told = told::read(&answer)?;
        Ok(self.history.get_or_init(|| told))
    }
}

/// To whom something is offered: a person by id or name, an organisation, or a store of one.
pub fn recipient(session: &Session, to: &str, store: Option<&str>) -> Result<Value, Failure> {
    match (ActorId::new(to), OrgId::new(to), store) {
        (_, Ok(org), Some(place)) => Ok(json!({ "store": { "org": org, "place": place } })),
        (_, _, Some(_)) => Err(Failure::new(
            "usage",
            "--store goes with an organisation in --to",
        )),
        (Ok(actor), _, None) => Ok(json!({ "actor": actor })),
        (_, Ok(org), None) => Ok(json!({ "org": org })),
        _ => Ok(json!({ "actor": reference::actor(session, to)? })),
    }
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|one| !one.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Rules;

    #[test]
    fn pointers_are_members_that_name_entries_of_events_there_are() {
        let rules = Rules::embedded();
        for (name, events) in POINTERS {
            let named = rules.rows().filter_map(|row| row.body.get(*name));
            let pointers = named.filter(|member| {
                matches!(
                    member.kind,
                    MemberType::Hash | MemberType::HashOrNull | MemberType::Hashes
                )
            });
            assert!(pointers.count() > 0, "{name}");
            assert!(events.iter().all(|event| rules.row(event).is_some()));
        }
        assert_eq!(points_at("seal"), None);
    }
}
