//! What a witness does with a checkpoint: check it, remember it, and only then cosign it.
//!
//! The checks are those of tlog-witness, in the order in which [`Cosigner::add_checkpoint`] numbers them. Comparing
//! with what is remembered and remembering the new are one step under the lock of that log, so two requests
//! cannot roll one another back.
//!
//! Where a 0x06 key is listed for a log, a signature by one of its 0x06 keys is demanded; 0x01 keys listed beside
//! it are checked and are not enough.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::folder::{Folder, FolderError, KeepError, Remembered, origin_hash};
use super::request::AddCheckpoint;
use crate::protocol::checkpoint::Checkpoint;
use crate::protocol::fork::Fork;
use crate::protocol::id::Origin;
use crate::protocol::key::SecretKey;
use crate::protocol::mldsa::PqSecretKey;
use crate::protocol::note::{self, NoteError, SignatureKind, UnverifiedNote, VerifierKey};
use crate::protocol::tree::{self, ConsistencyProof, RootHash, TreeSize};

/// 2026-01-01: a clock that shows less was never set.
const EARLIEST_TIME: u64 = 1_767_225_600;

/// The keys that cosign: one for each type, never the same.
pub struct WitnessKeys {
    /// The witness's name.
    pub name: Origin,
    /// Makes cosignatures of type 0x04.
    pub ed25519: SecretKey,
    /// Makes cosignatures of type 0x06.
    pub ml_dsa_44: PqSecretKey,
}

impl WitnessKeys {
    /// The public keys, for trust policies: 0x04, then 0x06.
    pub fn vkeys(&self) -> [VerifierKey; 2] {
        let kind = SignatureKind::CosignatureV1;
        [
            VerifierKey::ed25519(self.name.clone(), kind, self.ed25519.public()),
            VerifierKey::ml_dsa_44(self.name.clone(), self.ml_dsa_44.public()),
        ]
    }

    /// Signature lines of both types: this witness saw the checkpoint at `time`, Unix seconds.
    pub fn cosign(&self, checkpoint: &Checkpoint, time: u64) -> String {
        let text = checkpoint.to_text();
        note::cosign(&text, &self.name, time, &self.ed25519)
            + &note::cosign_ml_dsa_44(checkpoint, &self.name, time, &self.ml_dsa_44)
    }
}

/// What a request came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// 200: these signature lines.
    Cosigned(String),
    /// 400: the request is not one.
    Malformed(String),
    /// 403: no key that is trusted for the log stands behind it.
    NotSigned(String),
    /// 404: nobody told this witness of the log.
    UnknownLog,
    /// 409: the newest checkpoint cosigned has this size.
    OtherSize(TreeSize),
    /// 422: it does not extend what was cosigned.
    Inconsistent {
        /// Why.
        why: String,
        /// The checkpoint with the log's own signatures, for whoever runs the witness to keep; nothing where one
        /// that shows as much is kept already.
        note: Option<String>,
    },
    /// 500: it could not be remembered, so it is not cosigned.
    NotKept(String),
    /// 503: not now.
    ClockNotSet,
}

/// A log that a witness was told of.
struct Log {
    keys: Vec<VerifierKey>,
    newest: Mutex<Option<Newest>>,
}

#[derive(Clone)]
struct Newest {
    size: TreeSize,
    root: RootHash,
    note: String,
}

/// Why a witness cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its folder.
    #[error("{0}")]
    Folder(#[from] FolderError),
    /// What it remembers of a log is damaged, or gone.
    #[error(
        "what is remembered of the log {0} cannot be read ({1}: logs/{2}), so this witness could cosign another \
         history. Retire its keys and make a new witness; do not restore a copy, which may be older than what it cosigned"
    )]
    Forgotten(Origin, String, String),
}

/// A witness.
pub struct Cosigner {
    keys: WitnessKeys,
    logs: BTreeMap<Origin, Log>,
    folder: Folder,
}

impl Cosigner {
    /// Takes up the work where the folder says it ended, for the logs with these keys.
    pub fn start(
        folder: Folder,
        keys: WitnessKeys,
        logs: &[VerifierKey],
    ) -> Result<Cosigner, StartError> {
        let mut known: BTreeMap<Origin, Log> = BTreeMap::new();
        for key in logs {
            let log = known.entry(key.name().clone()).or_insert_with(|| Log {
                keys: Vec::new(),
                newest: Mutex::new(None),
            });
            log.keys.push(key.clone());
        }
        for (origin, log) in &mut known {
            let own = keys.vkeys();
            let newest = match folder.read(origin)? {
                Remembered::New => continue,
                Remembered::Lost => Err("the file is gone".to_owned()),
                Remembered::Newest(note) => remembered(origin, note, log.keys.iter().chain(&own)),
            };
            let newest = newest
                .map_err(|why| StartError::Forgotten(origin.clone(), why, origin_hash(origin)))?;
            log.newest = Mutex::new(Some(newest));
        }
        Ok(Cosigner {
            keys,
            logs: known,
            folder,
        })
    }

    /// Origins of the logs, and the size of the newest checkpoint cosigned.
    pub fn logs(&self) -> impl Iterator<Item = (&Origin, Option<TreeSize>)> {
        self.logs
            .iter()
            .map(|(origin, log)| (origin, lock(&log.newest).as_ref().map(|newest| newest.size)))
    }

    /// Its public keys.
    pub fn vkeys(&self) -> [VerifierKey; 2] {
        self.keys.vkeys()
    }

    /// The newest checkpoint of the log with this origin hash, with the signatures that were checked and made.
    pub fn checkpoint(&self, hash: &str) -> Option<String> {
        let mut logs = self.logs.iter();
        let (_, log) = logs.find(|(origin, _)| origin_hash(origin) == hash)?;
        lock(&log.newest).as_ref().map(|newest| newest.note.clone())
    }

    /// Answers `add-checkpoint`; `now` is the clock in Unix seconds.
    pub fn add_checkpoint(&self, body: &[u8], now: u64) -> Verdict {
        // 1. The form.
        let request = match AddCheckpoint::parse(body) {
            Ok(request) => request,
            Err(why) => return Verdict::Malformed(why),
        };
        // 2. The log is known.
        let checkpoint = request.checkpoint;
        let Some(log) = self.logs.get(&checkpoint.origin) else {
            return Verdict::UnknownLog;
        };
        // 3. A trusted key has signed, and no line of a trusted key is bad.
        let signed = match log.signatures(request.note) {
            Ok(signed) => signed,
            Err(NoteError::Form(why)) => return Verdict::Malformed(why.to_owned()),
            Err(error) => return Verdict::NotSigned(error.to_string()),
        };
        // 4. The old size is not above the new.
        if request.old > checkpoint.size {
            return Verdict::Malformed("the old size is above the checkpoint's".to_owned());
        }
        if now < EARLIEST_TIME {
            return Verdict::ClockNotSet;
        }
        let mut newest = lock(&log.newest);
        // 5. The old size is the one remembered.
        let known = newest.as_ref().map_or(TreeSize(0), |newest| newest.size);
        if request.old != known {
            return Verdict::OtherSize(known);
        }
        // 6. An empty tree has the root of the empty tree.
        if checkpoint.size.0 == 0 && checkpoint.root != tree::empty_root() {
            let why = "the root of an empty tree is another".to_owned();
            return self.refuse(why, &request.proof, &checkpoint, &signed, newest.as_ref());
        }
        // 7. The new tree extends the old; everything extends the empty tree, without a proof.
        let root = newest
            .as_ref()
            .map_or_else(tree::empty_root, |newest| newest.root);
        let proof = &request.proof;
        let extends = match known.0 {
            0 if proof.0.is_empty() => Ok(()),
            0 => Err("a proof was given although the old tree is empty".to_owned()),
            _ => proof
                .verify(known, root, checkpoint.size, checkpoint.root)
                .map_err(|error| error.to_string()),
        };
        if let Err(why) = extends {
            return self.refuse(why, proof, &checkpoint, &signed, newest.as_ref());
        }
        // 8. Remember, then cosign. The cosignature is kept with the checkpoint for those who monitor.
        let lines = self.keys.cosign(&checkpoint, now);
        let note = format!("{}\n{signed}{lines}", checkpoint.to_text());
        let kept = self.folder.keep(&checkpoint.origin, &note);
        let next = Newest {
            size: checkpoint.size,
            root: checkpoint.root,
            note,
        };
        match kept {
            Ok(()) => {
                *newest = Some(next);
                Verdict::Cosigned(lines)
            }
            Err(KeepError::Before(error)) => Verdict::NotKept(error.to_string()),
            // It may be what a restart finds, so nothing that contradicts it may be cosigned from now on.
            Err(KeepError::Unknown(error)) => {
                *newest = Some(next);
                Verdict::NotKept(error.to_string())
            }
        }
    }

    /// What a log signed and the newest checkpoint contradicts is proof against it, and is kept.
    fn refuse(
        &self,
        why: String,
        proof: &ConsistencyProof,
        checkpoint: &Checkpoint,
        signed: &str,
        newest: Option<&Newest>,
    ) -> Verdict {
        let note = format!("{}\n{signed}", checkpoint.to_text());
        let same_size = newest.filter(|newest| newest.size == checkpoint.size);
        if same_size.is_some_and(|newest| newest.root == checkpoint.root) {
            // The proof alone is bad.
            return Verdict::Inconsistent { why, note: None };
        }
        // Two roots of one size need no proof. Of two sizes, one that leads from another tree shows it; where that does
        // not come with the request, the log's own tiles tell.
        let cosigned = newest.map(|newest| newest.note.as_str());
        let keys = self.logs.get(&checkpoint.origin).map(|log| &log.keys);
        let fork = cosigned.zip(keys).and_then(|(cosigned, keys)| {
            Fork::by_consistency([cosigned, &note], keys, proof, None).ok()
        });
        let fork = fork.as_ref().map(|fork| fork.text.as_str());
        let kept = self
            .folder
            .keep_fork(&checkpoint.origin, &note, cosigned, fork);
        Verdict::Inconsistent {
            why,
            note: match kept {
                Ok(false) => None,
                Ok(true) | Err(_) => Some(note),
            },
        }
    }
}

impl Log {
    /// The lines of trusted keys, if they are enough.
    fn signatures(&self, note: UnverifiedNote) -> Result<String, NoteError> {
        let note = note.verify(&self.keys)?;
        let is_pq = |key: &VerifierKey| key.kind() == SignatureKind::MlDsa44;
        let by_pq = note.verified.iter().any(|one| is_pq(&one.key));
        if self.keys.iter().any(is_pq) && !by_pq {
            return Err(NoteError::NoKnownSignature);
        }
        Ok(note.verified.into_iter().map(|one| one.line).collect())
    }
}

fn remembered<'k>(
    origin: &Origin,
    note: String,
    keys: impl Iterator<Item = &'k VerifierKey> + Clone,
) -> Result<Newest, String> {
    let signed = UnverifiedNote::parse(&note).and_then(|note| note.verify(keys));
    let signed = signed.map_err(|error| error.to_string())?;
    let checkpoint = Checkpoint::parse_text(&signed.text).map_err(|error| error.to_string())?;
    if checkpoint.origin != *origin {
        return Err(format!("it is of the log {}", checkpoint.origin));
    }
    Ok(Newest {
        size: checkpoint.size,
        root: checkpoint.root,
        note,
    })
}

/// A thread that panicked had not touched what is remembered, which is assigned in one step at the end.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
