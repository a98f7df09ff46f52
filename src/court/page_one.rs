//! Page one: the five questions and what a court asks first.

use super::complete;
use super::names::Names;
use super::telling::Telling as _;
use super::timeline::capital;
use std::collections::BTreeSet;

use crate::ledger::effects::Effect;
use crate::ledger::outcome::Severity as FlagSeverity;
use crate::ledger::state::{ExhibitRecord, Known as _, Status};
use crate::ledger::{Rules, moves};
use crate::protocol::bundle::ScopeKind;
use crate::protocol::entry::EntryHash;
use crate::protocol::id::{Strand, Subject};
use crate::verify::{
    Finding, QUESTIONS, Severity, Verification, VerifiedBundle, VerifiedItem, counted,
};

/// Notes on a ledger that goes on where another ended.
const CONTINUED: [&str; 2] = ["continued", "continued-consistent"];

/// Most findings of one kind on page one.
const MAX_LISTED: usize = 20;

/// What this does not show, whatever the answers.
const LIMITS: &str = "\
WHAT THIS DOES NOT SHOW

- Nothing here proves what happened before the exhibit was registered.
- Nothing here proves that what a person recorded is true; it shows whose key recorded it.
- A signature shows that a person's key was used; it does not show whose hand was on the keyboard.
- Times of handling are as the person stated them. The time of recording is bounded by witnesses where
  there are any, and is otherwise the operator's clock.
- Whoever held a copy of the bytes may have looked at it or copied it without the ledger knowing.
- Other cases and exhibits may exist that this bundle is not about.
";

/// The page.
pub fn page_one(verification: &Verification) -> String {
    let mut text = String::from("WHAT THIS BUNDLE SHOWS\n\n");
    if let Some(bundle) = &verification.verified {
        text.push_str(&subject(bundle));
    }
    for (at, (asked, question)) in QUESTIONS.iter().zip(&verification.questions).enumerate() {
        text.push_str(&format!(
            "{}. {asked}\n   {}. {}\n",
            at + 1,
            question.answer.to_string().to_uppercase(),
            question.words
        ));
    }
    if let Some(bundle) = &verification.verified {
        text.push('\n');
        text.push_str(&facts(bundle));
        let told = verification.findings.iter();
        for one in told.filter(|one| CONTINUED.contains(&one.code.as_str())) {
            text.push_str(&format!("{}\n", one.words));
        }
    }
    for (severity, title) in [
        (Severity::Failed, "WHAT FAILED"),
        (Severity::Unchecked, "WHAT COULD NOT BE CHECKED"),
    ] {
        text.push_str(&listed(&verification.findings, severity, title));
    }
    text.push('\n');
    text.push_str(LIMITS);
    text
}

fn subject(bundle: &VerifiedBundle) -> String {
    let names = Names::of(bundle);
    let about = match bundle.scope.kind {
        ScopeKind::Exhibit => names.exhibit(&bundle.scope.subject),
        ScopeKind::Case => names.case(&bundle.scope.subject),
    };
    format!(
        "About {about}, in the ledger \"{}\", as of {}.\n\n",
        bundle.origin,
        bundle.evaluated_at.in_words()
    )
}

fn facts(bundle: &VerifiedBundle) -> String {
    let names = Names::of(bundle);
    let mut text = String::new();
    let mut exhibits: Vec<&Subject> = Vec::new();
    for item in bundle
        .entries
        .iter()
        .filter(|item| item.chain.strand == Strand::Custody)
    {
        if !exhibits.contains(&&item.chain.subject) {
            exhibits.push(&item.chain.subject);
        }
    }
    for exhibit in exhibits {
        text.push_str(&exhibit_facts(bundle, &names, exhibit));
    }
    let explained = bundle.flags.iter().filter(|one| !one.explained.is_empty());
    let explained = match explained.count() {
        0 => String::new(),
        count => format!("; {count} of them explained"),
    };
    text.push_str(&format!("Flags: {}{explained}.\n", flag_counts(bundle)));
    let withheld: usize = bundle
        .withheld_details
        .iter()
        .map(|(_, names)| names.len())
        .sum();
    let wholly = bundle
        .entries
        .iter()
        .filter(|item| item.entry.is_none())
        .count();
    text.push_str(&format!(
        "Withheld: {}, and {}.\n",
        counted(withheld, "detail", "details"),
        counted(wholly, "whole entry", "whole entries")
    ));
    let operators = bundle.operators();
    let witnesses: Vec<String> = operators
        .iter()
        .map(|(name, time)| format!("\"{name}\" at {}", time.in_words()))
        .collect();
    text.push_str(&match witnesses.is_empty() {
        true => "Latest independent witnessing: none that the trust policy names.\n".to_owned(),
        false => format!("Latest independent witnessing: {}.\n", witnesses.join(", ")),
    });
    text.push_str(&format!("{}\n", complete::in_words(bundle)));
    text
}

fn exhibit_facts(bundle: &VerifiedBundle, names: &Names<'_>, exhibit: &Subject) -> String {
    let Some(record) = bundle.state.exhibit(exhibit) else {
        return String::new();
    };
    let matched = bundle.evidence.iter().find(|one| {
        one.versions
            .iter()
            .any(|version| version.exhibit == *exhibit)
    });
    let bytes = match (record.digest.is_some(), matched) {
        (false, _) => "it has no registered digest".to_owned(),
        (true, None) => "no file was given that has its registered digest".to_owned(),
        (true, Some(one)) => {
            let name = super::names::quoted(&one.name.clone().into());
            format!("the file {name} has its registered digest")
        }
    };
    let holder = match &record.holder.person {
        Some(person) => names.person_within(person),
        None => record.holder.org.to_string(),
    };
    let whereabouts = whereabouts(&record, &holder);
    let offered = match &record.offer {
        Some(_) => "; an offer to hand it on is open",
        None => "",
    };
    format!(
        "{} ({}): {bytes}; {whereabouts}{offered}; {}{}.\n",
        capital(&names.exhibit(exhibit)),
        record.kind.replace('-', " "),
        continuity(bundle, exhibit),
        first_digest(bundle, exhibit),
    )
}

/// Where it is recorded to be, or what became of it.
fn whereabouts(record: &ExhibitRecord, holder: &str) -> String {
    let said = |value: &Option<String>| {
        let value = value.as_ref()?;
        Some(super::names::quoted(&value.clone().into()))
    };
    let state = match record.status {
        Status::Held => {
            let place = said(&record.place).map(|place| format!(", in the store {place}"));
            let carrier = said(&record.carrier).map(|by| format!(", on its way with {by}"));
            let place = place.or(carrier).unwrap_or_default();
            return format!("last recorded with {holder}{place}");
        }
        Status::Outside => "handed to somebody outside the ledger",
        Status::Lost => "LOST",
        Status::Returned => "given back",
        Status::Disposed => "disposed of",
        Status::Destroyed => "DESTROYED by accident",
    };
    format!("recorded as {state}, last with {holder}")
}

/// Flags that say that custody has one side only, the wrong one, two continuations, or a gap.
const BREAKS: [&str; 18] = [
    "late-branch",
    "found-not-lost",
    "custody-gap",
    "custody-restated",
    "destroyed-unplanned",
    "while-lost",
    "not-authorised",
    "container-sealed",
    "accepted-without-offer",
    "accepted-by-other",
    "while-outside",
    "accepted-from-other",
    "not-the-holder",
    "seal-differs",
    "one-side-only",
    "custody-assumed",
    "lost",
    "after-end",
];

fn continuity(bundle: &VerifiedBundle, exhibit: &Subject) -> String {
    let flagged: BTreeSet<EntryHash> = bundle
        .flags
        .iter()
        .filter(|flag| BREAKS.contains(&flag.code))
        .flat_map(|flag| flag.entries.iter().copied())
        .collect();
    let breaks: Vec<String> = possessions(bundle, exhibit)
        .into_iter()
        .filter(|item| flagged.contains(&item.e))
        .map(|item| format!("entry {}", item.index.0))
        .collect();
    match breaks.is_empty() {
        true => "custody as recorded is unbroken".to_owned(),
        false => format!(
            "custody as recorded is NOT unbroken: see {}",
            breaks.join(", ")
        ),
    }
}

/// What happened to an exhibit, and to its container while it was in one.
fn possessions<'a>(bundle: &'a VerifiedBundle, exhibit: &Subject) -> Vec<&'a VerifiedItem> {
    let mut within: Option<Subject> = None;
    let mut items = Vec::new();
    for item in &bundle.entries {
        let subject = &item.chain.subject;
        let own = subject == exhibit && item.chain.strand != Strand::Access;
        let of_container = within.as_ref() == Some(subject) && item.chain.strand == Strand::Custody;
        if !own && !of_container {
            continue;
        }
        items.push(item);
        if item.on_branch {
            continue; // told, and moves nothing
        }
        let Some(payload) = item.entry.as_ref().map(|entry| entry.payload()) else {
            continue;
        };
        let row = Rules::embedded().row(&payload.event);
        match row.map(|row| row.effect) {
            Some(Effect::Pack) if own => {
                let named = payload.body.get("container").and_then(|one| one.as_str());
                within = named.and_then(|named| Subject::new(named).ok());
            }
            Some(effect) if own && (moves(effect) || effect == Effect::Unpack) => within = None,
            _ => {}
        }
    }
    items
}

/// Time from the opening of an exhibit to its first digest.
fn first_digest(bundle: &VerifiedBundle, exhibit: &Subject) -> String {
    let mut custody = bundle
        .entries
        .iter()
        .filter(|item| item.chain.strand == Strand::Custody && item.chain.subject == *exhibit)
        .filter(|item| !item.on_branch)
        .filter_map(|item| item.entry.as_ref())
        .map(|entry| entry.payload());
    let Some(opened) = custody.next() else {
        return String::new();
    };
    if opened.body.contains_key("digest") {
        return "; digested when it was registered".to_owned();
    }
    let digested = custody.find(|payload| payload.event == "digested");
    match digested {
        None => "; never digested".to_owned(),
        Some(payload) => {
            let minutes = payload
                .occurred_at
                .earliest()
                .saturating_sub(opened.occurred_at.earliest())
                / 60;
            format!(
                "; first digested {} h {} min after",
                minutes / 60,
                minutes % 60
            )
        }
    }
}

fn flag_counts(bundle: &VerifiedBundle) -> String {
    let counts: Vec<String> = [
        FlagSeverity::Serious,
        FlagSeverity::Notice,
        FlagSeverity::Info,
    ]
    .into_iter()
    .filter_map(|severity| {
        let count = bundle
            .flags
            .iter()
            .filter(|flag| flag.severity == severity)
            .count();
        let name = super::flags::severity(severity).to_lowercase();
        (count > 0).then(|| format!("{count} {name}"))
    })
    .collect();
    if counts.is_empty() {
        "none".to_owned()
    } else {
        counts.join(", ")
    }
}

/// The findings of one severity under a title; nothing where there are none.
pub fn listed(findings: &[Finding], severity: Severity, title: &str) -> String {
    let these: Vec<&Finding> = findings
        .iter()
        .filter(|one| one.severity == severity)
        .collect();
    if these.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{title}\n\n");
    for one in these.iter().take(MAX_LISTED) {
        text.push_str(&format!(
            "- {}: {} [{}]\n",
            capital(&one.place),
            one.words,
            one.code
        ));
    }
    if these.len() > MAX_LISTED {
        text.push_str(&format!("- and {} more.\n", these.len() - MAX_LISTED));
    }
    text
}
