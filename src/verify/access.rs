//! Step 7, for what the service alone writes: an access entry says that somebody read, and carries that
//! person's own signed request. An operator who invents a view has no such request.
//!
//! In scope: the request in the entry. Out of scope: whether every reading was recorded.

use std::collections::HashSet;

use serde_json::Value;

use super::checkpoints::TOLERANCE;
use super::finding::{Asked, Findings, counted};
use crate::ledger::schema::read;
use crate::ledger::state::Known;
use crate::protocol::entry::{EntryHash, UnverifiedEntry, VerifiedEntry};
use crate::protocol::hash::Hash;
use crate::protocol::id::{Strand, Subject};
use crate::protocol::time::LogTime;
use crate::protocol::token::{ReadRequest, UnverifiedRead};

/// The requests to read that stand behind access entries.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    /// One request makes one entry of a chain.
    used: HashSet<Hash>,
    unchecked: usize,
}

impl Readings {
    /// Checks the request in an entry that the rules admit; `known` is what came before it.
    pub(crate) fn check(
        &mut self,
        known: &impl Known,
        entry: &VerifiedEntry,
        recorded_at: LogTime,
        place: impl std::fmt::Display,
        findings: &mut Findings,
    ) {
        let named = entry.payload().details.contains_key("token");
        if entry.payload().strand != Strand::Access || !named {
            return;
        }
        let (Some(token), Some(reader)) = (entry.detail("token"), entry.detail("reader")) else {
            self.unchecked += 1;
            return;
        };
        if let Err(why) = self.check_token(known, entry, token, reader, recorded_at) {
            let words = format!(
                "The reader that it names is not shown to have asked: {why}. Whoever runs the service could have \
                 invented it."
            );
            findings.failed(Asked::Handling, "view-not-signed", place, words);
        }
    }

    fn check_token(
        &mut self,
        known: &impl Known,
        entry: &VerifiedEntry,
        token: &Value,
        reader: &Value,
        recorded_at: LogTime,
    ) -> Result<(), String> {
        let token = token.as_str().ok_or("the request is not a text")?;
        let unverified = UnverifiedRead::parse(token).map_err(|error| error.to_string())?;
        let key = known.key(unverified.kid());
        let key = key.ok_or("nothing before it enrols the key of the request")?;
        let request = unverified
            .verify(&key.key)
            .map_err(|error| error.to_string())?;
        let is = |value: Option<&Value>, text: &str| {
            value.is_none_or(|value| value.as_str() == Some(text))
        };
        let same = [
            (
                key.actor == request.actor,
                "is signed with another person's key",
            ),
            (
                is(Some(reader), request.actor.as_str()),
                "is another person's",
            ),
            (
                request.ledger == entry.payload().ledger,
                "is for another ledger",
            ),
            (
                is(entry.detail("purpose"), &request.purpose),
                "states another purpose",
            ),
            (asks_for(known, &request, entry), "is for something else"),
            (
                is_near(&request, recorded_at),
                "is of another time, more than ten minutes away",
            ),
        ];
        if let Some((_, why)) = same.into_iter().find(|(same, _)| !same) {
            return Err(format!("the request {why}"));
        }
        let chain = entry.payload().chain();
        let used = Hash::of(&[
            &chain.subject.to_bytes(),
            &key.key.to_bytes(),
            &request.jti.to_bytes(),
        ]);
        match self.used.insert(used) {
            true => Ok(()),
            false => Err("the same request stands in an entry before it".to_owned()),
        }
    }

    /// Says how many requests could not be looked at.
    pub(crate) fn finish(&self, findings: &mut Findings) {
        if self.unchecked > 0 {
            let words = format!(
                "Of {} the reader or their signed request is withheld, so that the operator's word alone says who \
                 read.",
                counted(self.unchecked, "consultation", "consultations")
            );
            findings.unchecked(Asked::Handling, "view-not-checked", "entries", words);
        }
    }
}

/// Whether the address asked for is of what the entry is about, where an address says so: histories and bundles
/// name the exhibit or case, an entry its own hash. What is said to be an exhibit that the case took in is one.
fn asks_for(known: &impl Known, request: &ReadRequest, entry: &UnverifiedEntry) -> bool {
    let chain = &entry.payload().subject;
    // An exhibit of another case that this case took in is read under this case.
    let linked: Option<Subject> = read(&entry.payload().body, "exhibit");
    if linked
        .as_ref()
        .is_some_and(|one| !known.links(one).contains_key(chain))
    {
        return false;
    }
    let subject = linked.as_ref().unwrap_or(chain);
    let path = request.uri.split(['?', '#']).next().unwrap_or_default();
    let mut segments = path.split('/');
    match entry.payload().body.get("extent").and_then(Value::as_str) {
        Some("history" | "bundle") => segments.any(|segment| segment == subject.as_str()),
        Some("entry") => segments.next_back().is_some_and(|last| {
            let read = Hash::from_base64url(last).ok();
            let read = read.map(|e| known.entry(EntryHash(e)));
            // Another strand than this bundle has may hold it.
            read.is_some_and(|read| read.is_none_or(|read| read.chain.subject == *subject))
        }),
        _ => true,
    }
}

fn is_near(request: &ReadRequest, recorded_at: LogTime) -> bool {
    let milliseconds = |seconds: u64| seconds.saturating_mul(1000);
    let earliest = milliseconds(request.iat).saturating_sub(TOLERANCE.0);
    let latest = milliseconds(request.exp).saturating_add(TOLERANCE.0);
    (earliest..=latest).contains(&recorded_at.0)
}
