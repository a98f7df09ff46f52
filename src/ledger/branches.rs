//! What was signed in good faith and does not fit any more: a branch off a custody chain, taken in whole by a
//! `late-branch`; and an entry whose signer's key does not count any more, or not yet, adopted by somebody's
//! `adopted`. Nothing that was signed is signed again.
//!
//! A branch takes no place in its chain and changes nothing: it stands in the log right behind the `late-branch`
//! that names it. An adopted entry takes its place in its chain like any other.

use std::collections::BTreeSet;

use super::admit::{Place, not_valid};
use super::context::Context;
use super::effects::{Changes, Effect};
use super::grounds::Ground;
use super::outcome::Refusal;
use super::refusals::RefuseRule;
use super::rules::{Row, Rules};
use super::schema;
use super::state::{BranchRecord, Known, Record, RecordKey};
use crate::protocol::entry::{EntryHash, UnverifiedEntry, VerifiedEntry};
use crate::protocol::id::Strand;
use crate::protocol::tree::EntryIndex;

/// Most entries of one `late-branch`: a service writes them with it in one step. A longer branch is taken in in
/// parts, each going on from the last entry of the one before.
pub const MAX_BRANCH: usize = 100;

/// What an entry of a branch is refused for beside its place: what else its row asks is about a state of the
/// exhibit that has gone by, and it changes none.
pub(super) const REFUSE: &[RefuseRule] = &[RefuseRule::InCaseOfExhibit];

/// The entries that an entry takes in with it, in order; none, unless it is a `late-branch`.
pub fn taken_in(entry: &UnverifiedEntry) -> Vec<EntryHash> {
    let payload = entry.payload();
    let row = Rules::embedded().row(&payload.event);
    match row.map(|row| row.effect) {
        Some(Effect::TakeInBranch) => schema::read(&payload.body, "entries").unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// An entry of a branch stands where the `late-branch` says, and follows what it says.
pub(super) fn check_position(
    entry: &VerifiedEntry,
    place: Place,
    row: &Row,
    branch: &BranchRecord,
) -> Result<(), Refusal> {
    let payload = entry.payload();
    if row.effect == Effect::TakeInBranch {
        return Err(Ground::BranchTooDeep.refusal());
    }
    let follows = payload.chain() == branch.chain
        && payload.seq == branch.seq
        && payload.prev == Some(branch.prev)
        && place.index == branch.index;
    match follows {
        true => Ok(()),
        false => Err(Ground::BranchOrder.refusal()),
    }
}

/// Whether its signer, or the authority of their organisation, took an entry in although its key does not count.
pub(super) fn is_adopted(known: &(impl Known + ?Sized), entry: &VerifiedEntry) -> bool {
    let payload = entry.payload();
    let key = RecordKey::Adopted(payload.actor.subject(), entry.hash());
    payload.strand == Strand::Custody && known.get(&key).is_some()
}

/// Whether an entry is here only because it was adopted.
pub(super) fn needed_adoption<K: Known + ?Sized>(context: &Context<'_, K>) -> bool {
    let key = context.known.key(context.entry.kid());
    key.is_some_and(|key| not_valid(&key, context.place).is_some())
        && is_adopted(context.known, context.entry)
}

/// The entries that the body names.
fn named<K: Known + ?Sized>(context: &Context<'_, K>) -> Vec<EntryHash> {
    context.read("entries").unwrap_or_default()
}

pub(super) fn forks_here<K: Known + ?Sized>(context: &Context<'_, K>) -> bool {
    let Some(from) = context.read::<EntryHash>("from") else {
        return false;
    };
    let payload = context.entry.payload();
    let of_chain = context.known.entry(from);
    let last = context.known.chain(&payload.subject, payload.strand);
    of_chain.is_some_and(|one| one.chain == payload.chain())
        && last.is_some_and(|chain| chain.last != from)
}

pub(super) fn are_new<K: Known + ?Sized>(context: &Context<'_, K>) -> bool {
    let named = named(context);
    let distinct: BTreeSet<&EntryHash> = named.iter().collect();
    let is_new = |e: &EntryHash| context.known.entry(*e).is_none();
    distinct.len() == named.len() && named.iter().all(is_new)
}

pub(super) fn is_short<K: Known + ?Sized>(context: &Context<'_, K>) -> bool {
    named(context).len() <= MAX_BRANCH
}

pub(super) fn is_own<K: Known + ?Sized>(context: &Context<'_, K>) -> bool {
    let key = RecordKey::Actor(context.subject().clone());
    let Some(Record::Actor(holder)) = context.known.get(&key) else {
        return false;
    };
    let org = context.known.org(&holder.actor.org());
    holder.actor == *context.actor() || org.is_some_and(|org| org.authority == *context.actor())
}

/// Where each entry of the branch must stand, and what it must follow.
pub(super) fn take_in<K: Known + ?Sized>(context: &Context<'_, K>) -> Changes {
    let Some(from) = context.read::<EntryHash>("from") else {
        return Vec::new(); // the schema has checked it
    };
    let before = context.known.entry(from).map_or(0, |entry| entry.seq);
    let all = named(context);
    let prevs = std::iter::once(&from).chain(&all);
    let record = |((at, e), prev): ((u64, &EntryHash), &EntryHash)| {
        let record = BranchRecord {
            chain: context.entry.payload().chain(),
            seq: before.saturating_add(at),
            prev: *prev,
            index: EntryIndex(context.place.index.0.saturating_add(at)),
        };
        (RecordKey::Branch(*e), Record::Branch(record))
    };
    (1u64..).zip(&all).zip(prevs).map(record).collect()
}

/// Each entry named counts under its signer's key, whatever has become of that.
pub(super) fn adopt<K: Known + ?Sized>(context: &Context<'_, K>) -> Changes {
    let by = context.entry.hash();
    let record = |e: EntryHash| {
        let key = RecordKey::Adopted(context.subject().clone(), e);
        (key, Record::Fact(by))
    };
    named(context).into_iter().map(record).collect()
}
