//! The processing report: what was done with the data of a case in a period, by the six categories that the Data
//! Protection Act 2018 asks to be logged (section 62), by person and justification.
//!
//! An entry belongs to the period in which it is said to have happened; one that cannot be read, to the time at which it
//! was recorded. Which category an event is of is in the rules (`category`). In scope: what was recorded about one case
//! or exhibit. Out of scope: whether the justification is a good one.

use serde_json::{Value, json};

use super::about::{About, limits_in_words};
use super::complete;
use super::names::Names;
use super::sentences;
use super::stated::{Person, Stated, grouped};
use super::timeline::capital;
use crate::ledger::Rules;
use crate::protocol::entry::{Payload, VerifiedEntry};
use crate::protocol::id::{ActorId, OrgId};
use crate::protocol::time::{Moment, Occurred};
use crate::verify::{Verification, VerifiedBundle, VerifiedItem, counted};

/// The categories of section 62(1), in its order.
pub const CATEGORIES: [&str; 6] = [
    "collection",
    "alteration",
    "consultation",
    "disclosure",
    "combination",
    "erasure",
];

/// Details that say why something was done, the plainest first.
const WHY: [&str; 5] = [
    "purpose",
    "legal_basis",
    "power_or_consent",
    "basis",
    "reason",
];

/// What the report does not show.
pub const LIMITS: [&str; 3] = [
    "What was done outside the ledger, and not recorded, is not here.",
    "Hand-overs within one organisation are no disclosure, and are not listed.",
    "Times of handling are as the person stated them; the brackets say when the log recorded it.",
];

/// From a moment to another, which is not part of it.
#[derive(Debug, Clone)]
pub struct Period {
    /// From this moment on.
    pub from: Moment,
    /// Until just before this one.
    pub until: Moment,
}

impl Period {
    fn has(&self, earliest: i64, latest: i64) -> bool {
        earliest < self.until.unix_seconds() && self.from.unix_seconds() <= latest
    }

    fn has_act(&self, when: &Occurred) -> bool {
        let latest = match when {
            Occurred::At(moment) => moment.unix_seconds(),
            Occurred::Between(range) => range.to.unix_seconds(),
        };
        self.has(when.earliest(), latest)
    }

    fn has_record(&self, item: &VerifiedItem) -> bool {
        let recorded = i64::try_from(item.recorded_at.0 / 1000).unwrap_or(i64::MAX);
        self.has(recorded, recorded)
    }
}

/// An act of one of the categories.
struct Act<'a> {
    item: &'a VerifiedItem,
    entry: &'a VerifiedEntry,
}

/// The report, for people and for programs.
pub fn processing(
    verification: &Verification,
    bundle: &VerifiedBundle,
    about: &About,
    period: &Period,
) -> (String, Value) {
    let names = Names::of(bundle);
    let (mut acts, mut unread, mut recorded_of_others) = (Vec::new(), Vec::new(), 0usize);
    for item in bundle.entries.iter().filter(|item| about.covers(item)) {
        let Some(entry) = &item.entry else {
            unread.extend(period.has_record(item).then_some(item.index));
            continue;
        };
        let Some(category) = category(entry.payload()) else {
            continue;
        };
        match period.has_act(&entry.payload().occurred_at) {
            true => acts.push((category, Act { item, entry })),
            false if period.has_record(item) => recorded_of_others += 1,
            false => {}
        }
    }

    let subject = about.in_words(&names);
    let mut text = format!(
        "PROCESSING FROM {} UNTIL {}\n\nAbout {subject}, in the ledger \"{}\", as of {}. By the categories of section 62 \
         of the Data Protection Act 2018.\n{}\n",
        period.from.in_words(),
        period.until.in_words(),
        bundle.origin,
        bundle.evaluated_at.in_words(),
        complete::told(verification, bundle)
    );
    let mut categories = Vec::new();
    let mut by_category = grouped(acts);
    for category in CATEGORIES {
        let at = by_category.iter().position(|(one, _)| *one == category);
        let these = at.map_or_else(Vec::new, |at| by_category.swap_remove(at).1);
        let (words, people) = of_category(&names, &these);
        let count = match these.len() {
            0 => "none recorded".to_owned(),
            count => count.to_string(),
        };
        text.push_str(&format!("\n{}: {count}\n{words}", capital(category)));
        categories.push(json!({"category": category, "count": these.len(), "people": people}));
    }
    if !unread.is_empty() {
        text.push_str(&format!(
            "\nWholly withheld from the recipient of this bundle, and recorded in the period: {}. Of which category they \
             are is not shown.\n",
            counted(unread.len(), "entry", "entries")
        ));
    }
    if recorded_of_others > 0 {
        text.push_str(&format!(
            "\nRecorded in the period, of what is said to have happened outside it: {}, not listed.\n",
            counted(recorded_of_others, "entry", "entries")
        ));
    }
    text.push_str(&limits_in_words(&LIMITS));

    let mut value = about.heading("processing", verification, bundle, &LIMITS);
    value["from"] = json!(period.from);
    value["until"] = json!(period.until);
    value["categories"] = json!(categories);
    value["withheld"] = json!({"count": unread.len(), "entries": unread});
    value["recorded_of_another_time"] = json!(recorded_of_others);
    (text, value)
}

/// The part of one category: by person, and of each by justification.
fn of_category(names: &Names<'_>, acts: &[Act<'_>]) -> (String, Vec<Value>) {
    let (mut text, mut people) = (String::new(), Vec::new());
    for (person, theirs) in grouped(acts.iter().map(|act| (Person::of(names, act.entry), act))) {
        text.push_str(&format!("  {}\n", person.in_words(names)));
        let mut reasons = Vec::new();
        let with_reason = theirs
            .into_iter()
            .map(|act| (Stated::first(names, act.entry, &WHY), act));
        for (why, these) in grouped(with_reason) {
            text.push_str(&format!("    Justification: {}\n", why.in_words()));
            let mut list = Vec::new();
            for act in these {
                let line = sentences::line(names, act.item);
                text.push_str(&format!("    - {line}\n"));
                list.push(json!({
                    "entry": act.item.index,
                    "e": act.item.e,
                    "event": act.entry.payload().event,
                    "at": act.entry.payload().occurred_at,
                    "recorded_at": act.item.recorded_at,
                    "words": line,
                }));
            }
            reasons.push(json!({"justification": why.json(), "acts": list}));
        }
        let mut value = person.json(names);
        value["by_justification"] = json!(reasons);
        people.push(value);
    }
    (text, people)
}

/// The category of what an entry records, if it has one.
fn category(payload: &Payload) -> Option<&'static str> {
    let row = Rules::embedded().row(&payload.event)?;
    let category = row.category.as_deref()?;
    (!is_within_one_organisation(payload)).then_some(category)
}

/// Whether it hands an exhibit to a colleague, which discloses it to nobody else.
fn is_within_one_organisation(payload: &Payload) -> bool {
    let own = payload.actor.org();
    let body = |name: &str| payload.body.get(name);
    let org_of_actor = |value: &Value| Some(ActorId::new(value.as_str()?).ok()?.org());
    let org = |value: &Value| OrgId::new(value.as_str()?).ok();
    let other = match payload.event.as_str() {
        "transfer-offered" => body("to").and_then(|to| {
            let of_actor = to.get("actor").and_then(org_of_actor);
            of_actor
                .or_else(|| to.get("org").and_then(org))
                .or_else(|| to.get("store")?.get("org").and_then(org))
        }),
        "transfer-accepted" => body("from").and_then(org_of_actor),
        _ => None,
    };
    other == Some(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_belongs_to_every_period_that_it_touches() {
        let moment = |text: &str| Moment::parse(&format!("2026-03-{text}:00+00:00"));
        let period = Period {
            from: moment("14T00:00").expect("a moment"),
            until: moment("15T00:00").expect("a moment"),
        };
        for (from, to, belongs) in [
            ("13T09:00", "14T00:00", true),
            ("14T23:59", "16T09:00", true),
            ("13T09:00", "16T09:00", true),
            ("13T09:00", "13T23:59", false),
            ("15T00:00", "16T09:00", false),
        ] {
            let range = json!({
                "from": moment(from).expect("a moment"), "to": moment(to).expect("a moment"),
            });
            let when: Occurred = serde_json::from_value(range).expect("a range");
            assert_eq!(period.has_act(&when), belongs, "{from} {to}");
        }
    }

    #[test]
    fn every_category_of_the_rules_is_one_of_the_act_and_each_has_events() {
        for category in CATEGORIES {
            let mut rows = Rules::embedded().rows();
            let has = rows.any(|row| row.category.as_deref() == Some(category));
            assert!(has, "{category}");
        }
        for row in Rules::embedded().rows() {
            let known = row
                .category
                .as_deref()
                .is_none_or(|one| CATEGORIES.contains(&one));
            assert!(known, "{}", row.event);
        }
    }
}
