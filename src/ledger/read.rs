//! Who may read what: auditors of oversight bodies everything; organisations that joined a case, all of it; the defence
//! what was disclosed to it, and what it opened itself, holds or is offered; prison, probation and a custodian the same.
//! Of the case itself a custodian is told what it is and who is in it, and of the rest only that it happened.

use std::collections::BTreeSet;

use serde_json::Value;

use super::state::{Known, Role};
use crate::protocol::entry::Payload;
use crate::protocol::id::{ActorId, OrgId, Strand, Subject};
use crate::protocol::time::LogTime;

/// The sector of the bodies that audit.
pub(super) const OVERSIGHT: &str = "oversight";

/// The part of those who are given what is disclosed to them.
const DEFENCE: &str = "defence";

/// The part of those who keep or examine what they are handed, and have no business with the rest of the case.
pub(super) const CUSTODIAN: &str = "custodian";

/// The parts of those who supply evidence of their own and read the rest by grant.
const BY_GRANT: [&str; 2] = ["prison", "probation"];

/// What a custodian is told of a case in so many words.
const OF_EVERYBODY: [&str; 4] = [
    "case-opened",
    "case-reference-set",
    "party-joined",
    "party-left",
];

/// Whether organisations with this part read all of the case.
pub(super) fn reads_all(part: &str) -> bool {
    part != DEFENCE && part != CUSTODIAN && !BY_GRANT.contains(&part)
}

/// What an actor may read of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadRight {
    /// Everything.
    All,
    /// The case itself, and of its exhibits those disclosed to this organisation as of this time, opened or held by it, or
    /// offered to it.
    Disclosed(Subject, OrgId, LogTime),
    /// The same for a custodian, who gets no details of what was done in the case.
    Handed(Subject, OrgId, LogTime),
    /// Nothing, not even that it exists.
    None,
}

impl ReadRight {
    /// Whether this right covers an exhibit.
    pub fn covers(&self, known: &(impl Known + ?Sized), exhibit: &Subject) -> bool {
        match self {
            ReadRight::All => true,
            ReadRight::Disclosed(case, org, at) | ReadRight::Handed(case, org, at) => {
                !known.disclosures(case, exhibit, org, *at).is_empty()
                    || is_theirs(known, exhibit, org)
            }
            ReadRight::None => false,
        }
    }
}

/// Whether an organisation has to do with an exhibit itself: it opened it, holds it, or is offered it.
fn is_theirs(known: &(impl Known + ?Sized), exhibit: &Subject, org: &OrgId) -> bool {
    known.exhibit(exhibit).is_some_and(|one| {
        let offered = one.offer.as_ref().map(|offer| offer.to.org());
        let opened = known.entry(one.opened);
        one.holder.org == *org
            || offered.as_ref() == Some(org)
            || opened.is_some_and(|opened| opened.actor.org() == *org)
    })
}

/// Whether somebody is an auditor: by role, and of an oversight body. An authority gives its own people roles, and so
/// would otherwise make a reader of every case.
pub fn is_auditor(known: &(impl Known + ?Sized), actor: &ActorId) -> bool {
    let of_oversight = known
        .org(&actor.org())
        .is_some_and(|org| org.sector == OVERSIGHT);
    of_oversight
        && known
            .actor(actor)
            .is_some_and(|actor| actor.roles.contains(&Role::Auditor))
}

/// What `actor` may read of `case` at a log time.
pub fn may_read(
    known: &(impl Known + ?Sized),
    actor: &ActorId,
    case: &Subject,
    at: LogTime,
) -> ReadRight {
    let (Some(_), Some(record)) = (known.actor(actor), known.case(case)) else {
        return ReadRight::None;
    };
    if is_auditor(known, actor) {
        return ReadRight::All;
    }
    let org = actor.org();
    match record.parties.get(&org).map(String::as_str) {
        None => ReadRight::None,
        Some(CUSTODIAN) => ReadRight::Handed(case.clone(), org, at),
        Some(part) if !reads_all(part) => ReadRight::Disclosed(case.clone(), org, at),
        Some(_) => ReadRight::All,
    }
}

/// The case under which `actor` may read an exhibit, and what they may read there: the exhibit's own, or else one that
/// took it in. `under` asks for one of them alone.
pub fn may_read_exhibit(
    known: &(impl Known + ?Sized),
    actor: &ActorId,
    exhibit: &Subject,
    under: Option<&Subject>,
    at: LogTime,
) -> Option<(Subject, ReadRight)> {
    let own = known.exhibit(exhibit)?.case;
    let cases = [own].into_iter().chain(known.links(exhibit).into_keys());
    cases
        .filter(|case| under.is_none_or(|under| under == case))
        .map(|case| {
            let right = may_read(known, actor, &case, at);
            (case, right)
        })
        .find(|(_, right)| right.covers(known, exhibit))
}

/// How much of an entry somebody may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryView {
    /// All of it.
    Whole,
    /// All of it but the details of these names.
    Without(BTreeSet<String>),
    /// Its body and no detail: of an access entry that somebody looked, and when; not who, nor why. Nor the files that it
    /// names.
    WithoutDetails,
    /// Only that there is an entry.
    Withheld,
}

impl EntryView {
    /// Whether a detail of this name is shown.
    pub fn shows(&self, detail: &str) -> bool {
        match self {
            EntryView::Whole => true,
            EntryView::Without(names) => !names.contains(detail),
            EntryView::WithoutDetails | EntryView::Withheld => false,
        }
    }
}

/// How much somebody with this right in a case may see of an entry of that case, other than an access entry. What the
/// defence is not told of sensitive material is what it is; of an exhibit, what was withheld when it was disclosed.
pub fn entry_view(
    known: &(impl Known + ?Sized),
    right: &ReadRight,
    payload: &Payload,
) -> EntryView {
    let (case, org, at) = match right {
        ReadRight::None => return EntryView::Withheld,
        ReadRight::All => return EntryView::Whole,
        ReadRight::Disclosed(case, org, at) | ReadRight::Handed(case, org, at) => (case, org, *at),
    };
    let of_case = matches!(payload.strand, Strand::Case | Strand::Exhibits);
    let others = of_case && !OF_EVERYBODY.contains(&payload.event.as_str());
    if others && matches!(right, ReadRight::Handed(..)) {
        return EntryView::WithoutDetails;
    }
    let sensitive = payload.event == "scheduled"
        && payload.body.get("schedule").and_then(Value::as_str) == Some("mg6d");
    // Nor why its case took an exhibit of another in.
    if sensitive || payload.event == "exhibit-linked" {
        return EntryView::WithoutDetails;
    }
    match of_case {
        true => EntryView::Whole,
        false => as_disclosed(known, (case, org, at), payload),
    }
}

/// How much of an entry about an exhibit an organisation may see to whom it was disclosed in a case.
fn as_disclosed(
    known: &(impl Known + ?Sized),
    (case, org, at): (&Subject, &OrgId, LogTime),
    payload: &Payload,
) -> EntryView {
    let exhibit = &payload.subject;
    if exhibit == case || payload.actor.org() == *org || is_theirs(known, exhibit, org) {
        return EntryView::Whole;
    }
    let disclosures = known.disclosures(case, exhibit, org, at);
    // Whole entries of an event are kept back with their files, also where they have no detail.
    if disclosures
        .iter()
        .all(|one| one.withheld.has_event(&payload.event))
    {
        return EntryView::WithoutDetails;
    }
    let is_withheld = |name: &&String| {
        let mut all = disclosures.iter();
        all.all(|one| one.withheld.has(&payload.event, name))
    };
    let names = payload.details.keys().filter(is_withheld).cloned();
    let mut names: BTreeSet<String> = names.collect();
    // The request that a reader signed says the same again.
    if payload.strand == Strand::Access && !names.is_empty() {
        names.insert("token".to_owned());
    }
    match names.len() {
        0 => EntryView::Whole,
        all if all == payload.details.len() => EntryView::WithoutDetails,
        _ => EntryView::Without(names),
    }
}

/// How much `asker` may see of an access entry about what `reader` read. What the defence looks at, and why, is for its
/// own side and the court; others, auditors too, see a count. The defence sees who looked at what was disclosed to it,
/// and why, unless that was withheld; of other defence teams and of prosecution counsel it sees a count. Who reads by
/// grant, and a custodian, see that there is an entry.
pub fn access_view(
    known: &(impl Known + ?Sized),
    asker: &ActorId,
    right: &ReadRight,
    payload: &Payload,
    reader: Option<&ActorId>,
) -> EntryView {
    let is_of = |actor: &ActorId, sector: &str| {
        let org = known.org(&actor.org());
        org.is_some_and(|org| org.sector == sector)
    };
    if reader.is_some_and(|reader| reader.org() == asker.org()) {
        return EntryView::Whole;
    }
    let of_defence = reader.is_some_and(|reader| is_of(reader, DEFENCE));
    match right {
        ReadRight::All if of_defence && !is_of(asker, "court") => EntryView::WithoutDetails,
        ReadRight::All => EntryView::Whole,
        ReadRight::Disclosed(case, org, at) if has_part(known, case, org, DEFENCE) => {
            let counsel = reader.is_none_or(|reader| is_of(reader, "prosecution"));
            match of_defence || counsel {
                true => EntryView::WithoutDetails,
                false => as_disclosed(known, (case, org, *at), payload),
            }
        }
        _ => EntryView::Withheld,
    }
}

fn has_part(known: &(impl Known + ?Sized), case: &Subject, org: &OrgId, part: &str) -> bool {
    let case = known.case(case);
    case.is_some_and(|case| case.parties.get(org).is_some_and(|has| has == part))
}
