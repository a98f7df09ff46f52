//! What an admitted entry changes in an exhibit: the part of the closed list that touches nothing else.

use super::context::Context;
use super::effects::{Changes, Effect};
use super::state::{
    Authorisation, ExhibitRecord, Explanation, Holder, Known, Record, RecordKey, Restatement,
    Status,
};
use crate::protocol::entry::EntryHash;
use crate::protocol::id::{ActorId, Code};
use crate::protocol::time::Moment;

/// A person of an organisation.
pub(super) fn holder(actor: &ActorId) -> Holder {
    Holder {
        org: actor.org(),
        person: Some(actor.clone()),
    }
}

/// The exhibit is in this person's hands, wherever it was before.
pub(super) fn hold(exhibit: &mut ExhibitRecord, actor: &ActorId) {
    exhibit.holder = holder(actor);
    exhibit.status = Status::Held;
    exhibit.place = None;
    exhibit.carrier = None;
}

/// Changes the exhibit; effects that touch more than the exhibit are not for here.
pub(super) fn change<K: Known + ?Sized>(
    effect: Effect,
    context: &Context<'_, K>,
    exhibit: &mut ExhibitRecord,
) {
    use Effect as E;
    let e = context.entry.hash();
    let actor = context.actor();
    match effect {
        E::Store => {
            exhibit.place = context.text("place").map(str::to_owned);
            exhibit.carrier = None;
        }
        E::Consign => {
            exhibit.carrier = context.text("carrier").map(str::to_owned);
            exhibit.place = None;
        }
        E::HandOutside => exhibit.status = Status::Outside,
        E::Lose => exhibit.status = Status::Lost,
        E::Find => hold(exhibit, actor),
        E::Return => exhibit.status = Status::Returned,
        E::Dispose => exhibit.status = Status::Disposed,
        E::Destroy => exhibit.status = Status::Destroyed,
        E::PlaceHold => drop(exhibit.holds.insert(e, actor.org())),
        E::LiftHold => exhibit
            .holds
            .retain(|hold, _| Some(*hold) != context.read("hold")),
        E::SetRetention => {
            let until = context.read::<Option<Moment>>("until").flatten();
            exhibit.retain_until = until.map(|until| until.unix_seconds());
        }
        E::AuthoriseDisposal => {
            let by = actor.clone();
            exhibit.authorised = Some(Authorisation { e, by });
        }
        E::ClaimPrivilege => exhibit.privileged = true,
        E::ResolvePrivilege => exhibit.privileged = context.text("outcome") == Some("upheld"),
        E::Restate => restate(context, exhibit),
        other => panic!("{other:?} changes more than an exhibit and is applied elsewhere"),
    }
}

/// The first person's statement waits; the second person's, of the same holder, takes effect.
fn restate<K: Known + ?Sized>(context: &Context<'_, K>, exhibit: &mut ExhibitRecord) {
    let Some(named) = context.read::<ActorId>("holder") else {
        return; // the schema has checked it
    };
    let countersigns = context.read::<Option<EntryHash>>("countersigns").flatten();
    if countersigns.is_some() {
        hold(exhibit, &named);
        exhibit.restatement = None;
    } else {
        exhibit.restatement = Some(Restatement {
            e: context.entry.hash(),
            by: context.actor().clone(),
            holder: named,
        });
    }
}

/// What was flagged on these entries under this category has an explanation more.
pub(super) fn explain<K: Known + ?Sized>(context: &Context<'_, K>) -> Changes {
    let Some(category) = context.read::<Code>("category") else {
        return Vec::new(); // the schema has checked it
    };
    let targets: std::collections::BTreeSet<EntryHash> =
        context.read("targets").unwrap_or_default();
    let explained = |e: EntryHash| {
        let key = RecordKey::Explained(e, category.clone());
        let mut given = match context.known.get(&key) {
            Some(Record::Explained(given)) => given,
            _ => Vec::new(),
        };
        given.push(Explanation {
            e: context.entry.hash(),
            by: context.actor().clone(),
            at: context.place.recorded_at,
        });
        (key, Record::Explained(given))
    };
    targets.into_iter().map(explained).collect()
}
