//! References and names that people use, and the subjects they stand for: an index that follows the log.
//!
//! | family | key | value |
//! |---|---|---|
//! | `search` | HMAC of kind and name, u64be of all ones less the index, kind, subject | empty |
//! | `search` | HMAC of case and name, u64be of all ones less the index, kind, subject | empty |
//! | `named` | kind, subject | u64be index of the entry that names it now |
//! | `meta` | `search_secret` | 32 random bytes, the key of the HMAC (SHA-256) |
//! | `meta` | `search_next` | u64be: entries before it are in the index |
//!
//! No name is copied here: what is looked up is hashed under the secret, and every hit is compared with the name in
//! the entry's own disclosure. So erasing a disclosure erases the name. Newest first, by the order of keys.
//!
//! The index is written after the commit, unsynced; its rows and `search_next` are one batch, so after a crash it is
//! merely behind. A look-up first catches up with the log as it is then.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::known::StoreKnown;
use super::reads;
use super::say::say;
use crate::ledger::rules::{Named as Kind, Rules};
use crate::ledger::state::Known;
use crate::ledger::{ReadRight, entry_view, may_read, may_read_exhibit};
use crate::protocol::entry::UnverifiedEntry;
use crate::protocol::id::{ActorId, Strand, Subject};
use crate::protocol::time::LogTime;
use crate::protocol::tree::{EntryIndex, TreeSize};
use crate::storage::{Batch, Durability, Engine, Family, Store, StoreError, layout};

/// Key of the secret.
pub const SECRET: &[u8] = b"search_secret";

/// Key of the watermark.
pub const NEXT: &[u8] = b"search_next";

/// Entries in one batch of the index.
const STEP: u64 = 512;

/// How long a look-up waits for an index that is behind.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the follower sleeps when nobody wakes it; bounds how long a stop takes.
const IDLE: Duration = Duration::from_millis(250);

/// Most subjects of one name that a look-up reads: a name that stands for more says nothing.
const MAX_SAME_NAME: usize = 10_000;

/// Most spaces of a reference.
const MAX_SPACES: usize = 8;

fn letter(kind: Kind) -> u8 {
    match kind {
        Kind::Case => b'C',
        Kind::Exhibit => b'X',
        Kind::Actor => b'A',
    }
}

/// An entry that names something.
pub struct Naming {
    kind: Kind,
    subject: Subject,
    /// The name, unless it gives none.
    name: Option<String>,
}

impl Naming {
    /// What an entry names, if it does.
    pub fn of(entry: &UnverifiedEntry) -> Option<Naming> {
        let payload = entry.payload();
        let row = Rules::embedded().row(&payload.event)?;
        let names = row.names.as_ref()?;
        // What opens a case or an exhibit is known by its id even where it gives no name.
        let opens = row.opens && matches!(payload.strand, Strand::Case | Strand::Custody);
        let name = entry.detail(&names.detail).and_then(Value::as_str);
        if name.is_none() && !opens {
            return None;
        }
        Some(Naming {
            kind: names.what,
            subject: payload.subject.clone(),
            name: name.map(str::to_owned),
        })
    }

    /// The rows of the index that this gives; `named` keeps the last of one key.
    pub fn rows(&self, secret: &[u8], known: &impl Known, index: EntryIndex) -> Batch {
        let mut batch = Batch::default();
        let named = [&[letter(self.kind)][..], &self.subject.to_bytes()].concat();
        batch.put(Family::Named, named.clone(), index.0.to_be_bytes());
        let Some(name) = &self.name else {
            return batch;
        };
        let mut add = |mac: [u8; 32]| {
            let newest_first = (u64::MAX - index.0).to_be_bytes();
            batch.put(
                Family::Search,
                [&mac[..], &newest_first, &named].concat(),
                [],
            );
        };
        add(mac_of_name(secret, self.kind, name));
        if let (Kind::Exhibit, Some(exhibit)) = (self.kind, known.exhibit(&self.subject)) {
            add(mac_in_case(secret, &exhibit.case, name));
        }
        batch
    }
}

fn mac(secret: &[u8], parts: [&[u8]; 3]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn mac_of_name(secret: &[u8], kind: Kind, name: &str) -> [u8; 32] {
    mac(secret, [b"name", &[letter(kind)], name.as_bytes()])
}

fn mac_in_case(secret: &[u8], case: &Subject, name: &str) -> [u8; 32] {
    mac(secret, [b"case", &case.to_bytes(), name.as_bytes()])
}

/// Why a reference was not looked up.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Storage.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The index could not catch up in time.
    #[error("the index of references is behind the log ({next} of {size} entries)")]
    Behind {
        /// Entries that are in the index.
        next: u64,
        /// Entries there are.
        size: u64,
    },
    /// More things have this name than anybody could choose from.
    #[error("more than {MAX_SAME_NAME} things have this reference")]
    TooCommon,
    /// Each space may be the one between a case's reference and an exhibit's, and costs a look-up.
    #[error("a reference has at most {MAX_SPACES} spaces")]
    TooManyWords,
}

/// The index.
pub struct Search {
    store: Arc<dyn Store>,
    /// Held while the index is written; what it holds is the secret, once it is known.
    writing: Mutex<Option<[u8; 32]>>,
}

impl Search {
    /// The index in `store`, wherever it stands.
    pub fn new(store: Arc<dyn Store>) -> Search {
        Search {
            store,
            writing: Mutex::new(None),
        }
    }

    /// Follows the log while it is told to.
    pub fn follow(&self, following: &AtomicBool) {
        let mut size = TreeSize(0);
        while following.load(Ordering::SeqCst) {
            let followed = self.store.wait_beyond(size, IDLE).and_then(|now| {
                let (_, next) = self.catch_up(now.0, Some(Instant::now() + IDLE))?;
                Ok(TreeSize(next))
            });
            match followed {
                Ok(next) => size = next,
                Err(error) => {
                    say(format_args!(
                        "the index of references no longer follows the log: {error}"
                    ));
                    return;
                }
            }
        }
    }

    /// Takes in entries before `upto`, until the time is up. The secret, and how far the index is.
    pub fn catch_up(
        &self,
        upto: u64,
        until: Option<Instant>,
    ) -> Result<([u8; 32], u64), StoreError> {
        let mut writing = self.writing.lock().expect("no holder of this lock panics");
        let engine = self.store.engine();
        let secret = match *writing {
            Some(secret) => secret,
            None => secret(engine)?,
        };
        *writing = Some(secret);
        let mut next = next(engine)?;
        while next < upto && until.is_none_or(|until| Instant::now() < until) {
            let end = upto.min(next + STEP);
            let mut batch = Batch::default();
            for index in next..end {
                let rows = self.rows_of(&secret, EntryIndex(index))?;
                batch.changes.extend(rows.changes);
            }
            batch.put(Family::Meta, NEXT, end.to_be_bytes());
            engine.write(&batch, Durability::Later)?;
            next = end;
        }
        Ok((secret, next))
    }

    /// Forgets what entries named that name nothing any more: their names were erased by law.
    pub fn forget(&self, erased: &BTreeSet<EntryIndex>) -> Result<(), StoreError> {
        let mut nameless = BTreeSet::new();
        for index in erased {
            if naming_at(&*self.store, *index)?.is_none_or(|naming| naming.name.is_none()) {
                nameless.insert(u64::MAX - index.0);
            }
        }
        // Nobody puts in meanwhile what was read before.
        let _writing = self.writing.lock().expect("no holder of this lock panics");
        let engine = self.store.engine();
        let mut batch = Batch::default();
        for row in engine.rows(Family::Search, b"") {
            let (key, _) = row?;
            let newest_first = key.get(32..40).map(|bytes| layout::number(bytes, "search"));
            if newest_first
                .transpose()?
                .is_some_and(|at| nameless.contains(&at))
            {
                batch.delete(Family::Search, key);
            }
        }
        engine.write(&batch, Durability::Synced)
    }

    fn rows_of(&self, secret: &[u8], index: EntryIndex) -> Result<Batch, StoreError> {
        let naming = match naming_at(&*self.store, index) {
            Ok(naming) => naming,
            // One damaged entry must not hide all that come after it; audit and scrub name it.
            Err(StoreError::Corrupt(_)) => None,
            Err(error) => return Err(error),
        };
        let Some(naming) = naming else {
            return Ok(Batch::default());
        };
        let known = StoreKnown::new(&*self.store);
        let rows = naming.rows(secret, &known, index);
        known.check()?;
        Ok(rows)
    }

    /// What a reference may stand for, among what `actor` may see.
    pub fn resolve(&self, actor: &ActorId, reference: &str) -> Result<Vec<Value>, SearchError> {
        if reference.matches(' ').count() > MAX_SPACES {
            return Err(SearchError::TooManyWords);
        }
        let size = self.store.size()?.0;
        let (secret, next) = self.catch_up(size, Some(Instant::now() + PATIENCE))?;
        if next < size {
            return Err(SearchError::Behind { next, size });
        }
        let known = StoreKnown::new(&*self.store);
        let asked = Asked {
            at: reads::now(&*self.store)?,
            store: &*self.store,
            known: &known,
            secret: &secret,
            actor,
        };
        let found = asked.resolve(reference)?;
        known.check()?;
        Ok(found)
    }
}

/// The secret of the index; a new one for a new index.
fn secret(engine: &dyn Engine) -> Result<[u8; 32], StoreError> {
    if let Some(secret) = engine.get(Family::Meta, SECRET)? {
        return secret
            .try_into()
            .map_err(|_| StoreError::Corrupt("meta".to_owned()));
    }
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)
        .map_err(|_| StoreError::Io("the system gives no random bytes".to_owned()))?;
    let mut batch = Batch::default();
    batch.put(Family::Meta, SECRET, secret);
    engine.write(&batch, Durability::Later)?;
    Ok(secret)
}

/// How far the index is.
pub fn next(engine: &dyn Engine) -> Result<u64, StoreError> {
    let next = engine.get(Family::Meta, NEXT)?;
    next.map_or(Ok(0), |next| layout::number(&next, "meta"))
}

/// What the entry at an index names. Disclosures are opened only where it names something.
fn naming_at(store: &dyn Store, index: EntryIndex) -> Result<Option<Naming>, StoreError> {
    let Some(row) = store
        .engine()
        .get(Family::Entries, &index.0.to_be_bytes())?
    else {
        return Ok(None);
    };
    let (_, jws) = layout::entry_value(index, row)?;
    let damaged =
        |error: &dyn std::fmt::Display| StoreError::Corrupt(format!("entry {}: {error}", index.0));
    let bare = UnverifiedEntry::from_parts(&jws, []).map_err(|error| damaged(&error))?;
    let payload = bare.payload();
    let row = Rules::embedded().row(&payload.event);
    let may_name = row.is_some_and(|row| row.names.is_some());
    if !may_name {
        return Ok(None);
    }
    let Some(stored) = store.entry(index)? else {
        return Ok(None);
    };
    let disclosures = stored.disclosures.iter().map(String::as_str);
    let entry =
        UnverifiedEntry::from_parts(&stored.jws, disclosures).map_err(|error| damaged(&error))?;
    Ok(Naming::of(&entry))
}

/// One look-up.
struct Asked<'a> {
    /// When.
    at: LogTime,
    store: &'a dyn Store,
    known: &'a StoreKnown<'a>,
    secret: &'a [u8],
    actor: &'a ActorId,
}

impl Asked<'_> {
    fn resolve(&self, reference: &str) -> Result<Vec<Value>, SearchError> {
        let mut found = Vec::new();
        // By id, or by name.
        let id = Subject::new(reference).ok();
        for case in self.named(Kind::Case, id.as_ref(), reference)? {
            if may_read(self.known, self.actor, &case, self.at) != ReadRight::None {
                let name = self.name(Kind::Case, &case)?;
                found.push(
                    json!({"kind": "case", "subject": case, "reference": name, "case": null}),
                );
            }
        }
        let exhibits = self.named(Kind::Exhibit, id.as_ref(), reference)?;
        let mut exhibits: Vec<_> = exhibits.into_iter().map(|one| (one, None)).collect();
        let mut in_case = Vec::new();
        // By the case's reference, a space, and the exhibit's.
        for (at, _) in reference.match_indices(' ') {
            let (case, exhibit) = (&reference[..at], reference[at..].trim_start());
            for case in self.named(Kind::Case, None, case)? {
                let mac = mac_in_case(self.secret, &case, exhibit);
                // Found so by those of that case alone: others would learn how its own case is called.
                let own = self.hits(mac, Kind::Exhibit, exhibit)?;
                in_case.extend(own.into_iter().map(|one| (one, Some(case.clone()))));
                // What the case took in is named with that case alone: the index of another's says nothing of it.
                for one in self.known.linked_into(&case)? {
                    if self.name(Kind::Exhibit, &one)? == exhibit {
                        in_case.push((one, Some(case.clone())));
                    }
                }
            }
        }
        exhibits.append(&mut in_case);
        exhibits.sort();
        exhibits.dedup();
        for (exhibit, under) in exhibits {
            let under = under.as_ref();
            let right = may_read_exhibit(self.known, self.actor, &exhibit, under, self.at);
            if let Some((case, right)) = right {
                let name = match self.may_know_name(&right, &exhibit)? {
                    true => self.name(Kind::Exhibit, &exhibit)?,
                    // By a name that is withheld from them nobody finds it.
                    false if id.as_ref() != Some(&exhibit) => continue,
                    false => String::new(),
                };
                found.push(
                    json!({"kind": "exhibit", "subject": exhibit, "reference": name, "case": case}),
                );
            }
        }
        let id = ActorId::new(reference).ok().map(|actor| actor.subject());
        for subject in self.named(Kind::Actor, id.as_ref(), reference)? {
            found.extend(self.actor(&subject)?);
        }
        Ok(found)
    }

    /// Whether the name that an exhibit has now is not withheld from who asks.
    fn may_know_name(&self, right: &ReadRight, exhibit: &Subject) -> Result<bool, StoreError> {
        let Some(index) = self.named_by(Kind::Exhibit, exhibit)? else {
            return Ok(true);
        };
        let Some(stored) = self.store.entry(index)? else {
            return Ok(true);
        };
        let entry = reads::parse(&stored)?;
        let row = Rules::embedded().row(&entry.payload().event);
        let detail = row
            .and_then(|row| row.names.as_ref())
            .map(|names| &names.detail);
        let view = entry_view(self.known, right, entry.payload());
        Ok(detail.is_none_or(|detail| view.shows(detail)))
    }

    fn actor(&self, subject: &Subject) -> Result<Option<Value>, SearchError> {
        use crate::ledger::{Record, RecordKey};
        let Some(Record::Actor(record)) = self.known.get(&RecordKey::Actor(subject.clone())) else {
            return Ok(None);
        };
        let name = self.name(Kind::Actor, subject)?;
        Ok(Some(json!({
            "kind": "actor", "subject": subject, "actor": record.actor, "reference": name, "name": name,
            "case": null,
        })))
    }

    /// Subjects that have a name now, or the one with an id.
    fn named(
        &self,
        kind: Kind,
        id: Option<&Subject>,
        name: &str,
    ) -> Result<Vec<Subject>, SearchError> {
        let mut found = self.hits(mac_of_name(self.secret, kind, name), kind, name)?;
        if let Some(id) = id {
            let there = self.named_by(kind, id)?.is_some();
            if there && !found.contains(id) {
                found.push(id.clone());
            }
        }
        Ok(found)
    }

    /// Subjects under a hash whose name now is indeed this one.
    fn hits(&self, mac: [u8; 32], kind: Kind, name: &str) -> Result<Vec<Subject>, SearchError> {
        let mut found = Vec::new();
        let rows = self.store.engine().rows(Family::Search, &mac);
        for (at, row) in rows.enumerate() {
            let (key, _) = row?;
            if !key.starts_with(&mac) {
                break;
            }
            if at == MAX_SAME_NAME {
                return Err(SearchError::TooCommon);
            }
            let subject = key.get(41..).and_then(|bytes| bytes.try_into().ok());
            let subject = subject.map(Subject::from_bytes);
            let subject = subject.ok_or_else(|| StoreError::Corrupt("search".to_owned()))?;
            // A subject that got another name since, or whose name was erased, has this one no more.
            if self.name(kind, &subject)? == name && !found.contains(&subject) {
                found.push(subject);
            }
        }
        Ok(found)
    }

    /// The entry that names a subject now.
    fn named_by(&self, kind: Kind, subject: &Subject) -> Result<Option<EntryIndex>, StoreError> {
        let key = [&[letter(kind)][..], &subject.to_bytes()].concat();
        let index = self.store.engine().get(Family::Named, &key)?;
        index
            .map(|index| layout::number(&index, "named").map(EntryIndex))
            .transpose()
    }

    /// The name that a subject has now; empty if it has none, or none that is left.
    fn name(&self, kind: Kind, subject: &Subject) -> Result<String, StoreError> {
        let Some(index) = self.named_by(kind, subject)? else {
            return Ok(String::new());
        };
        let naming = naming_at(self.store, index)?;
        let name = naming.filter(|naming| naming.kind == kind && naming.subject == *subject);
        Ok(name.and_then(|naming| naming.name).unwrap_or_default())
    }
}
