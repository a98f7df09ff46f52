//! The ledger folder: `db/` (RocksDB), `ledger.toml` (what it is), `policy` (trust policy for its readers).

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::sequencer;
use crate::ledger::state::LedgerRecord;
use crate::ledger::{Known, Rules, service_key_at};
use crate::protocol::checkpoint::{self, Checkpoint};
use crate::protocol::entry::EntryHash;
use crate::protocol::id::{ActorId, OrgId, Origin, Subject};
use crate::protocol::key::{PublicKey, SecretKey};
use crate::protocol::mldsa::PqSecretKey;
use crate::protocol::note::{self, SignatureKind, VerifierKey};
use crate::protocol::time::Moment;
use crate::protocol::tree::{self, TreeSize};
use crate::storage::{Mode, RocksStore, Store, StoreError};

use super::known::StoreKnown;

/// Why a ledger could not be founded or opened.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Storage.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A file.
    #[error("cannot {verb} {path}: {error}")]
    File {
        /// What was tried.
        verb: &'static str,
        /// On which file.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// `ledger.toml` does not say what a ledger folder says.
    #[error("{0} is not a ledger's: {1}")]
    Settings(String, String),
    /// The keys given are not those of the ledger.
    #[error("the {0} key is not one that this ledger names; check the keys folder")]
    OtherKey(&'static str),
    /// The names that the service could have are organisations'.
    #[error("no organisation may be called \"service\" here: the service's own id bears that name")]
    ServiceName,
    /// What is stored is not what was signed.
    #[error(
        "the stored tree does not match its last signed checkpoint; run custodes audit and do not write to it"
    )]
    TreeDiffers,
    /// The file `head` is not a checkpoint of this log.
    #[error(
        "the file head in the ledger folder is not a checkpoint signed by this log; run custodes audit, then custodes repair"
    )]
    HeadUnreadable,
    /// The database is older than what was published.
    #[error(
        "a checkpoint over {published} entries was published, but the ledger folder holds {stored} or others; \
         entries were lost: do not write to it, run custodes audit"
    )]
    EndLost {
        /// Size of the newest published checkpoint.
        published: u64,
        /// Size of the stored log.
        stored: u64,
    },
}

/// An organisation of a new ledger.
pub struct Organisation {
    /// Its name.
    pub org: OrgId,
    /// Its sector.
    pub sector: String,
    /// Who enrols its people.
    pub authority: ActorId,
    /// That actor's key.
    pub key: PublicKey,
}

/// What a new ledger is made from.
pub struct Founding {
    /// Its origin.
    pub origin: Origin,
    /// Its organisations.
    pub organisations: Vec<Organisation>,
    /// Signs checkpoints.
    pub log_key: SecretKey,
    /// Signs published checkpoints a second time, against quantum computers.
    pub log_pq_key: PqSecretKey,
    /// Signs what the service records.
    pub service_key: SecretKey,
    /// The last checkpoint of the ledger that it continues, if it does.
    pub continues: Option<String>,
}

/// A new ledger.
pub struct Founded {
    /// The ledger's own subject.
    pub subject: Subject,
    /// Its first entry.
    pub genesis: EntryHash,
    /// The log's keys, for trust policies and witnesses: Ed25519, then ML-DSA-44.
    pub log_vkeys: [String; 2],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    origin: Origin,
    subject: Subject,
    service: ActorId,
}

/// Who the service is.
pub struct Identity {
    /// Origin of the log.
    pub origin: Origin,
    /// The ledger's subject.
    pub subject: Subject,
    /// The actor that signs what the service records.
    pub service: ActorId,
    /// That actor's keys.
    pub service_keys: ServiceKeys,
    /// Signs checkpoints and nothing else.
    pub log_key: SecretKey,
    /// Signs published checkpoints a second time.
    pub log_pq_key: PqSecretKey,
    /// The keys that the log's are being rotated to.
    pub next_log_keys: Option<NextLogKeys>,
}

/// Keys of the service: the one that signs, and the one that it is being rotated to. Which of them signs at a place of the
/// log, the log itself says.
pub struct ServiceKeys {
    /// In no order.
    pub keys: Vec<SecretKey>,
    /// Since when whoever rotates them says that the earlier ones may have been in other hands.
    pub compromised_since: Option<Moment>,
}

impl ServiceKeys {
    /// The one that signs what comes after so many leaves; nothing where it is not here.
    pub fn at(&self, known: &(impl Known + ?Sized), size: TreeSize) -> Option<&SecretKey> {
        let key = service_key_at(known, size)?;
        self.keys.iter().find(|one| one.public() == key)
    }

    /// The same, to sign with.
    pub fn signing(
        &self,
        known: &StoreKnown<'_>,
        size: TreeSize,
    ) -> Result<&SecretKey, StoreError> {
        let key = self.at(known, size);
        known.check()?;
        key.ok_or_else(|| StoreError::Io("the service's key of this time is missing".to_owned()))
    }

    /// The one that the log does not know yet.
    pub fn next(&self, known: &(impl Known + ?Sized)) -> Option<&SecretKey> {
        let new = |key: &&SecretKey| known.key(key.public().id()).is_none();
        self.keys.iter().find(new)
    }
}

/// Keys of the log that sign beside the present ones until everybody knows them, and then alone.
pub struct NextLogKeys {
    /// Signs every checkpoint.
    pub ed25519: SecretKey,
    /// Signs the published ones.
    pub ml_dsa_44: PqSecretKey,
}

impl NextLogKeys {
    /// Their public keys.
    pub fn vkeys(&self, origin: &Origin) -> [VerifierKey; 2] {
        let kind = SignatureKind::Ed25519;
        [
            VerifierKey::ed25519(origin.clone(), kind, self.ed25519.public()),
            VerifierKey::ml_dsa_44(origin.clone(), self.ml_dsa_44.public()),
        ]
    }
}

impl Identity {
    /// The log's public keys: Ed25519, which signs every checkpoint, and ML-DSA-44, which signs the published ones; and
    /// the same of the next ones, where there are such.
    pub fn log_vkeys(&self) -> Vec<VerifierKey> {
        let post_quantum = self.log_pq_key.public();
        let post_quantum = VerifierKey::ml_dsa_44(self.origin.clone(), post_quantum);
        let next = self.next_log_keys.iter();
        let next = next.flat_map(|next| next.vkeys(&self.origin));
        [self.log_vkey(), post_quantum]
            .into_iter()
            .chain(next)
            .collect()
    }

    /// The signed note of a checkpoint.
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        let text = checkpoint.to_text();
        let mut note = note::sign(&text, &self.origin, &self.log_key);
        if let Some(next) = &self.next_log_keys {
            let second = note::sign(&text, &self.origin, &next.ed25519);
            note.push_str(&second[text.len() + 1..]);
        }
        note
    }

    /// The further lines of a published checkpoint. The log does not say that there was no newer tree at some time, so
    /// their time is 0.
    pub fn sign_post_quantum(&self, checkpoint: &Checkpoint) -> String {
        let next = self.next_log_keys.iter().map(|next| &next.ml_dsa_44);
        std::iter::once(&self.log_pq_key)
            .chain(next)
            .map(|key| note::cosign_ml_dsa_44(checkpoint, &self.origin, 0, key))
            .collect()
    }

    /// The log's Ed25519 key.
    pub fn log_vkey(&self) -> VerifierKey {
        VerifierKey::ed25519(
            self.origin.clone(),
            SignatureKind::Ed25519,
            self.log_key.public(),
        )
    }
}

/// Founds a ledger in `folder`: its database with genesis, `ledger.toml` and `policy`.
pub fn init(folder: &Path, founding: Founding) -> Result<Founded, FolderError> {
    std::fs::create_dir_all(folder).map_err(file("make", folder))?;
    let org = service_org(&founding)?;
    let service_key = founding.service_key.public();
    let store = RocksStore::open(&folder.join("db"), Mode::Create)?;
    let subject = random_subject()?;
    let service = ActorId::from_parts(&org, &random_subject()?);
    let identity = Identity {
        origin: founding.origin,
        subject: subject.clone(),
        service,
        service_keys: ServiceKeys {
            keys: vec![founding.service_key],
            compromised_since: None,
        },
        log_key: founding.log_key,
        log_pq_key: founding.log_pq_key,
        next_log_keys: None,
    };
    let log_vkeys = identity.log_vkeys();
    let log_vkeys = [&log_vkeys[0], &log_vkeys[1]].map(VerifierKey::to_string);
    let organisations: Vec<Value> = founding
        .organisations
        .iter()
        .map(|one| {
            json!({"org": one.org, "sector": one.sector, "authority": {"actor": one.authority, "key": one.key}})
        })
        .collect();
    let mut body = Map::new();
    body.insert(
        "service".into(),
        json!({"actor": identity.service, "key": service_key}),
    );
    body.insert("log".into(), json!(log_vkeys));
    body.insert("organisations".into(), organisations.into());
    body.insert("witnesses".into(), json!([]));
    body.insert("rules".into(), json!(Rules::embedded().sha256()));
    let continues = founding.continues;
    let genesis = sequencer::found(&store, &identity, body, continues)?;
    let settings = Settings {
        origin: identity.origin.clone(),
        subject: subject.clone(),
        service: identity.service.clone(),
    };
    let path = folder.join("ledger.toml");
    let text = toml::to_string(&settings)
        .map_err(|error| FolderError::Settings(path.display().to_string(), error.to_string()))?;
    std::fs::write(&path, text).map_err(file("write", &path))?;
    let path = folder.join("policy");
    let policy = format!(
        "# Trust policy for readers of {}. Get it from somebody you trust, not from a bundle.\nlog {}\n\n\
         # The log's post-quantum key, which signs published checkpoints. A policy for the long term has this line\n\
         # instead of the one above, and witnesses with keys of type 0x06.\n# log {}\n\n\
         # No witness is demanded yet. With witnesses, instead of the last line:\n\
         # witness court <vkey> https://witness.court.example\n\
         # witness defence <vkey> https://witness.defence.example\n\
         # group both all court defence\n# quorum both\nquorum none\n",
        identity.origin, log_vkeys[0], log_vkeys[1]
    );
    std::fs::write(&path, policy).map_err(file("write", &path))?;
    Ok(Founded {
        subject,
        genesis,
        log_vkeys,
    })
}

/// Opens a ledger to serve it. The same path after a clean stop and after a crash.
pub fn open(
    folder: &Path,
    log_key: SecretKey,
    log_pq_key: PqSecretKey,
    next_log_keys: Option<NextLogKeys>,
    service_keys: ServiceKeys,
) -> Result<(Arc<dyn Store>, Identity), FolderError> {
    let path = folder.join("ledger.toml");
    let text = std::fs::read_to_string(&path).map_err(file("read", &path))?;
    let settings: Settings = toml::from_str(&text)
        .map_err(|error| FolderError::Settings(path.display().to_string(), error.to_string()))?;
    let store = RocksStore::open(&folder.join("db"), Mode::Write)?;
    let identity = Identity {
        origin: settings.origin,
        subject: settings.subject,
        service: settings.service,
        service_keys,
        log_key,
        log_pq_key,
        next_log_keys,
    };
    check(&store, &identity)?;
    Ok((Arc::new(store), identity))
}

/// The key with which the service of a stopped ledger signs what comes next.
pub fn service_key(folder: &Path) -> Result<Option<PublicKey>, StoreError> {
    let store = RocksStore::open(&folder.join("db"), Mode::Read)?;
    let known = StoreKnown::new(&store);
    let key = service_key_at(&known, store.size()?);
    known.check()?;
    Ok(key)
}

/// The keys and rules are the ledger's, and the tree is the one that was last signed.
pub(super) fn check(store: &dyn Store, identity: &Identity) -> Result<(), FolderError> {
    let known = StoreKnown::new(store);
    let size = store.size()?;
    let signs = identity.service_keys.at(&known, size).is_some();
    known.check()?;
    if !signs {
        return Err(FolderError::OtherKey("service"));
    }
    let named = known.ledger().is_some_and(|ledger| {
        // The next ones are recorded once the service runs.
        let keys = identity.log_vkeys().into_iter().take(2);
        keys.map(|key| key.to_string())
            .all(|key| ledger.log_keys.contains(&key))
    });
    known.check()?;
    if !named {
        return Err(FolderError::OtherKey("log"));
    }
    let ledger = known.ledger();
    known.check()?;
    if ledger.is_some_and(|ledger| !is_governed(&ledger)) {
        return Err(StoreError::OtherRules.into());
    }
    let newest = store.checkpoint()?.ok_or(FolderError::TreeDiffers)?;
    let (checkpoint, _) = checkpoint::open(&newest, &identity.log_vkey())
        .map_err(|_| FolderError::OtherKey("log"))?;
    if checkpoint.size != size || tree::root(size, &known)? != checkpoint.root {
        return Err(FolderError::TreeDiffers);
    }
    // The head is kept apart from the database, so that a database that lost its end does not go unnoticed.
    if let Some(head) = store.engine().head()? {
        let (head, _) = checkpoint::open(&head, &identity.log_vkey())
            .map_err(|_| FolderError::HeadUnreadable)?;
        if head.size > size || tree::root(head.size, &known)? != head.root {
            return Err(FolderError::EndLost {
                published: head.size.0,
                stored: size.0,
            });
        }
    }
    Ok(())
}

/// Whether the rules of this software are the ones that the ledger was founded with.
pub(super) fn is_governed(ledger: &LedgerRecord) -> bool {
    ledger.rules == Rules::embedded().sha256()
}

/// Whether `ledger.toml` says what genesis says; if not, what is wrong.
pub(super) fn matches_genesis(folder: &Path, ledger: &LedgerRecord) -> Result<(), String> {
    let text = std::fs::read_to_string(folder.join("ledger.toml"));
    let text = text.map_err(|error| format!("It cannot be read: {error}."))?;
    let settings: Result<Settings, _> = toml::from_str(&text);
    let settings = settings.map_err(|error| format!("It is not a ledger's: {error}."))?;
    let same = settings.origin == ledger.origin
        && settings.subject == ledger.subject
        && settings.service == ledger.service;
    match same {
        true => Ok(()),
        false => Err("It does not say what the genesis entry says.".to_owned()),
    }
}

/// Writes `ledger.toml` anew from what genesis says.
pub(super) fn write_settings(folder: &Path, ledger: &LedgerRecord) -> Result<(), StoreError> {
    let settings = Settings {
        origin: ledger.origin.clone(),
        subject: ledger.subject.clone(),
        service: ledger.service.clone(),
    };
    let path = folder.join("ledger.toml");
    let text = toml::to_string(&settings).expect("three texts serialise");
    std::fs::write(&path, text)
        .map_err(|error| StoreError::Io(format!("{}: {error}", path.display())))
}

/// The service belongs to no organisation, whose authority could revoke its key: its half of the id is the origin's
/// when that is a name and no organisation's, else "service".
fn service_org(founding: &Founding) -> Result<OrgId, FolderError> {
    let names = [founding.origin.as_str(), "service"];
    let mut names = names.iter().filter_map(|name| OrgId::new(*name).ok());
    names
        .find(|name| founding.organisations.iter().all(|one| one.org != *name))
        .ok_or(FolderError::ServiceName)
}

fn random_subject() -> Result<Subject, StoreError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|_| StoreError::Io("the system gives no random bytes".to_owned()))?;
    Ok(Subject::from_bytes(bytes))
}

fn file<'p>(verb: &'static str, path: &'p Path) -> impl FnOnce(std::io::Error) -> FolderError + 'p {
    move |error| FolderError::File {
        verb,
        path: path.display().to_string(),
        error,
    }
}
