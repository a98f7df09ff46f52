//! Body schemas: which members a body has, and what each may hold. Unknown members are refused, because rules
//! read the body and nothing may stand there that no rule knows.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::erasure::Erasure;
use super::state::{Recipient, Role};
use crate::protocol::checkpoint::Checkpoint;
use crate::protocol::digest::EvidenceDigest;
use crate::protocol::hash::Hash;
use crate::protocol::id::{ActorId, Code, OrgId, Subject};
use crate::protocol::json;
use crate::protocol::jws::{JwsType, UnverifiedJws};
use crate::protocol::key::{KeyId, PublicKey};
use crate::protocol::note::VerifierKey;
use crate::protocol::time::Moment;

/// Most items in a list: an entry must fit 64 KiB.
const MAX_ITEMS: usize = 1000;

/// Longest signed checkpoint in a body, in bytes: with a dozen post-quantum signatures.
const MAX_NOTE: usize = 40 << 10;

/// One member of a body.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// What it may hold.
    #[serde(rename = "type")]
    pub kind: MemberType,
    /// Whether it must be there.
    pub required: bool,
    /// The values of an `enum`.
    #[serde(default)]
    pub values: Vec<String>,
}

/// What a member may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // each name is that of the protocol type it is read as
pub enum MemberType {
    Bool,
    Integer,
    Enum,
    Code,
    Codes,
    Subject,
    Subjects,
    Org,
    Orgs,
    Actor,
    ActorOrNull,
    Recipient,
    Hash,
    Hashes,
    HashOrNull,
    Digest,
    DigestOrNull,
    TimeOrNull,
    Key,
    KeyId,
    Jws,
    Roles,
    Parents,
    ExhibitDigests,
    Identity,
    Organisations,
    Vkeys,
    Erasures,
    Checkpoint,
}

/// A parent of an exhibit, as its maker found it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parent {
    /// Which exhibit.
    pub exhibit: Subject,
    /// What its bytes were, where it has any.
    pub digest: Option<EvidenceDigest>,
}

/// An exhibit and the digest that somebody computed of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExhibitDigest {
    /// Which exhibit.
    pub exhibit: Subject,
    /// Its digest.
    pub digest: EvidenceDigest,
}

/// An actor and its key, in genesis.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The actor.
    pub actor: ActorId,
    /// Its key.
    pub key: PublicKey,
}

/// An organisation, in genesis.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Its name.
    pub org: OrgId,
    /// Police, forensic, prosecution, court, prison, probation, defence or oversight.
    pub sector: Code,
    /// Who enrols its people.
    pub authority: Identity,
}

/// Checks a body; the error says which member and why.
pub fn check(schema: &BTreeMap<String, Member>, body: &Map<String, Value>) -> Result<(), String> {
    if let Some(unknown) = body.keys().find(|name| !schema.contains_key(*name)) {
        return Err(format!("the body has no member {unknown:?} for this event"));
    }
    for (name, member) in schema {
        match body.get(name) {
            None if member.required => return Err(format!("the body lacks {name:?}")),
            None => {}
            Some(value) => {
                check_value(member, value).map_err(|why| format!("body member {name:?}: {why}"))?;
            }
        }
    }
    Ok(())
}

/// Reads a member that the schema has checked.
pub fn read<T: DeserializeOwned>(body: &Map<String, Value>, name: &str) -> Option<T> {
    body.get(name)
        .and_then(|value| serde_json::from_value(value.clone()).ok())
}

fn as_type<T: DeserializeOwned + Serialize>(value: &Value) -> Result<T, String> {
    json::exact(value)
}

fn as_list<T: DeserializeOwned + Serialize>(value: &Value, least: usize) -> Result<(), String> {
    let list: Vec<T> = as_type(value)?;
    if (least..=MAX_ITEMS).contains(&list.len()) {
        return Ok(());
    }
    Err(format!("{least} to {MAX_ITEMS} items were expected"))
}

/// Checks one member of a body.
pub fn check_value(member: &Member, value: &Value) -> Result<(), String> {
    use MemberType as T;
    match member.kind {
        T::ActorOrNull | T::HashOrNull | T::DigestOrNull | T::TimeOrNull if value.is_null() => {
            Ok(())
        }
        T::Bool => as_type::<bool>(value).map(drop),
        T::Integer => as_type::<u64>(value).map(drop),
        T::Enum => match value.as_str() {
            Some(text) if member.values.iter().any(|known| known == text) => Ok(()),
            _ => Err(format!("one of {} was expected", member.values.join(", "))),
        },
        T::Code => as_type::<Code>(value).map(drop),
        T::Codes => as_list::<Code>(value, 1),
        T::Subject => as_type::<Subject>(value).map(drop),
        T::Subjects => as_list::<Subject>(value, 1),
        T::Org => as_type::<OrgId>(value).map(drop),
        T::Orgs => as_list::<OrgId>(value, 1),
        T::Actor | T::ActorOrNull => as_type::<ActorId>(value).map(drop),
        T::Recipient => as_type::<Recipient>(value).map(drop),
        T::Hashes => as_list::<Hash>(value, 1),
        T::Hash | T::HashOrNull => as_type::<Hash>(value).map(drop),
        T::Digest | T::DigestOrNull => as_type::<EvidenceDigest>(value).map(drop),
        T::TimeOrNull => as_type::<Moment>(value).map(drop),
        T::Key => as_type::<PublicKey>(value).map(drop),
        T::KeyId => as_type::<KeyId>(value).map(drop),
        T::Jws => match value
            .as_str()
            .map(|text| UnverifiedJws::parse(text, JwsType::Possession))
        {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("a proof of possession was expected".to_owned()),
        },
        T::Roles => as_list::<Role>(value, 1),
        T::Parents => as_list::<Parent>(value, 1),
        T::ExhibitDigests => as_list::<ExhibitDigest>(value, 0),
        T::Identity => as_type::<Identity>(value).map(drop),
        T::Organisations => as_list::<Organisation>(value, 1),
        T::Erasures => {
            as_list::<Erasure>(value, 0)?;
            let all: Vec<Erasure> = as_type(value)?;
            match all.iter().all(Erasure::has_form) {
                true => Ok(()),
                false => Err("1 to 128 names were expected".to_owned()),
            }
        }
        T::Checkpoint => {
            let note = value.as_str().unwrap_or_default();
            match note.len() <= MAX_NOTE && Checkpoint::of_note(note).is_ok() {
                true => Ok(()),
                false => Err("a signed checkpoint was expected".to_owned()),
            }
        }
        T::Vkeys => {
            let keys: Vec<String> = as_type(value)?;
            keys.iter().try_for_each(|key| {
                VerifierKey::parse(key)
                    .map(drop)
                    .map_err(|error| error.to_string())
            })
        }
    }
}
