//! How a ledger begins, and the keys of its log and service.

use std::collections::{BTreeMap, BTreeSet};

use super::context::Context;
use super::effects::Changes;
use super::grounds::Ground;
use super::outcome::Refusal;
use super::proposals;
use super::schema::{Identity, Organisation};
use super::state::{
    ActorRecord, KeyRecord, Known, LedgerRecord, OrgRecord, Record, RecordKey, Role,
};
use crate::protocol::checkpoint::Checkpoint;
use crate::protocol::id::ActorId;
use crate::protocol::key::PublicKey;
use crate::protocol::note::{SignatureKind, VerifierKey};
use crate::protocol::time::Moment;
use crate::protocol::tree::TreeSize;

/// The ledger, its organisations and their authorities come to be.
pub(super) fn genesis<K: Known + ?Sized>(context: &Context<'_, K>) -> Result<Changes, Refusal> {
    let refuse = |why: &str| Ground::BadGenesis.because(why);
    let read = |name: &str| refuse(&format!("Genesis lacks \"{name}\"."));
    let service: Identity = context.read("service").ok_or_else(|| read("service"))?;
    let organisations: Vec<Organisation> = context
        .read("organisations")
        .ok_or_else(|| read("organisations"))?;
    if service.actor != *context.actor() || service.key.id() != context.entry.kid() {
        return Err(refuse(
            "Genesis must be signed by the service key it names.",
        ));
    }
    let mut changes = Changes::new();
    let mut keys = BTreeSet::new();
    let mut orgs = BTreeSet::new();
    let mut enrol = |identity: &Identity, role: Role| -> Result<(), Refusal> {
        let kid = identity.key.id();
        if !keys.insert(kid) {
            return Err(refuse("Genesis names one key twice."));
        }
        let key = KeyRecord {
            actor: identity.actor.clone(),
            key: identity.key,
            valid_from: None,
            valid_until: None,
            revoked: None,
            compromised_since: None,
        };
        let actor = ActorRecord {
            actor: identity.actor.clone(),
            roles: BTreeSet::from([role]),
            keys: BTreeSet::from([kid]),
        };
        changes.push((RecordKey::Key(kid), Record::Key(key.into())));
        changes.push((
            RecordKey::Actor(identity.actor.subject()),
            Record::Actor(actor),
        ));
        Ok(())
    };
    enrol(&service, Role::Service)?;
    for one in &organisations {
        if !orgs.insert(one.org.clone()) || one.authority.actor.org() != one.org {
            return Err(refuse(
                "Each organisation stands once, with an authority of its own.",
            ));
        }
        enrol(&one.authority, Role::Authority)?;
    }
    // Its authority could revoke the service's key.
    if orgs.contains(&service.actor.org()) {
        return Err(refuse(
            "No organisation has the name that the service's own id has.",
        ));
    }
    for one in organisations {
        let record = OrgRecord {
            sector: one.sector.as_str().to_owned(),
            authority: one.authority.actor,
            accepted: false,
            suspended: false,
        };
        changes.push((RecordKey::Org(one.org), Record::Org(record)));
    }
    let ledger = LedgerRecord {
        origin: context.entry.payload().ledger.clone(),
        subject: context.subject().clone(),
        genesis: context.entry.hash(),
        service: service.actor,
        log_keys: context.read("log").ok_or_else(|| read("log"))?,
        rules: context.read("rules").ok_or_else(|| read("rules"))?,
        orgs,
        thresholds: BTreeMap::new(),
        continues: BTreeSet::new(),
    };
    changes.push((RecordKey::Ledger, Record::Ledger(ledger.into())));
    Ok(changes)
}

/// The authority's organisation may write.
pub(super) fn accept_genesis<K: Known + ?Sized>(context: &Context<'_, K>) -> Changes {
    let org = context.actor().org();
    let Some(mut record) = context.known.org(&org) else {
        return Vec::new();
    };
    record.accepted = true;
    vec![(RecordKey::Org(org), Record::Org(record))]
}

/// Further keys sign checkpoints: those that signed before stay, for what they signed stays.
pub(super) fn add_log_keys<K: Known + ?Sized>(
    context: &Context<'_, K>,
) -> Result<Changes, Refusal> {
    let refuse = |why: &str| Err(Ground::BadBody.because(why));
    let (Some(mut ledger), Some(keys)) =
        (context.known.ledger(), context.read::<Vec<String>>("log"))
    else {
        return Ok(Vec::new()); // the schema has checked it
    };
    for text in keys {
        let of_log = VerifierKey::parse(&text).is_ok_and(|key| {
            *key.name() == ledger.origin && key.kind() != SignatureKind::CosignatureV1
        });
        if !of_log {
            return refuse(
                "A key of the log bears its origin as its name and is of type 0x01 or 0x06.",
            );
        }
        if ledger.log_keys.contains(&text) {
            return refuse("The log has this key already.");
        }
        ledger.log_keys.push(text);
    }
    Ok(vec![(RecordKey::Ledger, Record::Ledger(ledger.into()))])
}

/// The service signs with another key from here on.
pub(super) fn rotate_service<K: Known + ?Sized>(
    context: &Context<'_, K>,
) -> Result<Changes, Refusal> {
    let (Some(actor), Some(key)) = (
        context.read::<ActorId>("actor"),
        context.read::<PublicKey>("key"),
    ) else {
        return Ok(Vec::new()); // the schema has checked both
    };
    if actor != *context.actor() {
        return Err(Ground::BadBody.because("The service changes its own key alone."));
    }
    let since = context.read::<Option<Moment>>("compromised_since");
    let since = since.flatten().map(|moment| moment.unix_seconds());
    Ok(proposals::new_key(
        context,
        &actor,
        key,
        Role::Service,
        since,
    ))
}

/// The ledger goes on where another ended.
pub(super) fn continue_ledger<K: Known + ?Sized>(
    context: &Context<'_, K>,
) -> Result<Changes, Refusal> {
    let refuse = |why: &str| Err(Ground::BadBody.because(why));
    let (Some(mut ledger), Some(Ok(other))) = (
        context.known.ledger(),
        context.text("checkpoint").map(Checkpoint::of_note),
    ) else {
        return Ok(Vec::new()); // the schema has checked it
    };
    if other.origin == ledger.origin {
        return refuse("A ledger does not continue itself.");
    }
    if ledger.continues.contains(&other.origin) {
        return refuse("This ledger continues that one already, from another place or the same.");
    }
    ledger.continues.insert(other.origin);
    Ok(vec![(RecordKey::Ledger, Record::Ledger(ledger.into()))])
}

/// The key with which the service signs what comes after so many leaves. Each of its keys is revoked by the entry that
/// names the next.
pub fn service_key_at(known: &(impl Known + ?Sized), size: TreeSize) -> Option<PublicKey> {
    let service = known.actor(&known.ledger()?.service)?;
    let keys = service.keys.into_iter().filter_map(|kid| known.key(kid));
    keys.map(|key| (key.revoked.map_or(u64::MAX, |at| at.0), key.key))
        .filter(|(revoked, _)| *revoked >= size.0)
        .min_by_key(|(revoked, _)| *revoked)
        .map(|(_, key)| key)
}
