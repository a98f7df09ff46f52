//! Who may read what, for now: auditors everything; organisations that joined a case, all of it; the defence
//! what was disclosed to it.

use super::state::{Known, RecordKey, Role};
use crate::protocol::id::{ActorId, OrgId, Subject};

/// What an actor may read of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadRight {
    /// Everything.
    All,
    /// The case itself, and of its exhibits those disclosed to this organisation.
    Disclosed(Subject, OrgId),
    /// Nothing, not even that it exists.
    None,
}

impl ReadRight {
    /// Whether this right covers an exhibit.
    pub fn covers(&self, known: &(impl Known + ?Sized), exhibit: &Subject) -> bool {
        match self {
            ReadRight::All => true,
            ReadRight::Disclosed(case, org) => {
                let key = RecordKey::Disclosed(case.clone(), exhibit.clone(), org.clone());
                known.get(&key).is_some()
            }
            ReadRight::None => false,
        }
    }
}

/// What `actor` may read of `case`.
pub fn may_read(known: &(impl Known + ?Sized), actor: &ActorId, case: &Subject) -> ReadRight {
    let (Some(reader), Some(record)) = (known.actor(actor), known.case(case)) else {
        return ReadRight::None;
    };
    if reader.roles.contains(&Role::Auditor) {
        return ReadRight::All;
    }
    let org = actor.org();
    match record.parties.get(&org).map(String::as_str) {
        None => ReadRight::None,
        Some("defence") => ReadRight::Disclosed(case.clone(), org),
        Some(_) => ReadRight::All,
    }
}

/// How much of an access entry somebody may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessView {
    /// All of it.
    Whole,
    /// That somebody looked, and when; not who, nor why.
    WithoutReader,
    /// Only that there is an entry.
    Withheld,
}

/// How much `asker` may see of an access entry about what `reader` read. What the defence looks at, and why, is
/// for its own side and the court; others, auditors too, see a count.
pub fn access_view(
    known: &(impl Known + ?Sized),
    asker: &ActorId,
    right: &ReadRight,
    reader: Option<&ActorId>,
) -> AccessView {
    let sector = |actor: &ActorId| known.org(&actor.org()).map(|org| org.sector);
    if reader.is_some_and(|reader| reader.org() == asker.org()) {
        return AccessView::Whole;
    }
    if *right != ReadRight::All {
        return AccessView::Withheld;
    }
    let of_defence = reader
        .and_then(sector)
        .is_some_and(|sector| sector == "defence");
    match of_defence && sector(asker).is_none_or(|sector| sector != "court") {
        true => AccessView::WithoutReader,
        false => AccessView::Whole,
    }
}
