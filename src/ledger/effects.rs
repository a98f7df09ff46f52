//! What an admitted entry changes: a closed list that rows of the table name.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::admit::Companion;
use super::context::Context;
use super::outcome::Refusal;
use super::schema::Parent;
use super::state::{
    ActorRecord, Change, ExhibitRecord, KeyRecord, Known, Offer, Recipient, Record, RecordKey,
    Role, Status,
};
use super::{branches, cases, erasure, exhibits, founding, listings, proposals};
use crate::protocol::entry::EntryHash;
use crate::protocol::id::{ActorId, ChainId, Code, Strand, Subject};
use crate::protocol::time::Moment;

/// The closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Nothing but the entry itself.
    None,
    /// The ledger, its organisations and their authorities come to be.
    Genesis,
    /// The authority's organisation may write.
    AcceptGenesis,
    /// Further keys sign checkpoints.
    AddLogKeys,
    /// The service signs with another key.
    RotateService,
    /// The ledger goes on where another ended.
    ContinueLedger,
    /// A key, and its actor if new, come to be; roles are those stated.
    EnrolKey,
    /// A key counts no more from here on.
    RevokeKey,
    /// A case comes to be; its opener's organisation is a party.
    OpenCase,
    /// An organisation joins the case.
    JoinParty,
    /// An exhibit comes to be, held by the signer; the case's table of contents and its parents name it.
    OpenExhibit,
    /// The exhibit's bytes are known, if they were not before.
    SetDigest,
    /// The exhibit's bytes have grown, if they are the ones that grew.
    Extend,
    /// A seal is on the exhibit.
    Seal,
    /// No seal is on the exhibit.
    Unseal,
    /// The exhibit is offered; custody does not move.
    Offer,
    /// Custody moves to the signer; any offer is closed.
    Accept,
    /// The offer is closed; custody does not move.
    CloseOffer,
    /// The case's table of contents has one exhibit more.
    AddExhibit,
    /// The case takes an exhibit of another case in: its table of contents has it, and nothing of the other case does.
    LinkExhibit,
    /// Recipients may read these exhibits.
    Disclose,
    /// Nobody reads any more by this disclosure.
    WithdrawDisclosure,
    /// An organisation leaves the case.
    LeaveParty,
    /// A hold on the whole case is in force.
    PlaceCaseHold,
    /// A hold on the whole case is lifted.
    LiftCaseHold,
    /// The actor's roles are those stated.
    ChangeRoles,
    /// A change of a threshold is proposed; it holds once more than half of the organisations stand behind it.
    ProposeRule,
    /// An organisation is proposed; it is one of the ledger's once more than half of the organisations stand behind it.
    AdmitOrganisation,
    /// A suspension is proposed; it holds once more than half of the organisations stand behind it.
    SuspendOrganisation,
    /// An authority has a new key; another's, once more than half of the organisations stand behind it.
    RotateAuthority,
    /// One organisation more stands behind a proposed change.
    ApproveRule,
    /// What was flagged on these entries under this category is explained.
    Explain,
    /// The exhibit is in a store.
    Store,
    /// A carrier has the exhibit; the holder still answers for it.
    Consign,
    /// Somebody outside the ledger has the exhibit; the holder still answers for it.
    HandOutside,
    /// The exhibit is lost.
    Lose,
    /// The exhibit is held again, by the signer.
    Find,
    /// The exhibit was given back.
    Return,
    /// The exhibit was destroyed as decided.
    Dispose,
    /// The exhibit was destroyed by accident.
    Destroy,
    /// A hold on the exhibit is in force.
    PlaceHold,
    /// A hold on the exhibit is lifted.
    LiftHold,
    /// The exhibit is to be kept until then.
    SetRetention,
    /// The disposal of the exhibit is authorised.
    AuthoriseDisposal,
    /// Privilege in the exhibit is claimed; it cannot be scheduled or disclosed.
    ClaimPrivilege,
    /// The claim of privilege is decided; it lasts if upheld.
    ResolvePrivilege,
    /// The exhibit is in a container, and moves with it.
    Pack,
    /// The exhibit is in no container.
    Unpack,
    /// The list of candidates that the entry names is a file of the exhibit's.
    AttachCandidates,
    /// What was missing from an entry is supplied.
    Supplement,
    /// The entries named are those of a branch off the chain: they follow in the log at once and change nothing.
    TakeInBranch,
    /// The entries named count although the key that signed them does not any more, or not yet.
    Adopt,
    /// The texts of details, and files, are destroyed.
    Erase,
    /// Once two people say the same, the exhibit is held by the person they name.
    Restate,
}

pub(super) type Changes = Vec<(RecordKey, Record)>;

/// The changes and the entries that must follow.
pub fn apply<K: Known + ?Sized>(
    effect: Effect,
    context: &Context<'_, K>,
) -> Result<(Changes, Vec<Companion>), Refusal> {
    let changes = match effect {
        Effect::None => Vec::new(),
        Effect::Genesis => founding::genesis(context)?,
        Effect::AcceptGenesis => founding::accept_genesis(context),
        Effect::AddLogKeys => founding::add_log_keys(context)?,
        Effect::RotateService => founding::rotate_service(context)?,
        Effect::ContinueLedger => founding::continue_ledger(context)?,
        Effect::EnrolKey => enrol_key(context)?,
        Effect::RevokeKey => revoke_key(context),
        Effect::OpenCase => cases::open(context),
        Effect::OpenExhibit => return open_exhibit(context),
        Effect::JoinParty => cases::change(context, cases::join),
        Effect::AddExhibit => listings::add_exhibit(context),
        Effect::LinkExhibit => listings::link_exhibit(context),
        Effect::Disclose => listings::disclose(context),
        Effect::WithdrawDisclosure => listings::withdraw(context),
        // What was registered stands: another digest of it is flagged, and replaces nothing.
        Effect::SetDigest => change_exhibit(context, |exhibit| {
            exhibit.digest = exhibit.digest.take().or(context.read("digest"));
        }),
        Effect::Extend => change_exhibit(context, |exhibit| {
            if exhibit.digest.is_none() || exhibit.digest == context.read("previous") {
                exhibit.digest = context.read("digest");
            }
        }),
        Effect::Seal => change_exhibit(context, |exhibit| {
            exhibit.seal = context.text("seal").map(str::to_owned);
            exhibit.seals_used.extend(exhibit.seal.clone());
        }),
        Effect::Unseal => change_exhibit(context, |exhibit| exhibit.seal = None),
        Effect::Offer => change_exhibit(context, |exhibit| {
            exhibit.offer = context.read::<Recipient>("to").map(|to| Offer {
                e: context.entry.hash(),
                to,
                by: context.actor().clone(),
                at: context.place.recorded_at,
            });
        }),
        Effect::CloseOffer => change_exhibit(context, |exhibit| exhibit.offer = None),
        Effect::LeaveParty => cases::change(context, cases::leave),
        Effect::PlaceCaseHold => cases::change(context, cases::place_hold),
        Effect::LiftCaseHold => cases::change(context, cases::lift_hold),
        Effect::ChangeRoles => change_roles(context),
        Effect::ProposeRule => proposed(context, proposals::threshold(context)),
        Effect::AdmitOrganisation => proposed(context, proposals::admission(context)),
        Effect::SuspendOrganisation => proposed(context, proposals::suspension(context)),
        Effect::RotateAuthority => proposals::rotate(context),
        Effect::ApproveRule => proposals::approve(context),
        Effect::Explain => match context.read::<Code>("category") {
            Some(category) => {
                let targets = context.read("targets").unwrap_or_default();
                exhibits::explain(context, category, targets)
            }
            None => Vec::new(), // the schema has checked it
        },
        Effect::Supplement => {
            let targets = BTreeSet::from_iter(context.read::<EntryHash>("target"));
            let category = Code::new("incomplete").expect("a code of flags is a code");
            exhibits::explain(context, category, targets)
        }
        Effect::TakeInBranch => branches::take_in(context),
        Effect::Adopt => branches::adopt(context),
        Effect::AttachCandidates => listings::attach(context),
        Effect::Erase => erasure::erase(context),
        Effect::Pack => exhibits::pack(context),
        Effect::Unpack => exhibits::unpack(context),
        possession if exhibits::moves(possession) => exhibits::possess(possession, context),
        // What is left changes the exhibit alone.
        other => change_exhibit(context, |exhibit| exhibits::change(other, context, exhibit)),
    };
    Ok((changes, Vec::new()))
}

fn proposed<K: Known + ?Sized>(context: &Context<'_, K>, change: Option<Change>) -> Changes {
    change.map_or_else(Changes::new, |change| proposals::propose(context, change)) // the schema has checked the body
}

fn change_exhibit<K: Known + ?Sized>(
    context: &Context<'_, K>,
    change: impl FnOnce(&mut ExhibitRecord),
) -> Changes {
    let Some(mut exhibit) = context.exhibit() else {
        return Vec::new();
    };
    change(&mut exhibit);
    exhibits::happened(context, &mut exhibit);
    vec![(
        RecordKey::Exhibit(context.subject().clone()),
        Record::Exhibit(exhibit.into()),
    )]
}

fn enrol_key<K: Known + ?Sized>(context: &Context<'_, K>) -> Result<Changes, Refusal> {
    let (Some(actor), Some(key), Some(roles)) = (
        context.read::<ActorId>("actor"),
        context.read::<crate::protocol::key::PublicKey>("key"),
        context.read::<BTreeSet<Role>>("roles"),
    ) else {
        return Ok(Vec::new()); // the schema has checked all three
    };
    let seconds = |name: &str| {
        context
            .read::<Option<Moment>>(name)
            .flatten()
            .map(|moment| moment.unix_seconds())
    };
    let record = KeyRecord {
        actor: actor.clone(),
        key,
        valid_from: seconds("valid_from"),
        valid_until: seconds("valid_until"),
        revoked: None,
        compromised_since: None,
    };
    let mut keys = context
        .known
        .actor(&actor)
        .map_or_else(BTreeSet::new, |known| known.keys);
    keys.insert(key.id());
    Ok(vec![
        (RecordKey::Key(key.id()), Record::Key(record.into())),
        (
            RecordKey::Actor(actor.subject()),
            Record::Actor(ActorRecord { actor, roles, keys }),
        ),
    ])
}

fn change_roles<K: Known + ?Sized>(context: &Context<'_, K>) -> Changes {
    let key = RecordKey::Actor(context.subject().clone());
    let (Some(Record::Actor(mut record)), Some(roles)) = (
        context.known.get(&key),
        context.read::<BTreeSet<Role>>("roles"),
    ) else {
        return Vec::new(); // the rules refuse an actor who is not enrolled
    };
    record.roles = roles;
    vec![(key, Record::Actor(record))]
}

fn revoke_key<K: Known + ?Sized>(context: &Context<'_, K>) -> Changes {
    let Some(kid) = context.read("key") else {
        return Vec::new();
    };
    let Some(mut record) = context.known.key(kid) else {
        return Vec::new();
    };
    // Revoked again, it is revoked since the first time; a theft once stated stays stated, since the earliest time.
    record.revoked = record.revoked.or(Some(context.place.index));
    let stated = context.read::<Option<Moment>>("compromised_since");
    let stated = stated.flatten().map(|moment| moment.unix_seconds());
    let earliest = record.compromised_since.into_iter().chain(stated).min();
    record.compromised_since = earliest;
    vec![(RecordKey::Key(kid), Record::Key(record.into()))]
}

fn open_exhibit<K: Known + ?Sized>(
    context: &Context<'_, K>,
) -> Result<(Changes, Vec<Companion>), Refusal> {
    let (Some(case), Some(kind)) = (context.read::<Subject>("case"), context.text("kind")) else {
        return Ok((Vec::new(), Vec::new())); // the schema has checked both
    };
    let e = context.entry.hash();
    let exhibit = context.subject().clone();
    let parents: Vec<Parent> = context.read("parents").unwrap_or_default();
    let seal = context.text("seal").map(str::to_owned);
    let mut companions = vec![companion(
        &case,
        Strand::Exhibits,
        "exhibit-added",
        &exhibit,
        e,
    )];
    for parent in &parents {
        let same_case = context
            .known
            .exhibit(&parent.exhibit)
            .is_some_and(|one| one.case == case);
        if same_case {
            companions.push(companion(
                &parent.exhibit,
                Strand::Notes,
                "child-added",
                &exhibit,
                e,
            ));
        }
    }
    let record = ExhibitRecord {
        case,
        kind: kind.to_owned(),
        digest: context.read("digest"),
        holder: exhibits::holder(context.actor()),
        holders: BTreeSet::from([context.actor().org()]),
        offer: None,
        seals_used: seal.iter().cloned().collect(),
        seal,
        parents: parents.into_iter().map(|parent| parent.exhibit).collect(),
        role: context.text("role").unwrap_or("original").to_owned(),
        opened: e,
        status: Status::Held,
        place: None,
        carrier: None,
        container: None,
        containers: BTreeSet::new(),
        contents: BTreeSet::new(),
        latest: context.entry.payload().occurred_at.earliest(),
        holds: BTreeMap::new(),
        retain_until: None,
        authorised: None,
        privilege: BTreeSet::new(),
        restatement: None,
    };
    Ok((
        vec![(RecordKey::Exhibit(exhibit), Record::Exhibit(record.into()))],
        companions,
    ))
}

fn companion(
    subject: &Subject,
    strand: Strand,
    event: &'static str,
    exhibit: &Subject,
    cause: EntryHash,
) -> Companion {
    let body = Map::from_iter([
        ("exhibit".to_owned(), Value::from(exhibit.as_str())),
        ("cause".to_owned(), Value::from(cause.to_string())),
    ]);
    Companion {
        chain: ChainId {
            subject: subject.clone(),
            strand,
        },
        event,
        body,
    }
}
