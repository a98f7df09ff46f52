//! Who gave which undertaking for what was disclosed, and whether it is discharged; and the copies that its giver made of
//! that and still has.
//!
//! In scope: what was recorded. Out of scope: whether the undertaking was kept.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::names::Names;
use super::served::{Case, Said, lasting};
use super::stated::Stated;
use super::telling::Telling as _;
use crate::ledger::state::{ExhibitRecord, Known as _, Record, RecordKey, Status};
use crate::protocol::id::{OrgId, Subject};
use crate::verify::VerifiedBundle;

/// The undertakings of a case, in words and for programs.
pub fn part(bundle: &VerifiedBundle, names: &Names<'_>, case: &Case<'_>) -> (String, Value) {
    let mut text = String::from("\nUNDERTAKINGS\n\n");
    let mut values = Vec::new();
    for one in case.each("undertaking-given") {
        let discharged = case
            .each("undertaking-discharged")
            .find(|said| said.read("undertaking") == Some(one.item.e));
        let disclosure = one.read("disclosure").and_then(|e| case.entry(e));
        let covered = covered(&one, disclosure.as_ref());
        let called: Vec<String> = covered.iter().map(|one| names.exhibit(one)).collect();
        let terms = Stated::first(names, one.entry, &["terms"]);
        let by = names.person(&one.entry.payload().actor);
        text.push_str(&format!(
            "- {}: {by} gave one for {}: {} [entry {}]\n",
            one.item.recorded_at.in_words(),
            called.join(", "),
            terms.in_words(),
            one.item.index.0
        ));
        let age = case.now().saturating_sub(one.recorded());
        match &discharged {
            Some(said) => text.push_str(&format!(
                "  - discharged on {} by {} [entry {}]\n",
                said.item.recorded_at.in_words(),
                names.person_within(&said.entry.payload().actor),
                said.item.index.0
            )),
            None => text.push_str(&format!("  - OUTSTANDING for {}\n", lasting(age))),
        }
        let copies = copies(bundle, &one.entry.payload().actor.org(), &covered);
        for (copy, record) in &copies {
            text.push_str(&format!(
                "  - their copy {}: {}\n",
                names.exhibit(copy),
                status_words(record.status)
            ));
        }
        let copies = copies
            .iter()
            .map(|(copy, record)| json!({"exhibit": copy, "status": record.status, "held": is_held(record)}));
        values.push(json!({
            "entry": one.item.index,
            "at": one.item.recorded_at,
            "by": by,
            "disclosure": disclosure.map(|said| said.item.index),
            "exhibits": covered,
            "terms": terms.json(),
            "discharged_by": discharged.map(|said| said.item.index),
            "outstanding_seconds": discharged.is_none().then_some(age),
            "copies": copies.collect::<Vec<_>>(),
        }));
    }
    if values.is_empty() {
        text.push_str("None was given.\n");
    }
    (text, values.into())
}

/// The exhibits that an undertaking names; where it names none, all that its disclosure gives.
fn covered(undertaking: &Said<'_>, disclosure: Option<&Said<'_>>) -> BTreeSet<Subject> {
    let named = undertaking.read("exhibits");
    let all = || disclosure.and_then(|said| said.read("exhibits"));
    named.or_else(all).unwrap_or_default()
}

/// What an organisation made of exhibits, as far as the bundle holds it.
fn copies(
    bundle: &VerifiedBundle,
    org: &OrgId,
    of: &BTreeSet<Subject>,
) -> Vec<(Subject, ExhibitRecord)> {
    let mut copies = Vec::new();
    for (key, record) in bundle.state.records() {
        if let (RecordKey::Exhibit(exhibit), Record::Exhibit(record)) = (key, record) {
            let opened = bundle.state.entry(record.opened);
            let theirs = opened.is_some_and(|entry| entry.actor.org() == *org);
            if theirs && comes_from(bundle, record, of) {
                copies.push((exhibit.clone(), record.as_ref().clone()));
            }
        }
    }
    copies.sort_by(|one, other| one.0.cmp(&other.0));
    copies
}

/// Whether an exhibit was made from one of these, by whatever steps.
fn comes_from(bundle: &VerifiedBundle, record: &ExhibitRecord, of: &BTreeSet<Subject>) -> bool {
    let mut open = record.parents.clone();
    let mut seen = BTreeSet::new();
    while let Some(parent) = open.pop() {
        if of.contains(&parent) {
            return true;
        }
        if seen.insert(parent.clone())
            && let Some(parent) = bundle.state.exhibit(&parent)
        {
            open.extend(parent.parents);
        }
    }
    false
}

fn is_held(record: &ExhibitRecord) -> bool {
    matches!(record.status, Status::Held | Status::Outside | Status::Lost)
}

fn status_words(status: Status) -> &'static str {
    match status {
        Status::Held => "still held",
        Status::Outside => "with somebody outside the ledger",
        Status::Lost => "lost",
        Status::Returned => "returned",
        Status::Disposed => "disposed of",
        Status::Destroyed => "destroyed by accident",
    }
}
