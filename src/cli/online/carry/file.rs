//! The carried file (`*.carry`), JSON:
//!
//! ```text
//! {"format":"custodes-carry-v1","ledger","checkpoint":"<signed note>","genesis":{"entry","receipt"},
//!  "people":[{"entry","receipt"},…],                       keys entries of those who may take part
//!  "cases":[{"subject","reference"},…],
//!  "exhibits":[{"subject","case","reference","length","last","holder","offer","seal"},…],
//!  "blobs":{"<sha256 in hex>":"<base64url>"},              manifests of folders registered offline
//!  "queue":[{"entry","receipt":null|{…}},…]}               what was signed, in order
//! ```
//!
//! Opening one checks it all under the opener's own trust policy: the checkpoint, genesis and each enrolment
//! (in the log, signed by the authority), then every queued entry: its signature, and that it follows the one
//! before. Who adds to it holds `FILE.lock` from reading to writing, so that two commands do not undo each other's
//! work. What the exhibits were when the file was made is as the service told it; the service decides on
//! it again when the entries are submitted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::people::{self, People, Proven};
use super::standing::{Exhibit, Standing};
use crate::cli::failure::{Failure, read_text};
use crate::cli::online::home::write_atomically;
use crate::cli::online::lock::Lock;
use crate::cli::online::session::Session;
use crate::protocol::base64url;
use crate::protocol::entry::{Seen, UnverifiedEntry};
use crate::protocol::hash::Hash;
use crate::protocol::id::{ActorId, Origin, Subject};
use crate::protocol::receipt::Receipt;

/// What the file says it is.
pub const FORMAT: &str = "custodes-carry-v1";

/// Longest file read: thousands of entries and a large manifest.
const MAX_FILE: usize = 256 << 20;

/// The file as written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// [`FORMAT`].
    pub format: String,
    /// Origin of the ledger.
    pub ledger: Origin,
    /// The checkpoint that its maker verified.
    pub checkpoint: String,
    /// The ledger's first entry.
    pub genesis: Proven,
    /// `keys` entries of the people who may take part.
    pub people: Vec<Proven>,
    /// Cases.
    pub cases: Vec<Case>,
    /// Exhibits, as they stood then.
    pub exhibits: Vec<Exhibit>,
    /// Manifests of folders registered offline.
    pub blobs: BTreeMap<String, String>,
    /// What was signed since, in order.
    pub queue: Vec<Queued>,
}

/// A case in which exhibits can be opened offline.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its opaque id.
    pub subject: Subject,
    /// What people call it.
    pub reference: Option<String>,
}

/// A signed entry that waits, or has its receipt.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queued {
    /// The entry, with its disclosures.
    pub entry: String,
    /// What the service acknowledged it with.
    pub receipt: Option<Receipt>,
}

/// A file that was checked.
#[derive(Debug)]
pub struct Carry {
    /// Where it is.
    pub path: PathBuf,
    /// What it holds.
    pub written: Written,
    /// Whose signatures can be checked.
    pub people: People,
    /// Where the exhibits stand after the queue.
    pub standing: Standing,
    /// The queue, parsed.
    pub entries: Vec<UnverifiedEntry>,
    /// What its maker had seen of the log.
    pub seen: Seen,
    /// Nobody else writes it meanwhile; nothing where it is only looked at.
    lock: Option<Lock>,
}

impl Carry {
    /// Reads a file to add to it, and checks everything in it.
    pub fn open(path: &Path, session: &Session) -> Result<Carry, Failure> {
        if !path.exists() {
            // The lock would lie beside nothing.
            return Carry::look(path, session);
        }
        let lock = Some(Lock::take(path)?);
        Carry::look(path, session).map(|carry| Carry { lock, ..carry })
    }

    /// Reads a file and checks everything in it.
    pub fn look(path: &Path, session: &Session) -> Result<Carry, Failure> {
        let text = read_text(path, MAX_FILE)?;
        let written: Written = serde_json::from_str(&text).map_err(|error| {
            Failure::new(
                "carry-form",
                format!("{} is not a carried file: {error}", path.display()),
            )
            .next("make one while online with `custodes carry EXHIBIT --out FILE`")
        })?;
        let in_file = |failure: Failure| Failure {
            detail: format!("{}: {}", path.display(), failure.detail),
            ..failure
        };
        Carry::check(path, written, session).map_err(in_file)
    }

    fn check(path: &Path, mut written: Written, session: &Session) -> Result<Carry, Failure> {
        if written.format != FORMAT {
            return Err(Failure::new(
                "carry-form",
                format!("it is of the form {:?}, not {FORMAT:?}", written.format),
            ));
        }
        if written.ledger != session.reader.ledger {
            return Err(Failure::new(
                "carry-ledger",
                format!(
                    "it is for the ledger {}, and you are enrolled in {}",
                    written.ledger, session.reader.ledger
                ),
            ));
        }
        let checkpoint = session.open_checkpoint(&written.checkpoint)?;
        add_people(&mut written.people, people::own(session));
        let people = People::check(session, &written.genesis, &written.people)?;
        let mut standing = Standing::default();
        written
            .exhibits
            .iter()
            .for_each(|exhibit| standing.add(exhibit.clone()));
        let mut entries = Vec::new();
        for (at, queued) in written.queue.iter().enumerate() {
            let number = at + 1;
            let entry = UnverifiedEntry::parse_whole(&queued.entry)
                .map_err(|error| bad(format!("signed entry {number}: {error}")))?;
            if entry.payload().ledger != written.ledger {
                return Err(bad(format!("signed entry {number} is for another ledger")));
            }
            people
                .verify(&entry)
                .and_then(|_| standing.follow(&entry))
                .map_err(|why| bad(format!("signed entry {number}: {why}")))?;
            entries.push(entry);
        }
        Ok(Carry {
            path: path.to_owned(),
            written,
            people,
            standing,
            entries,
            seen: Seen {
                size: checkpoint.size,
                root: checkpoint.root,
            },
            lock: None,
        })
    }

    /// Writes the file anew; a crash leaves the old one or the new.
    pub fn save(&self) -> Result<(), Failure> {
        debug_assert!(
            self.lock.is_some(),
            "a file that was opened to look at is not written"
        );
        self.written.write(&self.path)
    }

    /// Keeps a manifest until the entry that names it is submitted.
    pub fn keep_blob(&mut self, bytes: &[u8]) {
        let name = Hash::of(&[bytes]).to_hex();
        self.written.blobs.insert(name, base64url::encode(bytes));
    }

    /// "JSM/1", or the opaque id.
    pub fn called(&self, exhibit: &Subject) -> String {
        let reference = self.standing.get(exhibit);
        reference
            .and_then(|exhibit| exhibit.reference.clone())
            .unwrap_or_else(|| exhibit.to_string())
    }

    /// "sealed JSM/1, by DC Jo Smith (northshire-police)".
    pub fn describe(&self, entry: &UnverifiedEntry) -> String {
        let payload = entry.payload();
        format!(
            "{} {}, by {}",
            payload.event,
            self.called(&payload.subject),
            self.people.name(&payload.actor)
        )
    }

    /// The reference of a case.
    pub fn case_reference(&self, case: &Subject) -> Option<&str> {
        let found = self.written.cases.iter().find(|one| one.subject == *case);
        found.and_then(|one| one.reference.as_deref())
    }

    /// People by name or id.
    pub fn people_called(&self, text: &str) -> Vec<ActorId> {
        let mut found: Vec<ActorId> = self
            .people
            .all()
            .filter(|key| key.name.as_deref() == Some(text) || key.actor.as_str() == text)
            .map(|key| key.actor.clone())
            .collect();
        found.sort();
        found.dedup();
        found
    }
}

impl Written {
    /// Writes the file.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).expect("a carried file is plain data");
        write_atomically(path, text.as_bytes())
    }
}

/// Adds enrolments that are not there yet.
pub fn add_people(people: &mut Vec<Proven>, more: Vec<Proven>) {
    for proven in more {
        if people.iter().all(|one| one.receipt.e != proven.receipt.e) {
            people.push(proven);
        }
    }
}

/// The file is not what it should be.
pub fn bad(why: impl Into<String>) -> Failure {
    Failure::check("carry", why).next(
        "do not go on with this file: it was damaged or changed; ask the person before you for theirs, \
         and tell your supervisor",
    )
}
