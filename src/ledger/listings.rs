//! What is listed of a case and of an exhibit, one record each, so that no record grows.

use super::context::Context;
use super::effects::Changes;
use super::state::{DisclosureRecord, Known, Record, RecordKey};
use crate::protocol::hash::Hash;
use crate::protocol::id::{Code, OrgId, Subject};
use crate::protocol::time::Moment;

/// A case's table of contents has one exhibit more.
pub(super) fn add_exhibit<K: Known + ?Sized>(context: &Context<'_, K>) -> Changes {
    let exhibit = context.read::<Subject>("exhibit");
    let key = exhibit.map(|exhibit| RecordKey::CaseExhibit(context.subject().clone(), exhibit));
    key.into_iter()
        .map(|key| (key, Record::Fact(context.entry.hash())))
        .collect()
}

/// A case takes an exhibit of another case in. The exhibit's own record stays as it is: whoever knows nothing of the
/// link knows all the rest.
pub(super) fn link_exhibit<K: Known + ?Sized>(context: &Context<'_, K>) -> Changes {
    let mut changes = add_exhibit(context);
    let Some(exhibit) = context.read::<Subject>("exhibit") else {
        return changes; // the schema has checked it
    };
    let (case, e) = (context.subject().clone(), context.entry.hash());
    let mut links = context.known.links(&exhibit);
    links.insert(case.clone(), e);
    let linked = RecordKey::Linked(case, exhibit.clone());
    changes.push((linked, Record::Fact(e)));
    changes.push((RecordKey::Links(exhibit), Record::Links(links)));
    changes
}

/// A file that an entry names is the exhibit's.
pub(super) fn attach<K: Known + ?Sized>(context: &Context<'_, K>) -> Changes {
    let named = context.read::<Option<Hash>>("candidates").flatten();
    let key = named.map(|sha256| RecordKey::Attached(sha256, context.subject().clone()));
    // Who named it first stays.
    key.into_iter()
        .filter(|key| context.known.get(key).is_none())
        .map(|key| (key, Record::Fact(context.entry.hash())))
        .collect()
}

/// Organisations may read exhibits of a case: until a time, and without what is withheld.
pub(super) fn disclose<K: Known + ?Sized>(context: &Context<'_, K>) -> Changes {
    let e = context.entry.hash();
    let exhibits: Vec<Subject> = context.read("exhibits").unwrap_or_default();
    let expires = context.read::<Option<Moment>>("expires").flatten();
    let profile = context
        .text("withhold_profile")
        .and_then(|name| context.rules.withholding_profiles().get(name).cloned());
    let mut withheld = profile.unwrap_or_default();
    let named = |member: &str| context.read::<Vec<Code>>(member).unwrap_or_default();
    withheld.details.extend(named("withhold_details"));
    withheld.events.extend(named("withhold_events"));
    let disclosure = DisclosureRecord {
        e,
        until: expires.map(|at| at.unix_seconds()),
        withheld,
    };
    let mut changes = Changes::new();
    for org in context.read::<Vec<OrgId>>("to").unwrap_or_default() {
        for exhibit in &exhibits {
            let key = RecordKey::Disclosed(context.subject().clone(), exhibit.clone(), org.clone());
            let mut all = match context.known.get(&key) {
                Some(Record::Disclosures(all)) => all,
                _ => Vec::new(),
            };
            all.push(disclosure.clone());
            changes.push((key, Record::Disclosures(all)));
        }
        changes.push((RecordKey::DisclosedBy(e, org), Record::Fact(e)));
    }
    changes
}

/// Nobody reads any more by a disclosure.
pub(super) fn withdraw<K: Known + ?Sized>(context: &Context<'_, K>) -> Changes {
    let disclosure = context.read("disclosure").map(RecordKey::Withdrawn);
    disclosure
        .into_iter()
        .map(|key| (key, Record::Fact(context.entry.hash())))
        .collect()
}
