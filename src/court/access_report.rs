//! The access report: who looked at an exhibit, when, why, at how much of it, with which key and program they asked; and
//! what is shown of that as a count only.
//!
//! Readings of the exhibit itself, and those of its cases as a whole, which show it too. In scope: what the service
//! recorded. Out of scope: copies of the bytes, which can be looked at without a trace here.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::about::{About, limits_in_words};
use super::access::ONLY_HERE;
use super::complete;
use super::names::{Names, quoted, short};
use super::sentences;
use super::stated::{Person, Stated, grouped};
use crate::ledger::state::Known as _;
use crate::protocol::entry::VerifiedEntry;
use crate::protocol::id::Strand;
use crate::protocol::key::KeyId;
use crate::protocol::time::{LogTime, Moment};
use crate::protocol::token::{ReadRequest, UnverifiedRead};
use crate::protocol::tree::EntryIndex;
use crate::verify::{Verification, VerifiedBundle, VerifiedItem, counted};

/// What the report does not show.
pub const LIMITS: [&str; 4] = [
    ONLY_HERE,
    "A key says whose request it was, as their organisation enrolled it; the program is what that program said of \
     itself. On which machine they were is not recorded.",
    "Complete means that no recorded consultation is left out. It does not show that the service recorded every one.",
    "Other cases may exist that took the exhibit in, and that this bundle is not about.",
];

/// A consultation that can be read here.
struct Reading<'a> {
    item: &'a VerifiedItem,
    entry: &'a VerifiedEntry,
    purpose: Stated,
    /// "read the history of exhibit JSM/1".
    what: String,
    /// What the reader signed, and with which key.
    request: Option<(KeyId, ReadRequest)>,
}

/// The report, for people and for programs.
pub fn access_report(
    verification: &Verification,
    bundle: &VerifiedBundle,
    about: &About,
) -> (String, Value) {
    let names = Names::of(bundle);
    let items = bundle
        .entries
        .iter()
        .filter(|item| item.chain.strand == Strand::Access && about.covers(item));
    let (mut readings, mut withheld) = (Vec::new(), Vec::new());
    for item in items {
        match &item.entry {
            Some(entry) => {
                readings.push((Person::of(&names, entry), read(bundle, &names, item, entry)))
            }
            None => withheld.push(item),
        }
    }
    let recorded = readings.len() + withheld.len();
    let (named, counted_only): (Vec<_>, Vec<_>) = readings
        .into_iter()
        .partition(|(person, _)| matches!(person, Person::Named(_)));
    let shown = named.len();
    let people = grouped(named);
    let unnamed = grouped(
        counted_only
            .into_iter()
            .map(|(person, reading)| ((person, reading.what.clone()), reading)),
    );

    let subject = about.in_words(&names);
    let mut text = format!(
        "WHO LOOKED AT IT\n\nAbout {subject}, in the ledger \"{}\", as of {}.\nConsultations recorded: {recorded}; by people named \
         here: {shown}; shown as a count only: {}; wholly withheld: {}.\n{}\n",
        bundle.origin,
        bundle.evaluated_at.in_words(),
        recorded - shown - withheld.len(),
        withheld.len(),
        complete::told(verification, bundle)
    );
    for (person, theirs) in &people {
        text.push_str(&format!(
            "\n{}: {}\n",
            person.in_words(&names),
            counted(theirs.len(), "consultation", "consultations")
        ));
        for (purpose, these) in by_purpose(theirs) {
            text.push_str(&format!("  Why: {}\n", purpose.in_words()));
            for one in these {
                text.push_str(&format!("  - {}\n", one.line(about)));
            }
        }
        for asked in asked_with(theirs) {
            text.push_str(&format!("  Asked with {asked}\n"));
        }
    }
    if !unnamed.is_empty() || !withheld.is_empty() {
        text.push_str("\nSHOWN AS A COUNT ONLY\n\n");
    }
    for ((person, what), these) in &unnamed {
        let places = these.iter().map(|one| one.item);
        text.push_str(&format!(
            "- {} {what}: {}, {}\n",
            person.in_words(&names),
            these.len(),
            span(places)
        ));
    }
    if unnamed.iter().any(|((who, _), _)| *who == Person::Withheld) {
        text.push_str(
            "  What the defence looks at, and why, is for its own side and the court: the service withholds it from \
             others.\n",
        );
    }
    if !withheld.is_empty() {
        let of_case = withheld.iter().filter(|item| about.is_of_case(item));
        let of_case = match of_case.count() {
            0 => String::new(),
            count => {
                format!("; {count} of them of the case as a whole, or of something else in it")
            }
        };
        text.push_str(&format!(
            "- Wholly withheld from the recipient of this bundle: {}, {}{of_case}\n",
            withheld.len(),
            span(withheld.iter().copied())
        ));
    }
    text.push_str(&limits_in_words(&LIMITS));

    let people: Vec<Value> = people
        .iter()
        .map(|(person, theirs)| {
            let mut value = person.json(&names);
            let readings: Vec<Value> = theirs.iter().map(|one| one.json(about)).collect();
            value["consultations"] = json!(readings);
            value
        })
        .collect();
    let unnamed: Vec<Value> = unnamed
        .iter()
        .map(|((person, what), these)| {
            let mut value = person.json(&names);
            value["what"] = json!(what);
            value["count"] = json!(these.len());
            value["entries"] = indexes(these.iter().map(|one| one.item));
            value
        })
        .collect();
    let mut value = about.heading("access", verification, bundle, &LIMITS);
    value["recorded"] = json!(recorded);
    value["people"] = json!(people);
    value["count_only"] = json!(unnamed);
    value["withheld"] =
        json!({"count": withheld.len(), "entries": indexes(withheld.iter().copied())});
    (text, value)
}

fn read<'a>(
    bundle: &VerifiedBundle,
    names: &Names<'a>,
    item: &'a VerifiedItem,
    entry: &'a VerifiedEntry,
) -> Reading<'a> {
    let verb = match entry.payload().event.as_str() {
        "exported" => "took",
        "reported" => "took, to make a report,",
        _ => "read",
    };
    let what = sentences::what_was_read(&names.as_of(item.index), entry, item.index);
    let token = entry.detail("token").and_then(Value::as_str);
    let signed = |token: &str| {
        let token = UnverifiedRead::parse(token).ok()?;
        let kid = token.kid();
        let key = bundle.state.key(kid)?.key;
        Some((kid, token.verify(&key).ok()?))
    };
    Reading {
        item,
        entry,
        purpose: Stated::first(names, entry, &["purpose"]),
        what: format!("{verb} {what}"),
        request: token.and_then(signed),
    }
}

fn by_purpose<'r, 'a>(all: &'r [Reading<'a>]) -> Vec<(&'r Stated, Vec<&'r Reading<'a>>)> {
    grouped(all.iter().map(|one| (&one.purpose, one)))
}

/// The keys with which somebody asked, each with the programs that used it.
fn asked_with(all: &[Reading<'_>]) -> BTreeSet<String> {
    let requests = all.iter().filter_map(|one| one.request.as_ref());
    let words = requests.map(|(kid, asked)| {
        let client = quoted(&Value::from(asked.client.as_str()));
        format!("the key {} in {client}", short(&kid.to_string()))
    });
    words.collect()
}

impl Reading<'_> {
    fn line(&self, about: &About) -> String {
        let key = match &self.request {
            Some((kid, _)) => format!("key {}", short(&kid.to_string())),
            None => "their request is withheld".to_owned(),
        };
        let wide = match about.is_of_case(self.item) {
            true => ", on record for the case",
            false => "",
        };
        format!(
            "{}: {} [entry {}{wide}; {key}]",
            self.entry.payload().occurred_at.in_words(),
            self.what,
            self.item.index.0
        )
    }

    fn json(&self, about: &About) -> Value {
        let payload = self.entry.payload();
        let request = self.request.as_ref().map(|(kid, asked)| {
            let at = i64::try_from(asked.iat).ok();
            let at = at.and_then(|at| Moment::from_unix(at, 0).ok());
            json!({"key": kid, "client": asked.client, "method": asked.method, "uri": asked.uri, "at": at})
        });
        json!({
            "entry": self.item.index,
            "e": self.item.e,
            "at": payload.occurred_at,
            "event": payload.event,
            "extent": payload.body.get("extent"),
            "what": self.what,
            "case_wide": about.is_of_case(self.item) && !payload.body.contains_key("exhibit"),
            "purpose": self.purpose.json(),
            "request": request,
            "recorded_by": payload.client,
        })
    }
}

/// "between 14 March 2026 09:12:04 UTC and ... [entries 12, 14]", by the log's clock.
fn span<'i>(items: impl Iterator<Item = &'i VerifiedItem> + Clone) -> String {
    let times = || items.clone().map(|item| item.recorded_at);
    let in_words = |time: Option<LogTime>| time.unwrap_or(LogTime(0)).in_words();
    let (first, last) = (in_words(times().min()), in_words(times().max()));
    let when = match first == last {
        true => format!("on {first}"),
        false => format!("between {first} and {last}"),
    };
    let places: Vec<String> = items.map(|item| item.index.0.to_string()).collect();
    let word = if places.len() == 1 {
        "entry"
    } else {
        "entries"
    };
    format!("{when} [{word} {}]", places.join(", "))
}

fn indexes<'i>(items: impl Iterator<Item = &'i VerifiedItem>) -> Value {
    let indexes: Vec<EntryIndex> = items.map(|item| item.index).collect();
    json!(indexes)
}
