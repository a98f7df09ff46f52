//! What those are told who have no business with an exhibit or case: the same as if there were none, by every refusal.
//!
//! The rules decide on what there is, and a chain's length, say, is then part of the reason. Whoever may not know of
//! the chain is given the reason that they would get of one that nobody ever opened.

use super::admit::{self, Place};
use super::context::Context;
use super::grounds::Ground;
use super::outcome::Refusal;
use super::read::{is_auditor, may_read_exhibit};
use super::refusals::{self, RefuseRule};
use super::rules::Rules;
use super::standing;
use super::state::Known;
use crate::protocol::entry::VerifiedEntry;
use crate::protocol::id::{ActorId, Strand, Subject};
use crate::protocol::time::LogTime;

/// Whether an actor may know that there is an exhibit or case with this id: they may read it, or have something recorded
/// of it. Of one that there is not, nobody may.
pub fn may_know_of(known: &(impl Known + ?Sized), actor: &ActorId, subject: &Subject) -> bool {
    let org = actor.org();
    if let Some(case) = known.case(subject) {
        return case.parties.contains_key(&org) || is_auditor(known, actor);
    }
    known.exhibit(subject).is_some_and(|exhibit| {
        standing::stands_at(known, &org, &exhibit)
            || is_auditor(known, actor)
            // What they were given once they know of, whatever became of that since.
            || may_read_exhibit(known, actor, subject, None, LogTime(0)).is_some()
    })
}

/// What its signer is told of the refusal of an entry.
pub fn told(
    rules: &Rules,
    known: &(impl Known + ?Sized),
    entry: &VerifiedEntry,
    place: Place,
    refusal: Refusal,
) -> Refusal {
    let payload = entry.payload();
    let public = matches!(payload.strand, Strand::Keys | Strand::Rules);
    // An entry of a branch is refused to whoever sends the branch, and they stand there.
    if public || known.branch(entry.hash()).is_some() {
        return refusal;
    }
    as_if_absent(rules, known, entry, place)
        .err()
        .unwrap_or(refusal)
}

/// The refusal as it is where there is no such exhibit or case; nothing for a signer who may know of it.
fn as_if_absent(
    rules: &Rules,
    known: &(impl Known + ?Sized),
    entry: &VerifiedEntry,
    place: Place,
) -> Result<(), Refusal> {
    let payload = entry.payload();
    let row = admit::find_row(rules, entry)?;
    admit::check_ledger(known, entry, place)?;
    // First of all who signs: anybody can put another's name into an entry.
    admit::check_signer(known, entry, place, row)?;
    let by_service = known
        .ledger()
        .is_some_and(|ledger| ledger.service == payload.actor);
    if by_service || may_know_of(known, &payload.actor, &payload.subject) {
        return Ok(());
    }
    let opens = row.opens && matches!(payload.strand, Strand::Custody | Strand::Case);
    if opens && (payload.seq, payload.prev) != (0, None) {
        return Err(admit::stale(payload.seq, 0));
    }
    admit::check_content(row, entry)?;
    if !opens {
        return Err(RefuseRule::InCase.refusal());
    }
    let context = Context::new(rules, known, entry, place);
    let whether_new =
        |rule: &RefuseRule| matches!(rule, RefuseRule::NewCase | RefuseRule::NewExhibit);
    for rule in row.refuse.iter().filter(|rule| !whether_new(rule)) {
        refusals::refuse(*rule, &context)?;
    }
    // An id belongs to one exhibit or case. Who would open another learns that it is taken, and no more.
    match known.chain(&payload.subject, payload.strand) {
        Some(_) => Err(Ground::AlreadyOpen.refusal()),
        None => Ok(()),
    }
}
