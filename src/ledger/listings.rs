//! What is listed of a case and of an exhibit, one record each, so that no record grows.

use super::context::Context;
use super::effects::Changes;
use super::state::{Known, Record, RecordKey};
use crate::protocol::hash::Hash;
use crate::protocol::id::{OrgId, Subject};

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

/// Organisations may read exhibits of a case.
pub(super) fn disclose<K: Known + ?Sized>(context: &Context<'_, K>) -> Changes {
    let e = context.entry.hash();
    let exhibits: Vec<Subject> = context.read("exhibits").unwrap_or_default();
    let mut changes = Changes::new();
    for org in context.read::<Vec<OrgId>>("to").unwrap_or_default() {
        for exhibit in &exhibits {
            let key = RecordKey::Disclosed(context.subject().clone(), exhibit.clone(), org.clone());
            changes.push((key, Record::Fact(e)));
        }
        changes.push((RecordKey::DisclosedBy(e, org), Record::Fact(e)));
    }
    changes
}
