//! The custody entry: one handling, signed by whoever handled the evidence, with its disclosures.
//!
//! ```text
//! entry      = JWS "~" *( disclosure "~" )            the string always ends in "~"
//! disclosure = base64url( JSON ["<16-byte salt, base64url>", "<name>", <any JSON value>] )
//! digest     = SHA-256( ASCII disclosure )            as in RFC 9901 section 4.2
//! ```
//!
//! The payload has exactly the members of [`Payload`]. `details` maps each name to the digest of its
//! disclosure: one value per name by construction, and every name stays visible when its value is
//! withheld. Disclosures are sorted by name. At first submission every one must be present; in an
//! extract any may be left out. A disclosure that nothing refers to is refused everywhere.
//!
//! Limits: JWS 64 KiB ([`super::jws::MAX_JWS`]), JWS with disclosures 1 MiB ([`MAX_ENTRY`]), 128 details
//! ([`MAX_DETAILS`]), names `a-z 0-9 _` up to 64.
//!
//! In scope: form, digests, signature. Out of scope: whether the rules of custody admit it (`ledger`).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::base64url;
use super::hash::Hash;
use super::id::{ActorId, ChainId, Origin, Strand, Subject};
use super::json::{self, Numbers};
use super::jws::{self, JwsError, JwsType, UnverifiedJws};
use super::key::{KeyId, NotSigned, PublicKey, Signer};
use super::time::Occurred;
use super::tree::{RootHash, TreeSize};

/// Largest entry with its disclosures: a batch line that any proxy lets through.
pub const MAX_ENTRY: usize = 1 << 20;

/// Most details in one entry. The longest metadata list of practice has about forty.
pub const MAX_DETAILS: usize = 128;

/// Longest detail or event name.
pub const MAX_NAME: usize = 64;

/// Longest `client` text.
pub const MAX_CLIENT: usize = 200;

/// SHA-256 of an entry's JWS bytes, without disclosures: the name of the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryHash(pub Hash);

impl std::fmt::Display for EntryHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The newest checkpoint that the signer had verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Number of leaves.
    pub size: TreeSize,
    /// Root of the tree of that size.
    pub root: RootHash,
}

/// What the signer signs. `body` is what rules read; `details` is what people read, as digests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// Origin of the ledger: the entry counts in no other.
    pub ledger: Origin,
    /// Exhibit, case, actor or ledger.
    pub subject: Subject,
    /// Which chain of the subject.
    pub strand: Strand,
    /// Position in the chain, from 0.
    pub seq: u64,
    /// The previous entry of the chain; null when `seq` is 0.
    #[serde(deserialize_with = "present")]
    pub prev: Option<EntryHash>,
    /// Wire name of the event.
    pub event: String,
    /// Who handled the evidence.
    pub actor: ActorId,
    /// When it happened, as the signer says.
    pub occurred_at: Occurred,
    /// The newest checkpoint the signer had verified; null only when offline.
    #[serde(deserialize_with = "present")]
    pub seen: Option<Seen>,
    /// What software made this entry, 1 to 200 printable ASCII characters.
    pub client: String,
    /// 128 random bits: the same act recorded twice is two entries.
    pub jti: Subject,
    /// What the rules read.
    pub body: Map<String, Value>,
    /// Name of each detail, and the digest of its disclosure.
    pub details: BTreeMap<String, Hash>,
}

/// A nullable member must still be there.
pub(super) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer)
}

impl Payload {
    /// The chain that this entry belongs to.
    pub fn chain(&self) -> ChainId {
        ChainId {
            subject: self.subject.clone(),
            strand: self.strand,
        }
    }
}

/// Why an entry was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// More than [`MAX_ENTRY`] bytes.
    #[error("the entry with its disclosures is longer than {MAX_ENTRY} bytes")]
    TooLong,
    /// The string does not end in `~`.
    #[error("an entry ends in '~', with or without disclosures")]
    NoTilde,
    /// The signed part is bad.
    #[error("{0}")]
    Jws(#[from] JwsError),
    /// The payload does not have the members and forms of an entry.
    #[error("payload: {0}")]
    Payload(String),
    /// A disclosure is not `[salt, name, value]` in canonical base64url.
    #[error("disclosure {0} is not base64url of [\"<16-byte salt>\", \"<name>\", <value>]")]
    DisclosureForm(usize),
    /// A disclosure that no digest in `details` refers to.
    #[error("the disclosure of {0:?} is not one that this entry refers to")]
    DisclosureUnreferenced(String),
    /// Two disclosures with the same name.
    #[error("detail {0:?} is given two values")]
    DisclosureTwice(String),
    /// Disclosures out of order.
    #[error("disclosures must be sorted by name; {0:?} is out of place")]
    DisclosureOrder(String),
    /// At first submission: a detail without its disclosure.
    #[error("detail {0:?} has no disclosure; every one must be present at first submission")]
    DisclosureMissing(String),
}

/// One detail laid open.
#[derive(Debug, Clone, PartialEq)]
pub struct Disclosure {
    text: String,
    name: String,
    value: Value,
}

impl Disclosure {
    /// Makes the disclosure of one detail. The salt must be random: it is what keeps a withheld value
    /// from being guessed.
    pub fn new(salt: [u8; 16], name: &str, value: &Value) -> Disclosure {
        let json = Value::from(vec![
            base64url::encode(&salt).into(),
            name.into(),
            value.clone(),
        ]);
        Disclosure {
            text: base64url::encode(json.to_string().as_bytes()),
            name: name.to_owned(),
            value: value.clone(),
        }
    }

    fn parse(text: &str) -> Option<Disclosure> {
        let json = base64url::decode(text).ok()?;
        let Value::Array(parts) = json::parse(&json, Numbers::Any).ok()? else {
            return None;
        };
        let [Value::String(salt), Value::String(name), value] = parts.as_slice() else {
            return None;
        };
        base64url::decode_array::<16>(salt).ok()?;
        Some(Disclosure {
            text: text.to_owned(),
            name: name.clone(),
            value: value.clone(),
        })
    }

    /// The name of the detail.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The exact text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The digest that the signed payload holds.
    pub fn digest(&self) -> Hash {
        Hash::of(&[self.text.as_bytes()])
    }
}

/// An entry whose form and disclosures were checked, and whose signature was not.
#[derive(Debug, Clone, PartialEq)]
pub struct UnverifiedEntry {
    jws: UnverifiedJws,
    payload: Payload,
    disclosures: Vec<Disclosure>,
}

/// An entry that was signed by the key its header names. Only verifying makes one.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedEntry(UnverifiedEntry);

impl UnverifiedEntry {
    /// Parses an entry as first submitted: every detail with its disclosure.
    pub fn parse_whole(text: &str) -> Result<UnverifiedEntry, EntryError> {
        let entry = UnverifiedEntry::parse_extract(text)?;
        let missing = entry.withheld().next().map(str::to_owned);
        match missing {
            Some(name) => Err(EntryError::DisclosureMissing(name)),
            None => Ok(entry),
        }
    }

    /// Parses an entry of which details may have been withheld.
    pub fn parse_extract(text: &str) -> Result<UnverifiedEntry, EntryError> {
        if text.len() > MAX_ENTRY {
            return Err(EntryError::TooLong);
        }
        let parts = text.strip_suffix('~').ok_or(EntryError::NoTilde)?;
        let mut parts = parts.split('~');
        let jws = parts.next().unwrap_or_default();
        UnverifiedEntry::from_parts(jws, parts)
    }

    /// Parses an entry from its signed part and its disclosures.
    pub fn from_parts<'a>(
        jws: &str,
        disclosures: impl IntoIterator<Item = &'a str>,
    ) -> Result<UnverifiedEntry, EntryError> {
        let jws = UnverifiedJws::parse(jws, JwsType::Entry)?;
        let payload = read_payload(jws.payload())?;
        let disclosures = read_disclosures(&payload.details, disclosures)?;
        Ok(UnverifiedEntry {
            jws,
            payload,
            disclosures,
        })
    }

    /// Checks the signature under `key`, which must be the key that the header names.
    pub fn verify(self, key: &PublicKey) -> Result<VerifiedEntry, JwsError> {
        self.jws.verify(key)?;
        Ok(VerifiedEntry(self))
    }

    /// The key that is said to have signed.
    pub fn kid(&self) -> KeyId {
        self.jws.kid()
    }

    /// The signed part.
    pub fn jws(&self) -> &str {
        self.jws.as_str()
    }

    /// The name of the entry: SHA-256 of its signed part.
    pub fn hash(&self) -> EntryHash {
        EntryHash(self.jws.hash())
    }

    /// What was signed.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// The disclosures that are here, sorted by name.
    pub fn disclosures(&self) -> &[Disclosure] {
        &self.disclosures
    }

    /// The value of a detail, if it is here.
    pub fn detail(&self, name: &str) -> Option<&Value> {
        self.disclosures
            .iter()
            .find(|one| one.name == name)
            .map(|one| &one.value)
    }

    /// Names of the details that are not here.
    pub fn withheld(&self) -> impl Iterator<Item = &str> {
        self.payload
            .details
            .keys()
            .map(String::as_str)
            .filter(|name| self.disclosures.iter().all(|one| one.name != *name))
    }

    /// The entry as text, with the disclosures that are here.
    pub fn to_text(&self) -> String {
        join(self.jws(), &self.disclosures)
    }
}

impl std::ops::Deref for VerifiedEntry {
    type Target = UnverifiedEntry;
    fn deref(&self) -> &UnverifiedEntry {
        &self.0
    }
}

fn join(jws: &str, disclosures: &[Disclosure]) -> String {
    let mut text = jws.to_owned();
    for disclosure in disclosures {
        text.push('~');
        text.push_str(&disclosure.text);
    }
    text.push('~');
    text
}

/// Whether a text says what software made something: 1 to 200 printable ASCII characters.
pub(super) fn is_client(text: &str) -> bool {
    let printable = text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    !text.is_empty() && text.len() <= MAX_CLIENT && printable
}

/// A detail or event name: lower-case words joined by `_` or `-`.
pub fn is_name(text: &str, joint: u8) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == joint)
}

fn read_payload(map: &Map<String, Value>) -> Result<Payload, EntryError> {
    let payload: Payload = json::exact(&Value::Object(map.clone())).map_err(EntryError::Payload)?;
    let refuse = |why: &str| Err(EntryError::Payload(why.to_owned()));
    if payload.seq > json::MAX_INTEGER {
        return refuse("seq is above 2^53-1");
    }
    if payload.prev.is_none() != (payload.seq == 0) {
        return refuse("prev is null exactly when seq is 0");
    }
    if !is_name(&payload.event, b'-') {
        return refuse("event is not a name of a-z, 0-9 and '-' up to 64 long");
    }
    if !is_client(&payload.client) {
        return refuse("client is not 1 to 200 printable ASCII characters");
    }
    if payload.details.len() > MAX_DETAILS {
        return refuse("more than 128 details");
    }
    if let Some(name) = payload.details.keys().find(|name| !is_name(name, b'_')) {
        return refuse(&format!(
            "detail name {name:?} is not of a-z, 0-9 and '_' up to 64 long"
        ));
    }
    Ok(payload)
}

fn read_disclosures<'a>(
    details: &BTreeMap<String, Hash>,
    texts: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Disclosure>, EntryError> {
    let mut found: Vec<Disclosure> = Vec::new();
    let mut names = BTreeSet::new();
    for (at, text) in texts.into_iter().enumerate() {
        let disclosure = Disclosure::parse(text).ok_or(EntryError::DisclosureForm(at))?;
        let name = disclosure.name.clone();
        if !names.insert(name.clone()) {
            return Err(EntryError::DisclosureTwice(name));
        }
        if details.get(&name) != Some(&disclosure.digest()) {
            return Err(EntryError::DisclosureUnreferenced(name));
        }
        if found.last().is_some_and(|last| last.name > name) {
            return Err(EntryError::DisclosureOrder(name));
        }
        found.push(disclosure);
    }
    Ok(found)
}

/// An entry before it is signed.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Everything but `details`, which [`Draft::sign`] fills in.
    pub payload: Payload,
    /// The details, by name.
    pub details: BTreeMap<String, Value>,
}

/// Why there is no signed entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// The draft is no entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// Whoever holds the key did not sign.
    #[error(transparent)]
    NotSigned(#[from] NotSigned),
}

impl Draft {
    /// Signs the entry; `salt` yields 16 fresh random bytes for each detail.
    pub fn sign(
        mut self,
        key: &dyn Signer,
        mut salt: impl FnMut() -> [u8; 16],
    ) -> Result<UnverifiedEntry, DraftError> {
        let disclosures: Vec<Disclosure> = self
            .details
            .iter()
            .map(|(name, value)| Disclosure::new(salt(), name, value))
            .collect();
        self.payload.details = disclosures
            .iter()
            .map(|one| (one.name.clone(), one.digest()))
            .collect();
        let payload = serde_json::to_string(&self.payload)
            .map_err(|error| EntryError::Payload(error.to_string()))?;
        let jws = jws::sign_by(JwsType::Entry, &payload, key)?;
        Ok(UnverifiedEntry::parse_whole(&join(&jws, &disclosures))?)
    }
}
