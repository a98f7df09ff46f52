//! What the organisations decide together: thresholds, who is one of them, and another authority's key.
//!
//! A change is proposed by one authority and approved by others; it holds from the entry on with which more than half
//! of the organisations that are not suspended stand behind it.

use std::collections::BTreeSet;

use super::context::Context;
use super::effects::Changes;
use super::state::{
    ActorRecord, Change, KeyRecord, Known, OrgRecord, ProposalRecord, Record, RecordKey, Role,
};
use crate::protocol::entry::EntryHash;
use crate::protocol::id::{ActorId, OrgId};
use crate::protocol::key::{KeyId, PublicKey};
use crate::protocol::time::Moment;

/// A change is proposed.
pub(super) fn propose<K: Known + ?Sized>(context: &Context<'_, K>, change: Change) -> Changes {
    let proposal = ProposalRecord {
        change,
        behind: BTreeSet::from([context.actor().org()]),
        in_force: false,
    };
    settle(context, context.entry.hash(), proposal)
}

/// The change of a threshold that the entry states.
pub(super) fn threshold<K: Known + ?Sized>(context: &Context<'_, K>) -> Option<Change> {
    Some(Change::Threshold {
        threshold: context.text("threshold")?.to_owned(),
        seconds: context.read("seconds")?,
    })
}

/// The organisation that the entry would admit.
pub(super) fn admission<K: Known + ?Sized>(context: &Context<'_, K>) -> Option<Change> {
    Some(Change::Admit {
        org: context.read("org")?,
        sector: context.read("sector")?,
        authority: context.read("actor")?,
        key: context.read("key")?,
    })
}

/// The organisation that the entry would suspend.
pub(super) fn suspension<K: Known + ?Sized>(context: &Context<'_, K>) -> Option<Change> {
    context.read("org").map(|org| Change::Suspend { org })
}

/// An authority's own change of its key holds at once; of another's, it is proposed.
pub(super) fn rotate<K: Known + ?Sized>(context: &Context<'_, K>) -> Changes {
    let (Some(authority), Some(key)) = (
        context.read::<ActorId>("actor"),
        context.read::<PublicKey>("key"),
    ) else {
        return Changes::new(); // the schema has checked both
    };
    let since = context.read::<Option<Moment>>("compromised_since");
    let since = since.flatten().map(|moment| moment.unix_seconds());
    if authority == *context.actor() {
        return new_key(context, &authority, key, Role::Authority, since);
    }
    let change = Change::AuthorityKey {
        authority,
        key,
        since,
    };
    propose(context, change)
}

/// One organisation more stands behind it.
pub(super) fn approve<K: Known + ?Sized>(context: &Context<'_, K>) -> Changes {
    let Some(e) = context.read::<EntryHash>("proposal") else {
        return Vec::new();
    };
    match context.known.get(&RecordKey::Proposal(e)) {
        Some(Record::Proposal(mut proposal)) => {
            proposal.behind.insert(context.actor().org());
            settle(context, e, *proposal)
        }
        _ => Vec::new(), // the rules refuse a proposal that is not there
    }
}

/// Whether nothing recorded since stands in the way of a change.
pub(super) fn possible<K: Known + ?Sized>(known: &K, change: &Change) -> bool {
    match change {
        Change::Threshold { .. } => true,
        Change::Admit {
            org,
            authority,
            key,
            ..
        } => is_free(known, org, authority) && known.key(key.id()).is_none(),
        Change::Suspend { org } => known.org(org).is_some_and(|org| !org.suspended),
        Change::AuthorityKey { authority, key, .. } => {
            is_authority(known, authority) && known.key(key.id()).is_none()
        }
    }
}

/// Whether an organisation of this name, with this authority, may come to be: it is new or suspended, and nobody has
/// the authority's id.
pub(super) fn is_free<K: Known + ?Sized>(known: &K, org: &OrgId, authority: &ActorId) -> bool {
    let of_service = known
        .ledger()
        .is_some_and(|ledger| ledger.service.org() == *org);
    authority.org() == *org
        && !of_service
        && known.org(org).is_none_or(|org| org.suspended)
        && known.get(&RecordKey::Actor(authority.subject())).is_none()
}

/// Whether an actor is the authority of an organisation that is not suspended.
pub(super) fn is_authority<K: Known + ?Sized>(known: &K, actor: &ActorId) -> bool {
    known
        .org(&actor.org())
        .is_some_and(|org| org.authority == *actor && !org.suspended)
}

/// Keeps a proposal; it holds from here on when more than half of the organisations stand behind it for the first
/// time. Who joins it later brings back nothing that another proposal has changed since.
fn settle<K: Known + ?Sized>(
    context: &Context<'_, K>,
    e: EntryHash,
    mut proposal: ProposalRecord,
) -> Changes {
    let Some(ledger) = context.known.ledger() else {
        return Changes::new(); // nothing is admitted before genesis
    };
    let behind = proposal.behind.intersection(&ledger.orgs).count();
    let mut changes = Changes::new();
    if behind * 2 > ledger.orgs.len() && !proposal.in_force {
        proposal.in_force = true;
        changes = carry_out(context, &proposal.change);
    }
    changes.push((RecordKey::Proposal(e), Record::Proposal(proposal.into())));
    changes
}

fn carry_out<K: Known + ?Sized>(context: &Context<'_, K>, change: &Change) -> Changes {
    let known = context.known;
    let Some(mut ledger) = known.ledger() else {
        return Changes::new();
    };
    match change {
        Change::Threshold { threshold, seconds } => {
            ledger.thresholds.insert(threshold.clone(), *seconds);
            vec![(RecordKey::Ledger, Record::Ledger(ledger.into()))]
        }
        Change::Admit {
            org,
            sector,
            authority,
            key,
        } => {
            // One that comes back has another authority: the keys of the earlier one count no more.
            let earlier = known.org(org).map(|org| org.authority);
            let mut changes = earlier
                .and_then(|earlier| known.actor(&earlier))
                .map_or_else(Changes::new, |earlier| revoke(context, &earlier, None));
            ledger.orgs.insert(org.clone());
            let record = OrgRecord {
                sector: sector.as_str().to_owned(),
                authority: authority.clone(),
                accepted: false,
                suspended: false,
            };
            changes.push((RecordKey::Ledger, Record::Ledger(ledger.into())));
            changes.push((RecordKey::Org(org.clone()), Record::Org(record)));
            changes.extend(enrol(authority, *key, Role::Authority, BTreeSet::new()));
            changes
        }
        Change::Suspend { org } => {
            ledger.orgs.remove(org);
            let mut changes = vec![(RecordKey::Ledger, Record::Ledger(ledger.into()))];
            if let Some(mut record) = known.org(org) {
                record.suspended = true;
                changes.push((RecordKey::Org(org.clone()), Record::Org(record)));
            }
            changes
        }
        Change::AuthorityKey {
            authority,
            key,
            since,
        } => new_key(context, authority, *key, Role::Authority, *since),
    }
}

/// A new key of an authority or of the service; its earlier ones count no more.
pub(super) fn new_key<K: Known + ?Sized>(
    context: &Context<'_, K>,
    actor: &ActorId,
    key: PublicKey,
    role: Role,
    compromised_since: Option<i64>,
) -> Changes {
    let Some(record) = context.known.actor(actor) else {
        return Changes::new(); // the rules refuse an actor that is not there
    };
    let mut changes = revoke(context, &record, compromised_since);
    changes.extend(enrol(actor, key, role, record.keys));
    changes
}

/// Every key of an actor counts no more from here on.
fn revoke<K: Known + ?Sized>(
    context: &Context<'_, K>,
    actor: &ActorRecord,
    compromised_since: Option<i64>,
) -> Changes {
    let keys = actor
        .keys
        .iter()
        .filter_map(|kid| Some((*kid, context.known.key(*kid)?)));
    let revoked = keys.map(|(kid, mut key)| {
        key.revoked = key.revoked.or(Some(context.place.index));
        let stated = key.compromised_since.into_iter().chain(compromised_since);
        key.compromised_since = stated.min();
        (RecordKey::Key(kid), Record::Key(key.into()))
    });
    revoked.collect()
}

/// An actor of this one role, with a key more.
fn enrol(actor: &ActorId, key: PublicKey, role: Role, mut keys: BTreeSet<KeyId>) -> Changes {
    keys.insert(key.id());
    let enrolled = ActorRecord {
        actor: actor.clone(),
        roles: BTreeSet::from([role]),
        keys,
    };
    let record = KeyRecord {
        actor: actor.clone(),
        key,
        valid_from: None,
        valid_until: None,
        revoked: None,
        compromised_since: None,
    };
    vec![
        (RecordKey::Key(key.id()), Record::Key(record.into())),
        (RecordKey::Actor(actor.subject()), Record::Actor(enrolled)),
    ]
}
