//! What an admitted entry changes in an exhibit: the part of the closed list that touches nothing else.

use std::collections::BTreeSet;

use super::context::Context;
use super::effects::{Changes, Effect};
use super::state::{
    Authorisation, ExhibitRecord, Explanation, Hold, Holder, Known, Recipient, Record, RecordKey,
    Restatement, Status,
};
use crate::protocol::entry::EntryHash;
use crate::protocol::id::{ActorId, Code, Strand, Subject};
use crate::protocol::time::Moment;

/// A person of an organisation.
pub(super) fn holder(actor: &ActorId) -> Holder {
    Holder {
        org: actor.org(),
        person: Some(actor.clone()),
    }
}

/// The exhibit is in this person's hands, wherever it was before; what somebody else had offered is offered no more.
pub(super) fn hold(exhibit: &mut ExhibitRecord, actor: &ActorId) {
    exhibit.offer = None;
    exhibit.holder = holder(actor);
    exhibit.holders.insert(actor.org());
    exhibit.status = Status::Held;
    exhibit.place = None;
    exhibit.carrier = None;
}

/// The hold that the entry places.
pub(super) fn hold_of<K: Known + ?Sized>(context: &Context<'_, K>) -> Hold {
    let until = context.read::<Option<Moment>>("until").flatten();
    Hold {
        by: context.actor().org(),
        until: until.map(|until| until.unix_seconds()),
    }
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
    if matches!(effect, E::Lose | E::Return | E::Dispose | E::Destroy) {
        exhibit.offer = None; // there is nothing left to hand over
    }
    match effect {
        E::Accept => {
            // Accepted as offered to a store, it is in that store.
            let store = exhibit.offer.take().and_then(|offer| match offer.to {
                Recipient::Store(store) => Some(store.place.as_str().to_owned()),
                _ => None,
            });
            hold(exhibit, actor);
            exhibit.place = store;
        }
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
        E::PlaceHold => drop(exhibit.holds.insert(e, hold_of(context))),
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
        E::ClaimPrivilege => drop(exhibit.privilege.insert(actor.org())),
        E::ResolvePrivilege => match context.text("outcome") {
            Some("waived") => drop(exhibit.privilege.remove(&actor.org())),
            Some("rejected") => exhibit.privilege.clear(),
            _ => {} // upheld, it stands
        },
        E::Restate => restate(context, exhibit),
        other => panic!("{other:?} changes more than an exhibit and is applied elsewhere"),
    }
}

/// Whether a change of possession is one that what is in a container shares.
pub fn moves(effect: Effect) -> bool {
    use Effect as E;
    matches!(
        effect,
        E::Accept
            | E::Store
            | E::Consign
            | E::HandOutside
            | E::Lose
            | E::Find
            | E::Return
            | E::Dispose
            | E::Destroy
    )
}

/// The exhibit is possessed otherwise, and so is all that is in it; taken out of its container, it is in it no more.
pub(super) fn possess<K: Known + ?Sized>(effect: Effect, context: &Context<'_, K>) -> Changes {
    let mut changes = unpack(context);
    let Some((_, Record::Exhibit(exhibit))) = changes.first_mut() else {
        return changes;
    };
    change(effect, context, exhibit);
    let (place, contents) = (exhibit.place.clone(), exhibit.contents.clone());
    for content in contents {
        // In an extract, what is in the container may not be known; it is not what the extract is about.
        if let Some(mut record) = context.known.exhibit(&content) {
            change(effect, context, &mut record);
            record.place.clone_from(&place);
            happened(context, &mut record);
            changes.push((RecordKey::Exhibit(content), Record::Exhibit(record.into())));
        }
    }
    changes
}

/// The exhibit is in the container that the body names, and in no other.
pub(super) fn pack<K: Known + ?Sized>(context: &Context<'_, K>) -> Changes {
    let mut changes = unpack(context);
    let Some(named) = context.read::<Subject>("container") else {
        return changes; // the schema has checked it
    };
    if let Some((_, Record::Exhibit(exhibit))) = changes.first_mut() {
        exhibit.container = Some(named.clone());
        exhibit.containers.insert(named.clone());
    }
    if let Some(mut container) = context.known.exhibit(&named) {
        container.contents.insert(context.subject().clone());
        // Put back into the same one: the change above has taken it out.
        changes.retain(|(key, _)| *key != RecordKey::Exhibit(named.clone()));
        changes.push((RecordKey::Exhibit(named), Record::Exhibit(container.into())));
    }
    changes
}

/// The exhibit is in no container. Its own change comes first.
pub(super) fn unpack<K: Known + ?Sized>(context: &Context<'_, K>) -> Changes {
    let Some(mut exhibit) = context.exhibit() else {
        return Vec::new();
    };
    happened(context, &mut exhibit);
    let held = exhibit.container.take();
    let key = RecordKey::Exhibit(context.subject().clone());
    let mut changes = vec![(key, Record::Exhibit(exhibit.into()))];
    if let Some(held) = held
        && let Some(mut container) = context.known.exhibit(&held)
    {
        container.contents.remove(context.subject());
        changes.push((RecordKey::Exhibit(held), Record::Exhibit(container.into())));
    }
    changes
}

/// Keeps when the latest act of possession happened.
pub(super) fn happened<K: Known + ?Sized>(context: &Context<'_, K>, exhibit: &mut ExhibitRecord) {
    let payload = context.entry.payload();
    if payload.strand == Strand::Custody {
        // A clock that runs ahead must not put every later entry out of order.
        let recorded = i64::try_from(context.place.recorded_at.0 / 1000).unwrap_or(i64::MAX);
        let happened = payload.occurred_at.earliest().min(recorded);
        exhibit.latest = exhibit.latest.max(happened);
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
pub(super) fn explain<K: Known + ?Sized>(
    context: &Context<'_, K>,
    category: Code,
    targets: BTreeSet<EntryHash>,
) -> Changes {
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
