//! What an admitted entry changes in a case: its parties, and holds on all of it.

use std::collections::BTreeMap;

use super::context::Context;
use super::effects::Changes;
use super::exhibits;
use super::state::{CaseRecord, Known, Record, RecordKey};
use crate::protocol::id::OrgId;

/// A case comes to be, with its opener's organisation in it.
pub(super) fn open<K: Known + ?Sized>(context: &Context<'_, K>) -> Changes {
    let org = context.actor().org();
    let sector = context
        .known
        .org(&org)
        .map_or_else(|| "police".to_owned(), |record| record.sector);
    let case = CaseRecord {
        opened_by: context.actor().clone(),
        parties: BTreeMap::from([(org, sector)]),
        left: BTreeMap::new(),
        holds: BTreeMap::new(),
    };
    vec![record(context, case)]
}

/// Changes the case that the entry is about.
pub(super) fn change<K: Known + ?Sized>(
    context: &Context<'_, K>,
    change: impl FnOnce(&Context<'_, K>, &mut CaseRecord),
) -> Changes {
    let Some(mut case) = context.case() else {
        return Changes::new();
    };
    change(context, &mut case);
    vec![record(context, case)]
}

/// An organisation is in the case, with this part.
pub(super) fn join<K: Known + ?Sized>(context: &Context<'_, K>, case: &mut CaseRecord) {
    if let (Some(org), Some(part)) = (context.read::<OrgId>("org"), context.text("part")) {
        case.left.remove(&org);
        case.parties.insert(org, part.to_owned());
    }
}

/// It is in it no more; which part it had is remembered.
pub(super) fn leave<K: Known + ?Sized>(context: &Context<'_, K>, case: &mut CaseRecord) {
    let org = context.read::<OrgId>("org");
    let left = org.and_then(|org| case.parties.remove_entry(&org));
    case.left.extend(left);
}

/// A hold on the whole case.
pub(super) fn place_hold<K: Known + ?Sized>(context: &Context<'_, K>, case: &mut CaseRecord) {
    case.holds
        .insert(context.entry.hash(), exhibits::hold_of(context));
}

/// A hold less.
pub(super) fn lift_hold<K: Known + ?Sized>(context: &Context<'_, K>, case: &mut CaseRecord) {
    case.holds.retain(|e, _| Some(*e) != context.read("hold"));
}

fn record<K: Known + ?Sized>(context: &Context<'_, K>, case: CaseRecord) -> (RecordKey, Record) {
    let key = RecordKey::Case(context.subject().clone());
    (key, Record::Case(case))
}
