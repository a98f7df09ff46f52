//! A record of the security log: what the service refused, in a chain of statements that it signs.
//!
//! ```text
//! record = JWS, typ "custody-security-v1+jwt", by the service key
//! head   = SHA-256( JWS )
//!
//! {"ledger","seq","prev","seen","kind","code","act","target","by","actor","source","digest","count","first","last"}
//! ```
//!
//! `seq` counts from 0 and `prev` is the head of the record before, so that none can be changed, moved, removed or
//! repeated unseen before the last; `last` never decreases. `seen` is a state of the log that was there when the
//! record was written. `count` attempts that were alike, from `first` to `last`, are one record; `digest`, and for
//! attempts of nobody proven `target`, are those of the first. A record holds ids and codes alone: nothing that was
//! sent is repeated in it.
//!
//! In scope: one record. Out of scope: the chain of them (`verify::security`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::entry::{Seen, present};
use super::hash::Hash;
use super::id::{ActorId, Code, Origin};
use super::jws::{self, JwsError, JwsType, UnverifiedJws};
use super::key::{KeyId, PublicKey, SecretKey};
use super::time::LogTime;

/// What was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptKind {
    /// To have an entry recorded.
    Entry,
    /// To read or deposit something under a token.
    Request,
    /// More than is recorded one by one: this many more were refused.
    LeftOut,
}

/// By whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// By whoever holds a key of `actor`.
    Proven,
    /// By somebody who claimed to be `actor`, and did not prove it.
    Claimed,
    /// By nobody who is known here.
    Unknown,
    /// By somebody of the defence, or who claimed to be: what the defence looks for is for its own side and the court.
    Defence,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityRecord {
    /// Origin of the ledger.
    pub ledger: Origin,
    /// Position, from 0.
    pub seq: u64,
    /// The head of the record before; null when `seq` is 0.
    #[serde(deserialize_with = "present")]
    pub prev: Option<Hash>,
    /// A state of the log that was there when this was written.
    pub seen: Seen,
    /// What was tried.
    pub kind: AttemptKind,
    /// The code of the refusal.
    pub code: Code,
    /// The event of an entry, or method and path of a request, as far as it could be read.
    #[serde(deserialize_with = "present")]
    pub act: Option<Code>,
    /// The subject of an entry, or the id that a request asked for.
    #[serde(deserialize_with = "present")]
    pub target: Option<Code>,
    /// By whom.
    pub by: By,
    /// Who, where `by` is `proven` or `claimed`.
    #[serde(deserialize_with = "present")]
    pub actor: Option<ActorId>,
    /// The network address that it came from, as the service saw it.
    #[serde(deserialize_with = "present")]
    pub source: Option<Code>,
    /// Of an entry its `e`, or the SHA-256 of what was sent in its place; of a request that of its token.
    #[serde(deserialize_with = "present")]
    pub digest: Option<Hash>,
    /// How many were alike.
    pub count: u64,
    /// When the first was refused, by the service's clock.
    pub first: LogTime,
    /// When the last was refused.
    pub last: LogTime,
}

/// Why a record was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The signed part is bad.
    #[error("{0}")]
    Jws(#[from] JwsError),
    /// The payload does not have the members and forms of a record.
    #[error("payload: {0}")]
    Payload(String),
}

/// A record whose signature was not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedRecord {
    jws: UnverifiedJws,
    record: SecurityRecord,
}

impl UnverifiedRecord {
    /// Checks the form.
    pub fn parse(text: &str) -> Result<UnverifiedRecord, RecordError> {
        let jws = UnverifiedJws::parse(text, JwsType::Security)?;
        let record: SecurityRecord = serde_json::from_value(Value::Object(jws.payload().clone()))
            .map_err(|error| RecordError::Payload(error.to_string()))?;
        match record.form() {
            Ok(()) => Ok(UnverifiedRecord { jws, record }),
            Err(why) => Err(RecordError::Payload(why.to_owned())),
        }
    }

    /// The key that is said to have signed.
    pub fn kid(&self) -> KeyId {
        self.jws.kid()
    }

    /// What the next record names as `prev`.
    pub fn head(&self) -> Hash {
        self.jws.hash()
    }

    /// What it says, which nobody here has checked.
    pub fn claimed(&self) -> &SecurityRecord {
        &self.record
    }

    /// Checks the signature and hands out what it says.
    pub fn verify(self, key: &PublicKey) -> Result<SecurityRecord, RecordError> {
        self.jws.verify(key)?;
        Ok(self.record)
    }
}

impl SecurityRecord {
    /// Signs the record.
    pub fn sign(&self, key: &SecretKey) -> String {
        let payload = serde_json::to_string(self).expect("ids and numbers serialise");
        jws::sign(JwsType::Security, &payload, key)
    }

    fn form(&self) -> Result<(), &'static str> {
        let named = matches!(self.by, By::Proven | By::Claimed);
        let left_out = self.kind == AttemptKind::LeftOut;
        let says_more = self.act.is_some() || self.target.is_some() || self.digest.is_some();
        let hidden = self.target.is_some() || self.source.is_some();
        match () {
            () if self.prev.is_none() != (self.seq == 0) => {
                Err("prev is null exactly at position 0")
            }
            () if self.count == 0 => Err("count is at least 1"),
            () if self.first > self.last => Err("first is not after last"),
            () if named != self.actor.is_some() => {
                Err("actor is there exactly where by is proven or claimed")
            }
            () if left_out && (says_more || self.by != By::Unknown) => {
                Err("a record of what was left out says how many, and no more")
            }
            () if self.by == By::Defence && hidden => {
                Err("of the defence neither target nor source is recorded")
            }
            () => Ok(()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;
    use crate::protocol::tree::{RootHash, TreeSize};

    /// A record of a test.
    pub(crate) fn record(seq: u64, prev: Option<Hash>) -> SecurityRecord {
        SecurityRecord {
            ledger: Origin::new("evidence.example").unwrap(),
            seq,
            prev,
            seen: Seen {
                size: TreeSize(2),
                root: RootHash(Hash([7; 32])),
            },
            kind: AttemptKind::Entry,
            code: Code::new("no-standing").unwrap(),
            act: Some(Code::new("sealed").unwrap()),
            target: Some(Code::new("q83vEjRWeJCrze8SNFZ4kA").unwrap()),
            by: By::Proven,
            actor: Some(ActorId::new("police/V1StGXR8Z5jdHi6BmyT0kA").unwrap()),
            source: Some(Code::new("192.0.2.7").unwrap()),
            digest: Some(Hash([9; 32])),
            count: 1,
            first: LogTime(1000 + seq),
            last: LogTime(1000 + seq),
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_signed_and_every_changed_byte_is_noticed() {
        let key = SecretKey::from_seed([1; 32]);
        let text = record(0, None).sign(&key);
        let read = UnverifiedRecord::parse(&text).unwrap();
        assert_eq!(read.claimed(), &record(0, None));
        assert_eq!(read.verify(&key.public()).unwrap(), record(0, None));
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let changed = String::from_utf8(bytes).unwrap();
            let result =
                UnverifiedRecord::parse(&changed).and_then(|one| one.verify(&key.public()));
            assert!(result.is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_record_that_contradicts_itself_is_refused() {
        let key = SecretKey::from_seed([1; 32]);
        type Edit = fn(&mut SecurityRecord);
        let edits: [(&str, Edit); 8] = [
            ("position 0", |one| one.prev = Some(Hash::ZERO)),
            ("position 0", |one| one.seq = 1),
            ("count", |one| one.count = 0),
            ("after last", |one| one.first.0 += 1),
            ("actor", |one| one.actor = None),
            ("actor", |one| one.by = By::Unknown),
            ("left out", |one| one.kind = AttemptKind::LeftOut),
            ("defence", |one| {
                (one.by, one.actor) = (By::Defence, None);
            }),
        ];
        for (why, edit) in edits {
            let mut one = record(0, None);
            edit(&mut one);
            let error = UnverifiedRecord::parse(&one.sign(&key)).unwrap_err();
            assert!(error.to_string().contains(why), "{why}: {error}");
        }
        // A statement of another kind is no record, whoever signed it.
        let other = jws::sign(JwsType::Entry, "{}", &key);
        assert!(UnverifiedRecord::parse(&other).is_err());
    }
}
