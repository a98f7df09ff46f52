//! The people in a carried file: their `keys` entries, each proven to be in the log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::file::bad;
use crate::cli::failure::{Failure, read_text};
use crate::cli::online::client::unexpected;
use crate::cli::online::home::write_atomically;
use crate::cli::online::session::Session;
use crate::ledger::schema::{Identity, Organisation};
use crate::ledger::state::Role;
use crate::protocol::entry::{EntryHash, UnverifiedEntry, VerifiedEntry};
use crate::protocol::id::{ActorId, Strand, Subject};
use crate::protocol::key::{KeyId, PublicKey};
use crate::protocol::receipt::Receipt;
use crate::protocol::time::Moment;

/// Most `keys` entries of one person that are fetched: far more than anybody's working life has.
const MAX_CHAIN: usize = 1000;

/// Longest kept enrolment read.
const MAX_KEPT: usize = 4 << 20;

/// An entry with the receipt that shows it in the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proven {
    /// The entry, with its disclosures.
    pub entry: String,
    /// Its receipt.
    pub receipt: Receipt,
}

impl Proven {
    /// Fetches an entry and its receipt.
    pub fn fetch(session: &Session, e: &EntryHash) -> Result<(Proven, UnverifiedEntry), Failure> {
        let read = |path: &str| {
            session
                .client
                .read_json(&session.reader, path, "carrying it offline")
        };
        let text = read(&format!("/v1/entries/{e}"))?;
        let text = text["entry"]
            .as_str()
            .ok_or_else(|| unexpected("no entry"))?;
        let receipt = serde_json::from_value(read(&format!("/v1/entries/{e}/receipt"))?)
            .map_err(|error| unexpected(&error.to_string()))?;
        let proven = Proven {
            entry: text.to_owned(),
            receipt,
        };
        let entry = proven.check(session)?;
        Ok((proven, entry))
    }

    /// The entry, once its receipt was checked under a log key of the policy.
    pub fn check(&self, session: &Session) -> Result<UnverifiedEntry, Failure> {
        let entry = UnverifiedEntry::parse_extract(&self.entry)
            .map_err(|error| bad(format!("an enrolment in it: {error}")))?;
        let held = session
            .log_keys()
            .into_iter()
            .any(|key| self.receipt.verify(key).is_ok());
        if !held
            || self.receipt.e != entry.hash()
            || self.receipt.ledger != session.reader.ledger
            || entry.payload().ledger != session.reader.ledger
        {
            return Err(bad(
                "an enrolment in it is not shown to be in the log that your policy names",
            ));
        }
        Ok(entry)
    }
}

/// Every `keys` entry of a person, oldest first.
pub fn fetch(session: &Session, actor: &Subject) -> Result<Vec<Proven>, Failure> {
    let path = format!("/v1/heads/{actor}/{}", Strand::Keys);
    let head = session
        .client
        .read_json(&session.reader, &path, "carrying it offline")?;
    let mut next: Option<EntryHash> = serde_json::from_value(head["last"].clone())
        .map_err(|error| unexpected(&error.to_string()))?;
    let mut chain = Vec::new();
    while let Some(e) = next {
        if chain.len() >= MAX_CHAIN {
            return Err(unexpected("a chain of keys without end"));
        }
        let (proven, entry) = Proven::fetch(session, &e)?;
        next = entry.payload().prev;
        chain.push(proven);
    }
    chain.reverse();
    Ok(chain)
}

/// The signer's own enrolment, kept in their folder so that a file from somebody else can be continued.
pub fn own(session: &Session) -> Vec<Proven> {
    let path = session.profile.enrolment_file();
    let text = read_text(&path, MAX_KEPT).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Keeps the signer's own enrolment while there is a network. Nothing else depends on it, so that it fails is
/// noticed only by who goes offline without it.
pub fn keep_own(session: &Session) {
    let kid = session.reader.key.public().id();
    let kept = own(session)
        .iter()
        .filter_map(|one| UnverifiedEntry::parse_extract(&one.entry).ok())
        .any(|entry| enrolled(&entry).is_some_and(|key| key.id() == kid));
    if kept {
        return;
    }
    let chain = fetch(session, &session.reader.actor.subject());
    if let Some(chain) = chain.ok().filter(|chain| !chain.is_empty()) {
        let text = serde_json::to_string(&chain).expect("entries and receipts serialise");
        let _ = write_atomically(&session.profile.enrolment_file(), text.as_bytes());
    }
}

fn enrolled(entry: &UnverifiedEntry) -> Option<PublicKey> {
    serde_json::from_value(entry.payload().body.get("key")?.clone()).ok()
}

/// Somebody's key.
#[derive(Debug, Clone)]
pub struct Key {
    /// Whose.
    pub actor: ActorId,
    /// Their name, where it is told.
    pub name: Option<String>,
    /// The key.
    pub key: PublicKey,
    /// What they may do.
    pub roles: Vec<Role>,
    /// Not valid after this Unix second.
    pub valid_until: Option<i64>,
}

/// The keys of the people in a file.
#[derive(Debug, Clone, Default)]
pub struct People {
    keys: BTreeMap<KeyId, Key>,
}

impl People {
    /// Checks genesis and every enrolment, and takes the keys in.
    pub fn check(
        session: &Session,
        genesis: &Proven,
        people: &[Proven],
    ) -> Result<People, Failure> {
        let authorities = authorities(session, genesis)?;
        let mut all = People::default();
        for proven in people {
            let entry = proven.check(session)?;
            // The authorities are those of genesis. One that was admitted or changed its key later is not
            // known here; that the log took the enrolment in, which the receipt shows, must do for those.
            let entry = match authorities.get(&entry.kid()) {
                Some(key) => entry
                    .verify(key)
                    .map_err(|error| bad(format!("an enrolment in it: {error}")))?,
                None => {
                    all.take_in(&entry);
                    continue;
                }
            };
            all.take_in(&entry);
        }
        Ok(all)
    }

    fn take_in(&mut self, entry: &UnverifiedEntry) {
        let payload = entry.payload();
        let body = &payload.body;
        let read = |name: &str| body.get(name).cloned().unwrap_or_default();
        match payload.event.as_str() {
            "key-enrolled" => {
                let actor: Option<ActorId> = serde_json::from_value(read("actor")).ok();
                let Some((actor, key)) = actor.zip(enrolled(entry)) else {
                    return;
                };
                let until: Option<Moment> = serde_json::from_value(read("valid_until")).ok();
                let name = entry.detail("name").and_then(Value::as_str);
                self.keys.insert(
                    key.id(),
                    Key {
                        actor,
                        name: name.map(str::to_owned),
                        key,
                        roles: serde_json::from_value(read("roles")).unwrap_or_default(),
                        valid_until: until.map(|until| until.unix_seconds()),
                    },
                );
            }
            "key-revoked" => {
                if let Ok(kid) = serde_json::from_value::<KeyId>(read("key")) {
                    self.keys.remove(&kid);
                }
            }
            "roles-changed" => {
                let roles: Vec<Role> = serde_json::from_value(read("roles")).unwrap_or_default();
                for key in self.keys.values_mut() {
                    if key.actor.subject() == payload.subject {
                        key.roles.clone_from(&roles);
                    }
                }
            }
            _ => {}
        }
    }

    /// A key.
    pub fn key(&self, kid: KeyId) -> Option<&Key> {
        self.keys.get(&kid)
    }

    /// Everybody who has a key.
    pub fn all(&self) -> impl Iterator<Item = &Key> {
        self.keys.values()
    }

    /// Checks the signature of an entry: by a key of the person it names.
    pub fn verify(&self, entry: &UnverifiedEntry) -> Result<VerifiedEntry, String> {
        let key = self
            .key(entry.kid())
            .filter(|key| key.actor == entry.payload().actor)
            .ok_or("its signer's enrolment is not in this file, or was revoked")?;
        entry
            .clone()
            .verify(&key.key)
            .map_err(|error| error.to_string())
    }

    /// "DC Jo Smith (northshire-police)".
    pub fn name(&self, actor: &ActorId) -> String {
        let key = self.keys.values().find(|key| key.actor == *actor);
        match key.and_then(|key| key.name.as_deref()) {
            Some(name) => format!("{name} ({})", actor.org()),
            None => actor.to_string(),
        }
    }
}

/// The keys of the authorities that genesis names.
fn authorities(session: &Session, genesis: &Proven) -> Result<BTreeMap<KeyId, PublicKey>, Failure> {
    let entry = genesis.check(session)?;
    let body = entry.payload().body.clone();
    let read = |name: &str| body.get(name).cloned().unwrap_or_default();
    let service: Identity = serde_json::from_value(read("service"))
        .map_err(|_| bad("its genesis entry names no service"))?;
    let genesis_at_zero = genesis.receipt.index.0 == 0 && entry.payload().event == "genesis";
    if !genesis_at_zero || entry.verify(&service.key).is_err() {
        return Err(bad(
            "its genesis entry is not the first of the log that your policy names",
        ));
    }
    let organisations: Vec<Organisation> = serde_json::from_value(read("organisations"))
        .map_err(|_| bad("its genesis entry names no organisations"))?;
    Ok(organisations
        .into_iter()
        .map(|one| (one.authority.key.id(), one.authority.key))
        .collect())
}
